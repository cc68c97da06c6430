"""Roots and signers: the keys that people pinned, read from their files."""

from collections.abc import Container, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.config.certificates import is_authority
from proxy.config.document import Document, KeyPath, quoted
from proxy.config.files import Files
from proxy.config.policy_shape import RootShape, SignerShape
from proxy.errors import NameInvalid
from proxy.names import RELEASES, RoleName
from proxy.policy.signers import Signer, SignerKey
from proxy.tuf.keys import from_pem
from proxy.tuf.pins import RootPin

NOBODY_ELSE: Final[Mapping[str, Signer]] = MappingProxyType({})

_TOFU: Final = "tofu"


def roots(
    document: Document, shapes: Mapping[str, RootShape], files: Files, blocked: Container[str]
) -> dict[str, RootPin]:
    """Read every entry of `roots`; warns where nothing but `blocked` keys (public key ids) is pinned."""
    return {name: _root(document, name, shape, files, blocked) for name, shape in shapes.items()}


def signers(
    document: Document,
    shapes: Mapping[str, SignerShape],
    files: Files,
    blocked: Container[str],
    others: Mapping[str, Signer] = NOBODY_ELSE,
) -> dict[str, Signer]:
    """Read every entry of `signers`; `others` are those whom entries of the same file can name as well.

    Warns where two share a key, because a key has one vote, and where all keys of one are `blocked`
    (public key ids).
    """
    read = {name: _signer(document, name, shape, files) for name, shape in shapes.items()}
    owners = {key.public_key_id: other.name for other in others.values() for key in other.keys or ()}
    for signer in read.values():
        if signer.keys and all(key.public_key_id in blocked for key in signer.keys):
            document.warn(("signers", signer.name), "all keys of this signer are blocked; name a new one, or remove it")
        for key in signer.keys or ():
            owner = owners.setdefault(key.public_key_id, signer.name)
            if owner != signer.name:
                sentence = f"shares key {key.public_key_id[:12]} with {quoted(owner)}, and one key has one vote"
                document.warn(("signers", signer.name), f"this signer {sentence}; give each their own")
    return read


def _root(document: Document, name: str, shape: RootShape, files: Files, blocked: Container[str]) -> RootPin:
    at = ("roots", name)
    if name == _TOFU:
        document.problem(at, '"tofu" is the word for trust on first use; choose another name')
    if not (shape.public_key_ids or shape.certificate_files or shape.ca_file) and not document.was_cut(at):
        document.problem(at, "this pins nothing; give public_key_ids, certificate_files or ca_file")
    leaves = [
        _leaf(document, (*at, "certificate_files", position), file, files)
        for position, file in enumerate(shape.certificate_files or ())
    ]
    keys = {*(shape.public_key_ids or ()), *(_public_key_id(leaf) for leaf in leaves if leaf)}
    if keys and not shape.ca_file and all(key in blocked for key in keys):
        document.warn(at, "all that this pins is blocked, so it anchors nothing; pin a new key, or remove it")
    return RootPin(
        name=name,
        public_key_ids=frozenset(shape.public_key_ids or ()),
        certificates=frozenset(leaf.fingerprint(hashes.SHA256()).hex() for leaf in leaves if leaf),
        authorities=_authorities(document, (*at, "ca_file"), shape.ca_file, files),
        allow_wildcard_name=shape.allow_wildcard_name,
    )


def _leaf(document: Document, at: KeyPath, file: str, files: Files) -> x509.Certificate | None:
    """The leaf, which Notary wants first in the file (dialect 3.5)."""
    certificates = files.certificates(at, file)
    if not certificates:
        return None
    if is_authority(certificates[0]):
        document.problem(
            at, f"{files.named(file)} is an authority, which can never be a root itself; name it as ca_file"
        )
    return certificates[0]


def _public_key_id(leaf: x509.Certificate) -> str | None:
    """The id of its plain key, or None for a key that Notary does not use."""
    try:
        return from_pem(leaf.public_bytes(Encoding.PEM)).public_key_id
    except (ValueError, UnsupportedAlgorithm):
        return None


def _authorities(document: Document, at: KeyPath, file: str | None, files: Files) -> tuple[x509.Certificate, ...]:
    if file is None:
        return ()
    certificates = tuple(files.certificates(at, file))
    if not all(is_authority(certificate) for certificate in certificates):
        document.problem(
            at, f"{files.named(file)} holds a certificate of no authority; name that one in certificate_files"
        )
    return certificates


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
            document.problem(here, f"{files.named(file)} is the same key as another of this signer; remove one of them")
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
            at, f"{files.named(file)} holds a private key, which belongs to its owner alone; name the public key"
        )
        return None
    if data.count(b"-----BEGIN PUBLIC KEY-----") > 1:
        document.problem(at, f"{files.named(file)} holds several keys; write each into a file of its own")
        return None
    try:
        return SignerKey(from_pem(data).public_key_id, until)
    except (ValueError, UnsupportedAlgorithm) as error:
        document.problem(at, f"{files.named(file)} cannot be used as a key ({error}); name a public key in PEM")
        return None
