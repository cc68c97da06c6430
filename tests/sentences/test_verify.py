"""What somebody reads who asks about an image: every answer of `verify`, here or from a running proxy."""

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from proxy.cli.deciding import Here
from proxy.clock import Clock
from proxy.limits import MANIFEST_BYTES
from proxy.names import Digest, Reference
from proxy.policy.decisions import Decision, RoleEvidence, allow
from proxy.policy.entries import Mode
from tests.sentences.transcripts import Transcript
from tests.support.canned_server import Canned, CannedServer, canned_server
from tests.support.collections import entry
from tests.unit.cli.asked import asking_a_notary
from tests.unit.config.site import compose, credentials
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import server_tls

BODY: Final = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 1, "digest": "sha256:" + "1" * 64},
        "layers": [],
    }
).encode()
DIGEST: Final = f"sha256:{sha256(BODY).hexdigest()}"
OTHER: Final = "sha256:" + "7" * 64
DECISION: Final = "X-Tagwarden-Decision"
REFUSAL: Final = "X-Tagwarden-Refusal"
NAME: Final = "X-Tagwarden-Name"
SIGNED: Final = {"X-Tagwarden-Digest": DIGEST, "Docker-Content-Digest": DIGEST}
ALLOWED: Final = {DECISION: "allowed", **SIGNED, "X-Tagwarden-Signers": "alice"}
REFUSED: Final = {DECISION: "refused", REFUSAL: "tag_not_signed"}
WORDS: Final = b"""{"errors": [{"code": "DENIED", "message": "shop/api:1.4 is not signed in Notary (gun \
registry.example.com/shop/api): sign it or pull a signed tag [tag_not_signed]"}]}"""
REGISTRY: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}
UNKNOWN: Final = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'

ANSWERS: Final = {
    "It is signed.": Canned(200, ALLOWED, BODY),
    "It is signed, and Notary is away.": Canned(200, {**ALLOWED, "X-Tagwarden-Stale": "90"}, BODY),
    "It is not signed.": Canned(403, REFUSED, WORDS),
    "It is refused without words.": Canned(403, REFUSED),
    "It is refused for a reason that this version does not know.": Canned(403, {**REFUSED, REFUSAL: "new"}),
    "It is not signed, in audit.": Canned(200, {**REFUSED, DECISION: "would-refuse"}, BODY),
    "Its tag was moved, in audit.": Canned(
        200, {DECISION: "not-enforced", **SIGNED, "X-Tagwarden-Digest": OTHER}, BODY
    ),
    "Its tag was moved to something endless.": Canned(
        200, {DECISION: "not-enforced", "X-Tagwarden-Digest": OTHER}, b" " * (MANIFEST_BYTES + 1)
    ),
    "Nobody has to sign it.": Canned(200, {DECISION: "not-enforced"}, BODY),
    "The registry does not have it.": Canned(404, {"Server": "tagwarden", **REGISTRY}, UNKNOWN),
    "This is where probes ask for the health of a proxy.": Canned(404, {"Server": "tagwarden"}, b"404: Not Found"),
    "A proxy in audit that cannot decide.": Canned(200, {"Server": "tagwarden"}, BODY),
    "Something before a proxy that is away.": Canned(502),
    "There is a registry without a proxy.": Canned(200, {"Docker-Content-Digest": DIGEST}, BODY),
    "There is something else.": Canned(302, {"Location": "https://example.com"}),
    "Allowed, but not found.": Canned(404, ALLOWED),
    "Allowed and refused.": Canned(200, {**ALLOWED, REFUSAL: "blocked"}, BODY),
    "Allowed, and endless.": Canned(200, ALLOWED, b" " * (MANIFEST_BYTES + 1)),
    "Allowed, with other bytes.": Canned(200, ALLOWED, b"other bytes"),
    "Allowed, and nobody knows which digest.": Canned(
        200, {DECISION: "allowed", "Docker-Content-Digest": DIGEST}, BODY
    ),
    "Allowed twice.": Canned(200, {**ALLOWED, DECISION.lower(): "allowed"}, BODY),
    "Allowed by nobody.": Canned(200, {**ALLOWED, "X-Tagwarden-Signers": ","}, BODY),
    "Allowed on evidence of some age.": Canned(200, {**ALLOWED, "X-Tagwarden-Stale": "old"}, BODY),
    "Refused, and served.": Canned(200, REFUSED, BODY),
    "Refused for no reason.": Canned(404, {DECISION: "refused"}),
    "It would be refused, and is not served.": Canned(404, {**REFUSED, DECISION: "would-refuse"}),
    "Not enforced, and refused.": Canned(200, {**REFUSED, DECISION: "not-enforced"}),
    "A word that is none.": Canned(200, {**ALLOWED, DECISION: "perhaps"}, BODY),
}


