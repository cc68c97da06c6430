"""Everything that is no manifest read goes through untouched, and nothing else goes with it."""

import gzip
from ipaddress import IPv4Network
from typing import Any, Final

import pytest
from aiohttp import web

from proxy.manifests import MediaType
from proxy.policy.entries import Mode
from proxy.registry.loops import marked
from tests.unit.registry.material import FakeRegistry, answering, digest, error, image
from tests.unit.web.material import ALICE, Proxy, running

BLOB: Final = bytes(range(256)) * 40
DIGEST: Final = digest(BLOB)
BLOB_PATH: Final = f"/v2/shop/app/blobs/{DIGEST}"
UPLOADS: Final = "/v2/shop/app/blobs/uploads/"
UPLOAD: Final = f"{UPLOADS}b9e5bd5e-4ee1"
STATE: Final = "_state=aB-_%3D%3d&x=1"
TAG: Final = "/v2/shop/app/manifests/v1"


# --- requests ---------------------------------------------------------------------------------


async def test_only_listed_headers_reach_the_registry(proxy: Proxy) -> None:
    """What a client claims about itself and its way here is dropped; Host stays, since addresses are built from it."""
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(body=BLOB)
    sent = {
        **ALICE,
        "Accept": "*/*",
        "User-Agent": "docker/20.10",
        "Docker-Distribution-Api-Version": "registry/2.0",
        "Range": "bytes=0-",
        "If-Range": '"x"',
        "Accept-Encoding": "gzip",
        "Cookie": "a=b",
        "Forwarded": "host=evil",
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Host": "evil",
        "X-Forwarded-Proto": "https",
        "X-HTTP-Method-Override": "DELETE",
        "X-Real-Ip": "10.0.0.1",
        "If-None-Match": '"x"',
        "Connection": "keep-alive, x-custom",
        "X-Custom": "1",
        "TE": "trailers",
        "Via": "1.1 corporate-cache",
    }
    await proxy.ask("GET", BLOB_PATH, headers=sent)
    assert dict(proxy.registry.asked[0].headers) == {
        "Authorization": "Bearer alice",
        "Accept": "*/*",
        "User-Agent": "docker/20.10",
        "Docker-Distribution-Api-Version": "registry/2.0",
        "Range": "bytes=0-",
        "If-Range": '"x"',
        "Host": proxy.url.authority,
        "X-Forwarded-Proto": "http",
        "Via": marked({})["Via"],
    }


@pytest.mark.parametrize(
    ("method", "target", "sent"),
    [
        pytest.param("GET", "/v2/", "/v2/", id="root"),
        pytest.param("HEAD", "/v2/?x=1", "/v2/", id="root with a query"),
        pytest.param("GET", "/v2/_catalog?n=1&last=a%2Fb", "/v2/_catalog?n=1&last=a%2Fb", id="catalog"),
        pytest.param("GET", "/v2/shop/app/tags/list?n=3", "/v2/shop/app/tags/list?n=3", id="tags"),
        pytest.param("GET", "/v2/shop/app/tags/list?ns=docker.io&n=3", "/v2/shop/app/tags/list?n=3", id="tags, no ns"),
        pytest.param("GET", f"{BLOB_PATH}?ns=docker.io", BLOB_PATH, id="blob with a query"),
        pytest.param("HEAD", BLOB_PATH.replace("sha256:", "sha256%3A"), BLOB_PATH, id="blob with an encoded colon"),
        pytest.param(
            "POST", f"{UPLOADS}?digest={DIGEST}&x=%2F", f"{UPLOADS}?digest={DIGEST}&x=%2F", id="upload at once"
        ),
        pytest.param(
            "POST",
            f"{UPLOADS}?mount=sha256%3A{DIGEST.hex}&from=a%2Fb&x=%2F",
            f"{UPLOADS}?mount={DIGEST}&from=a/b&x=%2F",
            id="mount",
        ),
        pytest.param("GET", f"{UPLOAD}?{STATE}", f"{UPLOAD}?{STATE}", id="upload asked for"),
        pytest.param("DELETE", f"{UPLOAD}?{STATE}", f"{UPLOAD}?{STATE}", id="upload given up"),
        pytest.param("PUT", f"{TAG}?tag=other", TAG, id="manifest pushed"),
        pytest.param("GET", f"/v2/a/referrers/{DIGEST}?n=1", f"/v2/a/referrers/{DIGEST}?n=1", id="referrers"),
    ],
)
async def test_paths_are_rebuilt_and_states_kept(proxy: Proxy, method: str, target: str, sent: str) -> None:
    """A query goes through byte for byte where the API has one, and nowhere else."""
    body = b'{"manifests":[]}'
    proxy.registry.scripted[f"{method} {sent.partition('?')[0]}"] = answering(
        body=body, Content_Type="application/json"
    )
    reply = await proxy.ask(method, target)
    assert reply.status == 200
    assert proxy.registry.requests == [f"{method} {sent}"]
    assert proxy.resolver.asked == []


