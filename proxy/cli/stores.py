"""What the commands of `tagwarden trust` share: stores to read and to write, names of collections, and how they end."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, TypeVar

import typer

from proxy.cli.exits import FINDINGS, UNDECIDED
from proxy.cli.options import DEFAULT_CONFIG
from proxy.cli.screen import progress, say
from proxy.errors import CannotDecide, NoRule, OutOfReach, ReferenceInvalid, TrustStoreUnavailable, UserError
from proxy.names import Gun, Reference, Tag, plain
from proxy.refusals import present

if TYPE_CHECKING:
    from proxy.config.settings import Settings, TrustStoreSettings
    from proxy.store.sql import SqlTrustReader, SqlTrustStore
    from proxy.store.strangers import Stranger
    from proxy.trust.outcomes import Outcome

_Result = TypeVar("_Result")

NotaryName: TypeAlias = Annotated[
    str | None, typer.Option("--notary", metavar="NAME", help="Of which Notary, where there are several.")
]
_MADE_ANEW: Final = "if a collection was made anew on purpose, forget the old one first: tagwarden trust forget"
_FROM_BACKUP: Final = "bring it back from a backup, into a new trust store"
DAMAGED: Final = f"what is damaged is refused: {_FROM_BACKUP}"
_HINTS: Final = {
    "rollback": f"what is remembered is newer, or another collection: {_MADE_ANEW}",
    "root_rotation_broken": f"the root that is remembered does not lead to this one: {_MADE_ANEW}",
    "expired": "what has run out is taken within `expiry_grace` only: bring a newer export",
    "no_rule": "only what an entry of `repositories` reads is taken: nothing else could be verified",
    "trust_store_unavailable": DAMAGED,
}
"""What the person at the keyboard can do about a refusal, which is worded for those who pull."""
_FORGOTTEN: Final = (
    "if it was forgotten by mistake, restore into a new trust store, and copy this one into that: "
    "docs/trust-store.md, Forgotten by mistake"
)
_NEVER: Final = "if there was one, restore it; else run tagwarden trust init, or start the proxy, which makes one"


def run(work: Coroutine[object, object, _Result]) -> _Result:
    """Do the work of a command. Raises `UserError`; exits where a look-up could not be completed."""
    import uvloop

    from proxy.cli.quiet import quiet

    try:
        with quiet():
            return uvloop.run(work)
    except TrustStoreUnavailable as unavailable:
        from proxy.store.failures import is_damage, may_pass

        cure = _FROM_BACKUP if is_damage(unavailable) else "mend that, and run this again"
        kind = OutOfReach if may_pass(unavailable.why) else UserError
        raise kind(f"the trust store cannot be used, {unavailable.why}: {cure}") from None
    except CannotDecide as refusal:
        say(present(refusal, reference="the trust store").message)
        raise typer.Exit(UNDECIDED) from None


@asynccontextmanager
async def reading(settings: "TrustStoreSettings", cure: str = _NEVER) -> "AsyncIterator[SqlTrustReader]":
    """A store to read. Raises `UserError`, also where there is none, with what to do then."""
    async with reading_if_any(settings) as reader:
        if reader is None:
            raise UserError(f"there is no trust store at {settings.url}: {cure}")
        yield reader


@asynccontextmanager
async def reading_if_any(settings: "TrustStoreSettings") -> "AsyncIterator[SqlTrustReader | None]":
    """The same, or None where there is none yet. Raises `UserError`."""
    from proxy.store.opening import open_reader

    reader = await open_reader(settings)
    try:
        yield reader
    finally:
        if reader:
            await reader.close()


@asynccontextmanager
async def writing(settings: "TrustStoreSettings", *, create: bool = False) -> "AsyncIterator[SqlTrustStore]":
    """A store to write, made where there is none if that is wished for. Raises `UserError`."""
    from proxy.store.opening import open_store
    from proxy.store.sql import SqlTrustStore

    if not create:
        async with reading(settings):
            pass
    store = await open_store(settings, create=create)
    if not isinstance(store, SqlTrustStore):
        raise TypeError("a store in memory is none that a configuration can name")
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def naming(notary: str, gun: Gun) -> Iterator[None]:
    """Say of one collection that it is damaged. Raises `UserError`."""
    from proxy.store.failures import is_damage

    try:
        yield
    except TrustStoreUnavailable as unavailable:
        if not is_damage(unavailable):
            raise
        raise UserError(f"{gun} in Notary {notary} is damaged in the trust store: {_FROM_BACKUP}") from None


@contextmanager
def steps(what: str) -> Iterator[tuple[Callable[[int], object], Callable[[], object]]]:
    """A bar for something whose size shows later: what to call with it, and what to call for each step."""
    with ExitStack() as stack:
        bars: list[Callable[[], object]] = []

        def begin(total: int) -> None:
            bars.append(stack.enter_context(progress(what, total)))

        yield begin, lambda: [step() for step in bars]


def one_notary(settings: "Settings", name: str | None) -> str:
    """The Notary that is meant. Raises `UserError`."""
    known = ", ".join(settings.notaries)
    if name is None and len(settings.notaries) != 1:
        raise UserError(f"the configuration has several notaries: name one with --notary: {known}")
    chosen = name or next(iter(settings.notaries))
    if chosen not in settings.notaries:
        raise UserError(f"the configuration has no Notary {chosen}: its notaries are {known}")
    return chosen


def find(
    word: str, settings: "Settings", remembered: Sequence[tuple[str, Gun]], notary: str | None = None
) -> tuple[str, Gun]:
    """The collection that is meant: a GUN that is remembered, or the one of a repository. Raises `UserError`."""
    named = [key for key in remembered if key[1] == word and notary in (None, key[0])]
    if not named:
        owned = _of_repository(word, settings)
        guns = {key[1] for key in owned}
        named = [key for key in owned if notary in (None, key[0])]
        named = named or [key for key in remembered if key[0] == notary and key[1] in guns]
    if not named:
        where = f" of Notary {notary}" if notary else ""
        raise UserError(
            f"{word} is neither a collection{where} that is remembered, nor does an entry of `repositories` match it: "
            "tagwarden trust list shows what is remembered"
        )
    if len(named) > 1:
        several = ", ".join(sorted(key[0] for key in named))
        raise UserError(f"{word} is remembered of several notaries: name one with --notary: {several}")
    return named[0]


def _of_repository(word: str, settings: "Settings") -> list[tuple[str, Gun]]:
    try:
        repository = Reference.parse(word, settings.name).repository
        entry = settings.policy.entry_for(repository)
        return [(entry.notary, entry.gun(settings.name, repository))]
    except (NoRule, ReferenceInvalid):
        return []


def check_exact(word: str, why: str) -> None:
    """See that one collection is named, and not a pattern, a tag or a digest. Raises `UserError`."""
    last = word.rpartition("/")[2]
    if "*" in word:
        raise UserError(f"{word} is a pattern, and {why}: name one repository, or one GUN")
    if "@" in word or (":" in last and "/" in word and _is_tag(last.partition(":")[2])):
        raise UserError(f"{word} names an image, and {why}: name its repository")


def _is_tag(text: str) -> bool:
    try:
        Tag(text)
    except ReferenceInvalid:
        return False
    return True


def other_store(option: str, url: str, password_file: Path | None, ca_file: Path | None) -> "TrustStoreSettings":
    """A store that the command line names, read as the section `trust_store` is. Raises `UserError`."""
    from proxy.config import values
    from proxy.config.document import Document
    from proxy.config.endpoints import trust_store
    from proxy.config.files import Files
    from proxy.config.server_shape import TrustStoreShape
    from proxy.config.without_file import COMMAND_LINE

    document = Document(COMMAND_LINE)
    written = {
        "url": (option, url),
        "password_file": ("--password-file", password_file),
        "ca_file": ("--ca-file", ca_file),
    }
    for key, (named, value) in written.items():
        if value is not None:
            document.override(("trust_store", key), named, str(value), COMMAND_LINE)
    try:
        values.store_url(url)
    except ValueError as error:
        raise UserError(f"{option}: {str(error).replace('password_file', '--password-file')}") from None
    settings = trust_store(
        document, TrustStoreShape.model_validate(document.tree["trust_store"]), Files(document, Path())
    )
    document.raise_problems()
    return settings


def tell(outcomes: "Sequence[Outcome]", *, as_json: bool) -> int:
    """Print what became of each collection; the exit code."""
    import json

    from proxy.trust.outcomes import Became, summary

    if as_json:
        print(json.dumps([each.as_json() for each in outcomes], indent=2))
    else:
        for each in outcomes:
            if each.why:
                say(each.why)
        told = (each.code for each in outcomes if each.code in _HINTS and not each.is_stale)
        for hint in dict.fromkeys(_HINTS[code] for code in told):
            say(hint)
        if any(each.is_left_out for each in outcomes):
            say(_FORGOTTEN)
        print(summary(outcomes))
    sys.stdout.flush()
    became = {each.became for each in outcomes}
    is_found = Became.REFUSED in became or any(each.is_left_out for each in outcomes)
    return FINDINGS if is_found else UNDECIDED if Became.UNDECIDED in became else 0


def tell_strangers(strangers: "Sequence[Stranger]") -> None:
    """Say of which Notaries something is remembered that counts for nobody."""
    for each in strangers:
        say(f"{each}: {each.remedy}")


def options_of(config: Path) -> tuple[str, ...]:
    """What the next command has to be told to read the same configuration."""
    return () if config == DEFAULT_CONFIG else ("-c", str(config))


def whoever() -> str:
    """Who runs this: the user, also behind sudo, and the machine; printable, because it is kept and shown for ever."""
    import pwd
    import socket

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"uid {os.getuid()}"
    behind = os.environ.get("SUDO_USER")  # which anybody may have set to anything
    return plain(
        f"{behind} as {user}@{socket.gethostname()}" if behind and behind != user else f"{user}@{socket.gethostname()}"
    )
