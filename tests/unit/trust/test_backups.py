"""A backup is one file that holds everything, or is refused whole."""

import errno
import gzip
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from proxy.errors import TrustStoreUnavailable, UserError
from proxy.names import TIMESTAMP
from proxy.store.protocol import Forgotten
from proxy.trust import backups
from proxy.trust.backups import Content
from proxy.trust.holding import Damaged, Held, KeptIndex, Piece
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.signed_roles import NOW
from tests.unit.store.material import digest, index
from tests.unit.trust.material import API, NOTARY, repository, sign_more

DATA = index([b"child"])
WHOLE: tuple[Piece, ...] = (
    Forgotten(NOTARY, API, NOW, "root@here", "made anew; 100 % sure, says Ångström"),
    Held(NOTARY, API, {TIMESTAMP: b"\x00 any bytes \xff"}, NOW - timedelta(microseconds=1), b"past", frozenset()),
    KeptIndex(digest(DATA), DATA),
)


async def _pieces(pieces: Iterable[Piece], error: Exception | None = None) -> AsyncIterator[Piece]:
    for piece in pieces:
        yield piece
    if error:
        raise error


async def _write(path: Path, pieces: Iterable[Piece] = WHOLE, error: Exception | None = None) -> list[str]:
    return await backups.write(path, _pieces(pieces, error), NOW, lambda: None)


async def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every piece comes back as it was, and nobody else may read the file."""
    path = tmp_path / "trust.backup"
    assert await _write(path) == []
    assert backups.count(path) == Content(1, 1, 1)
    assert backups.count(path).pieces == len(WHOLE)
    assert tuple(backups.read(path)) == WHOLE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["trust.backup"]


async def test_what_a_terminal_would_obey_is_not_written(tmp_path: Path) -> None:
    """Earlier versions wrote down whatever the environment called a user; a backup of that has to be read again."""
    path = tmp_path / "trust.backup"
    steering = Forgotten(NOTARY, API, NOW, "a\tda\x1b[2J as root@here", "made\nanew")
    await _write(path, (steering, *WHOLE[1:]))
    assert tuple(backups.read(path)) == (replace(steering, by="a?da?[2J as root@here", reason="made?anew"), *WHOLE[1:])


async def test_what_could_not_be_read_again_takes_no_place(tmp_path: Path) -> None:
    """Whatever a store may have got: the older backup is there still, and nothing else."""
    path = tmp_path / "trust.backup"
    await _write(path)
    with pytest.raises(UserError, match=r"was not written, because what the trust store gave .* cannot be read again"):
        await _write(path, (*WHOLE, Forgotten("co\trp", API, NOW, "root@here", "made anew")))
    assert tuple(backups.read(path)) == WHOLE
    assert [each.name for each in tmp_path.iterdir()] == ["trust.backup"]


@pytest.mark.parametrize(
    ("piece", "what"),
    [
        pytest.param(Held(NOTARY, API, {}, NOW, bytes(1000), frozenset()), f"{API} in Notary {NOTARY}", id="files"),
        pytest.param(Forgotten(NOTARY, API, NOW, "root@here", "x" * 1000), f"{API} in Notary {NOTARY}", id="reason"),
        pytest.param(KeptIndex(digest(DATA), bytes(1000)), f"index {digest(DATA)}", id="index"),
    ],
)
async def test_what_is_too_long_for_a_line_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: Piece, what: str
) -> None:
    """Nobody would read it, so nobody writes it; the sentence says what it is, and how it is kept all the same."""
    path = tmp_path / "trust.backup"
    monkeypatch.setattr(backups, "BACKUP_LINE_BYTES", 1000)
    await _write(path)
    said = f"{path} was not written, because {what} takes more than the 0 MiB that a backup has for it: keep all of it"
    with pytest.raises(UserError, match=re.escape(said)):
        await _write(path, (*WHOLE, piece))
    assert tuple(backups.read(path)) == WHOLE
    assert [each.name for each in tmp_path.iterdir()] == ["trust.backup"]


async def test_the_longest_line_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is what is read, to the byte."""
    path = tmp_path / "trust.backup"
    await _write(path)
    longest = max(map(len, gzip.decompress(path.read_bytes()).splitlines(keepends=True)))
    monkeypatch.setattr(backups, "BACKUP_LINE_BYTES", longest)
    await _write(path)
    assert tuple(backups.read(path)) == WHOLE
    monkeypatch.setattr(backups, "BACKUP_LINE_BYTES", longest - 1)
    with pytest.raises(UserError, match="takes more than the 0 MiB"):
        await _write(tmp_path / "other.backup")