async def test_a_pushed_manifest_goes_through(proxy: Proxy) -> None:
    """Pushing is the registry's own business: body and type arrive as they are."""
    received = b""

    async def put(request: web.Request) -> web.StreamResponse:
        nonlocal received
        received = await request.read()
        return await answering(status=201, Location=f"{TAG}", Docker_Content_Digest=DIGEST)(request)

    proxy.registry.scripted[f"PUT {TAG}"] = put
    headers = {**ALICE, "Content-Type": MediaType.OCI_MANIFEST}
    reply = await proxy.ask("PUT", TAG, headers=headers, data=b"{}")
    assert (reply.status, received) == (201, b"{}")
    assert reply.headers["Docker-Content-Digest"] == DIGEST
    asked = proxy.registry.asked[0].headers
    assert (asked["Content-Type"], asked["Content-Length"]) == (MediaType.OCI_MANIFEST, "2")


async def test_nothing_is_decoded_on_the_way(proxy: Proxy) -> None:
    """A compressed body arrives compressed, in both directions."""
    packed, received = gzip.compress(BLOB), b""

    async def patch(request: web.Request) -> web.StreamResponse:
        nonlocal received
        received = await request.read()
        return await answering(status=202)(request)

    proxy.registry.scripted[f"PATCH {UPLOAD}"] = patch
    await proxy.ask("PATCH", UPLOAD, headers={**ALICE, "Content-Encoding": "gzip"}, data=packed)
    assert received == BLOB  # the fake registry's own server decodes what says that it is compressed
    assert proxy.registry.asked[0].headers["Content-Length"] == str(len(packed))
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(body=packed, Content_Encoding="gzip")
    reply = await proxy.ask("GET", BLOB_PATH)
    assert (reply.body, reply.headers["Content-Encoding"]) == (packed, "gzip")


async def test_a_body_of_a_read_is_not_passed_on(proxy: Proxy) -> None:
    """A GET has no body here, so none can hide a second request."""
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(body=BLOB)
    reply = await proxy.ask("GET", BLOB_PATH, data=b"GET /v2/ HTTP/1.1\r\n\r\n")
    assert reply.body == BLOB
    assert "Content-Length" not in proxy.registry.asked[0].headers


async def test_a_push_is_not_decided_in_any_mode(proxy: Proxy) -> None:
    """Only reads are: the resolver is not asked for a PUT."""
    proxy.resolver.mode = Mode.AUDIT
    proxy.registry.scripted[f"PUT {TAG}"] = answering(status=201)
    assert (await proxy.ask("PUT", TAG, data=b"{}")).status == 201
    assert proxy.resolver.asked == []


# --- answers ----------------------------------------------------------------------------------


async def test_only_listed_headers_reach_the_client(proxy: Proxy) -> None:
    """What the registry says for the API goes through; its cookies, its banner and hop-by-hop headers do not."""
    proxy.registry.scripted[f"PATCH {UPLOAD}"] = answering(
        status=202,
        Docker_Upload_UUID="b9e5",
        Range="0-9",
        Docker_Distribution_Api_Version="registry/2.0",
        Warning='299 - "x"',
        OCI_Chunk_Min_Length="5",
        Set_Cookie="a=b",
        Server="registry",
        Keep_Alive="timeout=5",
        X_Internal="1",
        Strict_Transport_Security="max-age=1",
    )
    reply = await proxy.ask("PATCH", UPLOAD, data=b"x")
    assert {name.lower() for name in reply.headers} == {
        *("docker-upload-uuid", "range", "docker-distribution-api-version", "warning", "oci-chunk-min-length"),
        *("content-length", "date", "server", "x-request-id"),
    }
    assert reply.headers["Server"] == "tagwarden"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_blob_is_octets(proxy: Proxy, method: str) -> None:
    """Whatever type the registry gives a blob, it is none that a client could take for a manifest."""
    proxy.registry.scripted[f"{method} {BLOB_PATH}"] = answering(
        body=BLOB, Content_Type=MediaType.DOCKER_MANIFEST, Docker_Content_Digest=DIGEST, ETag=f'"{DIGEST}"'
    )
    reply = await proxy.ask(method, BLOB_PATH)
    assert reply.body == (BLOB if method == "GET" else b"")
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Length"] == str(len(BLOB))
    assert reply.headers["Docker-Content-Digest"] == DIGEST
    assert "X-Tagwarden-Decision" not in reply.headers


