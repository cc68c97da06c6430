"""A collection answers what its roles say, and who may say it."""

import pytest

from proxy.errors import Expired
from proxy.names import Tag
from proxy.tuf.collection import Role, Stored, Target, Unpublished, Unusable, covers
from tests.support.collections import NOW, of, says, target, unpublished, unusable

ALICE = says("targets/alice", {"v1": "new", "dev": "old"}, paths=("v", "release-"))


@pytest.mark.parametrize(
    ("paths", "tag", "covered"),
    [
        pytest.param(("",), "v1", True, id="empty prefix covers all"),
        pytest.param(("v",), "v1", True, id="prefix"),
        pytest.param(("v1",), "v1", True, id="whole tag"),
        pytest.param(("x", "v"), "v1", True, id="second of two"),
        pytest.param(("v1.0",), "v1", False, id="longer than the tag"),
        pytest.param(("v*",), "v1", False, id="no glob"),
        pytest.param(("V",), "v1", False, id="case counts"),
        pytest.param((), "v1", False, id="no paths cover nothing"),
    ],
)
def test_paths_are_plain_prefixes(paths: tuple[str, ...], tag: str, covered: bool) -> None:  # noqa: FBT001  (a case)
    """No globs; an empty prefix covers every tag, no prefix none (dialect 3.8)."""
    assert covers(paths, tag) == covered


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        pytest.param("v1", target("new"), id="covered"),
        pytest.param("dev", None, id="in the file, but not covered"),
        pytest.param("v2", None, id="covered, but not in the file"),
    ],
)
def test_a_role_speaks_only_of_tags_that_its_paths_cover(tag: str, said: Target | None) -> None:
    """What a file says beyond its paths counts for nothing (dialect 5, row 69)."""
    assert ALICE.target(Tag(tag)) == said


def test_usable_roles_are_those_that_were_verified() -> None:
    """Unusable and unpublished roles are declared and say nothing."""
    broken = unusable("targets/bob", Expired("targets/bob", NOW))
    collection = of(says("targets", {"1": "x"}), ALICE, broken, unpublished("targets/ci"))
    assert [role.name for role in collection.usable()] == ["targets", "targets/alice"]
    assert collection.targets.name == "targets"
    assert collection.tags() == {"1", "v1", "dev"}


@pytest.mark.parametrize(
    ("role", "declared"),
    [
        pytest.param(says("targets/releases"), True, id="usable"),
        pytest.param(unpublished("targets/releases"), True, id="unpublished"),
        pytest.param(unusable("targets/releases", Expired("targets/releases", NOW)), True, id="unusable"),
        pytest.param(says("targets/alice/releases"), False, id="another role of that name"),
    ],
)
def test_releases_are_declared_whether_usable_or_not(
    role: Role | Unusable | Unpublished,
    declared: bool,  # noqa: FBT001  (a case)
) -> None:
    """That the role exists is what counts, so that breaking it does not make it go away (S4)."""
    assert of(role).declares_releases == declared


def test_a_collection_without_usable_targets_is_a_defect_of_ours() -> None:
    """No update ends in one; were there one, nothing would be decided from it."""
    with pytest.raises(TypeError):
        _ = of(unpublished("targets")).targets


def test_what_is_remembered_is_the_raw_files() -> None:
    """They are verified anew whenever they are used."""
    assert of().stored() == Stored({})
