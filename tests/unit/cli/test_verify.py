"""`tagwarden verify`: what it prints where, how it exits, and how long it waits."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner, Result

from proxy.cli.outcome import Finding, Outcome, finding_of, spelled_out
from proxy.cli.verify import verify
from proxy.cli.waiting import wait_for
from proxy.clock import Clock
from proxy.errors import UserError
from proxy.names import Reference
from proxy.policy.decisions import Decision
from proxy.policy.entries import Mode
from proxy.web.shapes import shape
from tests.support.canned_server import Canned, CannedServer, canned_server
from tests.unit.config.site import Site, compose

BODY: Final = b'{"schemaVersion": 2}'
DIGEST: Final = f"sha256:{sha256(BODY).hexdigest()}"
NOW: Final = Clock().now()
IMAGE: Final = "shop/api:1.4"
OTHER: Final = "sha256:" + "7" * 64
SIGNED: Final = {"X-Tagwarden-Digest": DIGEST, "Docker-Content-Digest": DIGEST}
ALLOWED: Final = Canned(200, {"X-Tagwarden-Decision": "allowed", "X-Tagwarden-Signers": "alice", **SIGNED}, BODY)
WOULD: Final = Canned(200, {"X-Tagwarden-Decision": "would-refuse", "X-Tagwarden-Refusal": "tag_not_signed"}, BODY)
BLIND: Final = Canned(200, {**WOULD.headers, "X-Tagwarden-Refusal": "notary_unreachable"}, BODY)
UNENFORCED: Final = Canned(200, {"X-Tagwarden-Decision": "not-enforced"}, BODY)
MOVED: Final = Canned(200, {**UNENFORCED.headers, **SIGNED, "X-Tagwarden-Digest": OTHER}, BODY)
NOBODY: Final = Canned(200, {}, BODY)

pytestmark = pytest.mark.usefixtures("home")


def refused(code: str, status: int = 403, **detail: object) -> Canned:
    """A proxy's refusal."""
    error = {"code": "DENIED", "message": f"{IMAGE} is not for you [{code}]", "detail": detail}
    headers = {"X-Tagwarden-Decision": "refused", "X-Tagwarden-Refusal": code, "X-Request-Id": "r1"}
    return Canned(status, headers, json.dumps({"errors": [error]}).encode())


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """A proxy that allows, until a test tells it something else."""
    with canned_server(ALLOWED) as running:
        yield running


def run(*words: str) -> Result:
    """Type a command."""
    app = typer.Typer()
    app.command()(verify)
    return CliRunner().invoke(app, words)


def via(server: CannedServer, *words: str) -> Result:
    """Ask a running proxy about the image."""
    return run("--via", server.url, *words, IMAGE)


# --- what is printed, and how it ends ---------------------------------------------------------


def test_allowed_is_a_line_and_0(server: CannedServer) -> None:
    """The digest and who signed it, on standard output alone."""
    outcome = via(server)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == f"allowed: {IMAGE} is {DIGEST}, signed by alice\n"
    assert server.asked == [("/v2/shop/api/manifests/1.4", None)]


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        pytest.param(refused("tag_not_signed"), 1, "refused", id="refused"),
        pytest.param(refused("manifest_missing", 404), 1, "refused", id="missing"),
        pytest.param(refused("content_mismatch", 502), 1, "refused", id="other-bytes"),
        pytest.param(refused("notary_unreachable", 503), 3, "undecided", id="outage"),
        pytest.param(refused("registry_unreachable", 502), 3, "undecided", id="registry-away"),
        pytest.param(refused("internal", 500), 3, "undecided", id="internal"),
        pytest.param(refused("from_the_future", 503), 3, "undecided", id="unknown-trouble"),
        pytest.param(refused("from_the_future"), 1, "refused", id="unknown-refusal"),
        pytest.param(WOULD, 1, "would be refused", id="audit"),
        pytest.param(
            Canned(200, {**WOULD.headers, "X-Tagwarden-Refusal": "notary_unreachable"}),
            3,
            "undecided",
            id="audit-outage",
        ),
        pytest.param(MOVED, 1, "moved", id="moved"),
        pytest.param(UNENFORCED, 3, "not enforced", id="disabled"),
        pytest.param(NOBODY, 3, "undecided", id="no-tagwarden"),
    ],
)
def test_anything_else_is_not_0(server: CannedServer, answer: Canned, status: int, word: str) -> None:
    """1 where the image is why, 3 where nothing can be said about it."""
    server.answers = [answer]
    outcome = via(server)
    assert outcome.exit_code == status
    assert outcome.stdout.startswith(f"{word}: ")
    assert ("next: tagwarden explain shop/api:1.4" in outcome.stderr) is (status == 1)


