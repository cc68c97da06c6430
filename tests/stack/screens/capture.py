"""Brings every refusal to every client and writes down what the client shows.

`python -m tests.stack.screens.capture` writes `docs/screens.json`, from which `make docs` makes the page.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypedDict

from structlog.testing import capture_logs

from deploy.stack import clients, pushers
from deploy.stack.commands import Outcome, run
from deploy.stack.containerd import Containerd, containerd
from deploy.stack.cri import cri_pull
from deploy.stack.docker_daemon import DockerDaemon, docker_daemon
from deploy.stack.programs import program
from deploy.stack.pushers import Host
from deploy.stack.registry import Registry, registry
from deploy.stack.web import Answer, ask
from proxy.refusals import TABLE
from tests.stack.screens.cases import CASES, UNSEEN, Case, Door
from tests.stack.screens.stage import Stage, staged

FILE: Final = Path(__file__).parents[3] / "docs" / "screens.json"
_NAME: Final = "registry.example.com"
_AT_ONCE: Final = 3
_LIBRARY_CLIENTS: Final = ("podman", "buildah", "skopeo")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+\S*")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TIME: Final = re.compile(r'time="[^"]*"')
_REQUEST_ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
# docker names layers, ctr draws bars and says what it gave up after the error, BuildKit numbers its steps, the others
# say what they copy; which of these lines there are depends on the moment.
_PROGRESS: Final = re.compile(
    r"[0-9a-f]{12}: |elapsed: |\S+: +(resolving|resolved|waiting|done|downloading|uploading) |Copying |Getting image "
    r"|#\d+ |------| > \[|.* error=\"context canceled\"$"
)

# directory of its own, host and full name of the image -> how the command ended
Act = Callable[[Path, str, str], Outcome]


class Screen(TypedDict):
    """What a person types, and what the client shows then."""

    command: str
    shows: str


class Captured(TypedDict):
    """One refusal as the proxy says it, and its screen in each client."""

    case: str
    status: int
    code: str
    sentence: str
    screens: dict[str, Screen]


@dataclass(frozen=True)
class Tools:
    """The daemons that clients talk to; `node` serves kubelet's calls."""

    docker: DockerDaemon
    node: Containerd

    def acts(self) -> dict[Door, dict[str, tuple[str, Act]]]:
        """For each door and client the command that a person would type (`{}` is the image), and what we run."""
        docker, node = self.docker, self.node
        return {
            "pull": {
                "docker": ("docker pull {}", lambda _, __, name: clients.docker_pull(docker, name).outcome),
                "buildkit": (
                    "echo FROM {} | DOCKER_BUILDKIT=1 docker build -",
                    lambda _, __, name: clients.docker_build(docker, name),
                ),
                "ctr": ("ctr images pull {}", lambda _, __, name: clients.ctr_pull(node, name).outcome),
                "kubelet": ("PullImage {}", lambda _, __, name: cri_pull(node, name).outcome),
                "podman": ("podman pull {}", lambda path, _, name: clients.podman_pull(path, name).outcome),
                "buildah": ("buildah pull {}", lambda path, _, name: clients.buildah_pull(path, name).outcome),
                "skopeo": (
                    "skopeo copy docker://{} dir:image",
                    lambda path, _, name: clients.skopeo_pull(path, name).outcome,
                ),
            },
            "push": {
                "docker": (
                    "docker push {}",
                    lambda _, host, name: pushers.Docker(docker, Host(host)).push("pushed", name).outcome,
                ),
                "ctr": (
                    "ctr images push {}",
                    lambda _, host, name: pushers.Ctr(node, Host(host)).push("pushed", name).outcome,
                ),
                "podman": (
                    "podman push {}",
                    lambda path, host, name: pushers.Podman(path, Host(host)).push("pushed", name).outcome,
                ),
                "buildah": (
                    "buildah push {}",
                    lambda path, host, name: pushers.Buildah(path, Host(host)).push("pushed", name).outcome,
                ),
                "skopeo": (
                    "skopeo copy oci-archive:image.tar docker://{}",
                    lambda path, host, name: pushers.Skopeo(path, Host(host)).push("pushed", name).outcome,
                ),
            },
            "delete": {
                "skopeo": (
                    "skopeo delete docker://{}",
                    lambda path, host, name: pushers.Skopeo(path, Host(host)).delete(name),
                ),
            },
        }


