"""The fields that every file has: `_type`, `version`, `expires`, and the shapes of the others.

Source: dialect 2.1 to 2.4; rows 11 to 13, 17, 19 to 21.
"""

from typing import Final

from tests.support.signed_roles import EXPIRED
from tests.support.swizzler.edits import TRUE, signed, spelled, with_field, without_field
from tests.support.swizzler.swizzle import (
    FINE,
    FRESH,
    FRESH_ONLY,
    KINDS,
    NEWER,
    SAME,
    SKIPS,
    UNSIGNED,
    Apply,
    Swizzle,
    every,
)

_WRONG_TYPE: Final = every("type metadata invalid: expected type")
_WRONG_SHAPE: Final = every("cannot unmarshal")
_NOT_INTEGRAL: Final = every("cannot unmarshal|unsupported value")
_TOO_LARGE: Final = {**UNSIGNED, "root": "cannot unmarshal", "delegation": "cannot unmarshal"}
_NO_VERSION: Final = every("version cannot be less than (1|one)")
_NO_TIME: Final = every("parsing time|cannot unmarshal|Time.UnmarshalJSON|out of range")
_EXPIRED: Final = {"root": "root expired at", "top": "expired at", "delegation": SKIPS}
_LOWER: Final = every("is lower than current version 5")


def _expires(text: str) -> Apply:
    return with_field("expires", text)


_TYPES: Final = {
    "type unknown": (with_field("_type", "not_real"), _WRONG_TYPE),
    "type lower-case": (signed(lambda fields: fields.update(_type=fields["_type"].lower())), _WRONG_TYPE),
    "type of another role": (
        signed(lambda fields: fields.update(_type="Snapshot" if fields["_type"] != "Snapshot" else "Targets")),
        _WRONG_TYPE,
    ),
    "type with a blank": (signed(lambda fields: fields.update(_type=fields["_type"] + " ")), _WRONG_TYPE),
    "type absent": (without_field("_type"), _WRONG_TYPE),
    "type null": (with_field("_type", None), _WRONG_TYPE),
    "type a list": (with_field("_type", ["Root"]), _WRONG_SHAPE),
    "type a number": (with_field("_type", 1), _WRONG_SHAPE),
}

_VERSIONS: Final = {
    "version a string": (with_field("version", "7"), _WRONG_SHAPE),
    "version 7.0": (spelled(7, "7.0", "version"), _WRONG_SHAPE),
    "version 7e0": (spelled(7, "7e0", "version"), _WRONG_SHAPE),
    "version 7.5": (spelled(7.5, "7.5", "version"), _NOT_INTEGRAL),
    "version true": (with_field("version", TRUE), _WRONG_SHAPE),
    "version a list": (with_field("version", [7]), _WRONG_SHAPE),
    "version zero": (with_field("version", 0), _NO_VERSION),
    "version negative": (with_field("version", -7), _NO_VERSION),
    "version absent": (without_field("version"), _NO_VERSION),
    "version null": (with_field("version", None), _NO_VERSION),
    "version beyond 64 bits": (with_field("version", 2**63), _TOO_LARGE),
    "version 2^31": (with_field("version", 2**31), FINE),
    "version 2^53": (with_field("version", 2**53), FINE),
}

_GOOD_DATES: Final = {
    "expires with an offset": _expires("2099-12-31T23:59:59+02:00"),
    "expires with a negative offset": _expires("2099-12-31T23:59:59-11:30"),
    "expires with one digit of fraction": _expires("2099-12-31T23:59:59.5Z"),
    "expires with nine digits of fraction": _expires("2099-12-31T23:59:59.123456789Z"),
    "expires with twelve digits of fraction": _expires("2099-12-31T23:59:59.123456789012Z"),
    "expires in the year 9999": _expires("9999-12-31T23:59:59Z"),
    "expires with an offset of 60 minutes": _expires("2099-12-31T23:59:59+00:60"),
    "expires on a leap day": _expires("2096-02-29T00:00:00Z"),
}

_DATED: Final = ("root", "snapshot", "targets/alice")  # one role of each family: the same reader reads all dates

