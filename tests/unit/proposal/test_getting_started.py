"""The page for newcomers shows what the command really prints and writes."""

import re
from pathlib import Path
from typing import Final

import pytest

from proxy.config import load
from proxy.proposal import summary, writing
from tests.support.signed_roles import NOW
from tests.unit.proposal.site import Site

_PAGE: Final = (Path(__file__).parents[3] / "docs/getting-started.md").read_text(encoding="utf-8")


@pytest.fixture
def proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The proposal for the site of the page, and what the screen says of it, in `screen`."""
    monkeypatch.chdir(tmp_path)
    site = Site()
    site.repository("shop/api", {"1.0": ["alice", "qa"], "1.1": ["alice", "qa"], "dev": None})
    site.repository("shop/web", {"1.0": ["alice", "qa"]})
    site.repository("shop/old", {"1.0": []})
    site.without("infra/dns", ["1.0"])
    written = writing.write(site.propose(), Path("proposed"))
    Path("screen").write_text("".join(f"    {line}\n" for line in summary.summary(written, Path("proposed"))))
    return Path("proposed/config.yaml")


def test_the_screen_is_what_the_command_prints(proposed: Path) -> None:
    """All of it, and the command that comes next."""
    screen = (proposed.parent.parent / "screen").read_text()
    assert f"{screen}    next: tagwarden config check -c {proposed}\n" in _PAGE


def test_every_excerpt_is_from_the_file(proposed: Path) -> None:
    """Line by line, as it was written."""
    excerpts = re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)
    assert len(excerpts) == 4
    for excerpt in excerpts:
        assert excerpt in proposed.read_text()


def test_every_warning_is_what_the_check_says(proposed: Path) -> None:
    """With the line that it is on."""
    warnings = load(proposed, {}, NOW).warnings
    shown = [line.strip() for line in _PAGE.splitlines() if line.startswith("    warning: ")]
    assert shown == [f"warning: {warning}" for warning in warnings]
