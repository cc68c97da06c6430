"""Settings: the configuration after everything in it has been checked, immutable and replaced as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final, Literal, TypeAlias

from yarl import URL

from proxy.config.pem import PemFile
from proxy.policy.entries import Policy


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an IPv6 host has no brackets here, and port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it is written in the file."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """A listener's certificate; with `client_ca_file` it wants one of each client too."""

    certificate_file: PemFile
    key_file: PemFile
    client_ca_file: PemFile | None = None


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Where clients are served, and who may say what about where they came from.

    `trusted_proxies` are peers whose `X-Forwarded-*` count; `ns_allowed` the registries for which a containerd
    mirror may ask by `?ns=`; `fast_path` whether what was answered lately is answered at once; `splice` whether
    large blobs go straight from the registry's connection to the client's.
    """

    address: Address
    tls: TlsSettings | None = None
    trusted_proxies: tuple[Network, ...] = ()
    ns_allowed: frozenset[str] = frozenset()
    fast_path: bool = True
    splice: bool = True


@dataclass(frozen=True, slots=True)
class CandidatesSettings:
    """The listener on which everything is answered, for scanners and co-signers."""

    address: Address
    tls: TlsSettings


class Push(StrEnum):
    """`registry.push`."""

    ALLOW = "allow"
    REFUSE = "refuse"


class Delete(StrEnum):
    """`registry.delete`: `unsigned` keeps what is admitted."""

    ALLOW = "allow"
    UNSIGNED = "unsigned"
    REFUSE = "refuse"


class Blobs(StrEnum):
    """`registry.blobs`: `admitted` serves only what an admitted manifest names."""

    ANY = "any"
    ADMITTED = "admitted"


@dataclass(frozen=True, slots=True)
class Doors:
    """What of the registry is open besides manifests."""

    push: Push = Push.ALLOW
    delete: Delete = Delete.UNSIGNED
    blobs: Blobs = Blobs.ANY


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the proxy shows as itself; never a client's."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The registry behind the proxy; `url` is scheme, host and port alone.

    `redirect_hosts` are the hosts (`host` or `host:port`) to which a redirect of a manifest is followed.
    """

    url: URL
    ca_file: PemFile | None
    credentials: Credentials | None
    client_certificate_file: PemFile | None = None
    client_key_file: PemFile | None = None
    redirect_hosts: frozenset[str] = frozenset()
    doors: Doors = field(default_factory=Doors)


@dataclass(frozen=True, slots=True)
class NotarySettings:
    """A Notary server; `url` may have a path but no trailing slash.

    `timeout` is seconds, and so is `changefeed`: how often it is asked what changed, or None for never.
    """

    name: str
    url: URL
    ca_file: PemFile | None
    client_certificate_file: PemFile | None
    client_key_file: PemFile | None
    credentials: Credentials | None
    timeout: float
    changefeed: float | None = None

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.url)


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """A directory with trust data in the place of a Notary server, as `tagwarden trust export` writes it."""

    name: str
    directory: Path

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.directory)


IN_MEMORY: Final = "memory:"
"""The trust store of a trial without a file, which is gone with the process; no file can name it."""


POSTGRESQL: Final = "postgresql://"


@dataclass(frozen=True, slots=True)
class TrustStoreSettings:
    """Where verified trust data is remembered.

    `url` is `sqlite:///` and an absolute path, `postgresql://user@host:port/database`, or `IN_MEMORY`.
    """

    url: str
    must_exist: bool
    password: str | None = field(default=None, repr=False)
    ca_file: PemFile | None = None

    @property
    def is_server(self) -> bool:
        """Whether it is a database on a server, and not a file."""
        return self.url.startswith(POSTGRESQL)


STDOUT: Final = Path("-")
"""Standard output, in the place of an audit file."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How the log is written, None for what fits where it goes, and where the audit stream goes besides."""

    format: Literal["json", "text"] | None = None
    audit_file: Path | None = None


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Where traces are sent: the whole address, path included."""

    endpoint: URL


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured.

    `generation` names the effective configuration, contents of key files included: caches carry it in their
    keys. `warnings` are complete lines for people about what is allowed but should not go unnoticed. `workers` is how
    many processes serve clients, None for one a core. `written` has a hash of each part of the file, by its name.
    """

    name: str
    listen: ListenSettings
    probes: Address
    registry: RegistrySettings
    notaries: Mapping[str, NotarySettings | BundleSettings]
    trust_store: TrustStoreSettings
    policy: Policy
    generation: str
    warnings: tuple[str, ...] = ()
    candidates: CandidatesSettings | None = None
    workers: int | None = 1
    log: LogSettings = LogSettings()
    tracing: TracingSettings | None = None
    written: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
