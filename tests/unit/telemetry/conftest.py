"""Logging and metrics as they were before each test, whatever it did to them."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from proxy.telemetry import configure, meters


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging and metrics as they were found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    meters.end()
    configure()  # lets go of an audit file
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
