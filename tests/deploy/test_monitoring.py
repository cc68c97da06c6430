"""The shipped alerts and dashboard: Prometheus takes them, each alert does what it says, and a page says what to do."""

import json
import re
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.stack.commands import Outcome, run
from deploy.stack.programs import program
from docs.command_tree import commands
from proxy.refusals import TABLE
from proxy.telemetry import Audit
from proxy.telemetry.metrics import METERS
from proxy.web.shapes import Verdict
from tests.deploy.monitoring import (
    DASHBOARD,
    RULES,
    RULES_TEST,
    RUNBOOKS,
    expressions,
    looks,
    panels,
    rules,
    runbooks,
    selectors,
)

ALERTS: Final = [rule["alert"] for rule in rules()]
UNSEEN: Final = {"tagwarden_config_last_reload_success_timestamp_seconds"}  # says when, for whoever asks by hand
# What Prometheus, its library, and the way in which it counts add to what a proxy says of itself.
TARGET: Final = {"job", "instance", "le"}
PROCESS: Final = {"process_cpu_seconds_total"}
WORDS: Final[dict[str, set[str]]] = {
    "audit": set(map(str, Audit)),
    "decision": set(map(str, Verdict)),
    "refusal": {row.code for row in TABLE.values()},
}


def promtool(directory: Path, *arguments: str | Path) -> Outcome:
    """What Prometheus's own tool says."""
    return run([program("promtool"), *map(str, arguments)], home=directory)


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    """All of them, by its own reading."""
    outcome = promtool(tmp_path, "check", "rules", "--lint-fatal", RULES)
    assert outcome.ok, outcome.output
    assert f"{len(ALERTS)} rules found" in outcome.output


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    """With the words that somebody reads at night."""
    outcome = promtool(tmp_path, "test", "rules", RULES_TEST)
    assert outcome.ok, outcome.output


@pytest.mark.parametrize("alert", ALERTS)
def test_no_alert_is_left_untested(alert: str) -> None:
    """One that never fires is as bad as one that always does."""
    assert set(looks()[alert]) == {True, False}


def test_the_tests_notice_an_alert_that_never_fires(tmp_path: Path) -> None:
    """They can fail: without its rule each alert is missed."""
    never = [{**rule, "expr": "vector(0) > 1"} for rule in rules()]
    (tmp_path / RULES.name).write_text(json.dumps({"groups": [{"name": "spoilt", "rules": never}]}))
    (tmp_path / RULES_TEST.name).write_text(RULES_TEST.read_text())
    outcome = promtool(tmp_path, "test", "rules", tmp_path / RULES_TEST.name)
    missed = {rule["annotations"]["runbook_url"] for rule in rules()}
    assert not outcome.ok
    assert {url for url in missed if f'"{url}"' not in outcome.output} == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_what_was_over_in_a_moment_is_not_waited_for(rule: Any) -> None:
    """A rate stays above zero for as long as its window, so one that has to last lasts for much longer than that."""
    windows = [int(minutes) for minutes in re.findall(r"rate\(.*?\[(\d+)m\]", rule["expr"])]
    lasts = int(rule.get("for", "0m").removesuffix("m"))
    assert not lasts or all(2 * window <= lasts for window in windows)
    assert all(window >= 2 for window in windows)  # two times that a proxy is asked, where that is once a minute


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """In the same order, and in the part that its severity names."""
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    assert [*runbooks()] == [*severities]
    assert {title: part for title, (part, _) in runbooks().items()} == severities


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_leads_to_its_runbook(rule: Any) -> None:
    """To the section that says how to look, and what to do."""
    assert set(rule["labels"]) == {"severity"}
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/{RUNBOOKS.name}#{rule['alert'].lower()}"
    _, text = runbooks()[rule["alert"]]
    assert "\n**Look.** " in text
    assert "\n**Do.** " in text


def test_links_of_the_runbooks_lead_somewhere() -> None:
    """Nobody wants to search at night."""
    for file, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", RUNBOOKS.read_text()):
        page = (RUNBOOKS.parent / file).resolve() if file else RUNBOOKS
        assert page.is_file(), file
        assert not anchor or anchor in anchors(page), f"{file}#{anchor}"


def test_commands_of_the_runbooks_exist() -> None:
    """All that they say to type is there to be typed."""
    known = {each.words for each in commands()}
    typed = re.findall(
        r"(?:`|\$ )tagwarden ((?:config |trust )?[a-z-]+)", RUNBOOKS.read_text().replace("`tagwarden\n", "`tagwarden ")
    )
    assert {"explain", "doctor", "trust show", "trust forget", "config check"} <= set(typed)
    assert set(typed) <= known


@pytest.mark.parametrize(("name", "expression"), [pytest.param(*each, id=each[0]) for each in expressions()])
def test_what_is_asked_for_is_documented(name: str, expression: str) -> None:
    """Metrics, their labels, and words that are the value of one."""
    documented: dict[str, set[str]] = {
        series: {*meter.labels} for meter in METERS for series in series_of(meter.name, meter.kind)
    }
    if name != "TagwardenDown":
        assert selectors(expression)
    for selector in selectors(expression):
        assert selector.name in PROCESS.union(documented)
        assert selector.labels.keys() <= documented.get(selector.name, set()) | TARGET
        for label, words in WORDS.items():
            assert label not in selector.labels or set(selector.labels[label].split("|")) <= words
    known = TARGET.union(*documented.values())
    assert {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")} <= known


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    """What nobody looks at need not be counted."""
    seen = {selector.name for _, expression in expressions() for selector in selectors(expression)}
    assert {meter.name for meter in METERS if not seen & series_of(meter.name, meter.kind)} == UNSEEN


def test_the_dashboard_answers_four_questions() -> None:
    """In this order; no panel covers another one, and each says what it shows."""
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert rows == ["Is it enforcing?", "Is anybody refused?", "Is evidence fresh?", "Is it fast?"]
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert all(panel["title"] and panel.get("description", panel["type"]) for panel in panels())
    places = [panel["gridPos"] for panel in panels()]
    taken = [
        (x, y)
        for at in places
        for x, y in product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"]))
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23
    assert all(one["y"] <= other["y"] for one, other in pairwise(places))


def test_the_dashboard_is_for_any_prometheus() -> None:
    """Whoever imports it chooses the source, and which job to look at."""
    board = json.loads(DASHBOARD.read_text())
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job"]
    sources = {panel["datasource"]["uid"] for panel in panels() if panel["type"] != "row"}
    assert sources == {"${datasource}"}
    assert all('job=~"$job"' in target["expr"] for panel in panels() for target in panel.get("targets", ()))


def series_of(name: str, kind: str) -> set[str]:
    """The names under which Prometheus keeps a metric."""
    return {f"{name}_{part}" for part in ("bucket", "count", "sum")} if kind == "histogram" else {name}


def anchors(page: Path) -> set[str]:
    """What a link can lead to on a page."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))
