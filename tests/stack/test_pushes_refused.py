"""What `push: refuse` and `delete: unsigned` keep out, as real clients see it, and what they let by."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.images import Image, image, multi_arch, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.pushers import Host, Skopeo
from deploy.stack.registry import MANIFEST_TYPES, Registry
from tests.stack.configuration import wait_for
from tests.stack.pushing import PUSHERS, REPOSITORY, Place, Trust, candidates_at, place, pusher


@pytest.fixture(scope="module")
def trust(notary: Notary, owner: Person, anchor: str) -> Trust:
    """The Notary of the session."""
    return Trust(notary, owner, anchor)


@pytest.fixture(scope="module", params=["any", "admitted"])
def closed(request: pytest.FixtureRequest, scratch: Path, registry: Registry, trust: Trust) -> Iterator[Place]:
    """A proxy with `push: refuse`, for any blobs and for admitted ones."""
    doors, directory = {"push": "refuse", "blobs": request.param}, scratch / f"push-refused-{request.param}"
    with place(directory, registry, trust, doors=doors) as running:
        yield running


@pytest.fixture(scope="module")
def candidates(scratch: Path, authority: Authority) -> tuple[Host, Mapping[str, Any]]:
    """The door for scanners and co-signers."""
    return candidates_at(scratch / "candidates", authority)


@pytest.fixture(scope="module")
def keeping(
    scratch: Path, registry: Registry, trust: Trust, candidates: tuple[Host, Mapping[str, Any]]
) -> Iterator[Place]:
    """A proxy with `delete: unsigned`, and with candidates."""
    doors, directory = {"delete": "unsigned"}, scratch / "delete-refused"
    with place(directory, registry, trust, doors=doors, candidates=candidates[1]) as running:
        yield running


@pytest.fixture
def scanner(candidates: tuple[Host, Mapping[str, Any]], tmp_path: Path) -> Skopeo:
    """Skopeo with a certificate for the candidates."""
    return Skopeo(tmp_path, candidates[0])


# --- push: refuse -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUSHERS)
def test_refused_push_is_refused_in_words(request: pytest.FixtureRequest, closed: Place, name: str) -> None:
    """Where pushes are refused, the person at each client can read where to push, and nothing arrives."""
    pushed = pusher(request, name, closed.host).push("hello", closed.name(name, "shop/refused"))
    assert not pushed.ok
    assert "cannot be pushed through this proxy: push to the registry itself [push_refused]" in pushed.output
    assert closed.registry.get_manifest("shop/refused", name).status == 404


@pytest.mark.parametrize("name", PUSHERS)
def test_refused_push_leaves_pulls_alone(request: pytest.FixtureRequest, closed: Place, name: str) -> None:
    """Where pushes are refused, what was pushed to the registry itself and signed is pulled as ever."""
    pushed = push(closed.registry, REPOSITORY, image(f"hello {name}"), name)
    closed.sign(name, pushed.digest)
    pulled = pusher(request, name, closed.host).pull(closed.name(name))
    assert pulled.digest == pushed.digest, pulled.output


# --- delete: unsigned ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(keeping: Place) -> dict[str, Image]:
    """A signed image, and a signed index, as tags `kept` and `kept-index`."""
    contents = {"kept": image("kept"), "kept-index": multi_arch("kept")}
    for tag, content in contents.items():
        push(keeping.registry, REPOSITORY, content, tag)
        keeping.sign(tag, content.digest)
    return contents


Part = Callable[[Image], str]


@pytest.mark.parametrize(
    ("tag", "part"),
    [
        pytest.param("kept", lambda content: f"manifests/{content.digest}", id="manifest"),
        pytest.param("kept", lambda _: "manifests/kept", id="tag"),
        pytest.param("kept", lambda content: f"blobs/{content.blobs[0].digest}", id="config"),
        pytest.param("kept", lambda content: f"blobs/{content.blobs[2].digest}", id="layer"),
        pytest.param("kept-index", lambda content: f"manifests/{content.digest}", id="index"),
        pytest.param("kept-index", lambda content: f"manifests/{content.children[1].digest}", id="child"),
        pytest.param("kept-index", lambda content: f"blobs/{content.children[1].blobs[2].digest}", id="layer-of-child"),
    ],
)
def test_nothing_of_a_signed_image_is_deleted(keeping: Place, kept: dict[str, Image], tag: str, part: Part) -> None:
    """A signed image keeps its manifest, its tag, its children and its blobs."""
    path = f"/v2/{REPOSITORY}/{part(kept[tag])}"
    refused = keeping.through.request("DELETE", path)
    assert refused.status == 405, refused.body
    assert b"[delete_refused]" in refused.body
    accept = {"Accept": ", ".join(MANIFEST_TYPES)}
    assert keeping.registry.request("HEAD", path, headers=accept).status == 200


def test_unsigned_image_is_deleted(keeping: Place, kept: dict[str, Image]) -> None:
    """An image that nobody signed is deleted with a layer of its own; the layer that a signed one has stays."""
    content = push(keeping.registry, REPOSITORY, image("not kept"), "unsigned")
    assert keeping.through.request("DELETE", f"/v2/{REPOSITORY}/manifests/{content.digest}").status == 202
    assert keeping.registry.get_manifest(REPOSITORY, content.digest).status == 404
    shared, own = content.blobs[1].digest, content.blobs[2].digest
    assert shared in {blob.digest for blob in kept["kept"].blobs}
    assert keeping.through.request("DELETE", f"/v2/{REPOSITORY}/blobs/{own}").status == 202
    assert keeping.through.request("DELETE", f"/v2/{REPOSITORY}/blobs/{shared}").status == 405
    assert not keeping.registry.has_blob(REPOSITORY, own)
    assert keeping.registry.has_blob(REPOSITORY, shared)


def test_revoked_image_is_deleted(keeping: Place) -> None:
    """Who takes the signature back first may delete the image."""
    content = push(keeping.registry, REPOSITORY, image("for a while"), "while")
    keeping.sign("while", content.digest)
    path = f"/v2/{REPOSITORY}/manifests/{content.digest}"
    assert keeping.through.request("DELETE", path).status == 405
    docker_trust.revoke(keeping.alice, keeping.name("while"))
    deleted = wait_for(lambda: keeping.through.request("DELETE", path), lambda answer: answer.status != 405)
    assert deleted.status == 202
    assert keeping.registry.get_manifest(REPOSITORY, content.digest).status == 404


def test_superseded_image_stays(keeping: Place) -> None:
    """An image whose tag was signed anew for another one is still pulled by digest, so it is not deleted."""
    before, after = (push(keeping.registry, REPOSITORY, image(text), "renewed") for text in ("before", "after"))
    keeping.sign("renewed", before.digest)
    keeping.sign("renewed", after.digest)
    now = wait_for(lambda: keeping.ask("renewed").headers["Docker-Content-Digest"], lambda it: it == after.digest)
    assert now == after.digest
    refused = keeping.through.request("DELETE", f"/v2/{REPOSITORY}/manifests/{before.digest}")
    assert (refused.status, keeping.ask(before.digest).status) == (405, 200)


def test_skopeo_reads_why_a_signed_image_stays(keeping: Place, kept: dict[str, Image], tmp_path: Path) -> None:
    """`skopeo delete` of a signed image prints the reason, and the image stays."""
    deleted = Skopeo(tmp_path, keeping.host).delete(keeping.name("kept"))
    assert not deleted.ok
    assert "[delete_refused]" in deleted.output
    assert keeping.registry.get_manifest(REPOSITORY, kept["kept"].digest).status == 200


def test_skopeo_cannot_delete_what_it_cannot_read(keeping: Place, tmp_path: Path) -> None:
    """`skopeo delete` reads the manifest first, so an unsigned image is refused before it could be deleted."""
    content = push(keeping.registry, REPOSITORY, image("unread"), "unread")
    deleted = Skopeo(tmp_path, keeping.host).delete(keeping.name("unread"))
    assert not deleted.ok
    assert "[tag_not_signed]" in deleted.output
    assert keeping.registry.get_manifest(REPOSITORY, content.digest).status == 200


# --- candidates ---------------------------------------------------------------------------------


def test_candidates_let_skopeo_delete_what_is_not_signed(keeping: Place, scanner: Skopeo) -> None:
    """Unsigned images can be read among the candidates, so `skopeo delete` works there, and for those only."""
    repository = f"{scanner.host.name}/{REPOSITORY}"
    content = push(keeping.registry, REPOSITORY, image("candidate"), "candidate")
    deleted = scanner.delete(f"{repository}:candidate")
    assert deleted.ok, deleted.output
    assert keeping.registry.get_manifest(REPOSITORY, content.digest).status == 404
    released = push(keeping.registry, REPOSITORY, image("released"), "released")
    keeping.sign("released", released.digest)
    refused = scanner.delete(f"{repository}:released")
    assert not refused.ok
    assert "[delete_refused]" in refused.output


def test_candidates_are_read_to_be_signed(keeping: Place, scanner: Skopeo, tmp_path: Path) -> None:
    """A co-signer takes digest and length from the candidates, signs, and everybody pulls the image."""
    skopeo = Skopeo(tmp_path, keeping.host)
    pushed = skopeo.push("co-signed", keeping.name("co-signed"))
    assert keeping.ask("co-signed").status == 403
    manifest = scanner.manifest(f"{scanner.host.name}/{REPOSITORY}:co-signed")
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert digest == pushed.digest
    notary_client.sign_as(keeping.alice, keeping.gun(), "co-signed", digest, len(manifest))
    keeping.signed("co-signed")
    assert skopeo.pull(keeping.name("co-signed")).digest == digest
