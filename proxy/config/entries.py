"""Entries of `repositories`, each made complete: its own keys, then `defaults`, then what is built in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.patterns import tag_rules
from proxy.config.policy_shape import AnyDigestShape, DefaultsShape, EntryShape
from proxy.config.references import References, look_up
from proxy.config.server_shape import NotaryShape
from proxy.errors import NameInvalid
from proxy.names import Gun
from proxy.policy.entries import AnyDigest, Entry
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import AllOf, SignedBy, Signer
from proxy.tuf.pins import Pins, RootPin

_DEFAULTS: Final[KeyPath] = ("defaults",)
_GUN: Final = "{name}/{repository}"
_FRESH_FOR: Final = timedelta(seconds=30)
_LONG_FRESH: Final = timedelta(hours=1)
_SUPERSEDED_FOR: Final = timedelta(hours=24)
_PLACEHOLDER: Final = re.compile(r"\{(?:name|repository|rest)\}")
_SHARED: Final = "get the same trust data, so a tag signed for one counts for all; put {repository} or {rest} into gun"
_NO_ROOTS: Final = (
    "nothing anchors the trust data from here; to begin, write roots: tofu, then run tagwarden pin "
    "and name the roots that it prints"
)
_NOBODY: Final = Pins((RootPin("nobody"),))


@dataclass(frozen=True, slots=True)
class EntryReader:
    """Reads entries; `defaults` and `notaries` are as the file has them, `name` is the registry's own."""

    document: Document
    references: References
    name: str
    defaults: DefaultsShape
    notaries: Mapping[str, NotaryShape]

    def check_shared(self) -> None:
        """Note what is wrong with defaults and with roots of notaries, also with those that no entry uses."""
        if self.defaults.signed_by is not None:
            self.references.signed_by((*_DEFAULTS, "signed_by"), self.defaults.signed_by)
        if self.defaults.roots is not None:
            self.references.pins((*_DEFAULTS, "roots"), self.defaults.roots)
        if self.defaults.notary is not None:
            look_up(self.document, (*_DEFAULTS, "notary"), "notaries", self.defaults.notary, self.notaries)
        if self.defaults.gun is not None:
            self._check_template((*_DEFAULTS, "gun"), self.defaults.gun)
        for name, notary in self.notaries.items():
            if notary.roots is not None:
                self.references.pins(("notaries", name, "roots"), notary.roots)

    def entry(self, pattern: RepositoryPattern, own: EntryShape) -> Entry:
        """Read one entry."""
        at: KeyPath = ("repositories", str(pattern))
        inherited = {key: value for key, value in self.defaults if getattr(own, key) is None}
        shape = own.model_copy(update=inherited)
        paths = {key: (*_DEFAULTS, key) if inherited.get(key) is not None else (*at, key) for key, _ in shape}
        notary = self._notary(paths["notary"], shape)
        template = shape.gun or _GUN
        self._check_template(paths["gun"], template)
        self._check_distinct(paths["gun"], template, pattern)
        fresh_for = _FRESH_FOR if shape.fresh_for is None else shape.fresh_for
        if fresh_for > _LONG_FRESH:
            self.document.warn(paths["fresh_for"], "a revoked tag may be served for all of this time; write 1h or less")
        return Entry(
            pattern=pattern,
            signed_by=self._signed_by(paths["signed_by"], shape),
            tags=self._tags(paths["tags"], shape),
            notary=notary,
            gun_template=template,
            pins=self._pins(paths["roots"], shape, notary),
            any_digest=_any_digest(shape),
            fresh_for=fresh_for,
            released_required=shape.released != "ignored",
            fallback_to_targets=shape.fallback_to_targets is True,
            superseded_for=_SUPERSEDED_FOR if shape.superseded_for is None else shape.superseded_for,
            lists_signed_tags=shape.tags_list == "signed",
        )

    def _signed_by(self, at: KeyPath, shape: EntryShape) -> SignedBy:
        if shape.signed_by is None:
            self.document.problem(at, "nobody is named who must sign; add signed_by here or to defaults")
            return AllOf((Signer("nobody", ()),))
        return self.references.signed_by(at, shape.signed_by)

    def _tags(self, at: KeyPath, shape: EntryShape) -> tuple[tuple[TagPattern, SignedBy], ...]:
        rules = (
            (text, self.references.signed_by((*at, text, "signed_by"), rule.signed_by))
            for text, rule in shape.tags.items()
        )
        return tag_rules(self.document, at, rules)

    def _notary(self, at: KeyPath, shape: EntryShape) -> str:
        if shape.notary is not None:
            look_up(self.document, at, "notaries", shape.notary, self.notaries)
            return shape.notary
        names = self.document.names("notaries")
        if not names:
            self.document.problem(at, "there is no Notary to ask; define one under notaries")
        elif len(names) > 1:
            self.document.problem(at, f"there are several notaries; write which one to ask: {', '.join(names)}")
        return names[0] if names else ""

    def _pins(self, at: KeyPath, shape: EntryShape, notary: str) -> Pins:
        if shape.roots is not None:
            return self.references.pins(at, shape.roots)
        place: KeyPath = ("notaries", notary)
        defined = self.notaries.get(notary)
        if defined is not None and defined.roots is not None:
            return self.references.pins((*place, "roots"), defined.roots)
        if not self.document.was_cut(place) and defined is not None:
            self.document.problem((*place, "roots"), _NO_ROOTS)
        return _NOBODY

    def _check_template(self, at: KeyPath, template: str) -> None:
        """See that it makes the name of a collection; nothing but three words is ever filled in."""
        if set(_PLACEHOLDER.sub("", template)) & set("{}"):
            self.document.problem(at, "only {name}, {repository} and {rest} can be filled in; remove other braces")
            return
        try:
            Gun(template.format(name=self.name, repository="a", rest="a"))
        except NameInvalid:
            sentence = f"{quoted(template)} makes no name that Notary can have; check slashes and spaces"
            self.document.problem(at, sentence)

    def _check_distinct(self, at: KeyPath, template: str, pattern: RepositoryPattern) -> None:
        """See that each repository gets a collection of its own."""
        has_rest = "{rest}" in template
        if has_rest and not pattern.is_open:
            sentence = f'{{rest}} is what "**" stands for, and {quoted(pattern)} has none; write {{repository}}'
            self.document.problem(at, sentence)
        elif "*" in (pattern.removesuffix("**") if has_rest else pattern) and "{repository}" not in template:
            self.document.warn(at, f"several repositories of {quoted(pattern)} {_SHARED}")


def _any_digest(shape: EntryShape) -> AnyDigest | None:
    choice = shape.digest_pull
    return AnyDigest(choice.until, choice.reason) if isinstance(choice, AnyDigestShape) else None
