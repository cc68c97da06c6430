"""Root keys: names, dates, bundles and spellings of their certificates.

Source: dialect 3.5; rows 43 to 48 and 58. Difference S3.
"""

from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.certificates import (
    EXPIRED,
    FAR_OFF,
    CommonName,
    authority,
    certificate,
    root_key,
    signed_with_sha1,
    with_compressed_point,
    x509_key,
)
from tests.support.keys import Key, ecdsa_key, rsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.cases import GUN
from tests.support.swizzler.swizzle import ACCEPTS, Apply, Swizzle

_NO_LEAF: Final = "unable to retrieve valid leaf certificates"
_NOT_COUNTED: Final = "failed to validate integrity of roots"
_KEY: Final = ecdsa_key("another root")
_CA: Final = authority("corp")
_INTERMEDIATE: Final = authority("corp signing", _CA)
_OLD_INTERMEDIATE: Final = authority("corp signing 2020", _CA, EXPIRED)
_NEVER: Final = FAR_OFF.replace(year=2090)

MATCHING_WILDCARDS: Final = (
    "registry.example.com/*",
    "registry.example.com/**",
    "*",
    "**",
    "registry.example.com/shop/a*******",
    f"{GUN}*",
)
OTHER_NAMES: Final = (
    "registry.example.com/shop/**/",
    "registry.example.com/*/api",
    "*/shop/api",
    "registry.example.com/*/*/",
    "*shop*",
    "",
    "registry.example.com/shop",
    "registry.example.com/shop/api2",
    GUN.upper(),
    f"{GUN} ",
    f" {GUN}",
)


def leaf(name: CommonName = GUN, **how: Any) -> Key:
    """A root key with a self-signed certificate of that name."""
    return x509_key(_KEY, certificate(name, _KEY, **how))


def bundle(*certificates: x509.Certificate) -> Key:
    """A root key with these certificates, in this order."""
    return x509_key(_KEY, *certificates)


def rooted(*keys: Key, threshold: int = 1) -> Apply:
    """Declare these root keys; root is signed by them and by the one that readers know."""

    def apply(sim: NotarySimulator, _role: str) -> None:
        known = sim.root.signers
        sim.root.roles["root"].keys = list(keys)
        sim.root.roles["root"].threshold = threshold
        sim.root.signers = [*keys, *known]

    return apply


def respelled(edit: Callable[[bytes], bytes], key: Key | None = None) -> Key:
    """A root key whose PEM text is spelled otherwise."""
    true = key or leaf()
    return Key(true.keytype, edit(true.public), true.private)


def _long_lines(text: bytes) -> list[bytes]:
    first, *body, last = text.splitlines()
    return [first, b"".join(body), last]


_LEAF: Final = certificate(GUN, _KEY, _INTERMEDIATE)
_DIRECT: Final = certificate(GUN, _KEY, _CA)

_RIGHT: Final[dict[str, tuple[Key, ...]]] = {
    "another certificate": (leaf(),),
    "RSA certificate": (root_key(GUN, "rsa", "rsa"),),
    "RSA 3072 certificate": (x509_key(rsa_key("long", 3072), certificate(GUN, rsa_key("long", 3072))),),
    "P-384 certificate": (x509_key(ecdsa_key("wide", "P-384"), certificate(GUN, ecdsa_key("wide", "P-384"))),),
    "P-521 certificate": (x509_key(ecdsa_key("wide", "P-521"), certificate(GUN, ecdsa_key("wide", "P-521"))),),
    "certificate of an authority": (bundle(_DIRECT),),
    "leaf and intermediate": (bundle(_LEAF, _INTERMEDIATE.certificate),),
    "leaf, intermediate and authority": (bundle(_LEAF, _INTERMEDIATE.certificate, _CA.certificate),),
    "leaf and an authority that did not sign it": (bundle(_LEAF, _CA.certificate),),
    "no extended usage": (leaf(usage=None),),
    "usage server": (leaf(usage=ExtendedKeyUsageOID.SERVER_AUTH),),
    "expired certificate next to a good one": (leaf(not_after=EXPIRED), root_key(GUN, "third")),
    "other name next to a good one": (leaf("registry.example.com/other"), root_key(GUN, "third")),
    "plain key next to a good one": (_KEY, root_key(GUN, "third")),
    "last of two common names": (leaf(("registry.example.com/other", GUN)),),
    "last of two common names in one part": (leaf((("registry.example.com/other", GUN),)),),
}

