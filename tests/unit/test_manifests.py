"""What the bytes of a manifest say, and which of them two readers could read in two ways."""

import hashlib
import json
from typing import Any, Final

import pytest

from proxy.errors import ManifestAmbiguous, NotAcceptable
from proxy.limits import JSON_DEPTH, MANIFEST_BYTES
from proxy.manifests import MediaType, check_acceptable, digest_of, parse
from proxy.names import Descriptor, Digest

CHILD: Final = f"sha256:{'c' * 64}"
CONFIG: Final = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": CHILD, "size": 2}
IMAGE: Final = {"schemaVersion": 2, "config": CONFIG, "layers": [CONFIG]}
LISTED: Final = {"mediaType": MediaType.OCI_MANIFEST, "digest": CHILD, "size": 7}
INDEX: Final = {"schemaVersion": 2, "manifests": [LISTED]}


def encoded(document: object) -> bytes:
    """JSON as a registry would store it."""
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("document", "header", "media_type"),
    [
        pytest.param(IMAGE, MediaType.OCI_MANIFEST, MediaType.OCI_MANIFEST, id="OCI image that states no type"),
        pytest.param(INDEX, MediaType.OCI_INDEX, MediaType.OCI_INDEX, id="OCI index that states no type"),
        *(
            pytest.param({**IMAGE, "mediaType": kind}, kind, kind, id=f"image stating {kind}")
            for kind in (MediaType.DOCKER_MANIFEST, MediaType.OCI_MANIFEST)
        ),
        *(
            pytest.param({**INDEX, "mediaType": kind}, kind, kind, id=f"index stating {kind}")
            for kind in (MediaType.DOCKER_LIST, MediaType.OCI_INDEX)
        ),
        pytest.param(IMAGE, None, MediaType.OCI_MANIFEST, id="no header at all"),
        pytest.param(
            IMAGE,
            f"{MediaType.OCI_MANIFEST.upper()} ; charset=utf-8",
            MediaType.OCI_MANIFEST,
            id="header with parameter",
        ),
        pytest.param({**IMAGE, "layers": []}, None, MediaType.OCI_MANIFEST, id="image without layers"),
        pytest.param({**INDEX, "manifests": []}, None, MediaType.OCI_INDEX, id="index without manifests"),
        pytest.param(
            {**IMAGE, "annotations": {"Layers": "1", "layers": "2"}},
            None,
            MediaType.OCI_MANIFEST,
            id="annotations may be spelled in any way",
        ),
        pytest.param(
            {**IMAGE, "layers": [{**CONFIG, "annotations": {"Size": "1"}, "platform": "any"}]},
            None,
            MediaType.OCI_MANIFEST,
            id="annotations of layers too",
        ),
        pytest.param(
            {**INDEX, "subject": None, "manifests": [{**LISTED, "platform": {"os": "linux", "os.version": "10"}}]},
            None,
            MediaType.OCI_INDEX,
            id="index with platforms",
        ),
    ],
)
def test_the_media_type_comes_from_the_body(document: object, header: str | None, media_type: MediaType) -> None:
    """A manifest says itself what it is, and the header only agrees."""
    body = encoded(document)
    manifest = parse(body, header)
    assert manifest.media_type is media_type
    assert manifest.is_index is ("manifests" in json.loads(body))
    assert manifest.length == len(body)
    assert manifest.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_an_index_names_its_children_in_order() -> None:
    """The children are what an admitted index admits, so they are read with digest, length and media type."""
    other = {"mediaType": MediaType.DOCKER_LIST, "digest": f"sha256:{'d' * 64}", "size": 0}
    children = parse(encoded({**INDEX, "manifests": [LISTED, other]}), None).children
    assert children == (
        Descriptor(Digest(CHILD), 7, MediaType.OCI_MANIFEST),
        Descriptor(Digest(f"sha256:{'d' * 64}"), 0, MediaType.DOCKER_LIST),
    )


def test_an_image_has_no_children() -> None:
    """Config and layers are blobs, not manifests."""
    assert parse(encoded(IMAGE), None).children == ()