@pytest.mark.parametrize(
    ("answer", "status", "stdout"),
    [
        pytest.param(ALLOWED, 0, f"{DIGEST}\n", id="allowed"),
        pytest.param(refused("tag_not_signed"), 1, "", id="refused"),
        pytest.param(WOULD, 1, "", id="would-refuse"),
        pytest.param(MOVED, 1, "", id="moved"),
        pytest.param(UNENFORCED, 3, "", id="not-enforced"),
        pytest.param(NOBODY, 3, "", id="no-tagwarden"),
    ],
)
def test_the_digest_alone(server: CannedServer, answer: Canned, status: int, stdout: str) -> None:
    """For `$(...)`: standard output has a digest that may be deployed, or nothing."""
    server.answers = [answer]
    outcome = via(server, "--print", "digest")
    assert (outcome.exit_code, outcome.stdout) == (status, stdout)
    assert outcome.stderr.startswith("tagwarden: ")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(refused("tag_not_signed"), 0, id="refused"),
        pytest.param(refused("blocked"), 0, id="blocked"),
        pytest.param(WOULD, 1, id="served-in-audit"),
        pytest.param(BLIND, 3, id="served-in-audit-and-outage"),
        pytest.param(MOVED, 1, id="moved"),
        pytest.param(ALLOWED, 1, id="allowed"),
        pytest.param(UNENFORCED, 1, id="not-enforced"),
        pytest.param(refused("manifest_missing", 404), 1, id="signed-but-missing"),
        pytest.param(refused("from_the_future"), 1, id="unknown"),
        pytest.param(refused("notary_unreachable", 503), 3, id="outage"),
        pytest.param(NOBODY, 3, id="no-tagwarden"),
    ],
)
def test_a_refusal_may_be_what_is_wanted(server: CannedServer, answer: Canned, status: int) -> None:
    """A test of the policy: an outage is no proof, neither is an image that was lost, and what is served is none."""
    server.answers = [answer]
    outcome = via(server, "--expect", "refused")
    assert outcome.exit_code == status
    assert outcome.stdout
    assert "next:" not in outcome.stderr


def test_json_of_what_is_allowed(server: CannedServer) -> None:
    """The shape of a local decision, null where the proxy did not say, and the sentence."""
    outcome = via(server, "--json")
    told = json.loads(outcome.stdout)
    assert set(told) == {*shape(Decision(Reference.parse(IMAGE, ""), Mode.ENFORCE), request_id="", now=NOW), "message"}
    assert (told["decision"], told["digest"], told["length"]) == ("allowed", DIGEST, len(BODY))
    assert (told["signers"], told["mode"], told["refusal"], told["gun"]) == (["alice"], None, None, None)
    assert told["message"] == f"{IMAGE} is {DIGEST}, signed by alice"


def test_json_of_what_is_refused(server: CannedServer) -> None:
    """The proxy's own account, but for what it cannot say otherwise than in its headers."""
    account: dict[str, Any] = {
        "rule": "shop/**",
        "missing": ["qa"],
        "decision": "allowed",
        "refusal": None,
        "secret": 1,
    }
    server.answers = [refused("signer_missing", **account)]
    outcome = via(server, "--json")
    assert outcome.exit_code == 1
    told = json.loads(outcome.stdout)
    assert (told["rule"], told["missing"], told["request_id"]) == ("shop/**", ["qa"], "r1")
    assert (told["decision"], told["refusal"], told["digest"]) == ("refused", "signer_missing", None)
    assert "secret" not in told


@pytest.mark.parametrize(("code", "status"), [("content_mismatch", 502), ("tag_not_signed", 403)])
def test_json_of_what_is_refused_has_no_digest(server: CannedServer, code: str, status: int) -> None:
    """A digest in it is one to deploy, whatever the account of the refusal names."""
    server.answers = [refused(code, status, digest=DIGEST, length=20, request_id="r2", reference="x")]
    told = json.loads(via(server, "--json").stdout)
    assert (told["decision"], told["digest"], told["length"]) == ("refused", None, None)
    assert (told["reference"], told["request_id"]) == (IMAGE, "r1")


