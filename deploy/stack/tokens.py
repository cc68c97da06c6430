"""Token authentication of docker-registry and notary-server: whom they believe, and how to get a token by hand."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from deploy.stack.web import Login, ask

_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


class TokenRefused(RuntimeError):
    """The token server gave no token; the text has its answer."""


@dataclass(frozen=True)
class TokenAuth:
    """A token server as the servers that believe it see it; both of the stack take the same options.

    `realm` is where tokens are fetched, `issuer` and `certificate_file` who signs them, `service` the name of the
    server that they are for, and `ca_file` whom to trust at a realm over TLS. `owner` is who prepares the server's
    content here.
    """

    realm: str
    service: str
    issuer: str
    certificate_file: Path
    ca_file: Path | None = None
    owner: Login | None = None

    def options(self) -> dict[str, str]:
        """What stands under `auth.token` of docker-registry, and under `auth.options` of notary-server."""
        return {
            "realm": self.realm,
            "service": self.service,
            "issuer": self.issuer,
            "rootcertbundle": str(self.certificate_file.absolute()),
        }


def authorization(challenge: str, login: Login | None, ca_file: Path | None = None) -> str:
    """Answer a challenge as clients do; return the value of `Authorization`.

    Args:
        challenge: A Bearer `WWW-Authenticate`, with realm, service and perhaps scope.
        login: Who asks; None for a token without a name.
        ca_file: Whom to trust at a realm over TLS.

    Raises:
        TokenRefused: There is none.
    """
    parameters: Mapping[str, str] = dict(_PARAMETER.findall(challenge))
    wanted = [("service", parameters["service"])]
    wanted += [("scope", scope) for scope in parameters.get("scope", "").split()]
    query = "&".join(f"{name}={quote(value)}" for name, value in wanted)
    headers = {"Authorization": login.header} if login else {}
    answer = ask(f"{parameters['realm']}?{query}", headers=headers, ca_file=ca_file)
    if answer.status != 200:
        raise TokenRefused(f"the token server answered {answer.status}: {answer.body[:500]!r}")
    return f"Bearer {json.loads(answer.body)['token']}"
