"""Rows 59 to 63: which signatures count, and how many must."""

import base64
from collections.abc import Callable
from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, Refusal, ThresholdNotMet
from proxy.names import RoleName
from proxy.tuf.collection import Role
from tests.dialect.fixture import TOP, defect, fixture, situation
from tests.support.certificates import root_key
from tests.support.keys import Key, ecdsa_key, ed25519_key, rsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import Envelope
from tests.support.swizzler.edits import both, declaration, declared, keyed, on_signature, one, sealed
from tests.support.swizzler.swizzle import FRESH, Apply
from tests.support.wire import base64_text

_GUN: Final = fixture().gun
_BELOW_ROOT: Final = ("timestamp", "snapshot", "targets")
_SIGNED_ROLES: Final = (*TOP, "targets/a", "targets/b")


def _pair(sim: NotarySimulator, role: str) -> list[Key]:
    second = root_key(_GUN, "second") if role == "root" else sim.key("second")
    return [declaration(sim, role).keys[0], second]


def _refusal(change: Apply, role: str) -> type[Refusal] | None:
    """How reading ends: by a refusal of everything, or with one delegation unusable."""
    found = situation(FRESH, change, role)
    if role in TOP:
        return found.refusal()
    collection = found.read()
    return None if isinstance(collection.roles[RoleName(role)], Role) else defect(collection, role)


def _one_of_two(envelope: Envelope) -> None:
    del envelope.signatures[1]


def _same_twice(envelope: Envelope) -> None:
    envelope.signatures[1] = envelope.signatures[0]


def _by_nobody(envelope: Envelope) -> None:
    envelope.signatures[1]["keyid"] = "0" * 64


@pytest.mark.parametrize("role", _SIGNED_ROLES)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(both(keyed(_pair, 2), sealed(_one_of_two)), id="row 59: one of two"),
        pytest.param(both(keyed(_pair, 2), sealed(_same_twice)), id="row 59: the same one twice"),
        pytest.param(both(keyed(_pair, 2), sealed(_by_nobody)), id="row 59: one by an unknown key"),
        pytest.param(sealed(lambda envelope: envelope.signatures.clear()), id="row 60: none at all"),
    ],
)
def test_too_few_signatures(change: Apply, role: str) -> None:
    """Fewer good signatures than the threshold asks for do not make a role."""
    assert _refusal(change, role) is ThresholdNotMet


@pytest.mark.parametrize("role", [pytest.param(role, id=f"row 59: no keys for {role}") for role in _BELOW_ROOT])
def test_a_role_without_keys(role: str) -> None:
    """A role to which no key is listed has no valid signature."""
    assert _refusal(declared(lambda entry: entry.update(keyids=[])), role) is ThresholdNotMet


@pytest.mark.parametrize("role", _SIGNED_ROLES)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(keyed(_pair, 2), id="row 61: exactly enough"),
        pytest.param(keyed(_pair, 1), id="row 61: more than enough"),
        pytest.param(both(keyed(_pair, 1), sealed(_one_of_two)), id="row 61: one of two where one will do"),
    ],
)
def test_enough_signatures(change: Apply, role: str) -> None:
    """As many good signatures as the threshold asks for, or more, make a role."""
    assert _refusal(change, role) is None


def _false_id(sim: NotarySimulator, role: str) -> None:
    """The key listed, declared and named by an id that is not its own."""
    true, false = declaration(sim, role).keys[0].key_id, "f" * 64

    def relist(fields: dict[str, dict[str, object]]) -> None:
        table = fields["keys"] if role in TOP else fields["delegations"]["keys"]
        assert isinstance(table, dict)
        table[false] = table[true]

    sim["root" if role in TOP else "targets"].before_signing.append(relist)
    declared(lambda entry: entry.update(keyids=[false]))(sim, role)
    sealed(lambda envelope: envelope.signatures[0].update(keyid=false))(sim, role)


@pytest.mark.parametrize("role", [pytest.param(role, id=f"row 62: {role}") for role in (*_BELOW_ROOT, "targets/a")])
def test_a_key_under_a_false_id_spoils_the_file(role: str) -> None:
    """A signature that names a key by an id which is not its own is fatal, not merely uncounted."""
    assert _refusal(_false_id, role) is MetadataCorrupt


def test_row_62_a_root_key_under_a_false_id_does_not_count() -> None:
    """The id of a root key is computed, so a false one names nobody."""
    refusal = _refusal(_false_id, "root")
    assert refusal is not None


@pytest.mark.parametrize("role", _BELOW_ROOT)
@pytest.mark.parametrize(
    "key",
    [
        pytest.param(Key("rsa", ecdsa_key("x").public, ecdsa_key("x").private), id="row 63: another key type"),
        pytest.param(rsa_key("short", 1024), id="row 63: short RSA key"),
        pytest.param(Key("ecdsa", b"junk", ecdsa_key("x").private), id="row 63: junk"),
        pytest.param(Key("ed25519", ed25519_key("x").public[:-1], ed25519_key("x").private), id="row 63: short key"),
    ],
)
def test_a_key_that_cannot_verify_is_not_counted(key: Key, role: str) -> None:
    """A key that is not what its type says, or too weak, verifies nothing."""
    assert _refusal(one(key), role) is ThresholdNotMet


@pytest.mark.parametrize("role", _BELOW_ROOT)
@pytest.mark.parametrize("key", [ecdsa_key("x"), ed25519_key("x"), rsa_key("rsa")], ids=["ecdsa", "ed25519", "rsa"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: bytes([data[0] ^ 1]) + data[1:], id="row 63: flipped"),
        pytest.param(lambda data: data[:-1], id="row 63: too short"),
        pytest.param(lambda data: data + b"\0", id="row 63: too long"),
    ],
)
def test_a_spoilt_signature_is_not_counted(spoil: Callable[[bytes], bytes], key: Key, role: str) -> None:
    """A signature with a flipped bit or of another length is none."""
    spoilt = on_signature(lambda entry: entry.update(sig=base64_text(spoil(base64.b64decode(entry["sig"])))))
    assert _refusal(both(one(key), spoilt), role) is ThresholdNotMet
