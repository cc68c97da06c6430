"""The shape of the sections about servers: the listeners of the proxy, and what stands behind it."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from proxy.config.fields import (
    CollectorUrl,
    Flag,
    ListenAddress,
    NotaryUrl,
    PollInterval,
    RedirectHost,
    RegistryName,
    RegistryUrl,
    Shape,
    StoreUrl,
    Text,
    TrustedNetwork,
    WaitingTime,
    otherwise,
)
from proxy.config.policy_shape import RootsChoice
from proxy.config.settings import Address

_PUSH: Final = "{value} is neither of the two possible words; write allow or refuse"
_DELETE: Final = "{value} is none of the three possible words; write allow, unsigned or refuse"
_LOG: Final = "{value} is neither of the two possible words; write json or text"
_BLOBS: Final = "{value} is neither of the two possible words; write any or admitted"


class TlsShape(Shape):
    """TLS of the listener for clients."""

    certificate_file: Text = Field(description="file with the certificate of this listener, its chain behind it, PEM")
    key_file: Text = Field(description="file with the private key of the certificate, PEM, not encrypted")
    client_ca_file: Text | None = Field(
        None, description="file with authorities, PEM; then clients must show a certificate that one of them issued"
    )


class ListenShape(Shape):
    """Where clients are served."""

    address: ListenAddress = Field(
        Address("0.0.0.0", 5000),  # noqa: S104  (clients are on other machines)
        description="host:port on which clients are served; 0.0.0.0:5000 if absent",
    )
    tls: TlsShape | None = Field(None, description="certificate of this listener; plain HTTP if absent")
    trusted_proxies: Annotated[list[TrustedNetwork], Field(min_length=1)] | None = Field(
        None, description="networks of the proxies in front of this one, whose X-Forwarded headers count"
    )
    ns_allowed: Annotated[list[RegistryName], Field(min_length=1)] | None = Field(
        None, description="names of registries for which a containerd mirror may ask by ?ns="
    )
    fast_path: Flag = Field(
        default=True, description="answer at once what was answered lately and has not changed; true if absent"
    )
    splice: Flag = Field(
        default=True,
        description="send large blobs straight from the registry's connection to the client's; true if absent",
    )


class CandidatesTlsShape(Shape):
    """TLS of the listener for candidates: never without certificates of clients."""

    client_ca_file: Text = Field(description="file with the authorities of those who may ask here, PEM")
    certificate_file: Text | None = Field(
        None, description="file with the certificate of this listener; that of listen.tls if absent"
    )
    key_file: Text | None = Field(None, description="file with its private key; that of listen.tls if absent")


class CandidatesShape(Shape):
    """Where everything is answered, signed or not."""

    address: ListenAddress = Field(description="host:port on which scanners and co-signers are served")
    tls: CandidatesTlsShape = Field(description="whose certificates are wanted there, and which one is shown")


class ProbesShape(Shape):
    """Where health is asked for."""

    address: ListenAddress = Field(
        Address("127.0.0.1", 9596), description="host:port of the health checks; 127.0.0.1:9596 if absent"
    )


class RegistryShape(Shape):
    """The registry behind the proxy."""

    url: RegistryUrl = Field(description="scheme, host and port of the registry behind this proxy")
    ca_file: Text | None = Field(None, description="file with the authorities of its TLS certificate, PEM")
    client_certificate_file: Text | None = Field(
        None, description="file with the TLS client certificate that this proxy shows for everybody, PEM"
    )
    client_key_file: Text | None = Field(None, description="file with the private key of the client certificate, PEM")
    anyone_may_read: Flag = Field(
        default=False, description="let everybody read what the client certificate may read; false if absent"
    )
    credentials_file: Text | None = Field(
        None, description="JSON file with username and password for what the proxy itself reads"
    )
    redirect_hosts: Annotated[list[RedirectHost], Field(min_length=1)] | None = Field(
        None, description="other hosts to which the registry may redirect a manifest"
    )
    push: Annotated[Literal["allow", "refuse"], otherwise(_PUSH)] = Field(
        "allow", description="whether clients may push through this proxy; allow if absent"
    )
    delete: Annotated[Literal["allow", "unsigned", "refuse"], otherwise(_DELETE)] = Field(
        "unsigned", description="whether clients may delete: allow, unsigned or refuse; unsigned if absent"
    )
    blobs: Annotated[Literal["any", "admitted"], otherwise(_BLOBS)] = Field(
        "any",
        description="any: blobs are passed on; admitted: only those that an admitted manifest names; any if absent",
    )


class TrustStoreShape(Shape):
    """Where verified trust data is remembered."""

    url: StoreUrl = Field(
        "sqlite:////var/lib/tagwarden/trust.db",
        description="sqlite:/// and the path of a file, or postgresql://user@host/database; "
        "sqlite:////var/lib/tagwarden/trust.db if absent",
    )
    password_file: Text | None = Field(None, description="file with the password of the database's user")
    ca_file: Text | None = Field(None, description="file with the authorities of the database server, PEM")
    must_exist: Flag = Field(default=False, description="refuse to start where there is no file yet; false if absent")


class LogShape(Shape):
    """What the program writes."""

    format: Annotated[Literal["json", "text"], otherwise(_LOG)] | None = Field(
        None, description="json or text; if absent, text on a terminal and json anywhere else"
    )
    audit_file: Text | None = Field(
        None, description="file to which refusals and events of trust are appended, or - for standard output"
    )


class TracingShape(Shape):
    """Traces for OpenTelemetry."""

    endpoint: CollectorUrl = Field(
        description="URL of a collector that takes OTLP over HTTP; /v1/traces if without path"
    )


class NotaryShape(Shape):
    """A Notary server and how to reach it, or a directory in its place: exactly one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [where]} for where in ("url", "dir")]})

    url: NotaryUrl | None = Field(None, description="address of the Notary server, https unless on loopback")
    dir: Text | None = Field(None, description="directory with exported trust data, in the place of a server")
    ca_file: Text | None = Field(None, description="file with the authorities of its TLS certificate, PEM")
    client_certificate_file: Text | None = Field(None, description="file with the TLS client certificate, PEM")
    client_key_file: Text | None = Field(None, description="file with the private key of the client certificate, PEM")
    credentials_file: Text | None = Field(None, description="JSON file with username and password for Notary")
    timeout: WaitingTime = Field(timedelta(seconds=5), description="longest wait for one answer; 5s if absent")
    changefeed: PollInterval = Field(
        "off", description="how often to ask what changed, 200ms to 1h, or off; off if absent"
    )
    roots: RootsChoice | None = Field(None, description="names of the roots that anchor its collections, or tofu")
