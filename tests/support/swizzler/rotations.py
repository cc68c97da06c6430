"""Changes of keys: root rotated once or several times, keys of other roles replaced, floors after a rotation.

Each is read by somebody who remembers the repository as it was. Source: dialect 3.7; rows 31 to 40. Difference S9.
"""

from collections.abc import Callable, Sequence
from typing import Final

from tests.support.certificates import EXPIRED, FAR_OFF, certificate, root_key, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import EXPIRED as EXPIRED_TEXT
from tests.support.signed_roles import UNEXPIRED
from tests.support.swizzler.cases import GUN
from tests.support.swizzler.swizzle import ACCEPTS, NEWER, TOP, UNSIGNED, Apply, Swizzle
from tests.support.wire import file_meta

_NOT_ROTATED: Final = "could not rotate trust to a new trusted root"
_NO_INTEGRITY: Final = "failed to validate integrity of roots"
_NO_LEAF: Final = "unable to retrieve valid leaf certificates"
_NO_DATA: Final = "does not have trust data for"
_LOWER: Final = "is lower than current version"
_OLD, _ONE, _TWO, _THREE = root_key(GUN), root_key(GUN, "one"), root_key(GUN, "two"), root_key(GUN, "three")


def rotate(sim: NotarySimulator, keys: Sequence[Key], signers: Sequence[Key], threshold: int = 1) -> None:
    """Give root these keys, and its file signatures by these signers."""
    sim.root.roles["root"].keys, sim.root.roles["root"].threshold = list(keys), threshold
    sim.root.signers = list(signers)


def _to(keys: Sequence[Key], signers: Sequence[Key], threshold: int = 1) -> Apply:
    return lambda sim, _role: rotate(sim, keys, signers, threshold)


def _by_way_of(*steps: Callable[[NotarySimulator], object]) -> Apply:
    """Publish each step but the last one, which is left to be published; each is a version of its own."""

    def apply(sim: NotarySimulator, _role: str) -> None:
        for step in steps[:-1]:
            step(sim)
            sim.publish()
            sim.bump()
            sim.root.expires = UNEXPIRED
        steps[-1](sim)

    return apply


def _step(
    keys: Sequence[Key], signers: Sequence[Key], threshold: int = 1, expires: str = UNEXPIRED
) -> Callable[[NotarySimulator], object]:
    def step(sim: NotarySimulator) -> None:
        rotate(sim, keys, signers, threshold)
        sim.root.expires = expires

    return step


def _losing(version: int) -> Callable[[NotarySimulator], object]:
    """Forget one numbered root."""
    return lambda sim: sim.archive.pop(f"{version}.root")


def _then(*changes: Callable[[NotarySimulator], object]) -> Callable[[NotarySimulator], object]:
    return lambda sim: [change(sim) for change in changes]


def _rekeyed(sim: NotarySimulator, role: str) -> None:
    """Another key for a top role, which signs its file from now on."""
    sim.root.roles[role].keys = [sim.key(f"new {role}")]
    sim[role].signers = [sim.key(f"new {role}")]


def _rekeyed_in_root_only(sim: NotarySimulator, role: str) -> None:
    sim.root.roles[role].keys = [sim.key(f"new {role}")]


def _rekeyed_and_restarted(sim: NotarySimulator, role: str) -> None:
    """Another key for a top role, whose versions start from 1 again."""
    _rekeyed(sim, role)
    sim[role].version = 1


def _both_restarted(sim: NotarySimulator, _role: str) -> None:
    for role in ("timestamp", "snapshot"):
        _rekeyed_and_restarted(sim, role)


def _recreated(sim: NotarySimulator, _role: str) -> None:
    """The repository was deleted and made anew: other root key, versions from 1."""
    rotate(sim, [_ONE], [_ONE])
    for role in ("root", *TOP, *sim.delegations):
        sim[role].version = 1


def _unnamed(sim: NotarySimulator, _role: str) -> None:
    """A newer root is there, but the snapshot still names the older one."""
    older = sim.current["root"]
    sim.snapshot.before_signing.append(lambda fields: fields["meta"].update(root=file_meta(older)))


_RENEWED: Final = x509_key(ecdsa_key("root"), certificate(GUN, ecdsa_key("root"), not_after=FAR_OFF.replace(year=2099)))
_LAPSED: Final = x509_key(ecdsa_key("lapsed"), certificate(GUN, ecdsa_key("lapsed"), not_after=EXPIRED))

