"""A compact collection answers everything that policy asks as the whole one does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Blocked, Expired, MetadataCorrupt, Rollback, ThresholdNotMet, TrustError
from proxy.limits import PACKED_PLAIN_BYTES, SKIPPED_TOLD
from proxy.names import ROOT, TARGETS, TIMESTAMP, Digest, RoleName, Tag
from proxy.tuf.collection import Collection, Role, Stored, TopRole, Unpublished, Unusable
from proxy.tuf.keys import PublicKey
from proxy.tuf.packed import compact, pack, timestamp_of, unfold, unpack
from proxy.tuf.targets import PackedTargets, Target
from tests.support.collections import NOW, digest, of, says, target, unpublished, unusable
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader

FILES: Final = {ROOT: b"root", TIMESTAMP: b"timestamp", TARGETS: b"targets"}
KEY: Final = PublicKey("ecdsa", b"", "ab" * 32, "cd" * 32, None)
ODD: Final = PublicKey("ecdsa", b"", "AB" * 32, "no hash", None)
ERRORS: Final[list[TrustError]] = [
    Expired("targets/alice", NOW),
    ThresholdNotMet("targets/alice", 0, 2),
    Rollback("targets/alice", "from version 2 to 1"),
    MetadataCorrupt("targets/alice", "it is declared twice"),
    Blocked("key abc..", "stolen"),
]

INSTANTS: Final = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  (aware)
TAGS: Final = st.from_regex(r"[a-z][a-z0-9.]{0,5}", fullmatch=True).map(Tag)
SAID: Final = st.dictionaries(
    TAGS,
    st.builds(Target, st.binary(min_size=32, max_size=32).map(Digest.from_hash), st.integers(0, 2**40)),
    max_size=5,
)
KEYS: Final = st.dictionaries(st.text(max_size=70), st.sampled_from([KEY, ODD]), max_size=3)
NAMES: Final = st.sampled_from([RoleName(f"targets/{name}") for name in ("alice", "alice/deep", "releases", "qa")])
PATHS: Final = st.lists(st.text(max_size=3), max_size=2).map(tuple)
THRESHOLDS: Final = st.integers(1, 300)
ROLES: Final = (
    st.builds(
        Role, NAMES, st.integers(1, 2**53), INSTANTS, THRESHOLDS, KEYS, st.frozensets(st.text(max_size=5)), PATHS, SAID
    )
    | st.builds(Unusable, NAMES, st.sampled_from(ERRORS), KEYS, THRESHOLDS, PATHS, SAID)
    | st.builds(Unpublished, NAMES, KEYS, THRESHOLDS, PATHS)
)


def whole(*roles: Role | Unusable | Unpublished, **changes: object) -> Collection:
    """A collection with files."""
    return replace(of(*roles), files=FILES, hashes={}, **changes)  # type: ignore[arg-type]  # Collection's own names


@given(st.lists(ROLES, max_size=4, unique_by=lambda role: role.name))
def test_every_role_says_the_same_compact(roles: list[Role | Unusable | Unpublished]) -> None:
    """Versions, expiries, thresholds, signatures, paths, targets, claims and both ids of every key come through."""
    before = whole(*roles)
    after = compact(before)
    assert list(after.roles) == list(before.roles)
    for name, role in before.roles.items():
        assert shown(after.roles[name]) == shown(role)
    assert after.tags() == before.tags()
    assert list(after.in_order()) == list(before.in_order()) == sorted(before.tags())
    for each in before.usable():
        for said in each.targets.values():
            assert after.naming(said.digest) == before.naming(said.digest)


def shown(role: Role | Unusable | Unpublished) -> tuple[object, ...]:
    """All that is asked of a role."""
    ids = [(listed, key.key_id, key.public_key_id) for listed, key in role.keys.items()]
    declared = (type(role), role.name, ids, role.threshold, role.paths)
    match role:
        case Role():
            return (*declared, role.version, role.expires, role.signed_by, dict(role.targets))
        case Unusable():
            return (*declared, type(role.error), str(role.error), dict(role.claims))
        case Unpublished():
            return declared


@given(INSTANTS, INSTANTS, INSTANTS, st.booleans())
def test_the_top_says_the_same_compact(root: datetime, timestamp: datetime, snapshot: datetime, counts: bool) -> None:  # noqa: FBT001  (a case)
    """Versions and expiries to the microsecond, the hashes of all files, and whether the timestamp counts."""
    tops = {
        name: TopRole(RoleName(name), number, at)
        for number, (name, at) in enumerate((("root", root), ("timestamp", timestamp), ("snapshot", snapshot)), 1)
    }
    before = whole(root=tops["root"], timestamp=tops["timestamp"], snapshot=tops["snapshot"], counts_timestamp=counts)
    after = compact(before)
    for name in ("gun", "root", "timestamp", "snapshot", "hashes", "counts_timestamp", "skipped", "declares_releases"):
        assert getattr(after, name) == getattr(before, name)
    assert after.is_compact
    assert not before.is_compact


def test_keys_are_kept_by_their_ids_alone() -> None:
    """Nothing is verified with them any more; the root's are not asked for at all."""
    sim = NotarySimulator("registry.example.com/shop/api")
    sim.sign("1.4")
    sim.publish()
    before = Reader(sim).read()
    after = compact(before)
    (key,) = after.targets.keys.values()
    assert key.material is None
    assert not key.verifies("ecdsa", b"", b"")
    assert (before.root_keys, after.root_keys) != ({}, before.root_keys)
    assert after.root_keys == {}
    assert after.hashes == before.hashes
    assert after.with_files(before.files).stored() == before.stored()
    assert unfold(after, before.files).root_keys == before.root_keys


