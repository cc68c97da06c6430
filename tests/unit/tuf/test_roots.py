"""When a root is trusted: alone against the pins, or as the successor of one that already is (dialect 3.4)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from proxy.errors import (
    MetadataCorrupt,
    Rollback,
    RootNotTrusted,
    RootRotationBroken,
    ThresholdNotMet,
)
from proxy.names import Gun
from proxy.tuf.pins import Pins, RootPin
from proxy.tuf.roots import RootRules
from tests.support.certificates import EXPIRED, certificate, root_key, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import EXPIRED as EXPIRED_TEXT
from tests.support.signed_roles import NOW

GUN: Final = Gun("example.com/shop/api")
OLD, NEW, THIRD = root_key(GUN, "old"), root_key(GUN, "new"), root_key(GUN, "third")
RAN_OUT: Final = x509_key(OLD_PLAIN := ecdsa_key("old"), certificate(GUN, OLD_PLAIN, not_after=EXPIRED))


def _root(
    keys: Sequence[Key], signers: Sequence[Key] | None = None, *, threshold: int = 1, version: int = 1, **fields: Any
) -> bytes:
    """A root with these keys, signed by them or by others."""
    sim = NotarySimulator(GUN)
    declared = sim.root.roles["root"]
    declared.keys, declared.threshold = list(keys), threshold
    sim.root.signers = list(keys if signers is None else signers)
    sim.root.version, sim.root.fields = version, fields
    return sim.root.forge({})


def _rules(pins: Pins | None = None, now: datetime = NOW) -> RootRules:
    return RootRules(GUN, pins or Pins.tofu(), now, {})


def _pinned(*keys: Key) -> RootRules:
    return _rules(Pins((RootPin("corp", public_key_ids=frozenset(key.public_key_id for key in keys)),)))


# --- alone --------------------------------------------------------------------------------------


def test_a_root_that_is_signed_by_its_own_keys_is_trusted() -> None:
    """And remembered in the very bytes that it came in."""
    data = _root([OLD], version=5)
    trusted = _rules().trust(data)
    assert (trusted.root.version, trusted.data) == (5, data)


def test_its_own_expiry_is_not_looked_at_here() -> None:
    """A root on the way to a newer one may have expired; the last one may not, which is checked at the end."""
    assert _rules().trust(_root([OLD], expires=EXPIRED_TEXT)).root.version == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"<html>", MetadataCorrupt, id="no metadata"),
        pytest.param(_root([OLD], _type="Targets"), MetadataCorrupt, id="another kind of file"),
        pytest.param(_root([root_key("example.com/other", "old")]), RootNotTrusted, id="made out to another GUN"),
        pytest.param(_root([RAN_OUT]), RootNotTrusted, id="certificate has expired"),
        pytest.param(_root([ecdsa_key("old")]), RootNotTrusted, id="plain key"),
        pytest.param(_root([OLD], []), ThresholdNotMet, id="not signed"),
        pytest.param(_root([OLD], [NEW]), ThresholdNotMet, id="signed by a stranger"),
        pytest.param(_root([OLD], [ecdsa_key("old")]), ThresholdNotMet, id="signed under the plain key's id"),
        pytest.param(_root([OLD, NEW], [OLD], threshold=2), ThresholdNotMet, id="one of two"),
        pytest.param(_root([OLD, RAN_OUT], threshold=2), ThresholdNotMet, id="two certificates of one key"),
    ],
)
def test_any_other_root_is_not_trusted(data: bytes, error: type[Exception]) -> None:
    """Each with the refusal that says what is wrong."""
    with pytest.raises(error):
        _rules().trust(data)


def test_only_pinned_keys_count_toward_the_threshold() -> None:
    """The root's own second key, which nobody pinned, cannot complete it (S2)."""
    data = _root([OLD, NEW], threshold=2)
    assert _pinned(OLD, NEW).trust(data).root.version == 1
    with pytest.raises(ThresholdNotMet) as caught:
        _pinned(OLD).trust(data)
    assert (caught.value.valid, caught.value.threshold) == (1, 2)
    with pytest.raises(RootNotTrusted, match=NEW.public_key_id):
        _pinned(THIRD).trust(_root([NEW]))


def test_a_key_that_does_not_count_cannot_sign_for_one_that_does() -> None:
    """A pinned certificate beside it is not enough: the pinned key itself must have signed."""
    with pytest.raises(ThresholdNotMet):
        _pinned(OLD).trust(_root([OLD, NEW], [NEW]))


# --- successors ---------------------------------------------------------------------------------