_BAD_DATES: Final = {
    "expires junk": "whenever",
    "expires empty": "",
    "expires without zone": "2099-12-31T23:59:59",
    "expires with a blank for T": "2099-12-31 23:59:59Z",
    "expires with lower-case t": "2099-12-31t23:59:59Z",
    "expires with lower-case z": "2099-12-31T23:59:59z",
    "expires with blanks": " 2099-12-31T23:59:59Z ",
    "expires a date": "2099-12-31",
    "expires without seconds": "2099-12-31T23:59Z",
    "expires with offset without colon": "2099-12-31T23:59:59+0200",
    "expires with offset in hours": "2099-12-31T23:59:59+02",
    "expires at 24:00": "2099-12-31T24:00:00Z",
    "expires in a leap second": "2099-12-31T23:59:60Z",
    "expires on 30 February": "2099-02-30T00:00:00Z",
    "expires in week notation": "2099-W01-1T00:00:00Z",
    "expires in basic notation": "20991231T235959Z",
    "expires in the year 10000": "10000-01-01T00:00:00Z",
    "expires with an empty fraction": "2099-12-31T23:59:59.Z",
    "expires with other digits": "\u0662099-12-31T23:59:59Z",
    "expires with a zone name": "2099-12-31T23:59:59UTC",
}

_ODD_DATES: Final = {
    "expires with a comma": "2099-12-31T23:59:59,5Z",
    "expires with a one-digit hour": "2099-12-31T1:59:59Z",
    "expires with an offset of 24 hours": "2099-12-31T23:59:59+24:00",
    "expires with an offset of 99 hours": "2099-12-31T23:59:59+99:00",
}

_OTHER_DATES: Final = {
    "expires past": (_expires(EXPIRED), _EXPIRED),
    "expires in the year 1": (_expires("0001-01-01T00:00:00Z"), _EXPIRED),
    "expires in the year 0": (_expires("0000-01-01T00:00:00Z"), _EXPIRED),
    "expires absent": (without_field("expires"), _EXPIRED),
    "expires null": (with_field("expires", None), _EXPIRED),
    "expires a number": (with_field("expires", 4102444800), _NO_TIME),
    "expires a list": (with_field("expires", ["2099-12-31T23:59:59Z"]), _NO_TIME),
    "expires true": (with_field("expires", TRUE), _NO_TIME),
}


def catalogue() -> list[Swizzle]:
    """All defects of the common fields, and of the shapes of each role's own."""
    everywhere = _TYPES | _VERSIONS | _OTHER_DATES
    return [
        *(Swizzle(name, apply, verdict) for name, (apply, verdict) in everywhere.items()),
        *(Swizzle(name, apply, FINE) for name, apply in _GOOD_DATES.items()),
        *(
            Swizzle(name, _expires(text), _NO_TIME, states=FRESH_ONLY, roles=_DATED)
            for name, text in _BAD_DATES.items()
        ),
        *(
            Swizzle(name, _expires(text), FINE, {"every": "S17"}, states=FRESH_ONLY)
            for name, text in _ODD_DATES.items()
        ),
        Swizzle(
            "expires escaped",
            spelled("2099-12-31T23:59:59Z", r'"2099\u002d12-31T23:59:59Z"', "expires"),
            _NO_TIME,
            {"every": "L4"},
            states=FRESH_ONLY,
        ),
        Swizzle("version lower by one", _older_by(1), _LOWER, states=(NEWER,)),
        Swizzle("version lower by three", _older_by(3), _LOWER, states=(NEWER,)),
        Swizzle("version as before", _older_by(0), FINE, {"timestamp": "S6", "snapshot": "S5"}, states=(NEWER,)),
        Swizzle("version jumps", _older_by(-100), FINE, states=(NEWER,)),
        Swizzle("nothing changed", lambda *_: None, FINE, states=(FRESH, SAME, NEWER), kinds=KINDS),
    ]


def _older_by(steps: int) -> Apply:
    """So many versions below the one that the reader remembers."""
    return lambda sim, role: setattr(sim[role], "version", sim[role].version - 1 - steps)
