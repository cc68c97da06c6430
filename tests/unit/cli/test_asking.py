"""Commands that only ask: what is logged meanwhile never gets between what they print."""

import logging

import pytest
import structlog

from proxy.cli.quiet import quiet
from proxy.telemetry import Audit


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads the output reads nothing else; what is no warning is not said at all."""
    with quiet():
        structlog.get_logger().info("renewed")
        structlog.get_logger().warning("target skipped", gun="a")
        logging.getLogger("aiohttp").warning("broken")
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "renewed" not in seen.err
    assert "target skipped" in seen.err
    assert "broken" in seen.err


def test_the_audit_stream_is_for_proxies(capsys: pytest.CaptureFixture[str]) -> None:
    """Who collects standard error would count what happened to no client."""
    with quiet():
        structlog.get_logger().error("rollback seen", audit=Audit.ROLLBACK_SEEN)
    assert capsys.readouterr().err == ""


def test_logging_is_left_as_it_was_found() -> None:
    """Whoever runs a command within a program of their own logs on as before."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, structlog.get_config()
    with quiet():
        assert structlog.get_config() != before[2]
    assert (root.handlers[:], root.level, structlog.get_config()) == before
