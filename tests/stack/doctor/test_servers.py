"""Faults of servers, of clocks and of the network: something stands before a real server and changes one thing."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from certs.authority import CLIENT
from deploy.stack.registry import registry as run_registry
from deploy.stack.relays import relayed
from deploy.stack.web import Login
from proxy.clock import Clock
from tests.stack.doctor.front import front
from tests.stack.doctor.shop import ShiftedClock, Shop, examined, issue, secret
from tests.stack.doctor.terminator import terminator
from tests.stack.doctor.test_faults import ALL_HOPS, NOTARY

Settings: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Settings], None]
Fault: TypeAlias = Callable[[Shop, Path], AbstractAsyncContextManager[Change]]

DAY = timedelta(days=1)


def notary_at(host: str, **more: str) -> Change:
    """Have the proxy ask another address for trust data."""

    def change(settings: Settings) -> None:
        settings["notaries"]["corp"] |= {"url": f"https://{host}", **more}

    return change


def registry_at(url: str, **more: str) -> Change:
    """Have the proxy ask another address for images."""

    def change(settings: Settings) -> None:
        settings["registry"] |= {"url": url, **more}

    return change


@asynccontextmanager
async def notary_with_another_name(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """Its certificate is for somebody else."""
    pair = issue(shop.authority, place, "other.example.com", begins=-DAY, ends=90 * DAY)
    async with front(shop.notary.url, certificate=pair) as host:
        yield notary_at(host)


@asynccontextmanager
async def notary_expired(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """Its certificate ran out yesterday."""
    pair = issue(shop.authority, place, "127.0.0.1", begins=-90 * DAY, ends=-DAY)
    async with front(shop.notary.url, certificate=pair) as host:
        yield notary_at(host)


@asynccontextmanager
async def notary_expires_soon(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """Its certificate runs out next week."""
    pair = issue(shop.authority, place, "127.0.0.1", begins=-90 * DAY, ends=7 * DAY)
    async with front(shop.notary.url, certificate=pair) as host:
        yield notary_at(host)


@asynccontextmanager
async def notary_wants_a_certificate(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """It lets in who shows a certificate, and we have none."""
    pair = issue(shop.authority, place, "127.0.0.1", begins=-DAY, ends=90 * DAY)
    with terminator(shop.notary.url, pair, shop.authority.certificate_file) as host:
        yield notary_at(host)


@asynccontextmanager
async def notary_wants_another_certificate(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """It lets in who shows a certificate, and ours is from an authority that it does not believe."""
    pair = issue(shop.authority, place, "127.0.0.1", begins=-DAY, ends=90 * DAY)
    ours = shop.stranger.pair("warden", usages=(CLIENT,))
    named = {"client_certificate_file": str(ours.certificate_file), "client_key_file": str(ours.key_file)}
    with terminator(shop.notary.url, pair, shop.authority.certificate_file) as host:
        yield notary_at(host, **{key: str(Path(file).absolute()) for key, file in named.items()})


@asynccontextmanager
async def notary_is_slow(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """It answers within its time, but only just."""
    pair = issue(shop.authority, place, "127.0.0.1", begins=-DAY, ends=90 * DAY)
    async with front(shop.notary.url, certificate=pair, slow={"/v2/": 1.2}) as host:
        yield notary_at(host, timeout="2s")


@asynccontextmanager
async def notary_clock_is_ahead(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """Its clock is ten minutes ahead."""
    pair = issue(shop.authority, place, "127.0.0.1", begins=-DAY, ends=90 * DAY)
    async with front(shop.notary.url, certificate=pair, clock_off=timedelta(minutes=10)) as host:
        yield notary_at(host)


@asynccontextmanager
async def registry_clock_is_behind(shop: Shop, _: Path) -> AsyncIterator[Change]:
    """Its clock is two minutes behind."""
    async with front(shop.registry.url, clock_off=timedelta(minutes=-2)) as host:
        yield registry_at(f"http://{host}")


@asynccontextmanager
async def registry_redirects(shop: Shop, _: Path) -> AsyncIterator[Change]:
    """It sends whoever asks for a manifest to a host that nobody listed."""
    async with front(shop.registry.url, redirects={"/manifests/": "storage.example.com"}) as host:
        yield registry_at(f"http://{host}")


@asynccontextmanager
async def registry_moved(shop: Shop, _: Path) -> AsyncIterator[Change]:
    """It sends everybody elsewhere."""
    async with front(shop.registry.url, redirects={"/v2/": "new.example.com"}) as host:
        yield registry_at(f"http://{host}")


@asynccontextmanager
async def registry_of_another_authority(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """A real registry over TLS; `ca_file` was forgotten."""
    ca_file = shop.authority.certificate_file
    with run_registry(place / "registry", certificate=shop.authority.pair("registry"), ca_file=ca_file) as running:
        yield registry_at(running.url)


@asynccontextmanager
async def registry_without_tls(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """A real registry over TLS; the url says http."""
    ca_file = shop.authority.certificate_file
    with run_registry(place / "registry", certificate=shop.authority.pair("registry"), ca_file=ca_file) as running:
        yield registry_at(running.url.replace("https://", "http://"))


@asynccontextmanager
async def registry_with_another_name(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """Its certificate is for somebody else."""
    pair = issue(shop.authority, place, "other.example.com", begins=-DAY, ends=90 * DAY)
    async with front(shop.registry.url, certificate=pair) as host:
        yield registry_at(f"https://{host}", ca_file=str(shop.authority.certificate_file.absolute()))


@asynccontextmanager
async def registry_expired(shop: Shop, place: Path) -> AsyncIterator[Change]:
    """Its certificate ran out yesterday."""
    pair = issue(shop.authority, place, "127.0.0.1", begins=-90 * DAY, ends=-DAY)
    async with front(shop.registry.url, certificate=pair) as host:
        yield registry_at(f"https://{host}", ca_file=str(shop.authority.certificate_file.absolute()))


@asynccontextmanager
async def registry_asks_who_we_are(_shop: Shop, place: Path) -> AsyncIterator[Change]:
    """A real registry with a password; the proxy has none."""
    with run_registry(place / "registry", login=Login("warden", "this year's")) as running:
        yield registry_at(running.url)


@asynccontextmanager
async def registry_password_is_wrong(_shop: Shop, place: Path) -> AsyncIterator[Change]:
    """A real registry with a password; the proxy's is an old one."""
    with run_registry(place / "registry", login=Login("warden", "this year's")) as running:
        yield registry_at(running.url, credentials_file=secret(place / "old.json", Login("warden", "last year's")))


