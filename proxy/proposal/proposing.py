"""Puts a proposal together: what was gathered, and what is drawn from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.config.settings import Settings
from proxy.config.without_file import Trial
from proxy.names import Repository, Tag
from proxy.proposal import keys, rules
from proxy.proposal.gathering import Gathered
from proxy.proposal.judging import Misfit
from proxy.proposal.keys import ProposedRoot, ProposedSigner
from proxy.proposal.rules import ProposedEntry
from proxy.proposal.signed import SignedTag, survey


@dataclass(frozen=True, slots=True)
class Proposal:
    """A first configuration, before it is text.

    `settings` are those of the `trial`, `now` is when it was gathered, `until` when enforcement begins. `signed` has
    every repository with trust data, `roots` are none where there is none. `misfits` are what the proposal would
    refuse although it is signed, once that was looked for.
    """

    trial: Trial
    settings: Settings
    gathered: Sequence[Gathered]
    now: datetime
    until: datetime
    signed: Mapping[Repository, tuple[SignedTag, ...]]
    entries: tuple[ProposedEntry, ...]
    roots: tuple[ProposedRoot, ...]
    signers: tuple[ProposedSigner, ...]
    misfits: tuple[Misfit, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose contacts are to be filled in."""
        return tuple(sorted({entry.owner for entry in self.entries}))

    @property
    def unreadable(self) -> tuple[Gathered, ...]:
        """Repositories whose trust data cannot be read or does not hold together."""
        return tuple(each for each in self.gathered if each.is_unreadable)

    @property
    def is_blind(self) -> bool:
        """Whether there is, or may be, trust data, and none of it can be read: then there is nothing to go by."""
        return bool(self.unreadable) and not self.roots

    @property
    def unsigned(self) -> tuple[Gathered, ...]:
        """Repositories without any signed tag."""
        return tuple(each for each in self.gathered if not each.is_unreadable and not self.signed.get(each.repository))

    def unsigned_tags(self, of: Gathered) -> tuple[Tag, ...]:
        """The registry's tags of a repository that are not signed, as far as it lists them."""
        return tuple(sorted((of.tags or frozenset()) - {each.tag for each in self.signed.get(of.repository, ())}))


def draw_up(trial: Trial, settings: Settings, gathered: Sequence[Gathered], now: datetime, until: datetime) -> Proposal:
    """Make a proposal of what was gathered with the settings of a trial."""
    policy = settings.policy
    collections = {each.repository: each.collection for each in gathered if each.collection}
    roots = keys.roots(collections)
    surveys = [survey(name, each, policy.entry_for(name), now) for name, each in collections.items()]
    return Proposal(
        trial=trial,
        settings=settings,
        gathered=gathered,
        now=now,
        until=until,
        signed={each.repository: each.signed for each in surveys},
        entries=rules.draw((each.repository for each in gathered), surveys, keys.anchors(roots)),
        roots=roots,
        signers=keys.signers(collections),
    )
