"""Every value that is in effect, and where it came from (design: Command line, `config check --effective`).

Walks the shape, so that no key can be left out. What the file leaves open is filled in as the settings have it: from
`defaults`, from another section, or with what is built in. Secrets cannot be shown: only the names of their files are
here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import BaseModel

from proxy.config import Loaded
from proxy.config.checking import check_included
from proxy.config.document import Document, KeyPath, quoted, show
from proxy.config.entries import EXPIRY_GRACE, FRESH_FOR, GUN, OUTAGE_FOR, SUPERSEDED_FOR
from proxy.config.policy_shape import BlockedShape, EntryShape, IncludedEntryShape, SignedByShape
from proxy.config.shape import FileShape, IncludedShape

Scalar: TypeAlias = str | int | bool | None
Shown: TypeAlias = Scalar | list[Scalar] | dict[str, Scalar]

BUILT_IN: Final[Mapping[str, object]] = {
    "gun": GUN,
    "digest_pull": "signed",
    "fresh_for": FRESH_FOR,
    "outage_for": OUTAGE_FOR,
    "expiry_grace": EXPIRY_GRACE,
    "superseded_for": SUPERSEDED_FOR,
    "released": "required",
    "fallback_to_targets": False,
    "tags_list": "all",
}
"""What holds of an entry where neither it nor `defaults` says anything; of a key that is absent here, nothing does."""

_CHOICES: Final = (SignedByShape, BlockedShape)
_DEFAULTS: Final = "defaults"
_FILES: Final = re.compile(r"(?:.*_)?files?")
_NO_FILES: Final = ("delegated", "-")
_WITH_FILES: Final = ("listen", "candidates", "registry", "trust_store", "log", "notaries", "roots", "signers")
_PLAIN: Final = re.compile(r"(?![0-9.]+$)[A-Za-z0-9_./~][A-Za-z0-9_./~:@+-]*")
_WORDS: Final = ("none", "true", "false", "null")
_MILLISECOND: Final = timedelta(milliseconds=1)
_UNITS: Final = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1), "ms": _MILLISECOND}
_LONG: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Value:
    """One value in effect.

    `path` is written as in problems, `value` is what JSON can hold (None: nothing), and `origin` is `file:line`,
    `environment NAME`, another key and its place such as `defaults (file:line)`, or `built in`.
    """

    path: str
    value: Shown
    origin: str

    @property
    def text(self) -> str:
        """The value as YAML has it, on one line; `none` where there is nothing."""
        match self.value:
            case list(items):
                return f"[{', '.join(map(_text, items))}]"
            case dict():
                return "{}"
            case scalar:
                return _text(scalar)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a value is looked for, if anywhere, and by which other key it came from there."""

    document: Document
    path: KeyPath | None
    via: str = ""

    def inside(self, key: str | int) -> "_Source":
        """The source of a part."""
        return self if self.path is None else replace(self, path=(*self.path, key))

    @property
    def origin(self) -> str:
        """For people."""
        if self.path is None or not self.document.is_written(self.path):
            return "built in"
        place = self.document.place(self.path)
        return f"{self.via} ({place})" if self.via else place


