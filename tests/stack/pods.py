"""A pod as the network sees it: a namespace of its own, in which its processes share one loopback."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack.commands import Outcome, run
from deploy.stack.containerd import require_root
from deploy.stack.daemons import Daemon, running
from deploy.stack.programs import program

_NETWORK: Final = "10.77.0.{}"
_NO_CONNECTION: Final = (7, 28)  # of curl: refused, or no way there; nothing came within the time


@dataclass(frozen=True)
class Pod:
    """A network namespace with an address that its neighbour reaches; `pid` is the process that keeps it."""

    name: str
    address: str
    pid: int
    directory: Path

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Outcome:
        """Run a command in it to its end."""
        return run([*self._entering(), *command], home=self.directory, environment=environment)

    @contextmanager
    def running(self, command: Sequence[str], *, name: str, answers: Callable[[], bool]) -> Iterator[Daemon]:
        """Run a daemon in it for as long as the block lasts."""
        with running([*self._entering(), *command], name=name, directory=self.directory, answers=answers) as daemon:
            yield daemon

    def _entering(self) -> list[str]:
        return [program("nsenter"), f"--net=/proc/{self.pid}/ns/net", "--"]

    def reaches(self, url: str) -> bool:
        """Whether a server answers there, whatever it says, to somebody in this pod.

        Raises:
            CommandFailed: It was something else than a connection that failed.
        """
        outcome = self.run([program("curl"), "--silent", "--output", "/dev/null", "--max-time", "5", url])
        if outcome.status in _NO_CONNECTION:
            return False
        outcome.must()
        return True


@contextmanager
def neighbours(directory: Path, one: str, other: str) -> Iterator[tuple[Pod, Pod]]:
    """Make two pods that are joined by a cable, for as long as the block lasts; neither has another way out.

    Args:
        directory: Where each has a directory of its name, for its processes and their logs.
        one: The name of the first.
        other: The name of the second.

    Raises:
        RootNeeded: We are not root.
    """
    require_root("a network namespace")
    ip, directory = program("ip"), directory.absolute()
    with ExitStack() as stack:
        keepers = [stack.enter_context(_namespace(directory / name)) for name in (one, other)]
        first = Pod(one, _NETWORK.format(2), keepers[0], directory / one)
        second = Pod(other, _NETWORK.format(3), keepers[1], directory / other)
        ends = [f"name eth0 netns {pod.pid}".split() for pod in (first, second)]
        run([ip, "link", "add", *ends[0], "type", "veth", "peer", *ends[1]], home=directory).must()
        for pod in (first, second):
            for line in ("link set lo up", f"address add {pod.address}/24 dev eth0", "link set eth0 up"):
                pod.run([ip, *line.split()]).must()
        yield first, second


@contextmanager
def _namespace(directory: Path) -> Iterator[int]:
    """Keep a network namespace; it is gone with the last of its processes."""
    begun = directory / "begun"
    waiting = ["/bin/sh", "-c", 'touch "$0" && exec sleep infinity', str(begun)]
    command = [program("unshare"), "--net", "--", *waiting]
    with running(command, name="pause", directory=directory, answers=begun.exists) as daemon:
        yield daemon.pid
