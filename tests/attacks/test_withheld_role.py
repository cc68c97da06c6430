"""Withheld role: the server leaves a delegation out, so that a decision falls back to something weaker."""

from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, Rollback, SignerMissing, TagNotSigned
from proxy.names import RoleName
from proxy.policy.signers import AnyOf
from proxy.tuf.collection import Unpublished
from tests.attacks.shop import (
    BY_ALICE,
    GOOD,
    RELEASED,
    SIGNERS,
    TAG,
    answer,
    defect,
    digest_of,
    memory,
    release,
    shop,
    usable,
)
from tests.support.collections import signer
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read

_OLDER: Final = b"an older image that targets still names"


def _left_out(role: str) -> NotarySimulator:
    """Holding the keys of timestamp and snapshot, publish a snapshot that does not list the role."""
    sim = shop()
    sim.snapshot.before_signing.append(lambda fields: fields["meta"].pop(role))
    sim.bump("snapshot", "timestamp")
    sim.publish()
    return sim


@pytest.mark.parametrize("role", SIGNERS)
def test_a_role_that_was_published_may_not_vanish(role: str) -> None:
    """A delegation that is still declared and was seen before is missed, and known to be withheld (S7)."""
    collection = read(_left_out(role), memory())
    assert defect(collection, role) is Rollback
    assert all(usable(collection, other) for other in SIGNERS if other != role)


def test_decisions_that_rest_on_the_withheld_role_are_refused() -> None:
    """Without the release nothing is released, without alice nothing is hers; ci's word still counts."""
    by_ci = AnyOf((signer("ci"),))
    assert answer(_left_out("targets/releases"), memory(), RELEASED) is Rollback
    assert answer(_left_out("targets/alice"), memory(), BY_ALICE) is Rollback
    assert answer(_left_out("targets/alice"), memory(), by_ci) == digest_of(GOOD)


def test_withholding_the_release_does_not_fall_back_to_targets() -> None:
    """An older image that `targets` names does not come back when the release is left out (S4)."""
    sim = _left_out("targets/releases")
    sim.sign(TAG, _OLDER, role="targets")
    sim.bump()
    sim.publish()
    assert answer(sim, memory()) is Rollback
    assert answer(sim, None) is TagNotSigned


def test_a_role_stays_missed() -> None:
    """The memory of a withheld role survives the update that missed it, and the next."""
    sim = _left_out("targets/alice")
    stored = memory()
    for _ in range(3):
        collection = read(sim, stored)
        assert defect(collection, "targets/alice") is Rollback
        stored = collection.stored()
        sim.bump("snapshot", "timestamp")
        sim.publish()


def test_a_withheld_role_comes_back_where_it_was_or_later() -> None:
    """After an absence the same file is good again, an older one is a rollback, a newer one is good."""
    sim = _left_out("targets/alice")
    stored = read(sim, memory()).stored()
    sim.snapshot.before_signing.clear()
    sim.bump("snapshot", "timestamp")
    sim.publish()
    assert usable(read(sim, stored), "targets/alice")
    older = sim.clone()
    older["targets/alice"].on_the_wire.append(lambda _: shop().archive["1.targets/alice"])
    older.bump("snapshot", "timestamp")
    older.publish()
    assert defect(read(older, stored), "targets/alice") is Rollback
    release(sim, b"a newer image")
    assert answer(sim, stored) == digest_of(b"a newer image")


def test_the_first_reader_cannot_miss_what_it_never_saw() -> None:
    """A declared role that is not published has said nothing: no vote, no release, and no fall-back either."""
    collection = read(_left_out("targets/releases"))
    assert isinstance(collection.roles[RoleName("targets/releases")], Unpublished)
    assert answer(_left_out("targets/releases"), None) is TagNotSigned
    assert answer(_left_out("targets/alice"), None, BY_ALICE) is SignerMissing


def test_a_child_is_missed_like_any_other() -> None:
    """A delegation two levels down that was seen before may not vanish either."""
    sim = shop()
    sim.delegate("targets/alice/nightly")
    sim.bump("targets/alice", "snapshot", "timestamp")
    sim.publish()
    stored = read(sim, memory()).stored()
    sim.snapshot.before_signing.append(lambda fields: fields["meta"].pop("targets/alice/nightly"))
    sim.bump("snapshot", "timestamp")
    sim.publish()
    collection = read(sim, stored)
    assert defect(collection, "targets/alice/nightly") is Rollback
    assert usable(collection, "targets/alice")


def test_a_role_that_its_parent_dropped_is_gone_for_good_reason() -> None:
    """Who holds the targets key may end a delegation: then it is absent, and that is no attack."""
    sim = shop()
    sim.targets.delegations = [each for each in sim.targets.delegations if each.name != "targets/alice"]
    sim.bump("targets", "snapshot", "timestamp")
    sim.publish()
    collection = read(sim, memory())
    assert "targets/alice" not in collection.roles
    assert RoleName("targets/alice") not in collection.stored().files
    assert answer(sim, memory(), BY_ALICE) is SignerMissing


@pytest.mark.parametrize("role", SIGNERS)
def test_a_listed_file_kept_back_is_no_silence(role: str) -> None:
    """A newer file that the snapshot lists and the server does not hand out makes the role unusable."""
    sim = shop()
    release(sim, b"a newer image")
    sim.withhold(role)
    collection = read(sim, memory())
    assert defect(collection, role) is MetadataCorrupt
    assert collection.stored().files[RoleName(role)] == memory().files[RoleName(role)]
