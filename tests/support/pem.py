"""Files for TLS, as a configuration that names them would have read them."""

from pathlib import Path

from proxy.config.pem import PemFile
from proxy.config.settings import TlsSettings


def pem_file(path: Path | None) -> PemFile | None:
    """A file as it is now; None for none."""
    return None if path is None else PemFile.read(path)


def listener_tls(certificate: Path, key: Path, client_ca: Path | None = None) -> TlsSettings:
    """What a listener with these files is configured with."""
    return TlsSettings(PemFile.read(certificate), PemFile.read(key), pem_file(client_ca))
