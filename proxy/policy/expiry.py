"""Until when trust data counts (design: Freshness; L3).

1. Root, `targets` and delegations count until they expire.
2. The snapshot counts for `expiry_grace` longer.
3. So does the timestamp, unless there is an outage: Notary signs it anew only after it expired, so one that was
   good at the last check says nothing against what was confirmed then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.errors import Expired
from proxy.names import TARGETS, RoleName
from proxy.tuf.collection import Collection

_LAST: Final = datetime.max.replace(tzinfo=UTC)


def valid_until(rests_on: Iterable[RoleName], collection: Collection, now: datetime, grace: timedelta) -> datetime:
    """When the first of these roles stops to count, those above them included; `grace` is `expiry_grace`.

    A collection is verified when it is fetched and asked for a while longer, so a role may have run out
    since. Raises `Expired`, which names the role's own expiry.
    """
    ends = dict(_ends(rests_on, collection, grace))
    first = min(ends, key=lambda name: ends[name][0])
    end, expires = ends[first]
    if end < now:
        raise Expired(first, expires)
    return end


def in_outage(collection: Collection, checked_at: datetime) -> Collection:
    """The same as it counts while Notary is away, which confirmed it last at `checked_at`.

    A timestamp that had expired by then counted only by grace, and goes on to.
    """
    return replace(collection, counts_timestamp=collection.timestamp.expires < checked_at)


def by_grace(collection: Collection, now: datetime) -> tuple[RoleName, ...]:
    """Of timestamp and snapshot those that count only by `expiry_grace`, if they count."""
    tops = (collection.timestamp, collection.snapshot) if collection.counts_timestamp else (collection.snapshot,)
    return tuple(top.name for top in tops if top.expires < now)


def with_grace(expires: datetime, grace: timedelta) -> datetime:
    """Until when something counts that has a grace; whoever signs may write the last instant that there is."""
    return expires + grace if expires < _LAST - grace else _LAST


def _ends(
    rests_on: Iterable[RoleName], collection: Collection, grace: timedelta
) -> Iterator[tuple[RoleName, tuple[datetime, datetime]]]:
    """Until when each role counts, and when it expires."""
    root, timestamp, snapshot = collection.root, collection.timestamp, collection.snapshot
    yield root.name, (root.expires, root.expires)
    for top in (timestamp, snapshot) if collection.counts_timestamp else (snapshot,):
        yield top.name, (with_grace(top.expires, grace), top.expires)
    usable = {role.name: role.expires for role in collection.usable()}
    for role in rests_on:
        for name in _upwards(role):
            yield name, (usable[name], usable[name])


def _upwards(name: RoleName) -> Iterator[RoleName]:
    """A role and those above it, up to `targets`."""
    yield name
    while name != TARGETS:
        name = name.parent
        yield name
