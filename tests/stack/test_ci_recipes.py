"""The blocks of `docs/ci.md`, run as they stand there, as the systems that they are for run them.

Only names of hosts are replaced by those of this machine, and what comes from outside a pipeline is put in: variables
and secrets of its system, and a `kubectl` that writes down what it is told.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import PASSPHRASE, Person
from deploy.stack.proxy import Proxy, tagwarden
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.pushing import REPOSITORY, Place, Trust, place
from tests.support.canned_server import Canned, canned_server

_PAGE: Final = Path(__file__).parents[2] / "docs" / "ci.md"
_LOGIN: Final = Login("pipeline", "pipeline's secret")
_UNSIGNED: Final = "unsigned"
_MOVED: Final = "moved"
_BODY: Final = b'{"schemaVersion": 2}'
_DIGEST: Final = f"sha256:{sha256(_BODY).hexdigest()}"
_KUBECTL: Final = '#!/bin/sh\nprintf "%s\\n" "$@" >> "$HOME/deployed"\n'


def block(title: str, language: str) -> str:
    """The one block of a language in a section of the page."""
    [section] = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^##|\Z)", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return str(found)


@dataclass(frozen=True)
class Step:
    """A script of a pipeline, and the variables that the pipeline itself sets for it."""

    script: str
    variables: Mapping[str, str]

    @property
    def asks(self) -> str:
        """From the question to the proxy on, which is not waited for long."""
        lines = self.script.splitlines(keepends=True)
        [first] = [number for number, line in enumerate(lines) if "tagwarden verify" in line]
        return "".join(lines[first:]).replace("--wait 60s", "--wait 1s")


class Runner:
    """A machine of a CI system: a workspace with the sources, the programs, and what an administrator set up."""

    shell: tuple[str, ...] = ("bash", "-e", "-c")

    def __init__(self, home: Path, there: Place, docker: DockerDaemon, notary: Notary) -> None:
        self.home = home
        self.there = there
        self._docker = docker
        self._names = {
            "https://registry.example.com": there.proxy.url,
            "registry.example.com": there.host.name,
            "https://notary.example.com:4443": notary.url,
        }
        self._write("Dockerfile", "FROM scratch\nCOPY content /content\n")
        self._write("content", home.name)
        self._write("bin/kubectl", _KUBECTL, 0o755)
        (home / "bin" / "tagwarden").symlink_to(tagwarden())
        self._write(f".docker/tls/{notary.host}/ca.crt", notary.ca_file.read_text())
        [key] = (there.alice.trust_directory / "private").glob("*.key")
        self.signing_key, self.signing_key_id = self._write("secrets/key", key.read_text(), 0o644), key.stem

    def here(self, text: str) -> str:
        """Replace the names of the page."""
        for name, real in self._names.items():
            text = text.replace(name, real)
        return text

    def run(self, script: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a script in the workspace as this system does."""
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "DOCKER_HOST": self._docker.host,
            **{name: self.here(value) for name, value in variables.items()},
        }
        return subprocess.run(
            [*self.shell, self.here(script)],
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def follow(self, step: Step, **more: str) -> None:
        """Run a step, which has to succeed."""
        ended = self.run(step.script, {**step.variables, **more})
        assert ended.returncode == 0, f"{step.script}\n{ended.stdout}\n{ended.stderr}"

    def deployed(self, tag: str) -> str:
        """What was deployed, which is what the registry has under the tag."""
        *words, deployed = (self.home / "deployed").read_text().splitlines()
        assert words == ["set", "image", "deployment/app"]
        signed = self.there.registry.get_manifest(REPOSITORY, tag).headers["Docker-Content-Digest"]
        assert deployed == f"app={self.there.host.name}/{REPOSITORY}@{signed}"
        return deployed.removeprefix("app=")

    def pulls(self, reference: str) -> bool:
        """Whether a node gets what was deployed."""
        return self.run('docker pull "$REFERENCE"', {"REFERENCE": reference}).returncode == 0

    def refuses(self, step: Step, result: Path) -> None:
        """See that an image which nobody signed ends the step, and leaves nothing to deploy."""
        result.unlink(missing_ok=True)
        image_name = f"registry.example.com/{REPOSITORY}:{_UNSIGNED}"
        ended = self.run(step.asks, {**step.variables, "IMAGE": image_name})
        assert ended.returncode == 1, ended.stderr
        assert "[tag_not_signed]" in ended.stderr
        assert not result.exists() or "sha256:" not in result.read_text()

    def _write(self, name: str, content: str, mode: int = 0o600) -> Path:
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)
        return file


