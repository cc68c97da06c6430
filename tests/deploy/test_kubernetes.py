"""The manifests that are shipped: what Kubernetes makes of them, and whether they say what the proxy really does."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.stack.commands import run
from deploy.stack.programs import program
from proxy import __version__
from proxy.limits import DRAIN_SECONDS, WORKER_STOP_SECONDS
from proxy.web import probes
from tests.deploy.manifests import FORMS, KUBERNETES, ROOT, Form, Manifest, documents
from tests.deploy.monitoring import RULES

_VERSIONS = ("1.27", "1.37")  # the oldest that somebody may still run, and the newest whose schemas are known
_OURS = ("tagwarden", "trust-init")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    """Each of the forms."""
    return Form(request.param)


def pods(form: Form) -> Iterator[Manifest]:
    """What every workload of a form says of its pods."""
    for workload in form.workloads():
        yield workload["spec"]["template"]["spec"]


def containers(form: Form) -> Iterator[Manifest]:
    """Every container of a form."""
    for pod in pods(form):
        yield from (*pod.get("initContainers", ()), *pod["containers"])


def port_of(address: str) -> int:
    """The port of `host:port`."""
    return int(address.rpartition(":")[2])


def settings(form: Form) -> Any:
    """The shipped configuration of the proxy."""
    [content] = documents(form.directory / "config.yaml")
    return content


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_manifest_is_what_the_api_accepts(version: str) -> None:
    """Every manifest is valid by Kubernetes' own schemas, which know no key besides."""
    files = [str(file) for file in sorted(KUBERNETES.rglob("*.yaml")) if _is_manifest(file)]
    assert len(files) >= 9
    validate = Path(sys.executable).parent / "kubernetes-validate"
    outcome = run([str(validate), "--strict", "--kubernetes-version", version, *files], home=KUBERNETES)
    assert outcome.ok, outcome.output
    assert outcome.output.count(f"against version {version}") == sum(len(documents(Path(file))) for file in files)


def test_schemas_refuse_what_is_wrong(tmp_path: Path) -> None:
    """The validation can fail: a misspelt key is refused."""
    wrong = tmp_path / "service.yaml"
    wrong.write_text((KUBERNETES / "sidecar" / "service.yaml").read_text().replace("targetPort", "targetport"))
    validate = Path(sys.executable).parent / "kubernetes-validate"
    assert not run([str(validate), "--strict", str(wrong)], home=tmp_path).ok


def test_kustomization_has_every_file(form: Form) -> None:
    """Every manifest in the directory is applied, but the one for once by hand; every named file is there."""
    named = {form.directory / name for name in form.kustomization["resources"]}
    shipped = {file for file in form.directory.glob("*.yaml") if _is_manifest(file)} - {
        form.directory / "trust-init.yaml"
    }
    assert {path for path in named if path.is_file()} == shipped
    assert all(path.exists() for path in named)
    assert all(file.is_file() for files in form.generated().values() for file in files.values())


def test_pods_meet_the_restricted_standard(form: Form) -> None:
    """Every container is as confined as the standard `restricted` asks for, with a read-only root besides."""
    namespace = form.only("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert namespace["metadata"]["name"] == form.kustomization["namespace"]
    for pod in pods(form):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) & {"projected", "configMap", "emptyDir"} for volume in pod["volumes"])
    for container in containers(form):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert not any("hostPort" in port for port in container.get("ports", ()))


