"""However often, whenever and whatever happens meanwhile: nothing is left behind, and nobody goes on with old rules.

`TIMES` in the environment says how often the configuration is changed; `make reload` makes it fifty.
"""

import os
import signal
from pathlib import Path

import pytest

from deploy.stack.registry import Registry
from tests.stack.configuration import wait_for
from tests.stack.lasting.simulated import SimulatedNotary
from tests.stack.reloading.place import Place, reloading
from tests.stack.reloading.test_rules import exception

TIMES = int(os.environ.get("TIMES", "8"))
SIGNALS = 50


def files(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def memory(pid: int) -> int:
    """How many bytes of memory a process takes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [size] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(size) << 10


@pytest.mark.timeout(120 + 10 * TIMES)
def test_many_configurations_leave_nothing_behind(
    alone: Place, two: Place, registry: Registry, simulated: SimulatedNotary
) -> None:
    """Each with other clients of registry and Notary than the one before; what was replaced is closed in a while."""

    def change(place: Place, number: int) -> None:
        credentials = place.proxy.configuration.parent / "notary.json"
        credentials.write_text(f'{{"username": "warden", "password": "{number}"}}')
        credentials.chmod(0o600)
        corp = {"url": simulated.url, "roots": "tofu", "credentials_file": str(credentials)}
        hosts = {"url": registry.url, "redirect_hosts": [f"host{number}"]}
        told = place.reload({"notaries": {"corp": corp}, "registry": hosts})
        assert told["changed"] == ["notaries.corp", "registry"]
        assert place.pull() == (200, None)

    places = (alone, two)
    for place in places:
        change(place, 0)
        assert [place.pull() for _ in range(16)] == [(200, None)] * 16  # so every process has what one has in use
    pids = [pid for place in places for pid in place.pids()]
    settled, took = {pid: files(pid) for pid in pids}, {pid: memory(pid) for pid in pids}
    for number in range(1, TIMES + 1):
        for place in places:
            change(place, number)

    def left() -> dict[int, int]:
        """The processes that have more files open than before, by more than connections that come and go."""
        return {pid: count for pid in pids if (count := files(pid) - settled[pid]) > 4}

    assert wait_for(left, lambda more: not more) == {}
    assert [pid for place in places for pid in place.pids()] == pids
    assert {pid: grown for pid in pids if (grown := memory(pid) - took[pid]) > 16 << 20} == {}


def test_a_storm_of_signals_is_one_or_two_reloads(place: Place) -> None:
    """Whoever asks a hundred times is answered, and the last word counts."""
    assert place.pull() == (200, None)
    place.write({"blocked": [{"digest": place.content.digest, "reason": "CVE-2026-1"}]})
    for _ in range(SIGNALS):
        os.kill(place.proxy.daemon.pid, signal.SIGHUP)
    assert wait_for(place.pull, lambda seen: seen[0] == 403) == (403, "blocked")
    assert wait_for(lambda: len(place.told()), lambda count: count >= 1) <= SIGNALS / 2
    assert {each["event"] for each in place.told()} == {"reloaded"}


def test_a_signal_does_not_end_a_drain(
    tmp_path: Path, registry: Registry, simulated: SimulatedNotary, repository: str
) -> None:
    """SIGHUP never ends the program; while it stops, nothing is read any more."""
    with reloading(tmp_path, registry, simulated, repository) as place:
        os.kill(place.proxy.daemon.pid, signal.SIGTERM)
        for _ in range(SIGNALS):
            try:
                os.kill(place.proxy.daemon.pid, signal.SIGHUP)
            except ProcessLookupError:
                break
        assert wait_for(lambda: place.events("stopped"), bool)


def test_a_worker_that_ends_meanwhile_is_replaced(two: Place) -> None:
    """Its successor begins with the new rules: nobody is ever decided by the old ones after `reloaded`."""
    assert two.pull() == (200, None)
    two.write({"blocked": [{"digest": two.content.digest, "reason": "CVE-2026-1"}]})
    os.kill(two.pids()[1], signal.SIGKILL)
    assert two.reload()["event"] == "reloaded"
    assert [two.pull() for _ in range(8)] == [(403, "blocked")] * 8
    assert two.events("a worker ended: another one takes its place")
    assert wait_for(lambda: len(two.events("worker serving")), lambda count: count == 1) == 1
    assert [two.pull() for _ in range(16)] == [(403, "blocked")] * 16


def test_a_worker_that_begins_hours_later_has_what_was_good(two: Place) -> None:
    """Somebody has spoilt the files since: what was checked is what it serves."""
    two.proxy.configuration.write_text("spoilt: [")
    assert wait_for(two.told, bool)
    os.kill(two.pids()[1], signal.SIGKILL)
    assert wait_for(lambda: len(two.events("worker serving")), lambda count: count == 1) == 1
    assert [two.pull() for _ in range(16)] == [(200, None)] * 16


def test_another_notary_is_asked_from_the_next_request_on(place: Place, simulated: SimulatedNotary) -> None:
    """What the old address said counts for nothing, however fresh it was."""
    assert place.pull() == (200, None)
    elsewhere = {"url": simulated.url.replace("127.0.0.1", "localhost"), "roots": "tofu"}
    before = place.sim.requests.count("timestamp")
    assert place.reload({"notaries": {"corp": elsewhere}})["changed"] == ["notaries.corp"]
    assert place.pull() == (200, None)
    assert place.sim.requests.count("timestamp") > before


def test_an_exception_in_between_is_taken_back_at_once(place: Place) -> None:
    """A relaxation that is removed counts as soon as one that is added."""
    place.reload({"rollout": {"**": {"mode": "audit", "until": "2100-01-01T00:00:00Z", "reason": "trial"}}})
    unsigned = f"/v2/{place.repository}/manifests/{place.content.digest}"
    blocked = {"blocked": [{"digest": place.content.digest, "reason": "CVE"}], "exceptions": [exception("x")]}
    place.reload(blocked)
    assert place.proxy.request("GET", unsigned).status == 200
    place.reload({"rollout": None})
    assert [place.proxy.request("GET", unsigned).status for _ in range(8)] == [403] * 8
