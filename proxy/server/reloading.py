"""Has a changed configuration take the place of the one before, whole or not at all (design: Command line, `serve`).

What is wrong with it is said in one event, and the last good one goes on. It is taken before anybody is told so: a
request that begins after `reloaded` is decided by the new rules, in every process.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import structlog

from proxy import telemetry
from proxy.config import ConfigProblems, Seen, Settings
from proxy.errors import UserError
from proxy.limits import WATCHED_SECONDS
from proxy.server.changes import changes
from proxy.server.fixed import kept_from
from proxy.server.signals import told_to_reload
from proxy.server.watching import Cause, Watch
from proxy.tasks import spawn

Read: TypeAlias = Callable[[Seen], Settings]
"""Reads the configuration, and notes what it looked at. Raises `UserError`."""

Take: TypeAlias = Callable[[Settings], Awaitable[object]]
"""Goes on with a configuration. Raises `UserError` where that cannot be; then the one before is in effect."""

Noted: TypeAlias = Callable[[Settings | None], None]

_log = structlog.get_logger()


@dataclass(slots=True)
class Configuration:
    """The configuration in effect, what was looked at when it was read last, and how to read it anew."""

    read: Read
    settings: Settings
    seen: Seen

    @classmethod
    def first(cls, read: Read) -> Self:
        """Read it for the first time. Raises `UserError`."""
        seen = Seen()
        return cls(read, read(seen), seen)

    def warn(self, before: tuple[str, ...] = ()) -> None:
        """Say what is allowed and should not go unnoticed, unless it was said before."""
        for warning in self.settings.warnings:
            if warning not in before:
                _log.warning("configuration", warning=warning)


@dataclass(slots=True)
class Reloading:
    """Reads the configuration anew whenever that is due; `noted` hears each time what was taken, or None."""

    configuration: Configuration
    take: Take
    noted: Noted
    watch: Watch = field(default_factory=Watch)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            cause = await self._due()
            try:
                await self._reload(cause)
            except ConfigProblems as found:
                self._refuse(cause, [str(each) for each in found.problems])
            except UserError as error:
                self._refuse(cause, str(error).splitlines())
            except Exception:  # noqa: BLE001  (a defect of ours must not end this for good)
                _log.exception("unexpected error")
                self._refuse(cause, ["unexpected error, which is told above"])

    async def _due(self) -> Cause:
        """Wait until it is to be read; not being able to look, as without another thread, ends nothing for good."""
        while True:
            try:
                return await self.watch.wait(self.configuration.seen)
            except Exception:  # noqa: BLE001  (whatever it is: somebody may ask, or the next look may go well)
                _log.exception("unexpected error")
                await asyncio.sleep(WATCHED_SECONDS)

    async def _reload(self, cause: Cause) -> None:
        """Read it, and go on with it. Raises `UserError` where that cannot be."""
        telemetry.reopen()
        configuration, seen = self.configuration, Seen()
        before = configuration.settings
        try:
            after, changed = await asyncio.to_thread(self._read, seen)
        finally:
            if seen.looks:  # else nothing was read, and nothing would be watched from now on
                configuration.seen = seen
        await self.take(after)
        configuration.settings = after
        self.noted(after)
        configuration.warn(before.warnings)
        generations = {"before": before.generation, "generation": after.generation}
        _log.info("reloaded", audit=telemetry.Audit.RELOADED, cause=cause, **generations, changed=changed)

    def _read(self, seen: Seen) -> tuple[Settings, list[str]]:
        """Beside the event loop: a large one takes its time."""
        before, after = self.configuration.settings, self.configuration.read(seen)
        if sentences := list(kept_from(before, after)):
            raise UserError("\n".join(sentences))
        return after, changes(before, after)

    def _refuse(self, cause: Cause, problems: list[str]) -> None:
        self.noted(None)
        generation = self.configuration.settings.generation
        told = {"cause": cause, "generation": generation, "problems": problems}
        _log.error("not reloaded: the last good configuration stays", audit=telemetry.Audit.RELOADED, **told)


@asynccontextmanager
async def reloading(configuration: Configuration, take: Take, noted: Noted) -> AsyncIterator[None]:
    """Follow changes of the configuration for as long as the context lasts."""
    following = Reloading(configuration, take, noted)
    with told_to_reload(following.watch.ask):
        task = spawn(following.run(), name="reloading")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
