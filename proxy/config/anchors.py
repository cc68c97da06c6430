"""Roots and signers: the keys that people pinned, read from their files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.files import Files
from proxy.config.shape import RootShape, SignerShape
from proxy.errors import NameInvalid
from proxy.names import RELEASES, RoleName
from proxy.policy.signers import Signer, SignerKey
from proxy.tuf.keys import from_pem
from proxy.tuf.pins import RootPin

_TOFU: Final = "tofu"


def roots(document: Document, shapes: Mapping[str, RootShape], files: Files) -> dict[str, RootPin]:
    """Read every entry of `roots`."""
    return {name: _root(document, name, shape, files) for name, shape in shapes.items()}


def signers(document: Document, shapes: Mapping[str, SignerShape], files: Files) -> dict[str, Signer]:
    """Read every entry of `signers`; warns where two share a key, because a key has one vote."""
    read = {name: _signer(document, name, shape, files) for name, shape in shapes.items()}
    owners: dict[str, str] = {}
    for signer in read.values():
        for key in signer.keys or ():
            owner = owners.setdefault(key.public_key_id, signer.name)
            if owner != signer.name:
                sentence = f"shares key {key.public_key_id[:12]} with {quoted(owner)}, and one key has one vote"
                document.warn(("signers", signer.name), f"this signer {sentence}; give each their own")
    return read


def _root(document: Document, name: str, shape: RootShape, files: Files) -> RootPin:
    at = ("roots", name)
    if name == _TOFU:
        document.problem(at, '"tofu" is the word for trust on first use; choose another name')
    if not (shape.public_key_ids or shape.certificate_files or shape.ca_file) and not document.was_cut(at):
        document.problem(at, "this pins nothing; give public_key_ids, certificate_files or ca_file")
    fingerprints = [
        _fingerprint(document, (*at, "certificate_files", position), file, files)
        for position, file in enumerate(shape.certificate_files or ())
    ]
    return RootPin(
        name=name,
        public_key_ids=frozenset(shape.public_key_ids or ()),
        certificates=frozenset(fingerprint for fingerprint in fingerprints if fingerprint),
        authorities=_authorities(document, (*at, "ca_file"), shape.ca_file, files),
        allow_wildcard_name=shape.allow_wildcard_name,
    )


def _fingerprint(document: Document, at: KeyPath, file: str, files: Files) -> str | None:
    """SHA-256 hex of the leaf, which Notary wants first in the file (dialect 3.5)."""
    certificates = files.certificates(at, file)
    if not certificates:
        return None
    if _is_authority(certificates[0]):
        document.problem(at, f"{quoted(file)} is an authority, which can never be a root itself; name it as ca_file")
    return certificates[0].fingerprint(hashes.SHA256()).hex()


def _authorities(document: Document, at: KeyPath, file: str | None, files: Files) -> tuple[x509.Certificate, ...]:
    certificates = tuple(files.certificates(at, file)) if file else ()
    if not all(_is_authority(certificate) for certificate in certificates):
        document.problem(at, f"{quoted(file)} holds a certificate of no authority; name that one in certificate_files")
    return certificates


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _signer(document: Document, name: str, shape: SignerShape, files: Files) -> Signer:
    at = ("signers", name)
    _check_signer_name(document, at, name)
    if isinstance(shape.keys, str):
        return Signer(name, None)
    keys: dict[str, SignerKey] = {}
    for position, choice in enumerate(shape.keys):
        here = (*at, "keys", position)
        file, until = (choice, None) if isinstance(choice, str) else (choice.file, choice.until)
        key = _signer_key(document, here, file, until, files)
        if key and key.public_key_id in keys:
            document.problem(here, f"{quoted(file)} is the same key as another of this signer; remove one of them")
        if key:
            keys[key.public_key_id] = key
    return Signer(name, tuple(keys.values()))


def _check_signer_name(document: Document, at: KeyPath, name: str) -> None:
    if name == RELEASES.signer:
        document.problem(
            at, "targets/releases is the list of releases and no signer; ask for it by signed_by: released"
        )
    elif name.startswith("targets/"):
        document.problem(at, f"a signer is named without targets/; write {quoted(name.removeprefix('targets/'))}")
    else:
        try:
            RoleName(f"targets/{name}")
        except NameInvalid:
            document.problem(at, f'{quoted(name)} is no name of a delegation; use a-z, 0-9, "-" and "_", as in Notary')


def _signer_key(document: Document, at: KeyPath, file: str, until: datetime | None, files: Files) -> SignerKey | None:
    data = files.read(at, file)
    if data is None:
        return None
    if b"PRIVATE KEY-----" in data:
        document.problem(
            at, f"{quoted(file)} holds a private key, which belongs to its owner alone; name the public key"
        )
        return None
    if data.count(b"-----BEGIN PUBLIC KEY-----") > 1:
        document.problem(at, f"{quoted(file)} holds several keys; write each into a file of its own")
        return None
    try:
        return SignerKey(from_pem(data).public_key_id, until)
    except (ValueError, UnsupportedAlgorithm) as error:
        document.problem(at, f"{quoted(file)} cannot be used as a key ({error}); name a public key in PEM")
        return None
