"""The shape of the sections about servers: the listeners of the proxy, and what stands behind it."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from proxy.config.fields import (
    Flag,
    ListenAddress,
    NotaryUrl,
    RedirectHost,
    RegistryName,
    RegistryUrl,
    Shape,
    StorePath,
    Text,
    TrustedNetwork,
    WaitingTime,
    otherwise,
)
from proxy.config.policy_shape import RootsChoice
from proxy.config.settings import Address

_PUSH: Final = "{value} is neither of the two possible words; write allow or refuse"
_DELETE: Final = "{value} is none of the three possible words; write allow, unsigned or refuse"
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

    url: StorePath = Field(
        "/var/lib/tagwarden/trust.db",
        description="sqlite:/// and the path of the file; sqlite:////var/lib/tagwarden/trust.db if absent",
    )
    must_exist: Flag = Field(default=False, description="refuse to start where there is no file yet; false if absent")


class NotaryShape(Shape):
    """A Notary server and how to reach it."""

    url: NotaryUrl = Field(description="address of the Notary server, https unless on loopback")
    ca_file: Text | None = Field(None, description="file with the authorities of its TLS certificate, PEM")
    client_certificate_file: Text | None = Field(None, description="file with the TLS client certificate, PEM")
    client_key_file: Text | None = Field(None, description="file with the private key of the client certificate, PEM")
    credentials_file: Text | None = Field(None, description="JSON file with username and password for Notary")
    timeout: WaitingTime = Field(timedelta(seconds=5), description="longest wait for one answer; 5s if absent")
    roots: RootsChoice | None = Field(None, description="names of the roots that anchor its collections, or tofu")