def test_an_image_names_its_blobs_once_each() -> None:
    """Config and layers are what an admitted image admits as blobs; the same empty layer may be listed twice."""
    layers = [{**CONFIG, "digest": f"sha256:{letter * 64}"} for letter in "abac"]
    manifest = parse(encoded({**IMAGE, "config": CONFIG, "layers": layers}), None)
    assert manifest.blobs == (Digest(CHILD), Digest(f"sha256:{'a' * 64}"), Digest(f"sha256:{'b' * 64}"))


def test_a_blob_by_another_digest_is_passed_over() -> None:
    """Only what can be asked for by sha256 can be admitted, so the rest is left out, and is no reason to refuse."""
    odd = {**CONFIG, "digest": f"sha512:{'a' * 128}"}
    assert parse(encoded({**IMAGE, "config": odd, "layers": [odd, CONFIG]}), None).blobs == (Digest(CHILD),)


def test_an_index_has_no_blobs() -> None:
    """What an index names are manifests."""
    assert parse(encoded(INDEX), None).blobs == ()


def nested(depth: int) -> bytes:
    """An image with arrays that deep in an annotation."""
    return encoded(IMAGE)[:-1] + b',"annotations":' + b"[" * depth + b"]" * depth + b"}"


def listing(**changes: Any) -> bytes:
    """An index whose only child has these fields changed, or gone where they are None."""
    child = {name: value for name, value in {**LISTED, **changes}.items() if value is not None}
    return encoded({**INDEX, "manifests": [child]})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b" " * (MANIFEST_BYTES + 1), f"it is larger than {MANIFEST_BYTES} bytes", id="too large"),
        pytest.param(b"", "it is not strict JSON", id="empty"),
        pytest.param(b"\xff" + encoded(IMAGE), "it is not strict JSON", id="no UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + encoded(IMAGE), "it is not strict JSON", id="byte order mark"),
        pytest.param(encoded(IMAGE) + b"{}", "it is not strict JSON", id="two documents"),
        pytest.param(encoded({**IMAGE, "x": float("nan")}), "it is not strict JSON", id="NaN"),
        pytest.param(encoded(IMAGE)[:-1] + b',"x":' + b"1" * 5000 + b"}", "it is not strict JSON", id="endless number"),
        pytest.param(encoded({**IMAGE, "x": "\ud800"}), "it is not strict JSON", id="lone surrogate"),
        pytest.param(encoded({**IMAGE, "\udfff": 1}), "it is not strict JSON", id="lone surrogate in a key"),
        pytest.param(nested(JSON_DEPTH), "it is nested too deeply", id="one level too deep"),
        pytest.param(nested(100_000), "it is nested too deeply", id="far too deep"),
        pytest.param(encoded([IMAGE]), "it is no JSON object", id="an array"),
        pytest.param(encoded(IMAGE)[:-1] + b',"layers":[]}', "it has a key twice", id="duplicate key"),
        pytest.param(
            encoded(IMAGE)[:-1] + b',"annotations":{"a":1,"a":2}}',
            "it has a key twice",
            id="duplicate key further down",
        ),
        pytest.param(encoded({**IMAGE, "Manifests": []}), "it spells a field Manifests", id="other case"),
        pytest.param(
            encoded({**IMAGE, "manife\u017fts": []}), "it spells a field manife\u017fts", id="a letter that folds to s"
        ),
        pytest.param(encoded({**IMAGE, "schemaVersion": 1}), "it is of schema 1", id="schema 1"),
        pytest.param(encoded({**IMAGE, "schemaVersion": "2"}), "its schemaVersion is not 2", id="version as text"),
        pytest.param(encoded({**IMAGE, "schemaVersion": 2.0}), "its schemaVersion is not 2", id="version as float"),
        pytest.param(encoded({"config": CONFIG, "layers": []}), "its schemaVersion is not 2", id="no version"),
        pytest.param(encoded({**IMAGE, "manifests": []}), "it is both an image and an index", id="both"),
        pytest.param(encoded({**INDEX, "layers": []}), "it is both an image and an index", id="index with layers"),
        pytest.param(encoded({**INDEX, "config": None}), "it is both an image and an index", id="index with a config"),
        pytest.param(encoded({"schemaVersion": 2}), "it is neither an image nor an index", id="neither"),
        pytest.param(encoded({**IMAGE, "config": []}), "it is neither an image nor an index", id="config is a list"),
        pytest.param(encoded({**IMAGE, "layers": {}}), "it is neither an image nor an index", id="layers are none"),
        pytest.param(encoded({**IMAGE, "mediaType": "text/plain"}), "its media type is text/plain", id="other type"),
        pytest.param(encoded({**IMAGE, "mediaType": ["x"]}), "its media type is ['x']", id="type is a list"),
        pytest.param(
            encoded({**IMAGE, "mediaType": MediaType.OCI_INDEX}),
            f"its media type is {MediaType.OCI_INDEX}, its content is not",
            id="image that calls itself an index",
        ),
        pytest.param(
            encoded({**INDEX, "mediaType": MediaType.DOCKER_MANIFEST}),
            f"its media type is {MediaType.DOCKER_MANIFEST}, its content is not",
            id="index that calls itself an image",
        ),
        pytest.param(encoded({**INDEX, "manifests": {}}), "its list of manifests is none", id="manifests are none"),
        pytest.param(
            encoded({**INDEX, "manifests": ["x"]}), "it lists a manifest that is no object", id="child is text"
        ),
        pytest.param(listing(Digest=CHILD), "it spells a field Digest", id="child with a second digest"),
        pytest.param(listing(digest=None), "it lists a manifest without digest or media type", id="no digest"),
        pytest.param(listing(mediaType=7), "it lists a manifest without digest or media type", id="no media type"),
        pytest.param(listing(size=None), "it lists a manifest without a size", id="no size"),
        pytest.param(listing(size=-1), "it lists a manifest without a size", id="negative size"),
        pytest.param(listing(size=True), "it lists a manifest without a size", id="size is a boolean"),
        pytest.param(listing(size=2**53 + 1), "it lists a manifest without a size", id="size beyond 2^53"),
        pytest.param(
            listing(platform={"OS": "linux", "os": "linux"}), "it spells a field OS", id="child for two systems"
        ),
        pytest.param(listing(annotations={}, Annotations={}), "it spells a field Annotations", id="child, annotations"),
        pytest.param(
            encoded({**IMAGE, "config": {**CONFIG, "Digest": CHILD}}), "it spells a field Digest", id="config"
        ),
        pytest.param(encoded({**IMAGE, "layers": [{**CONFIG, "URLs": []}]}), "it spells a field URLs", id="a layer"),
        pytest.param(
            encoded({**IMAGE, "config": {**CONFIG, "platform": {"Architecture": "arm64"}}}),
            "it spells a field Architecture",
            id="platform of a config",
        ),
        pytest.param(encoded({**IMAGE, "subject": {"Size": 1}}), "it spells a field Size", id="subject of an image"),
        pytest.param(encoded({**INDEX, "subject": {"Size": 1}}), "it spells a field Size", id="subject of an index"),
        pytest.param(
            encoded(IMAGE).replace(b'"size": 2', b'"size": 2, "size": 3', 1), "it has a key twice", id="two sizes"
        ),
        pytest.param(encoded({**IMAGE, "layers": ["x"]}), "it lists a layer that is no object", id="layer is text"),
        pytest.param(
            encoded({**IMAGE, "config": {}}), "it lists a config or layer without digest", id="config without digest"
        ),
        pytest.param(
            encoded({**IMAGE, "layers": [{**CONFIG, "digest": 7}]}),
            "it lists a config or layer without digest",
            id="layer with a number for a digest",
        ),
        pytest.param(
            encoded({**IMAGE, "layers": [{**CONFIG, "size": 2.0}]}),
            "it lists a config or layer whose size is none",
            id="layer with a fraction for a size",
        ),
        pytest.param(
            encoded({**IMAGE, "config": {**CONFIG, "size": None}}),
            "it lists a config or layer whose size is none",
            id="config with null for a size",
        ),
        pytest.param(
            listing(digest=f"sha512:{'c' * 128}"), "it lists a manifest by another digest than sha256", id="sha512"
        ),
        pytest.param(
            listing(digest=CHILD.upper()), "it lists a manifest by another digest than sha256", id="upper case digest"
        ),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, why: str) -> None:
    """No body passes that a second reader could take for something else."""
    with pytest.raises(ManifestAmbiguous) as refusal:
        parse(body, None)
    assert refusal.value.why == why