@pytest.mark.parametrize(
    ("fault", "troubles", "hops"),
    [
        pytest.param(
            notary_with_another_name, {"notary-certificate-name": "failed"}, NOTARY, id="notary-certificate-name"
        ),
        pytest.param(notary_expired, {"notary-certificate-dates": "failed"}, NOTARY, id="notary-certificate-expired"),
        pytest.param(
            notary_expires_soon, {"notary-certificate-dates": "warning"}, {"notary corp"}, id="notary-expires-soon"
        ),
        pytest.param(
            notary_wants_a_certificate,
            {"notary-client-certificate": "failed"},
            NOTARY,
            id="notary-wants-client-certificate",
        ),
        pytest.param(
            notary_wants_another_certificate,
            {"notary-client-certificate": "failed"},
            NOTARY,
            id="notary-wrong-client-certificate",
        ),
        pytest.param(notary_is_slow, {"notary-latency": "warning"}, {"notary corp"}, id="notary-slow"),
        pytest.param(notary_clock_is_ahead, {"notary-clock": "failed"}, {"notary corp"}, id="notary-clock"),
        pytest.param(registry_clock_is_behind, {"registry-clock": "warning"}, {"registry"}, id="registry-clock"),
        pytest.param(registry_redirects, {"registry-redirects": "failed"}, {"registry"}, id="registry-redirects"),
        pytest.param(registry_moved, {"registry-redirects": "failed"}, {"registry"}, id="registry-moved"),
        pytest.param(registry_of_another_authority, {"registry-ca": "failed"}, {"registry"}, id="registry-ca"),
        pytest.param(registry_without_tls, {"registry-tls": "failed"}, {"registry"}, id="registry-tls"),
        pytest.param(
            registry_with_another_name,
            {"registry-certificate-name": "failed"},
            {"registry"},
            id="registry-certificate-name",
        ),
        pytest.param(
            registry_expired, {"registry-certificate-dates": "failed"}, {"registry"}, id="registry-certificate-expired"
        ),
        pytest.param(
            registry_asks_who_we_are, {"registry-credentials": "warning"}, {"registry"}, id="registry-no-credentials"
        ),
        pytest.param(
            registry_password_is_wrong, {"registry-credentials": "failed"}, {"registry"}, id="registry-wrong-password"
        ),
    ],
)
async def test_fault_of_a_server(
    shop: Shop, tmp_path: Path, fault: Fault, troubles: dict[str, str], hops: set[str]
) -> None:
    """A server that is not as it should be is named with what is wrong, and every other hop is found to be right."""
    async with fault(shop, tmp_path) as change:
        seen = await examined(shop.changed(tmp_path, change), "shop/app", "shop/other")
    assert seen.troubles == troubles, seen.lines
    assert seen.fine_hops() >= ALL_HOPS - hops, seen.lines


async def test_registry_open_to_others(shop: Shop) -> None:
    """A registry that answers on another address of this machine too is found, whoever it was meant for."""
    _, _, port = shop.registry.host.rpartition(":")
    listening = socket.create_server(("127.0.0.2", int(port)))
    with relayed(listening, int(port)):
        seen = await examined(shop.configuration, addresses=("127.0.0.2", "127.0.0.3"))
    assert seen.troubles == {"registry-past-proxy": "failed"}, seen.lines
    assert f"http://127.0.0.2:{port}" in seen.sentence("registry-past-proxy")
    assert seen.fine_hops() == ALL_HOPS - {"past the proxy"}, seen.lines


@pytest.mark.parametrize(
    ("clock", "troubles"),
    [
        pytest.param(
            ShiftedClock(timedelta(hours=-1)),
            {
                "registry-clock": "failed",
                "notary-clock": "failed",
                "store-clock": "failed",
                "timestamp-clock": "failed",
            },
            id="behind",
        ),
        pytest.param(
            ShiftedClock(timedelta(minutes=1)), {"registry-clock": "warning", "notary-clock": "warning"}, id="ahead"
        ),
        pytest.param(
            ShiftedClock(20 * DAY),
            {"registry-clock": "failed", "notary-clock": "failed", "timestamp-clock": "failed"},
            id="far-ahead",
        ),
    ],
)
async def test_our_clock_is_off(shop: Shop, clock: Clock, troubles: dict[str, str]) -> None:
    """Our own clock is held against everybody else's."""
    seen = await examined(shop.configuration, "shop/app", clock=clock)
    assert seen.troubles == troubles, seen.lines


async def test_registry_that_cannot_be_judged_from_here(shop: Shop, tmp_path: Path) -> None:
    """Of a registry on another host only its clients can say who reaches it, so they are told what to run."""
    moved = shop.changed(tmp_path, lambda settings: settings["registry"].update(url="https://registry.invalid:5000"))
    seen = await examined(moved)
    remedy = "run on a client's machine: tagwarden doctor --past https://registry.invalid:5000"
    assert seen.sentence("registry-past-proxy").endswith(remedy)
