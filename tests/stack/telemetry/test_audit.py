"""The audit stream of the real program: what is in it, and what no crash takes out of it."""

import json
import os
import resource
import signal
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from deploy.stack import docker_trust, notary_client
from deploy.stack.daemons import DaemonFailed
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration, wait_for
from tests.stack.lasting.simulated import simulated_notary
from tests.stack.telemetry.seen import watched
from tests.support.notary_simulator import NotarySimulator

LARGE = 32 << 20
SHORT = {"signed_by": "released", "fresh_for": "500ms"}


def test_what_people_do_to_trust_is_told(
    registry: Registry,
    notary: Notary,
    owner: Person,
    anchor: str,
    signers: dict[str, Person],
    repository: str,
    tmp_path: Path,
) -> None:
    """A store that is begun, a first signature, a signer who comes and goes, another root key."""
    gun, content = f"{registry.host}/{repository}", push(registry, repository, image("one"), "1.0")
    notary_client.initialise(owner, gun)
    notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}}
    with watched(tmp_path, settings) as seen:
        assert seen.pull(f"{repository}:1.0") == 200
        [created], [first] = seen.audited("trust store created"), seen.audited("first trusted")
        assert created["level"] == "warning"
        assert (first["gun"], first["root"], list(first["keys"])) == (gun, 2, ["targets"])

        docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
        notary_client.sign_as(signers["alice"], gun, "1.0", content.digest, content.length)
        assert wait_for(lambda: seen.pull(f"{repository}:1.0") and seen.audited("key first used"), bool)
        begun = {line["role"]: line["key"] for line in seen.audited("key first used")}
        assert begun.keys() == {"targets/alice", "targets/releases"}
        assert len(set(begun.values())) == 1

        docker_trust.remove_signer(owner, gun, "alice")
        assert wait_for(lambda: seen.pull(f"{repository}:1.0") and seen.audited("key last used"), bool)
        assert {line["key"] for line in seen.audited("key last used")} == set(begun.values())

        before = len(seen.audited("root changed"))
        notary_client.rotate_key(owner, gun, "targets")
        assert wait_for(lambda: seen.pull(f"{repository}:1.0") and seen.audited("root changed")[before:], bool)
        changed = seen.audited("root changed")[-1]
        assert (changed["gun"], changed["level"], changed["root"] > changed["before"]) == (gun, "warning", True)
        assert changed["root_keys_gone"] == []


def test_what_goes_back_and_what_is_stale_is_told(registry: Registry, repository: str, tmp_path: Path) -> None:
    """An outage is served through, and a Notary that comes back with yesterday's files is not believed."""
    content = push(registry, repository, image("one"), "1.0")
    sim = NotarySimulator(f"{registry.host}/{repository}")
    sim.sign("1.0", content.manifest.content)
    sim.publish()
    yesterday = dict(sim.current)
    sim.bump()
    sim.publish()
    with simulated_notary() as notary:
        notary.sims[sim.gun] = sim
        settings = {
            "name": registry.host,
            "registry": {"url": registry.url},
            "notaries": {"corp": {"url": notary.url, "roots": "tofu"}},
            "repositories": {"**": SHORT},
        }
        with watched(tmp_path, settings) as seen:
            assert seen.pull(f"{repository}:1.0") == 200
            notary.is_away = True
            assert wait_for(lambda: seen.pull(f"{repository}:1.0") and seen.audited("stale served"), bool)
            stale = seen.audited("stale served")[-1]
            assert (stale["event"], stale["decision"], stale["cache"]) == ("decision", "allowed", "stale")
            assert stale["stale"] >= 0
            assert seen.number("stale_served_total") == len(seen.audited("stale served"))
            assert seen.number("notary_up", notary="corp") == 0
            assert (sim.gun, "timestamp") in {
                (dict(labels)["gun"], dict(labels)["role"])
                for name, labels in seen.numbers()
                if name == "tagwarden_metadata_expiry_timestamp_seconds"
            }

            sim.serve_again(yesterday)
            notary.is_away = False
            assert seen.pulls(f"{repository}:1.0", 403)
            [rollback] = seen.audited("rollback seen")
            assert (rollback["gun"], rollback["role"], rollback["level"]) == (sim.gun, "timestamp", "error")
            refused = seen.audited("refusal")[-1]
            assert (refused["refusal"], refused["reference"]) == ("rollback", f"{repository}:1.0")


