"""The strict grammar of request targets, row by row of what the registry itself would accept (clients 4.3)."""

from typing import Final

import pytest

from proxy.errors import DigestInvalid, MethodNotAllowed, NameInvalid, PathUnknown, Refusal, TagInvalid
from proxy.names import Digest, Reference, Repository, Tag
from proxy.web.paths import find, namespace, parse
from proxy.web.routes import (
    ApiRoot,
    ApiRootWithoutSlash,
    BlobRoute,
    Catalog,
    ManifestRoute,
    Referrers,
    Route,
    TagsList,
    Upload,
    UploadStart,
)

HEX: Final = "0123456789abcdef" * 4
SHA: Final = f"sha256:{HEX}"
DIGEST: Final = Digest(SHA)
APP: Final = Repository("app")
SHOP: Final = Repository("shop/api")
UUID: Final = "b9e5bd5e-4ee1-4f6f-b1c4-9a0f4f4d2c52"


def manifest(repository: str, tag: str) -> ManifestRoute:
    """The route of a tag."""
    return ManifestRoute(Reference(Repository(repository), Tag(tag)))


@pytest.mark.parametrize(
    ("target", "route", "path"),
    [
        pytest.param("/v2/", ApiRoot(), "/v2/", id="root"),
        pytest.param("/v2", ApiRootWithoutSlash(), "/v2", id="root without slash"),
        pytest.param("/v2/?n=1", ApiRoot(), "/v2/", id="root with a query, dropped"),
        pytest.param("/v2/_catalog", Catalog(""), "/v2/_catalog", id="catalog"),
        pytest.param("/v2/_catalog?n=1&last=app", Catalog("n=1&last=app"), "/v2/_catalog", id="catalog page"),
        pytest.param("/v2/app/manifests/1.4", manifest("app", "1.4"), "/v2/app/manifests/1.4", id="tag"),
        pytest.param(
            "/v2/app/manifests/t?n=1&tag=other", manifest("app", "t"), "/v2/app/manifests/t", id="query of a manifest"
        ),
        pytest.param("/v2/app/manifests/t?ns=docker.io", manifest("app", "t"), "/v2/app/manifests/t", id="ns"),
        pytest.param(
            f"/v2/shop/api/manifests/{SHA}",
            ManifestRoute(Reference(SHOP, DIGEST)),
            f"/v2/shop/api/manifests/{SHA}",
            id="digest",
        ),
        pytest.param(
            f"/v2/app/manifests/sha256%3A{HEX}",
            ManifestRoute(Reference(APP, DIGEST)),
            f"/v2/app/manifests/{SHA}",
            id="encoded colon",
        ),
        pytest.param(
            f"/v2/app/blobs/sha256%3a{HEX}", BlobRoute(APP, DIGEST), f"/v2/app/blobs/{SHA}", id="encoded colon, lower"
        ),
        pytest.param(
            "/v2/app/manifests/manifests/x",
            manifest("app/manifests", "x"),
            "/v2/app/manifests/manifests/x",
            id="a repository called manifests",
        ),
        pytest.param(
            "/v2/blobs/uploads/manifests/x",
            manifest("blobs/uploads", "x"),
            "/v2/blobs/uploads/manifests/x",
            id="a repository called uploads",
        ),
        pytest.param(f"/v2/app/blobs/{SHA}", BlobRoute(APP, DIGEST), f"/v2/app/blobs/{SHA}", id="blob"),
        pytest.param("/v2/app/blobs/uploads/", UploadStart(APP, ""), "/v2/app/blobs/uploads/", id="upload start"),
        pytest.param(
            f"/v2/app/blobs/uploads/?mount={SHA}&from=shop%2Fapi",
            UploadStart(APP, f"mount={SHA}&from=shop%2Fapi"),
            "/v2/app/blobs/uploads/",
            id="mount, its query byte for byte",
        ),
        pytest.param(
            f"/v2/shop/api/blobs/uploads/{UUID}?_state=aB-_%3D%3d&digest=sha256%3A{HEX}",
            Upload(SHOP, UUID, f"_state=aB-_%3D%3d&digest=sha256%3A{HEX}"),
            f"/v2/shop/api/blobs/uploads/{UUID}",
            id="upload, its query byte for byte",
        ),
        pytest.param("/v2/app/tags/list?n=5", TagsList(APP, "n=5"), "/v2/app/tags/list", id="tags"),
        pytest.param(
            "/v2/tags/list/tags/list", TagsList(Repository("tags/list"), ""), "/v2/tags/list/tags/list", id="x"
        ),
        pytest.param(
            f"/v2/app/referrers/{SHA}?artifactType=a%2Fb",
            Referrers(APP, DIGEST, "artifactType=a%2Fb"),
            f"/v2/app/referrers/{SHA}",
            id="referrers",
        ),
    ],
)
def test_what_is_in_the_grammar_becomes_a_route(target: str, route: Route, path: str) -> None:
    """A target is read into checked names, from which its path is rebuilt."""
    parsed = parse(next(iter(route.methods)), target)
    assert parsed == route
    assert parsed.path == path


