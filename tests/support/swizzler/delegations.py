"""Delegations: names, paths, trees, and files that are declared, published, both or neither.

Source: dialect 2.4, 3.8 and 3.9; rows 22, 23, 42, 69, 70. Difference S15.
"""

from collections.abc import Callable
from typing import Final

from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import Delegation
from tests.support.swizzler.edits import declaration, declared, signed, with_field, without_field
from tests.support.swizzler.swizzle import ACCEPTS, FRESH_ONLY, LISTS, SKIPS, Apply, Swizzle
from tests.support.wire import Json

_ALICE: Final = ("targets/alice",)
_BY_TARGETS: Final = ("targets",)
_INVALID: Final = "(?s)delegation role .* invalid"
_WRONG_SHAPE: Final = "cannot unmarshal"

GOOD_NAMES: Final = {
    "with underscore": "targets/under_score",
    "with hyphens": "targets/hyphen-hyphen",
    "of digits": "targets/0123",
    "of 255 characters": "targets/" + "a" * 247,
    "of a hyphen": "targets/-",
    "like a top role": "targets/root",
    "like the parent": "targets/targets",
}
BAD_NAMES: Final = {
    "empty": "",
    "of a top role": "root",
    "of its own parent": "targets",
    "outside targets": "root/level1",
    "a mere prefix": "targetsx/alice",
    "ending in a slash": "targets/",
    "two levels down": "targets/alice/new/x",
    "ending in a slash after a name": "targets/level1/",
    "with capitals": "targets/UpperCase",
    "with a way up": "targets/directory/../../traversal",
    "with an empty segment": "targets///test/middle/slashes",
    "with dots": "targets/./././",
    "with a single dot": "targets/.",
    "with a dot inside": "targets/a.b",
    "with a leading blank": " targets/level1",
    "with a trailing blank": "targets/level1 ",
    "with a blank inside": "targets/ level1",
    "with a newline": "targets/level1\n",
    "of 256 characters": "targets/" + "a" * 248,
    "of letters beyond ASCII": "targets/\u00e9l\u00e8ve",
    "with a zero byte": "targets/a\0b",
    "with a percent sign": "targets/a%2fb",
}


def _declare(name: str) -> Apply:
    """Declare one more delegation, of that name, in a role's file."""

    def apply(sim: NotarySimulator, role: str) -> None:
        sim.targets_role(role).delegations.append(Delegation(name, [sim.key("new")], 1, [""]))

    return apply


def _add(name: str) -> Apply:
    """Declare and publish one more delegation, with a tag of its own."""

    def apply(sim: NotarySimulator, _role: str) -> None:
        sim.delegate(name)
        sim.sign("new", role=name)

    return apply


def _paths(*paths: str) -> Apply:
    def apply(sim: NotarySimulator, role: str) -> None:
        entry = declaration(sim, role)
        assert isinstance(entry, Delegation)
        entry.paths = list(paths)

    return apply


def _chain(depth: int) -> Apply:
    """A chain of delegations, each in the one before, `depth` levels below `targets`."""

    def apply(sim: NotarySimulator, _role: str) -> None:
        name = "targets"
        for _ in range(depth):
            name += "/n"
            sim.delegate(name)
            sim.sign(f"depth-{name.count('/')}", role=name)

    return apply


def _crowd(count: int) -> Apply:
    """So many delegations side by side."""

    def apply(sim: NotarySimulator, _role: str) -> None:
        for number in range(count):
            sim.delegate(f"targets/many-{number}", [sim.key("crowd")])
            sim.sign(f"by-{number}", role=f"targets/many-{number}")

    return apply


def _unpublish(sim: NotarySimulator, role: str) -> None:
    for name in [name for name in sim.delegations if f"{name}/".startswith(f"{role}/")]:
        sim[name].published = False


def _undeclare(sim: NotarySimulator, role: str) -> None:
    parent = sim.targets_role(role.rpartition("/")[0])
    parent.delegations = [each for each in parent.delegations if each.name != role]


def _again(sim: NotarySimulator, role: str) -> None:
    """Declare a delegation once more, with another key."""
    sim.targets.delegations.append(Delegation(role, [sim.key("usurper")], 1, [""]))


def _again_same(sim: NotarySimulator, role: str) -> None:
    sim.targets.delegations.append(Delegation(role, [sim.key(role)], 1, [""]))


def _only_second(sim: NotarySimulator, role: str) -> None:
    """Declare a delegation once more in front, with another key, so that the true key comes second."""
    sim.targets.delegations.insert(0, Delegation(role, [sim.key("usurper")], 1, [""]))


def _root_by_root(sim: NotarySimulator, _role: str) -> None:
    sim.targets.delegations.append(Delegation("root", sim.root.roles["root"].keys, 1, [""]))


def _delegations(edit: Callable[[Json], object]) -> Apply:
    return signed(lambda fields: edit(fields["delegations"]))


def _no_tags(sim: NotarySimulator, role: str) -> None:
    sim.targets_role(role).tags.clear()