class Jenkins(Runner):
    """Its `sh` is the system's, which prints every command."""

    shell = ("sh", "-xec")


class GitLab(Runner):
    """One shell for all lines of a job."""

    shell = ("bash", "-eo", "pipefail", "-c")


@pytest.fixture(scope="module")
def there(scratch: Path, notary: Notary, owner: Person, anchor: str) -> Iterator[Place]:
    """A proxy before a registry with a password; alice is the signer whom the page calls `ci`."""
    directory = scratch / "ci"
    with (
        run_registry(directory / "registry", login=_LOGIN) as registry,
        place(directory / "place", registry, Trust(notary, owner, anchor), login=_LOGIN) as running,
    ):
        content = push(registry, REPOSITORY, image("for ci"), "1.4", _UNSIGNED)
        running.sign("1.4", content.digest)
        push(registry, REPOSITORY, content, _MOVED)
        running.sign(_MOVED, content.digest)
        push(registry, REPOSITORY, image("for nobody"), _MOVED)
        yield running


# --- recipes ----------------------------------------------------------------------------------


def test_github_actions(tmp_path: Path, there: Place, docker_daemon: DockerDaemon, notary: Notary) -> None:
    """Each `run` is a script of its own; expressions are put in before, and a step's outputs go through a file."""
    runner = Runner(tmp_path, there, docker_daemon, notary)
    known = {
        "github.ref_name": "v1.0.0",
        "vars.REGISTRY_USER": _LOGIN.username,
        "secrets.REGISTRY_PASSWORD": _LOGIN.password,
        "secrets.SIGNING_KEY": runner.signing_key.read_text(),
        "vars.SIGNING_KEY_ID": runner.signing_key_id,
        "secrets.SIGNING_PASSPHRASE": PASSPHRASE,
    }
    output = tmp_path / "output"
    job = YAML(typ="safe").load(block("GitHub Actions", "yaml"))["jobs"]["release"]
    for each in job["steps"]:
        if "run" not in each:
            assert each == {"uses": "actions/checkout@v4"}  # which the workspace is
            continue
        variables = {**job["env"], **each.get("env", {}), "GITHUB_OUTPUT": str(output)}
        step = Step(_expanded(each["run"], known), {name: _expanded(text, known) for name, text in variables.items()})
        runner.follow(step)
        if "tagwarden verify" in step.script:
            told = dict(line.split("=", 1) for line in output.read_text().splitlines())
            known |= {f"steps.{each['id']}.outputs.{name}": value for name, value in told.items()}
            runner.refuses(step, output)
    assert runner.pulls(runner.deployed("v1.0.0"))


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """Put in expressions; one that is not known is a mistake on the page."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], text)


def test_gitlab_ci(tmp_path: Path, there: Place, docker_daemon: DockerDaemon, notary: Notary) -> None:
    """Variables may name others; what a job leaves behind as dotenv is in the environment of the next stage."""
    runner = GitLab(tmp_path, there, docker_daemon, notary)
    pipeline: dict[str, Any] = YAML(typ="safe").load(block("GitLab CI", "yaml"))
    outside = {
        "CI_COMMIT_TAG": "v1.1.0",
        "REGISTRY_USER": _LOGIN.username,
        "REGISTRY_PASSWORD": _LOGIN.password,
        "SIGNING_KEY": str(runner.signing_key),
        "SIGNING_KEY_ID": runner.signing_key_id,
        "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": PASSPHRASE,
    }
    variables = outside | {
        name: text.replace("$CI_COMMIT_TAG", "v1.1.0") for name, text in pipeline["variables"].items()
    }
    jobs = [
        [job for job in pipeline.values() if isinstance(job, dict) and job.get("stage") == stage]
        for stage in pipeline["stages"]
    ]
    [[release], [deploy]] = jobs
    step = Step("\n".join(release["script"]), variables)
    runner.follow(step)
    dotenv = tmp_path / release["artifacts"]["reports"]["dotenv"]
    told = dict(line.split("=", 1) for line in dotenv.read_text().splitlines())
    runner.follow(Step("\n".join(deploy["script"]), variables), **told)
    assert runner.pulls(runner.deployed("v1.1.0"))
    runner.refuses(step, dotenv)


def test_jenkins(tmp_path: Path, there: Place, docker_daemon: DockerDaemon, notary: Notary) -> None:
    """A credential is one variable, or two for a user with a password; stages share the workspace."""
    runner = Jenkins(tmp_path, there, docker_daemon, notary)
    pipeline = block("Jenkins", "groovy")
    credentials = {
        "registry": {"_USR": _LOGIN.username, "_PSW": _LOGIN.password},
        "signing-key": {"": str(runner.signing_key)},
        "signing-key-id": {"": runner.signing_key_id},
        "signing-passphrase": {"": PASSPHRASE},
    }
    texts = re.findall(r"""(\w+) = (["'])(.*?)\2$""", pipeline, re.MULTILINE)
    variables = {name: text.replace("${env.TAG_NAME}", "v1.2.0") for name, _, text in texts}
    for name, credential in re.findall(r"(\w+) = credentials\('(.*?)'\)", pipeline):
        variables |= {f"{name}{ending}": value for ending, value in credentials[credential].items()}
    steps = [Step(script, variables) for script in re.findall(r"sh '''\n(.*?)'''", pipeline, re.DOTALL)]
    build, admit, deploy = steps
    for step in (build, admit, deploy):
        runner.follow(step)
    assert runner.pulls(runner.deployed("v1.2.0"))
    runner.refuses(admit, tmp_path / "admitted")


# --- the question alone -----------------------------------------------------------------------


def test_the_first_question(tmp_path: Path, there: Place, docker_daemon: DockerDaemon, notary: Notary) -> None:
    """As it stands at the top of the page, by somebody who has logged in."""
    runner = Runner(tmp_path, there, docker_daemon, notary)
    login = f'echo "$PASSWORD" | docker login --username {_LOGIN.username} --password-stdin registry.example.com'
    assert runner.run(login, {"PASSWORD": _LOGIN.password}).returncode == 0
    ended = runner.run(block("In CI", "sh"), {})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"allowed: {REPOSITORY}:1.4 is sha256:")


