"""Rows 64 to 70: hashes of listed files, the order of loading, paths, and sizes."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from proxy.errors import MetadataCorrupt
from proxy.names import Digest, Gun, RoleName, Tag
from proxy.tuf.collection import Role, Unpublished
from proxy.tuf.messages import Fetch, Fetched
from proxy.tuf.pins import Pins
from proxy.tuf.trusted import TrustedSet
from proxy.tuf.update import Workflow, update
from tests.dialect.fixture import FIRST_CONTACT, GUN, defect, fixture, is_complete, situation
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader, read
from tests.support.signed_roles import NOW, Delegation
from tests.support.swizzler.edits import declaration, described, signed
from tests.support.swizzler.swizzle import FRESH, Apply
from tests.support.wire import Json, base64_text, hashes

_DESCRIBED: Final = ("root", "snapshot", "targets")
_WRONG_256: Final = base64_text(b"x" * 32)
_WRONG_512: Final = base64_text(b"x" * 64)


def _hashes(edit: Callable[[Json], object]) -> Apply:
    return described(lambda entry: edit(entry["hashes"]))


def _only(**table: str) -> Apply:
    def replace(held: Json) -> None:
        held.clear()
        held.update(table)

    return _hashes(replace)


_WRONG: Final = {
    "row 64: no hashes": _only(),
    "row 64: unknown algorithm only": _only(sha384=base64_text(b"x" * 48)),
    "row 64: sha256 wrong": _hashes(lambda held: held.update(sha256=_WRONG_256)),
    "row 64: sha512 wrong": _hashes(lambda held: held.update(sha512=_WRONG_512)),
    "row 64: sha512 only (S17)": _hashes(lambda held: held.pop("sha256")),
    "row 65: sha256 of 31 bytes": _only(sha256=base64_text(b"x" * 31)),
}


@pytest.mark.parametrize("role", _DESCRIBED)
@pytest.mark.parametrize("change", [pytest.param(change, id=row) for row, change in _WRONG.items()])
def test_a_wrong_description_refuses(change: Apply, role: str) -> None:
    """Every known hash of a listed file must be right, and the SHA-256 must be there."""
    assert situation(FRESH, change, role).refusal() is MetadataCorrupt


@pytest.mark.parametrize("change", [pytest.param(change, id=f"{row} (L2)") for row, change in _WRONG.items()])
def test_a_wrong_description_of_a_delegation_costs_itself_only(change: Apply) -> None:
    """A delegation that is described wrongly is unusable; the rest stands."""
    collection = situation(FRESH, change, "targets/a").read()
    assert is_complete(collection, without="targets/a")
    assert defect(collection, "targets/a") is MetadataCorrupt


@pytest.mark.parametrize("role", [*_DESCRIBED, "targets/a"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_hashes(lambda held: held.pop("sha512")), id="row 64: sha256 only"),
        pytest.param(_hashes(lambda held: held.update(sha3=base64_text(b"x"))), id="row 64: unknown algorithm beside"),
    ],
)
def test_a_right_description_may_be_short_or_long(change: Apply, role: str) -> None:
    """SHA-256 alone is enough, and an algorithm that nobody knows is passed over."""
    assert is_complete(situation(FRESH, change, role).read())


def _trusted(*, up_to: str = "") -> TrustedSet:
    """A trusted set that was fed the fixture's files in order, up to and with one of them."""
    trusted = TrustedSet(Gun(GUN), Pins.tofu(), None, NOW, {})
    files = fixture().current
    steps: dict[str, Callable[[bytes], object]] = {
        "root": trusted.first_root,
        "timestamp": trusted.update_timestamp,
        "snapshot": trusted.update_snapshot,
    }
    for name, step in steps.items() if up_to else ():
        step(files[name])
        if name == up_to:
            break
    return trusted


def _file(role: str) -> bytes:
    return fixture().current[role]


@pytest.mark.parametrize(
    ("up_to", "step"),
    [
        pytest.param("", lambda held: held.update_timestamp(_file("timestamp")), id="row 66: timestamp before root"),
        pytest.param(
            "root", lambda held: held.update_snapshot(_file("snapshot")), id="row 66: snapshot before timestamp"
        ),
        pytest.param("timestamp", lambda held: held.begin_targets(), id="row 66: closing before snapshot"),
        pytest.param(
            "snapshot", lambda held: held.update_targets(_file("targets")), id="row 66: targets before closing"
        ),
        pytest.param("snapshot", lambda held: held.collection(), id="row 66: collection before targets"),
        pytest.param(
            "snapshot",
            lambda held: held.update_delegation(None, _file("targets/a")),
            id="row 66: delegation before parent",
        ),
    ],
)
def test_files_are_taken_in_order_only(up_to: str, step: Callable[[Any], object]) -> None:
    """Nothing is verified before what must vouch for it."""
    with pytest.raises(RuntimeError):
        step(_trusted(up_to=up_to))