def effective(loaded: Loaded) -> tuple[Value, ...]:
    """Every value of a configuration: the sections of the main file as the schema orders them, then included files."""
    files = [_Walk(loaded, loaded.document, loaded.shape)]
    files += [_Walk(loaded, included, check_included(included)) for included in loaded.document.included]
    return tuple(value for file in files for value in file.sections())


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through one file; what it leaves open comes from the main one."""

    loaded: Loaded
    document: Document
    shape: FileShape | IncludedShape

    def sections(self) -> Iterator[Value]:
        """All values of the file."""
        for section, value in self.shape:
            if section == _DEFAULTS:
                for key, own in value:
                    yield from self._parts((section, key), BUILT_IN.get(key) if own is None else own)
            elif section == "repositories" and value:
                for pattern, entry in value.items():
                    yield from self._entry((section, pattern), entry)
            else:
                yield from self._parts((section,), value)

    def _entry(self, at: KeyPath, own: EntryShape | IncludedEntryShape) -> Iterator[Value]:
        """All keys of an entry: its own, then those of `defaults`, then what is built in."""
        main, defaults = self.loaded.document, self.loaded.shape.defaults
        notaries = self.loaded.shape.notaries
        notary = getattr(own, "notary", None) or defaults.notary or next(iter(notaries), "")
        for key in EntryShape.model_fields:
            value, inherited = getattr(own, key, None), getattr(defaults, key, None)
            if value is not None:
                yield from self._parts((*at, key), value)
            elif inherited is not None:
                yield from self._parts((*at, key), inherited, _Source(main, (_DEFAULTS, key), _DEFAULTS))
            elif key == "notary":
                yield from self._parts((*at, key), notary, _Source(main, ("notaries", notary), "the only one"))
            elif key == "roots":
                there: KeyPath = ("notaries", notary, key)
                yield from self._parts((*at, key), notaries[notary].roots, _Source(main, there, show(there)))
            else:
                yield from self._parts((*at, key), BUILT_IN.get(key), _Source(main, None))

    def _parts(self, at: KeyPath, value: object, source: _Source | None = None) -> Iterator[Value]:
        """A value with all that is in it; without a `source` it comes from its own place."""
        source = source or _Source(self.document, at)
        match value:
            case BaseModel():
                for key, part in value:
                    if part is not None or not isinstance(value, _CHOICES):  # what was not chosen is not there
                        yield from self._parts((*at, key), part, source.inside(key))
            case dict() if value:
                for key, part in value.items():
                    yield from self._parts((*at, key), part, source.inside(key))
            case list() if any(isinstance(part, BaseModel) for part in value):
                for position, part in enumerate(value):
                    yield from self._parts((*at, position), part, source.inside(position))
            case _:
                yield self._single(at, value, source)

    def _single(self, at: KeyPath, value: object, source: _Source) -> Value:
        value, source = self._filled(at, value, source)
        shown: Shown
        match value:
            case dict():
                shown = {}
            case list():
                shown = [self._scalar(at, part) for part in value]
            case _:
                shown = self._scalar(at, value)
        return Value(show(at), shown, source.origin)

    def _filled(self, at: KeyPath, value: object, source: _Source) -> tuple[object, _Source]:
        """What the settings have in the place of a value that the file has in another form, or leaves to a section."""
        settings = self.loaded.settings
        match at:
            case ("trust_store", "url"):
                return settings.trust_store.url, source
            case ("candidates", "tls", ("certificate_file" | "key_file") as key) if value is None:
                there: KeyPath = ("listen", "tls", key)
                return getattr(self.loaded.shape.listen.tls, key), _Source(self.document, there, show(there))
            case _:
                return value, source

    def _scalar(self, at: KeyPath, value: object) -> Scalar:
        match value:
            case None | bool() | int():
                return value
            case timedelta():
                return duration(value)
            case datetime():
                return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
            case str() if len(at) > 1 and _names_file(at) and value not in _NO_FILES:
                return str(Path(self.document.file).parent / value)
            case _:
                return str(value)


def duration(value: timedelta) -> str:
    """A duration as the file has it: `500ms`, `30s`, `24h`, `30d`."""
    if value >= _LONG and not value % timedelta(days=1):
        return f"{value.days}d"
    unit = next(unit for unit in _UNITS if not value % _UNITS[unit] and (value or unit == "s"))
    return f"{value // _UNITS[unit]}{unit}"


def _names_file(at: KeyPath) -> bool:
    """Whether a value is the name of a file, which is shown as it is opened."""
    section, *_, key = [part for part in at if isinstance(part, str)]
    return section in _WITH_FILES and (key in ("keys", "dir") or bool(_FILES.fullmatch(key)))


def _text(value: Scalar) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return value if _PLAIN.fullmatch(value) and value not in _WORDS else quoted(value)
