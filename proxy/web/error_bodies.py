"""The registry's errors, written anew: its words reach the client, and nothing else can travel with them.

Clients print `code` and `message`; `detail` has small facts in it. All three go on, bounded. An error that is none of
the API's is replaced by a short one of our own, because clients fail to read anything else (clients 2).
"""

import re
from typing import Any, Final

import orjson

from proxy.limits import (
    RELAYED_DETAIL_LENGTH,
    RELAYED_DETAIL_PARTS,
    RELAYED_ERRORS,
    RELAYED_MESSAGE_LENGTH,
)

JSON: Final = "application/json; charset=utf-8"

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_CODES: Final = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 429: "TOOMANYREQUESTS"}


def rebuild(status: int, body: bytes | None) -> bytes:
    """Write an error body anew.

    Args:
        status: of the registry's answer, 400 to 599.
        body: what came with it; None where it was too long.
    """
    errors = [_error(each) for each in _listed(body)[:RELAYED_ERRORS] if isinstance(each, dict)]
    return orjson.dumps({"errors": errors or [_own(status)]})


def _listed(body: bytes | None) -> list[Any]:
    try:
        document = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return []
    errors = document.get("errors") if isinstance(document, dict) else None
    return errors if isinstance(errors, list) else []


def _error(error: dict[str, Any]) -> dict[str, Any]:
    code, message = error.get("code"), error.get("message")
    return {
        "code": code if isinstance(code, str) and _CODE.fullmatch(code) else "UNKNOWN",
        "message": _short(message, RELAYED_MESSAGE_LENGTH) if isinstance(message, str) else "",
        "detail": _detail(error.get("detail")),
    }


def _own(status: int) -> dict[str, Any]:
    code = _CODES.get(status, "UNAVAILABLE" if status >= 500 else "UNKNOWN")
    return {"code": code, "message": f"the registry answered {status} without a reason", "detail": None}


def _detail(detail: object) -> object:
    """What registries say in it: a fact, named facts, or a list of these; anything deeper is left out."""
    if isinstance(detail, list):
        return [_facts(each) for each in detail[:RELAYED_DETAIL_PARTS] if isinstance(each, dict)]
    return _facts(detail) if isinstance(detail, dict) else _fact(detail)


def _facts(named: dict[str, Any]) -> dict[str, Any]:
    facts = [(name, value) for name, value in named.items() if not isinstance(value, dict | list)]
    return {_short(name, RELAYED_DETAIL_LENGTH): _fact(value) for name, value in facts[:RELAYED_DETAIL_PARTS]}


def _fact(value: object) -> object:
    if isinstance(value, str):
        return _short(value, RELAYED_DETAIL_LENGTH)
    return value if isinstance(value, int | float) else None


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 2]}.."
