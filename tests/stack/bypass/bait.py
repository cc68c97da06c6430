"""What lies in the registry for the attempts: one signed manifest, and many that nobody may read through the proxy."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from deploy.stack import docker_trust, notary_client
from deploy.stack.images import Blob, Image, Kind, image, index, push
from deploy.stack.people import Person
from deploy.stack.registry import Registry
from tests.support.raw_http import RawAnswer

SIGNED_TAG: Final = "1.0"


_base: Final = cache(image)  # all bait shares a config and a big layer


def _single(word: str, kind: Kind = "docker") -> Image:
    """An image whose manifest and last layer have a word in them that is nowhere else."""
    *below, top = _base("bait", kind=kind).blobs
    config, *layers = [*below, Blob(top.media_type, f"layer {word} layer".encode())]
    plain = json.loads(_base("bait", kind=kind).manifest.content)
    body = {**plain, "layers": [layer.descriptor for layer in layers]}
    return _marked(Image(Blob(plain["mediaType"], json.dumps(body).encode()), (config, *layers)), word)


def _marked(plain: Image, word: str) -> Image:
    body = json.dumps({**json.loads(plain.manifest.content), "annotations": {"bait": f"bait {word} bait"}}).encode()
    return Image(Blob(plain.manifest.media_type, body), plain.blobs, plain.children)


def _of_schema_1(word: str) -> Image:
    """A manifest as registries had them once; they sign and answer it still where it lies as a blob."""
    plain = _single(word)
    body = {"schemaVersion": 1, "name": f"bait {word} bait", "tag": "1", "fsLayers": [], "history": []}
    return Image(Blob("application/vnd.docker.distribution.manifest.v1+json", json.dumps(body).encode()), plain.blobs)


@dataclass(frozen=True)
class Bait:
    """Two repositories: `app`, whose tag `1.0` is signed, and `other`, whose tag `1.0` is the signed index `borrowed`.

    `unadmitted` are the manifests that must not be read, by the name that attempts give them. `borrowed` and its child
    may be read from `other`, but lie unsigned in `app` too.
    """

    app: str
    other: str
    signed: Image
    unadmitted: Mapping[str, Image]

    def words(self, host: str) -> dict[str, str]:
        """What the templates of the attempts may name; `NAME` is a digest, `NAME_hex` is its hex digits."""
        evil = self.unadmitted["evil"].manifest
        digests = {name: each.digest for name, each in self.unadmitted.items()}
        form = f"mount={digests['ghost']}&from={self.app}"
        return {
            **digests,
            **{f"{name}_hex": digest.removeprefix("sha256:") for name, digest in digests.items()},
            "host": host,
            "app": self.app,
            "other": self.other,
            "top": self.app.partition("/")[0],
            "top_encoded": "".join(f"%{ord(letter):02x}" for letter in self.app.partition("/")[0]),
            "rest": self.app.partition("/")[2],
            "APP": self.app.upper(),
            "signed": self.signed.digest,
            "signed_config": self.signed.blobs[0].digest,
            "signed_layer": self.signed.blobs[1].digest,
            "alias_sha512": sha512(self.unadmitted["alias"].manifest.content),
            "unsigned_sha512": sha512(self.unadmitted["unsigned"].manifest.content),
            "unsigned_md5": hashlib.md5(self.unadmitted["unsigned"].manifest.content).hexdigest(),  # noqa: S324 - asked for
            "unsigned_HEX": digests["unsigned"].removeprefix("sha256:").upper(),
            "mount_form": form,
            "mount_form_length": str(len(form)),
            "evil_type": evil.media_type,
            "evil_length": str(evil.length),
            "evil_body": evil.content.decode(),
            "evil_chunk": f"{evil.length:x}",
        }

    @cached_property
    def _marks(self) -> frozenset[bytes]:
        """What occurs in an unadmitted manifest, or in one converted from it, and in nothing else."""
        words = [f"bait {name} bait".encode() for name in self.unadmitted]
        return frozenset(
            [*words, *(blob.digest.encode() for each in self.unadmitted.values() for blob in each.blobs[-1:])]
        )

    @cached_property
    def _digests(self) -> frozenset[bytes]:
        bodies = [each.manifest.content for each in self.unadmitted.values()]
        return frozenset(name(body).encode() for body in bodies for name in (sha256, sha512))

    def leaks(self, answers: list[RawAnswer]) -> list[str]:
        """Say what the answers of one connection give away: bytes of an unadmitted manifest, or its digest."""
        found = []
        for answer in answers:
            found += [f"{mark!r} in an answer {answer.status}" for mark in self._marks if mark in answer.body]
            if sha256(answer.body).encode() in self._digests:
                found.append(f"a whole manifest in an answer {answer.status}")
            if any(
                len(answer.body) >= 16 and answer.body in each.manifest.content for each in self.unadmitted.values()
            ):
                found.append(f"a part of a manifest in an answer {answer.status}")
            if answer.status in (0, 200, 203, 206, 304):
                found += [
                    f"{digest!r} in the head of {answer.status}" for digest in self._digests if digest in answer.head
                ]
        return found


def lay(registry: Registry, repository: str) -> Bait:
    """Fill the registry."""
    app, other = f"{repository}/app", f"{repository}/other"
    children, borrowed = [_single("child"), _single("second_child")], _single("borrowed_child")
    unadmitted = {
        "unsigned": _single("unsigned"),
        "oci": _single("oci", "oci"),
        "child": children[0],
        "second_child": children[1],
        "index": _marked(index(children), "index"),
        "oci_index": _marked(index([_single("oci", "oci")], kind="oci"), "oci_index"),
        "untagged": _single("untagged"),
        "ghost": _single("ghost"),
        "alias": _single("alias"),
        "old": _of_schema_1("old"),
        "foreign": _single("foreign"),
        "foreign_ghost": _single("foreign_ghost"),
        "borrowed": _marked(index([borrowed]), "borrowed"),
        "borrowed_child": borrowed,
        "evil": _single("evil"),
    }
    signed = _single("signed")
    push(registry, app, signed, SIGNED_TAG)
    push(registry, other, unadmitted["borrowed"], SIGNED_TAG)
    for tag in ("2.0", "latest", "manifests", "list", "blobs"):
        push(registry, app, unadmitted["unsigned"], tag)
    push(registry, app, unadmitted["oci"], "oci")
    push(registry, app, unadmitted["index"], "index")
    push(registry, app, unadmitted["oci_index"], "oci_index")
    push(registry, app, unadmitted["untagged"])
    push(registry, app, unadmitted["borrowed"], "borrowed")
    push(registry, f"{app}/manifests", unadmitted["foreign"], "2.0")
    push(registry, other, unadmitted["foreign"], "2.0")
    for where, name in ((app, "ghost"), (app, "alias"), (app, "old"), (other, "foreign_ghost")):
        bait = unadmitted[name]
        for blob in bait.blobs:
            registry.put_blob(where, blob.digest, blob.content)
        registry.put_blob(where, bait.digest, bait.manifest.content)
    registry.put_blob(app, sha512(unadmitted["alias"].manifest.content), unadmitted["alias"].manifest.content)
    for blob in unadmitted["evil"].blobs:
        registry.put_blob(app, blob.digest, blob.content)
    return Bait(app, other, signed, unadmitted)


def sign(bait: Bait, registry: Registry, owner: Person, signer: Person) -> Bait:
    """Sign what is to be signed; return the bait."""
    for repository, content in ((bait.app, bait.signed), (bait.other, bait.unadmitted["borrowed"])):
        gun = f"{registry.host}/{repository}"
        docker_trust.add_signer(owner, gun, signer.name, signer.public_key)
        notary_client.sign_as(signer, gun, SIGNED_TAG, content.digest, content.length)
    return bait


def sha256(content: bytes) -> str:
    """The digest that registries use."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def sha512(content: bytes) -> str:
    """The digest that they know too."""
    return f"sha512:{hashlib.sha512(content).hexdigest()}"
