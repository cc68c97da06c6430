"""Lets a running proxy decide: it is asked as a client would ask, and believed as far as its answer holds together."""

import os
from pathlib import Path
from typing import Final

from proxy.cli.outcome import Finding, Outcome, caveat, finding_of, spelled_out
from proxy.clock import Clock
from proxy.doctor.schemes import other_scheme
from proxy.errors import UserError
from proxy.policy.decisions import Decision
from proxy.policy.entries import Mode
from proxy.remote.address import proxy_url, reference_at, registry_of
from proxy.remote.asking import Server, Subject, ask
from proxy.remote.credentials import look_up
from proxy.remote.verdict import Told
from proxy.web.shapes import shape

_ACCOUNT: Final = ("gun", "rule", "mode", "missing", "roles", "evidence_age", "signers")
"""What a refusal may tell by itself; whatever has a digest or a verdict in it is checked first."""


class There:
    """One image behind one running proxy; every `decide` is a request of its own."""

    def __init__(self, url: str, image: str, *, ca_file: Path | None, plain_http: bool) -> None:
        """Find the credential that docker has for the proxy. Raises `UserError`."""
        address = proxy_url(url, plain_http=plain_http)
        if ca_file is not None and address.scheme != "https":
            raise UserError(
                "--ca-file says whose certificate to believe, and plain http has none: write https, or drop it"
            )
        self._reference = reference_at(image, address)
        self._subject = Subject(self._reference, registry_of(image, address))
        self._server = Server(address, look_up(address, os.environ), ca_file)

    async def decide(self) -> Outcome:
        """Ask once. Raises `UserError` for a wrong scheme, and where the registry there does not let us in."""
        told = await ask(self._server, self._subject, Clock())
        if told.word is None and (other := await other_scheme(self._server.url)):
            spoken = "it speaks plain HTTP" if other.scheme == "http" else "it wants TLS"
            raise UserError(f"{self._server.url} cannot be asked, {spoken}: write --via {str(other).rstrip('/')}")
        sentence = spelled_out(told.sentence, str(self._reference), str(self._reference.target))
        return Outcome(_finding(told), sentence + caveat(told.stale), told.code, self._shape(told))

    def _shape(self, told: Told) -> dict[str, object]:
        """The shape that local decisions have; null where the proxy did not say."""
        empty = shape(Decision(self._reference, Mode.ENFORCE), request_id=told.request_id, now=Clock().now())
        account = {key: told.detail[key] for key in _ACCOUNT if key in told.detail}
        return {
            **empty,
            "mode": None,
            "evidence_age": told.stale,
            **account,
            "reference": str(self._reference),
            "decision": told.word,
            "refusal": told.code or None,
            "stale": told.stale,
            **({"digest": told.digest, "length": told.length} if told.word == "allowed" else {}),
            **({"signers": list(told.signers)} if told.signers else {}),
        }


def _finding(told: Told) -> Finding:
    match told.word:
        case None:
            return Finding.UNDECIDED
        case "allowed":
            return Finding.ALLOWED
        case "not-enforced":
            return Finding.MOVED if told.moved else Finding.NOT_ENFORCED
        case "refused":
            return finding_of(told.code)
        case "would-refuse":
            return finding_of(told.code, served=True)
