"""The shape of the file: which keys there are and what their values look like, one by one.

The JSON Schema, the reference page and the sentences about unknown and missing keys come from these models:
a description is also what a person reads who left the key out. What values mean together, and whether names
and files exist, is the matter of `building`.
"""

from datetime import timedelta
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, Tag

from proxy.config.fields import (
    LIST,
    MAPPING,
    SCALAR,
    Count,
    Duration,
    Flag,
    Instant,
    KeyId,
    ListenAddress,
    NotaryUrl,
    RegistryName,
    RegistryUrl,
    StorePath,
    Text,
    Texts,
    WaitingTime,
    by_kind,
    otherwise,
)
from proxy.config.settings import Address

_VERSION: Final = "this program reads version 1 of the format; write version: 1"
_SIGNED_BY: Final = "this is no rule; write released, or who must sign, such as any_of: [alice]"
_TOFU: Final = "this is no list of roots; write their names, such as [corp], or the single word tofu"
_KEYS: Final = "this is no list of key files; write them, such as [alice.pub], or the single word delegated"
_KEY: Final = "this is no key file; write its name, or a mapping with file and until"
_DIGEST_PULL: Final = "this is no rule for pulls by digest; write signed, or any: true with until and reason"
_ANY: Final = "only true is possible here; to serve signed digests only, write digest_pull: signed"
_ROLLOUT: Final = "this is no mode by itself; write enforce, or mode: audit or disabled with until and reason"
_MODE: Final = "this is no mode to relax to; write audit or disabled, or enforce in place of the whole mapping"
_RELEASED: Final = "this is neither of the two possible words; write required or ignored"


class Shape(BaseModel):
    """A mapping with fixed keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KeyFileShape(Shape):
    """A key that speaks for its signer until an instant."""

    file: Text = Field(description="file with the public key or certificate, PEM")
    until: Instant = Field(description="instant from which the key no longer counts")


KeyChoice: TypeAlias = Annotated[
    Annotated[Text, Tag(SCALAR)] | Annotated[KeyFileShape, Tag(MAPPING)],
    by_kind(_KEY),
]
KeysChoice: TypeAlias = Annotated[
    Annotated[Literal["delegated"], otherwise(_KEYS), Tag(SCALAR)]
    | Annotated[list[KeyChoice], Field(min_length=1), Tag(LIST)],
    by_kind(_KEYS),
]


class SignerShape(Shape):
    """A role that policy names, and the keys that may speak for it."""

    keys: KeysChoice = Field(description="key files of this signer, or delegated: whatever keys Notary delegates to it")


class RootShape(Shape):
    """What anchors collections; a root that fits any part of it is pinned."""

    public_key_ids: Annotated[list[KeyId], Field(min_length=1)] | None = Field(
        None, description="ids of root public keys, 64 hex digits each"
    )
    certificate_files: Texts | None = Field(None, description="files with a root certificate each, PEM")
    ca_file: Text | None = Field(None, description="file with authorities that issue root certificates, PEM")
    allow_wildcard_name: Flag = Field(
        default=False, description="accept root certificates whose name ends in an asterisk; false if absent"
    )


RootsChoice: TypeAlias = Annotated[
    Annotated[Literal["tofu"], otherwise(_TOFU), Tag(SCALAR)] | Annotated[Texts, Tag(LIST)],
    by_kind(_TOFU),
]


class NotaryShape(Shape):
    """A Notary server and how to reach it."""

    url: NotaryUrl = Field(description="address of the Notary server, https unless on loopback")
    ca_file: Text | None = Field(None, description="file with the authorities of its TLS certificate, PEM")
    client_certificate_file: Text | None = Field(None, description="file with the TLS client certificate, PEM")
    client_key_file: Text | None = Field(None, description="file with the private key of the client certificate, PEM")
    credentials_file: Text | None = Field(None, description="JSON file with username and password for Notary")
    timeout: WaitingTime = Field(timedelta(seconds=5), description="longest wait for one answer; 5s if absent")
    roots: RootsChoice | None = Field(None, description="names of the roots that anchor its collections, or tofu")


class SignedByShape(Shape):
    """Named signers and how many of them are wanted: exactly one of the four forms."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [form]} for form in ("any_of", "first_of", "all_of", "at_least")]}
    )

    any_of: Texts | None = Field(None, description="one of these signers")
    first_of: Texts | None = Field(None, description="the first of these signers that has signed the tag")
    all_of: Texts | None = Field(None, description="each of these signers")
    at_least: Count | None = Field(None, description="so many of the signers under of")
    of: Texts | None = Field(None, description="the signers that at_least counts")


SignedByChoice: TypeAlias = Annotated[
    Annotated[Literal["released"], otherwise(_SIGNED_BY), Tag(SCALAR)] | Annotated[SignedByShape, Tag(MAPPING)],
    by_kind(_SIGNED_BY),
]


