"""Targets and delegations: tags and their digests, and roles that are declared (dialect 2)."""

import pytest

from proxy.names import TARGETS, Digest, Tag
from proxy.tuf.collection import Target
from proxy.tuf.metadata import read_targets
from tests.support.wire import base64_text
from tests.unit.tuf.files import ALICE, KEY, OTHER, SHA256, Json, complaint, targets


def delegation(name: str = "targets/alice", **fields: object) -> Json:
    """One entry of `delegations.roles`."""
    return {"name": name, "keyids": [KEY.key_id], "threshold": 1, "paths": [""]} | fields


def test_a_targets_file_gives_tags_and_delegations() -> None:
    """The tag is the name, the digest is the hash, in the manifest's own length."""
    found = read_targets(TARGETS, targets(delegation(paths=["v", "x"])))
    assert found.targets == {"1.4": Target(Digest(f"sha256:{'00' * 32}"), 527)}
    (child,) = found.delegations
    assert (child.name, child.paths, child.repeated) == ("targets/alice", ("v", "x"), False)
    assert (list(child.role.keys), child.role.threshold) == ([KEY.key_id], 1)
    assert found.skipped == ()


@pytest.mark.parametrize("fields", [{"targets": None}, {"delegations": None}, {"delegations": {}}])
def test_tags_and_delegations_may_be_null(fields: Json) -> None:
    """A role may say nothing, or delegate to nobody."""
    assert read_targets(ALICE, targets(**fields)).version == 7


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        pytest.param("not a tag", {"hashes": {"sha256": SHA256}, "length": 1}, id="no tag"),
        pytest.param("shop/api", {"hashes": {"sha256": SHA256}, "length": 1}, id="a path"),
        pytest.param("", {"hashes": {"sha256": SHA256}, "length": 1}, id="empty name"),
        pytest.param("v1", None, id="null"),
        pytest.param("v1", {}, id="empty"),
        pytest.param("v1", {"hashes": {"sha512": base64_text(bytes(64))}, "length": 1}, id="sha512 alone"),
        pytest.param("v1", {"hashes": {"sha256": base64_text(bytes(31))}, "length": 1}, id="31 bytes"),
        pytest.param("v1", {"hashes": {"sha256": base64_text(bytes(33))}, "length": 1}, id="33 bytes"),
        pytest.param("v1", {"hashes": {"SHA256": SHA256}, "length": 1}, id="algorithm in another case"),
        pytest.param("v1", {"hashes": {"sha256": None}, "length": 1}, id="hash null"),
    ],
)
def test_a_target_that_names_no_manifest_is_skipped(name: str, entry: object) -> None:
    """Its tag is not signed, the others are; the log says which it was (S10)."""
    good = targets()["targets"]
    found = read_targets(ALICE, targets(targets=good | {name: entry}))
    assert found.targets.keys() == {"1.4"}
    (skipped,) = found.skipped
    assert skipped.startswith(f"targets/alice: {name!r}")


def test_a_skipped_target_cannot_flood_or_forge_the_log() -> None:
    """Its name is cut and quoted."""
    found = read_targets(ALICE, targets(targets={"\r\n" * 10_000: {}}))
    (skipped,) = found.skipped
    assert len(skipped) < 700
    assert skipped.isprintable()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        pytest.param("x", "no JSON object", id="text"),
        pytest.param({"hashes": [], "length": 1}, "hashes is of the wrong type", id="hashes a list"),
        pytest.param({"hashes": {"sha256": 1}, "length": 1}, "is no text", id="hash a number"),
        pytest.param({"hashes": {"sha256": "!"}, "length": 1}, "not base64", id="hash no base64"),
        pytest.param({"hashes": {}, "length": "1"}, "length is of the wrong type", id="length text"),
        pytest.param({"hashes": {}, "length": 1.0}, "length is of the wrong type", id="length a float"),
        pytest.param({"hashes": {}, "Length": 1}, "another case", id="length in another case"),
    ],
)
def test_a_target_of_the_wrong_form_spoils_the_file(entry: object, why: str) -> None:
    """Notary could not read it either."""
    assert why in complaint(lambda: read_targets(TARGETS, targets(targets={"v1": entry})))


def test_custom_data_of_a_target_is_allowed() -> None:
    """Signatures cover it, nobody asks for it."""
    entry = {"hashes": {"sha256": SHA256}, "length": 9, "custom": {"any": ["thing"]}}
    assert read_targets(TARGETS, targets(targets={"v1": entry})).targets[Tag("v1")].length == 9


