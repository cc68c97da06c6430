"""The audit stream: each line is in its file when the call returns, whatever happens to process, file and disk."""

import contextlib
import io
import json
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

import pytest
import structlog
from prometheus_client import CollectorRegistry

from deploy.stack.children import child
from proxy.errors import UserError
from proxy.telemetry import Audit, configure, meters, reopen
from proxy.telemetry.audit import AuditFile, Trouble
from proxy.telemetry.metrics import AUDIT_LINES_LOST

FULL: Final = Path("/dev/full")
READABLE: Final[frozenset[int]] = frozenset()
WRITE_ONLY: Final = frozenset({os.O_RDWR, os.O_RDONLY})
RIGHTS: Final = "give this user the right to write it, or name another one"


def lines(path: Path) -> list[dict[str, Any]]:
    """Every line of an audit file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def log() -> io.StringIO:
    """Where the log goes."""
    return io.StringIO()


@pytest.fixture
def audit(tmp_path: Path, log: io.StringIO) -> Path:
    """An audit file in use."""
    path = tmp_path / "audit.jsonl"
    configure("json", stream=log, audit_file=path)
    return path


def refuse(number: int = 1) -> None:
    """Say something that belongs there."""
    structlog.get_logger().warning("decision", audit=Audit.REFUSAL, refusal="rollback", number=number)


def test_what_belongs_there_is_in_both(audit: Path, log: io.StringIO) -> None:
    """The same line stands in the log, so a log alone is complete."""
    refuse()
    structlog.get_logger().info("request", path="/v2/")
    [line] = lines(audit)
    assert (line["audit"], line["refusal"], line["level"]) == ("refusal", "rollback", "warning")
    assert [json.loads(each)["event"] for each in log.getvalue().splitlines()] == ["decision", "request"]
    assert json.loads(log.getvalue().splitlines()[0]) == line


def test_what_belongs_there_is_counted_by_its_kind() -> None:
    """With a file or without one: an alert need not read lines."""
    registry = CollectorRegistry()
    meters.begin(registry)
    configure("json", stream=io.StringIO())
    refuse()
    refuse()
    structlog.get_logger().info("request", path="/v2/")
    structlog.get_logger().error("rollback seen", audit=Audit.ROLLBACK_SEEN)
    counted = {
        (sample.labels["audit"], sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "tagwarden_audit_events_total"
    }
    assert counted == {("refusal", 2), ("rollback seen", 1)}


def test_a_line_is_json_whatever_the_log_is(tmp_path: Path) -> None:
    """People read the terminal, programs the file."""
    configure("text", stream=io.StringIO(), audit_file=tmp_path / "audit.jsonl")
    structlog.get_logger().info("decision", audit=Audit.REFUSAL, user_agent="a\nb\x9b")
    [line] = lines(tmp_path / "audit.jsonl")
    assert line["user_agent"] == "a\nb\x9b"
    assert "\x9b" not in (tmp_path / "audit.jsonl").read_text()


def test_what_was_there_stays(tmp_path: Path) -> None:
    """A start begins no file anew."""
    (tmp_path / "audit.jsonl").write_text('{"event":"earlier"}\n')
    configure("json", stream=io.StringIO(), audit_file=tmp_path / "audit.jsonl")
    refuse()
    assert [line["event"] for line in lines(tmp_path / "audit.jsonl")] == ["earlier", "decision"]


def test_other_users_of_the_machine_cannot_read_it(audit: Path) -> None:
    """Who pulls what from where is not for everybody."""
    assert audit.stat().st_mode & 0o007 == 0


def test_it_may_be_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """A container's two streams can be kept apart."""
    configure("json", stream=io.StringIO(), audit_file=Path("-"))
    refuse()
    assert json.loads(capfd.readouterr().out)["audit"] == "refusal"


async def write_on(_: TextIO, words: TextIO, path: Path, text: str) -> None:
    """Write a text fifty times, and say that it is done."""
    writer = AuditFile(path, lambda _: None)
    for line in [json.dumps({"text": text}).encode()] * 50:
        writer.write(line)
    words.write("done\n")


def test_processes_share_a_file(tmp_path: Path) -> None:
    """Each line is one write at the end of the file, so none stands in another one."""
    path, texts = tmp_path / "audit.jsonl", [str(number) * 5000 for number in range(4)]
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(child(write_on, path, text)) for text in texts]
        assert [each.words.readline() for each in writers] == ["done\n"] * 4
    assert sorted(line["text"] for line in lines(path)) == sorted(texts * 50)


