"""Log lines: for programs, for people, and with text from anywhere in them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from proxy.names import Digest
from proxy.telemetry import client_text, configure


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Every line, read as JSON."""
    return [json.loads(line) for line in stream.getvalue().rstrip("\n").split("\n")]


def test_a_line_is_json() -> None:
    """Off a terminal each event is one JSON object with time and level."""
    configure(stream=(stream := io.StringIO()))
    structlog.get_logger().warning("decision", digest=Digest(f"sha256:{'a' * 64}"), signers=["ci"], length=None)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "decision",
        "level": "warning",
        "digest": f"sha256:{'a' * 64}",
        "signers": ["ci"],
        "length": None,
    }


def test_a_traceback_is_in_the_line() -> None:
    """An exception does not spread over several lines."""
    configure("json", stream=(stream := io.StringIO()))
    structlog.get_logger().error("unexpected error", exc_info=RuntimeError("why"))
    (line,) = lines(stream)
    assert "RuntimeError: why" in line["exception"]


def test_libraries_log_in_the_same_lines() -> None:
    """What comes through `logging` looks no different."""
    configure("json", stream=(stream := io.StringIO()))
    logging.getLogger("aiohttp.server").error("cannot %s", "listen")
    assert [(line["event"], line["level"]) for line in lines(stream)] == [("cannot listen", "error")]


def test_unimportant_lines_stay_away() -> None:
    """The level holds for our own lines and those of libraries."""
    configure("json", level=logging.WARNING, stream=(stream := io.StringIO()))
    structlog.get_logger().info("request")
    logging.getLogger("x").info("request")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("\udcff", id="broken text"),
        pytest.param({"\udcff": 1}, id="broken key further down"),
        pytest.param(2**70, id="a number that is too large"),
        pytest.param({1, 2}, id="a set"),
        pytest.param(object(), id="an object"),
        pytest.param("line\nbreak \u2028 \x1b[31m", id="control characters"),
    ],
)
def test_no_line_is_lost_to_a_value(value: object) -> None:
    """Whatever stands in an event, it is one line and its other facts are readable."""
    configure("json", stream=(stream := io.StringIO()))
    structlog.get_logger().info("request", value=value, status=200)
    (line,) = lines(stream)
    assert line["event"] == "request"
    assert str(line["status"]) == "200"


def test_people_get_text() -> None:
    """On a terminal a line is for reading."""
    configure(stream=(stream := Terminal()))
    structlog.get_logger().info("serving", name="registry.example.com")
    text = stream.getvalue()
    assert "serving" in text
    assert "registry.example.com" in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_text_can_be_asked_for() -> None:
    """Anywhere, and without colours where there is no terminal."""
    configure("text", stream=(stream := io.StringIO()))
    structlog.get_logger().info("serving")
    assert "\x1b[" not in stream.getvalue()
    assert "serving" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param("docker/20.10", "docker/20.10", id="plain"),
        pytest.param("a\udcffb", "a\\udcffb", id="broken"),
        pytest.param("x" * 10_000, "x" * 512, id="long"),
    ],
)
def test_text_of_clients_is_bounded_and_whole(text: str | None, logged: str | None) -> None:
    """A client cannot fill the log or break it."""
    assert client_text(text) == logged
