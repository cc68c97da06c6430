"""`verify` without a running proxy: whom it believes."""

from datetime import timedelta
from typing import Any, Final

import pytest

from proxy.cli import deciding
from proxy.cli.deciding import Here
from proxy.cli.outcome import Finding
from proxy.policy.entries import Exemption
from proxy.store.overlay import Overlay
from tests.support.collections import NOW, digest
from tests.support.resolving import NAME, REPOSITORY
from tests.unit.cli.asked import asking_a_notary
from tests.unit.config.site import Site, compose
from tests.unit.explanation.doubles import ClosedStore

TOFU: Final = compose(
    name=NAME,
    notaries="{corp: {url: 'https://notary:4443', roots: tofu}}",
    roots="{}",
    repositories="{'**': {signed_by: released}}",
)
EXEMPTED: Final = Exemption(REPOSITORY, digest("exempted"), NOW + timedelta(days=1), "bootstrap")


async def decide(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, image: str = f"{REPOSITORY}:1.0", **asked: Any
) -> tuple[Finding, str]:
    """What is found about an image under trust on first use, and the code."""
    monkeypatch.setattr(deciding, "asking", asking_a_notary(**asked))
    outcome = await Here(Site(tmp_path).load(TOFU), image).decide()
    return outcome.finding, outcome.code


async def test_a_collection_that_nobody_remembers_is_not_believed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the trust store remembers others: whoever answers first would be believed, every time anew."""
    assert await decide(tmp_path, monkeypatch) == (Finding.UNDECIDED, "undecided")
    assert await decide(tmp_path, monkeypatch) == (Finding.UNDECIDED, "undecided")


async def test_a_collection_that_is_remembered_is_believed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its root was trusted when the proxy saw it first, and is the anchor from then on."""
    assert await decide(tmp_path, monkeypatch, remembered=True) == (Finding.ALLOWED, "")


async def test_a_store_that_cannot_be_read_remembers_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision says so itself, and trusts nobody."""
    found = await decide(tmp_path, monkeypatch, store=ClosedStore(Overlay(None)))
    assert found == (Finding.UNDECIDED, "trust_store_unavailable")


async def test_an_exception_needs_no_trust_data(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the operator's own word, and nobody has to be believed for it."""
    image = f"{REPOSITORY}@{EXEMPTED.digest}"
    assert await decide(tmp_path, monkeypatch, image, exemptions=(EXEMPTED,)) == (Finding.NOT_ENFORCED, "")
