"""The clock that tells how old evidence is."""

import time

import pytest

from proxy.clock import Clock


def test_seconds_go_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence that was checked before a laptop was closed is not fresh when it is opened."""
    told = {time.CLOCK_BOOTTIME: 259_200.0, time.CLOCK_MONOTONIC: 10.0}
    monkeypatch.setattr("proxy.clock.time.clock_gettime", told.__getitem__)
    assert Clock().seconds() == 259_200.0