@pytest.fixture(autouse=True)
def home(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody without logins."""
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(transcript.directory))
    monkeypatch.setenv("PATH", f"{transcript.directory}/bin:/usr/bin:/bin")
    return transcript.directory


@pytest.fixture
def server(transcript: Transcript) -> Iterator[CannedServer]:
    """A proxy, or what answers in its place."""
    with canned_server(Canned(200, ALLOWED, BODY)) as running:
        transcript.told[running.host] = "127.0.0.1:5000"
        yield running


def test_what_a_running_proxy_says(transcript: Transcript, server: CannedServer) -> None:
    """Every answer, honest or not, is one line."""
    for title, answer in ANSWERS.items():
        server.answers = [answer]
        transcript.situation(title)
        transcript.run(f"tagwarden verify --via {server.url} shop/api:1.4")
    transcript.situation("Another manifest than the one that was asked for.")
    server.answers = [Canned(200, ALLOWED, BODY)]
    assert transcript.run(f"tagwarden verify --via {server.url} shop/api@{OTHER}") == 3
    transcript.situation("The digest alone, for another command.")
    assert transcript.run(f"tagwarden verify --via {server.url} --print digest shop/api:1.4") == 0
    transcript.situation("It is refused, as a test of the policy expects.")
    server.answers = [Canned(403, REFUSED, WORDS)]
    assert transcript.run(f"tagwarden verify --via {server.url} --expect refused shop/api:1.4") == 0
    transcript.situation("It would be refused, and is served: the policy does not hold yet.")
    server.answers = [Canned(200, {**REFUSED, DECISION: "would-refuse"}, BODY)]
    assert transcript.run(f"tagwarden verify --via {server.url} --expect refused shop/api:1.4") == 1
    transcript.situation("An image by its full name.")
    server.answers = [Canned(200, {**ALLOWED, NAME: "registry.example.com"}, BODY)]
    assert transcript.run(f"tagwarden verify --via {server.url} registry.example.com/shop/api:1.4") == 0
    transcript.situation("An image of a registry for which this proxy does not answer.")
    assert transcript.run(f"tagwarden verify --via {server.url} other.example.com/shop/api:1.4") == 2
    transcript.situation("Nobody says for which registry that is.")
    server.answers = [Canned(200, ALLOWED, BODY)]
    assert transcript.run(f"tagwarden verify --via {server.url} registry.example.com/shop/api:1.4") == 3
    transcript.check("verify-via")


def test_what_rests_on_old_evidence(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an outage, and by grace, the line says so behind the verdict."""
    now = Clock().now()
    hour = timedelta(hours=1)
    decision = Decision(
        Reference.parse("shop/api:1.4", ""),
        Mode.ENFORCE,
        permission=allow(Digest(DIGEST), len(BODY), ("alice",), entry(), "shop/**", now + hour),
        roles={"timestamp": RoleEvidence(7, now + hour), "snapshot": RoleEvidence(7, now - hour)},
        checked_at=now - hour,
        stale=3600,
    )

    async def decided(_self: Here) -> Decision:
        return decision

    monkeypatch.setattr(Here, "_decision", decided)
    transcript.write("config.yaml", compose())
    transcript.situation("Notary is away, and the snapshot had expired before.")
    assert transcript.run("tagwarden verify -c config.yaml shop/api:1.4") == 0
    transcript.check("verify-outage")


def test_who_cannot_be_asked(transcript: Transcript, server: CannedServer, home: Path) -> None:
    """The address, the certificate, the login."""
    for words in (
        "--via http://registry.example.com",
        "-c config.yaml --ca-file ca.crt",
        "--via r --print digest --json",
    ):
        transcript.situation("Plain HTTP." if "http" in words else "Options that do not go together.")
        assert transcript.run(f"tagwarden verify {words} shop/api:1.4") == 2
    transcript.situation("An authority, and no proxy.")
    assert transcript.run("tagwarden verify --ca-file ca.crt shop/api:1.4") == 2
    transcript.situation("Options that contradict each other.")
    assert transcript.run("tagwarden verify --via r --print digest --expect refused shop/api:1.4") == 2
    transcript.situation("An authority for plain HTTP.")
    assert transcript.run(f"tagwarden verify --via {server.url} --ca-file ca.crt shop/api:1.4") == 2
    transcript.situation("An image as skopeo writes it.")
    assert transcript.run(f"tagwarden verify --via {server.url} docker://registry.example.com/shop/api:1.4") == 2
    transcript.situation("Nobody is there.")
    assert transcript.run("tagwarden verify --via http://127.0.0.1:1 shop/api:1.4") == 3
    transcript.situation("A file of authorities that is not there.")
    assert transcript.run("tagwarden verify --via https://127.0.0.1:1 --ca-file ca.crt shop/api:1.4") == 2
    with canned_server(Canned(200), tls=server_tls(Authority(home, "authority").issue("proxy"))) as secure:
        transcript.told[secure.host] = "127.0.0.1:5443"
        transcript.situation("A certificate of nobody that is known.")
        assert transcript.run(f"tagwarden verify --via {secure.host} shop/api:1.4") == 3
    transcript.situation("The registry wants a login.")
    server.answers = [Canned(401, {"WWW-Authenticate": 'Basic realm="r"'})]
    assert transcript.run(f"tagwarden verify --via {server.url} shop/api:1.4") == 2
    transcript.situation("Somebody without a login is told a verdict.")
    server.answers = [Canned(401, REFUSED)]
    assert transcript.run(f"tagwarden verify --via {server.url} --expect refused shop/api:1.4") == 2
    transcript.situation("The token server has no TLS.")
    server.answers = [Canned(401, {"WWW-Authenticate": 'Bearer realm="http://tokens.example.com/"'})]
    assert transcript.run(f"tagwarden verify --via {server.url} shop/api:1.4") == 3
    transcript.check("verify-asking")


def test_logins_that_cannot_be_used(
    transcript: Transcript, server: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of docker, and its helpers."""
    monkeypatch.setattr("proxy.remote.helpers.CREDENTIAL_HELPER_SECONDS", 1.0)
    host, typed = server.host, f"tagwarden verify --via {server.url} shop/api:1.4"
    transcript.write("bin/docker-credential-fails", "#!/bin/sh\necho no session\nexit 1\n", 0o755)
    secret = json.dumps({"Username": "alice", "Secret": "hunter2"})
    transcript.write("bin/docker-credential-leaks", f"#!/bin/sh\necho '{secret}'\nexit 1\n", 0o755)
    transcript.write("bin/docker-credential-talks", "#!/bin/sh\necho hello\n", 0o755)
    transcript.write("bin/docker-credential-waits", "#!/bin/sh\nexec sleep 60\n", 0o755)
    transcript.write("bin/docker-credential-gone", "#!/no/such/shell\n", 0o755)
    files: dict[str, Any] = {
        "It is no JSON.": "words",
        "A section of it is none.": {"auths": []},
        "An entry of it is none.": {"auths": {host: 5}},
        "A login in it is none.": {"auths": {host: {"auth": "words"}}},
        "A helper in it is none.": {"credsStore": 5},
        "The helper is not installed.": {"credsStore": "vault"},
        "The helper cannot be run.": {"credsStore": "gone"},
        "The helper fails.": {"credsStore": "fails"},
        "The helper says the secret, and fails.": {"credsStore": "leaks"},
        "The helper says something else.": {"credsStore": "talks"},
        "The helper waits for somebody.": {"credsStore": "waits"},
    }
    for title, content in files.items():
        transcript.write(".docker/config.json", content if isinstance(content, str) else json.dumps(content))
        transcript.situation(title)
        assert transcript.run(typed) == 2
    transcript.situation("The login is not accepted.")
    transcript.write(".docker/config.json", json.dumps({"auths": {host: {"auth": "YWxpY2U6c2VjcmV0"}}}))
    server.answers = [Canned(401, {"WWW-Authenticate": 'Basic realm="r"'})]
    assert transcript.run(typed) == 2
    transcript.situation("The file cannot be read.")
    (transcript.directory / ".docker" / "config.json").unlink()
    (transcript.directory / ".docker" / "config.json").mkdir()
    assert transcript.run(typed) == 2
    transcript.check("verify-logins")


def test_what_a_configuration_decides(
    transcript: Transcript, server: CannedServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Notary: what needs none, and what cannot do without."""
    sections = {
        "trust_store": f"{{url: 'sqlite:///{home}/trust.db'}}",
        "registry": f"{{url: '{server.url}'}}",
        "exceptions": f"[{{allow: 'shop/api@{DIGEST}', until: 2090-01-01T00:00:00Z, reason: bootstrap}}]",
    }
    transcript.write("config.yaml", compose(**sections))
    transcript.situation("An exception.")
    server.answers = [Canned(200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, BODY)]
    assert transcript.run(f"tagwarden verify -c config.yaml shop/api@{DIGEST}") == 3
    transcript.situation("The registry does not let the proxy in.")
    server.answers = [Canned(401)]
    assert transcript.run(f"tagwarden verify -c config.yaml shop/api@{DIGEST}") == 3
    transcript.situation("The registry does not let the proxy in by the account that it was given.")
    transcript.write("bob.json", credentials("bob", "wrong"))
    given = {**sections, "registry": f"{{url: '{server.url}', credentials_file: bob.json}}"}
    transcript.write("bob.yaml", compose(**given))
    assert transcript.run(f"tagwarden verify -c bob.yaml shop/api@{DIGEST}") == 3
    transcript.situation("Nobody said who has to sign it.")
    assert transcript.run("tagwarden verify -c config.yaml elsewhere/api:1.4") == 1
    transcript.situation("An image of another registry.")
    assert transcript.run("tagwarden verify -c config.yaml other.example.com/shop/api:1.4") == 2
    transcript.situation("A time without a unit.")
    assert transcript.run("tagwarden verify -c config.yaml --wait 60 shop/api:1.4") == 2
    tofu = {**sections, "notaries": "{corp: {url: 'https://notary:4443', roots: tofu}}", "roots": "{}"}
    transcript.write("config.yaml", compose(**tofu))
    transcript.situation("Trust on first use, and nothing is remembered.")
    monkeypatch.setattr("proxy.cli.deciding.asking", asking_a_notary())
    assert transcript.run("tagwarden verify -c config.yaml shop/api:1.0") == 3
    transcript.check("verify-deciding")
