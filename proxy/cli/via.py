"""Lets a running proxy decide: it is asked as a client would ask, and believed as far as its answer holds together."""

import os
from pathlib import Path

from proxy.cli.outcome import Finding, Outcome, finding_of, spelled_out
from proxy.clock import Clock
from proxy.policy.decisions import Decision
from proxy.policy.entries import Mode
from proxy.remote.address import proxy_url, reference_at
from proxy.remote.asking import Server, ask
from proxy.remote.credentials import look_up
from proxy.remote.verdict import Told
from proxy.web.shapes import shape


class There:
    """One image behind one running proxy; every `decide` is a request of its own."""

    def __init__(self, url: str, image: str, *, ca_file: Path | None, plain_http: bool) -> None:
        """Find the credential that docker has for the proxy. Raises `UserError`."""
        address = proxy_url(url, plain_http=plain_http)
        self._reference = reference_at(image, address)
        self._server = Server(address, look_up(address, os.environ), ca_file)

    async def decide(self) -> Outcome:
        """Ask once. Raises `UserError` where the registry behind the proxy does not let this credential in."""
        told = await ask(self._server, self._reference, Clock())
        sentence = spelled_out(told.sentence, str(self._reference), str(self._reference.target))
        return Outcome(_finding(told), sentence, told.code, self._shape(told))

    def _shape(self, told: Told) -> dict[str, object]:
        """The shape that local decisions have; null where the proxy did not say."""
        empty = shape(Decision(self._reference, Mode.ENFORCE), request_id=told.request_id, now=Clock().now())
        account = {key: value for key, value in told.detail.items() if key in empty}
        return {
            **empty,
            "mode": None,
            **account,
            "reference": str(self._reference),
            "decision": told.word,
            "refusal": told.code or None,
            **({"evidence_age": told.stale} if told.stale is not None else {}),
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
            return Finding.NOT_ENFORCED
        case "refused":
            return finding_of(told.code)
        case "would-refuse":
            return finding_of(told.code, served=True)