def _answered(workflow: Workflow, sim: NotarySimulator, wishes: tuple[Fetch, ...]) -> tuple[Fetch, ...] | None:
    """Send what the server has; nothing when the workflow has ended."""
    try:
        return workflow.send(tuple(Fetched(sim.answer(wish.name).body) for wish in wishes))
    except StopIteration:
        return None


def test_row_66_an_update_ends_once() -> None:
    """A finished update takes no more input."""
    sim = fixture().clone()
    workflow = update(Gun(GUN), Pins.tofu(), FIRST_CONTACT, NOW)
    wishes: tuple[Fetch, ...] | None = next(workflow)
    while wishes:
        wishes = _answered(workflow, sim, wishes)
    with pytest.raises(StopIteration):
        workflow.send(())


def test_row_66_no_role_is_asked_for_twice() -> None:
    """A first contact asks for every file once, parents before children, and siblings together."""
    reader = Reader(fixture().clone())
    assert is_complete(reader.read())
    rounds = [{name.partition(".")[0] for name in asked} for asked in reader.rounds]
    assert rounds == [{"root"}, {"timestamp"}, {"snapshot"}, {"targets"}, {"targets/a", "targets/b"}, {"targets/a/b"}]


def _false_entries(fields: Json) -> None:
    for role in ("root", "timestamp", "snapshot", "targets/nobody"):
        fields["meta"].setdefault(role, {"hashes": {"sha256": _WRONG_256}, "length": 1})


@pytest.mark.parametrize("describer", [pytest.param(role, id=f"row 67: {role}") for role in ("timestamp", "snapshot")])
def test_a_file_describes_only_what_it_governs(describer: str) -> None:
    """False hashes of files that a timestamp or snapshot has no say about are passed over."""
    assert is_complete(situation(FRESH, signed(_false_entries), describer).read())


def test_row_68_a_role_that_is_not_in_the_snapshot_is_not_fetched() -> None:
    """A delegation that is signed but not listed in the snapshot was never published."""
    dropped = signed(lambda fields: fields["meta"].pop("targets/b"))
    found = situation(FRESH, dropped, "snapshot")
    collection = found.read()
    assert is_complete(collection, without="targets/b")
    assert isinstance(collection.roles[RoleName("targets/b")], Unpublished)
    assert not [name for name in found.sim.requests if name.startswith("targets/b")]


def _paths(sim: NotarySimulator, role: str, *paths: str) -> None:
    entry = declaration(sim, role)
    assert isinstance(entry, Delegation)
    entry.paths = list(paths)


@pytest.mark.parametrize(
    ("parent", "child", "seen"),
    [
        pytest.param(["of-"], ["of-targets-a-"], {"of-targets-a-b"}, id="row 69: child within its parent"),
        pytest.param([""], ["of-targets-a-b"], {"of-targets-a-b"}, id="row 69: the whole tag"),
        pytest.param([""], ["other"], set(), id="row 69: another prefix"),
        pytest.param([""], [], set(), id="row 69: no paths"),
        pytest.param([""], ["of-*"], set(), id="row 69: a star is no wildcard"),
        pytest.param(["v"], [""], set(), id="row 69: child wider than its parent"),
        pytest.param(["v"], ["of-"], set(), id="row 69: child beside its parent"),
    ],
)
def test_paths_limit_what_a_role_may_speak_of(parent: list[str], child: list[str], seen: set[str]) -> None:
    """A tag outside the paths of its role, or of a role above, is not signed by it."""
    sim = fixture().clone()
    _paths(sim, "targets/a", *parent)
    _paths(sim, "targets/a/b", *child)
    sim.publish()
    role = read(sim).roles[RoleName("targets/a/b")]
    assert isinstance(role, Role)
    assert {tag for tag in role.targets if role.target(tag)} == seen


def test_row_70_a_large_targets_file_is_read() -> None:
    """75,000 tags in one file are read, each with its digest."""
    sim = fixture().clone()
    entry = {"hashes": {"sha256": hashes(b"manifest")["sha256"]}, "length": 8}
    sim.targets.tags |= {f"release-{number}": entry for number in range(75_000)}
    sim.publish()
    targets = read(sim).targets
    assert len(targets.targets) == 75_001
    found = targets.target(Tag("release-74999"))
    assert found
    assert found.digest == Digest("sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f")


def test_row_70_a_large_snapshot_is_read() -> None:
    """A snapshot that lists 75,000 files which nobody declared is read."""
    listed = {f"targets/old-{number}": {"hashes": {"sha256": _WRONG_256}, "length": 1} for number in range(75_000)}
    assert is_complete(situation(FRESH, signed(lambda fields: fields["meta"].update(listed)), "snapshot").read())


def test_row_70_eleven_nested_delegations_are_read() -> None:
    """A chain of eleven delegations is followed to its end."""
    sim = fixture().clone()
    name = "targets"
    for _ in range(11):
        name += "/n"
        sim.delegate(name)
    sim.sign("deep", role=name)
    sim.publish()
    assert Tag("deep") in read(sim).tags()
