"""What an answer of a proxy says: believed if all of it holds together, and no verdict else."""

import json
from hashlib import sha256
from typing import Final

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.limits import VIA_SENTENCE_LENGTH
from proxy.names import Digest, Reference
from proxy.remote.verdict import Answer, Told, is_refusal, name_in, read

BODY: Final = b'{"schemaVersion": 2}'
DIGEST: Final = f"sha256:{sha256(BODY).hexdigest()}"
OTHER: Final = "sha256:" + "7" * 64
TAG: Final = Reference.parse("shop/api:1.4", "")
BY_DIGEST: Final = Reference.parse(f"shop/api@{DIGEST}", "")
SERVER: Final = "https://proxy"

ALLOWED: Final = {
    "X-Tagwarden-Decision": "allowed",
    "X-Tagwarden-Digest": DIGEST,
    "Docker-Content-Digest": DIGEST,
}
REFUSED: Final = {"X-Tagwarden-Decision": "refused", "X-Tagwarden-Refusal": "tag_not_signed"}
WOULD: Final = {"X-Tagwarden-Decision": "would-refuse", "X-Tagwarden-Refusal": "tag_not_signed"}


def _without(header: str) -> dict[str, str]:
    return {name: value for name, value in ALLOWED.items() if name != header}


def answer(status: int, body: bytes | None, *lines: tuple[str, str], **headers: str) -> Answer:
    """An answer with these headers, those in `lines` beside others of their name."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Answer(status, CIMultiDictProxy(CIMultiDict([*named, *lines])), body)


def error(**fields: object) -> bytes:
    """An error body as registries have it."""
    return json.dumps({"errors": [{"code": "DENIED", **fields}]}).encode()


def told(status: int, headers: dict[str, str], body: bytes | None = BODY, reference: Reference = TAG) -> Told:
    """Read an answer about a reference."""
    return read(answer(status, body, *headers.items()), reference, SERVER)


# --- allowed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [pytest.param(TAG, id="tag"), pytest.param(BY_DIGEST, id="digest")])
def test_allowed_is_believed_with_the_bytes(reference: Reference) -> None:
    """The digest is computed from what was served, and agrees with what is said."""
    headers = {**ALLOWED, "X-Tagwarden-Signers": "alice, qa", "X-Request-Id": "r1"}
    heard = told(200, headers, reference=reference)
    assert (heard.word, heard.digest, heard.length) == ("allowed", Digest(DIGEST), len(BODY))
    assert (heard.signers, heard.request_id, heard.pending) == (("alice", "qa"), "r1", False)
    assert heard.sentence == f"{reference} is {DIGEST}, signed by alice, qa"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param(200, ALLOWED, id="allowed"),
        pytest.param(403, REFUSED, id="refused"),
        pytest.param(200, WOULD, id="would-refuse"),
    ],
)
def test_evidence_of_an_outage_is_heard_of(status: int, headers: dict[str, str]) -> None:
    """Whatever the verdict is, it is as old as the evidence."""
    heard = told(status, {**headers, "X-Tagwarden-Stale": "90"})
    assert (heard.word, heard.stale) == (headers["X-Tagwarden-Decision"], 90)
    assert told(status, headers).stale is None


@pytest.mark.parametrize(
    ("status", "headers", "body", "reference"),
    [
        pytest.param(200, ALLOWED, b"other bytes", TAG, id="other-bytes"),
        pytest.param(200, {**ALLOWED, "Docker-Content-Digest": OTHER}, BODY, TAG, id="other-digest-said"),
        pytest.param(200, ALLOWED, BODY, Reference.parse(f"a@{OTHER}", ""), id="other-digest-asked"),
        pytest.param(200, {"X-Tagwarden-Decision": "allowed"}, BODY, TAG, id="no-digest-said"),
        pytest.param(200, {**ALLOWED, "Docker-Content-Digest": "sha512:0"}, BODY, TAG, id="no-digest"),
        pytest.param(200, _without("X-Tagwarden-Digest"), BODY, TAG, id="no-digest-decided"),
        pytest.param(200, _without("Docker-Content-Digest"), BODY, TAG, id="no-digest-served"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Digest": OTHER}, BODY, TAG, id="other-digest-decided"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Digest": f"{DIGEST}, {OTHER}"}, BODY, TAG, id="two-in-a-line"),
        pytest.param(200, ALLOWED, None, TAG, id="too-long"),
        pytest.param(404, ALLOWED, BODY, TAG, id="not-found"),
        pytest.param(206, ALLOWED, BODY, TAG, id="a-part"),
        pytest.param(307, ALLOWED, BODY, TAG, id="a-redirect"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Refusal": "blocked"}, BODY, TAG, id="with-a-refusal"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Signers": "alice,"}, BODY, TAG, id="nameless-signer"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Signers": "a\x1b[2J"}, BODY, TAG, id="signer-for-the-terminal"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Stale": "soon"}, BODY, TAG, id="age-is-no-number"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Stale": "9" * 5000}, BODY, TAG, id="age-is-endless"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Decision": "Allowed"}, BODY, TAG, id="another-spelling"),
        pytest.param(200, {**ALLOWED, "X-Tagwarden-Decision": ""}, BODY, TAG, id="empty-word"),
    ],
)
def test_allowed_that_contradicts_itself_is_no_verdict(
    status: int, headers: dict[str, str], body: bytes | None, reference: Reference
) -> None:
    """Whoever answers so is not to be believed."""
    heard = told(status, headers, body, reference)
    assert (heard.word, heard.digest, heard.pending) == (None, None, False)
    assert "cannot be believed" in heard.sentence


@pytest.mark.parametrize(
    "name", ["X-Tagwarden-Decision", "X-Tagwarden-Digest", "Docker-Content-Digest", "X-Tagwarden-Signers"]
)
def test_what_is_said_twice_is_not_believed(name: str) -> None:
    """Somebody on the way added a line, be it the same one."""
    headers = {**ALLOWED, "X-Tagwarden-Signers": "alice"}
    heard = read(answer(200, BODY, *headers.items(), (name, headers[name])), TAG, SERVER)
    assert heard.word is None
    assert f"{name} more than once" in heard.sentence


# --- no verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 204, 307, 404, 405, 500, 503])
def test_without_the_header_there_is_no_verdict(status: int) -> None:
    """Whatever the status: a registry without a proxy in front answers 200 to everything."""
    heard = told(status, {"Docker-Content-Digest": DIGEST})
    assert (heard.word, heard.pending) == (None, False)
    assert "no Tagwarden" in heard.sentence


def test_an_audit_may_not_be_ready() -> None:
    """Its decision runs beside the answer, so asking again is worth while; where it never comes, its log says why."""
    heard = told(200, {"X-Request-Id": "r", "Server": "tagwarden"})
    assert heard.pending
    assert heard.sentence.endswith(
        "a Tagwarden serves it there and could not decide: see what its log says of request r"
    )


def test_the_port_for_probes_is_no_registry() -> None:
    """It answers 404 to everything else, and says whose it is."""
    heard = told(404, {"Server": "tagwarden"})
    assert (heard.word, heard.pending) == (None, False)
    assert "no registry: `ask` in the log" in heard.sentence


def test_the_registry_behind_a_proxy_may_answer_itself() -> None:
    """What it says is repeated: the image is not there."""
    headers = {"X-Request-Id": "r", "Server": "tagwarden", "Docker-Distribution-Api-Version": "registry/2.0"}
    heard = told(404, headers, error(message="manifest unknown"))
    assert (heard.word, heard.pending) == (None, False)
    assert "the registry behind it answered 404 (manifest unknown)" in heard.sentence


@pytest.mark.parametrize("body", [None, b"", b"[]", b"{}", b'{"errors": []}', b'{"errors": [5]}', b"[" * 100_000])
def test_an_error_without_words_is_an_error_all_the_same(body: bytes | None) -> None:
    """The status is said."""
    heard = told(404, {"X-Request-Id": "r", "Server": "tagwarden"}, body)
    assert heard.word is None
    assert "answered 404:" in heard.sentence


# --- refused ----------------------------------------------------------------------------------


def test_a_refusal_comes_with_its_own_account() -> None:
    """Sentence, code and detail are the proxy's."""
    detail = {"rule": "**", "missing": ["qa"]}
    heard = told(403, {**REFUSED, "X-Request-Id": "r"}, error(message="shop/api is unsigned [x]", detail=detail))
    assert (heard.word, heard.code, heard.sentence) == ("refused", "tag_not_signed", "shop/api is unsigned [x]")
    assert (heard.detail, heard.request_id) == (detail, "r")