class AnyDigestShape(Shape):
    """Any digest may be pulled, until an instant."""

    any: Annotated[Literal[True], otherwise(_ANY)] = Field(description="true: every digest is served, signed or not")
    until: Instant = Field(description="instant at which this ends")
    reason: Text = Field(description="why, such as the number of a ticket")


DigestPullChoice: TypeAlias = Annotated[
    Annotated[Literal["signed"], otherwise(_DIGEST_PULL), Tag(SCALAR)] | Annotated[AnyDigestShape, Tag(MAPPING)],
    by_kind(_DIGEST_PULL),
]


class DefaultsShape(Shape):
    """What holds for every entry of `repositories` that does not say otherwise."""

    signed_by: SignedByChoice | None = Field(None, description="who must have signed")
    notary: Text | None = Field(None, description="name of the Notary with the trust data; the only one if absent")
    gun: Text | None = Field(None, description="template of the collection's name; {name}/{repository} if absent")
    roots: RootsChoice | None = Field(None, description="names of roots, or tofu, in place of the Notary's")
    digest_pull: DigestPullChoice | None = Field(None, description="which digests may be pulled; signed if absent")
    fresh_for: Duration | None = Field(
        None, description="how long verified trust data answers before Notary is asked again; 30s if absent"
    )
    released: Annotated[Literal["required", "ignored"], otherwise(_RELEASED)] | None = Field(
        None, description="whether targets/releases, where declared, must name the digest too; required if absent"
    )
    fallback_to_targets: Flag | None = Field(
        None, description="take a tag that a declared targets/releases lacks from targets; false if absent"
    )


class TagRuleShape(Shape):
    """What is asked for the tags of one pattern."""

    signed_by: SignedByChoice = Field(description="who must have signed tags of this pattern")


class EntryShape(DefaultsShape):
    """An entry of `repositories`."""

    tags: dict[str, TagRuleShape] = Field({}, description="patterns of tags for which something else is asked")


class RelaxationShape(Shape):
    """A mode less than enforce, until an instant."""

    mode: Annotated[Literal["audit", "disabled"], otherwise(_MODE)] = Field(
        description="audit: serve and report; disabled: serve without asking Notary"
    )
    until: Instant = Field(description="instant from which enforce holds")
    reason: Text = Field(description="why, such as the number of a ticket")


RolloutChoice: TypeAlias = Annotated[
    Annotated[Literal["enforce"], otherwise(_ROLLOUT), Tag(SCALAR)] | Annotated[RelaxationShape, Tag(MAPPING)],
    by_kind(_ROLLOUT),
]


class ListenShape(Shape):
    """Where clients pull."""

    address: ListenAddress = Field(
        Address("0.0.0.0", 5000),  # noqa: S104  (clients are on other machines)
        description="host:port on which clients are served; 0.0.0.0:5000 if absent",
    )


class ProbesShape(Shape):
    """Where health is asked for."""

    address: ListenAddress = Field(
        Address("127.0.0.1", 9596), description="host:port of the health checks; 127.0.0.1:9596 if absent"
    )


class RegistryShape(Shape):
    """The registry behind the proxy."""

    url: RegistryUrl = Field(description="scheme, host and port of the registry behind this proxy")
    ca_file: Text | None = Field(None, description="file with the authorities of its TLS certificate, PEM")
    credentials_file: Text | None = Field(
        None, description="JSON file with username and password for what the proxy itself reads"
    )


class TrustStoreShape(Shape):
    """Where verified trust data is remembered."""

    url: StorePath = Field(
        "/var/lib/tagwarden/trust.db",
        description="sqlite:/// and the path of the file; sqlite:////var/lib/tagwarden/trust.db if absent",
    )
    must_exist: Flag = Field(default=False, description="refuse to start where there is no file yet; false if absent")


class FileShape(Shape):
    """The whole file."""

    version: Annotated[Literal[1], otherwise(_VERSION)] = Field(description="version of this format: 1")
    name: RegistryName = Field(description="host[:port] by which clients name this registry in images")
    listen: ListenShape = Field(ListenShape(), description="where clients pull")
    probes: ProbesShape = Field(ProbesShape(), description="where health is asked for")
    registry: RegistryShape = Field(description="the registry behind this proxy")
    trust_store: TrustStoreShape = Field(TrustStoreShape(), description="where verified trust data is remembered")
    notaries: dict[str, NotaryShape] = Field({}, description="the Notary servers, by a name of your choice")
    roots: dict[str, RootShape] = Field({}, description="what anchors trust data, by a name of your choice")
    signers: dict[str, SignerShape] = Field({}, description="who signs, by the name of the delegation")
    defaults: DefaultsShape = Field(DefaultsShape(), description="what holds for entries that do not say otherwise")
    repositories: dict[str, EntryShape] = Field({}, description="who must sign what, by patterns of repositories")
    rollout: dict[str, RolloutChoice] = Field({}, description="how far this is rolled out, by patterns of repositories")
