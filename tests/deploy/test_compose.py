"""The shipped compose file: compose reads it, and what it starts is confined and shut off as it says."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from deploy.stack.commands import Outcome, run
from deploy.stack.programs import program
from proxy import __version__
from proxy.limits import DRAIN_SECONDS, WORKER_STOP_SECONDS
from tests.deploy.manifests import ROOT, documents

_COMPOSE: Final = ROOT / "deploy" / "compose"
_DATABASE: Final = "999:999"
_PUBLISHED: Final = {"tagwarden": (443, 5000), "notary-server": (4443, 4443)}

Services = Mapping[str, Any]
Prepare = Callable[..., Outcome]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The file as compose itself understands it, in a directory where the files for the environment are."""
    directory = tmp_path_factory.mktemp("compose")
    shutil.copytree(_COMPOSE, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("tls", "secrets", "data"))
    (directory / "secrets").mkdir()
    for name in ("notary-server", "notary-signer"):
        (directory / "secrets" / f"{name}.env").touch()
    printed = run([program("docker-compose"), "--project-directory", str(directory), "config"], home=directory).must()
    return YAML(typ="safe", pure=True).load(printed)


@pytest.fixture(scope="module")
def services(composed: Any) -> Services:
    """Its services by name."""
    found: Services = composed["services"]
    return found


def published(service: Any) -> tuple[int, int]:
    """The one port of a service that is published: outside and inside."""
    [port] = service["ports"]
    return port["published"], port["target"]


def test_compose_starts_a_whole_registry(services: Services) -> None:
    """The proxy, the registry, both parts of Notary and their database are there."""
    assert set(services) == {"tagwarden", "registry", "notary-server", "notary-signer", "database"}


def test_every_service_is_confined(services: Services) -> None:
    """Nobody is root, has a capability, can gain one, or can write to its own file system."""
    for name, service in services.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == (_DATABASE if name == "database" else "65532:65532")
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"  # no shell is needed
        assert "privileged" not in service
        assert "network_mode" not in service


def test_registry_is_out_of_reach(composed: Any, services: Services) -> None:
    """The registry has no port, and the proxy alone shares its network, which leads nowhere."""
    assert {name: published(each) for name, each in services.items() if "ports" in each} == _PUBLISHED
    assert list(services["registry"]["networks"]) == ["back"]
    assert {name for name, each in services.items() if "back" in each["networks"]} == {"registry", "tagwarden"}
    assert composed["networks"]["back"]["internal"] is True


def test_signing_keys_are_out_of_reach(composed: Any, services: Services) -> None:
    """Nobody but the Notary server reaches the signer and the database, and neither of these gets out."""
    assert composed["networks"]["keys"]["internal"] is True
    for name in ("notary-signer", "database"):
        assert list(services[name]["networks"]) == ["keys"]
    assert "keys" not in services["tagwarden"]["networks"]


def test_secrets_are_files(services: Services) -> None:
    """No service has a secret in its environment but what Notary reads from there alone, and that is in a file too."""
    environment = {name: each.get("environment") or {} for name, each in services.items()}
    assert environment == {
        **{name: {} for name in services},
        "database": {
            "POSTGRES_PASSWORD_FILE": "/run/secrets/database-password",
            "PGDATA": environment["database"]["PGDATA"],
        },
    }
    assert [secret["target"] for secret in services["tagwarden"]["secrets"]] == ["/etc/tagwarden/tls/proxy.key"]
    for service in services.values():
        assert not any(".key" in volume for volume in service["volumes"])


