"""A swarm on a real dockerd: services with signed images run, others do not, and a pinned digest outlives a re-sign.

Swarm keeps the reason of a failed pull to itself: a task that cannot have its image says "No such image", and the
proxy's sentence is in the log of the dockerd that asked.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import docker_trust, notary_client
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.swarm import Swarm, Task
from deploy.stack.swarm import swarm as run_swarm
from tests.stack.configuration import configuration, wait_for

_ENDED = frozenset({"Complete", "Rejected", "Failed"})

Signers = dict[str, Person]


@pytest.fixture(scope="module")
def proxy(scratch: Path, registry: Registry, notary: Notary, signers: Signers, anchor: str) -> Iterator[Proxy]:
    """A proxy that wants alice, asks Notary again after a second, and gives blobs of admitted images alone.

    The last is against dockerd's memory: it may have kept the manifest of an image that was removed, and would then
    ask for blobs only.
    """
    settings = configuration(registry, notary, [anchor], signers)
    settings["registry"]["blobs"] = "admitted"
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}, "fresh_for": "1s", "superseded_for": "1h"}}
    with run_proxy(scratch / "swarm-proxy", settings) as running:
        yield running


@pytest.fixture(scope="module")
def swarm(scratch: Path, proxy: Proxy) -> Iterator[Swarm]:
    """A swarm that reaches the proxy and nothing else."""
    port = int(proxy.host.rpartition(":")[2])
    with run_swarm(scratch / "swarm", reachable=[port]) as running:
        yield running


@pytest.fixture
def service(swarm: Swarm, repository: str) -> Iterator[str]:
    """The name of a service, which is gone with the test."""
    name = repository.rpartition("/")[2]
    yield name
    swarm.docker("service", "rm", name).must()


def sign(registry: Registry, owner: Person, alice: Person, repository: str, content: Image) -> Image:
    """Push an image as tag 1.0, and let alice sign it."""
    gun = f"{registry.host}/{repository}"
    push(registry, repository, content, "1.0")
    docker_trust.add_signer(owner, gun, alice.name, alice.public_key)
    notary_client.sign_as(alice, gun, "1.0", content.digest, content.length)
    return content


def create(swarm: Swarm, service: str, reference: str, *command: str) -> str:
    """Create a service that runs once, and return what docker printed."""
    options = ["--detach", "--network=host", "--restart-condition=none", f"--name={service}"]
    return swarm.docker("service", "create", *options, reference, *command).must()


def outcome_of(swarm: Swarm, service: str, *, since: str = "") -> Task:
    """Wait for what becomes of a service's newest task, which is another than `since`."""
    [newest, *_] = wait_for(
        lambda: swarm.tasks(service),
        lambda tasks: bool(tasks) and tasks[0].id != since and tasks[0].state in _ENDED,
    )
    assert newest.id != since
    return newest


def run_again(swarm: Swarm, service: str, *, without_image: str | None = None) -> Task:
    """Have a service that ran run once more, on a node that has lost its image where one is named."""
    [before, *_] = swarm.tasks(service)
    if without_image is not None:
        swarm.docker("image", "rm", "--force", without_image).must()
    swarm.docker("service", "update", "--detach", "--force", service).must()
    return outcome_of(swarm, service, since=before.id)


def test_service_with_a_signed_tag_runs_what_was_signed(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, swarm: Swarm, repository: str, service: str
) -> None:
    """A service with a signed tag runs to its end, pinned by docker to its signed digest; moving the tag is no use."""
    content = sign(registry, owner, signers["alice"], repository, image(f"{repository} signed"))
    push(registry, repository, image(f"{repository} moved"), "1.0")
    create(swarm, service, f"{proxy.host}/{repository}:1.0")
    expected = Task(f"{proxy.host}/{repository}:1.0@{content.digest}", "Complete", "")
    assert outcome_of(swarm, service) == expected


