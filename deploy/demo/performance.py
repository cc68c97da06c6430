"""One run of the demo: a clean directory, everything started, signed and configured."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.demo import configuration
from deploy.demo.content import fill
from deploy.demo.screen import Screen
from deploy.demo.stage import Stage, stage
from deploy.demo.story import Step, steps
from deploy.stack.proxy import Proxy, serving


class Busy(RuntimeError):
    """Another demo is running in this checkout."""


@contextmanager
def performance(state: Path, screen: Screen) -> Iterator[tuple[Stage, Proxy, Iterator[Step]]]:
    """Start the whole demo in `state/demo`, for as long as the block lasts.

    Raises:
        Busy: Another demo is running there.
        CommandFailed: Something could not be signed.
        DaemonFailed: A daemon did not start.
        ProgramMissing: A program is not installed.
    """
    directory = state / "demo"
    with _alone(state):
        shutil.rmtree(directory, ignore_errors=True)
        screen.say("A registry, a Notary server, people who sign, and Tagwarden in front:")
        with ExitStack() as running:
            parts = running.enter_context(stage(directory, screen))
            with screen.step("Pushing images and signing them"):
                content = fill(parts)
            with screen.step("Writing the configuration"):
                file = configuration.write(parts)
            with screen.step("Starting tagwarden"):
                address = configuration.listen_address(parts)
                proxy = running.enter_context(serving(file, address, parts.probes))
            yield parts, proxy, steps(parts, content)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("a demo is running in this checkout already: stop it first, with Ctrl-C") from None
        yield
