"""The trust store in the hands of a person: an air gap, a collection made anew, and a Notary that was rolled back."""

import copy
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from certs.authority import Authority
from deploy.stack import keys, notary_client
from deploy.stack.commands import Outcome
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.notary import notary as run_notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy, command, write_configuration
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.web import Answer
from tests.stack.configuration import configuration, wait_for

ONE, OTHER = image("one"), image("other")


def sign(registry: Registry, owner: Person, repository: str, tag: str, content: Image) -> None:
    """Push an image and sign it."""
    push(registry, repository, content, tag)
    notary_client.add_target(owner, f"{registry.host}/{repository}", tag, content.digest, content.length)


def configured(registry: Registry, notary: Notary, gun: str) -> dict[str, Any]:
    """A configuration that pins a collection's root key, and asks Notary again after half a second."""
    settings = configuration(registry, notary, keys.root_key_ids(notary, gun), {})
    return {**settings, "repositories": {"**": {"signed_by": "released", "fresh_for": "500ms"}}}


def trust(directory: Path, *words: str) -> Outcome:
    """Run a command of the family."""
    name, *rest = words
    return command(directory, "trust", name, "-c", str(directory / "config.yaml"), *rest)


def pull(proxy: Proxy, repository: str, tag: str) -> Answer:
    """Ask for a manifest."""
    return proxy.request("GET", f"/v2/{repository}/manifests/{tag}")