@pytest.mark.parametrize(
    ("child", "why"),
    [
        pytest.param("x", "no JSON object", id="text"),
        pytest.param(delegation("root"), "is no child of it", id="root"),
        pytest.param(delegation("targets"), "is no child of it", id="targets itself"),
        pytest.param(delegation("targets/a/b"), "is no child of it", id="two levels deep"),
        pytest.param(delegation("other/alice"), "is no child of it", id="of another tree"),
        pytest.param(delegation(""), "is no child of it", id="no name"),
        pytest.param(delegation("targets/"), "invalid name", id="empty segment"),
        pytest.param(delegation("targets/Alice"), "invalid name", id="upper case"),
        pytest.param(delegation("targets/al ice"), "invalid name", id="blank"),
        pytest.param(delegation("targets/\u00e9"), "invalid name", id="not ascii"),
        pytest.param(delegation("targets/" + "x" * 248), "invalid name", id="too long"),
        pytest.param(delegation() | {"name": 1}, "name is of the wrong type", id="a number"),
        pytest.param(delegation(threshold=0), "threshold of targets/alice is below 1", id="threshold zero"),
        pytest.param(delegation(keyids=["f" * 64]), "a key of targets/alice is not listed", id="unknown key"),
        pytest.param(delegation(paths="v"), "paths is of the wrong type", id="paths text"),
        pytest.param(delegation(paths=[1]), "holds something else", id="a path a number"),
        pytest.param(delegation(paths=[None]), "holds something else", id="a path null"),
        pytest.param(delegation(Paths=[""]), "another case", id="paths in another case"),
    ],
)
def test_a_delegation_that_is_not_well_formed_spoils_the_file_that_declares_it(child: Json, why: str) -> None:
    """Fatal, as in Notary (dialect 2.4)."""
    assert why in complaint(lambda: read_targets(TARGETS, targets(child)))


def test_a_delegation_declares_its_own_children_alone() -> None:
    """Below `targets/alice` there is `targets/alice/deep`, and nothing else."""
    (child,) = read_targets(ALICE, targets(delegation("targets/alice/deep"))).delegations
    assert child.name == "targets/alice/deep"
    assert "is no child of it" in complaint(lambda: read_targets(ALICE, targets(delegation("targets/bob"))))


LONG = "\u00e9" * 100_000


@pytest.mark.parametrize(
    ("signed", "beginning"),
    [
        pytest.param(targets(delegation(LONG)), "the delegation", id="no child"),
        pytest.param(targets(delegation(f"targets/{LONG}")), "the delegation", id="invalid name"),
        pytest.param(targets(targets={LONG: 1}), "the entry of", id="entry"),
        pytest.param(targets(targets={LONG: {"hashes": {"sha256": 1}}}), "a hash of", id="hash that is no text"),
        pytest.param(targets(targets={LONG: {"hashes": {"sha256": "!"}}}), "a hash of", id="hash that is no base64"),
        pytest.param(targets(targets={"v1": {"hashes": {LONG: 1}}}), "a hash of", id="name of a hash"),
    ],
)
def test_no_reason_is_as_long_as_the_file(signed: Json, beginning: str) -> None:
    """Whoever wrote it chose how long its names are; a reason is kept, logged, and told to every client."""
    why = complaint(lambda: read_targets(TARGETS, signed))
    assert why.startswith(beginning)
    assert len(why) < 700


@pytest.mark.parametrize("paths", [None, []])
def test_a_delegation_without_paths_covers_nothing(paths: object) -> None:
    """Absent is not everything."""
    (child,) = read_targets(TARGETS, targets(delegation(paths=paths))).delegations
    assert child.paths == ()


def test_a_delegation_that_is_declared_twice_keeps_its_first_keys() -> None:
    """It is marked, so that it can be made unusable (dialect 3.8)."""
    declared = targets(delegation(), delegation(keyids=[OTHER.key_id], paths=["x"]), delegation("targets/bob"))
    declared["delegations"]["keys"][OTHER.key_id] = OTHER.as_json()
    alice, bob = read_targets(TARGETS, declared).delegations
    assert (list(alice.role.keys), alice.paths, alice.repeated) == ([KEY.key_id], ("",), True)
    assert not bob.repeated
