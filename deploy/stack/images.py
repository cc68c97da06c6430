"""Images made of bytes alone: no daemon, and the same digest for the same content on every machine."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from deploy.stack.programs import program
from deploy.stack.registry import Registry

Kind = Literal["docker", "oci"]

_TYPES: Final = {
    "docker": {
        "manifest": "application/vnd.docker.distribution.manifest.v2+json",
        "index": "application/vnd.docker.distribution.manifest.list.v2+json",
        "config": "application/vnd.docker.container.image.v1+json",
        "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    },
    "oci": {
        "manifest": "application/vnd.oci.image.manifest.v1+json",
        "index": "application/vnd.oci.image.index.v1+json",
        "config": "application/vnd.oci.image.config.v1+json",
        "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
    },
}


@dataclass(frozen=True)
class Blob:
    """Some bytes and how a manifest names them."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def length(self) -> int:
        """Bytes; with the digest, what gets signed."""
        return len(self.content)

    @property
    def descriptor(self) -> dict[str, object]:
        """How a manifest names it."""
        return {"mediaType": self.media_type, "size": self.length, "digest": self.digest}


@dataclass(frozen=True)
class Image:
    """A manifest and everything below it: blobs of one platform, or the images of an index."""

    manifest: Blob
    blobs: tuple[Blob, ...] = ()
    children: tuple["Image", ...] = ()
    architecture: str = "amd64"

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return self.manifest.digest

    @property
    def length(self) -> int:
        """The manifest's length in bytes."""
        return self.manifest.length


def image(content: str, *, kind: Kind = "docker", architecture: str = "amd64") -> Image:
    """Build an image that runs: busybox, and a file `/content` with the given text, which is what it prints."""
    types = _TYPES[kind]
    archives = [_busybox(), _archive("content", content.encode(), 0o644)]
    layers = [Blob(types["layer"], gzip.compress(each, 1, mtime=0)) for each in archives]
    config = Blob(
        types["config"],
        _json(
            {
                "architecture": architecture,
                "os": "linux",
                "created": "2026-01-01T00:00:00Z",
                "config": {"Entrypoint": ["/bin/busybox"], "Cmd": ["cat", "/content"]},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in archives],
                },
                "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "tagwarden"} for _ in archives],
            }
        ),
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": types["manifest"],
            "config": config.descriptor,
            "layers": [each.descriptor for each in layers],
        }
    )
    return Image(Blob(types["manifest"], manifest), (config, *layers), architecture=architecture)


def index(children: Sequence[Image], *, kind: Kind = "docker") -> Image:
    """Build a multi-arch index (docker: manifest list) over images."""
    media_type = _TYPES[kind]["index"]
    manifests = [
        {**each.manifest.descriptor, "platform": {"architecture": each.architecture, "os": "linux"}}
        for each in children
    ]
    body = _json({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests})
    return Image(Blob(media_type, body), children=tuple(children))


def multi_arch(content: str, *, kind: Kind = "docker") -> Image:
    """Build an index over an amd64 and an arm64 image."""
    return index([image(f"{content} ({each})", kind=kind, architecture=each) for each in ("amd64", "arm64")], kind=kind)


def push(registry: Registry, repository: str, pushed: Image, *tags: str) -> Image:
    """Upload an image with all below it, under tags or, if there are none, under its digest; return it."""
    for child in pushed.children:
        push(registry, repository, child)
    for blob in pushed.blobs:
        if not registry.has_blob(repository, blob.digest):
            registry.put_blob(repository, blob.digest, blob.content)
    for reference in tags or (pushed.digest,):
        registry.put_manifest(repository, reference, pushed.manifest.media_type, pushed.manifest.content)
    return pushed


@cache
def _busybox() -> bytes:
    return _archive("bin/busybox", Path(program("busybox")).read_bytes(), 0o755)


def _archive(name: str, content: bytes, mode: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), mode
        archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
