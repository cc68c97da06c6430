"""`workers`: how many processes serve clients."""

import pytest

from proxy.config import load_whole
from proxy.config.effective import effective
from tests.unit.config.site import Site, compose


@pytest.mark.parametrize(
    ("written", "workers"),
    [pytest.param("1", 1, id="one"), pytest.param("64", 64, id="most"), pytest.param("auto", None, id="one-a-core")],
)
def test_how_many(site: Site, written: str, workers: int | None) -> None:
    """A number, or one a core."""
    assert site.load(compose(workers=written)).workers == workers


def test_one_if_nothing_is_said(site: Site) -> None:
    """More processes are more memory, so somebody has to want them."""
    assert site.load(compose()).workers == 1


@pytest.mark.parametrize("written", ["0", "-1", "65", "true", "1.5", "'2'", "many", "[2]", "''"])
def test_what_is_no_number_of_processes(site: Site, written: str) -> None:
    """Nothing else is understood, and the sentence says what is."""
    assert site.problems(compose(workers=written)) == [
        "1: workers: this is no number of processes; write 1 to 64 without quotes, or auto for one per core"
    ]


@pytest.mark.parametrize(("text", "workers"), [("4", 4), ("auto", None)])
def test_a_variable_says_it_too(site: Site, text: str, workers: int | None) -> None:
    """The same image runs on machines of different size."""
    assert site.load(compose(workers="2"), {"TAGWARDEN__WORKERS": text}).workers == workers


@pytest.mark.parametrize(("written", "shown"), [("3", "3"), ("auto", "auto")])
def test_what_is_in_effect(site: Site, written: str, shown: str) -> None:
    """It is shown as it is written."""
    site.write("config.yaml", compose(workers=written))
    values = {each.path: each.text for each in effective(load_whole(site.file, {}))}
    assert values["workers"] == shown
