"""Settings: the configuration after everything in it has been checked, immutable and replaced as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yarl import URL

from proxy.policy.entries import Policy


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an IPv6 host has no brackets here, and port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it is written in the file."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the proxy shows as itself; never a client's."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The registry behind the proxy; `url` is scheme, host and port alone."""

    url: URL
    ca_file: Path | None
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class NotarySettings:
    """A Notary server; `url` may have a path but no trailing slash, `timeout` is seconds."""

    name: str
    url: URL
    ca_file: Path | None
    client_certificate_file: Path | None
    client_key_file: Path | None
    credentials: Credentials | None
    timeout: float


@dataclass(frozen=True, slots=True)
class TrustStoreSettings:
    """Where verified trust data is remembered; `url` is `sqlite:///` and an absolute path."""

    url: str
    must_exist: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured.

    `generation` names the effective configuration, contents of key files included: caches carry it in their
    keys. `warnings` are complete lines for people about what is allowed but should not go unnoticed.
    """

    name: str
    listen: Address
    probes: Address
    registry: RegistrySettings
    notaries: Mapping[str, NotarySettings]
    trust_store: TrustStoreSettings
    policy: Policy
    generation: str
    warnings: tuple[str, ...] = ()
