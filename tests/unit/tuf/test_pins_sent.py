"""Pins go to another process of ours whole, certificates of authorities included."""

import pickle

import pytest

from proxy.tuf.pins import Pins, RootPin
from tests.support.certificates import authority


@pytest.mark.parametrize(
    "pins",
    [
        pytest.param(Pins.tofu(), id="tofu"),
        pytest.param(Pins(()), id="nothing"),
        pytest.param(Pins((RootPin("corp", frozenset({"ab"}), frozenset({"cd"})), RootPin("old"))), id="ids"),
        pytest.param(
            Pins((RootPin("ca", authorities=(authority("one").certificate, authority("two").certificate)),)), id="ca"
        ),
        pytest.param(Pins((RootPin("wide", allow_wildcard_name=True),)), id="wildcard"),
    ],
)
def test_pins_arrive_as_they_were(pins: Pins) -> None:
    """Field by field, and as good a key for evidence as before."""
    arrived = pickle.loads(pickle.dumps(pins))  # noqa: S301  (made in this line)
    assert arrived == pins
    assert hash(arrived) == hash(pins)
    assert [each.allow_wildcard_name for each in arrived.entries] == [each.allow_wildcard_name for each in pins.entries]