@pytest.mark.parametrize("body", [None, b"", b"[]", error(), error(message=5, detail=[])])
def test_a_refusal_without_words_is_a_refusal(body: bytes | None) -> None:
    """The table of refusals has some."""
    heard = told(403, REFUSED, body)
    assert (heard.word, heard.detail) == ("refused", {})
    assert heard.sentence.startswith("shop/api:1.4 is refused: Trust data is valid")
    assert heard.sentence.endswith("[tag_not_signed]")


def test_words_are_for_a_line_of_the_terminal() -> None:
    """A sentence cannot move the cursor, start a line or go on for ever."""
    message = "\x1b[2J\r\nallowed: \u202e" + "x" * 5000
    heard = told(403, REFUSED, error(message=message))
    assert heard.sentence.startswith("?[2J??allowed: ?x")
    assert len(heard.sentence) == VIA_SENTENCE_LENGTH


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param(200, REFUSED, id="served"),
        pytest.param(403, {"X-Tagwarden-Decision": "refused"}, id="no-code"),
        pytest.param(403, {**REFUSED, "X-Tagwarden-Refusal": "!"}, id="odd-code"),
        pytest.param(403, WOULD, id="would-refuse-is-not-served"),
        pytest.param(200, {"X-Tagwarden-Decision": "would-refuse"}, id="would-refuse-without-code"),
        pytest.param(200, {**REFUSED, "X-Tagwarden-Decision": "not-enforced"}, id="not-enforced-with-a-refusal"),
    ],
)
def test_a_refusal_that_contradicts_itself_is_no_verdict(status: int, headers: dict[str, str]) -> None:
    """It says nothing about the image."""
    heard = told(status, headers)
    assert heard.word is None
    assert "cannot be believed" in heard.sentence


