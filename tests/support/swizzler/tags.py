"""What a targets file says of a tag: names, hashes, lengths.

Source: dialect 2.4 and 4.2; row 69. Differences S10 and S13.
"""

from typing import Final

from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.swizzle import FRESH_ONLY, LISTS, Apply, Swizzle
from tests.support.wire import base64_text, hashes

WRITERS: Final = ("targets", "targets/alice")
_WRONG_SHAPE: Final = "cannot unmarshal"
_SHA256: Final = hashes(b"manifest")["sha256"]
_SHA512: Final = hashes(b"manifest")["sha512"]

GOOD_NAMES: Final = ("v1", "_", "0", "A.b-C_d", "latest", "a" * 128)
BAD_NAMES: Final = {
    "empty": "",
    "with a slash": "library/alpine",
    "with a colon": "alpine:1",
    "with a leading dot": ".hidden",
    "with a leading hyphen": "-v1",
    "with a blank inside": "v 1",
    "of 129 characters": "a" * 129,
    "of letters beyond ASCII": "vers\u00edon",
    "with a way up": "..",
    "with a star": "v*",
    "like a digest": f"sha256:{'a' * 64}",
}


def _tag(name: str, **entry: object) -> Apply:
    """One more tag, with this entry."""

    def apply(sim: NotarySimulator, role: str) -> None:
        sim.targets_role(role).tags[name] = {"hashes": {"sha256": _SHA256}, "length": 8} | entry

    return apply


def _entry(value: object) -> Apply:
    """One more tag, whose entry is this value."""

    def apply(sim: NotarySimulator, role: str) -> None:
        tags: dict[str, object] = dict(sim.targets_role(role).tags)
        sim.targets_role(role).fields["targets"] = tags | {"new": value}

    return apply


_FINE: Final[dict[str, Apply]] = {
    "tag with sha512 beside": _tag("new", hashes={"sha256": _SHA256, "sha512": _SHA512}),
    "tag with unknown algorithm beside": _tag("new", hashes={"sha256": _SHA256, "sha3": base64_text(b"x")}),
    "tag with custom data": _tag("new", custom={"any": ["json", None, 1]}),
    "tag with custom null": _tag("new", custom=None),
    "tag with unknown fields": _tag("new", note="x"),
    "tag with a large length": _tag("new", length=2**40),
    "tag with length zero": _tag("new", length=0),
    "tag with length negative": _tag("new", length=-1),
    "tag with length null": _tag("new", length=None),
}

_IGNORED: Final[dict[str, Apply]] = {
    "tag without sha256": _tag("new", hashes={"sha512": _SHA512}),
    "tag with sha256 of 31 bytes": _tag("new", hashes={"sha256": base64_text(b"x" * 31)}),
    "tag with sha256 of 33 bytes": _tag("new", hashes={"sha256": base64_text(b"x" * 33)}),
    "tag with sha256 of 64 bytes": _tag("new", hashes={"sha256": base64_text(b"x" * 64)}),
    "tag with sha256 empty": _tag("new", hashes={"sha256": ""}),
    "tag with no hashes": _tag("new", hashes={}),
    "tag with hashes null": _tag("new", hashes=None),
    "tag with empty entry": _entry({}),
}

_BROKEN: Final[dict[str, tuple[Apply, str]]] = {
    "tag with sha256 no base64": (_tag("new", hashes={"sha256": "!"}), "illegal base64"),
    "tag with unknown hash no base64": (_tag("new", hashes={"sha256": _SHA256, "sha3": "!"}), "illegal base64"),
    "tag with sha256 a number": (_tag("new", hashes={"sha256": 7}), _WRONG_SHAPE),
    "tag with hashes a list": (_tag("new", hashes=[]), _WRONG_SHAPE),
    "tag with length a string": (_tag("new", length="8"), _WRONG_SHAPE),
    "tag with length 8.0": (_tag("new", length=8.0), _WRONG_SHAPE),
    "tag with length true": (_tag("new", length=True), _WRONG_SHAPE),
    "tag with entry a string": (_entry("x"), _WRONG_SHAPE),
    "tag with a fraction in custom": (_tag("new", custom={"ratio": 1.5}), "unsupported value"),
}


def catalogue() -> list[Swizzle]:
    """All entries of tags."""
    return [
        *(Swizzle(f"tag {name[:12]}", _tag(name), {"every": LISTS}, roles=WRITERS) for name in GOOD_NAMES),
        *(
            Swizzle(
                f"tag name {name}", _tag(text), {"every": LISTS}, {"every": "S10"}, roles=WRITERS, states=FRESH_ONLY
            )
            for name, text in BAD_NAMES.items()
        ),
        *(Swizzle(name, apply, {"every": LISTS}, roles=WRITERS) for name, apply in _FINE.items()),
        *(
            Swizzle(name, apply, {"every": LISTS}, {"every": "S10"}, roles=WRITERS, states=FRESH_ONLY)
            for name, apply in _IGNORED.items()
        ),
        Swizzle("tag null", _entry(None), {"every": LISTS}, {"every": "S10"}, roles=WRITERS, states=FRESH_ONLY),
        *(
            Swizzle(name, apply, {"every": verdict}, roles=WRITERS, states=FRESH_ONLY)
            for name, (apply, verdict) in _BROKEN.items()
        ),
    ]
