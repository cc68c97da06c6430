"""Roots and signers are found with their keys, by names that nothing else can have."""

from proxy.names import Repository
from proxy.proposal import keys
from proxy.tuf.keys import from_pem
from tests.support.collections import of, unpublished
from tests.support.keys import ecdsa_key, ed25519_key, rsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.unit.proposal.site import NAME, Site, verified

API, WEB, DNS = map(Repository, ("shop/api", "shop/web", "infra/dns"))


def _collections(site: Site) -> dict[Repository, object]:
    return {each.repository: each.collection for each in site.gathered.values() if each.collection}


def test_one_person_has_one_file() -> None:
    """However many repositories delegate to the key, and whether or not anything is signed."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"]})
    site.repository("shop/web", {"1.0": ["alice"]})
    [alice] = site.propose().signers
    [key] = alice.keys
    assert (alice.name, key.file, key.repositories) == ("alice", "signers/alice.pub", (API, WEB))
    assert alice.is_one_person


def test_one_name_with_several_keys_keeps_all_of_them() -> None:
    """The most used one first; somebody has to say whether it is one person."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"]})
    site.repository("shop/web", {"1.0": ["alice"]})
    site.repository("infra/dns", {"1.0": ["alice"]}, keys={"alice": [ecdsa_key("another alice")]})
    [alice] = site.propose().signers
    assert [(key.file, key.repositories) for key in alice.keys] == [
        ("signers/alice.pub", (API, WEB)),
        ("signers/alice.2.pub", (DNS,)),
    ]
    assert not alice.is_one_person


def test_a_role_with_two_keys_everywhere_is_nothing_to_ask_about() -> None:
    """A person who is changing keys has two in every repository."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"]}, keys={"alice": [ecdsa_key("old"), ecdsa_key("new")]})
    [alice] = site.propose().signers
    assert len(alice.keys) == 2
    assert alice.is_one_person


def test_every_kind_of_key_can_be_read_again() -> None:
    """What is written to a file has the id by which policy knows the key."""
    given = {"ecdsa": ecdsa_key("one"), "ed": ed25519_key("two"), "rsa": rsa_key("three")}
    site = Site()
    site.repository("shop/api", {"1.0": list(given)}, keys={name: [key] for name, key in given.items()})
    for signer in site.propose().signers:
        [key] = signer.keys
        assert from_pem(key.pem).public_key_id == key.public_key_id == given[signer.name].public_key_id


def test_nested_delegations_have_a_directory_each() -> None:
    """So no role can take the file of another, whatever they are called."""
    simulator = NotarySimulator(f"{NAME}/shop/api")
    for role in ("targets/alice", "targets/alice/2", "targets/alice-2", "targets/releases", "targets/releases/ci"):
        simulator.delegate(role, [ecdsa_key(role), ecdsa_key(f"{role} later")])
    found = keys.signers({API: verified(simulator)})
    assert [signer.name for signer in found] == ["alice", "alice-2", "alice/2", "releases/ci"]
    files = [key.file for signer in found for key in signer.keys]
    assert files[:6] == [
        "signers/alice.pub",
        "signers/alice.2.pub",
        "signers/alice-2.pub",
        "signers/alice-2.2.pub",
        "signers/alice/2.pub",
        "signers/alice/2.2.pub",
    ]
    assert len(set(files)) == len(files)


def test_a_signer_without_a_usable_key_has_none() -> None:
    """It is told of, but nothing could be written for it."""
    [found] = keys.signers({API: of(unpublished("targets/alice"))})
    assert (found.name, found.keys, found.repositories) == ("alice", (), (API,))


def test_roots_by_public_key() -> None:
    """One key that signs several repositories is one root, whose name begins as its id does."""
    site = Site()
    site.repository("shop/api", {"1.0": []})
    site.repository("shop/web", {"1.0": []})
    [root] = site.propose().roots
    assert [use.repository for use in root.uses] == [API, WEB]
    assert root.name == f"root-{root.public_key_id[:8]}"
    assert len({use.fingerprint for use in root.uses}) == 2, "a certificate for each"


def test_ids_that_begin_alike_get_longer_names() -> None:
    """Two roots never share a name, even if somebody looked for a key until its id began as wanted."""
    one, other = "0" * 8 + "1" * 56, "0" * 8 + "2" * 56
    assert keys._short_names([one, other]) == {one: "root-" + one[:16], other: "root-" + other[:16]}