async def test_a_part_of_a_blob_goes_through(proxy: Proxy) -> None:
    """A client resumes with Range and gets 206."""
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(
        status=206, body=BLOB[100:], Content_Range=f"bytes 100-{len(BLOB) - 1}/{len(BLOB)}", Accept_Ranges="bytes"
    )
    reply = await proxy.ask("GET", BLOB_PATH, headers={**ALICE, "Range": "bytes=100-"})
    assert (reply.status, reply.body) == (206, BLOB[100:])
    assert reply.headers["Content-Range"] == f"bytes 100-{len(BLOB) - 1}/{len(BLOB)}"
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert proxy.registry.asked[0].headers["Range"] == "bytes=100-"


async def test_a_range_that_cannot_be_goes_through(proxy: Proxy) -> None:
    """416 is the registry's to say."""
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(status=416, Content_Range="bytes */10")
    reply = await proxy.ask("GET", BLOB_PATH)
    assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */10")


async def test_the_registrys_challenge_goes_through(proxy: Proxy) -> None:
    """401, every challenge, the body: clients log in at the registry's own token service."""

    async def challenge(_request: Any) -> Any:
        answer = error(401, "UNAUTHORIZED", {"Docker-Distribution-Api-Version": "registry/2.0"})
        answer.headers.add(
            "WWW-Authenticate", 'Bearer realm="https://auth.example.com/token",service="r",scope="x:y:z"'
        )
        answer.headers.add("WWW-Authenticate", 'Basic realm="b"')
        return answer

    proxy.registry.scripted["GET /v2/"] = challenge
    reply = await proxy.ask("GET", "/v2/", headers={})
    assert (reply.status, reply.error["code"]) == (401, "UNAUTHORIZED")
    assert reply.headers.getall("WWW-Authenticate") == [
        'Bearer realm="https://auth.example.com/token",service="r",scope="x:y:z"',
        'Basic realm="b"',
    ]
    assert "X-Tagwarden-Refusal" not in reply.headers


async def test_an_error_never_looks_like_a_manifest(proxy: Proxy) -> None:
    """An error that has a manifest in it, by type or by content, reaches nobody."""
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(
        status=404, body=image(), Content_Type=MediaType.OCI_MANIFEST, Docker_Content_Digest=digest(image())
    )
    reply = await proxy.ask("GET", BLOB_PATH)
    assert (reply.status, reply.headers["Content-Type"]) == (404, "application/json; charset=utf-8")
    assert "Docker-Content-Digest" not in reply.headers
    assert reply.error == {
        "code": "NAME_UNKNOWN",
        "message": "the registry answered 404 without a reason",
        "detail": None,
    }


async def test_the_registrys_own_words_stay(proxy: Proxy) -> None:
    """A reason phrase is all that some clients show."""

    async def busy(_request: Any) -> Any:
        return web.Response(status=503, reason="Storage is being moved", headers={"Retry-After": "60"})

    proxy.registry.scripted["GET /v2/"] = busy
    reply = await proxy.ask("GET", "/v2/")
    assert (reply.status, reply.reason, reply.headers["Retry-After"]) == (503, "Storage is being moved", "60")


async def test_long_words_are_cut(proxy: Proxy) -> None:
    """A reason phrase is a sentence, not a way out for a document."""

    async def wordy(_request: Any) -> Any:
        return web.Response(status=503, reason="x" * 5000)

    proxy.registry.scripted["GET /v2/"] = wordy
    assert (await proxy.ask("GET", "/v2/")).reason == "x" * 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_challenge_reads_as_the_registry_wrote_it(proxy: Proxy, method: str) -> None:
    """Code, message and detail; under HEAD the length of what GET would bring."""

    async def challenge(_request: Any) -> Any:
        return error(401, "UNAUTHORIZED")

    proxy.registry.scripted[f"{method} {BLOB_PATH}"] = challenge
    reply = await proxy.ask(method, BLOB_PATH)
    assert (reply.status, reply.headers["Content-Type"]) == (401, "application/json; charset=utf-8")
    if method == "GET":
        assert reply.error == {"code": "UNAUTHORIZED", "message": "unauthorized", "detail": None}