@pytest.mark.parametrize("how", ["by its name", "by a signal"])
def test_a_file_that_was_moved_is_begun_anew(audit: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As logrotate does; what was said before is in the old one."""
    refuse(1)
    audit.rename(audit.with_suffix(".1"))
    if how == "by a signal":
        reopen()
    else:
        monkeypatch.setattr("proxy.telemetry.audit.AUDIT_LOOK_SECONDS", 0)
    refuse(2)
    assert [line["number"] for line in lines(audit.with_suffix(".1"))] == [1]
    assert [line["number"] for line in lines(audit)] == [2]


def test_a_file_that_another_one_took_the_place_of_is_left(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logrotate may make the new one itself, for this user."""
    monkeypatch.setattr("proxy.telemetry.audit.AUDIT_LOOK_SECONDS", 0)
    audit.rename(audit.with_suffix(".1"))
    audit.touch()
    refuse()
    assert len(lines(audit)) == 1


@pytest.mark.parametrize(
    ("name", "why", "advice"),
    [
        pytest.param("nowhere/audit.jsonl", "no such file or directory", "create the directory", id="no-directory"),
        pytest.param("link", "no such file or directory", "create the directory", id="a-link-to-no-directory"),
        pytest.param(".", "is a directory", RIGHTS, id="a-directory"),
        pytest.param("pipe", "no such device or address", RIGHTS, id="a-pipe"),
        pytest.param("/dev/null", "it is no regular file; write - for standard output", RIGHTS, id="a-device"),
    ],
)
def test_nothing_starts_without_it(tmp_path: Path, name: str, why: str, advice: str) -> None:
    """Whoever asks for an audit gets one, or a sentence."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere/audit.jsonl")
    with pytest.raises(UserError, match=r"log\.audit_file: .* cannot be written") as raised:
        configure("json", audit_file=tmp_path / name)
    assert f"({why}): {advice}" in str(raised.value)


def test_a_configuration_that_fails_changes_nothing(audit: Path, tmp_path: Path) -> None:
    """The file that was in use stays in use."""
    with pytest.raises(UserError):
        configure("json", audit_file=tmp_path / "nowhere" / "audit.jsonl")
    refuse()
    assert len(lines(audit)) == 1


def test_what_cannot_be_written_is_in_the_log_and_counted(
    audit: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes no request and no line away; that it is full is said once, and that it is over."""
    lost = []
    monkeypatch.setattr(AUDIT_LINES_LOST, "inc", lambda: lost.append(1))
    descriptor, full = audit_descriptor(audit), os.open(FULL, os.O_WRONLY)
    kept = os.dup(descriptor)
    os.dup2(full, descriptor)
    refuse(1)
    refuse(2)
    os.dup2(kept, descriptor)
    refuse(3)
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    trouble = "the audit file cannot be written: its lines stand in this log alone"
    assert [line["event"] for line in told] == [
        *(trouble, "decision", "decision", "the audit file is written again", "decision")
    ]
    assert told[0]["why"] == "no space left on device"
    assert len(lost) == 2
    assert [line["number"] for line in lines(audit)] == [3]
    os.close(full)
    os.close(kept)


@pytest.mark.parametrize(
    ("is_removed", "kept", "losses"),
    [
        pytest.param(False, [0, 1, 2, 3], 0, id="moved"),
        pytest.param(True, [3], 2, id="removed"),
    ],
)
def test_a_file_that_cannot_be_begun_anew_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_removed: bool, kept: list[int], losses: int
) -> None:
    """In the one that was moved away: nothing is lost unless that has no name any more, and trouble is said once."""
    path, troubles, lost = tmp_path / "audit.jsonl", list[Trouble | None](), list[int]()
    monkeypatch.setattr(AUDIT_LINES_LOST, "inc", lambda: lost.append(1))
    monkeypatch.setattr("proxy.telemetry.audit.AUDIT_LOOK_SECONDS", 0)
    writer, moved = AuditFile(path, troubles.append), path.with_suffix(".1")
    writer.write(b'{"number":0}')
    path.rename(moved)
    if is_removed:
        moved.unlink()
    path.symlink_to(path)  # nothing can be opened there
    writer.write(b'{"number":1}')
    writer.write(b'{"number":2}')
    assert troubles == [Trouble("too many levels of symbolic links", is_lost=is_removed)]
    path.unlink()
    writer.write(b'{"number":3}')
    found = [line["number"] for each in (moved, path) if each.exists() for line in lines(each)]
    assert (found, sum(lost), troubles[1:]) == (kept, losses, [None])
    writer.close()


@pytest.mark.parametrize("how", ["by its name", "by a signal"])
def test_what_goes_on_into_a_moved_file_is_not_called_lost(
    audit: Path, log: io.StringIO, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory has the name by now; the moved file has every line, and once it is gone, the log alone has them."""
    moved = audit.with_suffix(".1")
    monkeypatch.setattr("proxy.telemetry.audit.AUDIT_LOOK_SECONDS", 0 if how == "by its name" else 1e6)
    audit.rename(moved)
    audit.mkdir()
    if how == "by a signal":
        reopen()
    refuse(1)
    refuse(2)
    assert [line["number"] for line in lines(moved)] == [1, 2]
    moved.unlink()
    refuse(3)
    audit.rmdir()
    reopen()
    refuse(4)
    assert [line["number"] for line in lines(audit)] == [4]
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(each["event"], each.get("why")) for each in told if each["event"] != "decision"] == [
        ("the audit file cannot be begun anew: its lines go on into the one moved away", "is a directory"),
        ("the audit file cannot be written: its lines stand in this log alone", "is a directory"),
        ("the audit file is written again", None),
    ]


def test_half_a_line_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a disk takes only a part of a line, the next one begins on a line of its own."""
    path, troubles = tmp_path / "audit.jsonl", list[Trouble | None]()
    writer, write = AuditFile(path, troubles.append), os.write

    def write_a_part(descriptor: int, data: bytes) -> int:
        if len(data) < len(b'{"number":1}\n'):
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:5])

    monkeypatch.setattr(os, "write", write_a_part)
    writer.write(b'{"number":1}')
    monkeypatch.setattr(os, "write", write)
    writer.write(b'{"number":2}')
    writer.write(b'{"number":3}')
    assert path.read_text() == '{"num\n{"number":2}\n{"number":3}\n'
    assert troubles == [Trouble("no space left on device", is_lost=True), None]
    writer.close()


