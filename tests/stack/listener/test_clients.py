"""Clients of the listeners: TLS, certificates, candidates, what is no HTTP of ours, and who is believed."""

import json
import ssl
from pathlib import Path
from typing import Any, Final

import pytest

from certs.authority import CLIENT, Authority, Certificate
from deploy.stack import clients
from deploy.stack.commands import Outcome, run
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.programs import program
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import MANIFEST_TYPES
from deploy.stack.web import Answer, ask
from tests.stack.configuration import wait_for
from tests.stack.listener.shop import CHECKED, ROOT, Shop
from tests.support.raw_http import converse

REST: Final = b"Host: r\r\nConnection: close\r\n\r\n"


def new_events(running: Proxy, name: str, before: int) -> list[dict[str, Any]]:
    """The events of a name beyond those that were there before; at least one is waited for."""
    return wait_for(lambda: running.events(name)[before:], bool)


def lines_of(running: Proxy, *answers: Answer, name: str = "decision") -> list[dict[str, Any]]:
    """The lines of answers, which are written a moment after them."""
    asked = [answer.headers["X-Request-Id"] for answer in answers]

    def look() -> list[dict[str, Any]]:
        logged = {event["request_id"]: event for event in running.events(name)}
        return [logged[each] for each in asked if each in logged]

    lines = wait_for(look, lambda seen: len(seen) == len(asked))
    assert len(lines) == len(asked)
    return lines


# --- TLS --------------------------------------------------------------------------------------


def handshake(running: Proxy, home: Path, *options: str) -> Outcome:
    """Shake hands as OpenSSL's own client does, and leave."""
    trust = ["-CAfile", str(running.ca_file), "-verify_return_error"]
    return run([program("openssl"), "s_client", "-connect", running.host, *trust, *options], home=home)


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        pytest.param("h2,http/1.1", "ALPN protocol: http/1.1", id="both"),
        pytest.param("h2", "No ALPN negotiated", id="HTTP/2 alone"),
    ],
)
def test_only_http_1_1_is_offered(proxy: Proxy, tmp_path: Path, offered: str, answer: str) -> None:
    """HTTP/2 has no reason phrases, in which containerd shows our sentences."""
    assert answer in handshake(proxy, tmp_path, "-alpn", offered).must()


@pytest.mark.parametrize(
    ("version", "served"),
    [
        pytest.param("-tls1_3", True, id="1.3"),
        pytest.param("-tls1_2", True, id="1.2"),
        pytest.param("-tls1_1", False, id="1.1"),
        pytest.param("-tls1", False, id="1.0"),
    ],
)
def test_old_tls_is_refused(proxy: Proxy, tmp_path: Path, *, version: str, served: bool) -> None:
    """A client that knows nothing newer than 1.1 hears that its version is not spoken here."""
    shaken = handshake(proxy, tmp_path, version, "-cipher", "DEFAULT@SECLEVEL=0")
    assert shaken.ok == served, shaken.output
    assert ("alert protocol version" in shaken.output) == (not served), shaken.output


def test_plain_http_on_the_tls_port_is_one_line(proxy: Proxy) -> None:
    """It is no request, and the log says what it was."""
    before = len(proxy.events("no TLS"))
    assert [answer.status for answer in converse(proxy.host, ROOT) if answer.status] == []
    told = [(event["why"], event["listener"]) for event in new_events(proxy, "no TLS", before)]
    assert told == [("http request", "listen")]


def test_tls_on_the_plain_port_is_one_line(plain: Proxy) -> None:
    """The client is told in the registry's form, as far as it can read that."""
    before = len(plain.events("no HTTP"))
    with pytest.raises(ssl.SSLError):
        ask(f"https://{plain.host}/v2/")
    assert len(new_events(plain, "no HTTP", before)) == 1


def test_docker_pulls_over_https(docker_daemon: DockerDaemon, proxy: Proxy, shop: Shop) -> None:
    """With the authority in `certs.d` it pulls what is signed, and shows why it cannot pull the rest."""
    host = proxy.host.replace("127.0.0.1", CHECKED)
    unknown = clients.docker_pull(docker_daemon, f"{host}/{shop.repository}:signed")
    assert not unknown.ok
    assert "certificate signed by unknown authority" in unknown.output
    trusted = docker_daemon.directory / "etc" / "certs.d" / host
    trusted.mkdir(parents=True)
    assert proxy.ca_file is not None
    (trusted / "ca.crt").write_bytes(proxy.ca_file.read_bytes())
    pulled = clients.docker_pull(docker_daemon, f"{host}/{shop.repository}:signed")
    assert pulled.ok, pulled.output
    assert pulled.digest == shop.signed.digest
    refused = clients.docker_pull(docker_daemon, f"{host}/{shop.repository}:unsigned")
    assert not refused.ok
    assert "[tag_not_signed]" in refused.output


