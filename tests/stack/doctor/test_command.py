"""The doctor as people call it."""

import json
import sys
from pathlib import Path

from deploy.stack.commands import Outcome, run
from deploy.stack.ports import free_port
from deploy.stack.programs import program
from deploy.stack.proxy import command, tagwarden
from tests.stack.doctor.shop import Shop


def test_everything_is_right(shop: Shop, tmp_path: Path) -> None:
    """One line for each check, all of them ok, and no failure."""
    outcome = command(tmp_path, "doctor", "-c", str(shop.configuration))
    assert outcome.status == 0, outcome.output
    *lines, last = outcome.output.splitlines()
    assert last == "tagwarden: no failures, no warnings; docs/doctor.md explains every [name]"
    assert {line.split()[0] for line in lines} == {"ok"}, outcome.output
    assert any("a Tagwarden on this machine answers at" in line for line in lines)
    assert all(line.endswith("]") for line in lines)


def test_root_is_not_pinned(shop: Shop, tmp_path: Path) -> None:
    """A failure has its reason, its remedy, and the next command, ready to be pasted."""
    broken = shop.changed(tmp_path, lambda settings: settings["roots"]["owner"].update(public_key_ids=["ab" * 32]))
    outcome = command(tmp_path, "doctor", "shop/app", "-c", str(broken))
    assert outcome.status == 1, outcome.output
    lines = outcome.output.splitlines()
    [failed] = [line for line in lines if line.startswith("failed")]
    assert "repositories: shop/app: not pinned: Notary serves root key " in failed
    assert failed.endswith("[root-not-pinned]")
    assert lines[-1] == f"next: tagwarden pin shop/app -c {broken}"


def test_findings_for_programs(shop: Shop, tmp_path: Path) -> None:
    """The same as JSON."""
    broken = shop.changed(tmp_path, lambda settings: settings["registry"].update(url=f"http://127.0.0.1:{free_port()}"))
    outcome = command(tmp_path, "doctor", "shop/app", "--json", "-c", str(broken))
    assert outcome.status == 1
    findings = json.loads(outcome.output)
    [failed] = [each for each in findings if each["level"] == "failed"]
    assert (failed["hop"], failed["name"]) == ("registry", "registry-connect")
    assert failed["sentence"].endswith("connection refused")
    assert "registry.url" in failed["remedy"]


def test_configuration_cannot_be_used(shop: Shop, tmp_path: Path) -> None:
    """Every problem of a configuration is one line, as `config check` has it, and nothing else is tried."""
    broken = shop.changed(tmp_path, lambda settings: settings.update(nane="x", registry={"url": "ftp://x"}))
    outcome = command(tmp_path, "doctor", "-c", str(broken))
    checked = command(tmp_path, "config", "check", "-c", str(broken))
    assert outcome.status == checked.status == 2
    assert outcome.output == checked.output
    assert outcome.output.count("error: ") == 2


def test_no_address(tmp_path: Path) -> None:
    """What is no address is said to be none."""
    outcome = command(tmp_path, "doctor", "--past", "ftp://registry")
    assert outcome.status == 2
    assert outcome.output.startswith("tagwarden: --past: ftp://registry is no address of a registry: ")


def test_clients_reach_the_registry(shop: Shop, tmp_path: Path) -> None:
    """From where the registry can be reached it is open to everybody; a Tagwarden there may or may not enforce."""
    outcome = command(tmp_path, "doctor", "--past", shop.registry.url, f"http://{shop.name}")
    assert outcome.status == 1, outcome.output
    first, second, *_ = outcome.output.splitlines()
    assert first.startswith(f"failed      past the proxy: a registry answers on {shop.registry.url}: ")
    assert second.startswith(f"warning     past the proxy: a Tagwarden answers on http://{shop.name}, ")


def test_clients_do_not_reach_the_registry(shop: Shop, tmp_path: Path) -> None:
    """In a network of its own, as a client's machine is, nothing leads to the registry."""
    outcome = _elsewhere(tmp_path, str(tagwarden()), "doctor", "--past", shop.registry.url)
    assert outcome.status == 0, outcome.output
    assert outcome.output.startswith(f"ok          past the proxy: nothing listens on {shop.registry.url} ")


def test_registry_that_listens_everywhere(tmp_path: Path) -> None:
    """A real registry that listens on every address of its machine is found by the address that clients have."""
    port = free_port()
    configured = {"version": "0.1", "storage": {"inmemory": {}}, "http": {"addr": f":{port}"}}
    (tmp_path / "registry.json").write_text(json.dumps(configured))
    outcome = _elsewhere(tmp_path, sys.executable, "-m", "tests.stack.doctor.everywhere", str(tmp_path), str(port))
    assert outcome.status == 0, outcome.output
    assert f"failed past the proxy: a registry answers on http://10.9.8.7:{port}: " in outcome.output


def _elsewhere(home: Path, *words: str) -> Outcome:
    """Run something in a network that has loopback and one address, 10.9.8.7, and leads nowhere."""
    up = 'ip link set lo up && ip addr add 10.9.8.7/32 dev lo && exec "$@"'
    program("ip")
    root = str(Path(__file__).parents[3])
    command_line = [program("unshare"), "--net", "--", "/bin/sh", "-c", up, "sh", *words]
    return run(command_line, home=home, environment={"PYTHONPATH": root})