@pytest.mark.parametrize("is_doubted", [pytest.param(True, id="in doubt"), pytest.param(False, id="confirmed")])
async def test_a_doubt_is_written(tmp_path: Path, *, is_doubted: bool) -> None:
    """Whether Notary has contradicted what is kept."""
    path = tmp_path / "trust.backup"
    piece = Held(NOTARY, API, {TIMESTAMP: b"any"}, NOW, b"", frozenset(), is_doubted)
    await _write(path, [piece])
    assert list(backups.read(path)) == [piece]


async def test_a_backup_that_does_not_say_is_in_doubt(tmp_path: Path) -> None:
    """Nobody can tell any more whether Notary had contradicted it."""
    path = tmp_path / "trust.backup"
    await _write(path, [WHOLE[1]])
    first, held, _ = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    told = orjson.loads(held)
    del told["doubted"]
    lines = first + orjson.dumps(told) + b"\n"
    end = orjson.dumps({"end": 2, "sha256": hashlib.sha256(lines).hexdigest()}) + b"\n"
    path.write_bytes(gzip.compress(lines + end))
    assert [piece.is_doubted for piece in backups.read(path) if isinstance(piece, Held)] == [True]


async def test_what_is_damaged_in_the_store_is_told_and_left_out(tmp_path: Path) -> None:
    """The rest is in the backup."""
    path = tmp_path / "trust.backup"
    assert await _write(path, (*WHOLE, Damaged("an index"))) == ["an index"]
    assert tuple(backups.read(path)) == WHOLE


async def test_a_whole_backup_is_not_replaced_by_one_with_a_hole(tmp_path: Path) -> None:
    """What is damaged now may be whole in the older one, and nowhere else."""
    path = tmp_path / "trust.backup"
    await _write(path)
    with pytest.raises(UserError, match="is left as it is, because an index is damaged in the trust store"):
        await _write(path, (Damaged("an index"),))
    assert tuple(backups.read(path)) == WHOLE


async def test_a_store_that_lost_its_content_costs_no_backup(tmp_path: Path) -> None:
    """The backup of each night has one name, and the disk was lost by day: what is there is all that is left."""
    path = tmp_path / "trust.backup"
    await _write(path)
    with pytest.raises(UserError, match=r"left as it is, because it remembers .* in Notary .*: name another file"):
        await _write(path, ())
    assert tuple(backups.read(path)) == WHOLE


def _held(sim: NotarySimulator, at: datetime = NOW) -> Held:
    return Held(NOTARY, API, read(sim).files, at, b"", frozenset())


async def test_a_floor_that_fell_costs_no_backup(tmp_path: Path) -> None:
    """A collection is there, and was lost with the disk meanwhile: Notary said less, and was believed."""
    path, sim = tmp_path / "trust.backup", repository()
    lost = _held(sim)
    sign_more(sim, "2.0")
    await _write(path, [_held(sim)])
    before = path.read_bytes()
    known = f"it has timestamp of {API} in version 2, and the trust store in version 1: name another file"
    with pytest.raises(UserError, match=known):
        await _write(path, [lost])
    with pytest.raises(UserError, match=f"it remembers {API} in Notary {NOTARY}, and the trust store does not"):
        await _write(path, [replace(lost, files={})])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("minutes", "is_written"), [pytest.param(1, True, id="since-then"), pytest.param(-1, False, id="before-that")]
)
async def test_what_was_forgotten_since_begins_anew(tmp_path: Path, minutes: int, *, is_written: bool) -> None:
    """Whoever forgets wants lower versions; who did so before the older backup was made has nothing to do with it."""
    path, sim = tmp_path / "trust.backup", repository()
    lower = _held(sim)
    sign_more(sim, "2.0")
    await _write(path, [_held(sim)])
    forgotten = Forgotten(NOTARY, API, NOW + timedelta(minutes=minutes), "root@here", "made anew")
    for files in (lower.files, {}):
        pieces: list[Piece] = [forgotten, replace(lower, files=files)]
        if not is_written:
            with pytest.raises(UserError, match="name another file"):
                await _write(path, pieces)
            continue
        await _write(path, pieces)
        assert tuple(backups.read(path)) == tuple(pieces)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(Content(0, 0, 0), "0 collections", id="nothing"),
        pytest.param(Content(1, 0, 0), "1 collection", id="one"),
        pytest.param(Content(2, 1, 0), "2 collections and 1 index", id="two-kinds"),
        pytest.param(Content(0, 2, 1), "0 collections, 2 indexes and 1 forgetting", id="all"),
    ],
)
def test_how_much_a_backup_has(content: Content, told: str) -> None:
    """In words that the other commands use as well."""
    assert str(content) == told


