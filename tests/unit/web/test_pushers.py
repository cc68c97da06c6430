"""How clients that push are told from those that pull."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final

import pytest

from proxy.manifests import MediaType
from proxy.names import Repository
from proxy.web.pushers import asks_before_pushing, may_push

APP: Final = Repository("shop/app")
OCI: Final = MediaType.OCI_MANIFEST


def token(claims: Any) -> str:
    """A Bearer token that says this; whether it is signed is for the registry to say."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return f"Bearer e30.{urlsafe_b64encode(payload).rstrip(b'=').decode()}.c2ln"


def grant(name: str = "shop/app", kind: str = "repository", actions: Any = ("pull", "push")) -> dict[str, Any]:
    """A right as token servers write it."""
    return {"type": kind, "name": name, "actions": actions}


@pytest.mark.parametrize(
    ("method", "accept", "asks"),
    [
        pytest.param("HEAD", [f"{OCI}, */*"], True, id="containerd's pusher"),
        pytest.param("HEAD", ["*/*", MediaType.DOCKER_LIST], True, id="in two lines, the other way round"),
        pytest.param("HEAD", [f"{OCI.upper()};q=1,*/*;q=0.1"], True, id="other spellings"),
        pytest.param("GET", [f"{OCI}, */*"], False, id="containerd's fetcher"),
        pytest.param("HEAD", [", ".join([*MediaType, "*/*"])], False, id="containerd's resolver"),
        pytest.param("HEAD", [OCI], False, id="one type alone"),
        pytest.param("HEAD", ["*/*"], False, id="anything alone"),
        pytest.param("HEAD", ["application/json, */*"], False, id="no manifest type"),
        pytest.param("HEAD", [f"{OCI}, {MediaType.OCI_INDEX}"], False, id="two types"),
        pytest.param("HEAD", [f"{OCI}, {OCI}, */*"], False, id="one type twice"),
        pytest.param("HEAD", [], False, id="nothing"),
    ],
)
def test_a_pusher_asks_in_its_own_way(method: str, accept: Sequence[str], *, asks: bool) -> None:
    """HEAD, one manifest type, and anything; nobody who pulls asks so."""
    assert asks_before_pushing(method, accept) is asks


@pytest.mark.parametrize(
    ("authorization", "may"),
    [
        pytest.param(token({"access": [grant()]}), True, id="push"),
        pytest.param(token({"access": [grant("other"), grant(actions=["*"])]}), True, id="everything"),
        pytest.param(token({"access": [grant()]}).replace("Bearer", "bearer"), True, id="lower case scheme"),
        pytest.param(token({"access": [grant(actions=["pull"])]}), False, id="pull alone"),
        pytest.param(token({"access": [grant("shop/other")]}), False, id="another repository"),
        pytest.param(token({"access": [grant(kind="registry")]}), False, id="another kind"),
        pytest.param(token({"access": grant()}), False, id="no list"),
        pytest.param(token({"access": ["push", None]}), False, id="no rights"),
        pytest.param(token({"access": [grant(actions="push")]}), False, id="actions that are no list"),
        pytest.param(token({"access": [grant(actions=[["push"], {}])]}), False, id="actions that are no words"),
        pytest.param(token({}), False, id="no access"),
        pytest.param(token([grant()]), False, id="no claims"),
        pytest.param(token(b"{"), False, id="no JSON"),
        pytest.param(token(b"[" * 5000), False, id="nested without end"),
        pytest.param("Bearer a.b", False, id="no token"),
        pytest.param("Bearer a.\u00e9.c", False, id="no base64"),
        pytest.param("Bearer opaque", False, id="opaque"),
        pytest.param(token({"access": [grant()]}).replace("Bearer", "Basic"), False, id="another scheme"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="nobody"),
    ],
)
def test_a_token_may_say_that_it_pushes(authorization: str | None, *, may: bool) -> None:
    """Only the rights to this very repository count, and nothing that is odd."""
    assert may_push(authorization, APP) is may