def test_json_of_a_tag_that_was_moved(server: CannedServer) -> None:
    """Neither of the two digests is in its place; the sentence has them."""
    server.answers = [MOVED]
    outcome = via(server, "--json")
    told = json.loads(outcome.stdout)
    assert (outcome.exit_code, told["decision"], told["digest"], told["signers"]) == (1, "not-enforced", None, [])
    assert f"is signed as {OTHER}, but the registry serves {DIGEST}" in told["message"]


def test_json_without_a_verdict(server: CannedServer) -> None:
    """The decision is null, and the sentence says why."""
    server.answers = [NOBODY]
    told = json.loads(via(server, "--json").stdout)
    assert (told["decision"], told["digest"]) == (None, None)
    assert "no Tagwarden" in told["message"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(("--via", "http://registry", IMAGE), "--plain-http", id="plain-http"),
        pytest.param(("--via", "", IMAGE), "--via: this is no URL", id="an-empty-variable"),
        pytest.param(("--ca-file", "ca.crt", IMAGE), "name it with --via", id="ca-without-via"),
        pytest.param(("--plain-http", IMAGE), "name it with --via", id="http-without-via"),
        pytest.param(("--via", "http://127.0.0.1:1", "--ca-file", "ca.crt", IMAGE), "plain http", id="ca-for-http"),
        pytest.param(("--via", "r", "--plain-http", "--ca-file", "c", IMAGE), "plain http", id="ca-for-plain-http"),
        pytest.param(("--via", "r", "--wait", "60", IMAGE), "--wait: 60 is no duration", id="no-unit"),
        pytest.param(("--via", "r", "--print", "digest", "--json", IMAGE), "choose one", id="two-outputs"),
        pytest.param(("--via", "r", "--print", "digest", "--expect", "refused", IMAGE), "choose one", id="two-wishes"),
        pytest.param(("--via", "r", "shop/api:-"), "no valid tag", id="no-tag"),
    ],
)
def test_a_mistake_is_a_sentence(words: tuple[str, ...], why: str) -> None:
    """`main` prints it, and exits with 2."""
    outcome = run(*words)
    assert isinstance(outcome.exception, UserError)
    assert why in str(outcome.exception).replace('"', "")


@pytest.mark.parametrize("words", [("--expect", "served"), ("--print", "tag")])
def test_words_that_are_none(words: tuple[str, ...]) -> None:
    """Typer says which there are."""
    assert run("--via", "r", *words, IMAGE).exit_code == 2


def test_a_login_is_shown_and_asked_for(server: CannedServer, home: Path) -> None:
    """What docker has for the address that is asked, which answers for the registry that leads the image's name."""
    (home / ".docker").mkdir()
    logins = {server.host: {"auth": "YWxpY2U6c2VjcmV0"}, "registry.example.com": {"auth": "Ym9iOmI="}}
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": logins}))
    server.answers = [Canned(200, {**ALLOWED.headers, "X-Tagwarden-Name": "registry.example.com"}, BODY)]
    assert run("--via", server.url, f"registry.example.com/{IMAGE}").exit_code == 0
    assert server.asked == [("/v2/shop/api/manifests/1.4?ns=registry.example.com", "Basic YWxpY2U6c2VjcmV0")]
    server.answers = [Canned(401, {"WWW-Authenticate": 'Basic realm="r"'})]
    outcome = via(server)
    assert isinstance(outcome.exception, UserError)
    assert f"run docker login {server.host}" in str(outcome.exception)


def test_an_image_of_another_registry_is_not_decided_about(server: CannedServer) -> None:
    """What the proxy answers for is another image, whatever it is called."""
    server.answers = [Canned(200, {**ALLOWED.headers, "X-Tagwarden-Name": "registry.example.com"}, BODY)]
    outcome = run("--via", server.url, "--print", "digest", f"other.example.com/{IMAGE}")
    assert (isinstance(outcome.exception, UserError), outcome.stdout) == (True, "")
    assert f"{server.url} answers for registry.example.com" in str(outcome.exception)
    assert run("--via", server.url, f"{server.host}/{IMAGE}").exit_code == 0


# --- waiting ----------------------------------------------------------------------------------


