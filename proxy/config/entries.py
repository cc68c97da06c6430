"""Entries of `repositories`, each made complete: its own keys, then `defaults`, then what is built in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.patterns import tag_rules
from proxy.config.policy_shape import AnyDigestShape, DefaultsShape, EntryShape, OwnerShape
from proxy.config.references import References, look_up
from proxy.config.server_shape import NotaryShape
from proxy.errors import NameInvalid
from proxy.limits import TIMESTAMP_LIFE_SECONDS
from proxy.names import Gun
from proxy.policy.entries import AnyDigest, Entry, Owner
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import AllOf, SignedBy, Signer
from proxy.tuf.pins import Pins, RootPin

_DEFAULTS: Final[KeyPath] = ("defaults",)
GUN: Final = "{name}/{repository}"
FRESH_FOR: Final = timedelta(seconds=30)
_LONG_FRESH: Final = timedelta(hours=1)
SUPERSEDED_FOR: Final = timedelta(hours=24)
OUTAGE_FOR: Final = timedelta(hours=24)
_LONG_OUTAGE: Final = timedelta(seconds=TIMESTAMP_LIFE_SECONDS)
EXPIRY_GRACE: Final = timedelta()
_PLACEHOLDER: Final = re.compile(r"\{(?:name|repository|rest)\}")
_SHARED: Final = "get the same trust data, so a tag signed for one counts for all; put {repository} or {rest} into gun"
_NO_ROOTS: Final = (
    "nothing anchors the trust data from here; to begin, write roots: tofu, then run tagwarden pin "
    "and name the roots that it prints"
)
_CUT_OFF: Final = (
    "whoever can keep Notary out of reach keeps a revoked tag served for all of this time; write 14d or less"
)
_NO_OUTAGE: Final = "this is not longer than fresh_for, so it is as good as none; write more, or 0s for none"
_GRACE: Final = (
    "expired trust data counts for this time, so whoever holds back news gains as much; "
    "remove it unless Notary is behind an air gap"
)
_NOBODY: Final = Pins((RootPin("nobody"),))

_Named = TypeVar("_Named")


@dataclass(frozen=True, slots=True)
class EntryReader:
    """Reads entries; `defaults`, `notaries` and `owners` are as the main file has them, `name` is the registry's own.

    `document` is the main file. Names are looked up in `references`, where that or `defaults` says them.
    """

    document: Document
    references: References
    name: str
    defaults: DefaultsShape
    notaries: Mapping[str, NotaryShape]
    owners: Mapping[str, OwnerShape]

    def check_shared(self) -> None:
        """Note what is wrong with defaults and with roots of notaries, also with those that no entry uses."""
        if self.defaults.signed_by is not None:
            self.references.signed_by((*_DEFAULTS, "signed_by"), self.defaults.signed_by)
        if self.defaults.roots is not None:
            self.references.pins((*_DEFAULTS, "roots"), self.defaults.roots)
        if self.defaults.notary is not None:
            look_up(self.document, (*_DEFAULTS, "notary"), "notaries", self.defaults.notary, self.notaries)
        if self.defaults.gun is not None:
            self._check_template(_Value(self.references, (*_DEFAULTS, "gun")), self.defaults.gun)
        if self.defaults.owner is not None:
            look_up(self.document, (*_DEFAULTS, "owner"), "owners", self.defaults.owner, self.owners)
        for name, notary in self.notaries.items():
            if notary.roots is not None:
                self.references.pins(("notaries", name, "roots"), notary.roots)

    def entry(self, pattern: RepositoryPattern, own: EntryShape, references: References) -> Entry:
        """Read one entry of the file of these references: the main one or an included one."""
        at: KeyPath = ("repositories", str(pattern))
        inherited = {key: value for key, value in self.defaults if getattr(own, key) is None}
        shape = own.model_copy(update=inherited)
        of = {
            key: _Value(self.references, (*_DEFAULTS, key))
            if inherited.get(key) is not None
            else _Value(references, (*at, key))
            for key, _ in shape
        }
        notary = self._notary(of["notary"], shape)
        template = shape.gun or GUN
        self._check_template(of["gun"], template)
        _check_distinct(of["gun"], template, pattern)
        fresh_for = FRESH_FOR if shape.fresh_for is None else shape.fresh_for
        if fresh_for > _LONG_FRESH:
            of["fresh_for"].warn("a revoked tag may be served for all of this time; write 1h or less")
        if shape.outage_for is not None:
            _check_outage(of["outage_for"], shape.outage_for, fresh_for)
        if shape.expiry_grace:
            of["expiry_grace"].warn(_GRACE)
        return Entry(
            pattern=pattern,
            signed_by=_signed_by(of["signed_by"], shape),
            tags=_tags(of["tags"], shape),
            notary=notary,
            gun_template=template,
            pins=self._pins(of["roots"], shape, notary),
            any_digest=_any_digest(shape),
            fresh_for=fresh_for,
            released_required=shape.released != "ignored",
            fallback_to_targets=shape.fallback_to_targets is True,
            superseded_for=SUPERSEDED_FOR if shape.superseded_for is None else shape.superseded_for,
            outage_for=OUTAGE_FOR if shape.outage_for is None else shape.outage_for,
            expiry_grace=EXPIRY_GRACE if shape.expiry_grace is None else shape.expiry_grace,
            lists_signed_tags=shape.tags_list == "signed",
            owner=self._owner(of["owner"], shape),
            is_carried=notary in self.notaries and self.notaries[notary].dir is not None,
            place=references.document.place(at),
        )

    def _notary(self, value: "_Value", shape: EntryShape) -> str:
        if shape.notary is not None:
            value.look_up("notaries", shape.notary, self.notaries)
            return shape.notary
        names = self.document.names("notaries")
        if not names:
            value.problem("there is no Notary to ask; define one under notaries")
        elif len(names) > 1:
            where = "" if value.references is self.references else " into defaults of the main file"
            value.problem(f"there are several notaries; write which one to ask{where}: {', '.join(names)}")
        return names[0] if names else ""

    def _pins(self, value: "_Value", shape: EntryShape, notary: str) -> Pins:
        if shape.roots is not None:
            return value.references.pins(value.at, shape.roots)
        place: KeyPath = ("notaries", notary)
        defined = self.notaries.get(notary)
        if defined is not None and defined.roots is not None:
            return self.references.pins((*place, "roots"), defined.roots)
        if not self.document.was_cut(place) and defined is not None:
            self.document.problem((*place, "roots"), _NO_ROOTS)
        return _NOBODY

    def _owner(self, value: "_Value", shape: EntryShape) -> Owner | None:
        if shape.owner is None:
            return None
        defined = value.look_up("owners", shape.owner, self.owners)
        return None if defined is None else Owner(shape.owner, defined.contact)

    def _check_template(self, value: "_Value", template: str) -> None:
        """See that it makes the name of a collection; nothing but three words is ever filled in."""
        if set(_PLACEHOLDER.sub("", template)) & set("{}"):
            value.problem("only {name}, {repository} and {rest} can be filled in; remove other braces")
            return
        try:
            Gun(template.format(name=self.name, repository="a", rest="a"))
        except NameInvalid:
            value.problem(f"{quoted(template)} makes no name that Notary can have; check slashes and spaces")


@dataclass(frozen=True, slots=True)
class _Value:
    """Where a value of an entry stands: in its own file, or in `defaults`."""

    references: References
    at: KeyPath

    def problem(self, sentence: str) -> None:
        self.references.document.problem(self.at, sentence)

    def warn(self, sentence: str) -> None:
        self.references.document.warn(self.at, sentence)

    def look_up(self, section: str, name: str, defined: Mapping[str, _Named]) -> _Named | None:
        return look_up(self.references.document, self.at, section, name, defined)


def _signed_by(value: _Value, shape: EntryShape) -> SignedBy:
    if shape.signed_by is None:
        value.problem("nobody is named who must sign; add signed_by here or to defaults")
        return AllOf((Signer("nobody", ()),))
    return value.references.signed_by(value.at, shape.signed_by)


def _tags(value: _Value, shape: EntryShape) -> tuple[tuple[TagPattern, SignedBy], ...]:
    rules = (
        (text, value.references.signed_by((*value.at, text, "signed_by"), rule.signed_by))
        for text, rule in shape.tags.items()
    )
    return tag_rules(value.references.document, value.at, rules)


def _check_distinct(value: _Value, template: str, pattern: RepositoryPattern) -> None:
    """See that each repository gets a collection of its own."""
    has_rest = "{rest}" in template
    if has_rest and not pattern.is_open:
        value.problem(f'{{rest}} is what "**" stands for, and {quoted(pattern)} has none; write {{repository}}')
    elif "*" in (pattern.removesuffix("**") if has_rest else pattern) and "{repository}" not in template:
        value.warn(f"several repositories of {quoted(pattern)} {_SHARED}")


def _check_outage(value: _Value, outage_for: timedelta, fresh_for: timedelta) -> None:
    if outage_for > _LONG_OUTAGE:
        value.warn(_CUT_OFF)
    if timedelta() < outage_for <= fresh_for:
        value.warn(_NO_OUTAGE)


def _any_digest(shape: EntryShape) -> AnyDigest | None:
    choice = shape.digest_pull
    return AnyDigest(choice.until, choice.reason) if isinstance(choice, AnyDigestShape) else None
