"""Reads the shipped alerts, their tests, the dashboard, and the runbooks."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.deploy.manifests import ROOT, documents

MONITORING: Final = ROOT / "deploy" / "monitoring"
RULES: Final = MONITORING / "rules.yml"
RULES_TEST: Final = MONITORING / "rules_test.yml"
DASHBOARD: Final = MONITORING / "dashboard.json"
RUNBOOKS: Final = ROOT / "docs" / "runbooks.md"

_SELECTOR: Final = re.compile(r"\b((?:tagwarden|process)_\w+)(?:\{([^}]*)\})?")
_MATCHER: Final = re.compile(r'(\w+)(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass(frozen=True)
class Selector:
    """What an expression reads: a metric, and for each label that it chooses by, the pattern of its values."""

    name: str
    labels: Mapping[str, str]


def rules() -> list[Mapping[str, Any]]:
    """All alerts, in their order."""
    [content] = documents(RULES)
    return [rule for group in content["groups"] for rule in group["rules"]]


def looks() -> Mapping[str, list[bool]]:
    """Of each alert, whether it fires, for each time that its tests look at it."""
    [content] = documents(RULES_TEST)
    found = defaultdict(list)
    for test in content["tests"]:
        for look in test["alert_rule_test"]:
            found[look["alertname"]].append(bool(look["exp_alerts"]))
    return found


def panels() -> list[Mapping[str, Any]]:
    """All panels of the dashboard, rows among them."""
    found: list[Mapping[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every query of the dashboard, with the title of its panel."""
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of alerts and dashboard, with its name."""
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    yield from queries()


def selectors(expression: str) -> list[Selector]:
    """Everything that an expression reads of the proxy."""
    return [
        Selector(name, {label: pattern for label, _, pattern in _MATCHER.findall(chosen)})
        for name, chosen in _SELECTOR.findall(expression)
    ]


def runbooks() -> Mapping[str, tuple[str, str]]:
    """The sections about alerts: their titles, each with the part that it stands in, and its text."""
    found, part = {}, ""
    for heading in re.split(r"^(?=##+ )", RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]:
        level, _, rest = heading.partition(" ")
        title, _, text = rest.partition("\n")
        if level == "##":
            part = title.lower()
        else:
            found[title] = part, text
    return found