def test_proxy_runs_as_its_configuration_says(services: Services) -> None:
    """Published port, health check, files and the trust store's volume are those of the shipped configuration."""
    [shipped], service = documents(_COMPOSE / "config.yaml"), services["tagwarden"]
    assert service["image"] == f"tagwarden:{__version__}"
    assert published(service)[1] == int(shipped["listen"]["address"].rpartition(":")[2])
    assert f"http://{shipped['probes']['address']}/readyz" in service["healthcheck"]["test"][-1]
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    mounted |= {secret["target"] for secret in service["secrets"]}
    named = {*shipped["listen"]["tls"].values(), shipped["registry"]["ca_file"], shipped["notaries"]["corp"]["ca_file"]}
    assert {f"/etc/tagwarden/{file}" for file in (*named, "config.yaml")} <= mounted
    assert str(Path(shipped["trust_store"]["url"].removeprefix("sqlite:///")).parent) in mounted
    assert float(service["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS + WORKER_STOP_SECONDS


def test_what_they_ask_each_other_is_there(services: Services) -> None:
    """Every address in the shipped files is a service, at the port at which that listens."""
    [proxy], [registry] = documents(_COMPOSE / "config.yaml"), documents(_COMPOSE / "registry.yaml")
    server = json.loads((_COMPOSE / "notary-server.json").read_text())
    signer = json.loads((_COMPOSE / "notary-signer.json").read_text())
    listening = {
        "registry": registry["http"]["addr"],
        "notary-server": server["server"]["http_addr"],
        "notary-signer": signer["server"]["grpc_addr"],
    }
    assert set(listening) <= set(services)
    asked = (
        proxy["registry"]["url"].removeprefix("https://"),
        proxy["notaries"]["corp"]["url"].removeprefix("https://"),
        f"{server['trust_service']['hostname']}:{server['trust_service']['port']}",
    )
    for name, port in (address.split(":") for address in asked):
        assert listening[name].rpartition(":")[2] == port
        assert port in services[name]["healthcheck"]["test"]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Runs `prepare.sh` in a copy of its directory, which is `deploy/compose` here."""
    directory = tmp_path / "deploy" / "compose"
    shutil.copytree(_COMPOSE, directory, ignore=shutil.ignore_patterns("tls", "secrets", "data"))
    shutil.copytree(ROOT / "certs", tmp_path / "certs", ignore=shutil.ignore_patterns("__pycache__"))
    return lambda *names: run(
        [str(directory / "prepare.sh"), *names], home=tmp_path, environment={"PYTHON": sys.executable}
    )


def contents(directory: Path) -> dict[Path, bytes]:
    """Every file below a directory."""
    return {file: file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_prepare_makes_what_compose_needs(tmp_path: Path, composed: Any, prepare: Prepare) -> None:
    """`prepare.sh` makes every file that is mounted, for the users that read them; a second run keeps them."""
    directory = tmp_path / "deploy" / "compose"
    printed = prepare("images.example.org", "notary.example.org").must()
    assert "~/.docker/tls/notary.example.org/ca.crt" in printed
    assert "\nname: images.example.org\n" in (directory / "config.yaml").read_text()

    for secret in composed["secrets"].values():
        file = directory / Path(secret["file"]).relative_to(Path(secret["file"]).parents[1])
        status = file.stat()
        assert status.st_size > 0
        assert status.st_mode & 0o077 == 0
        assert status.st_uid == (999 if "password" in file.name else 65532)
    for service in composed["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("/"):
                inside = source.partition("/compose0/")[2]
                assert (directory / inside).exists(), inside
    assert (directory / "data" / "registry").stat().st_uid == 65532

    kept = contents(directory)
    prepare("images.example.org", "notary.example.org").must()
    assert contents(directory) == kept

    for names, renamed in (
        (("pictures.example.org:5000", "notary.example.org"), "proxy"),
        (("images.example.org",), "notary-server"),
    ):
        other = prepare(*names)
        assert not other.ok
        assert f"tls/{renamed}.crt is for " in other.output
        assert f", not for {names[0].partition(':')[0]}: remove it and " in other.output
        assert f"tls/{renamed}.key, and run this again" in other.output
        assert contents(directory) == kept

    (directory / "tls" / "proxy.crt").unlink()
    (directory / "tls" / "proxy.key").unlink()
    prepare("pictures.example.org:5000", "notary.example.org").must()
    assert "\nname: pictures.example.org:5000\n" in (directory / "config.yaml").read_text()


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((), id="no-name"),
        pytest.param(("a.example.org", "b.example.org", "c.example.org"), id="three-names"),
        pytest.param(("",), id="an-empty-name"),
        pytest.param(("Bad Name",), id="a-space"),
        pytest.param(("Images.example.org",), id="a-capital-letter"),
        pytest.param(("a/b&c",), id="what-sed-obeys"),
        pytest.param(("https://images.example.org",), id="a-url"),
        pytest.param(("images.example.org\nname: b",), id="two-lines"),
        pytest.param(("images.example.org", "notary example"), id="a-notary-with-a-space"),
        pytest.param(("-images",), id="a-dash"),
        pytest.param(("images.example.org:",), id="no-port"),
    ],
)
def test_prepare_looks_at_its_names_first(tmp_path: Path, prepare: Prepare, names: tuple[str, ...]) -> None:
    """A name that cannot be one is refused before anything is made or changed."""
    before = contents(tmp_path)
    outcome = prepare(*names)
    assert outcome.status == 2
    assert "prepare.sh NAME [NOTARY]" in outcome.output or " is no host[:port]: write it in small" in outcome.output
    assert contents(tmp_path) == before
    assert not (tmp_path / "deploy" / "compose" / "tls").exists()


def test_every_service_has_its_share_of_memory(services: Services) -> None:
    """None of them can take what the others need; the proxy has what its pods have in Kubernetes."""
    [deployment] = documents(ROOT / "deploy" / "kubernetes" / "standalone" / "deployment.yaml")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert services["tagwarden"]["mem_limit"] == "1g"
    assert all(re.fullmatch(r"[0-9]+[mg]", each["mem_limit"]) for each in services.values())


def test_prometheus_can_ask_where_that_is_wanted(tmp_path: Path) -> None:
    """With the # taken from its line the machine, and nobody else, reaches the port for probes."""
    shutil.copytree(_COMPOSE, tmp_path / "compose", ignore=shutil.ignore_patterns("tls", "secrets", "data"))
    file = tmp_path / "compose" / "compose.yaml"
    file.write_text(re.sub(r"^( +)#- ", r"\1- ", file.read_text(), flags=re.MULTILINE))
    (tmp_path / "compose" / "secrets").mkdir()
    for name in ("notary-server", "notary-signer"):
        (tmp_path / "compose" / "secrets" / f"{name}.env").touch()
    read = run([program("docker-compose"), "--project-directory", str(file.parent), "config"], home=file.parent).must()
    ports = YAML(typ="safe", pure=True).load(read)["services"]["tagwarden"]["ports"]
    [shipped] = documents(_COMPOSE / "config.yaml")
    probes = shipped["probes"]["address"].rpartition(":")[2]
    assert f"127.0.0.1:{probes}:{probes}/tcp" in map(str, ports)
