"""Files for TLS: a certificate and its private key, seen to fit before anybody connects."""

import ssl
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from proxy.config.document import Document, KeyPath
from proxy.config.files import Files
from proxy.config.pem import PemFile

Written: TypeAlias = tuple[str, str | None]
"""A key of the file, and the file name that is written there, if any."""


def certificate_and_key(
    document: Document, files: Files, at: KeyPath, certificate: Written, key: Written
) -> tuple[PemFile, PemFile] | None:
    """A certificate and its key, named in the mapping `at`; None where neither is named or nothing is usable.

    Notes a problem unless both are there, readable, PEM, and belong together.
    """
    (certificate_word, certificate_name), (key_word, key_name) = certificate, key
    if certificate_name is None or key_name is None:
        if certificate_name or key_name:
            missing = key_word if key_name is None else certificate_word
            document.problem(
                (*at, missing), "certificate and key only work together; add this key, or remove the other"
            )
        return None
    certificates = files.certificates((*at, certificate_word), certificate_name)
    key_at = (*at, key_word)
    data = files.read_secret(key_at, key_name)
    if not certificates or data is None:
        return None
    try:
        private = load_pem_private_key(data, password=None)
    except TypeError:
        document.problem(key_at, f"{files.named(key_name)} is encrypted; name a file with the key in plain PEM")
    except (ValueError, UnsupportedAlgorithm):
        document.problem(key_at, f"{files.named(key_name)} holds no private key; name a file with the key in PEM")
    else:
        shown = files.pem(certificate_name), PemFile(files.path(key_name), data)
        if private.public_key() != certificates[0].public_key():
            document.problem(
                key_at, f"{files.named(key_name)} is not the key of {files.named(certificate_name)}; check both names"
            )
        elif why := _why_not(*shown):
            sentence = f"TLS does not accept {files.named(certificate_name)} ({why})"
            remedy = "renew it with a stronger key, such as RSA of 2048 bits"
            document.problem((*at, certificate_word), f"{sentence}; {remedy}")
        else:
            return shown
    return None


def _why_not(certificate: PemFile, key: PemFile) -> str:
    """Why TLS would not show this certificate, such as that its key is too short; empty where it would."""
    try:
        with certificate.in_memory() as shown, key.in_memory() as private:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(shown, private, password="")
    except ssl.SSLError as error:
        return (error.reason or "not readable").lower().replace("_", " ")
    except OSError as error:
        return error.strerror or "not readable"
    return ""
