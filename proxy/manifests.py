"""Manifests and indexes: what their bytes say, and whether two readers could read them differently. Pure.

A manifest is signed as bytes, but it is read as JSON by programs that disagree about odd JSON: Go's decoder
takes the last of two equal keys and ignores the case of names. So anything a second reader could take in
another way is refused, even if its digest is the signed one (design: Manifests; clients 1.2).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeAlias, TypeGuard

from proxy.errors import DigestInvalid, ManifestAmbiguous, NotAcceptable
from proxy.limits import JSON_DEPTH, LARGEST_INTEGER, MANIFEST_BYTES
from proxy.names import Descriptor, Digest


class MediaType(StrEnum):
    """The four kinds of manifest that are served; schema 1 is none of them."""

    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
    DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
    OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
    OCI_INDEX = "application/vnd.oci.image.index.v1+json"


INDEX_TYPES: Final = frozenset({MediaType.DOCKER_LIST, MediaType.OCI_INDEX})

_Object: TypeAlias = Mapping[str, Any]

# Names that a reader gives a meaning to: another spelling of one of them is a second opinion.
_MANIFEST_FIELDS: Final = frozenset(
    {"schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers", "history", "signatures"}
    | {"artifactType", "subject", "annotations", "blobs", "name", "tag", "architecture"}
)
_DESCRIPTOR_FIELDS: Final = frozenset(
    {"mediaType", "digest", "size", "platform", "urls", "annotations", "data", "artifactType"}
)
_PLATFORM_FIELDS: Final = frozenset({"architecture", "os", "os.version", "os.features", "variant", "features"})


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a body says: its media type, its digest, its length in bytes, and what it names.

    An index has `children`; an image has `blobs`, its config and layers as far as they are named by sha256.
    """

    media_type: MediaType
    digest: Digest
    length: int
    children: tuple[Descriptor, ...]
    blobs: tuple[Digest, ...] = ()

    @property
    def is_index(self) -> bool:
        """Whether it names other manifests instead of layers."""
        return self.media_type in INDEX_TYPES


def digest_of(body: bytes) -> Digest:
    """The digest of bytes, computed here and nowhere taken from a header."""
    return Digest.from_hash(hashlib.sha256(body).digest())


def parse(body: bytes, content_type: str | None) -> Manifest:
    """Read a manifest or index; the media type comes from the body, the header may only agree.

    1. The body is within the size limit, strict JSON, an object of schema version 2.
    2. It is either an image (config and layers) or an index (manifests), never both.
    3. Its media type is the one it states, or the OCI one of its shape where it states none.
    4. The header, where there is one, names the same type.
    5. What it names is well-formed; the children of an index are named by sha256.

    Args:
        body: the bytes as received.
        content_type: the Content-Type header that came with them; None where there was none.

    Raises:
        ManifestAmbiguous: one of the five does not hold.
    """
    # (1) strict JSON of schema 2
    document = _strict_object(body)
    _check_spelling(document, _MANIFEST_FIELDS)
    version = document.get("schemaVersion")
    if type(version) is not int or version != 2:
        raise ManifestAmbiguous("it is of schema 1" if version == 1 else "its schemaVersion is not 2")
    # (2) an image or an index
    is_index = "manifests" in document
    if is_index and ("config" in document or "layers" in document):
        raise ManifestAmbiguous("it is both an image and an index")
    if not is_index and not (isinstance(document.get("config"), dict) and isinstance(document.get("layers"), list)):
        raise ManifestAmbiguous("it is neither an image nor an index")
    # (3) its own media type
    media_type = _media_type(document, is_index=is_index)
    # (4) the header agrees
    if content_type is not None and _bare_type(content_type) != media_type:
        raise ManifestAmbiguous(f"the registry calls it {content_type}, its body says {media_type}")
    # (5) what it names
    subject = document.get("subject")
    if isinstance(subject, dict):
        _check_descriptor(subject)
    children = _children(document["manifests"]) if is_index else ()
    blobs = () if is_index else _blobs([document["config"], *document["layers"]])
    return Manifest(media_type, digest_of(body), len(body), children, blobs)


