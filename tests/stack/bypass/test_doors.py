"""The other doors of the registry, shut as far as they go: blobs, deletions, lists of tags."""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from deploy.stack.images import Image
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import MANIFEST_TYPES, Registry
from tests.stack.bypass.attempts import Attempt, asked, first
from tests.stack.bypass.bait import SIGNED_TAG, Bait, lay, sign
from tests.stack.configuration import configuration

_ACCEPT: Final = {"Accept": ", ".join(MANIFEST_TYPES)}
_GHOST: Final = "/v2/{app}/blobs/{ghost}"


@pytest.fixture(scope="module")
def settings(registry: Registry, notary: Notary, signers: dict[str, Person], anchor: str) -> dict[str, Any]:
    """A configuration that wants alice for everything, and serves nothing that is not of an admitted image."""
    settings = configuration(registry, notary, [anchor], signers)
    settings["registry"] |= {"blobs": "admitted"}
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}, "tags_list": "signed"}}
    return settings


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> Iterator[Proxy]:
    """A proxy with that configuration."""
    with run_proxy(tmp_path_factory.mktemp("doors"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> Iterator[Proxy]:
    """A proxy that containerd may ask for another registry's name too."""
    listen = {"ns_allowed": ["mirror.example.com"]}
    with run_proxy(tmp_path_factory.mktemp("mirror"), settings | {"listen": listen}) as running:
        yield running


@pytest.fixture(scope="module")
def doors(registry: Registry, owner: Person, signers: dict[str, Person]) -> Bait:
    """What may be read and what not; `borrowed` is signed in `other`."""
    return sign(lay(registry, f"bypass/{secrets.token_hex(6)}"), registry, owner, signers["alice"])


def _contents(image: Image) -> list[bytes]:
    """The layer that is no other image's, and the manifest."""
    return [*[blob.content for blob in image.blobs[-1:]], image.manifest.content]


# --- blobs: admitted --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "template"),
    [
        pytest.param("unsigned", asked("/v2/{app}/blobs/{blob}"), id="layer"),
        pytest.param("child", asked("/v2/{app}/blobs/{blob}"), id="layer-of-a-child"),
        pytest.param("evil", asked("/v2/{app}/blobs/{blob}"), id="layer-of-nothing"),
        pytest.param("borrowed_child", asked("/v2/{app}/blobs/{blob}"), id="layer-signed-elsewhere"),
        pytest.param("foreign", asked("/v2/{other}/blobs/{blob}"), id="layer-elsewhere"),
        pytest.param("ghost", asked(_GHOST), id="manifest"),
        pytest.param("ghost", asked("/v2/{app}/blobs/sha256%3a{ghost_hex}"), id="manifest-encoded"),
        pytest.param("ghost", asked(_GHOST, "Range: bytes=0-"), id="manifest-by-range"),
        pytest.param("ghost", asked(_GHOST, 'If-None-Match: "x"', "If-Range: x"), id="manifest-by-condition"),
        pytest.param("ghost", asked(_GHOST + "?ns={host}"), id="manifest-by-mirror"),
        pytest.param("ghost", first("/v2/{app}/manifests/{ghost}") + asked(_GHOST), id="manifest-refused-before"),
        pytest.param("ghost", first(_GHOST, method="HEAD") + asked(_GHOST), id="manifest-probed-before"),
        pytest.param("ghost", first("/v2/{app}/manifests/1.0") + asked(_GHOST), id="manifest-after-the-signed-one"),
        pytest.param(
            "ghost",
            first("/v2/{other}/blobs/uploads/?mount={ghost}&from={app}", "Content-Length: 0", method="POST")
            + asked("/v2/{other}/blobs/{ghost}"),
            id="manifest-mounted",
        ),
        pytest.param(
            "evil",
            first(
                "/v2/{app}/manifests/{evil}",
                "Content-Type: {evil_type}",
                "Content-Length: {evil_length}",
                method="PUT",
                body="{evil_body}",
            )
            + asked("/v2/{app}/blobs/{blob}"),
            id="layer-of-a-manifest-just-pushed",
        ),
    ],
)
def test_what_no_admitted_image_has_is_not_read(
    strict: Proxy, registry: Registry, doors: Bait, name: str, template: str
) -> None:
    """Neither layers of unsigned images nor manifests that were uploaded as blobs; the registry would serve them."""
    bait = doors.unadmitted[name]
    attempt = Attempt(name, template.replace("{blob}", bait.blobs[-1].digest))
    answers = attempt.at(strict.host, doors)
    assert not any(content in answer.body for answer in answers for content in _contents(bait))
    assert answers[-1].status in (403, 404)
    served = [answer for answer in attempt.at(registry.host, doors) if answer.status in (200, 206)]
    assert any(content in answer.body for answer in served for content in _contents(bait))


def test_what_admitted_images_have_is_read(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any], doors: Bait
) -> None:
    """A proxy that was just started, and was asked for nothing else before, serves their blobs."""
    child = doors.unadmitted["borrowed_child"]
    admitted = [(doors.app, blob) for blob in doors.signed.blobs] + [(doors.other, blob) for blob in child.blobs]
    with run_proxy(tmp_path_factory.mktemp("restarted"), settings) as restarted:
        for repository, blob in reversed(admitted):
            answer = restarted.request("GET", f"/v2/{repository}/blobs/{blob.digest}")
            assert (answer.status, answer.body) == (200, blob.content)
            part = restarted.request("GET", f"/v2/{repository}/blobs/{blob.digest}", {"Range": "bytes=1-"})
            assert (part.status, part.body) == (206, blob.content[1:])


