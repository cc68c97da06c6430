"""What messages name can be looked up: every refusal, key and command has an anchor in the docs."""

import re
from pathlib import Path

import pytest

from docs.command_tree import commands
from proxy.config.schema import schema
from proxy.refusals import TABLE

_DOCS = Path(__file__).parents[2] / "docs"


def _anchors(page: str) -> set[str]:
    """Those that stand in the page, and those that readers of Markdown make from headings."""
    text = (_DOCS / page).read_text()
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
    assert names - _anchors(page) == set()