@pytest.fixture(scope="module")
def audit(scratch: Path, there: Place) -> Iterator[Proxy]:
    """A second proxy before the same registry, which enforces nothing yet."""
    relaxed = {"mode": "audit", "until": "2099-01-01T00:00:00Z", "reason": "first weeks"}
    settings = YAML(typ="safe").load(there.proxy.configuration.read_text())
    for key in ("version", "trust_store", "listen", "probes"):
        del settings[key]
    with run_proxy(scratch / "ci" / "audit", {**settings, "rollout": {"**": relaxed}}) as running:
        yield running


@pytest.mark.parametrize(
    ("where", "tag", "admitted"),
    [
        pytest.param("enforcing", "1.4", True, id="allowed"),
        pytest.param("enforcing", _UNSIGNED, False, id="refused"),
        pytest.param("enforcing", "absent", False, id="absent"),
        pytest.param("enforcing", _MOVED, True, id="moved-for-nobody"),
        pytest.param("audit", "1.4", True, id="allowed-in-audit"),
        pytest.param("audit", _UNSIGNED, False, id="would-be-refused"),
        pytest.param("audit", _MOVED, False, id="moved-in-audit"),
        pytest.param("registry", "1.4", False, id="no-proxy"),
        pytest.param("nowhere", "1.4", False, id="nobody"),
    ],
)
@pytest.mark.parametrize("shell", [("bash", "-eo", "pipefail", "-c"), ("sh", "-c")], ids=["bash", "sh"])
def test_the_question_by_curl(
    tmp_path: Path,
    there: Place,
    audit: Proxy,
    where: str,
    tag: str,
    admitted: bool,  # noqa: FBT001 - a case
    shell: tuple[str, ...],
) -> None:
    """It succeeds only where the proxy allows these very bytes; in audit, once the decision is ready."""
    urls = {"enforcing": there.proxy.url, "audit": audit.url, "registry": there.registry.url}
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "TAGWARDEN": urls.get(where, "http://127.0.0.1:1"),
        "REPOSITORY": REPOSITORY,
        "TAG": tag,
        "REGISTRY_USER": _LOGIN.username,
        "REGISTRY_PASSWORD": _LOGIN.password,
    }
    question = block("With curl", "sh")

    asked = [*shell, question]
    ended = subprocess.run(
        asked, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    if where == "audit":
        assert "X-Tagwarden-Decision: " in (tmp_path / "headers").read_text()
    assert (ended.returncode == 0) is admitted, ended
    assert ("X-Tagwarden-Decision: allowed" in ended.stdout) is admitted
    signed = there.registry.get_manifest(REPOSITORY, "1.4").headers["Docker-Content-Digest"]
    assert (f"X-Tagwarden-Digest: {signed}" in ended.stdout) is admitted


def test_the_question_by_curl_is_asked_again(tmp_path: Path) -> None:
    """An audit's first answer has no verdict yet."""
    good = Canned(200, {"X-Tagwarden-Decision": "allowed", "X-Tagwarden-Digest": _DIGEST}, _BODY)
    environment = {"PATH": "/usr/bin:/bin", "REPOSITORY": REPOSITORY, "TAG": "1.4", "REGISTRY_USER": "u"}
    with canned_server(Canned(200, {}, _BODY), good) as at:
        ended = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", block("With curl", "sh")],
            env={**environment, "REGISTRY_PASSWORD": "p", "TAGWARDEN": at.url},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, len(at.asked)) == (0, 2), ended


