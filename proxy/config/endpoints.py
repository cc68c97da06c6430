"""The servers that the proxy talks to, and where it remembers what they said."""

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from yarl import URL

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.files import Files
from proxy.config.settings import NotarySettings, RegistrySettings, TrustStoreSettings
from proxy.config.shape import NotaryShape, RegistryShape, TrustStoreShape
from proxy.config.values import is_loopback

_TLS_KEYS: Final = ("ca_file", "client_certificate_file", "client_key_file")


def registry(document: Document, shape: RegistryShape, files: Files) -> RegistrySettings:
    """Read what `registry` names."""
    at = ("registry",)
    _check_tls(document, at, shape.url, shape)
    if shape.url.scheme == "http" and not is_loopback(shape.url):
        document.warn(
            (*at, "url"), "clients' credentials go to the registry in plain text; use https, or run it on loopback"
        )
    return RegistrySettings(
        url=shape.url,
        ca_file=files.authorities((*at, "ca_file"), shape.ca_file),
        credentials=files.credentials((*at, "credentials_file"), shape.credentials_file),
    )


def notary(document: Document, name: str, shape: NotaryShape, files: Files) -> NotarySettings:
    """Read what an entry of `notaries` names."""
    at = ("notaries", name)
    _check_tls(document, at, shape.url, shape)
    _check_client_key(document, at, shape, files)
    return NotarySettings(
        name=name,
        url=shape.url,
        ca_file=files.authorities((*at, "ca_file"), shape.ca_file),
        client_certificate_file=_path(files, shape.client_certificate_file),
        client_key_file=_path(files, shape.client_key_file),
        credentials=files.credentials((*at, "credentials_file"), shape.credentials_file),
        timeout=shape.timeout.total_seconds(),
    )


def trust_store(shape: TrustStoreShape, files: Files) -> TrustStoreSettings:
    """Make the path of the trust store absolute."""
    return TrustStoreSettings(url=f"sqlite:///{files.path(shape.url).absolute()}", must_exist=shape.must_exist)


def _check_tls(document: Document, at: KeyPath, url: URL, shape: NotaryShape | RegistryShape) -> None:
    """Files for TLS beside a URL without it mean that somebody expects protection that is not there."""
    if url.scheme == "https":
        return
    for key in _TLS_KEYS:
        if getattr(shape, key, None) is not None:
            document.problem((*at, key), "this has no effect without TLS; make the url https, or remove this key")


def _check_client_key(document: Document, at: KeyPath, shape: NotaryShape, files: Files) -> None:
    """See that certificate and private key are there, readable, and belong together."""
    certificate_name, key_name = shape.client_certificate_file, shape.client_key_file
    if certificate_name is None and key_name is None:
        return
    if certificate_name is None or key_name is None:
        missing = "client_key_file" if key_name is None else "client_certificate_file"
        document.problem(
            (*at, missing), "client certificate and key only work together; add this key, or remove the other"
        )
        return
    certificates = files.certificates((*at, "client_certificate_file"), certificate_name)
    key_at = (*at, "client_key_file")
    data = files.read_secret(key_at, key_name)
    if not certificates or data is None:
        return
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        document.problem(key_at, f"{quoted(key_name)} is encrypted; name a file with the key in plain PEM")
    except (ValueError, UnsupportedAlgorithm):
        document.problem(key_at, f"{quoted(key_name)} holds no private key; name a file with the key in PEM")
    else:
        if key.public_key() != certificates[0].public_key():
            document.problem(
                key_at, f"{quoted(key_name)} is not the key of {quoted(certificate_name)}; check both names"
            )


def _path(files: Files, name: str | None) -> Path | None:
    return files.path(name) if name else None
