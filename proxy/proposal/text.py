"""The proposal as a file: YAML that a person reads once from top to bottom."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from proxy.config.without_file import NOTARY
from proxy.policy.entries import UNFILLED
from proxy.policy.signers import AllOf, AnyOf, AtLeast, SignedBy
from proxy.proposal.keys import ProposedRoot, ProposedSigner
from proxy.proposal.notes import notes
from proxy.proposal.proposing import Proposal
from proxy.proposal.rules import ProposedEntry
from proxy.proposal.yaml import comment, comments, counted, quoted, some, text, texts

_TRUST_STORE: Final = (
    "What is remembered between restarts; without it, nobody notices a Notary that goes back to older data."
)
_ROOTS: Final = (
    "What anchors trust data: the public keys that Notary shows today. Nothing proves yet that these are right. "
    "Before this is enforced, compare each id with its holder: `notary -d ~/.docker/trust key list` shows it there, in "
    "the line of the role root."
)
_SEVERAL_ROOTS: Final = (
    "Each anchors what it anchors today and nothing else: `roots` of an entry below says which of them count there."
)
_NO_ROOT_SEEN: Final = (
    "No trust data was verified here, so any of the roots above could anchor it: name those that may as roots: [...]"
)
_TOFU: Final = (
    "No repository has trust data under this name, so there is no root to pin: whoever answers first is believed. "
    "Is `name` the host that people sign for? Once something is signed, run tagwarden pin and name the roots here."
)
_SIGNERS: Final = (
    "Who signs: each is the delegation of that name below targets, with the keys that may speak for it. "
    "The files hold the public keys that Notary shows today; compare them with their holders, too."
)
_OWNERS: Final = (
    "Whom people ask when something is refused: the contact stands in the refusal itself. Fill in what they can reach, "
    'such as "#shop-oncall" or "shop@example.com".'
)
_REPOSITORIES: Final = (
    "Who must sign what. Only the most specific pattern counts. Each rule asks for as much as every tag that is "
    "signed today meets, and for no more, so enforcing it refuses nothing that is signed and released today. It says "
    "what is, not what ought to be: make a rule stronger where you know better. A repository of a namespace that is "
    "not named here is refused, until somebody adds an entry for it."
)
_ROLLOUT: Final = (
    "Until this instant nothing is enforced: every pull passes, and what would be refused is logged. Then enforcement "
    "begins by itself, without an edit and without a restart. To have more time, move `until`. To enforce one "
    'repository earlier, add it here with one word, such as "shop/api": enforce'
)
REASON: Final = "first weeks: proposed by tagwarden, to be read and compared"


def render(proposal: Proposal) -> str:
    """The whole configuration file."""
    sections = (_head, _servers, _roots, _signers, _owners, _repositories, _rollout)
    written = ["\n".join((*section(proposal), "")) for section in sections]
    return "\n".join(filter(None, written))


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _head(proposal: Proposal) -> Iterator[str]:
    origin = f"from what {proposal.settings.registry.url} and {_notary(proposal)} had at {instant(proposal.now)}."
    yield from comment(f"A first configuration of Tagwarden, proposed {origin}")
    yield "#"
    yield from comment(f"Until {instant(proposal.until)} it only watches. Before then:")
    steps = (
        "1. fill in the contacts under `owners`,",
        "2. compare the keys under `roots` and `signers` with whoever holds them,",
        "3. read the rules under `repositories`: what they would refuse has to be signed.",
    )
    for step in steps:
        yield f"#   {step}"
    yield "# After every edit, tagwarden config check -c FILE says whether it is right."
    yield ""
    yield "version: 1"
    yield from comment("The host in the names of images, and so in what people sign.")
    yield f"name: {quoted(proposal.settings.name)}"


def _servers(proposal: Proposal) -> Iterator[str]:
    trial, settings = proposal.trial, proposal.settings
    yield from comment(
        "Where clients pull and push. Without `tls` this is plain HTTP, for a sidecar or behind a proxy."
    )
    yield "listen:"
    yield f"  address: {quoted(settings.listen.address)}"
    yield ""
    yield from comment("The registry behind the proxy, which clients should not reach any other way.")
    yield "registry:"
    yield f"  url: {quoted(settings.registry.url)}"
    yield from _files(2, trial.registry_ca, trial.registry_credentials)
    yield ""
    yield from comment(_TRUST_STORE)
    yield from comment("In production it belongs on a disk that stays, such as sqlite:////var/lib/tagwarden/trust.db")
    yield "trust_store:"
    yield f"  url: {quoted('sqlite:///trust.db')}"
    yield ""
    yield from comment("Where signatures are.")
    yield "notaries:"
    yield f"  {NOTARY}:"
    yield f"    url: {quoted(_notary(proposal))}"
    yield from _files(4, trial.notary_ca, trial.notary_credentials)
    if proposal.roots:
        yield f"    roots: {texts(root.name for root in proposal.roots)}"
    else:
        yield from comment(_TOFU, 4)
        yield "    roots: tofu"


def _roots(proposal: Proposal) -> Iterator[str]:
    if not proposal.roots:
        return
    yield from comment(_ROOTS)
    if len(proposal.roots) > 1:
        yield from comment(_SEVERAL_ROOTS)
    yield "roots:"
    for root in proposal.roots:
        yield from _root(root)


def _root(root: ProposedRoot) -> Iterator[str]:
    repositories = [use.repository for use in root.uses]
    yield from comment(f"It anchors {counted(len(root.uses), 'repository', 'repositories')}: {some(repositories)}.", 2)
    first = root.uses[0]
    yield from comment(f"Its certificate for {first.repository}, valid until {first.valid_until:%Y-%m-%d}, SHA-256:", 2)
    yield from comment(first.fingerprint, 2)
    if len(root.uses) > 1:
        yield from comment("It has another certificate for each: tagwarden pin --json -c FILE shows all of them.", 2)
    yield f"  {text(root.name)}:"
    yield f"    public_key_ids: [{quoted(root.public_key_id)}]"


def _signers(proposal: Proposal) -> Iterator[str]:
    if not proposal.signers:
        return
    yield from comment(_SIGNERS)
    usable = [signer for signer in proposal.signers if signer.keys]
    yield "signers:" if usable else "signers: {}"
    for signer in usable:
        yield from _signer(signer)
    for signer in proposal.signers:
        if not signer.keys:
            where = some(signer.repositories)
            yield from comment(f"{signer.name} (in {where}) has no key that could be used, so it is left out.", 2)


def _signer(signer: ProposedSigner) -> Iterator[str]:
    where = f"{counted(len(signer.repositories), 'repository', 'repositories')}: {some(signer.repositories)}"
    yield from comment(f"in {where}", 2)
    if not signer.is_one_person:
        yield from comment(f"Is this one person? Repositories list different keys for {signer.name}:", 2)
        for key in signer.keys:
            yield from comment(f"- {key.file} in {some(key.repositories)}", 2, "  ")
        yield from comment("Remove the files of anybody else: only listed keys count.", 2)
    yield f"  {text(signer.name)}:"
    yield f"    keys: {texts(key.file for key in signer.keys)}"


def _owners(proposal: Proposal) -> Iterator[str]:
    yield from comment(_OWNERS)
    yield "owners:"
    for owner in proposal.owners:
        yield f"  {text(owner)}: {{contact: {quoted(UNFILLED)}}}"


def _repositories(proposal: Proposal) -> Iterator[str]:
    yield from comment(_REPOSITORIES)
    yield "repositories:"
    for number, entry in enumerate(proposal.entries):
        yield from [""] if number else []
        yield from comments(notes(proposal, entry), 2)
        yield f"  {quoted(entry.pattern)}:"
        yield f"    owner: {text(entry.owner)}"
        yield f"    signed_by: {_rule(entry.rule)}"
        yield from _roots_of(proposal, entry)


def _roots_of(proposal: Proposal, entry: ProposedEntry) -> Iterator[str]:
    """Which of several roots count for an entry: what one anchors, the others must not."""
    if len(proposal.roots) < 2:
        return
    if entry.roots:
        yield f"    roots: {texts(root.name for root in proposal.roots if root.public_key_id in entry.roots)}"
    else:
        yield from comment(_NO_ROOT_SEEN, 4)


def _rule(rule: SignedBy) -> str:
    names = texts(signer.name for signer in rule.signers) if isinstance(rule, AllOf | AnyOf | AtLeast) else ""
    match rule:
        case AllOf():
            return f"{{all_of: {names}}}"
        case AnyOf():
            return f"{{any_of: {names}}}"
        case AtLeast(count, _):
            return f"{{at_least: {count}, of: {names}}}"
        case _:
            return "released"


def _rollout(proposal: Proposal) -> Iterator[str]:
    yield from comment(_ROLLOUT)
    yield "rollout:"
    yield f'  "**": {{mode: audit, until: {quoted(instant(proposal.until))}, reason: {quoted(REASON)}}}'


def _files(indent: int, ca_file: Path | None, credentials_file: Path | None) -> Iterator[str]:
    """The files that were given, by absolute paths: so they are found wherever the configuration is moved."""
    for key, file in (("ca_file", ca_file), ("credentials_file", credentials_file)):
        if file is not None:
            yield f"{' ' * indent}{key}: {quoted(file.absolute())}"


def _notary(proposal: Proposal) -> str:
    return proposal.settings.notaries[NOTARY].place