def code(answer: Answer) -> str:
    """What was refused, empty for an image that is served."""
    return answer.headers.get("X-Tagwarden-Refusal", "")


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """A plain web server over a directory; its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=directory)) as listener:
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="web server", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}"
        finally:
            listener.shutdown()
            thread.join()


@pytest.mark.parametrize("live", [pytest.param(False, id="from-the-store"), pytest.param(True, id="from-notary")])
def test_an_export_serves_without_notary(
    tmp_path: Path, authority: Authority, registry: Registry, repository: str, *, live: bool
) -> None:
    """What was exported is served from a directory with Notary stopped; unsigned images are refused as ever."""
    gun, bundle, gap = f"{registry.host}/{repository}", tmp_path / "bundle", tmp_path / "gap"
    with run_notary(tmp_path / "notary", authority) as server:
        owner = Person.settle("owner", tmp_path / "owner", server)
        notary_client.initialise(owner, gun)
        notary_client.rotate_key(owner, gun, "root")
        sign(registry, owner, repository, "1.0", ONE)
        push(registry, repository, OTHER, "unsigned")
        settings = configured(registry, server, gun)
        with run_proxy(tmp_path / "here", settings) as proxy:
            if not live:
                assert pull(proxy, repository, "1.0").status == 200
            words = ["--from-notary", repository] if live else []
            exported = trust(tmp_path / "here", "export", "--directory", str(bundle), *words).must()
    assert f"{gun}: " in exported
    settings["notaries"]["corp"] = {"dir": str(bundle), "roots": ["owner"]}
    with run_proxy(gap, settings) as proxy:
        allowed = pull(proxy, repository, "1.0")
        assert (allowed.status, allowed.headers["Docker-Content-Digest"]) == (200, ONE.digest)
        assert code(pull(proxy, repository, "unsigned")) == "tag_not_signed"
    fresh = {**settings, "trust_store": {"url": f"sqlite:///{tmp_path / 'fresh' / 'trust.db'}"}}
    write_configuration(tmp_path / "fresh", fresh)
    assert "1 new" in trust(tmp_path / "fresh", "import", str(bundle)).must()
    assert "1 the same" in trust(tmp_path / "fresh", "import", str(bundle)).must()
    assert f"{gun} in Notary corp" in trust(tmp_path / "fresh", "show", repository).must()


def test_every_command_reads_a_directory(
    tmp_path: Path, registry: Registry, notary: Notary, owner: Person, repository: str
) -> None:
    """Whoever asks beside the proxy is answered from the same directory; where it is signed, nobody can know."""
    gun, bundle = f"{registry.host}/{repository}", tmp_path / "bundle"
    notary_client.initialise(owner, gun)
    sign(registry, owner, repository, "1.0", ONE)
    push(registry, repository, OTHER, "unsigned")
    settings = configured(registry, notary, gun)
    write_configuration(tmp_path, settings)
    trust(tmp_path, "export", "--from-notary", "--directory", str(bundle), repository).must()
    settings["notaries"]["corp"] = {"dir": str(bundle), "roots": ["owner"]}
    config = str(write_configuration(tmp_path, settings))
    signed, unsigned = f"{repository}:1.0", f"{repository}:unsigned"
    assert ONE.digest in command(tmp_path, "verify", "-c", config, signed).must()
    assert "holds trust data of 1 collection" in command(tmp_path, "doctor", "-c", config, repository).output
    assert "allowed: " in command(tmp_path, "explain", "-c", config, signed).must()
    assert "roots:" in command(tmp_path, "pin", "-c", config, repository).must()
    assert ONE.digest.removeprefix("sha256:") in command(tmp_path, "inspect", "-c", config, repository).must()
    assert str(bundle) in command(tmp_path, "config", "check", "-c", config, signed).must()
    asked = command(tmp_path, "sign-command", "-c", config, unsigned).must()
    assert "notary -s https://NOTARY " in asked
    assert f"{bundle} is a copy, where nothing can be signed: write the host of the real Notary for NOTARY" in asked


def test_a_collection_that_was_made_anew(
    tmp_path: Path, registry: Registry, notary: Notary, owner: Person, repository: str
) -> None:
    """It is refused as a rollback until somebody says that it was meant; the proxy that runs notices."""
    gun = f"{registry.host}/{repository}"
    notary_client.initialise(owner, gun)
    sign(registry, owner, repository, "1.0", ONE)
    sign(registry, owner, repository, "1.1", ONE)
    with run_proxy(tmp_path, configured(registry, notary, gun)) as proxy:
        assert pull(proxy, repository, "1.0").status == 200
        notary_client.delete_collection(owner, gun)
        notary_client.initialise(owner, gun)
        sign(registry, owner, repository, "2.0", OTHER)
        refused = wait_for(lambda: pull(proxy, repository, "2.0"), lambda answer: "tag_not_signed" not in code(answer))
        assert code(refused) in ("rollback", "root_rotation_broken")
        forgot = trust(tmp_path, "forget", repository, "--reason", "made anew, OPS-512").must()
        assert f"{gun} in Notary corp is forgotten" in forgot
        allowed = wait_for(lambda: pull(proxy, repository, "2.0"), lambda answer: answer.status == 200)
        assert allowed.headers["Docker-Content-Digest"] == OTHER.digest
    shown = json.loads(trust(tmp_path, "show", "--json", repository).must())
    assert [each["reason"] for each in shown["forgettings"]] == ["made anew, OPS-512"]
    assert shown["tags_ever"] == 3


def test_a_notary_that_was_rolled_back(
    tmp_path: Path, registry: Registry, notary: Notary, owner: Person, repository: str
) -> None:
    """A lost disk would forget what was seen; the backup remembers, and the older Notary is refused."""
    gun, web, kept = f"{registry.host}/{repository}", tmp_path / "web", tmp_path / "trust.backup"
    notary_client.initialise(owner, gun)
    sign(registry, owner, repository, "1.0", ONE)
    settings = configured(registry, notary, gun)
    write_configuration(tmp_path, settings)
    trust(tmp_path, "export", "--from-notary", "--directory", str(web / "v2"), repository).must()
    sign(registry, owner, repository, "1.0", OTHER)
    with run_proxy(tmp_path, settings) as proxy:
        assert pull(proxy, repository, "1.0").headers["Docker-Content-Digest"] == OTHER.digest
        assert "1 collection" in trust(tmp_path, "backup", str(kept)).must()
    for file in tmp_path.glob("trust.db*"):
        file.unlink()
    with served(web) as old:  # any web server will do: the files lie as Notary serves them
        rolled_back = copy.deepcopy(settings)
        rolled_back["notaries"]["corp"] = {"url": old, "roots": ["owner"]}
        with run_proxy(tmp_path / "forgetful", rolled_back) as proxy:
            assert pull(proxy, repository, "1.0").headers["Docker-Content-Digest"] == ONE.digest
        with run_proxy(tmp_path, rolled_back) as proxy:
            assert "1 new" in trust(tmp_path, "restore", str(kept)).must()
            assert code(pull(proxy, repository, "1.0")) == "rollback"
            _assert_that_people_are_told(tmp_path, repository)
            assert "1 the same" in trust(tmp_path, "restore", str(kept)).must()
        imported = trust(tmp_path, "import", str(web / "v2"))
        assert imported.status == 1
        assert "[rollback]" in imported.output
    before = trust(tmp_path, "list", "--json").must()
    damaged = tmp_path / "damaged.backup"
    damaged.write_bytes(kept.read_bytes()[:-20])
    outcome = trust(tmp_path, "restore", str(damaged))
    assert (outcome.status, outcome.output.count("\n")) == (2, 1)
    assert trust(tmp_path, "list", "--json").must() == before


def _assert_that_people_are_told(directory: Path, repository: str) -> None:
    """Whoever asks why pulls are refused is told of the rollback, and what to look at before anything is forgotten."""
    config = str(directory / "config.yaml")
    examined = command(directory, "doctor", "-c", config, repository)
    assert examined.status == 1, examined.output
    assert f"repositories: {repository}: timestamp went back (from version " in examined.output
    assert f"next: tagwarden trust show {repository} -c {config}" in examined.output
    explained = command(directory, "explain", "-c", config, f"{repository}:1.0")
    assert explained.status == 1, explained.output
    *_, last = explained.output.splitlines()
    assert last.startswith("next: tagwarden trust show ")
    shown = command(directory, *shlex.split(last.removeprefix("next: tagwarden ")))
    assert "last check" in shown.must()


def test_a_store_moves_while_the_proxy_writes(
    tmp_path: Path, registry: Registry, notary: Notary, owner: Person, repository: str
) -> None:
    """Copied into another file, which a second proxy goes on with; nothing that the first one saw is lost."""
    gun = f"{registry.host}/{repository}"
    notary_client.initialise(owner, gun)
    sign(registry, owner, repository, "1.0", ONE)
    settings = configured(registry, notary, gun)
    moved = f"sqlite:///{tmp_path / 'moved.db'}"
    with run_proxy(tmp_path, settings) as proxy:
        assert pull(proxy, repository, "1.0").status == 200
        assert "1 new" in trust(tmp_path, "copy", "--to", moved).must()
        sign(registry, owner, repository, "2.0", OTHER)
        assert wait_for(lambda: pull(proxy, repository, "2.0"), lambda answer: answer.status == 200).status == 200
        assert "1 raised" in trust(tmp_path, "copy", "--to", moved).must()
    write_configuration(tmp_path / "second", {**settings, "trust_store": {"url": moved}})
    versions = [json.loads(trust(each, "list", "--json").must())[0] for each in (tmp_path, tmp_path / "second")]
    assert versions[0]["versions"] == versions[1]["versions"]
