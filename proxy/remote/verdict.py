"""What a proxy's answer says about an image: believed if all of it holds together, else it is no verdict. Pure.

1. The verdict is in `X-Tagwarden-Decision`, once, in one of four words. Whatever has none is no verdict, also 200.
2. `allowed` comes with 200, with no refusal, and with a body that hashes to `X-Tagwarden-Digest`, which is what was
   decided, to `Docker-Content-Digest` and, where a digest was asked for, to that.
3. `refused` comes with an error and a code, `would-refuse` with 200 and a code, `not-enforced` without one.
4. `not-enforced` with another `X-Tagwarden-Digest` than the body's is a tag that was moved where nothing is enforced
   yet: what is signed is not what is served.

The words of an answer are shown to people, so they are cut to one bounded line of printable characters.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from multidict import CIMultiDictProxy

from proxy.errors import DigestInvalid
from proxy.limits import VIA_SENTENCE_LENGTH
from proxy.manifests import digest_of
from proxy.names import Digest, Reference
from proxy.refusals import TABLE

_DECISION: Final = "X-Tagwarden-Decision"
_REFUSAL: Final = "X-Tagwarden-Refusal"
_SIGNERS: Final = "X-Tagwarden-Signers"
_STALE: Final = "X-Tagwarden-Stale"
_DECIDED: Final = "X-Tagwarden-Digest"
_NAME: Final = "X-Tagwarden-Name"
_REQUEST_ID: Final = "X-Request-Id"
_DIGEST: Final = "Docker-Content-Digest"
_API_VERSION: Final = "Docker-Distribution-Api-Version"  # a registry's; a proxy's other listeners have none
_BANNER: Final = "tagwarden"  # of `Server`: good for a better sentence, and for nothing else
_CODE: Final = re.compile(r"[a-z][a-z_]{0,63}")
_SIGNER: Final = re.compile(r"[!-+\--~]{1,255}")
_HOST: Final = re.compile(r"[a-z0-9.:-]{1,255}")
_STATUS: Final = {row.code: row.status for row in TABLE.values()}

Word: TypeAlias = Literal["allowed", "refused", "would-refuse", "not-enforced"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to GET of a manifest; `body` is None where it was too long to be read."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """What a proxy told about a reference.

    `word` is None where it told nothing that can be believed; then `sentence` says why. `code` is that of a refusal.
    `moved` says that the registry serves, unhindered, another digest than the signed one.
    `stale` are seconds since Notary last confirmed the evidence, in an outage. `pending` says that asking again in
    a moment may bring the verdict. `detail` is the proxy's own account, where it gave one.
    """

    word: Word | None
    sentence: str
    code: str = ""
    digest: Digest | None = None
    length: int | None = None
    signers: tuple[str, ...] = ()
    stale: int | None = None
    request_id: str | None = None
    pending: bool = False
    moved: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


class _Unbelievable(Exception):
    """The answer contradicts itself; the text says how."""


def read(answer: Answer, reference: Reference, server: str) -> Told:
    """Read an answer about a reference; `server` is the address that was asked, for sentences."""
    request_id = _printable(answer.headers.get(_REQUEST_ID, "")) or None
    try:
        word = _one(answer, _DECISION)
        match word:
            case None:
                return _untold(answer, reference, server, request_id)
            case "allowed":
                return _allowed(answer, reference, request_id)
            case "refused":
                return _refused(answer, reference, request_id)
            case "would-refuse":
                return _would_refuse(answer, reference, request_id)
            case "not-enforced":
                return _not_enforced(answer, reference, request_id)
            case _:
                raise _Unbelievable(f"its verdict is {_printable(word)!a}, which this version does not know")
    except _Unbelievable as why:
        sentence = f"the answer of {server} about {reference} cannot be believed, {why}: ask who runs it"
        return Told(None, sentence, request_id=request_id)


def is_refusal(answer: Answer) -> bool:
    """Whether an answer is, going by its head, a proxy's own refusal: then whoever asked was let in.

    A proxy never decides about a login, so 401 is none, and neither is what has another status than its code.
    """
    codes = answer.headers.getall(_REFUSAL, ())
    if answer.status == 401 or answer.headers.getall(_DECISION, ()) != ["refused"] or len(codes) != 1:
        return False
    return bool(_CODE.fullmatch(codes[0])) and _STATUS.get(codes[0], answer.status) == answer.status


def name_in(answer: Answer) -> str | None:
    """The registry that an answer says it decided for; None where it says none, or more than one."""
    names = answer.headers.getall(_NAME, ())
    return names[0] if len(names) == 1 and _HOST.fullmatch(names[0]) else None


def _untold(answer: Answer, reference: Reference, server: str, request_id: str | None) -> Told:
    """No verdict: of an audit that is not ready, of the registry behind a proxy, or of something else altogether."""
    ours = answer.headers.get("Server", "") == _BANNER
    if answer.status == 200 and ours:
        which = f" of request {request_id}" if request_id else ""
        why = f"a Tagwarden serves it there and could not decide: see what its log says{which}"
    elif answer.status == 200:
        why = "it serves this image and tells no verdict, so it is no Tagwarden: check the address"
    elif ours and (request_id or _API_VERSION in answer.headers):
        error = _error(answer).get("message")
        said = f" ({_printable(error)})" if isinstance(error, str) and error else ""
        why = f"the registry behind it answered {answer.status}{said}: push the image, or check its name"
    elif ours:
        why = "what answers there is no registry: `ask` in the log of tagwarden serve has the right address"
    else:
        again = ", or try again" if answer.status >= 500 else ""
        why = f"it answered {answer.status} without {_DECISION}, so it is no Tagwarden: check the address{again}"
    pending = answer.status == 200 and request_id is not None
    return Told(None, f"{server} has no verdict about {reference}, {why}", request_id=request_id, pending=pending)


def _allowed(answer: Answer, reference: Reference, request_id: str | None) -> Told:
    if answer.status != 200:
        raise _Unbelievable(f"it is called allowed and has the status {answer.status}")
    if _REFUSAL in answer.headers:
        raise _Unbelievable("it is called allowed and has a refusal")
    if answer.body is None:
        raise _Unbelievable("the manifest is larger than manifests may be")
    digest, actual = _digest(answer, _DECIDED), digest_of(answer.body)
    for said in (digest, _digest(answer, _DIGEST)):
        if actual != said:
            raise _Unbelievable(f"the manifest is called {said} and hashes to {actual}")
    if isinstance(reference.target, Digest) and actual != reference.target:
        raise _Unbelievable(f"the manifest hashes to {actual}")
    signers = _signers(answer)
    by = f", signed by {', '.join(signers)}" if signers else ""
    length = len(answer.body)
    return Told("allowed", f"{reference} is {digest}{by}", "", digest, length, signers, _stale(answer), request_id)


def _refused(answer: Answer, reference: Reference, request_id: str | None) -> Told:
    if answer.status < 400:
        raise _Unbelievable(f"it is called refused and has the status {answer.status}")
    code, error = _code(answer), _error(answer)
    message, detail = error.get("message"), error.get("detail")
    words = _printable(message) if isinstance(message, str) else ""
    sentence = words or f"{reference} is refused: {_meaning(code)} [{code}]"
    account = detail if isinstance(detail, dict) else {}
    word: Word | None = None if _is_unknown(code) and answer.status >= 500 else "refused"
    signers, stale = _signers(answer), _stale(answer)
    return Told(word, sentence, code, signers=signers, stale=stale, request_id=request_id, detail=account)


def _would_refuse(answer: Answer, reference: Reference, request_id: str | None) -> Told:
    if answer.status != 200:
        raise _Unbelievable(f"it is called would-refuse and has the status {answer.status}")
    code = _code(answer)
    why = f"what would refuse it: {_meaning(code)}"
    sentence = f"{reference} is served, because its repository is not enforced yet; {why} [{code}]"
    signers, stale = _signers(answer), _stale(answer)
    return Told("would-refuse", sentence, code, signers=signers, stale=stale, request_id=request_id)


def _not_enforced(answer: Answer, reference: Reference, request_id: str | None) -> Told:
    if _REFUSAL in answer.headers:
        raise _Unbelievable("it is called not-enforced and has a refusal")
    if _DECIDED in answer.headers:
        signed = _digest(answer, _DECIDED)
        served = None if answer.body is None else digest_of(answer.body)
        if answer.status == 200 and served != signed:
            return _moved(reference, signed, served, request_id)
    why = "by the proxy's configuration nobody has to sign it (rollout, exceptions or digest_pull)"
    sentence = f"{reference} is answered without a verdict, {why}: ask the proxy's operator"
    return Told("not-enforced", sentence, request_id=request_id)


def _moved(reference: Reference, signed: Digest, served: Digest | None, request_id: str | None) -> Told:
    now = "something larger than manifests may be" if served is None else served
    why = "its tag was moved, and its repository is not enforced yet: put the signed image back, or sign the new one"
    sentence = f"{reference} is signed as {signed}, but the registry serves {now}: {why}"
    return Told("not-enforced", sentence, request_id=request_id, moved=True)


def _one(answer: Answer, header: str) -> str | None:
    """The value of a header that may be there once."""
    lines: Sequence[str] = answer.headers.getall(header, ())
    if len(lines) > 1:
        raise _Unbelievable(f"it has {header} more than once")
    return lines[0] if lines else None


def _code(answer: Answer) -> str:
    code = _one(answer, _REFUSAL)
    if code is None or not _CODE.fullmatch(code):
        raise _Unbelievable("its refusal has no code")
    return code


def _digest(answer: Answer, header: str) -> Digest:
    try:
        return Digest(_one(answer, header) or "")
    except DigestInvalid:
        raise _Unbelievable(f"it has no {header}") from None


def _signers(answer: Answer) -> tuple[str, ...]:
    line = _one(answer, _SIGNERS)
    names = tuple(name.strip() for name in line.split(",")) if line else ()
    if not all(map(_SIGNER.fullmatch, names)):
        raise _Unbelievable("its signers cannot be read")
    return names


def _stale(answer: Answer) -> int | None:
    line = _one(answer, _STALE)
    if line is None:
        return None
    if not line.isascii() or not line.isdecimal() or len(line) > 9:
        raise _Unbelievable("the age of its evidence cannot be read")
    return int(line)


def _error(answer: Answer) -> Mapping[str, Any]:
    """The first of `errors`; empty where there is none that can be read."""
    try:
        document = json.loads(answer.body or b"")
    except (ValueError, RecursionError):
        return {}
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _meaning(code: str) -> str:
    """What a code stands for, as the table of refusals has it."""
    known = (row.meaning for row in TABLE.values() if row.code == code)
    return next(known, "its signatures do not suffice").rstrip(".")


def _is_unknown(code: str) -> bool:
    return all(row.code != code for row in TABLE.values())


def _printable(text: str) -> str:
    """One line of ASCII that a terminal shows as it is."""
    return re.sub(r"[^ -~]", "?", text)[:VIA_SENTENCE_LENGTH]
