"""Whatever stands in a query, a token or an error of the registry, it is read in one way, bounded, or refused."""

import json
from base64 import urlsafe_b64encode
from typing import Any, Final
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.names import Repository
from proxy.web import mounts
from proxy.web.error_bodies import rebuild
from proxy.web.paths import namespace
from proxy.web.pushers import asks_before_pushing, may_push

DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"
WORDS: Final = st.sampled_from(
    [
        *("mount", "from", "Mount", "m%6funt", "%66rom", "ns", "n%73", "=", "=", "&", "&"),
        *(DIGEST, DIGEST.replace(":", "%3A"), "shop/app", "shop%2Fapp", "a", "..", "%2e"),
        *("+", "%", ";", ":5000", "digest", "_state", ""),
    ]
)
QUERIES: Final = st.one_of(st.text(), st.lists(WORDS, max_size=12).map("".join))
FACTS: Final = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON: Final = st.recursive(
    FACTS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)
ERRORS: Final = st.fixed_dictionaries({}, optional=dict.fromkeys(("code", "message", "detail", "more"), JSON))


@given(QUERIES)
def test_a_mount_has_one_reading(query: str) -> None:
    """What is sent on has at most one mount, which another parser finds too, and the same parser again."""
    try:
        mount, rest = mounts.read(query)
    except Refusal:
        return
    named = [key.lower() for key, _ in parse_qsl(rest, keep_blank_values=True)]
    assert not {"mount", "from"} & set(named)
    if mount is not None:
        assert dict(parse_qsl(str(mount))) == {"mount": mount.digest, "from": mount.source}
        assert mounts.read(f"{mount}&{rest}") == (mount, rest)


@given(QUERIES)
def test_a_mirror_is_named_in_one_way(query: str) -> None:
    """A name that is read is a name as it can stand in a configuration, and is there once."""
    name = namespace(f"/v2/app/manifests/latest?{query}")
    if name is not None:
        assert name.isascii()
        assert not set(name) & set("/%?&=#@ ")
        assert dict(parse_qsl(query))["ns"] == name


@given(st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())))
def test_no_token_breaks_the_proxy(claims: bytes) -> None:
    """Only a list of rights with this repository in it may push, and nothing else is ever raised."""
    token = f"Bearer e30.{urlsafe_b64encode(claims).decode()}.e30"
    assert may_push(token, Repository("shop/app")) in (True, False)
    if b"shop/app" not in claims:
        assert not may_push(token, Repository("shop/app"))


@given(st.text(), st.lists(st.text()))
def test_no_accept_breaks_the_proxy(method: str, accept: list[str]) -> None:
    """Nobody is a pusher by accident."""
    assert not asks_before_pushing(method, accept)


@given(
    st.integers(400, 599),
    st.one_of(
        st.binary(), st.lists(ERRORS | JSON, max_size=8).map(lambda errors: json.dumps({"errors": errors}).encode())
    ),
)
def test_every_error_is_one_and_small(status: int, body: bytes) -> None:
    """One to four errors of three members, each of which is bounded, whatever the registry says."""
    document: Any = json.loads(rebuild(status, body))
    assert list(document) == ["errors"]
    assert 1 <= len(document["errors"]) <= 4
    for error in document["errors"]:
        assert list(error) == ["code", "message", "detail"]
        assert error["code"].replace("_", "").isalnum()
        assert len(error["message"]) <= 256
        details = error["detail"] if isinstance(error["detail"], list) else [error["detail"]]
        assert len(details) <= 8
        for detail in details:
            facts = [*detail, *detail.values()] if isinstance(detail, dict) else [detail]
            assert len(facts) <= 16
            assert all(len(fact) <= 128 for fact in facts if isinstance(fact, str))
            assert not any(isinstance(fact, dict | list) for fact in facts)
