"""A backup: one compressed file with everything that a store holds, one piece a line.

The first line says what it is, the last one how many there were and the SHA-256 of all lines before. The file appears
under its name only when it is complete and was read again, and is read to its end before anything of it is used: so no
half of a backup is ever taken for one. It has the standing of the store itself: whoever can write it can say what tags
had before.
"""

import gzip
import hashlib
import os
import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Final

import orjson

from proxy import __version__
from proxy.errors import Refusal, UserError
from proxy.limits import BACKUP_LINE_BYTES
from proxy.names import Digest, Gun, RoleName, Tag, plain
from proxy.regular import NotRegular, open_regular
from proxy.store.protocol import Forgotten
from proxy.trust.holding import Damaged, Held, KeptIndex, Piece
from proxy.trust.showing import versions

FORMAT: Final = "tagwarden trust backup"
VERSION: Final = 1

_GZIP: Final = b"\x1f\x8b"
_BROKEN: Final = "is damaged, or not complete: take another backup; nothing was changed"
_COPY: Final = "keep all of it in another trust store, with tagwarden trust copy"


async def write(path: Path, pieces: AsyncIterable[Piece], now: datetime, step: Callable[[], object]) -> list[str]:
    """Write a backup; what was damaged in the store is not in it, and is answered.

    Takes the place of an older backup of that name, and of nothing else; and not where that one may have whole what was
    damaged, or knows a collection or a version that the store has lost; nor before `read` has taken all of it.
    `step` is called after each piece. Raises `UserError`, and what `pieces` raises; then what was there is there still.
    """
    replaces = _replaces(path)
    older = _Older.of(path) if replaces else _Older()
    damaged: list[str] = []
    with _in_its_place(path) as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        lines = _Lines(packed)
        said = {"format": FORMAT, "version": VERSION, "made": now.isoformat(), "by": f"tagwarden {__version__}"}
        lines.write(_encoded(said))
        async for piece in pieces:
            if isinstance(piece, Damaged):
                damaged.append(piece.what)
            else:
                lines.write(_line_of(path, piece))
            older.compare(piece)
            step()
        if damaged and replaces:
            kept = f"{damaged[0]} is damaged in the trust store, and may be whole there"
            raise UserError(f"{path} is left as it is, because {kept}: name another file")
        if kept := older.knows_better():
            raise UserError(f"{path} is left as it is, because {kept}: name another file")
        lines.write(_encoded({"end": lines.count, "sha256": lines.sha256.hexdigest()}))
    return damaged


@dataclass(frozen=True, slots=True)
class Content:
    """How much a backup has of each kind."""

    collections: int
    indexes: int
    forgettings: int

    @property
    def pieces(self) -> int:
        """All of it together."""
        return self.collections + self.indexes + self.forgettings

    def __str__(self) -> str:
        """What there is, and no word of what there is not, except for collections."""
        kinds = ((self.collections, "collection"), (self.indexes, "indexes"), (self.forgettings, "forgetting"))
        told = [_counted(number, kind) for number, kind in kinds if number or kind == "collection"]
        return " and ".join(filter(None, [", ".join(told[:-1]), told[-1]]))


def read(path: Path) -> Iterator[Piece]:
    """Every piece of a backup whose `count` was asked before. Raises `UserError` for one that is damaged."""
    with _opened(path) as packed:
        lines = _sound(path, packed)
        next(lines)
        for line in lines:
            if "end" not in line:
                yield _understood(path, line)


def count(path: Path) -> Content:
    """How much a backup has, once all of it was read. Raises `UserError` for what is none, or is damaged."""
    kinds = Counter(type(piece) for piece in read(path))
    return Content(kinds[Held], kinds[KeptIndex], kinds[Forgotten])


