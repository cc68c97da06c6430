"""The two signals."""

import asyncio
import os
import signal
from typing import Any

import pytest

from proxy.server.signals import told_to_stop
from tests.unit.registry.material import eventually


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_signal_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, events: list[Any], second: signal.Signals
) -> None:
    """The first one asks to stop; whoever asks again does not want to wait, for workers neither."""
    ended: list[int | str] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    stopping = told_to_stop(lambda: ended.append("workers"))
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await stopping.wait()
        assert ended == []
        os.kill(os.getpid(), second)
        await eventually(lambda: len(ended) > 1)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
    assert ended == ["workers", 128 + second]
    assert [(event["event"], event["signal"]) for event in events] == [
        ("ended at once: told to stop a second time", second.name)
    ]
