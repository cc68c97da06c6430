"""Starts a daemon, waits until it answers, and ends it by its process id."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack import forking
from deploy.stack.programs import program

_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02
_LOG_TAIL: Final = 2000
_STOPPED: Final = "T"


class DaemonFailed(RuntimeError):
    """A daemon ended or did not answer in time; the text has the end of its log."""


@dataclass(frozen=True)
class Daemon:
    """A running daemon."""

    name: str
    pid: int
    log: Path

    def hang(self) -> None:
        """Make it stop answering without closing its connections; `resume` ends that.

        The signal stops threads one after the other, so a busy daemon may answer for a moment yet: this waits
        until none of them runs.

        Raises:
            DaemonFailed: it did not stop.
        """
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + _STOP_SECONDS
        while any(state != _STOPPED for state in self._states()):
            if time.monotonic() > deadline:
                raise DaemonFailed(f"{self.name} did not stop on SIGSTOP")
            time.sleep(_POLL_SECONDS)

    def resume(self) -> None:
        """Let it answer again after `hang`."""
        os.kill(self.pid, signal.SIGCONT)

    def _states(self) -> Iterator[str]:
        """The state of each of its threads, as proc(5) has it after the name in brackets."""
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                told = (thread / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):  # this one has ended since the list was read
                continue
            yield told.rpartition(")")[2].split()[0]


@contextmanager
def running(  # the arguments are the daemon's whole life
    command: Sequence[str],
    *,
    name: str,
    directory: Path,
    answers: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    own_mounts: bool = False,
    seconds: float = 30.0,
) -> Iterator[Daemon]:
    """Run a daemon for as long as the block lasts.

    It is in a session of its own, so Ctrl-C at the terminal reaches only us, and the kernel ends it should
    we be killed. That follows the thread that starts it: start daemons from the main thread.

    Args:
        command: Absolute path of the program, and its arguments.
        name: What people call it; also the name of its log in `directory`.
        directory: Where it runs and writes its log.
        answers: Says whether it is ready; asked until it is.
        environment: Replaces ours.
        own_mounts: Run in a mount namespace of its own, so that nothing it mounts outlives it.
        seconds: How long to wait for the first answer.

    Raises:
        DaemonFailed: It ended, or did not answer in time.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{name}.log"
    outer = [program("setpriv"), "--pdeathsig", "TERM", "--"]
    if own_mounts:
        outer += [program("unshare"), "--mount", "--propagation", "private", "--"]
    template = None if own_mounts else forking.template_for(command)
    child: subprocess.Popen[bytes] | forking.Forked
    with log.open("ab") as sink, Path(os.devnull).open("rb") as nothing:
        if template:
            given, streams = environment or os.environ, (nothing.fileno(), sink.fileno(), sink.fileno())
            child = template.start(command, directory, given, streams, own_session=True)
        else:
            child = subprocess.Popen(
                [*outer, *command],
                cwd=directory,
                env=environment,
                stdin=nothing,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    try:
        _wait(child, name, log, answers, seconds)
        yield Daemon(name, child.pid, log)
    finally:
        _stop(child)


def _wait(
    child: "subprocess.Popen[bytes] | forking.Forked", name: str, log: Path, answers: Callable[[], bool], seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while not answers():
        if child.poll() is not None:
            msg = f"{name} ended with status {child.returncode}; its log {log} ends with:\n{_tail(log)}"
            raise DaemonFailed(msg)
        if time.monotonic() > deadline:
            msg = f"{name} did not answer within {seconds:g} s; its log {log} ends with:\n{_tail(log)}"
            raise DaemonFailed(msg)
        time.sleep(_POLL_SECONDS)


def _stop(child: "subprocess.Popen[bytes] | forking.Forked") -> None:
    child.send_signal(signal.SIGCONT)  # one that hangs on purpose would not see the next signal
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_TAIL:]
