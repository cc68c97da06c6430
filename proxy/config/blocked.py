"""`blocked`: digests and keys that count no longer, whatever else is said (design: Which digests are admitted)."""

from collections.abc import Sequence
from types import MappingProxyType

from proxy.config.document import Document, KeyPath
from proxy.config.policy_shape import BlockedShape
from proxy.names import Digest
from proxy.policy.entries import Blocklist


def blocklist(document: Document, shapes: Sequence[BlockedShape]) -> Blocklist:
    """Read the entries of `blocked`."""
    digests: dict[Digest, str] = {}
    keys: dict[str, str] = {}
    lines: dict[str, int] = {}
    for position, shape in enumerate(shapes):
        at: KeyPath = ("blocked", position)
        if shape.digest is not None and shape.key is None:
            digests.setdefault(shape.digest, shape.reason)
        elif shape.key is not None and shape.digest is None:
            keys.setdefault(shape.key, shape.reason)
        elif not document.was_cut(at):
            document.problem(at, "exactly one of digest and key is wanted; write an entry for each that is blocked")
        for word, what in (("digest", shape.digest), ("key", shape.key)):
            if what in lines:
                document.problem((*at, word), f"this {word} is blocked on line {lines[what]} already; remove one")
            elif what is not None:
                lines[what] = document.line((*at, word))
    return Blocklist(MappingProxyType(digests), MappingProxyType(keys))