_ROOT: Final[dict[str, tuple[Apply, str]]] = {
    "signed by both": (_to([_ONE], [_OLD, _ONE]), ACCEPTS),
    "signed by both, new first": (_to([_ONE], [_ONE, _OLD]), ACCEPTS),
    "signed by the new key only": (_to([_ONE], [_ONE]), _NOT_ROTATED),
    "signed by the old key only": (_to([_ONE], [_OLD]), _NO_INTEGRITY),
    "old key kept beside the new": (_to([_OLD, _ONE], [_OLD]), ACCEPTS),
    "old key kept, signed by the new only": (_to([_OLD, _ONE], [_ONE]), _NOT_ROTATED),
    "certificate renewed, signed in both names": (_to([_RENEWED], [_OLD, _RENEWED]), ACCEPTS),
    "certificate renewed, signed in the new name only": (_to([_RENEWED], [_RENEWED]), _NOT_ROTATED),
    "twice, all versions there": (_by_way_of(_step([_ONE], [_OLD, _ONE]), _step([_TWO], [_ONE, _TWO])), ACCEPTS),
    "three times, all versions there": (
        _by_way_of(_step([_ONE], [_OLD, _ONE]), _step([_TWO], [_ONE, _TWO]), _step([_THREE], [_TWO, _THREE])),
        ACCEPTS,
    ),
    "twice, middle version lost": (
        _by_way_of(_step([_ONE], [_OLD, _ONE]), _then(_losing(6), _step([_TWO], [_ONE, _TWO]))),
        _NO_DATA,
    ),
    "twice, middle version lost, signed by all": (
        _by_way_of(_step([_ONE], [_OLD, _ONE]), _then(_losing(6), _step([_TWO], [_OLD, _ONE, _TWO]))),
        ACCEPTS,
    ),
    "twice, middle version expired": (
        _by_way_of(_step([_ONE], [_OLD, _ONE], expires=EXPIRED_TEXT), _step([_TWO], [_ONE, _TWO])),
        ACCEPTS,
    ),
    "twice, middle certificate expired": (
        _by_way_of(_step([_LAPSED], [_OLD, _LAPSED]), _step([_TWO], [_LAPSED, _TWO])),
        _NO_LEAF,
    ),
    "twice, middle version signed by itself only": (
        _by_way_of(_step([_ONE], [_ONE]), _step([_TWO], [_ONE, _TWO])),
        _NOT_ROTATED,
    ),
    "twice, middle version signed by the old key only": (
        _by_way_of(_step([_ONE], [_OLD]), _step([_TWO], [_ONE, _TWO])),
        _NO_INTEGRITY,
    ),
    "twice, last signed by itself only": (
        _by_way_of(_step([_ONE], [_OLD, _ONE]), _step([_TWO], [_TWO])),
        _NOT_ROTATED,
    ),
    "there and back": (_by_way_of(_step([_ONE], [_OLD, _ONE]), _step([_OLD], [_ONE, _OLD])), ACCEPTS),
    "threshold raised, both signed": (_to([_OLD, _ONE], [_OLD, _ONE], 2), ACCEPTS),
    "threshold raised, one signed": (_to([_OLD, _ONE], [_OLD], 2), _NO_INTEGRITY),
    "threshold 2 of 3, then one shared key signs": (
        _by_way_of(_step([_OLD, _ONE, _TWO], [_OLD, _ONE, _TWO], 2), _step([_OLD, _THREE], [_OLD, _THREE])),
        ACCEPTS,
    ),
    "threshold 2 of 3, then signed by one of them": (
        _by_way_of(_step([_OLD, _ONE, _TWO], [_OLD, _ONE, _TWO], 2), _step([_ONE, _THREE], [_ONE, _THREE])),
        _NOT_ROTATED,
    ),
    "threshold 2 of 3, then signed by two of them": (
        _by_way_of(_step([_OLD, _ONE, _TWO], [_OLD, _ONE, _TWO], 2), _step([_ONE, _THREE], [_ONE, _TWO])),
        ACCEPTS,
    ),
    "recreated": (_recreated, _NOT_ROTATED),
    "not named by the snapshot": (_unnamed, ACCEPTS),
    "version jumps": (lambda sim, _: setattr(sim.root, "version", 50), ACCEPTS),
}


def catalogue() -> list[Swizzle]:
    """All changes of keys."""
    return [
        *(
            Swizzle(f"rotation: {name}", apply, {"root": verdict}, states=(NEWER,))
            for name, (apply, verdict) in _ROOT.items()
        ),
        Swizzle("rekeyed, and signed by the new key", _rekeyed, {"top": ACCEPTS}, states=(NEWER,)),
        Swizzle("rekeyed, but signed by the old key", _rekeyed_in_root_only, {"top": UNSIGNED["top"]}),
        Swizzle(
            "rekeyed, and versions restarted",
            _rekeyed_and_restarted,
            {"top": _LOWER},
            {"timestamp": "S9", "snapshot": "S9"},
            states=(NEWER,),
        ),
        Swizzle(
            "timestamp and snapshot rekeyed and restarted",
            _both_restarted,
            {"timestamp": _LOWER},
            {"timestamp": "S9"},
            states=(NEWER,),
        ),
    ]