_SHAPES: Final[dict[str, tuple[Apply, str]]] = {
    "no tags": (_no_tags, LISTS),
    "tags null": (with_field("targets", None), LISTS),
    "tags absent": (without_field("targets"), LISTS),
    "tags a list": (with_field("targets", []), _WRONG_SHAPE),
    "delegations null": (with_field("delegations", None), LISTS),
    "delegations absent": (without_field("delegations"), LISTS),
    "delegations a list": (with_field("delegations", []), _WRONG_SHAPE),
    "delegations empty": (with_field("delegations", {}), LISTS),
    "delegation roles null": (_delegations(lambda table: table.update(roles=None)), LISTS),
    "delegation roles absent": (_delegations(lambda table: table.pop("roles")), LISTS),
    "delegation roles an object": (_delegations(lambda table: table.update(roles={})), _WRONG_SHAPE),
    "delegation a string": (_delegations(lambda table: table.update(roles=["x"])), _WRONG_SHAPE),
    "delegation null": (_delegations(lambda table: table["roles"].append(None)), "panic|nil pointer"),
    "delegation keys null": (_delegations(lambda table: table.update(keys=None)), "invalid|without corresponding key"),
    "delegation keys absent": (_delegations(lambda table: table.pop("keys")), "invalid|without corresponding key"),
    "delegation keys a list": (_delegations(lambda table: table.update(keys=[])), _WRONG_SHAPE),
    "unknown fields in delegations": (_delegations(lambda table: table.update(note=[])), ACCEPTS),
    "delegation named root with the root's keys": (_root_by_root, _INVALID),
}

_DECLARATIONS: Final[dict[str, tuple[Apply, str]]] = {
    "never published": (_unpublish, SKIPS),
    "not declared": (_undeclare, SKIPS),
    "declared twice, other key first": (_only_second, SKIPS),
    "paths absent": (declared(lambda entry: entry.pop("paths")), LISTS),
    "paths null": (declared(lambda entry: entry.update(paths=None)), LISTS),
    "paths empty": (_paths(), LISTS),
    "paths a string": (declared(lambda entry: entry.update(paths="")), _WRONG_SHAPE),
    "paths with a number": (declared(lambda entry: entry.update(paths=[7])), _WRONG_SHAPE),
    "paths a prefix of some tags": (_paths("of-"), LISTS),
    "paths a whole tag": (_paths("1.4"), LISTS),
    "paths with a star": (_paths("*", "1.*"), LISTS),
    "paths in capitals": (_paths("OF-"), LISTS),
    "paths with everything twice": (_paths("", ""), ACCEPTS),
    "paths of many": (_paths("x", "of-targets-", "1"), LISTS),
    "name null": (declared(lambda entry: entry.update(name=None)), _INVALID),
    "name absent": (declared(lambda entry: entry.pop("name")), _INVALID),
    "name a number": (declared(lambda entry: entry.update(name=7)), _WRONG_SHAPE),
}


def _narrowed(sim: NotarySimulator, role: str) -> None:
    """The parent may speak of some tags only; its child, of all by its own declaration."""
    _paths("of-targets-alice-")(sim, role)
    _paths("", "of-targets-alice-d", "1")(sim, f"{role}/deep")


def catalogue() -> list[Swizzle]:
    """All delegations."""
    return [
        *(
            Swizzle(f"delegation name {name}", _declare(text), {"every": ACCEPTS}, roles=_BY_TARGETS, states=FRESH_ONLY)
            for name, text in GOOD_NAMES.items()
        ),
        *(
            Swizzle(
                f"delegation name {name}", _declare(text), {"every": _INVALID}, roles=_BY_TARGETS, states=FRESH_ONLY
            )
            for name, text in BAD_NAMES.items()
        ),
        Swizzle("delegation of another's child", _declare("targets/releases/x"), {"every": _INVALID}, roles=_ALICE),
        Swizzle("delegation of a grandchild", _declare("targets/alice/a/b"), {"every": _INVALID}, roles=_ALICE),
        Swizzle("delegation of a sibling", _declare("targets/bob"), {"every": _INVALID}, roles=_ALICE),
        *(Swizzle(name, apply, {"every": verdict}, roles=_BY_TARGETS) for name, (apply, verdict) in _SHAPES.items()),
        *(
            Swizzle(name, apply, {"every": verdict}, roles=_ALICE, in_declarer=True)
            for name, (apply, verdict) in _DECLARATIONS.items()
        ),
        Swizzle("declared twice, other key second", _again, {"every": "has already been loaded"}, roles=_ALICE),
        Swizzle("declared twice, the same", _again_same, {"every": "has already been loaded"}, roles=_ALICE),
        Swizzle(
            "paths with null",
            declared(lambda entry: entry.update(paths=[None])),
            {"every": ACCEPTS},
            {"every": "S17"},
            roles=_ALICE,
        ),
        Swizzle("child wider than its parent", _narrowed, {"every": LISTS}, roles=_ALICE),
        Swizzle("one more delegation", _add("targets/new"), {"every": LISTS}, roles=_BY_TARGETS),
        Swizzle("chain of 11", _chain(11), {"every": LISTS}, roles=_BY_TARGETS, states=FRESH_ONLY),
        Swizzle("chain of 40", _chain(40), {"every": LISTS}, {"every": "S15"}, roles=_BY_TARGETS, states=FRESH_ONLY),
        Swizzle("40 side by side", _crowd(40), {"every": LISTS}, roles=_BY_TARGETS, states=FRESH_ONLY),
        Swizzle(
            "80 side by side", _crowd(80), {"every": LISTS}, {"every": "S15"}, roles=_BY_TARGETS, states=FRESH_ONLY
        ),
    ]
