"""Mix and match: the attacker combines files that were never published together."""

from collections.abc import Iterator
from itertools import product
from typing import Final

import pytest

from proxy.errors import Refusal, RootNotTrusted
from proxy.names import RoleName
from proxy.tuf.collection import Role
from tests.attacks.shop import GOOD, GUN, OLD, ROLES, SIGNERS, TAG, answer, digest_of, files_of_version_1, memory, shop
from tests.support.certificates import certificate, x509_key
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator, role_of
from tests.support.reading import read
from tests.support.swizzler.edits import always

_MIXED: Final = ROLES


def _mixed(versions: tuple[int, ...]) -> NotarySimulator:
    """Serve each role in one of its two versions, whichever address is asked for."""
    sim = shop()
    for role, version in zip(_MIXED, versions, strict=True):
        data = sim.archive[f"{version}.{role}"]
        sim.current[role] = data
        sim.archive |= {name: data for name in sim.archive if role_of(name) == role}
    return sim


def _outcomes(*, remembering: bool) -> Iterator[tuple[tuple[int, ...], set[object]]]:
    """For each mixture, the digests that the signers name; nothing where it is refused."""
    for versions in product((1, 2), repeat=len(_MIXED)):
        try:
            collection = read(_mixed(versions), memory() if remembering else None)
        except Refusal:
            continue
        roles = [collection.roles[RoleName(name)] for name in SIGNERS]
        yield versions, {role.targets[TAG].digest for role in roles if isinstance(role, Role)}


def test_no_mixture_of_two_versions_is_accepted() -> None:
    """Of all mixtures of two generations only the pure ones are taken: nobody ever sees parts of both."""
    accepted = dict(_outcomes(remembering=False))
    for versions, digests in accepted.items():
        top = versions[:4]
        assert top in ((1, 1, 1, 1), (2, 2, 2, 2))
        assert digests <= {digest_of(OLD if top[0] == 1 else GOOD)}
    assert (1,) * len(_MIXED) in accepted
    assert (2,) * len(_MIXED) in accepted


def test_whoever_saw_the_newer_version_gets_nothing_of_the_older() -> None:
    """A reader that remembers version 2 takes version 2 from every mixture that it accepts."""
    accepted = dict(_outcomes(remembering=True))
    assert accepted
    assert all(digests <= {digest_of(GOOD)} for digests in accepted.values())
    assert not [versions for versions in accepted if versions[_MIXED.index("timestamp")] == 1]


def test_a_file_of_another_role_is_not_taken() -> None:
    """A file signed for one role, served as another's and described so, lacks the other's signature."""
    for role in ("targets/alice", "targets/ci"):
        sim = shop()
        sim[role].on_the_wire.append(always(sim.current["targets/releases"]))
        sim.bump("snapshot", "timestamp")
        sim.publish()
        collection = read(sim, memory())
        assert not isinstance(collection.roles[RoleName(role)], Role)


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_top_role_is_what_its_type_says(role: str) -> None:
    """With one key for all roles a file is still not taken for another kind."""
    for other in ("root", "timestamp", "snapshot", "targets"):
        if other == role:
            continue
        sim = shop()
        sim[role].on_the_wire.append(always(sim.current[other]))
        sim.bump("snapshot", "timestamp")
        sim.publish()
        assert answer(sim, None) is not digest_of(GOOD)
        assert isinstance(answer(sim, None), type)


def _other_repository(name: str) -> NotarySimulator:
    """Another repository of the same team with the same keys, where the tag is another image."""
    sim = NotarySimulator(GUN)
    key = ecdsa_key("root")
    root = x509_key(key, certificate(name, key))
    sim.root.roles["root"].keys = sim.root.signers = [root]
    for role in SIGNERS:
        sim.delegate(role)
        sim.sign(TAG, b"the image of another repository", role=role)
    sim.publish()
    return sim


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("registry.example.com/shop/web", id="made out to the other repository"),
        pytest.param("registry.example.com/shop/*", id="made out to all of them (S3)"),
        pytest.param("*", id="made out to everything (S3)"),
    ],
)
def test_another_repository_cannot_be_served_in_its_place(name: str) -> None:
    """Only the certificate of the root says which repository it is, so a wildcard there is not enough."""
    assert answer(_other_repository(name), None) is RootNotTrusted


def test_files_of_version_1_were_complete() -> None:
    """The older generation that these tests mix in was a good one in its time."""
    assert set(files_of_version_1()) == set(ROLES)
