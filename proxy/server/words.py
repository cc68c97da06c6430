"""What a worker and its supervisor say to each other: one JSON object a line, every type in it checked.

Nothing of it is evidence. The worst that a wrong word can do is a check too many, or a change that is noticed after
`fresh_for`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter

from proxy.decision_cache import EvidenceKey
from proxy.errors import NameInvalid
from proxy.limits import CHANNEL_COLLECTIONS, CHANNEL_HINTED_BYTES
from proxy.names import Gun
from proxy.policy.entries import Policy


def _gun(raw: object) -> Gun:
    try:
        if isinstance(raw, str):
            return Gun(raw)
    except NameInvalid:
        pass
    raise ValueError("this names no collection")


Name: TypeAlias = Annotated[Gun, PlainValidator(_gun)]
Kind: TypeAlias = Annotated[int, Field(ge=0)]
Generation: TypeAlias = Annotated[int, Field(ge=1)]
Number: TypeAlias = Annotated[int, Field(ge=1)]
Seconds: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
"""Of the machine's monotonic clock, which all of its processes share."""
_Many: Final = Field(max_length=CHANNEL_COLLECTIONS)


class Word(BaseModel):
    """One line."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def line(self) -> bytes:
        """As it is sent."""
        return self.model_dump_json().encode() + b"\n"


class Serving(Word):
    """A worker serves."""

    say: Literal["serving"] = "serving"


class Rebound(Word):
    """A worker serves under the configuration of this number, and under none before it."""

    say: Literal["rebound"] = "rebound"
    number: Number


class Asked(Word):
    """Clients of a worker asked for these since it said so last, and at which generation it knows them.

    Without a generation it knew something that does not hold any more. Empty ones are signs of life. Kinds are those
    of the configuration with this `number`.
    """

    say: Literal["asked"] = "asked"
    number: Number = 1
    of: Annotated[list[tuple[Kind, Name, Generation | None]], _Many]


class Confirmed(Word):
    """Notary was asked: the trust store is at this generation, with this timestamp (SHA-256), as of then."""

    say: Literal["confirmed"] = "confirmed"
    kind: Kind
    gun: Name
    generation: Generation
    timestamp: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    is_whole: bool
    checked_at: AwareDatetime
    checked: Seconds


class Doubted(Word):
    """What Notary says of a collection does not hold."""

    say: Literal["doubted"] = "doubted"
    kind: Kind
    gun: Name


class Unconfirmed(Word):
    """Nothing could be found out of a collection: what a worker knows from before then it has to check for itself."""

    say: Literal["unconfirmed"] = "unconfirmed"
    kind: Kind
    gun: Name
    at: Seconds


class Hinted(Word):
    """A changefeed named these, then; None is all of a Notary."""

    say: Literal["hinted"] = "hinted"
    notary: str
    guns: Annotated[list[Name], _Many] | None
    at: Seconds

    @classmethod
    def all_of(cls, notary: str, guns: frozenset[Gun] | None, at: float) -> Iterator[Self]:
        """As many words as it takes, or one about all of the Notary, where it takes too many.

        They are said in one go, and a Notary decides how much that is: it must not be what ends a worker.
        """
        if guns is None or sum(map(_size, guns)) > CHANNEL_HINTED_BYTES:
            yield cls(notary=notary, guns=None, at=at)
        else:
            yield from (cls(notary=notary, guns=some, at=at) for some in portions(tuple(guns)))


class Greeted(Word):
    """A worker was told all that it has to know before it serves."""

    say: Literal["greeted"] = "greeted"


class Rebind(Word):
    """Serve under another configuration, which is as long as that in the file that the first one came in.

    What is said after it is about the kinds of that one.
    """

    say: Literal["rebind"] = "rebind"
    number: Number
    length: Annotated[int, Field(ge=1)]


FromWorker: TypeAlias = Serving | Rebound | Asked
FoundOut: TypeAlias = Confirmed | Doubted | Unconfirmed | Hinted
FromSupervisor: TypeAlias = FoundOut | Greeted | Rebind

FROM_WORKER: Final[TypeAdapter[FromWorker]] = TypeAdapter(Annotated[FromWorker, Field(discriminator="say")])
FROM_SUPERVISOR: Final[TypeAdapter[FromSupervisor]] = TypeAdapter(Annotated[FromSupervisor, Field(discriminator="say")])


def portions(all_of_them: Sequence[Gun]) -> Iterator[list[Gun]]:
    """As many at once as one word holds."""
    starts = range(0, len(all_of_them), CHANNEL_COLLECTIONS)
    return (list(all_of_them[start : start + CHANNEL_COLLECTIONS]) for start in starts)


def _size(gun: Gun) -> int:
    """Of a name in a line, in bytes: with its quotation marks and a comma; in a name they are marked by a backslash."""
    return len(gun) + gun.count('"') + 3


class Kinds:
    """Numbers for what entries that share evidence have in common: both ends have the same configuration.

    `configuration` is its number: the first is 1, and each that follows while the proxy runs has the next.
    """

    def __init__(self, policy: Policy, configuration: int = 1) -> None:
        """Number them as they come."""
        self.configuration = configuration
        self._kinds = tuple(dict.fromkeys((each.notary, each.pins, each.expiry_grace) for each in policy.entries))
        self._numbers = {kind: number for number, kind in enumerate(self._kinds)}

    def number(self, key: EvidenceKey) -> int | None:
        """The number of a key's kind; None for one of another configuration."""
        notary, _, pins, grace = key
        return self._numbers.get((notary, pins, grace))

    def key(self, number: int, gun: Gun) -> EvidenceKey:
        """The key that somebody named. Raises `IndexError` where there is no such kind."""
        notary, pins, grace = self._kinds[number]
        return notary, gun, pins, grace

    def keys(self, notary: str, guns: Iterable[Gun]) -> Iterator[EvidenceKey]:
        """All keys that these collections of a Notary can have."""
        return ((name, gun, pins, grace) for gun in guns for name, pins, grace in self._kinds if name == notary)
