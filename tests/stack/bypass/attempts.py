"""What an attempt is: the bytes of one connection, as a template.

A template may name the words of the bait, and `hidden`: a whole request for the unsigned tag, to be hidden somewhere;
`hidden_length` and `hidden_chunk` are its length, decimal and hexadecimal.
"""

from dataclasses import dataclass
from typing import Final

from tests.stack.bypass.bait import Bait
from tests.support.raw_http import PATIENCE, RawAnswer, converse

TYPES: Final = (
    "Accept: application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
)
HOST: Final = "Host: {host}"
CLOSE: Final = "Connection: close"


@dataclass(frozen=True)
class Attempt:
    """`id` says what is tried; `leaks` says that the registry itself falls for it, so that the test can fail.

    `hangs` says that whoever gets it may wait for more, so that only quiet tells that it has said everything.
    """

    id: str
    template: str
    leaks: bool = False
    hangs: bool = False

    def at(self, host: str, bait: Bait) -> list[RawAnswer]:
        """Make the attempt on a new connection and return every answer on it."""
        return converse(host, self.bytes_for(bait, host), 0.5 if self.hangs else PATIENCE)

    def bytes_for(self, bait: Bait, host: str) -> bytes:
        """What is sent to this host; a character of the template is a byte."""
        words = bait.words(host)
        hidden = asked(UNSIGNED).format_map(words)
        words |= {"hidden": hidden, "hidden_length": str(len(hidden)), "hidden_chunk": f"{len(hidden):x}"}
        return self.template.format_map(words).encode("latin-1")


def said(*lines: str, body: str = "") -> str:
    """Write lines as HTTP does, and a body after them."""
    return "\r\n".join([*lines, "", body])


def asked(target: str, *headers: str, method: str = "GET", version: str = "HTTP/1.1") -> str:
    """Write one request that closes the connection after itself; without an `Accept` it takes every manifest."""
    accept = [] if any(each.lower().startswith("accept:") for each in headers) else [TYPES]
    return said(f"{method} {target} {version}", HOST, *accept, *headers, CLOSE)


def first(target: str, *headers: str, method: str = "GET", body: str = "") -> str:
    """Write one request that others follow on its connection."""
    return said(f"{method} {target} HTTP/1.1", HOST, TYPES, *headers, body=body)


UNSIGNED: Final = "/v2/{app}/manifests/2.0"
BY_DIGEST: Final = "/v2/{app}/manifests/{unsigned}"
SIGNED: Final = "/v2/{app}/manifests/1.0"