@pytest.mark.parametrize(("status", "word"), [(403, "refused"), (503, None)])
def test_a_code_of_a_newer_proxy(status: int, word: str | None) -> None:
    """Refused is refused; what this version does not know and is the server's trouble is no verdict."""
    heard = told(status, {**REFUSED, "X-Tagwarden-Refusal": "from_the_future"})
    assert heard.word == word
    assert "[from_the_future]" in heard.sentence


def test_an_audit_says_what_it_would_refuse() -> None:
    """The image is served, and the sentence says why it should not be."""
    heard = told(200, WOULD)
    assert (heard.word, heard.code, heard.digest) == ("would-refuse", "tag_not_signed", None)
    assert "not enforced yet" in heard.sentence


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_not_enforced_has_no_verdict_to_tell(status: int) -> None:
    """It is served by the configuration's word."""
    heard = told(status, {"X-Tagwarden-Decision": "not-enforced"})
    assert (heard.word, heard.digest) == ("not-enforced", None)
    assert "without a verdict" in heard.sentence


# --- a tag that was moved ---------------------------------------------------------------------


@pytest.mark.parametrize("body", [pytest.param(BODY, id="other-bytes"), pytest.param(None, id="endless")])
def test_a_tag_that_was_moved_in_audit_is_told(body: bytes | None) -> None:
    """What is signed and what is served are two digests; neither of them is one to deploy from here."""
    headers = {"X-Tagwarden-Decision": "not-enforced", "X-Tagwarden-Digest": OTHER, "Docker-Content-Digest": DIGEST}
    heard = told(200, headers, body)
    assert (heard.word, heard.moved, heard.digest) == ("not-enforced", True, None)
    served = "something larger than manifests may be" if body is None else DIGEST
    assert f"shop/api:1.4 is signed as {OTHER}, but the registry serves {served}: its tag was moved" in heard.sentence


