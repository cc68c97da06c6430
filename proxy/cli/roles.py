"""Which roles a person may name to `sign-command`: a misspelt one must not become a delegation."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from proxy.errors import NameInvalid, UserError
from proxy.names import RELEASES, TARGETS, Reference, RoleName
from proxy.policy.signers import Released, SignedBy

if TYPE_CHECKING:
    from proxy.policy.entries import Entry, Policy
    from proxy.tuf.collection import Collection


def read_role(text: str) -> RoleName:
    """A role, with or without `targets/` before it. Raises `UserError`."""
    try:
        return RoleName(text if text == TARGETS or text.startswith(f"{TARGETS}/") else f"{TARGETS}/{text}")
    except NameInvalid:
        raise UserError(f"{text} is no role: name a signer, as `ci` or `targets/ci`, or `targets`") from None


def remarks(
    asked: Sequence[RoleName], reference: Reference, rule: SignedBy, policy: "Policy", collection: "Collection | None"
) -> list[str]:
    """What to know of the roles that were named: which of them the rule of the tag does not count.

    Raises:
        UserError: neither the configuration nor Notary knows one of them, so it is a mistake, or not configured yet.
    """
    counted = set(_of_rule(rule))
    declared = set(collection.roles) if collection else set[RoleName]()
    known = counted | declared | {role for entry in policy.entries for role in _of_entry(entry)}
    for role in asked:
        if role not in known | {TARGETS, RELEASES}:
            _check_new(role, reference, rule, known)
    names = ", ".join(sorted(role.signer for role in counted)) or "targets"
    return [
        f"The rule of {reference} does not count {role}: it counts {names}."
        for role in asked
        if role != RELEASES and role not in counted and not _is_released(rule, role, collection)
    ]


def _check_new(role: RoleName, reference: Reference, rule: SignedBy, known: set[RoleName]) -> None:
    """Under `released` anybody may be let in whose name looks like nobody's who is there. Raises `UserError`."""
    signers = sorted(each.signer for each in known if each not in (TARGETS, RELEASES))
    if nearest := get_close_matches(role.signer, signers, n=1):
        raise UserError(
            f"neither `signers` nor Notary knows {role.signer}: did you mean {nearest[0]}? "
            f"If not, let a rule count {role.signer} first"
        )
    if not isinstance(rule, Released):
        raise UserError(
            f"neither `signers` nor Notary knows {role.signer}: name one of {', '.join(signers)}, "
            f"or let the rule of {reference} count {role.signer} first"
        )


def _is_released(rule: SignedBy, role: RoleName, collection: "Collection | None") -> bool:
    """Whether a rule that names nobody counts it: by itself, or by what is released along with it."""
    if not isinstance(rule, Released):
        return False
    return role == TARGETS or collection is None or collection.declares_releases


def _of_entry(entry: "Entry") -> Iterator[RoleName]:
    for rule in (entry.signed_by, *(rule for _, rule in entry.tags)):
        yield from _of_rule(rule)


def _of_rule(rule: SignedBy) -> Iterator[RoleName]:
    return iter(()) if isinstance(rule, Released) else (signer.role for signer in rule.signers)
