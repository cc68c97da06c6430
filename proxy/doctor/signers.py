"""The signers of the configuration beside the delegations of Notary: keys and roles that only one side knows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from proxy.doctor.findings import Hop, Name, listed
from proxy.doctor.looking import Look
from proxy.names import RoleName
from proxy.policy.entries import Entry
from proxy.policy.signers import Released, SignedBy, Signer

_SHORT: Final = 12  # digits of a key id, as elsewhere in sentences


def examine(hop: Hop, looks: Sequence[Look]) -> None:
    """Compare the signers that entries of looked-at repositories name with what those repositories delegate."""
    read = [each for each in looks if each.collection is not None]
    named = _named([each.entry for each in read])
    if not named:
        return
    noted = len(hop.findings)
    for signer in named.values():
        _compare(hop, signer, _delegated(signer.role, read))
    if len(hop.findings) == noted:
        hop.ok(Name.SIGNERS, f"{listed(named)}: roles are declared, and their keys are the configured ones")


def _compare(hop: Hop, signer: Signer, delegated: Mapping[str, list[str]] | None) -> None:
    """`delegated` has the repositories of each public key id; None where nobody declares the role."""
    if delegated is None:
        sentence = f"{signer.role} is declared in no repository that was looked at, so {signer.name} signs nothing"
        remedy = f"mend the name under signers, or add the signer: docker trust signer add {signer.name}"
        hop.warn(Name.SIGNER_ROLE, sentence, remedy)
        return
    if signer.keys is None:
        return
    configured = {key.public_key_id for key in signer.keys}
    for key in sorted(configured - set(delegated)):
        sentence = f"key {key[:_SHORT]} of {signer.name} is delegated to {signer.role} in no repository looked at"
        hop.warn(Name.SIGNER_KEY, sentence, f"see whether signers.{signer.name}.keys names the right file")
    for key in sorted(set(delegated) - configured):
        where = listed(delegated[key])
        sentence = f"{where}: {signer.role} is delegated to key {key[:_SHORT]} too, whose signatures do not count"
        remedy = f"add its file to signers.{signer.name}.keys if it is {signer.name}'s, or undelegate it"
        hop.warn(Name.SIGNER_DELEGATED_KEY, sentence, remedy)


def _delegated(role: RoleName, looks: Iterable[Look]) -> dict[str, list[str]] | None:
    found: dict[str, list[str]] | None = None
    for each in looks:
        declared = each.collection.roles.get(role) if each.collection else None
        if declared is None:
            continue
        found = {} if found is None else found
        for key in declared.keys.values():
            found.setdefault(key.public_key_id, []).append(each.repository)
    return found


def _named(entries: Iterable[Entry]) -> dict[str, Signer]:
    """The signers that the rules of entries name, by name."""
    rules = (rule for entry in entries for rule in (entry.signed_by, *(rule for _, rule in entry.tags)))
    return {signer.name: signer for rule in rules for signer in _of(rule)}


def _of(rule: SignedBy) -> tuple[Signer, ...]:
    return () if isinstance(rule, Released) else rule.signers
