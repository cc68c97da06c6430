"""A registry that is the proxy itself is found out before anything starts, and no other one is taken for it."""

import pytest

from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, write_pair

PROBLEM = "are served on this address, so this proxy would ask itself; write the address of the registry behind it"
CLIENTS = f"2: registry.url: clients {PROBLEM}"


def written(url: str, address: str | None, **others: str) -> str:
    """A file with a listener on its first line and a registry on its second."""
    listen = "{}" if address is None else f"{{address: '{address}'}}"
    return compose(listen=listen, registry=f"{{url: '{url}'}}", **others)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        pytest.param("http://localhost:5600", "127.0.0.1:5600", id="as it was found"),
        pytest.param("http://127.0.0.1:5600", "127.0.0.1:5600", id="the same address"),
        pytest.param("https://127.0.0.1:5600", "127.0.0.1:5600", id="whatever the scheme"),
        pytest.param("http://10.0.0.7:5600", "10.0.0.7:5600", id="the same address on the network"),
        pytest.param("http://[fd00::7]:5600", "[fd00:0::7]:5600", id="the same address of IPv6"),
        pytest.param("http://[::ffff:127.0.0.1]:5600", "127.0.0.1:5600", id="IPv4 in the clothes of IPv6"),
        pytest.param("http://proxy.example.com:5600", "Proxy.example.com:5600", id="the same name"),
        pytest.param("http://localhost:5600", "localhost:5600", id="localhost twice"),
        pytest.param("http://localhost:5600", "[::1]:5600", id="localhost by IPv6"),
        pytest.param("http://localhost:5600", "0.0.0.0:5600", id="localhost of every address"),
        pytest.param("http://localhost:5600", "[::]:5600", id="localhost of every address of IPv6"),
        pytest.param("http://LOCALHOST:5600", "0.0.0.0:5600", id="capital letters"),
        pytest.param("http://127.0.0.1:5600", "localhost:5600", id="a listener called localhost"),
        pytest.param("http://[::1]:5600", "localhost:5600", id="a listener called localhost, by IPv6"),
        pytest.param("http://127.0.0.1:5600", "0.0.0.0:5600", id="one of every address"),
        pytest.param("http://127.9.9.9:5600", "0.0.0.0:5600", id="another one of loopback"),
        pytest.param("http://[::1]:5600", "[::]:5600", id="one of every address of IPv6"),
        pytest.param("http://0.0.0.0:5600", "127.0.0.1:5600", id="the address of all, which leads here"),
        pytest.param("http://[::]:5600", "[::1]:5600", id="the same of IPv6"),
        pytest.param("http://0.0.0.0:5600", "0.0.0.0:5600", id="the address of all twice"),
        pytest.param("http://localhost", "0.0.0.0:80", id="the usual port"),
        pytest.param("https://localhost", "0.0.0.0:443", id="the usual port of TLS"),
        pytest.param("http://localhost:5000", None, id="the listener that is not written"),
    ],
)
def test_a_registry_that_is_the_proxy_itself_is_a_mistake(site: Site, url: str, address: str | None) -> None:
    """Each request would be asked again by the one that it asks, without end."""
    assert site.problems(written(url, address)) == [CLIENTS]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        pytest.param("http://127.0.0.1:5001", "0.0.0.0:5000", id="the sidecar"),
        pytest.param("http://localhost:5001", "127.0.0.1:5000", id="another port of this machine"),
        pytest.param("http://10.0.0.7:5000", "0.0.0.0:5000", id="another machine and the same port"),
        pytest.param("http://10.0.0.7:5000", "10.0.0.8:5000", id="another address"),
        pytest.param("http://127.0.0.2:5000", "127.0.0.1:5000", id="another address of loopback"),
        pytest.param("http://localhost:5000", "127.0.0.2:5000", id="localhost is no other address of loopback"),
        pytest.param("http://127.0.0.2:5000", "localhost:5000", id="nor is a listener of that name"),
        pytest.param("http://127.0.0.1:5000", "[::1]:5000", id="the other family"),
        pytest.param("http://127.0.0.1:5000", "[::]:5000", id="every address of the other family"),
        pytest.param("http://[::1]:5000", "0.0.0.0:5000", id="the other family of every address"),
        pytest.param("http://127.0.0.1:5000", "10.0.0.7:5000", id="loopback beside the network"),
        pytest.param("http://10.0.0.7:5000", "127.0.0.1:5000", id="the network beside loopback"),
        pytest.param("http://localhost:5000", "10.0.0.7:5000", id="localhost beside the network"),
        pytest.param("http://registry:5000", "0.0.0.0:5000", id="a name, which is not looked up"),
        pytest.param("http://registry:5000", "proxy:5000", id="another name"),
        pytest.param("https://registry.example.com", "0.0.0.0:443", id="the name itself, which may lead elsewhere"),
        pytest.param("http://127.0.0.1:5001", "127.0.0.1:0", id="any free port"),
    ],
)
def test_no_other_registry_is_taken_for_it(site: Site, url: str, address: str) -> None:
    """What may be another program, or another machine, is asked; whether it is the proxy shows then."""
    assert site.problems(written(url, address)) == []


def test_it_is_no_other_listener_either(site: Site) -> None:
    """Who asks how the proxy is, and who looks for candidates, is served by the proxy as well."""
    write_pair(site, "proxy", ecdsa_key("proxy"))
    probes = written("http://localhost:81", "0.0.0.0:80", probes="{address: '127.0.0.1:81'}")
    assert site.problems(probes) == [f"2: registry.url: probes {PROBLEM}"]
    tls = "{client_ca_file: proxy.crt, certificate_file: proxy.crt, key_file: proxy.key}"
    candidates = written("https://localhost:81", "0.0.0.0:80", candidates=f"{{address: '0.0.0.0:81', tls: {tls}}}")
    assert site.problems(candidates) == [f"2: registry.url: candidates {PROBLEM}"]


def test_it_is_told_where_the_url_stands(site: Site) -> None:
    """A variable that lays it over the file is named in its place."""
    environ = {"TAGWARDEN__REGISTRY__URL": "http://localhost:5000"}
    (problem,) = site.problems(compose(), environ)
    assert problem == f"environment: TAGWARDEN__REGISTRY__URL: clients {PROBLEM}"


@pytest.mark.parametrize(
    ("url", "address", "told"),
    [
        pytest.param("http://127.0.0.1:5000", "nowhere", "1: listen.address:", id="the listener is wrong"),
        pytest.param("localhost:5000", "127.0.0.1:5000", "2: registry.url:", id="the url is wrong"),
    ],
)
def test_a_wrong_value_is_told_alone(site: Site, url: str, address: str, told: str) -> None:
    """What stands in for it while the rest is read is nobody's mistake."""
    (problem,) = site.problems(written(url, address))
    assert problem.startswith(told)
    assert PROBLEM not in problem