def _counted(number: int, what: str) -> str:
    if what == "indexes":
        return "1 index" if number == 1 else f"{number} {what}"
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(slots=True)
class _Older:
    """What an older backup knows, until it was seen in the store too: collections, and versions of roles.

    What was forgotten since began anew on purpose, and is lower by right.
    """

    held: dict[tuple[str, Gun], tuple[datetime, Mapping[str, int]]] = field(default_factory=dict)
    lower: list[str] = field(default_factory=list)
    _forgotten: dict[tuple[str, Gun], datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> "_Older":
        """That of a file; nothing where it is damaged, and no restore would take it."""
        try:
            count(path)
        except UserError:
            return cls()
        held = (piece for piece in read(path) if isinstance(piece, Held))
        return cls({(each.notary, each.gun): (each.checked_at, versions(each.files)) for each in held})

    def compare(self, piece: Piece) -> None:
        """See what the store has."""
        match piece:
            case Forgotten(notary, gun, at):
                self._forgotten[notary, gun] = max(at, self._forgotten.get((notary, gun), at))
            case Held(notary, gun, files) if known := self.held.get((notary, gun)):
                self._compare((notary, gun), known, versions(files))
            case _:
                pass

    def _compare(
        self, key: tuple[str, Gun], known: tuple[datetime, Mapping[str, int]], here: Mapping[str, int]
    ) -> None:
        checked_at, floors = known
        forgotten = self._forgotten.get(key)
        if floors and not here and (forgotten is None or forgotten < checked_at):
            return
        del self.held[key]
        if forgotten is None or forgotten < checked_at:
            self.lower += [
                f"it has {role} of {key[1]} in version {floor}, and the trust store in version {here[role]}"
                for role, floor in floors.items()
                if here.get(role, floor) < floor
            ]

    def knows_better(self) -> str:
        """What would be lost with the older backup, in a few words; empty where that is nothing."""
        if self.held:
            notary, gun = min(self.held)
            return f"it remembers {gun} in Notary {notary}, and the trust store does not"
        return next(iter(self.lower), "")


class _Lines:
    """Writes lines, and adds up what was written."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.count = 0
        self.sha256 = hashlib.sha256()

    def write(self, line: bytes) -> None:
        self._file.write(line)
        self.sha256.update(line)
        self.count += 1


def _sound(path: Path, packed: gzip.GzipFile) -> Iterator[dict[str, Any]]:
    """All lines, the first and the last one too, which are checked."""
    sha256, number, ended = hashlib.sha256(), 0, False
    while line := _line(path, packed):
        told = _object(path, line)
        if ended or (number == 0 and not _is_ours(path, told)):
            raise UserError(f"{path} {_BROKEN}")
        if "end" in told:
            ended = True
            if told != {"end": number, "sha256": sha256.hexdigest()}:
                raise UserError(f"{path} {_BROKEN}")
        sha256.update(line)
        number += 1
        yield told
    if not ended:
        raise UserError(f"{path} {_BROKEN}")


def _line(path: Path, packed: gzip.GzipFile) -> bytes:
    try:
        line = packed.readline(BACKUP_LINE_BYTES)
    except (OSError, EOFError, zlib.error):
        raise UserError(f"{path} {_BROKEN}") from None
    if line and not line.endswith(b"\n"):
        raise UserError(f"{path} {_BROKEN}")
    return line


def _object(path: Path, line: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise UserError(f"{path} {_BROKEN}")
    return told


def _is_ours(path: Path, told: Mapping[str, Any]) -> bool:
    if told.get("format") != FORMAT:
        raise UserError(_no_backup(path))
    version = told.get("version")
    if version != VERSION:
        named = version if isinstance(version, int) else "none"
        raise UserError(f"{path} has version {named} of the format: install the version that wrote it")
    return True


def _no_backup(path: Path) -> str:
    return f"{path} is no backup: name a file that tagwarden trust backup wrote"


def _line_of(path: Path, piece: Held | KeptIndex | Forgotten) -> bytes:
    """The line of a piece. Raises `UserError` where it is longer than what is read as one."""
    line = _encoded(_written(piece))
    if len(line) > BACKUP_LINE_BYTES:
        what = f"index {piece.digest}" if isinstance(piece, KeptIndex) else f"{piece.gun} in Notary {piece.notary}"
        long = f"{what} takes more than the {BACKUP_LINE_BYTES >> 20} MiB that a backup has for it"
        raise UserError(f"{path} was not written, because {long}: {_COPY}")
    return line


def _encoded(told: Mapping[str, object]) -> bytes:
    return orjson.dumps(told) + b"\n"


def _written(piece: Held | KeptIndex | Forgotten) -> dict[str, object]:
    match piece:
        case Held(notary, gun, files, checked_at, past, tags, is_doubted):
            return {
                "notary": notary,
                "gun": gun,
                "checked": checked_at.isoformat(),
                "files": {str(role): _text(data) for role, data in sorted(files.items())},
                "past": _text(past),
                "tags": sorted(tags),
                "doubted": is_doubted,
            }
        case KeptIndex(digest, data):
            return {"index": digest, "data": _text(data)}
        case Forgotten(notary, gun, at, by, reason):  # by whom, earlier versions wrote down as the environment had it
            told = {"by": plain(by), "reason": plain(reason)}
            return {"forgotten": gun, "notary": notary, "at": at.isoformat(), **told}


def _understood(path: Path, line: Mapping[str, Any]) -> Piece:
    try:
        match line:
            case {"index": digest, "data": data}:
                return KeptIndex(Digest(digest), _data(data))
            case {"forgotten": gun, "notary": notary, "at": at, "by": by, "reason": reason}:
                return Forgotten(_shown(notary), Gun(gun), _instant(at), _shown(by), _shown(reason))
            case {"gun": gun, "notary": notary, "checked": checked, "files": files, "past": past, "tags": tags}:
                held = {RoleName(role): _data(data) for role, data in files.items()}
                had, is_doubted = frozenset(map(Tag, tags)), line.get("doubted") is not False
                return Held(_shown(notary), Gun(gun), held, _instant(checked), _data(past), had, is_doubted)
    except (TypeError, ValueError, OverflowError, AttributeError, Refusal):
        pass
    raise UserError(f"{path} {_BROKEN}")


def _shown(text: object) -> str:
    """Text that is shown on terminals some day, and must not steer them."""
    if not isinstance(text, str) or not text.isprintable():
        raise TypeError
    return text


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant.astimezone(UTC)


def _data(text: str) -> bytes:
    return b64decode(text, validate=True)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


@contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_regular(path))
            begins = file.peek(len(_GZIP))[: len(_GZIP)]
        except NotRegular:
            raise UserError(
                f"{path} is no file that can be read twice: write the backup into one, and name that"
            ) from None
        except OSError as error:
            raise UserError(f"{path} cannot be read ({_why(error)}): check the path and its permissions") from None
        if begins != _GZIP:
            raise UserError(_no_backup(path))
        yield stack.enter_context(gzip.GzipFile(fileobj=file, mode="rb"))


def _replaces(path: Path) -> bool:
    """Whether an older backup is there. Raises `UserError` for anything else."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(f"{path} cannot be written ({_why(error)}): check the path and its permissions") from None
    try:
        with _opened(path) as packed:
            _is_ours(path, _object(path, _line(path, packed)))
    except UserError:
        raise UserError(f"{path} is there already and is no backup: name another file, or remove it") from None
    return True


@contextmanager
def _in_its_place(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when it is complete and can be read again, by this user alone."""
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=".backup.", delete=False) as file:
            draft = Path(file.name)
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                _check_whole(path, draft)
                draft.replace(path)
            except BaseException:
                with suppress(OSError):
                    draft.unlink()
                raise
    except OSError as error:
        raise UserError(f"{path} cannot be written ({_why(error)}): check the directory and its space") from None


def _check_whole(path: Path, draft: Path) -> None:
    """See that all of a draft can be read, while what it replaces is there. Raises `UserError`."""
    try:
        count(draft)
    except UserError:
        unread = "what the trust store gave for it cannot be read again"
        raise UserError(f"{path} was not written, because {unread}: {_COPY}, and report this") from None


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
