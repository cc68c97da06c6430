"""What `tagwarden verify` says of a verdict that rests on old evidence."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.cli.deciding import Here
from proxy.cli.outcome import caveat
from proxy.names import Digest, Reference
from proxy.policy.decisions import Decision, RoleEvidence, allow
from proxy.policy.entries import Mode
from tests.support.canned_server import Canned, CannedServer, canned_server
from tests.support.collections import entry
from tests.unit.cli.test_verify import ALLOWED, DIGEST, IMAGE, NOW, WOULD, refused, run, via
from tests.unit.config.site import Site, compose

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """A proxy that allows, until a test tells it something else."""
    with canned_server(ALLOWED) as running:
        yield running


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        pytest.param(ALLOWED, "allowed", id="allowed"),
        pytest.param(refused("tag_not_signed", evidence_age=90.25, stale=90), "refused", id="refused"),
        pytest.param(refused("tag_not_signed", stale="none of these", expiry_grace=[1]), "refused", id="forged"),
        pytest.param(WOULD, "would-refuse", id="audit"),
    ],
)
def test_an_outage_has_one_shape(server: CannedServer, answer: Canned, word: str) -> None:
    """The header counts, whatever else is said; behind the sentence stands how old the evidence is."""
    server.answers = [Canned(answer.status, {**answer.headers, "X-Tagwarden-Stale": "90"}, answer.body)]
    told = json.loads(via(server, "--json").stdout)
    assert (told["decision"], told["stale"], int(told["evidence_age"])) == (word, 90, 90)
    assert told["message"].endswith(" (it could not be confirmed, the evidence is 90 s old)")


@pytest.mark.parametrize(
    ("stale", "by_grace", "words"),
    [
        pytest.param(None, (), "", id="nothing"),
        pytest.param(0, (), " (it could not be confirmed, the evidence is 0 s old)", id="outage"),
        pytest.param(None, ("timestamp",), " (expired, and counted by expiry_grace: timestamp)", id="grace"),
        pytest.param(
            7,
            ("timestamp", "snapshot"),
            " (it could not be confirmed, the evidence is 7 s old;"
            " expired, and counted by expiry_grace: timestamp, snapshot)",
            id="both",
        ),
    ],
)
def test_what_a_verdict_rests_on_is_said_behind_it(stale: int | None, by_grace: tuple[str, ...], words: str) -> None:
    """Nothing where the evidence is fresh and unexpired."""
    assert caveat(stale, by_grace) == words


def test_a_local_decision_says_what_it_rests_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words and the shape in which a running proxy is heard."""
    site = Site(home)
    site.write("config.yaml", compose())
    old, later = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    allowed = allow(Digest(DIGEST), 1, ("alice",), entry(), "shop/**", later)
    decision = Decision(
        Reference.parse(IMAGE, ""),
        Mode.ENFORCE,
        permission=allowed,
        roles={"timestamp": RoleEvidence(7, later), "snapshot": RoleEvidence(7, old)},
        checked_at=old,
        stale=3600,
    )

    async def decided(_self: Here) -> Decision:
        return decision

    monkeypatch.setattr(Here, "_decision", decided)
    told = json.loads(run("-c", str(site.file), "--json", IMAGE).stdout)
    assert (told["decision"], told["stale"], told["expiry_grace"]) == ("allowed", 3600, ["snapshot"])
    assert told["message"] == f"{IMAGE} is {DIGEST}, signed by alice{caveat(3600, ('snapshot',))}"