def test_the_deepest_nesting_that_is_allowed_passes() -> None:
    """The limit counts levels, and one less than too many is fine."""
    assert parse(nested(JSON_DEPTH - 1), None).media_type is MediaType.OCI_MANIFEST


@pytest.mark.parametrize("header", ["application/json", "text/plain", "", MediaType.OCI_INDEX])
def test_a_header_that_says_otherwise_is_refused(header: str) -> None:
    """Clients follow the header, so it must not differ from the body."""
    with pytest.raises(ManifestAmbiguous) as refusal:
        parse(encoded(IMAGE), header)
    assert refusal.value.why == f"the registry calls it {header}, its body says {MediaType.OCI_MANIFEST}"


def test_a_docker_type_must_be_stated_by_the_body() -> None:
    """Without a media type of its own a body is OCI, whatever the header calls it."""
    with pytest.raises(ManifestAmbiguous):
        parse(encoded(IMAGE), MediaType.DOCKER_MANIFEST)


def test_the_digest_is_computed() -> None:
    """A digest is of the bytes, including those that JSON ignores."""
    assert digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of(encoded(IMAGE)) != digest_of(encoded(IMAGE) + b"\n")


DOCKER: Final = (
    MediaType.DOCKER_MANIFEST,
    MediaType.DOCKER_LIST,
    MediaType.OCI_MANIFEST,
    MediaType.OCI_INDEX,
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/json",
)


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param((), id="no header"),
        pytest.param(("",), id="empty header"),
        pytest.param(("*/*",), id="anything"),
        pytest.param(DOCKER, id="docker's six lines"),
        pytest.param((", ".join(reversed(DOCKER)),), id="one line"),
        pytest.param(("application/*",), id="a range"),
        pytest.param(("text/plain", "application/*;q=0.1"), id="a range of little weight"),
        pytest.param((f"{MediaType.OCI_INDEX.upper()};charset=utf-8",), id="upper case and a parameter"),
        pytest.param((f"{MediaType.OCI_INDEX};q=high",), id="a weight that is none"),
        pytest.param((f"{MediaType.OCI_INDEX};q=0.5, */*;q=0",), id="exact before any"),
        pytest.param((f"{MediaType.OCI_MANIFEST}, */*",), id="containerd's any"),
    ],
)
def test_what_a_client_accepts_is_served(accept: tuple[str, ...]) -> None:
    """All Accept lines count together, and an absent one accepts everything."""
    check_acceptable(MediaType.OCI_INDEX, accept)


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param((MediaType.OCI_MANIFEST,), id="another type"),
        pytest.param((MediaType.DOCKER_MANIFEST, MediaType.DOCKER_LIST), id="docker types only"),
        pytest.param(("text/*",), id="another range"),
        pytest.param((f"*/*, {MediaType.OCI_INDEX} ; Q=0",), id="excluded by name"),
        pytest.param(("*/*, application/*;q=0.0",), id="excluded by range"),
        pytest.param(("*/*;q=0",), id="nothing at all"),
    ],
)
def test_what_a_client_does_not_accept_is_refused(accept: tuple[str, ...]) -> None:
    """No image is converted for a client: it is told the type that was signed."""
    with pytest.raises(NotAcceptable) as refusal:
        check_acceptable(MediaType.OCI_INDEX, accept)
    assert refusal.value.media_type == MediaType.OCI_INDEX
