"""Rollback: the attacker serves what was true once, to bring back an image that has been replaced."""

from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, Rollback
from proxy.names import RoleName
from proxy.tuf.collection import Stored
from tests.attacks.shop import (
    BY_ALICE,
    GOOD,
    OLD,
    ROLES,
    SIGNERS,
    answer,
    defect,
    digest_of,
    files_of_version_1,
    memory,
    release,
    shop,
    usable,
)
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.signed_roles import EXPIRED, UNEXPIRED

_NEW: Final = b"the new image"


def test_a_whole_repository_set_back_is_refused() -> None:
    """All files of version 1, each validly signed and consistent, are a rollback for whoever saw version 2."""
    sim = shop()
    sim.serve_again(files_of_version_1())
    assert answer(sim, memory()) is Rollback


def test_a_reader_without_memory_cannot_tell() -> None:
    """Who remembers nothing takes version 1 for the newest: that is why floors are kept, and restarts survived."""
    sim = shop()
    sim.serve_again(files_of_version_1())
    assert answer(sim, None) == digest_of(OLD)


def test_a_timestamp_set_back_is_asked_for_once_more() -> None:
    """A lagging replica gets a second chance; what stays behind is refused."""
    sim = shop()
    newest = sim.current["timestamp"]
    sim.serve_again(files_of_version_1())
    assert answer(sim, memory()) is Rollback
    assert sim.requests == ["timestamp", "timestamp"]
    sim.current["timestamp"] = newest
    assert answer(sim, memory()) == digest_of(GOOD)


def _resigned_around(older: str) -> NotarySimulator:
    """Holding the keys of timestamp and snapshot, describe one older file in the newest snapshot."""
    sim = shop()
    sim[older].on_the_wire.append(lambda _: files_of_version_1()[older])
    sim.bump("timestamp", "snapshot")
    sim.publish()
    return sim


@pytest.mark.parametrize("role", ["root", "targets"])
def test_a_compromised_server_cannot_set_back_a_top_role(role: str) -> None:
    """Fresh timestamp and snapshot around an older root or targets do not hide that it is older."""
    assert answer(_resigned_around(role), memory()) is Rollback


@pytest.mark.parametrize("role", SIGNERS)
def test_a_compromised_server_cannot_set_back_a_signer(role: str) -> None:
    """An older file of a delegation makes it unusable, and decisions that rest on it are refused as a rollback."""
    collection = read(_resigned_around(role), memory())
    assert defect(collection, role) is Rollback
    assert all(usable(collection, other) for other in SIGNERS if other != role)
    if role == "targets/releases":
        assert answer(_resigned_around(role), memory()) is Rollback
    if role == "targets/alice":
        assert answer(_resigned_around(role), memory(), BY_ALICE) is Rollback


@pytest.mark.parametrize("role", ROLES)
def test_every_role_remembers_its_version(role: str) -> None:
    """A file one version lower, freshly signed by the right keys, is refused whatever it says."""
    sim = shop()
    sim.bump(*(other for other in ROLES if other != role))
    sim[role].version -= 1
    sim.publish()
    if role in SIGNERS:
        assert defect(read(sim, memory()), role) is Rollback
    else:
        assert answer(sim, memory()) is Rollback


@pytest.mark.parametrize("role", [role for role in ROLES if role != "timestamp"])
def test_a_version_says_one_thing_only(role: str) -> None:
    """Other bytes under the same version are refused, or a signer could tell two readers two things (S5)."""
    sim = shop()
    sim[role].fields["note"] = "other"
    above = {"root": ("snapshot", "timestamp"), "snapshot": ("timestamp",)}
    sim.bump(*above.get(role, ("snapshot", "timestamp")))
    sim.publish()
    if role in SIGNERS:
        assert defect(read(sim, memory()), role) is Rollback
    else:
        assert answer(sim, memory()) is Rollback


def test_a_timestamp_signed_again_is_no_rollback() -> None:
    """Two replicas may sign the same snapshot under one version at once: equivalent, and accepted (S6)."""
    sim = shop()
    sim.timestamp.fields["note"] = "signed by the other replica"
    sim.publish("timestamp")
    assert answer(sim, memory()) == digest_of(GOOD)


def test_a_timestamp_of_one_version_names_one_snapshot() -> None:
    """The same timestamp version naming another snapshot is refused (S6)."""
    sim = shop()
    sim.sign("1.4", _NEW, role="targets/releases")
    sim.bump("targets/releases", "snapshot")
    sim.publish()
    assert answer(sim, memory()) is Rollback


def test_floors_outlive_a_defect() -> None:
    """A signer that was unusable for a while comes back with a newer version, never with an older one."""
    sim = shop()
    sim["targets/releases"].expires = EXPIRED
    sim.bump()
    sim.publish()
    meanwhile = read(sim, memory())
    assert not usable(meanwhile, "targets/releases")

    sim["targets/releases"].expires = UNEXPIRED
    sim["targets/releases"].version = 1
    sim.bump("snapshot", "timestamp")
    sim.publish()
    assert answer(sim, meanwhile.stored()) is Rollback

    release(sim, _NEW)
    sim["targets/releases"].version = 7
    sim.bump("snapshot", "timestamp")
    sim.publish()
    assert answer(sim, meanwhile.stored()) == digest_of(_NEW)


def test_floors_outlive_a_defect_above() -> None:
    """Below a defective delegation nothing is forgotten: its child cannot come back older."""
    sim = shop()
    sim.delegate("targets/alice/nightly")
    sim["targets/alice/nightly"].version = 5
    sim.bump("targets/alice", "snapshot", "timestamp")
    sim.publish()
    stored = read(sim, memory()).stored()

    sim["targets/alice"].after_signing.append(lambda envelope: envelope.signatures.clear())
    sim.bump("targets/alice", "snapshot", "timestamp")
    sim.publish()
    stored = read(sim, stored).stored()

    sim["targets/alice"].after_signing.clear()
    sim["targets/alice/nightly"].version = 4
    sim.bump("targets/alice", "snapshot", "timestamp")
    sim.publish()
    assert defect(read(sim, stored), "targets/alice/nightly") is Rollback


def test_a_damaged_floor_is_no_floor_of_zero() -> None:
    """Whoever can damage the memory of a version does not thereby lift it."""
    files = {**memory().files, RoleName("targets"): b"{}"}
    sim = shop()
    release(sim, _NEW)
    assert answer(sim, Stored(files)) is MetadataCorrupt