def check_acceptable(media_type: MediaType, accept: Sequence[str]) -> None:
    """Check that a client accepts a media type; no image is ever converted for it (clients 4.2).

    Args:
        media_type: of the signed manifest.
        accept: every Accept line of the request; docker sends six. None at all accepts everything.

    Raises:
        NotAcceptable: the lines are an explicit list that lacks the type, or give it `q=0`.
    """
    ranges = [item.strip() for line in accept for item in line.split(",") if item.strip()]
    if not ranges:
        return
    kind = media_type.partition("/")[0]
    weights = {_bare_type(item): _weight(item) for item in ranges}
    for candidate in (media_type, f"{kind}/*", "*/*"):  # the most specific range decides (RFC 9110, 12.5.1)
        if candidate in weights:
            if weights[candidate] > 0:
                return
            break
    raise NotAcceptable(media_type)


def _bare_type(value: str) -> str:
    """A media type without its parameters; names are case-insensitive."""
    return value.partition(";")[0].strip().lower()


def _weight(item: str) -> float:
    """The `q` of one range; a malformed one counts as absent."""
    for parameter in item.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0


def _media_type(document: _Object, *, is_index: bool) -> MediaType:
    stated = document.get("mediaType", MediaType.OCI_INDEX if is_index else MediaType.OCI_MANIFEST)
    try:
        media_type = MediaType(stated)
    except ValueError:
        raise ManifestAmbiguous(f"its media type is {stated}") from None
    if (media_type in INDEX_TYPES) is not is_index:
        raise ManifestAmbiguous(f"its media type is {media_type}, its content is not")
    return media_type


def _children(listed: object) -> tuple[Descriptor, ...]:
    if not isinstance(listed, list):
        raise ManifestAmbiguous("its list of manifests is none")
    return tuple(_descriptor(item) for item in listed)


def _descriptor(item: object) -> Descriptor:
    if not isinstance(item, dict):
        raise ManifestAmbiguous("it lists a manifest that is no object")
    _check_descriptor(item)
    digest, length, media_type = item.get("digest"), item.get("size"), item.get("mediaType")
    if not isinstance(digest, str) or not isinstance(media_type, str):
        raise ManifestAmbiguous("it lists a manifest without digest or media type")
    if not _is_size(length):
        raise ManifestAmbiguous("it lists a manifest without a size")
    try:
        return Descriptor(Digest(digest), length, media_type)
    except DigestInvalid:
        raise ManifestAmbiguous("it lists a manifest by another digest than sha256") from None


def _blobs(listed: Sequence[object]) -> tuple[Digest, ...]:
    named: dict[Digest, None] = {}
    for item in listed:
        if not isinstance(item, dict):
            raise ManifestAmbiguous("it lists a layer that is no object")
        _check_descriptor(item)
        digest = item.get("digest")
        if not isinstance(digest, str):
            raise ManifestAmbiguous("it lists a config or layer without digest")
        if not _is_size(item.get("size", 0)):
            raise ManifestAmbiguous("it lists a config or layer whose size is none")
        with suppress(DigestInvalid):  # of another algorithm: nobody can ask for it here
            named[Digest(digest)] = None
    return tuple(named)


def _is_size(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= LARGEST_INTEGER


def _check_descriptor(item: _Object) -> None:
    """Refuse odd spellings in a descriptor and in the platform of one."""
    _check_spelling(item, _DESCRIPTOR_FIELDS)
    platform = item.get("platform")
    if isinstance(platform, dict):
        _check_spelling(platform, _PLATFORM_FIELDS)


def _check_spelling(fields: _Object, known: frozenset[str]) -> None:
    """Refuse `Manifests` and the like, which Go's decoder reads as `manifests` and others ignore."""
    folded = {name.casefold() for name in known}
    for name in fields:
        if name not in known and name.casefold() in folded:
            raise ManifestAmbiguous(f"it spells a field {name}")


def _strict_object(body: bytes) -> _Object:
    if len(body) > MANIFEST_BYTES:
        raise ManifestAmbiguous(f"it is larger than {MANIFEST_BYTES} bytes")
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        if not _is_shallow(document):
            raise ManifestAmbiguous("it is nested too deeply")
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # lone surrogates, which readers replace
    except RecursionError:
        raise ManifestAmbiguous("it is nested too deeply") from None
    except ValueError:
        raise ManifestAmbiguous("it is not strict JSON") from None
    if not isinstance(document, dict):
        raise ManifestAmbiguous("it is no JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ManifestAmbiguous("it has a key twice")
    return fields


def _no_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which JSON does not have."""
    raise ValueError(name)


def _is_shallow(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(JSON_DEPTH):
        level = [part for item in level for part in _parts(item)]
        if not level:
            return True
    return False


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