_UNUSABLE: Final[dict[str, tuple[Key, ...]]] = {
    "expired certificate": (leaf(not_after=EXPIRED),),
    "certificate not yet valid": (leaf(not_before=_NEVER),),
    "authority as leaf": (leaf(is_ca=True),),
    "authority only": (x509_key(_CA.key, _CA.certificate),),
    "intermediate before leaf": (bundle(_INTERMEDIATE.certificate, _LEAF),),
    "two leaves": (bundle(_DIRECT, certificate(GUN, ecdsa_key("other"))),),
    "name only as alternative": (leaf("other", alternative_name="registry.example.com"),),
    "first of two common names": (leaf((GUN, "registry.example.com/other")),),
    "first of two common names in one part": (leaf(((GUN, "registry.example.com/another/repository"),)),),
    "compressed point": (x509_key(_KEY, with_compressed_point(certificate(GUN, _KEY), _KEY)),),
    "RSA 1024 certificate": (x509_key(rsa_key("short", 1024), certificate(GUN, rsa_key("short", 1024))),),
    "SHA-1 certificate": (x509_key(rsa_key("rsa"), signed_with_sha1(certificate(GUN, rsa_key("rsa")))),),
    "plain key": (_KEY,),
    "PEM garbage": (
        Key("ecdsa-x509", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", _KEY.private),
    ),
    "no PEM": (Key("ecdsa-x509", b"certificate", _KEY.private),),
    "PEM of a public key": (respelled(lambda text: text.replace(b"CERTIFICATE", b"PUBLIC KEY")),),
    "PEM of a key behind": (
        respelled(lambda text: text + b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
    ),
    "leaf and garbage PEM": (
        respelled(lambda text: text + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ),
}

_UNCOUNTED: Final[dict[str, tuple[Key, ...]]] = {
    "leaf and expired intermediate": (
        bundle(certificate(GUN, _KEY, _OLD_INTERMEDIATE), _OLD_INTERMEDIATE.certificate),
    ),
    "PEM with CRLF": (respelled(lambda text: text.replace(b"\n", b"\r\n")),),
    "PEM without final newline": (respelled(lambda text: text.rstrip(b"\n")),),
    "PEM with a comment before": (respelled(lambda text: b"corp root\n" + text),),
    "PEM with text behind": (respelled(lambda text: text + b"end\n"),),
    "PEM with a header": (
        respelled(lambda text: text.replace(b"CERTIFICATE-----\n", b"CERTIFICATE-----\nOwner: corp\n\n", 1)),
    ),
    "PEM with long lines": (respelled(lambda text: b"\n".join(_long_lines(text)) + b"\n"),),
    "RSA certificate called ecdsa-x509": (
        Key("ecdsa-x509", root_key(GUN, "rsa", "rsa").public, rsa_key("rsa").private),
    ),
    "certificate of unknown key type": (Key("dsa-x509", leaf().public, _KEY.private),),
}


def catalogue() -> list[Swizzle]:
    """All root certificates."""
    return [
        *(_root(name, rooted(*keys), ACCEPTS) for name, keys in _RIGHT.items()),
        *(_root(name, rooted(*keys), _NO_LEAF) for name, keys in _UNUSABLE.items()),
        *(_root(name, rooted(*keys), _NOT_COUNTED) for name, keys in _UNCOUNTED.items()),
        *(_root(f"common name {name}", rooted(leaf(name)), ACCEPTS, "S3") for name in MATCHING_WILDCARDS),
        *(_root(f"common name '{name}'", rooted(leaf(name)), _NO_LEAF) for name in OTHER_NAMES),
        _root(
            "threshold 2, one certificate expired",
            rooted(leaf(not_after=EXPIRED), root_key(GUN, "third"), threshold=2),
            _NOT_COUNTED,
        ),
    ]


def _root(name: str, apply: Apply, verdict: str, difference: str = "") -> Swizzle:
    return Swizzle(f"root: {name}", apply, {"root": verdict}, {"root": difference} if difference else {})
