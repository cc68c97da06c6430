"""Which entries a remembered collection belongs to: the store knows a Notary and a GUN, the configuration patterns."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from proxy.config.settings import Settings
from proxy.errors import NameInvalid, NoRule
from proxy.names import Gun, Repository
from proxy.policy.entries import Entry, Policy
from proxy.tuf.pins import Pins

_PLACEHOLDER: Final = re.compile(r"\{(name|repository|rest)\}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a collection is verified under: pins, and how long timestamp and snapshot may have expired."""

    pins: Pins
    grace: timedelta


ON_ITS_OWN: Final = Anchor(Pins.tofu(), timedelta())
"""For what no entry speaks of any more: it must hold together, and its root must be made out to its GUN."""


@dataclass(frozen=True, slots=True)
class Owner:
    """An entry that reads a collection, and for which repository; None where its `gun` does not tell."""

    entry: Entry
    repository: Repository | None


@dataclass(frozen=True, slots=True)
class Belonging:
    """Looks up owners under a policy; `names` are those by which the registry is known, its own first."""

    policy: Policy
    names: tuple[str, ...]

    @classmethod
    def under(cls, settings: Settings) -> "Belonging":
        """The same for settings."""
        return cls(settings.policy, (settings.name, *sorted(settings.listen.ns_allowed)))

    def owners(self, notary: str, gun: Gun) -> tuple[Owner, ...]:
        """Every entry that would read this collection from this Notary."""
        found = (each for entry in self.policy.entries if entry.notary == notary for each in self._owned(entry, gun))
        return tuple(dict.fromkeys(found))

    def anchors(self, notary: str, gun: Gun) -> tuple[Anchor, ...]:
        """What the collection may be verified under today, each once; none where no entry speaks of it."""
        owners = self.owners(notary, gun)
        return tuple(dict.fromkeys(Anchor(each.entry.pins, each.entry.expiry_grace) for each in owners))

    def keep_for(self) -> timedelta:
        """The longest time for which any entry serves a digest that its tag had before."""
        return max((entry.superseded_for for entry in self.policy.entries), default=timedelta())

    def _owned(self, entry: Entry, gun: Gun) -> Iterator[Owner]:
        for name in self.names:
            match = _inverse(entry, name).fullmatch(gun)
            if match:
                yield from self._checked(entry, name, gun, match.groupdict())

    def _checked(self, entry: Entry, name: str, gun: Gun, parts: Mapping[str, str]) -> Iterator[Owner]:
        text = parts.get("repository") or _of_rest(entry, parts.get("rest"))
        if text is None:
            yield Owner(entry, None)
            return
        try:
            repository = Repository(text)
            if self.policy.entry_for(repository) is entry and entry.gun(name, repository) == gun:
                yield Owner(entry, repository)
        except (NameInvalid, NoRule):
            return


def _inverse(entry: Entry, name: str) -> re.Pattern[str]:
    """The template of an entry's GUNs, read backwards."""
    seen: set[str] = set()

    def group(word: str) -> str:
        if word == "name":
            return re.escape(name)
        again = word in seen
        seen.add(word)
        return f"(?P={word})" if again else f"(?P<{word}>.+)"

    pieces: Iterable[str] = _PLACEHOLDER.split(entry.gun_template)  # every second one is a word
    return re.compile("".join(group(each) if odd % 2 else re.escape(each) for odd, each in enumerate(pieces)))


def _of_rest(entry: Entry, rest: str | None) -> str | None:
    """The repository whose `**` stood for this; None where something before it can be anything."""
    before = entry.pattern.removesuffix("**")
    return None if rest is None or "*" in before else f"{before}{rest}"
