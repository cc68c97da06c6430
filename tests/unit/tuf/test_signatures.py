"""Signatures are counted by the keys behind them (dialect 2.8, difference S1)."""

from collections.abc import Iterable

import pytest

from proxy.errors import MetadataCorrupt, ThresholdNotMet
from proxy.limits import SIGNATURES_TRIED
from proxy.names import TARGETS
from proxy.tuf.keys import PublicKey, make_key
from proxy.tuf.metadata import Envelope, Signature
from proxy.tuf.signatures import signers_of
from tests.support.certificates import certificate, x509_key
from tests.support.keys import Key, ecdsa_key, ed25519_key

PAYLOAD = b'{"_type":"Targets"}'
ALICE, BOB, MALLORY = ecdsa_key("alice"), ed25519_key("bob"), ecdsa_key("mallory")
ALICE_CERTIFIED = x509_key(ALICE, certificate("example.com", ALICE))
ALICE_CERTIFIED_AGAIN = x509_key(ALICE, certificate("example.org", ALICE))


def _listed(*keys: Key) -> dict[str, PublicKey]:
    return {key.key_id: make_key(key.keytype, key.public) for key in keys}


def _by(key: Key, *, over: bytes = PAYLOAD, key_id: str = "", method: str = "") -> Signature:
    return Signature(key_id or key.key_id, method or key.method, key.sign(over))


def _count(keys: Iterable[Key], signatures: Iterable[Signature], threshold: int = 1) -> frozenset[str]:
    return signers_of(TARGETS, Envelope({}, PAYLOAD, tuple(signatures)), _listed(*keys), threshold, {})


@pytest.mark.parametrize(
    ("keys", "signatures", "threshold", "who"),
    [
        pytest.param([ALICE], [_by(ALICE)], 1, [ALICE], id="one of one"),
        pytest.param([ALICE, BOB], [_by(BOB)], 1, [BOB], id="one of two"),
        pytest.param([ALICE, BOB], [_by(ALICE), _by(BOB)], 2, [ALICE, BOB], id="two of two"),
        pytest.param([ALICE, BOB], [_by(ALICE), _by(BOB)], 1, [ALICE, BOB], id="more than needed"),
        pytest.param([ALICE_CERTIFIED], [_by(ALICE_CERTIFIED)], 1, [ALICE], id="known by the key, not its certificate"),
        pytest.param([ALICE], [_by(MALLORY), _by(ALICE)], 1, [ALICE], id="a stranger beside"),
        pytest.param([ALICE], [_by(ALICE, over=b"other"), _by(ALICE)], 1, [ALICE], id="a bad one before, same key"),
        pytest.param([ALICE], [_by(ALICE), _by(ALICE, over=b"other")], 1, [ALICE], id="a bad one behind, same key"),
        pytest.param([ALICE], [_by(ALICE), _by(ALICE)], 1, [ALICE], id="the same twice"),
    ],
)
def test_valid_signatures_are_counted(
    keys: list[Key], signatures: list[Signature], threshold: int, who: list[Key]
) -> None:
    """A bad signature counts for nothing and spoils nothing."""
    assert _count(keys, signatures, threshold) == {key.public_key_id for key in who}


@pytest.mark.parametrize(
    ("keys", "signatures", "threshold", "valid"),
    [
        pytest.param([ALICE], [], 1, 0, id="none"),
        pytest.param([], [_by(ALICE)], 1, 0, id="no keys"),
        pytest.param([ALICE], [_by(MALLORY)], 1, 0, id="a stranger"),
        pytest.param([ALICE], [_by(MALLORY, key_id=ALICE.key_id)], 1, 0, id="a stranger in another's name"),
        pytest.param([ALICE], [_by(ALICE, over=b"other")], 1, 0, id="something else signed"),
        pytest.param([ALICE], [_by(ALICE, method="eddsa")], 1, 0, id="method of another kind of key"),
        pytest.param([ALICE], [_by(ALICE, key_id=ALICE.key_id.upper())], 1, 0, id="key id in upper case"),
        pytest.param([ALICE, BOB], [_by(ALICE)], 2, 1, id="one of two"),
        pytest.param([ALICE, BOB], [_by(ALICE), _by(ALICE)], 2, 1, id="one key twice"),
        pytest.param([ALICE, BOB], [_by(ALICE), _by(MALLORY)], 2, 1, id="one and a stranger"),
        pytest.param([ALICE], [_by(ALICE)], 2, 1, id="threshold over the number of keys"),
        pytest.param(
            [ALICE, ALICE_CERTIFIED], [_by(ALICE), _by(ALICE_CERTIFIED)], 2, 1, id="one key, plain and certified (S1)"
        ),
        pytest.param(
            [ALICE_CERTIFIED, ALICE_CERTIFIED_AGAIN],
            [_by(ALICE_CERTIFIED), _by(ALICE_CERTIFIED_AGAIN)],
            2,
            1,
            id="one key, two certificates (S1)",
        ),
    ],
)
def test_too_few_distinct_keys_do_not_meet_the_threshold(
    keys: list[Key], signatures: list[Signature], threshold: int, valid: int
) -> None:
    """The refusal says how many there were and how many it takes."""
    with pytest.raises(ThresholdNotMet) as caught:
        _count(keys, signatures, threshold)
    assert (caught.value.role, caught.value.valid, caught.value.threshold) == ("targets", valid, threshold)


