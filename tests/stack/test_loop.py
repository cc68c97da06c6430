"""A registry address that leads back: an answer at once, instead of requests that ask themselves again without end."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.stack import docker_trust, notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import Proxy, command, write_configuration
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.web import ask
from tests.stack.configuration import configuration, wait_for
from tests.support.relays import cutting_relay

WHY: Final = "registry.url leads back to the proxy itself"
SAID: Final = "registry.url leads back to this proxy: the registry is not asked"
MANY: Final = 1 << 40  # bytes, before the relay breaks a connection
BLOB: Final = f"/v2/shop/app/blobs/sha256:{'0' * 64}"


@pytest.fixture
def settings(registry: Registry, notary: Notary, signers: dict[str, Person], anchor: str) -> dict[str, Any]:
    """A configuration that wants alice for everything."""
    right = configuration(registry, notary, [anchor], signers)
    return right | {"repositories": {"**": {"signed_by": {"any_of": ["alice"]}}}}


def open_files(proxy: Proxy) -> int:
    """Of all processes of a proxy."""
    children = [each.read_text().split() for each in Path(f"/proc/{proxy.daemon.pid}/task").glob("*/children")]
    pids = {str(proxy.daemon.pid)}.union(*children)
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)


def told(proxy: Proxy, path: str) -> tuple[int, str]:
    """The status that a path is answered with, and the sentence."""
    answer = proxy.request("GET", path)
    [error] = json.loads(answer.body)["errors"]
    return answer.status, error["message"]


def check_circle(*proxies: Proxy) -> None:
    """See that each of some proxies answers in one sentence, whatever it is asked, and is at rest after it."""
    for each in proxies:
        assert wait_for(partial(each.events, "serving"), bool)
    before = sum(map(open_files, proxies))
    for each in proxies:
        ready = ask(f"{each.probes}/readyz")
        assert (ready.status, ready.body.decode()) == (503, f"registry: {WHY}\n")
        for path in ("/v2/", "/v2/shop/app/manifests/1.0", BLOB, "/v2/shop/app/tags/list"):
            status, message = told(each, path)
            assert status == 502
            assert message.startswith(f"the registry cannot be reached, {WHY}: ")
            assert message.endswith(" [registry_unreachable]")
    assert sum(map(open_files, proxies)) <= before + 16 * len(proxies)
    lines = sum(len(each.daemon.log.read_text().splitlines()) for each in proxies)
    assert lines <= 60 * len(proxies)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_proxy_that_leads_back_to_itself_answers_at_once(
    tmp_path: Path, settings: dict[str, Any], workers: int
) -> None:
    """By a way of which the configuration says nothing, as a name service would; its processes are one proxy."""
    port = free_port()
    with cutting_relay(f"127.0.0.1:{port}", after=MANY, cuts=0) as relay:
        back = settings | {"registry": {"url": f"http://{relay.host}"}, "workers": workers}
        with run_proxy(tmp_path, back, port=port, probe="/healthz") as proxy:
            check_circle(proxy)
            events = proxy.events(SAID)
    assert {each["level"] for each in events} == {"warning"}
    assert len(events) <= workers


def test_two_proxies_that_lead_to_each_other_answer_at_once(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Neither of them is its own registry, and the way of each request ends where it comes by for the second time."""
    ports = free_port(), free_port()
    one, other = (settings | {"registry": {"url": f"http://127.0.0.1:{port}"}} for port in reversed(ports))
    with (
        run_proxy(tmp_path / "one", one, port=ports[0], probe="/healthz") as first,
        run_proxy(tmp_path / "other", other, port=ports[1], probe="/healthz") as second,
    ):
        check_circle(first, second)


def test_a_proxy_may_stand_in_front_of_another(
    tmp_path: Path,
    settings: dict[str, Any],
    registry: Registry,
    owner: Person,
    signers: dict[str, Person],
    repository: str,
) -> None:
    """What is signed is pushed and pulled through both, with a registry that takes no notice of their marks."""
    content, gun = image(f"behind {repository}"), f"{registry.host}/{repository}"
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", content.digest, content.length)
    relaxed = settings | {"rollout": {"**": {"mode": "disabled", "until": "2099-01-31T00:00:00Z", "reason": "front"}}}
    with run_proxy(tmp_path / "behind", relaxed) as behind:
        front = settings | {"registry": {"url": behind.url}}
        with run_proxy(tmp_path / "front", front) as before:
            push(Registry(before.url, before.host, before.daemon), repository, content, "1.0")
            for _ in range(4):
                answer = before.request("GET", f"/v2/{repository}/manifests/1.0")
                assert (answer.status, answer.body) == (200, content.manifest.content)
            for each in content.blobs:
                assert before.request("GET", f"/v2/{repository}/blobs/{each.digest}").status == 200
            assert before.events(SAID) + behind.events(SAID) == []


@pytest.mark.parametrize(
    "url", [pytest.param("http://localhost:5600", id="name"), pytest.param("http://127.0.0.1:5600", id="address")]
)
def test_what_the_configuration_says_is_refused_before(tmp_path: Path, settings: dict[str, Any], url: str) -> None:
    """Neither the check nor the start gets as far as a request; both name the line."""
    wrong = settings | {"listen": {"address": "127.0.0.1:5600"}, "registry": {"url": url}}
    file = write_configuration(tmp_path, wrong)
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if f'"url": "{url}"' in text)
    sentence = (
        f"{file}:{line}: registry.url: clients are served on this address, so this proxy would ask itself; "
        "write the address of the registry behind it"
    )
    for typed in (["config", "check"], ["serve"]):
        outcome = command(tmp_path, *typed, "-c", str(file))
        assert outcome.status == 2
        assert sentence in outcome.output