async def test_an_older_backup_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    """A wrong name must not cost somebody another file."""
    path = tmp_path / "trust.backup"
    await _write(path)
    await _write(path, WHOLE[:2])
    assert tuple(backups.read(path)) == WHOLE[:2]
    other = tmp_path / "config.yaml"
    other.write_text("version: 1")
    with pytest.raises(UserError, match="is there already and is no backup: name another file, or remove it"):
        await _write(other)
    assert other.read_text() == "version: 1"


async def test_a_backup_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """The store went away in the middle."""
    path = tmp_path / "trust.backup"
    await _write(path)
    with pytest.raises(TrustStoreUnavailable):
        await _write(path, WHOLE[:1], TrustStoreUnavailable("the disk reports an error"))
    assert tuple(backups.read(path)) == WHOLE
    assert [each.name for each in tmp_path.iterdir()] == ["trust.backup"]


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """There is no such directory."""
    path = tmp_path / "nowhere" / "trust.backup"
    with pytest.raises(UserError, match=re.escape(f"{path} cannot be written (no such file or directory)")):
        await _write(path)


async def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    """One byte turned over, anywhere behind the head of the compressed file, and none of it is used."""
    path = tmp_path / "trust.backup"
    await _write(path)
    whole = path.read_bytes()
    for position in range(10, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        with pytest.raises(UserError, match=r"nothing was changed|is no backup|install the version"):
            backups.count(path)


async def test_every_shortened_backup_is_noticed(tmp_path: Path) -> None:
    """A disk was full, or a transfer broke off."""
    path = tmp_path / "trust.backup"
    await _write(path)
    whole = path.read_bytes()
    for length in range(2, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="is damaged, or not complete: take another backup; nothing was changed"):
            backups.count(path)


def _lines(*lines: object, end: bool = True) -> bytes:
    """A compressed file of these lines, whose last one fits them unless it is left out."""
    data = b"".join(line if isinstance(line, bytes) else orjson.dumps(line) + b"\n" for line in lines)
    last = {"end": len(lines), "sha256": hashlib.sha256(data).hexdigest()}
    return gzip.compress(data + (orjson.dumps(last) + b"\n" if end else b""))


HEAD = {"format": backups.FORMAT, "version": 1}
HELD = {"notary": "corp", "gun": API, "checked": NOW.isoformat(), "files": {}, "past": "", "tags": []}
TOLD = {"forgotten": API, "notary": "corp", "at": NOW.isoformat(), "by": "root", "reason": "made anew"}
_DAMAGED = "is damaged, or not complete"
_NONE = "is no backup: name a file that tagwarden trust backup wrote"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", _NONE, id="empty"),
        pytest.param(b"SQLite format 3\0", _NONE, id="a-trust-store"),
        pytest.param(gzip.compress(b""), _DAMAGED, id="nothing-compressed"),
        pytest.param(_lines({"format": "another"}), _NONE, id="another-format"),
        pytest.param(_lines(HEAD | {"version": 2}), "has version 2 of the format: install the version", id="newer"),
        pytest.param(_lines(HEAD, HELD, end=False), _DAMAGED, id="no-end"),
        pytest.param(_lines(HEAD, {"end": 1, "sha256": ""}), _DAMAGED, id="two-ends"),
        pytest.param(_lines(HEAD, b"[]\n"), _DAMAGED, id="no-object"),
        pytest.param(_lines(HEAD, b"{\n"), _DAMAGED, id="no-json"),
        pytest.param(_lines(HEAD, {"more": 1}), _DAMAGED, id="unknown-piece"),
        pytest.param(_lines(HEAD, HELD | {"gun": "a b"}), _DAMAGED, id="no-gun"),
        pytest.param(_lines(HEAD, HELD | {"files": {"../root": ""}}), _DAMAGED, id="no-role"),
        pytest.param(_lines(HEAD, HELD | {"files": []}), _DAMAGED, id="no-files"),
        pytest.param(_lines(HEAD, HELD | {"past": "?"}), _DAMAGED, id="no-base64"),
        pytest.param(_lines(HEAD, HELD | {"tags": [1]}), _DAMAGED, id="no-tag"),
        pytest.param(_lines(HEAD, HELD | {"checked": "2026-11-21T12:00:00"}), _DAMAGED, id="no-offset"),
        pytest.param(_lines(HEAD, HELD | {"checked": "yesterday"}), _DAMAGED, id="no-instant"),
        pytest.param(_lines(HEAD, HELD | {"checked": "0001-01-01T00:00:00+10:00"}), _DAMAGED, id="before-all-time"),
        pytest.param(_lines(HEAD, {"index": "sha256:0", "data": ""}), _DAMAGED, id="no-digest"),
        pytest.param(_lines(HEAD, TOLD | {"reason": "\x1b[2J"}), _DAMAGED, id="steers-a-terminal"),
        pytest.param(_lines(HEAD, TOLD | {"by": None}), _DAMAGED, id="nobody"),
    ],
)
def test_what_is_no_backup_is_not_used(tmp_path: Path, data: bytes, sentence: str) -> None:
    """Whatever it is, one sentence says so before anything is changed."""
    path = tmp_path / "trust.backup"
    path.write_bytes(data)
    with pytest.raises(UserError, match=re.escape(sentence)):
        backups.count(path)
    with pytest.raises(UserError, match=re.escape(sentence)):
        list(backups.read(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A typing error."""
    with pytest.raises(UserError, match=r"cannot be read .no such file or directory.: check the path"):
        backups.count(tmp_path / "trust.backup")


def test_an_endless_line_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that unpacks to more than memory holds."""
    path = tmp_path / "trust.backup"
    path.write_bytes(gzip.compress(b'{"format": "' + b"x" * 100_000))
    monkeypatch.setattr(backups, "BACKUP_LINE_BYTES", 1000)
    with pytest.raises(UserError, match=_DAMAGED):
        backups.count(path)


async def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """It could be read once, and a backup is read twice; one that nobody writes into would never end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="is no file that can be read twice: write the backup into one, and name that"):
        backups.count(pipe)
    with pytest.raises(UserError, match="is there already and is no backup: name another file, or remove it"):
        await _write(pipe)
    assert pipe.is_fifo()


async def test_a_backup_may_come_from_standard_input(tmp_path: Path) -> None:
    """A file that is redirected there is a file all the same."""
    path = tmp_path / "trust.backup"
    await _write(path)
    with path.open("rb") as file:
        there = Path(f"/dev/fd/{file.fileno()}")
        assert (backups.count(there).pieces, tuple(backups.read(there))) == (len(WHOLE), WHOLE)


async def test_the_longest_name_is_a_name(tmp_path: Path) -> None:
    """The file it is written to first must not need a longer one."""
    path = tmp_path / ("b" * 255)
    await _write(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(errno.EACCES, "permission denied", id="a-directory-that-may-not-be-searched"),
        pytest.param(errno.ENAMETOOLONG, "file name too long", id="an-over-long-name"),
    ],
)
async def test_a_place_that_cannot_be_seen_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, words: str
) -> None:
    """Whether there is something already cannot be told, and nothing is written."""
    path = tmp_path / "trust.backup"

    def stat(_: Path, **__: object) -> os.stat_result:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", stat)
        with pytest.raises(UserError, match=re.escape(f"{path} cannot be written ({words}): check")):
            await _write(path)
    assert list(tmp_path.iterdir()) == []
