"""Every refusal that a client can meet, with facts as they occur, and what the client is asked to do to meet it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from deploy.stack.images import Blob, Image
from proxy import errors
from proxy.errors import Refusal

Door = Literal["pull", "push", "delete"]

_DIGEST: Final = f"sha256:{'2b5c' * 16}"
_OTHER: Final = f"sha256:{'9f41' * 16}"
_LAYER: Final = Blob("application/vnd.docker.image.rootfs.diff.tar.gzip", b"never read by a client that is refused")
_CONFIG: Final = Blob(
    "application/vnd.docker.container.image.v1+json",
    json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(b'layer').hexdigest()}"]},
        }
    ).encode(),
)
# The same bytes on every machine, so that its digest can stand in a committed page.
IMAGE: Final = Image(
    Blob(
        "application/vnd.docker.distribution.manifest.v2+json",
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": _CONFIG.descriptor,
                "layers": [_LAYER.descriptor],
            }
        ).encode(),
    ),
    (_CONFIG, _LAYER),
)


@dataclass(frozen=True)
class Case:
    """One refusal.

    `name` is also that of its repository; `target` is the tag or digest that the client asks for, with its `:` or
    `@`. `probe` is the request (method and path below the repository) that the proxy answers with it. `spared` are
    clients that would take minutes, each with the reason.
    """

    name: str
    refusal: Refusal
    target: str = ":1.0"
    probe: tuple[str, str] = ("GET", "manifests/1.0")
    door: Door = "pull"
    spared: Mapping[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        """Where it is met."""
        return f"shop/{self.name}"


CASES: Final = (
    Case("no_rule", errors.NoRule()),
    Case("blocked", errors.Blocked(f"digest {_DIGEST}", "CVE-2026-1")),
    Case("no_trust_data", errors.NoTrustData("timestamp")),
    Case("tag_not_signed", errors.TagNotSigned("1.0", unreleased=False)),
    Case("signer_missing", errors.SignerMissing("1.0", ("ci",), 1, ("alice", "qa"))),
    Case("signers_disagree", errors.SignersDisagree("1.0", (_DIGEST, _OTHER))),
    Case(
        "digest_not_signed",
        errors.DigestNotSigned(IMAGE.digest),
        target=f"@{IMAGE.digest}",
        probe=("GET", f"manifests/{IMAGE.digest}"),
    ),
    Case("expired", errors.Expired("targets/ci", datetime(2026, 11, 20, 8, 30, tzinfo=UTC))),
    Case("threshold_not_met", errors.ThresholdNotMet("targets/ci", 1, 2)),
    Case("root_not_trusted", errors.RootNotTrusted("its certificate is for 'registry.example.com/shop/other'")),
    Case("root_rotation_broken", errors.RootRotationBroken("0 of 1 signatures of version 3")),
    Case("rollback", errors.Rollback("snapshot", "from version 7 to 5")),
    Case("metadata_corrupt", errors.MetadataCorrupt("targets", "it is not strict JSON")),
    Case("signed_length_wrong", errors.SignedLengthWrong(("alice",), 1024, 1057)),
    Case("manifest_ambiguous", errors.ManifestAmbiguous("it is both an image and an index")),
    Case(
        "blob_not_admitted",
        errors.BlobNotAdmitted(_LAYER.digest),
        probe=("GET", f"blobs/{_LAYER.digest}"),
        spared={"buildkit": "BuildKit asks for a refused blob again for over a minute before it shows the sentence."},
    ),
    Case(
        "reference_invalid",
        errors.DigestInvalid(f"sha512:{'1e' * 64}"),
        target=f"@sha512:{'1e' * 64}",
        probe=("GET", f"manifests/sha512:{'1e' * 64}"),
    ),
    Case("push_refused", errors.PushRefused(), probe=("POST", "blobs/uploads/"), door="push"),
    Case("delete_refused", errors.DeleteRefused(""), probe=("DELETE", f"manifests/{IMAGE.digest}"), door="delete"),
    Case("manifest_missing", errors.ManifestMissing(_DIGEST)),
    Case("not_acceptable", errors.NotAcceptable("application/vnd.oci.image.index.v1+json")),
    Case("content_mismatch", errors.ContentMismatch(_DIGEST, _OTHER)),
    Case("registry_unreachable", errors.RegistryUnreachable("connection refused")),
    Case("registry_loop", errors.RegistryLoop("registry.url leads back to the proxy itself")),
    Case("registry_timed_out", errors.RegistryTimedOut("no answer in time")),
    Case("notary_unreachable", errors.NotaryUnreachable("connection refused")),
    Case("trust_store_unavailable", errors.TrustStoreUnavailable("it is locked")),
    Case("deadline_exceeded", errors.DeadlineExceeded(10)),
    Case("undecided", errors.Undecided("not all signed indexes could be read")),
    Case("internal", errors.Internal()),
)

# Rows of the table that never come to a screen of these clients, and why.
UNSEEN: Final[dict[type[Refusal], str]] = {
    errors.NameInvalid: "Clients check names themselves and do not ask.",
    errors.TagInvalid: "Clients check tags themselves and do not ask.",
    errors.PathUnknown: "Clients ask for paths of the registry API only.",
    errors.MethodNotAllowed: "Clients use methods of the registry API only.",
    errors.PusherHead: "The client that pushes takes it as leave to go on, and says nothing.",
}
