"""Starts `tagwarden` without the second of imports: forked from a process that has done them (`template.py`).

Tests start it hundreds of times. The first of each command within a block is started as people start it, so that what
works only because something else was imported before is seen; so is whatever a shell or systemd starts, and every
worker of the proxy.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from deploy.stack.programs import program
from deploy.stack.template import REQUEST_BYTES, STATUS

_TEMPLATE: Final = Path(__file__).with_name("template.py")
_FAMILIES: Final = ("config", "trust")  # two words make a command
_installed: "list[Template]" = []


class Forked:
    """A process that was forked, with what is used of `subprocess.Popen`."""

    def __init__(self, command: Sequence[str], told: int) -> None:
        """Learn its process id.

        Args:
            command: For exceptions.
            told: The descriptor on which the template tells of it; closed when it has ended.
        """
        self.args = command
        self.returncode: int | None = None
        self._told = told
        self.pid = self._hear()

    def poll(self) -> int | None:
        """Its exit code once it has ended, negative for a signal."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code.

        Raises:
            subprocess.TimeoutExpired: It did not end within so many seconds.
        """
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it is gone, and the template is about to tell
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM, unless it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
            self.returncode = self._hear()
            os.close(self._told)
        return self.returncode

    def _hear(self) -> int:
        heard = os.read(self._told, STATUS.size)
        if not heard:
            raise RuntimeError("the process that others are forked from has ended")
        number: int = STATUS.unpack(heard)[0]
        return number


class Template:
    """The process that others are forked from."""

    def __init__(self, script: Path, requests: socket.socket) -> None:
        """Use it.

        Args:
            script: What is started by forking.
            requests: The socket that it answers.
        """
        self._script = str(script)
        self._requests = requests
        self._started: set[tuple[str, ...]] = set()

    def serves(self, command: Sequence[str]) -> bool:
        """Whether a command is to be forked: the first of its name is started as people start it."""
        if str(command[0]) != self._script:
            return False
        words = tuple(command[1:3] if command[1] in _FAMILIES else command[1:2])
        is_known = words in self._started
        self._started.add(words)
        return is_known

    def start(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
        *,
        own_session: bool = False,
    ) -> Forked:
        """Fork a process. Standard input, output and error are the three `streams`."""
        request = {
            "command": list(map(str, command)),
            "directory": str(directory),
            "environment": dict(environment),
            "own_session": own_session,
        }
        message = json.dumps(request).encode()
        if len(message) > REQUEST_BYTES:
            raise ValueError(f"a command of {len(message)} bytes is more than the template reads")
        told, tells = os.pipe()
        try:
            socket.send_fds(self._requests, [message], [*streams, tells])
        finally:
            os.close(tells)
        return Forked(command, told)


def template_for(command: Sequence[str]) -> Template | None:
    """Who forks this command, if anybody does."""
    return next((each for each in _installed if each.serves(command)), None)


@contextmanager
def forking(script: Path) -> Iterator[None]:
    """Fork, within the block, what `commands.run` and `daemons.running` start of a script that is Tagwarden's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        descriptor = theirs.fileno()
        outer = [program("setpriv"), "--pdeathsig", "TERM", "--"]
        child = subprocess.Popen(
            [*outer, sys.executable, "-P", str(_TEMPLATE), str(descriptor)],
            stdin=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},  # what of ours would change how it buffers is not for commands
            pass_fds=[descriptor],
            start_new_session=True,
        )
        theirs.close()
        installed = Template(script, ours)
        _installed.append(installed)
        try:
            yield
        finally:
            _installed.remove(installed)
            ours.close()
            child.wait()


def run(  # the arguments are those of `subprocess.run`
    template: Template,
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    typed: bytes,
    seconds: float,
) -> tuple[int, bytes]:
    """Fork a command and wait for its end; its exit code, and what it printed on both outputs.

    Raises:
        subprocess.TimeoutExpired: It did not end within so many seconds.
    """
    with tempfile.TemporaryFile() as entered, tempfile.TemporaryFile() as printed:
        entered.write(typed)
        entered.seek(0)
        process = template.start(
            command, directory, environment, [entered.fileno(), printed.fileno(), printed.fileno()]
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        printed.seek(0)
        return status, printed.read()
