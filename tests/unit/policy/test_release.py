"""What is released: `targets/releases` where it is declared, else `targets`, and never a silent fall-back (S4)."""

from datetime import timedelta
from typing import Any

import pytest

from proxy.errors import Expired, Rollback
from proxy.names import RELEASES, TARGETS, Tag
from proxy.policy.release import Release, release_of
from proxy.tuf.collection import Collection
from tests.support.collections import LATER, NOW, entry, of, says, target, unpublished, unusable

TAG = Tag("1.4")
DEFECT = Rollback("targets/releases", "from version 5 to 4")
SIGNED = says("targets", {"1.4": "old"})
EXPIRED = says("targets/releases", {"1.4": "new"}, expires=NOW - timedelta(seconds=1))

LACKING = [
    pytest.param(of(SIGNED, says("targets/releases", {"1.5": "new"})), id="lacks the tag"),
    pytest.param(of(SIGNED, says("targets/releases", {"1.4": "new"}, paths=("v",))), id="may not speak of the tag"),
    pytest.param(of(SIGNED, unpublished("targets/releases")), id="was never published"),
]


def _release(collection: Collection, **rules: Any) -> Release:
    return release_of(entry(**rules), TAG, collection, NOW)


def test_targets_release_where_releases_are_not_declared() -> None:
    """A repository without delegations is signed by its own key; votes need not agree with it."""
    assert _release(of(SIGNED)) == Release(TARGETS, target("old"), None, is_binding=False)


def test_declared_releases_count_and_bind() -> None:
    """Only the word of `targets/releases` is the release, whatever `targets` says."""
    collection = of(SIGNED, says("targets/releases", {"1.4": "new"}))
    assert _release(collection) == Release(RELEASES, target("new"), None, is_binding=True)


def test_releases_can_be_declared_and_not_binding() -> None:
    """`released: ignored` asks for the signers alone."""
    collection = of(says("targets/releases", {"1.4": "new"}))
    assert not _release(collection, released_required=False).is_binding


@pytest.mark.parametrize("collection", LACKING)
def test_what_declared_releases_lack_is_not_released(collection: Collection) -> None:
    """No fall-back to `targets`: there an older digest may be, of a tag that was revoked."""
    assert _release(collection) == Release(RELEASES, None, None, is_binding=True)


@pytest.mark.parametrize("collection", LACKING)
def test_a_fall_back_to_targets_must_be_asked_for(collection: Collection) -> None:
    """`fallback_to_targets` is Docker's lax rule."""
    assert _release(collection, fallback_to_targets=True) == Release(TARGETS, target("old"), None, is_binding=True)


def test_with_a_fall_back_the_word_of_releases_still_goes_first() -> None:
    """`targets` is asked only for what `targets/releases` lacks."""
    collection = of(SIGNED, says("targets/releases", {"1.4": "new"}))
    assert _release(collection, fallback_to_targets=True).target == target("new")


def test_unusable_releases_release_nothing_and_say_why() -> None:
    """Declared but unusable is a refusal."""
    collection = of(SIGNED, unusable("targets/releases", DEFECT))
    assert _release(collection) == Release(RELEASES, None, DEFECT, is_binding=True)


def test_releases_that_ran_out_since_they_were_verified_release_nothing() -> None:
    """What was good when it was fetched is not good for ever."""
    release = _release(of(SIGNED, EXPIRED))
    assert release.target is None
    assert isinstance(release.defect, Expired)


@pytest.mark.parametrize(
    "collection",
    [
        pytest.param(of(SIGNED, unusable("targets/releases", DEFECT)), id="unusable"),
        pytest.param(of(SIGNED, EXPIRED), id="ran out"),
    ],
)
def test_docker_falls_back_from_unusable_releases_too(collection: Collection) -> None:
    """Whoever asks for the lax rule gets it as Docker has it (dialect 4.2)."""
    assert _release(collection, fallback_to_targets=True) == Release(TARGETS, target("old"), None, is_binding=True)


def test_releases_are_good_until_they_expire() -> None:
    """Equal is not expired."""
    collection = of(says("targets/releases", {"1.4": "new"}, expires=NOW))
    assert release_of(entry(), TAG, collection, NOW).target == target("new")
    assert release_of(entry(), TAG, collection, LATER).target is None