def test_ports_and_probes_are_the_configurations(form: Form) -> None:
    """Kubelet asks the paths that the probes listener has, at the port that the shipped configuration gives it."""
    [proxy] = [each for each in containers(form) if each["name"] == "tagwarden"]
    ports = {port["name"]: port["containerPort"] for port in proxy["ports"]}
    shipped = settings(form)
    assert ports == {
        "registry": port_of(shipped["listen"]["address"]),
        "probes": port_of(shipped["probes"]["address"]),
    }
    assert shipped["probes"]["address"].startswith("0.0.0.0:")  # from outside the pod nobody reaches its loopback
    paths = {route.resource.canonical for route in probes.build(_ready, _metrics).router.routes() if route.resource}
    asked = {name: proxy[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["path"] for probe in asked.values()} <= paths
    assert asked["readinessProbe"] == {"path": "/readyz", "port": "probes"}
    assert asked["livenessProbe"] == asked["startupProbe"] == {"path": "/healthz", "port": "probes"}


def test_pods_have_time_to_drain(form: Form) -> None:
    """Kubernetes waits for longer than a drain takes, the pause before it included."""
    for pod in pods(form):
        for container in pod["containers"]:
            if "lifecycle" in container:
                [*_, code] = container["lifecycle"]["preStop"]["exec"]["command"]
                pause = float(code.removeprefix("import time; time.sleep(").removesuffix(")"))
                assert pod["terminationGracePeriodSeconds"] > pause + DRAIN_SECONDS + WORKER_STOP_SECONDS


def test_images_are_of_this_version(form: Form) -> None:
    """The proxy's image is of the version of this tree, in the kustomization as in what is applied by hand."""
    images = {each["name"]: each for each in form.kustomization["images"]}
    assert images["tagwarden"]["newTag"] == __version__
    written = f"{images['tagwarden']['newName']}:{__version__}"
    for workload in form.workloads():
        for container in workload["spec"]["template"]["spec"]["containers"]:
            if container["name"] in _OURS:
                expected = written if workload["kind"] == "Job" else "tagwarden"
                assert container["image"] == expected
            else:
                assert container["image"] in images


def test_writable_places_are_few(form: Form) -> None:
    """A container can write to `/tmp` and to where its state is, and nowhere else."""
    for container in containers(form):
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        state = {"/var/lib/tagwarden", "/var/lib/registry"} if form.name == "sidecar" else set()
        assert writable <= {"/tmp", *state}  # noqa: S108  (it is a mount of the pod's own)


def test_service_leads_to_the_proxy_alone(form: Form) -> None:
    """The service has one port, which is the proxy's, and selects the pods that have it."""
    service = form.only("Service")["spec"]
    assert [port["targetPort"] for port in service["ports"]] == ["registry"]
    [workload] = [each for each in form.workloads() if each["kind"] != "Job"]
    assert service["selector"].items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    assert workload["spec"]["selector"]["matchLabels"] == workload["spec"]["template"]["metadata"]["labels"]


def test_registry_in_the_pod_listens_on_loopback() -> None:
    """Beside the proxy the registry listens where only this pod is, and the proxy asks there."""
    form = Form("sidecar")
    [registry] = documents(form.directory / "registry.yaml")
    assert registry["http"]["addr"] == "127.0.0.1:5001"
    assert settings(form)["registry"]["url"] == f"http://{registry['http']['addr']}"
    [container] = [each for each in containers(form) if each["name"] == "registry"]
    assert "ports" not in container
    assert registry["http"]["addr"].rpartition(":")[2] in container["livenessProbe"]["exec"]["command"]


def test_policies_let_nothing_but_the_proxy_reach_the_registry() -> None:
    """Into the registry's pods only those of the proxy come; into those of the proxy, only its own port."""
    sidecar, standalone = Form("sidecar"), Form("standalone")
    own = {"protocol": "TCP", "port": 5000}
    assert sidecar.only("NetworkPolicy")["spec"]["ingress"] == [{"ports": [own]}]
    assert standalone.only("NetworkPolicy", "tagwarden")["spec"]["ingress"] == [{"ports": [own]}]

    labels = standalone.only("Deployment")["spec"]["template"]["metadata"]["labels"]
    policy = standalone.only("NetworkPolicy", "registry")["spec"]
    url = settings(standalone)["registry"]["url"]
    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [
        {
            "from": [{"podSelector": {"matchLabels": labels}}],
            "ports": [{"protocol": "TCP", "port": port_of(url)}],
        }
    ]
    for form in (sidecar, standalone):
        for policy in (each for each in form.manifests() if each["kind"] == "NetworkPolicy"):
            assert "Ingress" in policy["spec"]["policyTypes"]


def test_policies_let_the_proxy_ask_what_it_has_to() -> None:
    """The proxy may go out to what its configuration names, and to the name service."""
    for form in map(Form, FORMS):
        name = "registry" if form.name == "sidecar" else "tagwarden"
        egress = form.only("NetworkPolicy", name)["spec"]["egress"]
        open_ports = {port["port"] for rule in egress for port in rule["ports"]}
        shipped = settings(form)
        wanted = {53, *(port_of(notary["url"]) for notary in shipped["notaries"].values())}
        if form.name == "standalone":
            wanted |= {port_of(shipped["registry"]["url"]), 5432}
        assert open_ports == wanted


@pytest.mark.parametrize("version", _VERSIONS)
def test_policies_can_let_in_prometheus_and_out_what_is_sent(form: Form, tmp_path: Path, version: str) -> None:
    """The lines that wait behind a # are what the API accepts, and open what they say and no more."""
    file = tmp_path / "networkpolicy.yaml"
    shipped = (form.directory / "networkpolicy.yaml").read_text()
    file.write_text(re.sub(r"^( +)#(?=- |  )", r"\1", shipped, flags=re.MULTILINE))
    validate = Path(sys.executable).parent / "kubernetes-validate"
    outcome = run([str(validate), "--strict", "--kubernetes-version", version, str(file)], home=tmp_path)
    assert outcome.ok, outcome.output
    name = "registry" if form.name == "sidecar" else "tagwarden"
    before = form.only("NetworkPolicy", name)["spec"]
    [after] = [each["spec"] for each in documents(file) if each["metadata"]["name"] == name]
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    probes = {"protocol": "TCP", "port": port_of(settings(form)["probes"]["address"])}
    assert after["ingress"] == [*before["ingress"], {"from": [monitoring], "ports": [probes]}]
    sent = [{"ports": [{"protocol": "TCP", "port": port}]} for port in (443, 4318)]
    assert after["egress"] == [*before["egress"], *sent]


def test_the_page_asks_the_pods_by_the_name_of_their_port(form: Form) -> None:
    """Prometheus and its operator find the port that both forms have, under a job that the alerts know."""
    asking, monitor = (YAML(typ="safe", pure=True).load(block) for block in monitoring("yaml"))
    [job] = asking["scrape_configs"]
    [kept] = [each["regex"] for each in job["relabel_configs"] if each.get("action") == "keep"]
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    [proxy] = [each for each in containers(form) if each["name"] == "tagwarden"]
    assert {kept, endpoint["port"]} == {"probes"} < {port["name"] for port in proxy["ports"]}
    [discovered] = job["kubernetes_sd_configs"]
    assert discovered["namespaces"]["names"] == [monitor["metadata"]["namespace"]] == [form.kustomization["namespace"]]
    assert [job["job_name"]] == [each["replacement"] for each in endpoint["relabelings"]] == ["tagwarden"]
    if form.name == "standalone":
        labels = form.only("Deployment")["spec"]["template"]["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_prometheus_takes_the_job_of_the_page(tmp_path: Path) -> None:
    """By its own tool, with the shipped alerts beside it; Debian builds that without the part that finds pods."""
    file = tmp_path / "prometheus.yml"
    found = re.sub(r"kubernetes_sd_configs: .*", "static_configs: [{targets: [pod]}]", next(monitoring("yaml")))
    assert "static_configs" in found
    file.write_text(f"rule_files: [{RULES}]\n{found}")
    outcome = run([program("promtool"), "check", "config", str(file)], home=tmp_path)
    assert outcome.ok, outcome.output


def test_replicas_are_never_all_gone() -> None:
    """Alone, the proxy has two pods over one database, and neither an update nor a drained node takes both."""
    form = Form("standalone")
    deployment, budget = form.only("Deployment")["spec"], form.only("PodDisruptionBudget")["spec"]
    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget == {"minAvailable": 1, "selector": deployment["selector"]}
    assert settings(form)["trust_store"]["url"].startswith("postgresql://")


def monitoring(language: str) -> Iterator[str]:
    """The blocks of one language in the page's section about monitoring."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    section = page.partition("## Monitoring it\n")[2].partition("\n## ")[0]
    yield from re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def _is_manifest(file: Path) -> bool:
    return all("kind" in each and each["kind"] != "Kustomization" for each in documents(file))


async def _ready() -> dict[str, str | None]:
    """All is well."""
    return {}


async def _metrics(_: str) -> tuple[bytes, str]:
    """No numbers."""
    return b"", "text/plain"