async def capture(tools: Tools, behind: Registry, scratch: Path) -> list[Captured]:
    """Bring every case to every client, a few at once, and return the screens in the order of the cases.

    Args:
        tools: What clients work with.
        behind: The registry behind the proxy; it gets an image.
        scratch: A directory for the storage of clients.
    """
    turns = asyncio.Semaphore(_AT_ONCE)
    acts = tools.acts()

    async def look(stage: Stage, case: Case, client: str) -> Screen:
        typed, act = acts[case.door][client]
        host, image = stage.host_of(case), f"{case.repository}{case.target}"
        path = scratch / case.name / client
        path.mkdir(parents=True)
        async with turns:
            outcome = await asyncio.to_thread(act, path, host, f"{host}/{image}")
        assert not outcome.ok, f"{client} was not refused: {outcome.output}"
        return Screen(command=typed.format(f"{_NAME}/{image}"), shows=tidy(outcome.output, stage))

    async def collect(stage: Stage, case: Case) -> Captured:
        asked = [client for client in acts[case.door] if client not in case.spared]
        screens = await asyncio.gather(*(look(stage, case, client) for client in asked))
        said = await asyncio.to_thread(_ask, stage, case)
        [error] = json.loads(said.body)["errors"]
        return Captured(
            case=case.name,
            status=said.status,
            code=error["code"],
            sentence=error["message"],
            screens=dict(zip(asked, screens, strict=True)),
        )

    async with staged(behind) as stage:
        return await asyncio.gather(*(collect(stage, case) for case in CASES))


def tidy(output: str, stage: Stage) -> str:
    """Leave out lines of progress, and put fixed words where each run has others: hosts, times and ids."""
    output = _COLOURS.sub("", output)
    lines = (line.rstrip() for line in output.splitlines() if not _PROGRESS.match(line))
    text = "\n".join(line for line in lines if line)
    for host in stage.hosts:
        text = text.replace(host, _NAME)
    return _REQUEST_ID.sub("...", _TIME.sub('time="..."', text))


def programs(tools: Tools) -> dict[str, str]:
    """The versions of what was run."""
    home = tools.docker.directory
    daemon = tools.docker.docker("version", "--format={{.Server.Version}}").must().strip()
    others = {name: run([program(name), "--version"], home=home).must() for name in ("containerd", *_LIBRARY_CLIENTS)}
    return {"dockerd": daemon} | {name: _VERSION.findall(said)[0] for name, said in others.items()}


def main() -> int:
    """Capture everything into the file."""
    with TemporaryDirectory() as name, capture_logs(), ExitStack() as stack:
        scratch = Path(name)
        tools = Tools(
            stack.enter_context(docker_daemon(scratch / "dockerd")),
            stack.enter_context(containerd(scratch / "node", cri="")),
        )
        behind = stack.enter_context(registry(scratch / "registry"))
        captured = asyncio.run(capture(tools, behind, scratch / "screens"))
        met = {TABLE[type(case.refusal)].code for case in CASES}
        unseen = {TABLE[row].code: why for row, why in UNSEEN.items() if TABLE[row].code not in met}
        unseen |= {case.name: why for case in CASES for why in case.spared.values()}
        FILE.write_text(
            json.dumps({"programs": programs(tools), "captured": captured, "unseen": unseen}, indent=1) + "\n"
        )
    return 0


def _ask(stage: Stage, case: Case) -> Answer:
    method, path = case.probe
    return ask(f"http://{stage.host_of(case)}/v2/{case.repository}/{path}", method=method)


if __name__ == "__main__":
    sys.exit(main())