# --- client certificates ----------------------------------------------------------------------


def test_without_a_certificate_nobody_gets_to_ask(
    tmp_path: Path,
    settings: dict[str, Any],
    certificate: Certificate,
    authority: Authority,
    ci: Authority,
    scanner: Certificate,
    shop: Shop,
) -> None:
    """With `client_ca_file`, TLS lets in those who show a certificate of that authority, and refuses all others."""
    with run_proxy(
        tmp_path,
        settings,
        certificate=certificate,
        ca_file=authority.certificate_file,
        client_ca_file=ci.certificate_file,
    ) as running:
        url, trust = f"{running.url}{shop.path('signed')}", running.ca_file
        assert ask(url, ca_file=trust, certificate=scanner).status == 200
        for wrong in (None, certificate, authority.issue("stranger", usages=(CLIENT,))):
            with pytest.raises(OSError, match=r"(?i)alert"):
                ask(url, ca_file=trust, certificate=wrong)
        assert len(wait_for(lambda: running.events("no TLS"), lambda events: len(events) == 3)) == 3
        assert len(running.events()) == 1
        [listening] = [event for event in running.events("listening") if event["what"] == "listen"]
        assert (listening["tls"], listening["client_certificates"]) == (True, True)


# --- candidates -------------------------------------------------------------------------------


def candidate(running: Proxy, path: str, shown: Certificate | None, method: str = "GET") -> Answer:
    """Ask the listener for candidates."""
    url, accept = f"https://{running.candidates}{path}", {"Accept": ", ".join(MANIFEST_TYPES)}
    return ask(url, method=method, headers=accept, ca_file=running.ca_file, certificate=shown)


def test_a_scanner_is_served_what_is_not_signed_yet(proxy: Proxy, shop: Shop, scanner: Certificate) -> None:
    """There everything is answered, says that it is not enforced, and stands in the log."""
    answer = candidate(proxy, shop.path("unsigned"), scanner)
    assert answer.status == 200
    assert answer.body == shop.unsigned.manifest.content
    assert answer.headers["X-Tagwarden-Decision"] == "not-enforced"
    assert answer.headers["X-Tagwarden-Refusal"] is None
    by_digest = candidate(proxy, shop.path(shop.unsigned.digest), scanner, "HEAD")
    assert (by_digest.status, by_digest.headers["X-Tagwarden-Decision"]) == (200, "not-enforced")
    for event in lines_of(proxy, answer, by_digest):
        assert (event["decision"], event["because"]) == ("not-enforced", "candidates listener")
        assert (event["listener"], event["client_certificate"]) == ("candidates", "CN=scanner")
        assert event["served"] == shop.unsigned.digest


def test_a_real_scanner_pulls_it(proxy: Proxy, shop: Shop, scanner: Certificate, tmp_path: Path) -> None:
    """A client with the certificate gets the whole image; one without gets nothing."""
    assert proxy.ca_file is not None
    for name, file in (
        ("ca.crt", proxy.ca_file),
        ("client.cert", scanner.certificate_file),
        ("client.key", scanner.key_file),
    ):
        (tmp_path / "with").mkdir(exist_ok=True)
        (tmp_path / "with" / name).write_bytes(file.read_bytes())
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "ca.crt").write_bytes(proxy.ca_file.read_bytes())
    reference = f"{proxy.candidates}/{shop.repository}:unsigned"
    pulled = clients.skopeo_pull(tmp_path / "pulled", reference, authority=tmp_path / "with")
    assert pulled.ok, pulled.output
    assert pulled.digest == shop.unsigned.digest
    refused = clients.skopeo_pull(tmp_path / "refused", reference, authority=tmp_path / "without")
    assert not refused.ok
    assert "tls: " in refused.output


def test_nobody_else_is_served_there(proxy: Proxy, shop: Shop, certificate: Certificate) -> None:
    """Neither without a certificate nor with one of another authority, and not over plain HTTP."""
    for wrong in (None, certificate):
        with pytest.raises(OSError, match=r"(?i)alert"):
            candidate(proxy, shop.path("unsigned"), wrong)
    assert proxy.candidates is not None
    before = len(proxy.events("no TLS"))
    assert [answer.status for answer in converse(proxy.candidates, ROOT) if answer.status] == []
    turned_away = new_events(proxy, "no TLS", before)
    assert {event["listener"] for event in turned_away} == {"candidates"}


def test_the_usual_listener_does_not_change(proxy: Proxy, shop: Shop, scanner: Certificate) -> None:
    """What was answered there is still refused here, whatever certificate is shown."""
    assert candidate(proxy, shop.path("unsigned"), scanner).status == 200
    for target in ("unsigned", shop.unsigned.digest):
        answer = ask(f"{proxy.url}{shop.path(target)}", ca_file=proxy.ca_file, certificate=scanner)
        assert (answer.status, answer.headers["X-Tagwarden-Decision"]) == (403, "refused")
    assert proxy.request("GET", shop.path("signed")).headers["X-Tagwarden-Decision"] == "allowed"