def _succeed(before: bytes, after: bytes, rules: RootRules | None = None) -> int:
    """The version that is reached. The first root is trusted as it was in its time."""
    judges = rules or _rules()
    previous = RootRules(GUN, judges.pins, datetime.fromisoformat("2020-06-01T00:00:00+00:00"), {}).trust(before)
    return judges.succeed(previous, after).root.version


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(_root([OLD]), _root([OLD], version=2), id="same key"),
        pytest.param(_root([OLD]), _root([NEW], [OLD, NEW], version=2), id="new key, signed by both"),
        pytest.param(_root([OLD]), _root([NEW], [THIRD, OLD, NEW], version=2), id="and a stranger"),
        pytest.param(_root([OLD]), _root([NEW], [OLD, NEW], version=9), id="a jump in versions"),
        pytest.param(_root([RAN_OUT]), _root([NEW], [RAN_OUT, NEW], version=2), id="old certificate has expired"),
        pytest.param(
            _root([OLD, NEW, THIRD], threshold=2), _root([OLD, NEW], version=2), id="two of three, then one of two"
        ),
    ],
)
def test_a_successor_is_signed_by_the_old_and_by_the_new_keys(before: bytes, after: bytes) -> None:
    """By the old keys with the old threshold, by its own with its own."""
    assert _succeed(before, after) > 1


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        pytest.param(_root([OLD]), _root([NEW], version=2), RootRotationBroken, id="signed by the new key alone"),
        pytest.param(_root([OLD]), _root([NEW], [OLD], version=2), ThresholdNotMet, id="signed by the old key alone"),
        pytest.param(_root([OLD]), _root([NEW], [], version=2), RootRotationBroken, id="not signed"),
        pytest.param(
            _root([OLD, NEW, THIRD], threshold=2), _root([NEW], version=2), RootRotationBroken, id="one of the old two"
        ),
        pytest.param(
            _root([OLD]), _root([OLD, NEW], [OLD], threshold=2, version=2), ThresholdNotMet, id="one of the new two"
        ),
        pytest.param(_root([OLD]), _root([RAN_OUT], version=2), RootNotTrusted, id="new certificate has expired"),
        pytest.param(_root([OLD], version=3), _root([OLD], version=2), Rollback, id="an older version"),
        pytest.param(_root([OLD]), _root([OLD], note="x"), Rollback, id="same version, other bytes (S5)"),
        pytest.param(_root([OLD], version=3), _root([NEW], version=2), RootRotationBroken, id="older and not signed"),
        pytest.param(_root([OLD]), b"{}", MetadataCorrupt, id="no metadata"),
    ],
)
def test_any_other_root_is_no_successor(before: bytes, after: bytes, error: type[Exception]) -> None:
    """`RootRotationBroken` alone means that versions between may mend it."""
    with pytest.raises(error):
        _succeed(before, after)


def test_the_same_root_succeeds_itself() -> None:
    """The same bytes are no change."""
    data = _root([OLD], version=4)
    previous = _rules().trust(data)
    assert _rules().succeed(previous, data) is previous


def test_a_successor_must_be_pinned_too() -> None:
    """Pinning the old key alone refuses the rotation; pinning both allows it (dialect 3.6)."""
    before, after = _root([OLD]), _root([NEW], [OLD, NEW], version=2)
    assert _succeed(before, after, _pinned(OLD, NEW)) == 2
    with pytest.raises(RootNotTrusted):
        _succeed(before, after, _pinned(OLD))


def test_an_old_key_that_is_not_pinned_cannot_vouch() -> None:
    """Of the old root, too, only pinned keys count (S2)."""
    before, after = _root([OLD, NEW]), _root([THIRD], [NEW, THIRD], version=2)
    assert _succeed(before, after, _pinned(OLD, NEW, THIRD)) == 2
    with pytest.raises(RootRotationBroken):
        _succeed(before, after, _pinned(OLD, THIRD))


def test_a_broken_rotation_says_how_many_signatures_there_were() -> None:
    """The operator sees which version did not vouch."""
    with pytest.raises(RootRotationBroken) as caught:
        _succeed(_root([OLD, NEW], threshold=2, version=3), _root([NEW], version=4))
    assert caught.value.why == "1 of 2 signatures of version 3"


def test_a_certificate_is_judged_at_the_instant_of_the_update() -> None:
    """`now` is given, never asked for."""
    data = _root([x509_key(OLD_PLAIN, certificate(GUN, OLD_PLAIN, not_after=NOW))])
    assert _rules(now=NOW).trust(data).root.version == 1
    with pytest.raises(RootNotTrusted):
        _rules(now=NOW + timedelta(seconds=1)).trust(data)
