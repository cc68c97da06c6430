"""Every test here runs on both loops: uvloop serves, and its transports are not asyncio's."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import uvloop
from structlog.testing import capture_logs

from certs.authority import Authority
from proxy.limits import STRAIGHT_BYTES
from proxy.registry import streams
from tests.unit.web.straight.material import Place, between


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The proxy runs on uvloop; what holds for both is no accident of one."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


Between: TypeAlias = Callable[..., AbstractAsyncContextManager[Place]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom clients and the proxy trust."""
    return Authority.open(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> Between:
    """Run a proxy on a way, with little patience; what TLS costs at first is worth it for small bodies too."""
    monkeypatch.setattr(streams, "STRAIGHT_TLS_BYTES", STRAIGHT_BYTES)
    monkeypatch.setattr(streams, "GATHER_SECONDS", 0.02)
    return partial(between, monkeypatch, authority)


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """Every event that is logged."""
    with capture_logs() as captured:
        yield captured