def test_compact_collection_has_nothing_to_remember() -> None:
    """Its files are elsewhere: to commit it would be to forget them."""
    with pytest.raises(TypeError):
        compact(whole()).stored()
    assert of().stored() == Stored({})


def test_files_come_back_only_to_where_they_belong() -> None:
    """Any other files, one too few, or one too many are not taken."""
    after = compact(whole())
    assert after.with_files(FILES).files == FILES
    for wrong in ({}, {**FILES, ROOT: b"other"}, {**FILES, RoleName("snapshot"): b""}):
        with pytest.raises(ValueError, match="not the files"):
            after.with_files(wrong)


def test_timestamp_is_told_without_unpacking() -> None:
    """It is asked for all the time; a collection without one has none."""
    assert timestamp_of(pack(whole())) == whole().hashes[TIMESTAMP]
    assert timestamp_of(pack(of())) == bytes(32)
    assert unpack(pack(of())).hashes == {}


@pytest.mark.parametrize("tags", [pytest.param(10, id="small"), pytest.param(5000, id="large")])
def test_size_changes_nothing_but_the_form(tags: int) -> None:
    """Small collections are compressed, large ones are not, and both are read again."""
    said = {f"v{number}": f"image {number}" for number in range(tags)}
    before = whole(says("targets/alice", said), says("targets/releases", said))
    packed = pack(before)
    assert (len(packed) > PACKED_PLAIN_BYTES) == (tags > 10)
    assert len(packed) < 100 * tags
    assert unpack(packed).tags() == before.tags()
    assert pack(unpack(packed)) == packed


@pytest.mark.parametrize(
    ("told", "last"),
    [
        pytest.param(SKIPPED_TOLD, "target 99", id="all"),
        pytest.param(SKIPPED_TOLD + 1, "1 more", id="one too many"),
        pytest.param(10 * SKIPPED_TOLD, "900 more", id="far too many"),
    ],
)
def test_only_so_many_skipped_targets_are_told(told: int, last: str) -> None:
    """A hostile file with a million of them fills no log."""
    skipped = compact(whole(skipped=tuple(f"target {number}" for number in range(told)))).skipped
    assert skipped[-1] == last
    assert len(skipped) <= SKIPPED_TOLD + 1


def test_digest_is_found_in_packed_and_plain_roles_alike() -> None:
    """A view of a packed collection may have plain roles beside packed ones."""
    packed = compact(whole(says("targets/alice", {"1": "x", "2": "y"}))).roles[RoleName("targets/alice")]
    mixed = of(says("targets", {"3": "x"}), packed)
    assert mixed.naming(digest("x")) == {"1", "3"}
    assert mixed.naming(digest("y")) == {"2"}
    assert mixed.naming(digest("z")) == frozenset()


def test_packed_role_speaks_only_of_tags_that_its_paths_cover() -> None:
    """Packing changes nothing about who may speak of what."""
    alice = says("targets/alice", {"v1": "new", "dev": "old"}, paths=("v",))
    role = compact(whole(alice, unusable("targets/bob", ERRORS[0], {"v1": "new"}), unpublished("targets/ci"))).roles
    packed = role[alice.name]
    assert isinstance(packed, Role)
    assert isinstance(packed.targets, PackedTargets)
    assert packed.target(Tag("v1")) == target("new")
    assert packed.target(Tag("dev")) is None


def test_outage_is_told_apart() -> None:
    """A twin whose timestamp does not count is another collection with the same files."""
    twin = replace(whole(), counts_timestamp=False)
    assert twin.hashes == whole().hashes
    assert not compact(twin).counts_timestamp
    assert whole().timestamp.expires - timedelta(0) == twin.timestamp.expires