def test_a_pusher_is_not_disturbed(strict: Proxy, doors: Bait) -> None:
    """It asks for any blob by HEAD, and uploads what is not admitted yet."""
    layer = doors.unadmitted["unsigned"].blobs[-1]
    assert strict.request("HEAD", f"/v2/{doors.app}/blobs/{layer.digest}").status == 200
    begun = strict.request("POST", f"/v2/{doors.app}/blobs/uploads/?mount={layer.digest}&from={doors.app}")
    assert begun.status == 202


# --- delete: unsigned -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(lambda bait: f"{bait.app}/manifests/{bait.signed.digest}", id="manifest"),
        pytest.param(lambda bait: f"{bait.app}/manifests/sha256%3A{bait.signed.digest[7:]}", id="manifest-encoded"),
        pytest.param(lambda bait: f"{bait.app}/manifests/{bait.signed.digest}?ns=docker.io", id="manifest-by-mirror"),
        pytest.param(lambda bait: f"{bait.app}/manifests/{SIGNED_TAG}", id="tag"),
        pytest.param(lambda bait: f"{bait.app}/blobs/{bait.signed.blobs[0].digest}", id="config"),
        pytest.param(lambda bait: f"{bait.app}/blobs/{bait.signed.blobs[-1].digest}", id="layer"),
        pytest.param(lambda bait: f"{bait.app}/blobs/{bait.signed.digest}", id="manifest-as-blob"),
        pytest.param(lambda bait: f"{bait.other}/manifests/{bait.unadmitted['borrowed'].digest}", id="index"),
        pytest.param(lambda bait: f"{bait.other}/manifests/{bait.unadmitted['borrowed_child'].digest}", id="child"),
        pytest.param(
            lambda bait: f"{bait.other}/blobs/{bait.unadmitted['borrowed_child'].blobs[-1].digest}", id="child-layer"
        ),
    ],
)
def test_what_is_admitted_is_not_deleted(strict: Proxy, doors: Bait, path: Callable[[Bait], str]) -> None:
    """Whoever may delete in the registry deletes nothing that somebody signed, and it is served afterwards."""
    answer = strict.request("DELETE", f"/v2/{path(doors)}")
    assert (answer.status, answer.headers["X-Tagwarden-Refusal"]) == (405, "delete_refused")
    for repository, image in ((doors.app, doors.signed), (doors.other, doors.unadmitted["borrowed"])):
        served = strict.request("GET", f"/v2/{repository}/manifests/{SIGNED_TAG}", _ACCEPT)
        assert (served.status, served.body) == (200, image.manifest.content)
    assert strict.request("GET", f"/v2/{doors.app}/blobs/{doors.signed.blobs[-1].digest}").status == 200


