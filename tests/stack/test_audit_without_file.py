"""A first look without a configuration file: `serve --audit` shows what would be refused, and leaves no trace."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import clients, docker_trust, notary_client
from deploy.stack.daemons import running
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import Proxy, command, tagwarden
from deploy.stack.registry import MANIFEST_TYPES, Registry
from deploy.stack.web import answers
from tests.stack.configuration import wait_for

REPOSITORY = "trial/app"
ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}


@pytest.fixture(scope="module")
def signed_image(registry: Registry, owner: Person, signers: dict[str, Person]) -> Image:
    """An image that alice signed as `1.0`, and that is pushed as `2.0` too."""
    content, gun = image("tried without a file"), f"{registry.host}/{REPOSITORY}"
    push(registry, REPOSITORY, content, "1.0", "2.0")
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", content.digest, content.length)
    return content


@pytest.fixture(scope="module")
def trial(scratch: Path, registry: Registry, notary: Notary) -> Iterator[Proxy]:
    """The proxy in an empty directory that is also its home and its place for temporary files."""
    directory = scratch / "trial"
    host, probes = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    before_it = ["--name", registry.host, "--registry", registry.url, "--listen", host, "--probes", probes]
    behind_it = ["--notary", notary.url, "--notary-ca", str(notary.ca_file.absolute())]
    with running(
        [str(tagwarden()), "serve", "--audit", *before_it, *behind_it],
        name="tagwarden",
        directory=directory,
        answers=lambda: answers(f"http://{probes}/readyz"),
        environment={"HOME": str(directory), "TMPDIR": str(directory)},
    ) as daemon:
        yield Proxy(f"http://{host}", host, f"http://{probes}", directory / "config.yaml", daemon)


def _decided(trial: Proxy, tag: str) -> tuple[str | None, str | None]:
    """What the headers say of a tag, once the decision is as fast as the registry."""
    path = f"/v2/{REPOSITORY}/manifests/{tag}"
    answer = wait_for(
        lambda: trial.request("HEAD", path, ACCEPT), lambda answer: "X-Tagwarden-Decision" in answer.headers
    )
    assert answer.status == 200
    return answer.headers["X-Tagwarden-Decision"], answer.headers["X-Tagwarden-Refusal"]


def test_what_is_not_signed_passes_and_would_be_refused(trial: Proxy, signed_image: Image, tmp_path: Path) -> None:
    """The pull succeeds; header and log say what enforcing would have done."""
    pulled = clients.skopeo_pull(tmp_path, f"{trial.host}/{REPOSITORY}:2.0")
    assert (pulled.ok, pulled.digest) == (True, signed_image.digest), pulled.output
    assert _decided(trial, "2.0") == ("would-refuse", "tag_not_signed")
    [event, *_] = [event for event in trial.events() if event["reference"].endswith(":2.0")]
    assert (event["mode"], event["decision"], event["refusal"]) == ("audit", "would-refuse", "tag_not_signed")


def test_what_is_signed_passes_as_allowed(trial: Proxy, signed_image: Image, tmp_path: Path) -> None:
    """Trust data is believed on first use, so a signed tag is already told from others."""
    pulled = clients.skopeo_pull(tmp_path, f"{trial.host}/{REPOSITORY}:1.0")
    assert (pulled.ok, pulled.digest) == (True, signed_image.digest), pulled.output
    assert _decided(trial, "1.0") == ("allowed", None)


def test_it_says_aloud_what_it_does_not_do(trial: Proxy) -> None:
    """Nothing enforced, nothing remembered, whoever answers first believed: three warnings, and what to run next."""
    said = [event["warning"] for event in trial.events("configuration")]
    for words in ("nothing is enforced", "nothing is remembered", "whoever answers first"):
        assert len([warning for warning in said if words in warning]) == 1, said
    [serving] = trial.events("serving")
    assert serving["ask"] == f"tagwarden verify --via http://{trial.host} REPOSITORY:TAG"


def test_no_file_is_made(trial: Proxy, signed_image: Image) -> None:
    """Beside its log there is nothing where it runs, lives and puts what is temporary, and it holds no other file."""
    assert trial.request("HEAD", f"/v2/{REPOSITORY}/manifests/{signed_image.digest}", ACCEPT).status == 200
    log = trial.daemon.log
    assert list(log.parent.rglob("*")) == [log]
    held = {opened.resolve() for opened in Path(f"/proc/{trial.daemon.pid}/fd").iterdir()}
    assert {file for file in held if file.is_file()} == {log}


def test_a_wrong_option_is_named(tmp_path: Path, registry: Registry) -> None:
    """Every option that is wrong is one line, and nothing starts."""
    known = ["--name", registry.host, "--registry", registry.url]
    outcome = command(tmp_path, "serve", "--audit", *known, "--notary", "http://notary.example.com", "--listen", "5000")
    assert (outcome.status, outcome.output.count("\n")) == (2, 2)
    assert "command line: --notary: plain http lets anybody" in outcome.output
    assert 'command line: --listen: "5000" is no address' in outcome.output
