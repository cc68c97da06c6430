"""What messages name can be looked up: every refusal, key and command has an anchor in the docs."""

import re
from pathlib import Path

import pytest

from docs.command_tree import commands
from proxy.config.schema import schema
from proxy.refusals import TABLE

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def _anchors(page: Path) -> set[str]:
    """Those that stand in the page, and those that readers of Markdown make from headings."""
    text = page.read_text()
    headings = (re.sub(r"<[^>]*>", "", line.lstrip("# ")) for line in text.splitlines() if line.startswith("#"))
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        pytest.param("refusals.md", {row.code for row in TABLE.values()}, id="refusals"),
        pytest.param("configuration.md", set(schema()["properties"]), id="configuration"),
        pytest.param("commands.md", {each.words.replace(" ", "-") for each in commands()}, id="commands"),
    ],
)
def test_every_name_has_an_anchor(page: str, names: set[str]) -> None:
    """A code in brackets, a key or a command is a link away from its explanation."""
    assert names - _anchors(_DOCS / page) == set()


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=str(page.relative_to(_ROOT))) for page in (_ROOT / "README.md", *_DOCS.rglob("*.md"))],
)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Within the project: the file is there, and so is the anchor."""
    for name, anchor in _LINK.findall(page.read_text()):
        target = (page.parent / name) if name else page
        assert target.exists(), name
        assert not anchor or anchor in _anchors(target), f"{name}#{anchor}"