def test_an_unsigned_tag_of_a_signed_image_is_not_deleted(strict: Proxy, registry: Registry, doors: Bait) -> None:
    """What it names counts: some registries delete the manifest with it."""
    manifest = doors.signed.manifest
    registry.put_manifest(doors.app, "alias", manifest.media_type, manifest.content)
    assert strict.request("DELETE", f"/v2/{doors.app}/manifests/alias").headers["X-Tagwarden-Refusal"] == (
        "delete_refused"
    )


def test_what_is_not_admitted_is_deleted(strict: Proxy, registry: Registry, doors: Bait) -> None:
    """The registry's own authentication decides about everything else."""
    untagged = doors.unadmitted["untagged"]
    assert strict.request("DELETE", f"/v2/{doors.app}/manifests/{untagged.digest}").status == 202
    assert registry.get_manifest(doors.app, untagged.digest).status == 404
    layer = untagged.blobs[-1].digest
    assert strict.request("DELETE", f"/v2/{doors.app}/blobs/{layer}").status == 202
    assert not registry.has_blob(doors.app, layer)


# --- tags_list: signed ------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?n=100", "?last=0&n=1", "?ns=docker.io", "?n=1&n=100&tags=all"])
def test_only_tags_that_can_be_pulled_are_listed(strict: Proxy, doors: Bait, query: str) -> None:
    """Whatever is asked besides, so that `docker pull -a` meets no refusal."""
    for repository in (doors.app, doors.other):
        answer = strict.request("GET", f"/v2/{repository}/tags/list{query}")
        assert json.loads(answer.body) == {"name": repository, "tags": [SIGNED_TAG]}


def test_a_list_of_a_repository_that_is_not_there(strict: Proxy) -> None:
    """The registry's own no."""
    answer = strict.request("GET", "/v2/bypass/nothing/tags/list")
    assert (answer.status, json.loads(answer.body)["errors"][0]["code"]) == (404, "NAME_UNKNOWN")


# --- ?ns= -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("?ns=mirror.example.com", "no_trust_data", id="allowed"),
        pytest.param("?ns=mirror.example.com&n=1", "no_trust_data", id="allowed-among-others"),
        pytest.param("?ns=elsewhere.example.com", None, id="not-allowed"),
        pytest.param("?ns=mirror.example.com&ns=mirror.example.com", None, id="twice"),
        pytest.param("?ns=mirror.example.com/", None, id="no-name"),
        pytest.param("?NS=mirror.example.com", None, id="upper-case"),
        pytest.param("?n%73=mirror.example.com", None, id="encoded"),
    ],
)
def test_a_mirror_is_decided_by_its_own_signatures(mirror: Proxy, doors: Bait, query: str, code: str | None) -> None:
    """An allowed name stands for itself, where nobody signed anything; any other is as if it were not there."""
    for target in (SIGNED_TAG, doors.signed.digest):
        answer = mirror.request("GET", f"/v2/{doors.app}/manifests/{target}{query}", _ACCEPT)
        assert answer.headers["X-Tagwarden-Refusal"] == code
        assert (answer.body == doors.signed.manifest.content) is (code is None)
        unsigned = mirror.request("GET", f"/v2/{doors.app}/manifests/2.0{query}", _ACCEPT)
        assert unsigned.status == 403


@pytest.mark.parametrize("query", ["", "?ns=mirror.example.com"])
def test_no_name_deletes_what_another_admits(mirror: Proxy, doors: Bait, query: str) -> None:
    """A client cannot choose the name under which nobody signed it."""
    for path in (f"manifests/{doors.signed.digest}", f"blobs/{doors.signed.blobs[-1].digest}"):
        answer = mirror.request("DELETE", f"/v2/{doors.app}/{path}{query}")
        assert (answer.status, answer.headers["X-Tagwarden-Refusal"]) == (405, "delete_refused")
