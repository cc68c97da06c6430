"""The registry's errors: its words arrive, and no manifest travels with them."""

import json
from typing import Any, Final

import pytest

from proxy.web.error_bodies import rebuild
from tests.unit.registry.material import digest, image, index

MANIFEST: Final = image("hidden")
LIST: Final = index([MANIFEST])


def error(code: object = "DENIED", message: object = "no", detail: object = None) -> dict[str, Any]:
    """One error as a registry gives it."""
    return {"code": code, "message": message, "detail": detail}


def rebuilt(*errors: object, status: int = 403) -> list[dict[str, Any]]:
    """What is left of a body with these errors."""
    document = json.loads(rebuild(status, json.dumps({"errors": errors}).encode()))
    assert list(document) == ["errors"]
    assert isinstance(document["errors"], list)
    return document["errors"]


@pytest.mark.parametrize(
    "honest",
    [
        pytest.param(
            error(
                "UNAUTHORIZED",
                "authentication required",
                [{"Type": "repository", "Class": "", "Name": "shop/app", "Action": "pull"}],
            ),
            id="no credential",
        ),
        pytest.param(error("MANIFEST_UNKNOWN", "manifest unknown", {"Tag": "1.0"}), id="no such tag"),
        pytest.param(
            error("MANIFEST_UNKNOWN", "manifest unknown", {"Name": "a", "Revision": f"sha256:{'a' * 64}"}),
            id="no such digest",
        ),
        pytest.param(error("BLOB_UNKNOWN", "blob unknown to registry", f"sha256:{'a' * 64}"), id="no such blob"),
        pytest.param(error("TOOMANYREQUESTS", "slow down", {"limit": 100, "left": 0, "soon": True}), id="too many"),
        pytest.param(error("NAME_UNKNOWN", "depôt inconnu: «shop/app»", None), id="other alphabets"),
    ],
)
def test_honest_words_arrive_as_they_are(honest: dict[str, Any]) -> None:
    """Clients print the same with and without the proxy."""
    assert rebuilt(honest) == [honest]


def test_several_errors_arrive_up_to_a_few() -> None:
    """Some clients print them all."""
    assert [each["message"] for each in rebuilt(*(error(message=str(n)) for n in range(9)))] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="too long to be read"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>Bad Gateway</html>", id="a page"),
        pytest.param(MANIFEST, id="a manifest"),
        pytest.param(LIST, id="an index"),
        pytest.param(b'{"errors":{}}', id="errors that are no list"),
        pytest.param(b'{"errors":[]}', id="no errors"),
        pytest.param(b'{"errors":["no", 1, null]}', id="errors that are none"),
        pytest.param(b'[{"code":"DENIED"}]', id="a list"),
        pytest.param(b'{"errors":[' + b"[" * 20_000, id="nested without end"),
        pytest.param(b'{"errors":[{"code":"A","message":"\xff"}]}', id="no text"),
    ],
)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        *[(400, "UNKNOWN"), (401, "UNAUTHORIZED"), (403, "DENIED"), (404, "NAME_UNKNOWN"), (429, "TOOMANYREQUESTS")],
        *[(500, "UNAVAILABLE"), (503, "UNAVAILABLE")],
    ],
)
def test_what_is_no_error_is_replaced_by_a_short_one(status: int, code: str, body: bytes | None) -> None:
    """Clients cannot read anything else, so they are told the status in words."""
    message = f"the registry answered {status} without a reason"
    assert json.loads(rebuild(status, body)) == {"errors": [error(code, message)]}


@pytest.mark.parametrize(
    "smuggling",
    [
        pytest.param(error(detail=json.loads(MANIFEST)), id="in the detail"),
        pytest.param(error(detail={"manifest": json.loads(MANIFEST)}), id="deeper in the detail"),
        pytest.param(error(detail=[json.loads(LIST)]), id="in a list of details"),
        pytest.param(error(detail={"text": (MANIFEST * 3).decode()}), id="as text in the detail"),
        pytest.param(error(message=json.loads(MANIFEST)), id="as the message"),
        pytest.param(error(message="x" * 250 + MANIFEST.decode()), id="as text in the message"),
        pytest.param(error(code=MANIFEST.decode()), id="as the code"),
        pytest.param(error() | json.loads(MANIFEST), id="beside the code"),
    ],
)
def test_no_manifest_travels_with_an_error(smuggling: dict[str, Any]) -> None:
    """Whatever a registry puts into an error, neither layers nor config come out of it."""
    left = json.dumps(rebuilt(smuggling))
    assert "layers" not in left
    assert digest(b"hidden") not in left
    assert len(left) < 1024


def test_long_words_are_cut() -> None:
    """A sentence that is too long for a screen ends in dots."""
    (cut,) = rebuilt(error(message="m" * 1000, detail={"n" * 1000: "v" * 1000}))
    assert cut["message"] == "m" * 254 + ".."
    assert cut["detail"] == {"n" * 126 + "..": "v" * 126 + ".."}


def test_facts_that_are_none_are_left_out() -> None:
    """Only texts, numbers and truths are facts."""
    (left,) = rebuilt(error(detail={"a": [1], "b": {"c": 1}, "d": 1.5, "e": None}))
    assert left["detail"] == {"d": 1.5, "e": None}
