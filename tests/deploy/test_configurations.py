"""Every configuration that is shipped is loaded by the program itself, with its files where its form puts them."""

import re
import shutil
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from certs.authority import Authority
from certs.stack import PROXY, make_stack
from deploy.stack.commands import Outcome, run
from deploy.stack.proxy import tagwarden
from tests.deploy.manifests import FORMS, ROOT, Form, lay_out
from tests.deploy.monitoring import runbooks

_NAME: Final = "registry.example.com"
_COMPOSE: Final = ROOT / "deploy" / "compose"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates as `python -m certs stack` makes them."""
    directory = tmp_path_factory.mktemp("tls")
    make_stack(directory, _NAME, "notary.example.com")
    return directory


def check(configuration: Path, store: Path, *references: str) -> Outcome:
    """Run `config check`, of images too; a file for the trust store is elsewhere on this machine."""
    store.mkdir(exist_ok=True)
    environment: Mapping[str, str] = {}
    if "sqlite:////var/lib/tagwarden/" in configuration.read_text():
        environment = {"TAGWARDEN__TRUST_STORE__URL": f"sqlite:///{store}/trust.db"}
    command = [str(tagwarden()), "config", "check", "-c", str(configuration), *references]
    return run(command, home=store, environment=environment)


def test_all_configurations_are_known() -> None:
    """No configuration is shipped that no test here loads."""
    shipped = {file.relative_to(ROOT / "deploy") for file in (ROOT / "deploy").rglob("config.yaml")}
    assert shipped == {Path("compose/config.yaml"), *(Path("kubernetes", form, "config.yaml") for form in FORMS)}


@pytest.mark.parametrize("name", FORMS)
def test_configuration_of_a_pod_loads(name: str, tls: Path, tmp_path: Path) -> None:
    """What a pod is given, mounted as kubelet mounts it, is a configuration without a problem and without a warning."""
    form, pair = Form(name), make_stack(tls, _NAME, "notary.example.com")[PROXY]
    authority = Authority(tls).certificate_file.read_bytes()
    sources = {
        key: {item: file.read_bytes() for item, file in files.items()} for key, files in form.generated().items()
    }
    sources["tagwarden-authorities"] = dict.fromkeys(("registry-ca.crt", "notary-ca.crt", "database-ca.crt"), authority)
    certificate, key = pair.certificate_file.read_bytes(), pair.key_file.read_bytes()
    sources["tagwarden-tls"] = {"tls.crt": certificate, "tls.key": key}
    sources["tagwarden-database"] = {"password": b"secret\n"}
    for number, workload in enumerate(form.workloads()):
        volumes = {each["name"]: each for each in workload["spec"]["template"]["spec"]["volumes"]}
        mounted = tmp_path / str(number)
        lay_out(volumes["configuration"], mounted, sources)
        outcome = check(mounted / "config.yaml", tmp_path / "store")
        assert outcome.ok, outcome.output
        assert "warning:" not in outcome.output


def test_configuration_of_compose_loads(tls: Path, tmp_path: Path) -> None:
    """What compose gives the proxy is a configuration without a problem and without a warning."""
    shutil.copytree(tls, tmp_path / "tls")
    shutil.copy(_COMPOSE / "config.yaml", tmp_path / "config.yaml")
    outcome = check(tmp_path / "config.yaml", tmp_path / "store")
    assert outcome.ok, outcome.output
    assert "warning:" not in outcome.output


def test_the_way_out_at_night_is_a_configuration(tls: Path, tmp_path: Path) -> None:
    """What the runbook of a regression writes down lets one repository go, all others are enforced as before."""
    _, section = runbooks()["TagwardenRegression"]
    [block] = re.findall(r"^  ```yaml\n(.*?)^  ```$", section, re.MULTILINE | re.DOTALL)
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    written, count = re.subn(r"(?<=until: )[0-9TZ:-]+", tomorrow, textwrap.dedent(block))
    assert count == 1
    shutil.copytree(tls, tmp_path / "tls")
    (tmp_path / "config.yaml").write_text((_COMPOSE / "config.yaml").read_text() + written)
    let_go, other = (
        check(tmp_path / "config.yaml", tmp_path / "store", f"{name}:1.4") for name in ("shop/api", "shop/web")
    )
    assert f"mode        audit until {tomorrow}: OPS-515; then enforce" in let_go.must()
    assert "mode        enforce" in other.must()


def test_shipped_roots_are_nobodys(tls: Path, tmp_path: Path) -> None:
    """The root that is pinned in what is shipped is no key: until it is replaced, everything is refused."""
    for file in sorted((ROOT / "deploy").rglob("config.yaml")):
        assert f'["{"0" * 64}"]' in file.read_text()
        assert "tofu" not in file.read_text()
    shutil.copytree(tls, tmp_path / "tls")
    (tmp_path / "config.yaml").write_text((_COMPOSE / "config.yaml").read_text().replace("tls/ca.crt", "tls/none.crt"))
    assert "none.crt" in check(tmp_path / "config.yaml", tmp_path / "store").output