def test_each_listener_is_one_line(proxy: Proxy) -> None:
    """The log says at the start what is served where."""
    told = {event["what"]: event for event in proxy.events("listening")}
    assert len(proxy.events("listening")) == len(told) == 3
    assert (told["listen"]["address"], told["listen"]["tls"], told["listen"]["client_certificates"]) == (
        proxy.host,
        True,
        False,
    )
    assert (told["candidates"]["address"], told["candidates"]["client_certificates"]) == (proxy.candidates, True)


# --- what is no HTTP of ours ------------------------------------------------------------------

LONG: Final = b"x" * (32 << 10)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GET /v2/ HTTP/1.0\r\n" + REST, 200, id="HTTP/1.0"),
        pytest.param(b"GET /v2/ HTTP/1.1\r\n" + REST, 200, id="HTTP/1.1"),
        pytest.param(b"GET /v2/ HTTP/2.0\r\n" + REST, 400, id="HTTP/2.0"),
        pytest.param(b"GET /v2/ HTTP/0.9\r\n" + REST, 400, id="HTTP/0.9"),
        pytest.param(b"GET /v2/ HTTP/1.2\r\n" + REST, 400, id="HTTP/1.2"),
        pytest.param(b"GET /v2/\r\n" + REST, 400, id="no version"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2's preface"),
        pytest.param(b"GET http://r/v2/ HTTP/1.1\r\n" + REST, 400, id="absolute form"),
        pytest.param(b"GET https://r/v2/ HTTP/1.1\r\n" + REST, 400, id="absolute form over TLS"),
        pytest.param(b"CONNECT r:443 HTTP/1.1\r\n" + REST, 400, id="CONNECT"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\n" + REST, 400, id="asterisk"),
        pytest.param(b"GET * HTTP/1.1\r\n" + REST, 400, id="asterisk with GET"),
        pytest.param(b"GET /v2/ HTTP/1.1\r\nX: " + LONG[:-100] + b"\r\n" + REST, 200, id="a header of 32 KiB"),
        pytest.param(b"GET /v2/ HTTP/1.1\r\nX: " + LONG + b"\r\n" + REST, 400, id="a longer header"),
        pytest.param(b"GET /v2/_catalog?last=" + LONG[:-100] + b" HTTP/1.1\r\n" + REST, 200, id="a target of 32 KiB"),
        pytest.param(b"GET /v2/_catalog?last=" + LONG + b" HTTP/1.1\r\n" + REST, 400, id="a longer target"),
        pytest.param(b"GET /v2/ HTTP/1.1\r\n" + b"X: x\r\n" * 200 + REST, 400, id="200 headers"),
        pytest.param(b"\x00\x01\x02\r\n\r\n", 400, id="rubbish"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", 400, id="SSH"),
    ],
)
def test_what_is_no_request_of_ours(plain: Proxy, sent: bytes, status: int) -> None:
    """Two versions of HTTP and paths of our own are served; all else is one 400, without a library's name."""
    [answer] = converse(plain.host, sent)
    assert answer.status == status, answer.head
    assert answer.head[:9] in (b"HTTP/1.0 ", b"HTTP/1.1 ")
    assert b"\r\nServer: tagwarden\r\n" in answer.head + b"\r\n"
    assert b"aiohttp" not in answer.head + answer.body
    if status == 400:
        [error] = json.loads(answer.body)["errors"]
        assert error["code"] in ("UNSUPPORTED", "NAME_INVALID")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + REST, id="health"),
        pytest.param(b"GET /nothing HTTP/1.1\r\n" + REST, id="no path"),
        pytest.param(b"GET /healthz HTTP/2.0\r\n" + REST, id="HTTP/2.0"),
        pytest.param(b"rubbish\r\n\r\n", id="rubbish"),
    ],
)
def test_the_probes_have_no_banner_either(plain: Proxy, sent: bytes) -> None:
    """Every port speaks with one voice."""
    [answer] = converse(plain.probes.removeprefix("http://"), sent)
    assert b"\r\nServer: tagwarden\r\n" in answer.head + b"\r\n"
    assert b"aiohttp" not in answer.head + answer.body


def test_trusted_proxies_name_the_client(plain: Proxy, proxy: Proxy) -> None:
    """The log has who asked, not who passed it on; whoever is not trusted is the client whatever it says."""
    claims = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "Forwarded": "for=192.0.2.1"}
    for running, client in ((plain, "198.51.100.7"), (proxy, "127.0.0.1")):
        answer = running.request("GET", "/v2/", claims)
        [logged] = lines_of(running, answer, name="request")
        assert (logged["client"], logged["listener"]) == (client, "listen")
        assert "client_certificate" not in logged
