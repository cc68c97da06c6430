"""Reads a simulated Notary with the verifier under test, without network: the one file here that knows both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from proxy.errors import NotaryUnreachable, TrustError
from proxy.names import Gun
from proxy.tuf.collection import Collection, Stored
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable
from proxy.tuf.pins import Pins
from proxy.tuf.update import update
from tests.support.notary_oracle import Listed, Reading, Refused
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW


@dataclass
class Reader:
    """Drives `update` against a simulator; `rounds` records what each step asked for at once."""

    sim: NotarySimulator
    pins: Pins = field(default_factory=Pins.tofu)
    now: datetime = NOW
    rounds: list[tuple[str, ...]] = field(default_factory=list)
    blocked: Mapping[str, str] = field(default_factory=dict)
    grace: timedelta = timedelta()

    def read(self, stored: Stored | None = None) -> Collection:
        """Run one update from first request to last. Raises what the update raises."""
        workflow = update(Gun(self.sim.gun), self.pins, stored, self.now, self.blocked, self.grace)
        try:
            fetches = next(workflow)
            while True:
                self.rounds.append(tuple(fetch.name for fetch in fetches))
                fetches = workflow.send(tuple(self._reply(fetch) for fetch in fetches))
        except StopIteration as finished:
            collection: Collection = finished.value
            return collection

    @property
    def requests(self) -> list[str]:
        """Everything that was asked for, in order."""
        return [name for asked in self.rounds for name in asked]

    def _reply(self, fetch: Fetch) -> Reply:
        answer = self.sim.answer(fetch.name)
        if answer.status == 404:
            return Missing()
        if answer.status == 0:
            return Unavailable("connection refused")
        if answer.status != 200:
            return Unavailable(f"status {answer.status}", answer.status)
        return TooLarge() if len(answer.body) > fetch.limit else Fetched(answer.body)


def read(
    sim: NotarySimulator,
    stored: Stored | None = None,
    *,
    pins: Pins | None = None,
    now: datetime = NOW,
    blocked: Mapping[str, str] | None = None,
    grace: timedelta = timedelta(),
) -> Collection:
    """Read a simulated Notary once; `blocked` are public key ids and why. Raises what the update raises."""
    return Reader(sim, pins or Pins.tofu(), now, blocked=blocked or {}, grace=grace).read(stored)


def remembered(sim: NotarySimulator, *, pins: Pins | None = None, now: datetime = NOW) -> Stored:
    """What stays of reading a simulated Notary for the first time."""
    return read(sim, pins=pins, now=now).stored()


def tags_of(collection: Collection, roles: Iterable[str]) -> dict[str, tuple[str, str, int]]:
    """The tags of these roles as `notary list` prints them: the first role that has a tag speaks for it."""
    tags: dict[str, tuple[str, str, int]] = {}
    usable = {str(role.name): role for role in collection.usable()}
    for name in (name for name in roles if name in usable):
        for tag in usable[name].targets:
            target = usable[name].target(tag)
            if target is not None:
                tags.setdefault(str(tag), (name, target.digest.hex, target.length))
    return tags


@dataclass(frozen=True)
class Undecided:
    """The verifier could not tell: Notary did not answer."""

    why: str


def judge(
    sim: NotarySimulator, roles: Iterable[str], stored: Stored | None, pins: Pins | None = None
) -> Reading | Undecided:
    """Read a simulated Notary and say it in the words of the oracle."""
    try:
        return Listed(tags_of(read(sim, stored, pins=pins), roles))
    except TrustError as error:
        return Refused(repr(error))
    except NotaryUnreachable as error:
        return Undecided(error.why)