ALICE_TWICE = [ALICE, ALICE_CERTIFIED]


@pytest.mark.parametrize(
    ("keys", "signatures", "times"),
    [
        pytest.param([ALICE], [_by(ALICE)] * 256, 1, id="good ones of one key"),
        pytest.param([ALICE], [_by(ALICE), *[_by(ALICE, over=b"other")] * 255], 1, id="bad ones behind a good one"),
        pytest.param(ALICE_TWICE, [_by(ALICE), _by(ALICE_CERTIFIED)] * 128, 1, id="plain and certified"),
        pytest.param([ALICE, BOB], [_by(ALICE), _by(BOB)] * 128, 2, id="good ones of two keys"),
        pytest.param([ALICE, BOB], [*[_by(ALICE, over=b"other")] * 255, _by(BOB)], 5, id="bad ones of one key"),
        pytest.param(
            [*ALICE_TWICE, BOB],
            [*[_by(ALICE, over=b"other"), _by(ALICE_CERTIFIED, over=b"other")] * 100, _by(BOB)],
            5,
            id="bad ones of one key, plain and certified",
        ),
    ],
)
def test_superfluous_signatures_cost_nothing(
    keys: list[Key], signatures: list[Signature], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that counts already is not asked again, and one that does not only a few times."""
    verifies, asked = PublicKey.verifies, []

    def counted(key: PublicKey, method: str, signature: bytes, payload: bytes) -> bool:
        asked.append(key.public_key_id)
        return verifies(key, method, signature, payload)

    monkeypatch.setattr(PublicKey, "verifies", counted)
    assert _count(keys, signatures)
    assert len(asked) == times


@pytest.mark.parametrize(
    ("bad", "counts"),
    [
        pytest.param(SIGNATURES_TRIED - 1, True, id="within the bound"),
        pytest.param(SIGNATURES_TRIED, False, id="beyond it"),
    ],
)
def test_a_good_signature_is_looked_for_among_a_few(bad: int, counts: bool) -> None:  # noqa: FBT001  (a case)
    """Bad ones of the same key before it spoil nothing; those who write many of them write no good one either."""
    signatures = [*[_by(ALICE, over=b"other")] * bad, _by(ALICE)]
    if counts:
        assert _count([ALICE], signatures) == {ALICE.public_key_id}
    else:
        with pytest.raises(ThresholdNotMet):
            _count([ALICE], signatures)


def test_a_false_id_spoils_the_file_also_behind_a_good_signature() -> None:
    """What a key that counts already is not asked again is looked at all the same."""
    listed = _listed(ALICE) | {"f" * 64: make_key(ALICE.keytype, ALICE.public)}
    signatures = (*[_by(ALICE)] * 9, _by(ALICE, key_id="f" * 64))
    with pytest.raises(MetadataCorrupt):
        signers_of(TARGETS, Envelope({}, PAYLOAD, signatures), listed, 1, {})


def test_a_key_under_a_false_id_spoils_the_file_that_uses_it() -> None:
    """Else an attacker could let one key go by many ids (dialect 5, row 62)."""
    listed = {"f" * 64: make_key(ALICE.keytype, ALICE.public)}
    with pytest.raises(MetadataCorrupt):
        signers_of(TARGETS, Envelope({}, PAYLOAD, (_by(ALICE, key_id="f" * 64),)), listed, 1, {})


def test_a_key_under_a_false_id_that_nobody_uses_spoils_nothing() -> None:
    """It is looked at only when a signature names it."""
    listed = _listed(ALICE) | {"f" * 64: make_key(BOB.keytype, BOB.public)}
    assert signers_of(TARGETS, Envelope({}, PAYLOAD, (_by(ALICE),)), listed, 1, {}) == {ALICE.public_key_id}
