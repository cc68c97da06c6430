"""Warm pulls, answered as they arrive: the very bytes of a request that was answered before, and nothing has changed.

There is no second parser. What is remembered are the exact bytes of one whole request that aiohttp's parser read at the
beginning of a message, and that was answered with a manifest that policy allows; the same bytes at such a beginning
are the same request. Whether it may be answered is found out every time: mode, freshness, expiry and permission as of
now, under the very policy and evidence that were asked before. Any doubt leaves a request to everybody's path.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.helpers import rfc822_formatted_time
from cachetools import LRUCache

from proxy.admissions import Admissions
from proxy.limits import FAST_ANSWER_BYTES, FAST_PATH_BYTES, FAST_REQUEST_BYTES, FAST_REQUESTS_SEEN
from proxy.names import Tag
from proxy.pledges import Pledge
from proxy.policy.decisions import Allowed, Decision
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Closure
from proxy.registry.headers import ClientCredentials
from proxy.registry.manifests import VerifiedManifest
from proxy.registry.permissions import Permit
from proxy.store.protocol import Tagged
from proxy.telemetry import logs
from proxy.telemetry.batches import Batch, Tally
from proxy.telemetry.caches import watch
from proxy.telemetry.metrics import DECISION_SECONDS, DECISIONS, NO_RULE
from proxy.web.exchange import EXCHANGE, Exchange, facts_of
from proxy.web.followers import Followers
from proxy.web.forwarded import TRUSTED_PROXIES, client
from proxy.web.request_ids import request_id

_Key: TypeAlias = bytes | tuple[bytes]
"""A request; or only a keyed hash of one that carries a credential."""

_END: Final = b"\r\n\r\n"
_CREDENTIAL: Final = b"uthorization: "  # as clients write it; who writes it otherwise is not remembered
_METHODS: Final = (b"GET /v2/", b"HEAD /v2/")
_ELSEWHERE: Final = (hdrs.COOKIE, hdrs.PROXY_AUTHORIZATION, hdrs.EXPECT, hdrs.UPGRADE, hdrs.CONTENT_LENGTH)
_ANEW: Final = (hdrs.DATE, "X-Request-Id")
_TOLD_ANEW: Final = ("evidence_age", "request_id", "duration", "client")
_OVERHEAD_BYTES: Final = 4096


class Pledging(Protocol):
    """What stands by its decisions, and knows how long."""

    def pledge(self, decision: Decision) -> Pledge | None:
        """Until when an earlier decision stands; None where that cannot be said."""


def is_one_request(data: bytes) -> bool:
    """Whether these bytes look like one whole read of something small, without a body."""
    return len(data) <= FAST_REQUEST_BYTES and data.find(_END) == len(data) - len(_END) and data.startswith(_METHODS)


@dataclass(frozen=True, slots=True)
class Warm:
    """A request that was answered, what has to be as it was for that to be done again, and how it is done and told.

    `peer` is the only one from which these bytes mean the same, where a proxy in front says who the client is.
    """

    pledge: Pledge
    verified: VerifiedManifest
    permit: Permit
    peer: str | None
    client: str | None
    tagged: Tagged | None
    head: tuple[bytes, bytes, bytes]
    body: bytes
    line: str
    tally: Tally

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return _OVERHEAD_BYTES + sum(map(len, self.head)) + len(self.verified.body) + len(self.line)


class FastPath:
    """What one application answered lately. It ends with the application: under other rules nothing of it is asked."""

    def __init__(
        self,
        resolver: Pledging,
        registry: RegistryClient,
        closure: Closure,
        admissions: Admissions | None,
        now: Callable[[], datetime],
    ) -> None:
        """Ask `resolver` what it stands by, `registry` who may read, `closure` what is remembered; `now` is UTC."""
        self._resolver = resolver
        self._now = now
        self._permissions = registry.permissions
        self._closure = closure
        self._admissions = admissions
        self._batch = Batch()
        self._secret = secrets.token_bytes(32)
        self.followers = Followers()
        self._seen: LRUCache[int, None] = LRUCache(FAST_REQUESTS_SEEN)
        self._warm: LRUCache[_Key, Warm] = LRUCache(FAST_PATH_BYTES, lambda warm: warm.size)
        watch("requests", self._warm, is_sized=True)

    def close(self) -> None:
        """Write what is still to be written."""
        self._batch.flush()

    def answer(self, data: bytes, peer: str | None, since: float | None = None) -> bytes | None:
        """The answer to these bytes; None where they have to take everybody's path.

        Args:
            data: what arrived, at the beginning of a message.
            peer: the address that it came from.
            since: when it did (monotonic seconds), where it waited for another's answer.
        """
        begun = since or time.monotonic()
        if peer is None or len(data) > FAST_REQUEST_BYTES:
            return None
        warm = self._warm.get(data)
        if warm is None and _CREDENTIAL in data:
            warm = self._warm.get(self._hidden(data))
        if warm is None or warm.peer not in (None, peer):
            return None
        now = self._now()
        checked = warm.pledge.confirmed(now)
        if checked is None or not self._permissions.has(warm.permit):
            return None
        if not self._closure.remembers(warm.verified.manifest):
            return None
        if warm.tagged is not None and self._admissions is not None:
            self._admissions.admit(warm.tagged, warm.verified.manifest.digest)
        age = now.timestamp() - checked
        return self._answer(warm, warm.client or peer, now, age, begun, has_waited=since is not None)

    def _answer(self, warm: Warm, client_: str, now: datetime, age: float, begun: float, *, has_waited: bool) -> bytes:
        identity, taken = request_id(), time.monotonic() - begun
        self._batch.add(
            f'{warm.line},"client":"{client_}","evidence_age":{age:.3f},"request_id":"{identity}",'
            f'"duration":{taken:.6f},"timestamp":"{now.isoformat()[:-6]}Z"}}',
            warm.tally,
            waited=taken if has_waited else 0.0,
        )
        before, between, after = warm.head
        return b"".join((before, rfc822_formatted_time().encode(), between, identity.encode(), after, warm.body))

    def learn(self, data: bytes, request: web.Request, response: web.StreamResponse) -> bool:
        """Remember how a request was answered, if the same bytes may be answered so again; the second time they come.

        They have come again where somebody waits for the answer.

        Args:
            data: all bytes of the request and no others, read at the beginning of a message.
            request: what they were.
            response: the answer, which is prepared.

        Returns:
            Whether the same bytes may be answered so, now or once they come again.
        """
        exchange = request.get(EXCHANGE)
        if exchange is None or not _is_fit(request, response) or not logs.takes_lines():
            return False
        verified, decision = exchange.verified, exchange.decision
        if verified is None or decision is None or not _holds(exchange, decision) or not is_one_request(data):
            return False
        has_credential = hdrs.AUTHORIZATION in request.headers
        if len(verified.body) > FAST_ANSWER_BYTES or (has_credential and _CREDENTIAL not in data):
            return False
        if (seen := hash(data)) not in self._seen and not self.followers.are_with(data):
            self._seen[seen] = None
            return True
        head, pledge = _head(response), self._resolver.pledge(decision)
        if head is None or pledge is None or pledge.confirmed(self._now()) is None:
            return False
        key = self._hidden(data) if has_credential else data
        self._warm[key] = self._warmed(request, response, head, decision, pledge, verified)
        self.followers.learnt(data)
        return True

    def _warmed(
        self,
        request: web.Request,
        response: web.StreamResponse,
        head: tuple[bytes, bytes, bytes],
        decision: Decision,
        pledge: Pledge,
        verified: VerifiedManifest,
    ) -> Warm:
        exchange, reference = request[EXCHANGE], decision.reference
        told = exchange.told(self._now())
        facts = {**told, **facts_of(request, response.status), "cache": "fresh", "event": "decision", "level": "info"}
        for name in _TOLD_ANEW:
            facts.pop(name)
        by_proxy = bool(request.app[TRUSTED_PROXIES])
        tag = reference.target if isinstance(reference.target, Tag) else None
        return Warm(
            pledge=pledge,
            verified=verified,
            permit=self._permissions.permit(reference.repository, ClientCredentials.of(request.headers)),
            peer=request.remote if by_proxy else None,
            client=client(request) if by_proxy else None,
            tagged=Tagged(exchange.name, reference.repository, tag) if tag else None,
            head=head,
            body=verified.body if request.method == hdrs.METH_GET and response.status == 200 else b"",
            line=logs.line(facts).removesuffix("}"),
            tally=Tally(
                DECISIONS,
                (told["rule"] or NO_RULE, told["mode"], told["decision"], "none"),
                DECISION_SECONDS,
                ("fresh",),
            ),
        )

    def _hidden(self, data: bytes) -> tuple[bytes]:
        """A credential is not kept: memory gives none away."""
        return (hashlib.blake2b(data, key=self._secret, digest_size=32).digest(),)


FAST_PATH: Final = web.AppKey("fast_path", FastPath)


def _is_fit(request: web.Request, response: web.StreamResponse) -> bool:
    """Whether nothing of the request or of its connection asks for more than an answer."""
    return (
        response.status in (200, 304)
        and request.version == HttpVersion11
        and bool(response.keep_alive)
        and not request.can_read_body
        and not any(name in request.headers for name in _ELSEWHERE)
    )


def _holds(exchange: Exchange, decision: Decision) -> bool:
    """Whether it was allowed by trust data that Notary confirmed, without any exception, and served so."""
    permission = decision.permission
    return (
        isinstance(permission, Allowed)
        and permission.enforced
        and decision.refusal is None
        and decision.rests_on is not None
        and decision.stale is None
        and exchange.refusal is None
        and exchange.trouble is None
        and exchange.client_certificate is None
        and not exchange.relayed
    )


def _head(response: web.StreamResponse) -> tuple[bytes, bytes, bytes] | None:
    """Status line and headers as they were sent: up to the date, from there to the request's name, and the rest.

    None where an answer has not both in that order.
    """
    lines = [f"HTTP/1.1 {response.status} {response.reason}\r\n"]
    parts = []
    for name, value in response.headers.items():
        if name in _ANEW:
            parts.append("".join([*lines, f"{name}: "]))
            lines = ["\r\n"]
        else:
            lines.append(f"{name}: {value}\r\n")
    if [name for name in response.headers if name in _ANEW] != list(_ANEW):
        return None
    before, between = parts
    return before.encode(), between.encode(), "".join([*lines, "\r\n"]).encode()
