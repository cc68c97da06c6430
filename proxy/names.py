"""The names of the field, parsed once and trusted from then on.

Each is a `str` that cannot exist unless it fits its grammar: holding a `Tag` means the check was done.
Source: distribution reference grammar; `sha256` only, because a registry serves `sha512:` aliases of
the same bytes; Notary's rule for delegation names.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from proxy.errors import DigestInvalid, NameInvalid, TagInvalid, UserError
from proxy.limits import REPOSITORY_LENGTH, ROLE_NAME_LENGTH, ROLE_NAMES_REMEMBERED, TAG_LENGTH

_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_DELEGATION: Final = re.compile(r"targets(?:/[-a-z0-9_]+)+")

DEFAULT_TAG: Final = "latest"


class Repository(str):
    """A repository name without registry host, such as `shop/api`. Raises `NameInvalid`."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the grammar."""
        if len(text) > REPOSITORY_LENGTH or not _REPOSITORY.fullmatch(text):
            raise NameInvalid(text)
        return super().__new__(cls, text)


class Tag(str):
    """A tag, such as `1.4`; also the name of a target in trust data. Raises `TagInvalid`."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the grammar."""
        if len(text) > TAG_LENGTH or not _TAG.fullmatch(text):
            raise TagInvalid(text)
        return super().__new__(cls, text)


class Digest(str):
    """`sha256:` and 64 lower-case hex digits. Raises `DigestInvalid`."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the grammar."""
        if not _DIGEST.fullmatch(text):
            raise DigestInvalid(text)
        return super().__new__(cls, text)

    @classmethod
    def from_hash(cls, sha256: bytes) -> Self:
        """Make one from the 32 raw bytes of a SHA-256. Raises `DigestInvalid`."""
        return cls(f"sha256:{sha256.hex()}")

    @property
    def hex(self) -> str:
        """The 64 hex digits alone."""
        return self[7:]


class Gun(str):
    """Globally unique name of a collection in Notary, such as `registry.example.com/shop/api`.

    Free text by Notary's rule (anything without `*`); here also without blanks and control
    characters, and its segments are never `.` or `..`, because it goes into a URL. Raises `NameInvalid`.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the grammar."""
        plain = text.isascii() and text.isprintable() and not set(text) & set("* ?#%\\")
        if not plain or {"", ".", ".."} & set(text.split("/")):
            raise NameInvalid(text)
        return super().__new__(cls, text)


class RoleName(str):
    """Name of a role: one of the four top roles or a delegation. Raises `NameInvalid`."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the grammar (dialect 2.4)."""
        if text not in ("root", "timestamp", "snapshot", "targets") and not (
            len(text) <= ROLE_NAME_LENGTH and _DELEGATION.fullmatch(text)
        ):
            raise NameInvalid(text)
        return super().__new__(cls, text)

    @property
    def signer(self) -> str:
        """The name people use for the holder of a delegation: `alice` for `targets/alice`."""
        return self.removeprefix("targets/")

    @property
    def parent(self) -> "RoleName":
        """The role that may declare this one. Raises `NameInvalid` for a top role."""
        return _parent(self)


@lru_cache(maxsize=ROLE_NAMES_REMEMBERED)
def _parent(role: RoleName) -> RoleName:
    """Checked once a role, because every tag that is decided about asks for the roles above its signers'."""
    return RoleName(role.rpartition("/")[0])


ROOT: Final = RoleName("root")
TIMESTAMP: Final = RoleName("timestamp")
SNAPSHOT: Final = RoleName("snapshot")
TARGETS: Final = RoleName("targets")
RELEASES: Final = RoleName("targets/releases")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a client asks for: a repository and either a tag or a digest."""

    repository: Repository
    target: Tag | Digest

    def __str__(self) -> str:
        """As people write it: `shop/api:1.4`, `shop/api@sha256:...`."""
        return f"{self.repository}{'@' if isinstance(self.target, Digest) else ':'}{self.target}"

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Read `[name/]repository[:tag|@digest]` as a person types it; no tag means `latest`.

        `name` is the registry's public `host[:port]`, dropped where it leads. With both tag and digest
        the digest counts, as it does for clients.

        Raises:
            NameInvalid, TagInvalid, DigestInvalid: a part of it fits no grammar.
            UserError: it has a transport in front, as skopeo writes it.
        """
        transport, mark, bare = text.partition("://")
        if mark:
            raise UserError(f"{text} is no image name: write {bare}, without {transport}://")
        rest = text.removeprefix(f"{name}/")
        path, at, digest = rest.partition("@")
        head, slash, last = path.rpartition("/")
        base, colon, tag = last.partition(":")
        repository = Repository(f"{head}{slash}{base}")
        checked = Tag(tag) if colon else Tag(DEFAULT_TAG)
        return cls(repository, Digest(digest) if at else checked)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What names a manifest inside an index: digest, length in bytes, media type."""

    digest: Digest
    length: int
    media_type: str


def plain(text: str) -> str:
    """One line without anything that a terminal could take for a command: certificates and servers say anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
