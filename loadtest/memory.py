"""`python -m loadtest.memory`: what the evidence of a hundred thousand collections takes, above an idle proxy.

Each has what `docker trust` leaves behind: root, targets, snapshot, timestamp, and ten tags in `targets/releases` and
in one signer's role alike. Ids, digests and hashes are random, so nothing can be shared or compressed away that
could not in earnest.
"""

import argparse
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import proxy.server  # noqa: F401  (an idle proxy has all of it in memory)
from loadtest.big_memory import resident
from proxy.decision_cache import DecisionCache, Evidence, EvidenceKey
from proxy.names import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Digest, Gun, RoleName, Tag
from proxy.policy.past import NO_PAST
from proxy.tuf.collection import Collection, Role, Target, TopRole
from proxy.tuf.keys import PublicKey
from proxy.tuf.packed import compact
from proxy.tuf.pins import Pins, RootPin

_NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
_ALICE: Final = RoleName("targets/alice")
_MIB: Final = 1 << 20
_NO_GRACE: Final = timedelta()  # one object for all, as an entry has it


def main() -> None:
    """Fill a cache, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collections", type=int, default=100_000)
    parser.add_argument("--tags", type=int, default=10)
    parser.add_argument("--most", type=int, default=150, help="MiB above idle; more than that fails")
    wanted = parser.parse_args()
    cache, pins = DecisionCache(), Pins((RootPin("corp", public_key_ids=frozenset({"0" * 64})),))
    chance = random.Random(wanted.tags)  # noqa: S311  (a measurement that can be repeated)
    put(cache, _key(pins, -1), _collection(chance, -1, wanted.tags), 0.0)  # whatever is only needed once
    idle, began = resident(), time.perf_counter()
    for number in range(wanted.collections):
        put(cache, _key(pins, number), _collection(chance, number, wanted.tags), float(number))
    took, seconds = resident() - idle, time.perf_counter() - began
    print(f"idle: {idle / _MIB:.0f} MiB")
    print(f"{wanted.collections} collections of {wanted.tags} tags: {took / _MIB:.0f} MiB above idle,", end=" ")
    print(f"{took / wanted.collections:.0f} bytes each, in {seconds:.0f} s")
    began, asked = time.perf_counter(), range(0, wanted.collections, max(1, wanted.collections // 1000))
    found = sum(cache.get(_key(pins, number)) is not None for number in asked)
    print(f"{found} of {len(asked)} found again, {1e6 * (time.perf_counter() - began) / len(asked):.0f} us each")
    if took > wanted.most * _MIB or found != len(asked):
        raise SystemExit(f"more than {wanted.most} MiB, or some are lost")


def put(cache: DecisionCache, key: EvidenceKey, collection: Collection, seconds: float) -> None:
    """Keep a collection as renewal does."""
    at = _NOW + timedelta(seconds=seconds)
    cache.put(key, Evidence(compact(collection), NO_PAST, 1, at, seconds))


def _key(pins: Pins, number: int) -> EvidenceKey:
    return "corp", Gun(f"registry.example.com/team-{number % 97}/service-{number}"), pins, _NO_GRACE


def _collection(chance: random.Random, number: int, tags: int) -> Collection:
    signed = {
        Tag(f"1.{number % 7}.{tag}"): Target(Digest.from_hash(chance.randbytes(32)), chance.randrange(500, 3000))
        for tag in range(tags)
    }
    expires = {name: _NOW + timedelta(seconds=chance.randrange(10**7, 10**8)) for name in (ROOT, TIMESTAMP, SNAPSHOT)}
    tops = {name: TopRole(name, chance.randrange(1, 500), instant) for name, instant in expires.items()}
    roles = {
        TARGETS: _role(chance, TARGETS, {}),
        RELEASES: _role(chance, RELEASES, signed),
        _ALICE: _role(chance, _ALICE, signed),
    }
    return Collection(
        gun=_key(Pins.tofu(), number)[1],
        root=tops[ROOT],
        root_keys=_keys(chance, 1, in_certificate=True),
        timestamp=tops[TIMESTAMP],
        snapshot=tops[SNAPSHOT],
        roles=roles,
        files={},
        skipped=(),
        hashes={name: chance.randbytes(32) for name in (*tops, *roles)},
    )


def _role(chance: random.Random, name: RoleName, signed: dict[Tag, Target]) -> Role:
    keys = _keys(chance, 1)
    expires = _NOW + timedelta(seconds=chance.randrange(10**7, 10**8))
    return Role(name, chance.randrange(1, 500), expires, 1, keys, frozenset(keys), ("",), signed)


def _keys(chance: random.Random, number: int, *, in_certificate: bool = False) -> dict[str, PublicKey]:
    ids = [chance.randbytes(32).hex() for _ in range(number)]
    public = {key_id: chance.randbytes(32).hex() if in_certificate else key_id for key_id in ids}
    return {key_id: PublicKey("ecdsa", b"", key_id, public[key_id], None) for key_id in ids}


if __name__ == "__main__":
    main()
