"""Every refusal is brought to every real client, and its screen is the one in the docs.

Where a client or a sentence changes, `make screens` renews the page.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.containerd import Containerd
from deploy.stack.containerd import containerd as run_containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.registry import Registry
from proxy.refusals import TABLE
from tests.stack.screens.capture import FILE, Captured, Tools, capture
from tests.stack.screens.cases import CASES, UNSEEN, Case

_CLIENTS: Final = ("docker", "buildkit", "ctr", "kubelet", "podman", "buildah", "skopeo")
_CONTAINERD: Final = frozenset({"ctr", "kubelet", "buildkit"})  # the code that asks is the same
_LIBRARY: Final = frozenset({"podman", "buildah", "skopeo"})

Screens = dict[str, Captured]


@pytest.fixture(scope="module")
def node(scratch: Path) -> Iterator[Containerd]:
    """A containerd that serves kubelet's calls too."""
    with run_containerd(scratch / "screens-node", cri="") as running:
        yield running


@pytest.fixture(scope="module")
def screens(scratch: Path, registry: Registry, docker_daemon: DockerDaemon, node: Containerd) -> Screens:
    """Every screen, captured now."""
    captured = asyncio.run(capture(Tools(docker_daemon, node), registry, scratch / "screens"))
    return {each["case"]: each for each in captured}


@pytest.fixture(scope="module")
def documented() -> Screens:
    """Every screen, as it was captured for the docs."""
    return {each["case"]: each for each in json.loads(FILE.read_text())["captured"]}


def is_kept_from(client: str, captured: Captured) -> bool:
    """Whether a client shows no sentence: containerd none of a 404, podman, buildah and skopeo none of a blob."""
    if client in _CONTAINERD:
        return captured["status"] == 404
    return client in _LIBRARY and captured["case"] == "blob_not_admitted"


def test_every_refusal_is_met_or_known_to_be_unseen() -> None:
    """No row of the table is forgotten here."""
    assert {type(case.refusal) for case in CASES} | UNSEEN.keys() == TABLE.keys()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_answer_is_that_of_the_table(screens: Screens, case: Case) -> None:
    """The proxy answers each refusal with the status, code and sentence of its row."""
    row, captured = TABLE[type(case.refusal)], screens[case.name]
    assert (captured["status"], captured["code"]) == (row.status, row.oci_code)
    assert captured["sentence"].endswith(f" [{row.code}]")


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_screen_is_the_one_in_the_docs(screens: Screens, documented: Screens, name: str) -> None:
    """The docs have each client's screen as it is."""
    assert screens[name] == documented[name], "renew it: make screens"


@pytest.mark.parametrize("client", _CLIENTS)
def test_client_shows_the_whole_sentence(screens: Screens, client: str) -> None:
    """Each client shows the whole sentence of every refusal that it lets through to the person before it."""
    shown = {
        name: captured["sentence"] in captured["screens"][client]["shows"]
        for name, captured in screens.items()
        if client in captured["screens"] and not is_kept_from(client, captured)
    }
    assert len(shown) > 20
    assert all(shown.values()), [name for name, whole in shown.items() if not whole]


def test_containerd_says_not_found_alone(screens: Screens) -> None:
    """Of a 404 containerd shows no reason; it says only that there is nothing."""
    missing = [captured for captured in screens.values() if captured["status"] == 404]
    assert len(missing) == 2
    for client in _CONTAINERD:
        for captured in missing:
            shows = captured["screens"][client]["shows"]
            assert shows.endswith(f"registry.example.com/shop/{captured['case']}:1.0: not found")


def test_library_shows_the_status_of_a_blob(screens: Screens) -> None:
    """Of a refused blob podman, buildah and skopeo show the status alone."""
    for client in _LIBRARY:
        shows = screens["blob_not_admitted"]["screens"][client]["shows"]
        assert "invalid status code from registry 403 (Forbidden)" in shows


@pytest.mark.parametrize(
    ("client", "status", "words"),
    [
        pytest.param(
            "docker", 403, "repository does not exist or may require 'docker login': denied: ", id="docker-403"
        ),
        pytest.param("docker", 404, "not found: manifest unknown: ", id="docker-404"),
        pytest.param("docker", 503, "received unexpected HTTP status: 503 Service Unavailable: ", id="docker-503"),
        pytest.param("ctr", 403, ": 403 Forbidden: ", id="ctr-403"),
        pytest.param("kubelet", 403, ": 403 Forbidden: ", id="kubelet-403"),
        pytest.param("kubelet", 503, ": 503 Service Unavailable: ", id="kubelet-503"),
        pytest.param("podman", 404, ": manifest unknown: ", id="podman-404"),
        pytest.param("skopeo", 503, "received unexpected HTTP status: 503 Service Unavailable: ", id="skopeo-503"),
    ],
)
def test_words_before_the_sentence(screens: Screens, client: str, status: int, words: str) -> None:
    """What stands before the sentence says which kind of refusal it is."""
    of_this_kind = [each for each in screens.values() if each["status"] == status and not is_kept_from(client, each)]
    assert of_this_kind
    for captured in of_this_kind:
        assert f"{words}{captured['sentence']}" in captured["screens"][client]["shows"]


def test_no_client_asks_again_after_403_or_503(screens: Screens) -> None:
    """Only a reference or a push that cannot be is tried four times, by podman and buildah; the rest is believed."""
    again = {
        (name, client)
        for name, captured in screens.items()
        for client, screen in captured["screens"].items()
        if "retrying" in screen["shows"]
    }
    assert again == {
        (name, client) for name in ("reference_invalid", "push_refused") for client in ("podman", "buildah")
    }