@pytest.mark.parametrize(
    ("target", "refusal"),
    [
        # the registry decodes these and answers 200
        pytest.param("/v2/app/manifests/%6fne", TagInvalid, id="encoded tag"),
        pytest.param("/v2/%61pp/manifests/one", NameInvalid, id="encoded name"),
        pytest.param("/%76%32/app/manifests/one", NameInvalid, id="encoded version"),
        pytest.param("/v2/app/%6danifests/one", NameInvalid, id="encoded kind"),
        pytest.param("/v2/app%2Fmanifests%2Fone", NameInvalid, id="encoded slashes"),
        pytest.param("/v2%2Fapp/manifests/one", NameInvalid, id="encoded slash after the version"),
        pytest.param("/v2/app/manifests%2Fone", NameInvalid, id="encoded slash before the tag"),
        pytest.param(f"/v2/app/manifests/sha256%253A{HEX}", TagInvalid, id="encoded twice"),
        pytest.param(f"/v2/app/manifests/%73ha256:{HEX}", DigestInvalid, id="encoded algorithm"),
        pytest.param(f"/v2/app/blobs/uploads/{UUID[:-1]}%32", NameInvalid, id="encoded uuid"),
        # the registry redirects these to a clean path
        pytest.param("/v2//app/manifests/one", NameInvalid, id="double slash"),
        pytest.param("//v2/app/manifests/one", PathUnknown, id="leading double slash"),
        pytest.param("/v2/./app/manifests/one", NameInvalid, id="dot"),
        pytest.param("/v2/x/../app/manifests/one", NameInvalid, id="dot dot"),
        pytest.param("/v2/%2e%2e/app/manifests/one", NameInvalid, id="encoded dot dot"),
        pytest.param("/v2/x%2f..%2fapp/manifests/one", NameInvalid, id="encoded way up"),
        pytest.param("/v2/app/manifests/..", TagInvalid, id="way up as tag"),
        pytest.param("/v2/app/blobs/uploads/..", PathUnknown, id="way up as upload"),
        pytest.param("/v2/app/manifests/one/", PathUnknown, id="trailing slash"),
        pytest.param("/v2/_catalog/", PathUnknown, id="trailing slash of the catalog"),
        pytest.param("/v2/app/blobs/uploads", DigestInvalid, id="uploads without slash"),
        # the registry answers 500 to these
        pytest.param(f"/v2/app/manifests/sha256:{HEX.upper()}", DigestInvalid, id="upper case hex"),
        pytest.param(f"/v2/app/manifests/sha256:{HEX[:32]}", DigestInvalid, id="short hex"),
        pytest.param(f"/v2/app/manifests/md5:{HEX[:32]}", DigestInvalid, id="md5"),
        pytest.param(f"/v2/app/manifests/sha512:{HEX}", DigestInvalid, id="short sha512"),
        pytest.param(f"/v2/app/manifests/sha512:{HEX}{HEX}", DigestInvalid, id="sha512, an alias of sha256"),
        pytest.param(f"/v2/app/manifests/sha256+b64:{HEX}", DigestInvalid, id="other encoding"),
        pytest.param(f"/v2/app/blobs/SHA256:{HEX}", DigestInvalid, id="upper case algorithm"),
        # the registry answers 404 to these
        pytest.param("/v2/app/manifests/a%00", TagInvalid, id="encoded NUL"),
        pytest.param("/v2/app/manifests/a%0a", TagInvalid, id="encoded line feed"),
        pytest.param("/v2/app/manifests/a%20b", TagInvalid, id="encoded blank"),
        pytest.param("/v2/app/manifests/a%3Fb", TagInvalid, id="encoded question mark"),
        pytest.param("/v2/app/manifests/a;x", TagInvalid, id="parameter"),
        pytest.param("/v2/app/manifests/a\\b", NameInvalid, id="backslash"),
        pytest.param("/v2/app/manifests/a#b", NameInvalid, id="fragment"),
        pytest.param("/v2/app/manifests/a?b#c", NameInvalid, id="fragment after the query"),
        pytest.param("/v2/app/manifests/-a", TagInvalid, id="tag starting with a hyphen"),
        pytest.param(f"/v2/app/manifests/{'a' * 129}", TagInvalid, id="long tag"),
        pytest.param(f"/v2/{'a' * 256}/manifests/a", NameInvalid, id="long name"),
        pytest.param("/V2/app/manifests/one", PathUnknown, id="upper case version"),
        pytest.param("/v2/App/manifests/one", NameInvalid, id="upper case name"),
        pytest.param("/v2/app/Manifests/one", PathUnknown, id="upper case kind"),
        # the registry routes these
        pytest.param("/v2/EXAMPLE.COM/app/manifests/one", NameInvalid, id="a domain in the name"),
        pytest.param("/v2/127.0.0.1:5000/app/manifests/one", NameInvalid, id="an address in the name"),
        pytest.param("http://evil/v2/app/manifests/one", NameInvalid, id="absolute form"),
        pytest.param("*", NameInvalid, id="asterisk form"),
        pytest.param("evil:443", NameInvalid, id="authority form"),
        pytest.param("", NameInvalid, id="nothing"),
        # not of this API
        pytest.param("/", PathUnknown, id="the registry's front page"),
        pytest.param("/v1/_ping", PathUnknown, id="version 1"),
        pytest.param("/v3/", PathUnknown, id="version 3"),
        pytest.param("/metrics", PathUnknown, id="metrics"),
        pytest.param("/v2/app", PathUnknown, id="a name alone"),
        pytest.param("/v2/app/_oci/x", PathUnknown, id="an extension"),
        pytest.param("/v2/manifests/one", PathUnknown, id="manifests without a name"),
        pytest.param("/v2/tags/list", PathUnknown, id="tags without a name"),
        pytest.param("/v2/blobs/uploads/", PathUnknown, id="uploads without a name"),
        pytest.param(f"/v2/blobs/{SHA}", PathUnknown, id="blobs without a name"),
        pytest.param("/v2/app/manifests/", PathUnknown, id="no reference"),
        pytest.param("/v2/app/blobs/", PathUnknown, id="no digest"),
        pytest.param("/v2/app/blobs/uploads/a:b", PathUnknown, id="an upload that is none"),
        # bytes that are no characters
        pytest.param("/v2/app/manifests/\udcff", NameInvalid, id="broken UTF-8"),
        pytest.param("/v2/app/manifests/\u00e9", NameInvalid, id="not ASCII"),
        pytest.param("/v2/app/manifests/a\n", NameInvalid, id="line feed at the end"),
        pytest.param("/v2/app/tags/list?n=\udcff", NameInvalid, id="broken UTF-8 in the query"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused(target: str, refusal: type[Refusal]) -> None:
    """Nothing that the registry decodes, cleans or redirects reaches it."""
    with pytest.raises(Refusal) as raised:
        parse("GET", target)
    assert type(raised.value) is refusal


@pytest.mark.parametrize(
    ("target", "methods"),
    [
        pytest.param("/v2/", "GET HEAD", id="root"),
        pytest.param("/v2", "GET HEAD", id="root without slash"),
        pytest.param("/v2/_catalog", "GET", id="catalog"),
        pytest.param("/v2/app/manifests/t", "GET HEAD PUT DELETE", id="manifest"),
        pytest.param(f"/v2/app/blobs/{SHA}", "GET HEAD DELETE", id="blob"),
        pytest.param("/v2/app/blobs/uploads/", "POST", id="upload start"),
        pytest.param(f"/v2/app/blobs/uploads/{UUID}", "GET HEAD PUT PATCH DELETE", id="upload"),
        pytest.param("/v2/app/tags/list", "GET", id="tags"),
        pytest.param(f"/v2/app/referrers/{SHA}", "GET", id="referrers"),
    ],
)
def test_each_route_has_its_methods(target: str, methods: str) -> None:
    """A method that a route does not have is refused by name."""
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PURGE", "get"):
        if method in methods.split():
            parse(method, target)
        else:
            with pytest.raises(MethodNotAllowed) as refusal:
                parse(method, target)
            assert refusal.value.method == method


@pytest.mark.parametrize(
    ("target", "name"),
    [
        pytest.param("/v2/app/manifests/t", None, id="no query"),
        pytest.param("/v2/app/manifests/t?", None, id="an empty query"),
        pytest.param("/v2/app/manifests/t?ns=docker.io", "docker.io", id="a host"),
        pytest.param("/v2/app/manifests/t?ns=registry:5000", "registry:5000", id="a port"),
        pytest.param("/v2/app/manifests/t?a=b&ns=registry%3A5000&c", "registry:5000", id="an encoded colon"),
        pytest.param("/v2/app/manifests/t?ns=127.0.0.1%3a5000", "127.0.0.1:5000", id="an address"),
        pytest.param("/v2/app/manifests/t?ns=", None, id="nothing"),
        pytest.param("/v2/app/manifests/t?ns", None, id="a word alone"),
        pytest.param("/v2/app/manifests/t?ns=a&ns=a", None, id="twice"),
        pytest.param("/v2/app/manifests/t?ns=a&n%73=b", None, id="twice, once encoded"),
        pytest.param("/v2/app/manifests/t?n%73=a", None, id="an encoded word"),
        pytest.param("/v2/app/manifests/t?ns=a/b", None, id="a path"),
        pytest.param("/v2/app/manifests/t?ns=a..b/..", None, id="dot segments"),
        pytest.param("/v2/app/manifests/t?ns=-a", None, id="a hyphen at the start"),
        pytest.param("/v2/app/manifests/t?ns=a:b", None, id="a port that is none"),
        pytest.param("/v2/app/manifests/t?ns=a:123456", None, id="a long port"),
        pytest.param("/v2/app/manifests/t?ns=a%2Eb", None, id="an encoded dot"),
        pytest.param("/v2/app/manifests/t?ns=a%253A1", None, id="encoded twice"),
        pytest.param("/v2/app/manifests/t?ns=a@b", None, id="a user"),
        pytest.param(f"/v2/app/manifests/t?ns={'a' * 256}", None, id="too long"),
        pytest.param("/v2/app/manifests/t?xns=a&nsx=b", None, id="other words"),
    ],
)
def test_a_mirror_names_a_registry(target: str, name: str | None) -> None:
    """It is read in one way, or not at all."""
    assert namespace(target) == name


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/app/tags/list", f"/v2/app/referrers/{SHA}"])
@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("ns=docker.io", ""),
        ("n=1&ns=docker.io&last=a%2Fb", "n=1&last=a%2Fb"),
        ("ns=a&ns=b", ""),
        ("n%73=a&n=1", "n=1"),
        ("n=1&ns", "n=1"),
        ("nsx=1", "nsx=1"),
    ],
)
def test_a_mirrors_name_stays_here(path: str, query: str, sent: str) -> None:
    """The registry pages its lists; for whom they are is not its to know."""
    assert find(f"{path}?{query}").query == sent
