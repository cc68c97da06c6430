"""Log lines: for programs, for people, and with text from anywhere in them."""

import io
import json
import logging
from collections import defaultdict
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, Literal

import pytest
import structlog

from proxy.names import Digest
from proxy.telemetry import Audit, configure


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(Audit.STORE_CREATED, "value='trust store created'", id="a word of an enumeration"),
        pytest.param(Audit.REFUSAL, "value=refusal", id="one that needs no quotes"),
        pytest.param(["alice"], "value=alice", id="a list of one"),
        pytest.param(("alice", "ci"), "value='alice, ci'", id="a list of several"),
        pytest.param([], "value=", id="an empty list"),
        pytest.param(
            defaultdict(list, {"targets": ["ab", "cd"], "snapshot": ["ef"]}),
            "value='targets: ab, cd; snapshot: ef'",
            id="a table of lists",
        ),
        pytest.param(None, "value=null", id="nothing"),
        pytest.param(True, "value=true", id="yes"),
        pytest.param(12, "value=12", id="a number"),
        pytest.param(0.25, "value=0.25", id="a fraction"),
        pytest.param(b"\xab\xcd", "value=abcd", id="bytes"),
        pytest.param({"ci"}, "value=ci", id="a set"),
        pytest.param(ip_network("10.0.0.0/8"), "value=10.0.0.0/8", id="what could be counted up"),
        pytest.param(timedelta(seconds=90), "value=0:01:30", id="something else"),
        pytest.param(Digest(f"sha256:{'a' * 64}"), f"value=sha256:{'a' * 64}", id="a digest"),
    ],
)
def test_people_see_no_programming_language(value: object, shown: str) -> None:
    """What is a list or a table in JSON has commas and semicolons in a line for people."""
    configure("text", stream=(stream := io.StringIO()))
    structlog.get_logger().info("serving", value=value)
    assert stream.getvalue().rstrip("\n").endswith(f" {shown}")


def test_text_can_be_asked_for() -> None:
    """Anywhere, and without colours where there is no terminal."""
    configure("text", stream=(stream := io.StringIO()))
    structlog.get_logger().info("serving")
    assert "\x1b[" not in stream.getvalue()
    assert "serving" in stream.getvalue()


def test_nothing_in_a_line_moves_a_cursor() -> None:
    """Escape sequences, C1 controls and reversed text of clients arrive as escapes, and mean the same to a program."""
    configure("json", stream=(stream := io.StringIO()))
    agent = "\x1b[31mdocker\x9b2J \u202etxt.exe \u00e9 \U000e0041"
    structlog.get_logger().info("request", user_agent=agent)
    raw = stream.getvalue().rstrip("\n")
    assert raw.isprintable()
    assert "\u00e9" in raw
    assert json.loads(raw)["user_agent"] == agent


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_value_begins_another_line(form: Literal["json", "text"]) -> None:
    """Whoever writes line breaks into a user agent writes no log lines."""
    configure(form, stream=(stream := io.StringIO()))
    forged = 'docker\n{"event": "decision", "decision": "allowed"}\r\x1b[2K\x9bforged'
    structlog.get_logger().info("request", user_agent=forged, others=["a\nb"])
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().rstrip("\n").isprintable()


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_password_stands_in_a_traceback(form: Literal["json", "text"]) -> None:
    """What an error quotes may be an address with a password, or a header."""
    configure(form, stream=(stream := io.StringIO()))
    structlog.get_logger().error("unexpected error", exc_info=RuntimeError("https://ci:geheim@registry/v2/"))
    logging.getLogger("aiohttp").error("bad header: %s", "Authorization: Bearer geheim.geheim")
    assert "geheim" not in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()


class Broken(io.StringIO):
    """A stream that cannot be written any more."""

    def write(self, _: str) -> int:
        """Fail."""
        raise BrokenPipeError


def test_a_log_that_is_closed_ends_nothing() -> None:
    """Whoever read standard error has gone; clients are served all the same."""
    configure("json", stream=Broken())
    structlog.get_logger().info("request")
