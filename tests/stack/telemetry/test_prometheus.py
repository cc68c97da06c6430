"""A real Prometheus asks a real proxy: every query of the dashboard has an answer, and every alert is understood."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy.stack import notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.prometheus import JOB, Prometheus, prometheus
from deploy.stack.registry import Registry
from tests.deploy.monitoring import RULES, queries, rules
from tests.stack.configuration import configuration, wait_for
from tests.stack.telemetry.seen import Watched, eventually, watched

SPANS: Final = {"$job": JOB, "$__rate_interval": "10s", "$__range": "1m"}


def test_the_dashboard_and_the_alerts_find_what_they_ask_for(
    registry: Registry, notary: Notary, owner: Person, anchor: str, repository: str, tmp_path: Path
) -> None:
    """Of a proxy that serves, refuses, and audits; where nothing is wrong, nobody is woken."""
    gun, content = f"{registry.host}/{repository}", push(registry, repository, image("one"), "1.0")
    notary_client.initialise(owner, gun)
    notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
    push(registry, f"tools/{repository[5:]}", image("two"), "1.0")
    settings: dict[str, Any] = configuration(registry, notary, [anchor], {}) | {
        "repositories": {
            "shop/**": {"signed_by": "released", "fresh_for": "500ms"},
            "tools/**": {"signed_by": "released"},
        },
        "rollout": {"tools/**": {"mode": "audit", "until": "2099-01-31T00:00:00Z", "reason": "OPS-1"}},
    }
    with watched(tmp_path, settings) as seen, prometheus(tmp_path / "prometheus", seen.proxy.probes, [RULES]) as asking:
        with asked(seen, f"{repository}:1.0", f"{repository}:2.0", f"tools/{repository[5:]}:1.0"):
            for title, query in queries():
                expression = filled(query)
                assert wait_for(partial(asking.query, expression), bool), f"{title}: {expression}"
        assert eventually(lambda: all(rule["health"] == "ok" for rule in asking.rules()))
        assert {rule["name"] for rule in asking.rules()} == {rule["alert"] for rule in rules()}
        begun_anew = {"TagwardenStoreCreated"}
        assert wait_for(lambda: firing(asking), lambda names: names == begun_anew) == begun_anew

        notary_client.remove_target(owner, gun, "1.0")
        both = begun_anew | {"TagwardenRegression"}
        with asked(seen, f"{repository}:1.0"):
            assert wait_for(lambda: firing(asking), lambda names: names == both) == both


def firing(asking: Prometheus) -> set[str]:
    """The alerts that somebody would be told of now."""
    return {rule["name"] for rule in asking.rules() if rule["state"] == "firing"}


def filled(query: str) -> str:
    """A query of the dashboard, as Grafana would send it."""
    for variable, value in SPANS.items():
        query = query.replace(variable, value)
    return query


@contextmanager
def asked(seen: Watched, *names: str) -> Iterator[None]:
    """Clients that pull these again and again."""
    over = threading.Event()

    def pull() -> None:
        while not over.wait(0.2):
            for name in names:
                seen.pull(name)

    client = threading.Thread(target=pull)
    client.start()
    try:
        yield
    finally:
        over.set()
        client.join()
