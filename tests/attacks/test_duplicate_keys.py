"""Duplicate keys: one file that two parsers read as two, and one key that counts as two."""

import json
from collections.abc import Callable
from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, ThresholdNotMet
from tests.attacks.shop import EVIL, GOOD, GUN, TAG, answer, defect, digest_of, memory, shop
from tests.support.certificates import certificate, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.signed_roles import Delegation
from tests.support.swizzler.edits import declaration, with_field
from tests.support.wire import on_the_wire

_EVIL_TAGS: Final = NotarySimulator(GUN)
_EVIL_TAGS.sign(TAG, EVIL)
_EVIL_TEXT: Final = on_the_wire(_EVIL_TAGS.targets.tags)


def _rewritten(role: str, rewrite: Callable[[bytes], bytes]) -> NotarySimulator:
    """A role's file with other bytes, after it was signed, and described so."""
    sim = shop()
    sim[role].on_the_wire.append(rewrite)
    sim.bump()
    sim.publish()
    return sim


def _twice(member: bytes, value: bytes, spelled: bytes = b"") -> Callable[[bytes], bytes]:
    """Put a member with another value in front of the true one, or behind it where `spelled` says how."""

    def rewrite(data: bytes) -> bytes:
        assert data.count(member) >= 1, f"{member!r} is not in the file"
        return data.replace(member, (spelled or member) + value + b"," + member, 1)

    return rewrite


_AMBIGUOUS: Final = {
    "tags twice": _twice(b'"targets":', _EVIL_TEXT),
    "tags twice, one name in capitals": _twice(b'"targets":', _EVIL_TEXT, b'"TARGETS":'),
    "tags twice, one name escaped": _twice(b'"targets":', _EVIL_TEXT, b'"\\u0074argets":'),
    "version twice": _twice(b'"version":', b"99"),
    "version twice, one capitalised": _twice(b'"version":', b"99", b'"Version":'),
    "expires twice": _twice(b'"expires":', b'"2199-01-01T00:00:00Z"'),
    "signed twice": _twice(b'"signed":', b'{"_type":"Targets"}'),
    "signed twice, one in capitals": _twice(b'"signed":', b'{"_type":"Targets"}', b'"SIGNED":'),
    "signatures twice": _twice(b'"signatures":', b"[]"),
    "tag twice": _twice(b'"1.4":', b'{"hashes":{"sha256":"' + b"A" * 43 + b'="},"length":1}'),
    "hash twice": _twice(b'"sha256":', b'"' + b"A" * 43 + b'="'),
    "hash twice, one in capitals": _twice(b'"hashes":', b'{"sha256":"' + b"A" * 43 + b'="}', b'"Hashes":'),
    "length twice": _twice(b'"length":', b"1"),
}


@pytest.mark.parametrize("rewrite", [pytest.param(rewrite, id=name) for name, rewrite in _AMBIGUOUS.items()])
def test_a_file_that_could_be_read_in_two_ways_is_not_read(rewrite: Callable[[bytes], bytes]) -> None:
    """Whichever of two members a parser takes, the signature covers one of them: refused (S11, S13)."""
    sim = _rewritten("targets/releases", rewrite)
    assert defect(read(sim, memory()), "targets/releases") is MetadataCorrupt
    assert answer(sim, memory()) is MetadataCorrupt


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("name", ["version twice", "expires twice", "signed twice", "signatures twice"])
def test_no_top_role_is_read_in_two_ways(name: str, role: str) -> None:
    """The same holds for root, timestamp, snapshot and targets, on first contact and later."""
    for stored in (None, memory()):
        assert answer(_rewritten(role, _AMBIGUOUS[name]), stored) is MetadataCorrupt


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("field", ["Version", "EXPIRES", "_TYPE"])
def test_a_second_spelling_of_a_field_is_refused_although_it_is_signed(field: str, role: str) -> None:
    """A signer who writes a field in two cases says two things to two kinds of reader (S13)."""
    sim = shop()
    with_field(field, "9" if field == "EXPIRES" else 9)(sim, role)
    sim.bump()
    sim.publish()
    assert answer(sim, memory()) is MetadataCorrupt


@pytest.mark.parametrize(
    ("member", "role"),
    [
        pytest.param("keys", "root", id="keys of root"),
        pytest.param("roles", "root", id="roles of root"),
        pytest.param("meta", "snapshot", id="what a snapshot lists"),
        pytest.param("meta", "timestamp", id="what a timestamp lists"),
        pytest.param("delegations", "targets", id="delegations"),
    ],
)
def test_what_lists_others_is_listed_once(member: str, role: str) -> None:
    """An empty list in front of the true one, or the other way round, does not hide what is in it."""
    label = json.dumps(member).encode() + b":"
    in_front = _rewritten(role, lambda data: data.replace(label, label + b"{}," + label, 1))
    assert answer(in_front, memory()) is MetadataCorrupt


def _two_needed(*keys: Key) -> NotarySimulator:
    """The release takes two signatures, and has them by these keys."""
    sim = shop()
    entry = declaration(sim, "targets/releases")
    entry.keys, entry.threshold = list(keys), 2
    sim["targets/releases"].signers = list(keys)
    sim.bump()
    sim.publish()
    return sim


_KEY: Final = ecdsa_key("only one")


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((_KEY, _KEY), id="listed twice"),
        pytest.param((_KEY, x509_key(_KEY, certificate(GUN, _KEY))), id="plain and certified"),
        pytest.param(
            (x509_key(_KEY, certificate(GUN, _KEY)), x509_key(_KEY, certificate("x", _KEY))), id="certified twice"
        ),
        pytest.param((_KEY, Key("ecdsa", _KEY.public + b"\0", _KEY.private)), id="with a byte behind"),
    ],
)
def test_one_key_never_counts_as_two(keys: tuple[Key, ...]) -> None:
    """However many ids one key pair has, it is one signature (S1)."""
    assert defect(read(_two_needed(*keys), memory()), "targets/releases") is ThresholdNotMet


def test_two_keys_count_as_two() -> None:
    """Two keys that are really two meet the same threshold."""
    assert answer(_two_needed(_KEY, ecdsa_key("another")), memory()) == digest_of(GOOD)


def test_one_signature_many_times_is_one() -> None:
    """Repeating a signature does not multiply it."""
    sim = _two_needed(_KEY, ecdsa_key("another"))
    sim["targets/releases"].after_signing.append(
        lambda envelope: setattr(envelope, "signatures", envelope.signatures[:1] * 5)
    )
    sim.bump()
    sim.publish()
    assert defect(read(sim, memory()), "targets/releases") is ThresholdNotMet


@pytest.mark.parametrize("place", [pytest.param(0, id="in front"), pytest.param(9, id="behind")])
def test_a_role_declared_twice_is_nobodys(place: int) -> None:
    """A second declaration of a role with another key makes the role unusable, whichever comes first."""
    sim = shop()
    sim.targets.delegations.insert(place, Delegation("targets/releases", [_KEY], 1, [""]))
    sim.bump()
    sim.publish()
    assert answer(sim, memory()) is not digest_of(EVIL)
    assert defect(read(sim, memory()), "targets/releases") is MetadataCorrupt