def test_service_with_an_unsigned_tag_does_not_run(
    registry: Registry, proxy: Proxy, swarm: Swarm, repository: str, service: str
) -> None:
    """A service with an unsigned tag is created without a digest, its task is rejected, and dockerd logs why."""
    push(registry, repository, image(f"{repository} unsigned"), "1.0")
    reference = f"{proxy.host}/{repository}:1.0"
    assert "could not be accessed on a registry to record" in create(swarm, service, reference)
    assert outcome_of(swarm, service) == Task(reference, "Rejected", f'"No such image: {reference}"')
    [line] = [line for line in _failed_pulls(swarm) if repository in line]
    assert proxy.request("GET", f"/v2/{repository}/manifests/1.0").reason.removeprefix("Forbidden: ") in line


def test_pinned_service_survives_a_new_signature_and_no_revocation(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, swarm: Swarm, repository: str, service: str
) -> None:
    """A service that is pinned to a digest can be pulled after its tag was signed anew, and not after a revocation."""
    alice, path = signers["alice"], f"/v2/{repository}/manifests"
    before = sign(registry, owner, alice, repository, image(f"{repository} before"))
    pinned = f"{proxy.host}/{repository}@{before.digest}"
    create(swarm, service, pinned)
    assert outcome_of(swarm, service) == Task(pinned, "Complete", "")

    after = sign(registry, owner, alice, repository, image(f"{repository} after"))
    served = wait_for(
        lambda: proxy.request("HEAD", f"{path}/1.0").headers["Docker-Content-Digest"],
        lambda digest: digest != before.digest,
    )
    assert served == after.digest
    assert run_again(swarm, service, without_image=pinned) == Task(pinned, "Complete", "")

    gun = f"{registry.host}/{repository}"
    notary_client.remove_target(alice, gun, "1.0", roles=("targets/alice", notary_client.RELEASES))
    assert wait_for(lambda: proxy.request("HEAD", f"{path}/1.0").status, lambda status: status == 403) == 403
    assert run_again(swarm, service, without_image=pinned) == Task(pinned, "Rejected", f'"No such image: {pinned}"')
    [line] = [line for line in _failed_pulls(swarm) if repository in line]
    assert "[digest_not_signed]" in line or "[blob_not_admitted]" in line


def test_node_that_has_a_pinned_image_does_not_ask(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, swarm: Swarm, repository: str, service: str
) -> None:
    """A node that has the image of a pinned service runs it again after a revocation: only pulls meet the proxy."""
    alice = signers["alice"]
    content = sign(registry, owner, alice, repository, image(f"{repository} revoked"))
    pinned = f"{proxy.host}/{repository}@{content.digest}"
    create(swarm, service, pinned)
    assert outcome_of(swarm, service).state == "Complete"
    docker_trust.revoke(alice, f"{registry.host}/{repository}:1.0")
    path = f"/v2/{repository}/manifests/{content.digest}"
    assert wait_for(lambda: proxy.request("HEAD", path).status, lambda status: status == 403) == 403
    questions = len(proxy.events())
    assert run_again(swarm, service) == Task(pinned, "Complete", "")
    assert len(proxy.events()) == questions


def test_swarm_leaves_nothing_behind(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, repository: str, tmp_path: Path
) -> None:
    """A swarm that ends while a service runs takes processes, mounts and control groups with it."""
    sign(registry, owner, signers["alice"], repository, image(f"{repository} passing"))
    with run_swarm(tmp_path, reachable=[int(proxy.host.rpartition(":")[2])]) as passing:
        create(passing, "passing", f"{proxy.host}/{repository}:1.0", "sleep", "1000")
        states = wait_for(lambda: [task.state for task in passing.tasks("passing")], lambda seen: seen == ["Running"])
        assert states == ["Running"]
        processes = [Path("/proc") / str(each) for each in (passing.daemon.pid, passing.dockerd)]
        groups = [*Path("/sys/fs/cgroup").glob(passing.cgroup), *Path("/sys/fs/cgroup").glob(f"*/{passing.cgroup}")]
        assert groups
        assert all(each.exists() for each in processes)
    assert not any(each.exists() for each in (*processes, *groups))
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def _failed_pulls(swarm: Swarm) -> list[str]:
    return [line for line in swarm.daemon.log.read_text().splitlines() if 'msg="pulling image failed"' in line]
