"""The shape of the sections that decide: signers, roots, entries, rollout, exceptions, what is blocked."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, Tag, model_validator

from proxy.config.fields import (
    LIST,
    MAPPING,
    SCALAR,
    Contact,
    Count,
    DigestText,
    Duration,
    Flag,
    Instant,
    KeyId,
    Shape,
    Text,
    Texts,
    by_kind,
    otherwise,
)

_SIGNED_BY: Final = "this is no rule; write released, or who must sign, such as any_of: [alice]"
_TOFU: Final = "this is no list of roots; write their names, such as [corp], or the single word tofu"
_KEYS: Final = "this is no list of key files; write them, such as [alice.pub], or the single word delegated"
_KEY: Final = "this is no key file; write its name, or a mapping with file and until"
_DIGEST_PULL: Final = "this is no rule for pulls by digest; write signed, or any: true with until and reason"
_ANY: Final = "only true is possible here; to serve signed digests only, write digest_pull: signed"
_ROLLOUT: Final = (
    "this is no mode by itself; write enforce or protect, or mode: audit or disabled with until and reason"
)
_MODE: Final = (
    "this is no mode to relax to; write audit or disabled, or enforce or protect in place of the whole mapping"
)
_WORDS: Final = ("enforce", "protect")
_RELEASED: Final = "{value} is neither of the two possible words; write required or ignored"
_TAGS_LIST: Final = "{value} is neither of the two possible words; write all or signed"


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
    outage_for: Duration | None = Field(
        None, description="how long after the last check trust data serves while Notary is away; 24h if absent"
    )
    expiry_grace: Duration | None = Field(
        None, description="how long timestamp and snapshot count after they expired, for an air gap; 0s if absent"
    )
    superseded_for: Duration | None = Field(
        None, description="how long a digest stays admitted after its tag was signed anew; 24h if absent"
    )
    released: Annotated[Literal["required", "ignored"], otherwise(_RELEASED)] | None = Field(
        None, description="whether targets/releases, where declared, must name the digest too; required if absent"
    )
    fallback_to_targets: Flag | None = Field(
        None, description="take a tag that a declared targets/releases lacks from targets; false if absent"
    )
    tags_list: Annotated[Literal["all", "signed"], otherwise(_TAGS_LIST)] | None = Field(
        None, description="which tags are listed: all, or only those that can be pulled; all if absent"
    )
    owner: Text | None = Field(None, description="name of the owner, whose contact refusals name; nobody if absent")


class TagRuleShape(Shape):
    """What is asked for the tags of one pattern."""

    signed_by: SignedByChoice = Field(description="who must have signed tags of this pattern")


class EntryShape(DefaultsShape):
    """An entry of `repositories`."""

    tags: dict[str, TagRuleShape] = Field({}, description="patterns of tags for which something else is asked")


class IncludedEntryShape(Shape):
    """An entry of `repositories` in an included file."""

    signed_by: SignedByChoice | None = Field(None, description="who must have signed")
    tags: dict[str, TagRuleShape] = Field({}, description="patterns of tags for which something else is asked")
    owner: Text | None = Field(None, description="name of the owner, whose contact refusals name; nobody if absent")


class OwnerShape(Shape):
    """Whom people should ask about repositories."""

    contact: Contact = Field(description="whom people should ask, in a few words; FILL-IN if nobody knows yet")


class RelaxationShape(Shape):
    """A mode less than enforce, until an instant."""

    mode: Annotated[Literal["audit", "disabled"], otherwise(_MODE)] = Field(
        description="audit: serve and report; disabled: serve without asking Notary"
    )
    until: Instant = Field(description="instant from which enforce holds")
    reason: Text = Field(description="why, such as the number of a ticket")

    @model_validator(mode="before")
    @classmethod
    def _stands_alone(cls, raw: object) -> object:
        """Say of a mode without an end only that, and not what its mapping lacks."""
        mode = raw.get("mode") if isinstance(raw, dict) else None
        if mode in _WORDS:
            raise ValueError(f"{mode} has neither until nor reason; write {mode} alone, in place of this mapping")
        return raw


RolloutChoice: TypeAlias = Annotated[
    Annotated[Literal["enforce", "protect"], otherwise(_ROLLOUT), Tag(SCALAR)]
    | Annotated[RelaxationShape, Tag(MAPPING)],
    by_kind(_ROLLOUT),
]


class ExceptionShape(Shape):
    """A digest that is served unsigned until an instant."""

    allow: Text = Field(description="the image that is allowed, as repository@sha256:...")
    until: Instant = Field(description="instant from which it is decided like any other")
    reason: Text = Field(description="why, such as the number of a ticket")


class BlockedShape(Shape):
    """A digest or a key that counts no longer: exactly one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [what]} for what in ("digest", "key")]})

    digest: DigestText | None = Field(None, description="digest of a manifest that is never served")
    key: KeyId | None = Field(None, description="id of a public key whose signatures count for nothing, 64 hex digits")
    reason: Text = Field(description="why, in words that whoever pulls will read")