class Waited:
    """Outcomes in turn, and a clock that moves only while somebody waits."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = list(findings)
        self.pauses: list[float] = []
        self.clock = Clock()
        self.clock.seconds = lambda: sum(self.pauses)  # type: ignore[method-assign]  # the time of this test

    async def attempt(self) -> Outcome:
        """The next outcome, the last one for ever."""
        finding = self.findings.pop(0) if len(self.findings) > 1 else self.findings[0]
        return Outcome(finding, "the reason", "", {})

    def wait(self, seconds: float) -> Outcome:
        """Wait for it to be allowed."""
        return wait_for(
            self.attempt, lambda found: found.status == 0, seconds, clock=self.clock, pause=self.pauses.append
        )


def test_waiting_ends_when_it_is_so(capsys: pytest.CaptureFixture[str]) -> None:
    """After 1 s, 2 s, then every 5 s it is asked again; what is waited for is said once."""
    refused_for_a_while = Waited(*[Finding.REFUSED] * 3, Finding.UNDECIDED, Finding.ALLOWED)
    assert refused_for_a_while.wait(60).finding is Finding.ALLOWED
    assert refused_for_a_while.pauses == [1, 2, 5, 5]
    assert capsys.readouterr() == ("", "tagwarden: waiting up to 60 s: the reason\n")


def test_waiting_ends_when_the_time_is_over() -> None:
    """The last attempt is made at the end, and it counts."""
    never = Waited(Finding.REFUSED, Finding.UNDECIDED)
    assert never.wait(10).finding is Finding.UNDECIDED
    assert never.pauses == [1, 2, 5, 2]


def test_without_waiting_there_is_one_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is said about waiting."""
    once = Waited(Finding.REFUSED, Finding.ALLOWED)
    assert once.wait(0).finding is Finding.REFUSED
    assert (once.pauses, capsys.readouterr().err) == ([], "")


def test_a_proxy_is_waited_for(server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it admits the image; each attempt is a request of its own."""
    monkeypatch.setattr("proxy.cli.waiting._PAUSES", (0.01,))
    server.answers = [refused("tag_not_signed"), ALLOWED]
    outcome = via(server, "--wait", "5s", "--print", "digest")
    assert (outcome.exit_code, outcome.stdout) == (0, f"{DIGEST}\n")
    assert "waiting up to 5 s: shop/api:1.4 is not for you" in outcome.stderr
    assert "next:" not in outcome.stderr
    assert len(server.asked) == 2


# --- sentences --------------------------------------------------------------------------------


def test_a_shortened_name_is_spelled_out() -> None:
    """A digest is there to be copied; what is no shortening of a known name stays."""
    reference = f"shop/api@{DIGEST}"
    short = f"{reference[:11]}..{reference[-11:]}"
    sentence = f"{short}: role targets of gun (registry..ome) [x]"
    assert spelled_out(sentence, reference, DIGEST) == f"{reference}: role targets of gun (registry..ome) [x]"
    assert spelled_out(f"it has {DIGEST[:11]}..{DIGEST[-9:]}, not", reference, DIGEST) == f"it has {DIGEST}, not"


@pytest.mark.parametrize(
    ("code", "served", "finding"),
    [
        ("blocked", False, Finding.REFUSED),
        ("blocked", True, Finding.WOULD_REFUSE),
        ("undecided", False, Finding.UNDECIDED),
        ("undecided", True, Finding.UNDECIDED),
        ("registry_unreachable", False, Finding.UNDECIDED),
    ],
)
def test_a_code_is_a_finding(code: str, served: bool, finding: Finding) -> None:  # noqa: FBT001 - a case
    """What says nothing about the image is undecided, whoever serves it."""
    assert finding_of(code, served=served) is finding


# --- from the configuration -------------------------------------------------------------------


@pytest.mark.parametrize(
    "image", ["other.example.com/shop/api:1", "localhost/shop/api", "registry.example.com:5000/shop/api"]
)
def test_an_image_of_another_registry(home: Path, image: str) -> None:
    """The configuration has nothing to say about it, so nothing is asked."""
    site = Site(home)
    site.write("config.yaml", compose())
    outcome = run("-c", str(site.file), image)
    assert isinstance(outcome.exception, UserError)
    host = image.partition("/")[0]
    assert f"belongs to the registry {host}, and the configuration is for registry.example.com" in str(
        outcome.exception
    )


def test_a_refusal_names_the_next_command(home: Path) -> None:
    """With the configuration that was named, ready to be pasted; the digest in full."""
    site = Site(home)
    site.write("config.yaml", compose(trust_store=f"{{url: 'sqlite:///{home}/trust.db'}}"))
    image = f"registry.example.com/{'x' * 100}@{DIGEST}"
    outcome = run("-c", str(site.file), image)
    assert outcome.exit_code == 1, outcome.output
    assert outcome.stdout.startswith(f"refused: {image.partition('/')[2]} has no entry")
    assert f"next: tagwarden explain -c {site.file} {image}\n" in outcome.stderr