@pytest.mark.parametrize(
    ("said", "body"),
    [
        pytest.param(_DIGEST, b"other bytes", id="other-bytes"),
        pytest.param(f"sha256:{'7' * 64}", _BODY, id="another-digest"),
        pytest.param(f"{_DIGEST}0", _BODY, id="a-longer-digest"),
        pytest.param(None, _BODY, id="no-digest"),
    ],
)
def test_the_question_by_curl_hashes_what_came(tmp_path: Path, said: str | None, body: bytes) -> None:
    """A verdict is about bytes; whatever is left of an earlier answer does not count."""
    (tmp_path / "headers").write_text(f"X-Tagwarden-Decision: allowed\r\nX-Tagwarden-Digest: {_DIGEST}\r\n")
    (tmp_path / "manifest").write_bytes(_BODY)
    decided = {} if said is None else {"X-Tagwarden-Digest": said}
    good = {"X-Tagwarden-Decision": "allowed", "X-Tagwarden-Digest": _DIGEST}
    environment = {"PATH": "/usr/bin:/bin", "REPOSITORY": REPOSITORY, "TAG": "1.4", "REGISTRY_USER": "u"}
    with canned_server(
        Canned(200, {"X-Tagwarden-Decision": "allowed", **decided}, body), Canned(200, good, _BODY)
    ) as at:
        for address, status in (("http://127.0.0.1:1", 7), (at.url, 1), (at.url, 0)):
            ended = subprocess.run(
                ["sh", "-c", block("With curl", "sh")],
                env={**environment, "REGISTRY_PASSWORD": "p", "TAGWARDEN": address},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert ended.returncode == status, ended
