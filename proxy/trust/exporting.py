"""Exports collections: from what is remembered, or from Notary itself, verified either way before a file is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from proxy.clock import Clock
from proxy.drive import drive
from proxy.errors import NoRule, NoTrustData, Refusal, TagwardenError, TrustError, Undecided
from proxy.limits import ROOT_BYTES, ROOT_ROTATIONS
from proxy.names import ROOT, Gun
from proxy.notary.sources import Source
from proxy.store.protocol import Remembered
from proxy.trust import bundles
from proxy.trust.belonging import Anchor
from proxy.trust.bundles import Written
from proxy.trust.verifying import Judge
from proxy.tuf.collection import Collection, Stored
from proxy.tuf.messages import Fetch, Fetched
from proxy.tuf.metadata import version_in
from proxy.tuf.update import update

_FIRST_USE: Final = "nobody is trusted on first use here: start tagwarden serve once, or pin the root (tagwarden pin)"


class Contradicted(TagwardenError):
    """Notary said something else than what is remembered, which did not verify; asked again, that stays so."""


@dataclass(frozen=True, slots=True)
class Export:
    """Writes collections of one Notary into a directory."""

    notary: str
    directory: Path
    judge: Judge
    clock: Clock

    def remembered(self, gun: Gun, known: Remembered | None) -> Written:
        """What the store holds, as of its last check.

        Raises a `Refusal`; `Contradicted`; `UserError` for the directory.
        """
        if known is None or not known.stored.files:
            raise NoTrustData(ROOT)
        if known.is_doubted:
            raise Contradicted
        anchors = self.judge.anchors(self.notary, gun)
        collection = self.judge.alone(gun, anchors, known.stored.files, known.checked_at)
        return bundles.write(self.directory, self.notary, collection)

    async def served(self, gun: Gun, source: Source, known: Remembered | None) -> Written:
        """What Notary serves now, unless it is behind what the store holds. Raises a `Refusal`; `UserError`."""
        anchors = self.judge.anchors(self.notary, gun)
        collection = await self._read(gun, source, anchors, known.stored if known else None)
        roots = {}
        for version in range(max(1, collection.root.version - ROOT_ROTATIONS), collection.root.version):
            reply = await source.fetch(gun, Fetch(f"{version}.{ROOT}", ROOT_BYTES))
            if isinstance(reply, Fetched) and _is_version(reply.data, version):
                roots[version] = reply.data
        return bundles.write(self.directory, self.notary, collection, roots)

    async def _read(self, gun: Gun, source: Source, anchors: Sequence[Anchor], stored: Stored | None) -> Collection:
        stored = stored if stored and stored.files else None
        refusal: Refusal = NoRule()
        for anchor in anchors:
            if anchor.pins.is_tofu and stored is None:
                refusal = Undecided(_FIRST_USE)
                continue
            workflow = update(gun, anchor.pins, stored, self.clock.now(), self.judge.blocked, anchor.grace)
            try:
                return await drive(workflow, partial(source.fetch, gun))
            except Refusal as other:
                refusal = other
        raise refusal


def _is_version(data: bytes, version: int) -> bool:
    """Whether it may be that root; who remembers the one before it will see whether it follows."""
    try:
        return version_in(ROOT, data) == version
    except TrustError:
        return False