async def test_how_the_client_came_is_told_by_those_who_may(registry: FakeRegistry) -> None:
    """Behind a proxy that is trusted the registry builds its addresses for https."""
    registry.scripted["GET /v2/"] = answering()
    async with running(registry, trusted_proxies=(IPv4Network("127.0.0.0/8"),)) as proxy:
        await proxy.ask("GET", "/v2/", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil"})
    assert registry.asked[0].headers["X-Forwarded-Proto"] == "https"
    assert "X-Forwarded-Host" not in registry.asked[0].headers


# --- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "local"),
    [
        pytest.param("{registry}", True, id="the registry's own origin"),
        pytest.param("http://{host}", True, id="the Host that the client sent"),
        pytest.param("https://{host}", True, id="the same over https"),
        pytest.param("", True, id="relative"),
        pytest.param("https://storage.example.com", False, id="a storage service"),
        pytest.param("http://{host}.evil.example.com", False, id="a longer host"),
        pytest.param("http://{host}@evil.example.com", False, id="a host behind user information"),
    ],
)
async def test_where_an_upload_goes_on(proxy: Proxy, origin: str, *, local: bool) -> None:
    """An upload stays with the proxy, its state byte for byte; it is never sent elsewhere."""
    start = origin.format(registry=proxy.registry.url, host=proxy.url.authority)
    proxy.registry.scripted[f"POST {UPLOADS}"] = answering(status=202, Location=f"{start}{UPLOAD}?{STATE}")
    reply = await proxy.ask("POST", UPLOADS)
    if local:
        assert (reply.status, reply.headers["Location"]) == (202, f"{UPLOAD}?{STATE}")
    else:
        assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (502, "registry_unreachable")
        assert "Location" not in reply.headers


@pytest.mark.parametrize(
    ("location", "seen"),
    [
        pytest.param("https://s3.example.com/b?X-Sig=a%2Fb", "https://s3.example.com/b?X-Sig=a%2Fb", id="elsewhere"),
        pytest.param("{registry}/elsewhere?x=%2F", "/elsewhere?x=%2F", id="the registry itself"),
        pytest.param("{registry}", "/", id="the registry's root"),
        pytest.param("//evil.example.com/b", None, id="no scheme"),
        pytest.param("{registry}//evil.example.com/b", None, id="no scheme after the origin"),
        pytest.param("/\\evil.example.com/b", None, id="backslash"),
        pytest.param("ftp://evil.example.com/b", None, id="another scheme"),
        pytest.param("b", None, id="relative to the path"),
    ],
)
async def test_where_a_blob_may_come_from(proxy: Proxy, location: str, seen: str | None) -> None:
    """A storage service may serve blobs; the registry's own addresses become the proxy's."""
    address = location.format(registry=proxy.registry.url)
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(status=307, Location=address)
    reply = await proxy.ask("GET", BLOB_PATH)
    if seen is None:
        assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (502, "registry_unreachable")
    else:
        assert (reply.status, reply.headers["Location"]) == (307, seen)


async def test_a_redirect_has_no_body(proxy: Proxy) -> None:
    """Where it leads is all that it says."""
    proxy.registry.scripted[f"GET {BLOB_PATH}"] = answering(
        status=307, body=image(), Location="https://s3.example.com/b", Content_Type=MediaType.OCI_MANIFEST
    )
    reply = await proxy.ask("GET", BLOB_PATH)
    assert (reply.body, "Content-Type" in reply.headers) == (b"", False)


async def test_pages_stay_with_the_proxy(proxy: Proxy) -> None:
    """Links to the next page become local, and none leads elsewhere."""
    page = "/v2/_catalog?last=app%2Fx&n=1"
    proxy.registry.scripted["GET /v2/_catalog"] = answering(Link=f'<{proxy.registry.url}{page}>; rel="next"')
    assert (await proxy.ask("GET", "/v2/_catalog")).headers["Link"] == f'<{page}>; rel="next"'
    proxy.registry.scripted["GET /v2/_catalog"] = answering(Link='<https://evil.example.com/>; rel="next"')
    assert (await proxy.ask("GET", "/v2/_catalog")).status == 502


async def test_an_audited_manifest_may_be_redirected(proxy: Proxy) -> None:
    """Without enforcement the registry answers as it likes, redirects included."""
    proxy.resolver.mode = Mode.DISABLED
    proxy.registry.scripted[f"GET {TAG}"] = answering(status=307, Location="https://s3.example.com/m")
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["Location"]) == (307, "https://s3.example.com/m")


@pytest.mark.parametrize("method", [pytest.param("PUT", id="pushed"), pytest.param("DELETE", id="deleted")])
async def test_a_written_manifest_is_answered_without_a_body(proxy: Proxy, method: str) -> None:
    """A registry cannot slip a manifest out in its answer to a push or a deletion."""
    proxy.registry.scripted[f"{method} {TAG}"] = answering(status=201, body=b"{}", Content_Type=MediaType.OCI_MANIFEST)
    reply = await proxy.ask(method, TAG)
    assert (reply.status, reply.body, reply.headers.get("Content-Type")) == (201, b"", None)