async def fill(_: TextIO, words: TextIO, path: Path, modes: frozenset[int]) -> None:
    """Write four lines where there is room for five bytes of the second: a limit does what a full disk does.

    `modes` are how the file cannot be opened.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", refusing(modes))
        writer = AuditFile(path, lambda _: None)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer.write(b'{"number":0}')
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, before[1]))
    writer.write(b'{"number":1}')
    writer.write(b'{"number":2}')
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    writer.write(b'{"number":3}')
    words.write("done\n")


def refusing(modes: frozenset[int]) -> Callable[..., int]:
    """What opens files, but not in these ways: the rights of a file count for nothing where tests run as root."""
    opened = os.open

    def open_(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_ACCMODE in modes:
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *rest)

    return open_


@pytest.mark.parametrize("modes", [pytest.param(READABLE, id="readable"), pytest.param(WRITE_ONLY, id="write-only")])
def test_half_a_line_spoils_none_after_one_that_was_lost_whole(tmp_path: Path, modes: frozenset[int]) -> None:
    """Where a disk stays full for a while, the first line that fits again begins on a line of its own."""
    path = tmp_path / "audit.jsonl"
    with child(fill, path, modes) as writing:
        assert writing.words.readline() == "done\n"
    assert path.read_text() == '{"number":0}\n{"num\n{"number":3}\n'


def test_half_a_line_of_before_a_restart_spoils_no_other(tmp_path: Path) -> None:
    """The disk was full, and whoever wrote is gone: the line behind it is written once more."""
    path = tmp_path / "audit.jsonl"
    path.write_text('{"number":0}\n{"num')
    writer = AuditFile(path, lambda _: None)
    writer.write(b'{"number":1}')
    writer.write(b'{"number":2}')
    assert path.read_text() == '{"number":0}\n{"num{"number":1}\n{"number":1}\n{"number":2}\n'
    writer.close()


def test_half_a_line_of_another_worker_spoils_no_other(tmp_path: Path) -> None:
    """Several processes write into one file, and what one of them could not finish concerns all."""
    path = tmp_path / "audit.jsonl"
    writer = AuditFile(path, lambda _: None)
    writer.write(b'{"number":1}')
    with path.open("a") as other:
        other.write('{"num')
    writer.write(b'{"number":2}')
    writer.write(b'{"number":3}')
    assert path.read_text() == '{"number":1}\n{"num{"number":2}\n{"number":2}\n{"number":3}\n'
    writer.close()


def test_a_file_that_may_not_be_read_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes audits need not be who reads them; what stands there from before cannot be known then."""
    path = tmp_path / "audit.jsonl"
    path.write_text('{"number":0}\n')
    monkeypatch.setattr(os, "open", refusing(WRITE_ONLY))
    writer = AuditFile(path, lambda _: None)
    writer.write(b'{"number":1}')
    assert path.read_text() == '{"number":0}\n{"number":1}\n'
    writer.close()


def test_a_file_that_takes_the_place_meanwhile_is_not_mixed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logrotate may come between the two ways of opening: lines go on into the one that was opened first."""
    path, moved, opened = tmp_path / "audit.jsonl", tmp_path / "audit.1", os.open

    def rotating(place: Path, flags: int, *rest: int) -> int:
        if flags & os.O_ACCMODE == os.O_RDWR:
            path.rename(moved)
            path.write_text("")
        return opened(place, flags, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", rotating)
        writer = AuditFile(path, lambda _: None)
    writer.write(b'{"number":1}')
    assert (moved.read_text(), path.read_text()) == ('{"number":1}\n', "")
    writer.close()


def test_every_kind_is_explained() -> None:
    """The page on logs lists them by these words."""
    page = (Path(__file__).parents[3] / "docs/logs.md").read_text(encoding="utf-8")
    for kind in Audit:
        assert f"| `{kind}` | {kind.meaning} |" in page, kind


def audit_descriptor(audit: Path) -> int:
    """The descriptor under which this process has a file open."""
    for each in Path("/proc/self/fd").iterdir():
        if each.exists() and each.resolve() == audit:
            return int(each.name)
    raise AssertionError("the file is not open")
