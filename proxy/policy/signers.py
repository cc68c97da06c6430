"""Signers and the five ways to require them (design: Configuration, `signed_by`)."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from proxy.limits import ROLE_NAMES_REMEMBERED
from proxy.names import RoleName


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A public key that may speak for a signer, by its public key id (dialect 2.5, canonical), until an instant."""

    public_key_id: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """A role that policy names: `alice` is `targets/alice`.

    `keys` is None where whatever keys Notary delegates to the role are accepted (`keys: delegated`).
    """

    name: str
    keys: tuple[SignerKey, ...] | None

    @property
    def role(self) -> RoleName:
        """The delegation that holds this signer's statements. Raises `NameInvalid`."""
        return _role(self.name)


@lru_cache(maxsize=ROLE_NAMES_REMEMBERED)
def _role(name: str) -> RoleName:
    """Checked once a name, because every tag that is decided about asks for the roles of its signers."""
    return RoleName(f"targets/{name}")


@dataclass(frozen=True, slots=True)
class Released:
    """Docker's own rule: `targets/releases` where it is declared, else `targets`."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One vote of any of them; two digests with votes are a disagreement."""

    signers: tuple[Signer, ...]

    @property
    def needed(self) -> int:
        """How many votes for one digest it takes."""
        return 1


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The vote of the first in the list that has one."""

    signers: tuple[Signer, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """The same digest from each of them."""

    signers: tuple[Signer, ...]

    @property
    def needed(self) -> int:
        """How many votes for one digest it takes."""
        return len(self.signers)


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The same digest from `needed` of them."""

    needed: int
    signers: tuple[Signer, ...]


SignedBy: TypeAlias = Released | AnyOf | FirstOf | AllOf | AtLeast
