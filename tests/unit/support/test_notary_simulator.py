"""The simulated Notary answers as the real server does, and signs what it was told to sign."""

import hashlib
import json

import pytest

from tests.support.certificates import certificate, fingerprint, root_key, x509_key
from tests.support.keys import ecdsa_key, ed25519_key, rsa_key
from tests.support.notary_simulator import NotarySimulator, role_of
from tests.support.wire import canonical, on_the_wire

_GUN = "registry.example.com/shop/api"


def _published() -> NotarySimulator:
    sim = NotarySimulator(_GUN)
    sim.delegate("targets/alice")
    sim.sign("1.4", role="targets/alice")
    sim.publish()
    return sim


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", "targets/alice"])
def test_a_file_has_three_addresses(role: str) -> None:
    """A role's file is found by its plain name, by version and by hash."""
    sim = _published()
    data = sim.answer(role).body
    assert sim.answer(f"1.{role}").body == data
    assert sim.answer(f"{role}.{hashlib.sha256(data).hexdigest()}").body == data


@pytest.mark.parametrize("name", ["targets/bob", "2.root", "0.root", f"root.{'0' * 64}", "mirrors"])
def test_what_is_not_there_is_404(name: str) -> None:
    """Anything else is answered with the server's own words for it."""
    answer = _published().answer(name)
    assert answer.status == 404
    assert json.loads(answer.body)["errors"][0]["code"] == "METADATA_NOT_FOUND"


def test_older_versions_stay_to_be_had() -> None:
    """After another publication the plain name is the new file, and number and hash still find the old one."""
    sim = _published()
    old = sim.current["targets"]
    sim.sign("2.0")
    sim.bump()
    sim.publish()
    assert sim.current["targets"] != old
    assert sim.answer("1.targets").body == old
    assert sim.answer(f"targets.{hashlib.sha256(old).hexdigest()}").body == old


def test_publishing_the_same_again_changes_nothing() -> None:
    """Signatures are remembered, so unchanged content keeps its bytes, with every kind of key."""
    for keys in ("ecdsa", "rsa", "ed25519"):
        sim = NotarySimulator(_GUN, keys)
        sim.publish()
        before = dict(sim.current)
        sim.publish()
        assert sim.current == before


def test_a_clone_goes_its_own_way() -> None:
    """What happens to a clone does not happen to the original."""
    sim = _published()
    before = dict(sim.current)
    twin = sim.clone()
    twin.sign("2.0")
    twin.bump()
    twin.publish()
    assert sim.current == before
    assert twin.current != before


def test_faults_strike_as_often_as_they_are_told() -> None:
    """A fault for one role strikes at all of its addresses, so many times, and at no other role's."""
    sim = _published()
    sim.fault("targets", 503, times=2)
    statuses = [sim.answer(name).status for name in ("targets", "1.targets", "targets", "targets/alice")]
    assert statuses == [503, 503, 200, 200]


@pytest.mark.parametrize(
    ("name", "role"),
    [("root", "root"), ("3.root", "root"), ("targets/a.0f", "targets/a"), ("12.targets/a/b", "targets/a/b")],
)
def test_an_address_names_a_role(name: str, role: str) -> None:
    """Version and hash belong to the address, not to the role."""
    assert role_of(name) == role


def test_keys_are_the_same_wherever_they_are_asked_for() -> None:
    """A name is a key; certificates change its id in metadata and not the id of the key itself."""
    assert ecdsa_key("a") is ecdsa_key("a")
    assert len({key.key_id for key in (ecdsa_key("a"), ed25519_key("a"), rsa_key("a"))}) == 3
    plain, wrapped = ecdsa_key("root"), root_key(_GUN)
    assert wrapped.key_id != plain.key_id == wrapped.public_key_id
    other = x509_key(plain, certificate("another name", plain))
    assert fingerprint(other) != fingerprint(wrapped)
    assert other.public_key_id == wrapped.public_key_id


def test_the_two_forms_of_json() -> None:
    """What is signed is sorted and bare; what travels keeps its order and escapes what Go escapes."""
    value = {"b": '<\n\u2028"\\>', "a": [1.0, 2**53, None, True]}
    assert canonical(value) == '{"a":[1,9007199254740992,null,true],"b":"<\n\u2028\\"\\\\>"}'.encode()
    assert on_the_wire(value) == b'{"b":"\\u003c\\n\\u2028\\"\\\\\\u003e","a":[1.0,9007199254740992,null,true]}'
