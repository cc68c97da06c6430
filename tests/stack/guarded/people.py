"""Who may do what in the guarded servers, and the configuration of a proxy before them."""

import json
from pathlib import Path
from typing import Any, Final

from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.registry import MANIFEST_TYPES, Registry
from deploy.stack.web import Answer, Login, ask
from tests.stack.configuration import configuration
from tests.support.token_server import User

OWNER: Final = Login("owner", "owner's secret")
READER: Final = Login("reader", "reader's secret")
WARDEN: Final = Login("warden", "warden's secret")
USERS: Final = (
    User(OWNER, {"*": "pull,push,delete,*"}, catalog=True),
    User(READER, {"open/*": "pull"}),
    User(WARDEN, {"*": "pull"}),
)


def guarded_settings(place: Path, registry: Registry, notary: Notary, signer: Person, pin: str) -> dict[str, Any]:
    """Everything is to be signed by the signer; the proxy itself is the warden, who may read everything."""
    secret = place / "warden.json"
    secret.write_text(json.dumps({"username": WARDEN.username, "password": WARDEN.password}))
    settings = configuration(registry, notary, [pin], {signer.name: signer})
    settings["registry"]["credentials_file"] = str(secret)
    settings["notaries"]["corp"]["credentials_file"] = str(secret)
    settings["repositories"] = {"**": {"signed_by": {"any_of": [signer.name]}, "fresh_for": "1s"}}
    return settings


def read(url: str, path: str, *, method: str = "GET", authorization: str | None = None) -> Answer:
    """Ask for something with all types of manifests."""
    headers = {"Accept": ", ".join(MANIFEST_TYPES)}
    if authorization is not None:
        headers["Authorization"] = authorization
    return ask(f"{url}{path}", method=method, headers=headers)


def said(answer: Answer) -> tuple[int, list[str], Any]:
    """What of an answer a client goes by that is not let in: status, every challenge, and what the body says.

    The registry lists several actions in any order.
    """
    body = json.loads(answer.body) if answer.body else None
    for error in (body or {}).get("errors", ()):
        if isinstance(error["detail"], list):
            error["detail"].sort(key=str)
    challenges = answer.headers.get_all("WWW-Authenticate", [])
    return answer.status, [each.replace(":push,pull", ":pull,push") for each in challenges], body