def test_an_exception_was_not_moved() -> None:
    """It is served by its digest, and nobody signed it."""
    heard = told(200, {"X-Tagwarden-Decision": "not-enforced", "X-Tagwarden-Digest": DIGEST}, reference=BY_DIGEST)
    assert (heard.word, heard.moved, heard.digest) == ("not-enforced", False, None)
    assert "signed as" not in heard.sentence


@pytest.mark.parametrize("digests", [("sha512:x",), ("",), (OTHER, OTHER)])
def test_a_move_that_cannot_be_read_is_no_verdict(digests: tuple[str, ...]) -> None:
    """It is said once, or it is not believed."""
    lines = [("X-Tagwarden-Decision", "not-enforced"), *(("X-Tagwarden-Digest", each) for each in digests)]
    heard = read(answer(200, BODY, *lines), TAG, SERVER)
    assert (heard.word, heard.moved) == (None, False)


# --- who speaks, and for whom -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "lines", "expected"),
    [
        pytest.param(403, [*REFUSED.items()], True, id="refused"),
        pytest.param(403, [*{**REFUSED, "X-Tagwarden-Refusal": "from_the_future"}.items()], True, id="a-newer-code"),
        pytest.param(401, [*REFUSED.items()], False, id="a-challenge"),
        pytest.param(401, [*{**REFUSED, "X-Tagwarden-Refusal": "from_the_future"}.items()], False, id="a-newer-401"),
        pytest.param(403, [*ALLOWED.items()], False, id="allowed"),
        pytest.param(403, [*WOULD.items()], False, id="would-refuse"),
        pytest.param(403, [("X-Tagwarden-Decision", "refused")], False, id="no-code"),
        pytest.param(403, [*REFUSED.items(), ("X-Tagwarden-Refusal", "blocked")], False, id="two-codes"),
        pytest.param(403, [*REFUSED.items(), ("X-Tagwarden-Decision", "refused")], False, id="said-twice"),
        pytest.param(403, [*{**REFUSED, "X-Tagwarden-Refusal": "!"}.items()], False, id="odd-code"),
        pytest.param(403, [*{**REFUSED, "X-Tagwarden-Refusal": "undecided"}.items()], False, id="a-code-of-another"),
        pytest.param(403, [], False, id="the-registry"),
    ],
)
def test_a_refusal_of_the_proxy_is_no_refused_login(
    status: int,
    lines: list[tuple[str, str]],
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """A proxy lets the registry decide about logins, and gives each of its codes the status that it has."""
    assert is_refusal(answer(status, b"", *lines)) is expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["registry.example.com:5000"], "registry.example.com:5000", id="one"),
        pytest.param([], None, id="none"),
        pytest.param(["registry.example.com", "registry.example.com"], None, id="twice"),
        pytest.param(["registry.example.com, other.example.com"], None, id="a-list"),
        pytest.param(["a\x1b[2J"], None, id="for-the-terminal"),
        pytest.param([""], None, id="empty"),
        pytest.param(["a" * 256], None, id="endless"),
    ],
)
def test_a_proxy_says_for_which_registry_it_answers(names: list[str], expected: str | None) -> None:
    """Once, in letters of a host."""
    assert name_in(answer(200, BODY, *(("X-Tagwarden-Name", name) for name in names))) == expected