def test_every_line_is_in_the_log_too(
    registry: Registry, notary: Notary, anchor: str, repository: str, tmp_path: Path
) -> None:
    """Whoever keeps the log alone has everything; secrets are in neither, and text of clients is escaped."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}}
    shown = {
        "Authorization": "Basic dG9rZW46Z2VoZWlt",
        "Cookie": "session=geheim",
        "User-Agent": "pull \x9b31m\x85 https://ci:geheim@registry Bearer geheim.geheim",
    }
    with watched(tmp_path, settings) as seen:
        for name in (f"{repository}:1.0", "vendor/x:1.0", f"{repository}:1.0?token=geheim"):
            assert seen.pull(name, headers=shown) >= 400
        host, _, port = seen.proxy.host.rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=10)
        connection.putrequest("GET", "http://ci:geheim@registry.example.com/v2/?geheim", skip_host=True)
        connection.putheader("Host", "ci:geheim@registry.example.com")
        connection.endheaders()
        assert connection.getresponse().status == 400
        connection.close()
        audited = seen.audited("refusal")
        log = seen.proxy.daemon.log.read_text()
    logged = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert len(audited) == 4
    assert [line for line in audited if line not in logged] == []
    everything = log + seen.file.read_text()
    assert "geheim" not in everything
    assert "dG9rZW46Z2VoZWlt" not in everything
    assert all(line.isprintable() for line in everything.splitlines())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_takes_no_line_away(
    registry: Registry, notary: Notary, anchor: str, repository: str, tmp_path: Path, workers: int
) -> None:
    """Whoever had an answer finds its line, whole, though everything was killed in the middle of its work."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}, "workers": workers}
    answered, stopping = list[str](), threading.Event()
    with watched(tmp_path, settings) as seen:

        def refused() -> None:
            while not stopping.is_set():
                connection = HTTPConnection(seen.proxy.host, timeout=10)
                try:
                    while not stopping.is_set():
                        connection.request("GET", f"/v2/{repository}/manifests/1.0")
                        response = connection.getresponse()
                        response.read()
                        answered.append(response.headers["X-Request-Id"])
                except (OSError, HTTPException):
                    return
                finally:
                    connection.close()

        clients = [threading.Thread(target=refused) for _ in range(8)]
        for client in clients:
            client.start()
        assert wait_for(lambda: len(answered), lambda count: count > 100) > 100
        pids = [each["pid"] for each in seen.proxy.events("worker serving")] or [seen.proxy.daemon.pid]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        stopping.set()
        for client in clients:
            client.join()
        lines = seen.file.read_text()
    assert lines.endswith("\n")
    told = {json.loads(line).get("request_id") for line in lines.splitlines()}
    assert [request for request in answered if request not in told] == []


def test_a_full_disk_takes_no_request_away(
    registry: Registry, notary: Notary, anchor: str, repository: str, tmp_path: Path
) -> None:
    """The lines are in the log, one of them says so, and they are counted; with room all is as before."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}}
    trouble = "the audit file cannot be written: its lines stand in this log alone"
    with watched(tmp_path, settings) as seen:
        os.truncate(seen.file, 2 * LARGE - 1)
        with seen.file.open("ab") as file:
            file.write(b"\n")  # whole lines: behind half a one the next is written twice
        limited(seen.proxy.daemon.pid, LARGE)
        for _ in range(3):
            assert seen.pull(f"{repository}:1.0") == 403
        [told] = seen.proxy.events(trouble)
        assert told["why"] == "file too large"
        assert seen.number("audit_lines_lost_total") == 3
        limited(seen.proxy.daemon.pid, -1)
        assert seen.pull(f"{repository}:1.0") == 403
        assert seen.proxy.events("the audit file is written again")
        with seen.file.open("rb") as file:
            file.seek(2 * LARGE)
            [line] = file.read().splitlines()
        assert json.loads(line)["refusal"] == "no_trust_data"


def test_nothing_starts_without_its_audit_file(registry: Registry, notary: Notary, anchor: str, tmp_path: Path) -> None:
    """Whoever asks for an audit gets one, or a sentence."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}}
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "nowhere/audit.jsonl")
    sentence = r"log\.audit_file: .* cannot be written \(no such file or directory\)"
    with pytest.raises(DaemonFailed, match=sentence), watched(tmp_path, settings):
        pass


def limited(pid: int, size: int) -> None:
    """Let no file of a process grow beyond a size; it is told so as by a full disk. Negative: without limit."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, -1) if size >= 0 else (-1, -1))
