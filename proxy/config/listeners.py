"""The listeners: where clients, scanners and probes are served, and that they do not stand in each other's way."""

import ipaddress
from itertools import combinations
from typing import Final

from proxy.config.document import Document, KeyPath
from proxy.config.files import Files
from proxy.config.pem import PemFile
from proxy.config.references import check_repeated
from proxy.config.server_shape import CandidatesShape, CandidatesTlsShape, ListenShape, TlsShape
from proxy.config.settings import Address, CandidatesSettings, ListenSettings, Network, TlsSettings
from proxy.config.shape import FileShape
from proxy.config.tls import certificate_and_key

_TLS: Final[KeyPath] = ("listen", "tls")
_CANDIDATES_TLS: Final[KeyPath] = ("candidates", "tls")


def listen(document: Document, shape: ListenShape, files: Files) -> ListenSettings:
    """Read what `listen` names."""
    networks, names = shape.trusted_proxies or [], shape.ns_allowed or []
    check_repeated(document, ("listen", "trusted_proxies"), [str(network) for network in networks])
    check_repeated(document, ("listen", "ns_allowed"), names)
    for position, network in enumerate(networks):
        _warn_everybody(document, ("listen", "trusted_proxies", position), network)
    return ListenSettings(
        address=shape.address,
        tls=_tls(document, shape.tls, files) if shape.tls else None,
        trusted_proxies=tuple(networks),
        ns_allowed=frozenset(names),
        fast_path=shape.fast_path,
        splice=shape.splice,
    )


def candidates(
    document: Document, shape: CandidatesShape | None, main: ListenShape, files: Files
) -> CandidatesSettings | None:
    """Read what `candidates` names; without a certificate of its own it shows that of `main`.

    None where there is no such listener, or a problem was noted.
    """
    if shape is None:
        return None
    own = shape.tls
    client_ca_file = files.authorities((*_CANDIDATES_TLS, "client_ca_file"), own.client_ca_file)
    pair = _pair(document, files, _CANDIDATES_TLS, own)
    if pair is None and own.certificate_file is None and own.key_file is None:
        if main.tls:
            pair = files.pem(main.tls.certificate_file), files.pem(main.tls.key_file)
        elif not (document.was_cut(_TLS) or document.was_cut(_CANDIDATES_TLS)):
            document.problem(
                (*_CANDIDATES_TLS, "certificate_file"),
                "this listener has no certificate; add certificate_file and key_file here or to listen.tls",
            )
    if main.tls and main.tls.client_ca_file:
        _warn_same_authority(document, own, main.tls.client_ca_file, files)
    return CandidatesSettings(shape.address, TlsSettings(*pair, client_ca_file)) if pair and client_ca_file else None


def listened(shape: FileShape) -> tuple[tuple[str, Address, str], ...]:
    """Each listener: its section, its address, and who is served there."""
    named = [("listen", shape.listen.address, "clients"), ("probes", shape.probes.address, "probes")]
    if shape.candidates:
        named.insert(1, ("candidates", shape.candidates.address, "candidates"))
    return tuple(named)


def check_addresses(document: Document, shape: FileShape) -> None:
    """Note where two listeners would need the same address."""
    for (_, first, served), (section, second, _) in combinations(listened(shape), 2):
        if _meet(first, second):
            document.problem((section, "address"), f"{served} are served on this address; choose another port")


def _tls(document: Document, shape: TlsShape, files: Files) -> TlsSettings | None:
    pair = _pair(document, files, _TLS, shape)
    client_ca_file = files.authorities((*_TLS, "client_ca_file"), shape.client_ca_file)
    return TlsSettings(*pair, client_ca_file) if pair else None


def _pair(
    document: Document, files: Files, at: KeyPath, shape: TlsShape | CandidatesTlsShape
) -> tuple[PemFile, PemFile] | None:
    certificate, key = ("certificate_file", shape.certificate_file), ("key_file", shape.key_file)
    return certificate_and_key(document, files, at, certificate, key)


def _warn_everybody(document: Document, at: KeyPath, network: Network) -> None:
    if network.prefixlen == 0:
        document.warn(at, "this lets every client say where it comes from; name the networks of your proxies alone")


def _warn_same_authority(document: Document, own: CandidatesTlsShape, main: str, files: Files) -> None:
    """Who may pull would get everything unsigned as well."""
    at = (*_CANDIDATES_TLS, "client_ca_file")
    if set(files.certificates(at, own.client_ca_file)) & set(files.certificates((*_TLS, "client_ca_file"), main)):
        document.warn(
            at, "whoever may pull may ask for candidates too, by the same authority; use one for candidates alone"
        )


def _meet(one: Address, other: Address) -> bool:
    """Whether only one of two listeners could have its address."""
    if one.port != other.port or not one.port:
        return False
    hosts = one.host.lower(), other.host.lower()
    return hosts[0] == hosts[1] or any(_takes_in(*pair) for pair in (hosts, hosts[::-1]))


def _takes_in(host: str, other: str) -> bool:
    """Whether `host` stands for all addresses of a family that `other` may be one of."""
    try:
        every = ipaddress.ip_address(host)
    except ValueError:
        return False
    if not every.is_unspecified:
        return False
    try:
        return ipaddress.ip_address(other).version == every.version
    except ValueError:
        return True
