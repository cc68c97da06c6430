"""Lays out the chain of roles, and the root's keys beside the pins that they are held against."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from proxy.explanation.alike import remarks
from proxy.explanation.roots import FIRST_USE
from proxy.explanation.story import Anchor, Chain, Key, Link, Pin, Story
from proxy.explanation.tones import Line, Tone, line
from proxy.explanation.words import short, when
from proxy.names import TIMESTAMP

_SOON: Final = timedelta(days=30)
_EXPIRY: Final = {
    "": ("expires", ""),
    "expiry-grace": ("expired", ", counts by expiry_grace"),
    "outage": ("expired", ", which does not count while Notary is away"),
}


def chain(story: Story, told: Chain) -> Iterator[Line]:
    """One line a role, more where there is more to say; nothing where nothing is known."""
    if not told.links and not told.anchors:
        return
    yield line()
    yield line(("Chain of trust", Tone.TITLE), (f"  {told.gun} in Notary {told.notary}", Tone.DIM))
    if not told.believed and told.links:
        yield line(("  as the trust store remembers it, because nothing could be verified now", Tone.WARN))
    for link in told.links:
        yield from _link(story, told, link)
        if link.name == "root" and told.believed:
            yield from _anchors(story, told)
    if not told.believed:
        yield from _served(story, told)


def _served(story: Story, told: Chain) -> Iterator[Line]:
    """The root that Notary serves, beside what is pinned."""
    if not told.anchors:
        return
    yield line(("  the root that Notary serves now, to be compared and not to be believed:", Tone.WARN))
    yield from _anchors(story, told)
    if told.tofu:
        yield line("  pinned: nothing, the first root that was seen is trusted")
    for pin in told.pins:
        for part in _parts(pin, told.anchors):
            yield line(f"  pinned: {pin.name}: {part}")


def _parts(pin: Pin, anchors: tuple[Anchor, ...]) -> Iterator[str]:
    """What a pin names, ids whole: they are there to be compared."""
    shown = [anchor.public_key_id for anchor in anchors]
    for each in pin.public_key_ids:
        yield "; ".join((f"public key id {each}", *remarks([each], shown)))
    yield from (f"certificate {each}" for each in pin.certificates)
    yield from (f"authority {each}" for each in pin.authorities)


def _anchors(story: Story, told: Chain) -> Iterator[Line]:
    for anchor in told.anchors:
        tone = Tone.DIM if anchor.pins else Tone.BAD
        yield line((f"    root key {anchor.public_key_id}: ", tone), _met(anchor))
        yield line((f"      listed as {anchor.key_id}", Tone.DIM))
        if anchor.valid_until:
            until = when(anchor.valid_until, story.now)
            yield line((f"      certificate for {anchor.certificate}, valid until {until}", Tone.DIM))


def _met(anchor: Anchor) -> str:
    if FIRST_USE in anchor.pins:
        return FIRST_USE
    if anchor.pins:
        return f"pinned by {', '.join(anchor.pins)}"
    return anchor.why.replace(f" {anchor.public_key_id}", "")  # the line begins with it


def _link(story: Story, told: Chain, link: Link) -> Iterator[Line]:
    if link.state == "unpublished":
        yield line(f"  {link.name:<18}", (" declared, never published", Tone.DIM), _asked(link))
    elif link.state == "unusable":
        yield line(f"  {link.name:<18}", (" unusable: ", Tone.BAD), link.why, _asked(link))
    elif link.version is None or link.expires is None:
        yield line(f"  {link.name:<18}", (" remembered, and cannot be read", Tone.BAD))
    else:
        is_soon = link.expires - story.now < _SOON and link.name != TIMESTAMP
        tone = Tone.WARN if is_soon else Tone.PLAIN
        head = f"  {link.name:<18} version {link.version}{_floor(link)}{_signed(link)}, "
        verb, after = _EXPIRY[link.forgiven]
        who = "nobody renews it in a directory" if told.carried else "Notary renews it"
        renewed = f", and {who}" if link.name == TIMESTAMP and not link.forgiven else ""
        yield line(head, (f"{verb} {when(link.expires, story.now)}{after}{renewed}", tone), _asked(link))
    if link.paths and link.paths != ("",):
        yield line((f"    speaks for tags that begin with {', '.join(map(repr, link.paths))}", Tone.DIM))
    elif link.state == "usable" and link.name.startswith("targets/") and not link.paths:
        yield line(("    speaks for no tag: it has no paths", Tone.WARN))
    if link.keys and link.state != "usable":
        yield line((f"    {link.threshold} of its keys must sign: {_listed(link.keys)}", Tone.DIM))
    for key in link.keys:
        if key.blocked:
            yield line((f"    key {short(key.public_key_id)} is blocked: {key.blocked}", Tone.BAD))


def _floor(link: Link) -> str:
    """What is remembered, where it is another version."""
    return "" if link.floor in (None, link.version) else f" (remembered: {link.floor})"


def _signed(link: Link) -> str:
    if not link.keys:
        return ""
    signed = [key for key in link.keys if key.signed]
    return f", signed by {_listed(signed)} ({len({key.public_key_id for key in signed})} of {link.threshold} needed)"


def _listed(keys: "tuple[Key, ...] | list[Key]") -> str:
    return ", ".join(dict.fromkeys(short(key.public_key_id) for key in keys)) or "nobody"


def _asked(link: Link) -> tuple[str, Tone]:
    if link.rests and link.name.startswith("targets/"):
        return " <- the decision rests on it", Tone.GOOD
    return (" <- the rule asks for it" if link.asked and link.name.startswith("targets/") else ""), Tone.WARN
