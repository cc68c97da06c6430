"""Where a running proxy is, and what an image name means there."""

import pytest
from yarl import URL

from proxy.errors import UserError
from proxy.remote.address import leading_host, names_of, proxy_url, reference_at, registry_of

DIGEST = "sha256:" + "7" * 64


@pytest.mark.parametrize(
    ("typed", "plain_http", "expected"),
    [
        pytest.param("registry.example.com", False, "https://registry.example.com", id="https-is-the-default"),
        pytest.param("registry.example.com:5000", False, "https://registry.example.com:5000", id="with-a-port"),
        pytest.param("https://registry.example.com/", False, "https://registry.example.com", id="with-a-slash"),
        pytest.param("http://127.0.0.1:5000", False, "http://127.0.0.1:5000", id="plain-http-on-loopback"),
        pytest.param("http://localhost:5000", False, "http://localhost:5000", id="plain-http-on-localhost"),
        pytest.param("127.0.0.1:5000", False, "https://127.0.0.1:5000", id="loopback-is-no-scheme"),
        pytest.param("registry:5000", True, "http://registry:5000", id="plain-http-is-wanted"),
        pytest.param("http://registry:5000", True, "http://registry:5000", id="plain-http-elsewhere-is-wanted"),
        pytest.param("https://registry:5000", True, "https://registry:5000", id="https-stays-https"),
    ],
)
def test_an_address_may_have_a_scheme(typed: str, plain_http: bool, expected: str) -> None:  # noqa: FBT001 - a case
    """As podman and skopeo have it: https unless something else is said."""
    assert proxy_url(typed, plain_http=plain_http) == URL(expected)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        pytest.param("http://registry:5000", "--plain-http", id="plain-http-elsewhere"),
        pytest.param("https://registry/v2", "has a path", id="path"),
        pytest.param("https://me:secret@registry", "user name", id="password"),
        pytest.param("ftp://registry", "no URL", id="scheme"),
        pytest.param("", "no URL", id="nothing"),
    ],
)
def test_what_is_no_address_is_said(typed: str, why: str) -> None:
    """The sentence names the option and what to write, and repeats no password."""
    with pytest.raises(UserError) as raised:
        proxy_url(typed, plain_http=False)
    assert str(raised.value).startswith("--via: ")
    assert why in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "names"),
    [
        pytest.param("https://registry.example.com", ("registry.example.com", "registry.example.com:443"), id="https"),
        pytest.param("http://localhost", ("localhost", "localhost:80"), id="http"),
        pytest.param("https://registry.example.com:5000", ("registry.example.com:5000",), id="port"),
        pytest.param("https://[::1]:5000", ("[::1]:5000",), id="ipv6"),
    ],
)
def test_a_server_is_filed_under_its_names(url: str, names: tuple[str, ...]) -> None:
    """With the default port there are two spellings, without it one."""
    assert names_of(URL(url)) == names


@pytest.mark.parametrize(
    ("image", "host"),
    [
        pytest.param("shop/api:1.4", None, id="none"),
        pytest.param("api:1.4", None, id="a-tag-is-no-port"),
        pytest.param("docker.io/library/alpine", "docker.io", id="dot"),
        pytest.param("registry:5000/shop/api", "registry:5000", id="colon"),
        pytest.param("localhost/api", "localhost", id="localhost"),
        pytest.param(f"api@{DIGEST}", None, id="digest"),
    ],
)
def test_a_host_leads_as_docker_reads_it(image: str, host: str | None) -> None:
    """A dot, a colon or `localhost` in front of the first slash."""
    assert leading_host(image) == host


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param("shop/api", "shop/api:latest", id="no-tag"),
        pytest.param("proxy:5000/shop/api:1.4", "shop/api:1.4", id="its-own-name"),
        pytest.param("registry.example.com/shop/api:1.4", "shop/api:1.4", id="another-name"),
        pytest.param(f"registry.example.com/shop/api:1.4@{DIGEST}", f"shop/api@{DIGEST}", id="tag-and-digest"),
    ],
)
def test_whatever_host_leads_the_repository_is_what_follows(image: str, expected: str) -> None:
    """The proxy may be asked under another name than people pull by."""
    assert str(reference_at(image, URL("http://proxy:5000"))) == expected


def test_what_is_no_image_is_said() -> None:
    """The sentence is that of the table of refusals."""
    with pytest.raises(UserError, match="no valid tag"):
        reference_at("shop/api:-x", URL("http://proxy:5000"))


@pytest.mark.parametrize(
    ("image", "server", "expected"),
    [
        pytest.param("shop/api:1.4", "https://proxy", None, id="none"),
        pytest.param("proxy.example.com/shop/api", "https://proxy.example.com", None, id="the-server"),
        pytest.param("proxy.example.com:443/shop/api", "https://proxy.example.com", None, id="with-its-default-port"),
        pytest.param("proxy:5000/shop/api", "http://proxy:5000", None, id="with-its-port"),
        pytest.param("proxy:5001/shop/api", "http://proxy:5000", "proxy:5001", id="with-another-port"),
        pytest.param("other.example.com/shop/api", "https://proxy", "other.example.com", id="another-registry"),
    ],
)
def test_an_image_is_of_the_registry_that_leads_its_name(image: str, server: str, expected: str | None) -> None:
    """The very server that is asked needs no name: clients that pull there give none either."""
    assert registry_of(image, URL(server)) == expected
