"""Everything that one explanation is made from; gathered by `gathering`, told by `telling`."""

from dataclasses import dataclass, field
from datetime import datetime

from proxy.config.settings import BundleSettings, NotarySettings
from proxy.decision_cache import Evidence
from proxy.errors import Refusal
from proxy.names import Digest, Gun, Reference
from proxy.policy.decisions import Decision
from proxy.policy.entries import Entry, Policy
from proxy.registry.nearby import Gap
from proxy.store.protocol import Remembered


@dataclass(frozen=True, slots=True)
class RegistryWord:
    """What the registry says that it has: `named` under the reference, None for nothing there.

    `has_signed` is whether it has what was admitted, as it is or otherwise; None where nothing was. `silence`
    is why it does not say, empty where it does. `gap` is what it lacks, where it has nothing under a tag.
    """

    named: Digest | None = None
    has_signed: bool | None = None
    silence: str = ""
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What an explanation is made from.

    `decision` is what the resolver decided; `evidence` what it decided on, or `silence` says why there is none.
    `remembered` is what the trust store held before, `store_silence` why that cannot be told. `served_root` is the
    root that Notary serves where none is trusted: to be shown, not to be believed. `indexes` are those known to
    name the digest that was asked for. `options` go into every command that is told, such as `-c FILE`. `notary`
    is where signers publish, `name` the registry's where it is another one than the configured (`ns_allowed`).
    """

    policy: Policy
    decision: Decision
    now: datetime
    evidence: Evidence | None = None
    silence: Refusal | None = None
    remembered: Remembered | None = None
    store_silence: str = ""
    has_store: bool = True
    registry: RegistryWord = field(default_factory=RegistryWord)
    served_root: bytes | None = None
    indexes: tuple[Digest, ...] = ()
    options: tuple[str, ...] = ()
    notary: NotarySettings | BundleSettings | None = None
    name: str | None = None

    @property
    def reference(self) -> Reference:
        """What was asked for."""
        return self.decision.reference

    @property
    def registry_name(self) -> str:
        """The registry's name in images and in GUNs."""
        return self.name or self.policy.name

    @property
    def entry(self) -> Entry | None:
        """The entry that applies."""
        try:
            return self.policy.entry_for(self.reference.repository)
        except Refusal:
            return None

    @property
    def gun(self) -> Gun | None:
        """Where the trust data is."""
        try:
            return self.entry.gun(self.registry_name, self.reference.repository) if self.entry else None
        except Refusal:
            return None
