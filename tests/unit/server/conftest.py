"""What is logged, and the files of a listener with TLS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from certs.authority import Authority
from proxy.config.pem import PemFile
from proxy.config.settings import TlsSettings


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """Every event that is logged."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def tls(tmp_path: Path) -> TlsSettings:
    """Files of a listener that wants certificates."""
    authority = Authority.open(tmp_path)
    pair = authority.issue("proxy")
    files = pair.certificate_file, pair.key_file, authority.certificate_file
    return TlsSettings(*map(PemFile.read, files))
