"""Traces of the real program: what a request consists of, and that no collector keeps anybody waiting."""

import socket
from pathlib import Path

import pytest

from deploy.stack import notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import MANIFEST_TYPES, Registry
from tests.stack.configuration import configuration, wait_for
from tests.support.collector import collector

ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
SERVER, CLIENT, INTERNAL = 2, 3, 1
CLAIMED = "0af7651916cd43dd8448eb211c80319c"
MANIFEST = "GET /v2/{repository}/manifests/{target}"
FILES = ["timestamp", "root", "snapshot", "targets"]


def test_a_cold_pull_is_told_in_parts_and_a_warm_one_in_one(
    registry: Registry, notary: Notary, owner: Person, anchor: str, repository: str, tmp_path: Path
) -> None:
    """Request, check, files, manifest; then the request alone. Nothing secret is sent along."""
    gun, content = f"{registry.host}/{repository}", push(registry, repository, image("traced"), "1.0")
    notary_client.initialise(owner, gun)
    notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
    path = f"/v2/{repository}/manifests"
    with collector() as seen:
        settings = configuration(registry, notary, [anchor], {}) | {
            "repositories": {"shop/**": {"signed_by": "released"}},
            "tracing": {"endpoint": seen.url},
        }
        shown = {
            **ACCEPT,
            "Authorization": "Basic Z2VoZWltOmdlaGVpbQ==",
            "traceparent": f"00-{CLAIMED}-b7ad6b7169203331-00",
            "User-Agent": "pull https://ci:geheim@registry",
        }
        with run_proxy(tmp_path, settings) as running:
            for _ in range(2):
                assert running.request("GET", f"{path}/1.0?token=geheim", shown).status == 200
            assert running.request("GET", f"{path}/2.0", ACCEPT).status == 403
            events = running.events()
        assert set(seen.asked) == {"/v1/traces"}
        cold, warm, refused = seen.named(MANIFEST)

        assert [cold.kind, cold.parent, cold.links, warm.links] == [SERVER, "", (CLAIMED,), (CLAIMED,)]
        assert len({cold.trace, warm.trace, refused.trace, CLAIMED}) == 4
        verify, manifest = seen.below(cold)
        assert (verify.name, verify.kind, manifest.name, manifest.kind) == (
            "verify",
            INTERNAL,
            "fetch manifest",
            CLIENT,
        )
        files = seen.below(verify)
        assert [(each.name, each.kind) for each in files] == [("fetch file", CLIENT)] * len(files)
        names = [str(each.attributes["tagwarden.file"]).partition(".")[0] for each in files]
        assert set(names) >= set(FILES)
        assert {each.attributes["http.response.status_code"] for each in (*files, manifest)} <= {200, 404}
        assert {each.trace for each in (cold, verify, manifest, *files)} == {cold.trace}
        assert seen.below(warm) == seen.below(refused) == []
        assert len(seen.spans) == 3 + 2 + len(files)

        told = {
            "http.request.method": "GET",
            "http.route": "/v2/{repository}/manifests/{target}",
            "http.response.status_code": 200,
            "url.scheme": "http",
            "url.path": f"{path}/1.0",
            "client.address": "127.0.0.1",
            "user_agent.original": "pull https://***@registry",
            "tagwarden.listener": "listen",
            "tagwarden.cache": "checked",
            "tagwarden.request_id": events[0]["request_id"],
            "tagwarden.reference": f"{repository}:1.0",
            "tagwarden.gun": gun,
            "tagwarden.rule": "shop/**",
            "tagwarden.mode": "enforce",
            "tagwarden.decision": "allowed",
            "tagwarden.digest": content.digest,
        }
        assert cold.attributes == told
        assert warm.attributes == told | {"tagwarden.cache": "fresh", "tagwarden.request_id": events[1]["request_id"]}
        assert abs(cold.nanoseconds / 1e9 - events[0]["duration"]) < 1e-5
        assert refused.attributes["tagwarden.refusal"] == "tag_not_signed"
        assert (refused.attributes["http.response.status_code"], refused.is_error) == (403, False)
        assert cold.sender["service.name"] == "tagwarden"
        assert cold.sender["tagwarden.name"] == registry.host
        assert not any(b"geheim" in body or b"Z2VoZWlt" in body for body in seen.raw)


def test_a_collector_that_is_away_or_hangs_delays_nobody(
    registry: Registry, notary: Notary, anchor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients are answered, one line says so, the end comes in time; what came meanwhile is sent once it is there."""
    settings = configuration(registry, notary, [anchor], {}) | {
        "repositories": {"shop/**": {"signed_by": "released"}},
        "workers": 2,
    }
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")  # milliseconds
    port = free_port()
    settings["tracing"] = {"endpoint": f"http://127.0.0.1:{port}"}
    with run_proxy(tmp_path, settings) as running:
        for _ in range(20):
            assert running.request("GET", "/v2/", {"Connection": "close"}).status == 200
        complaints = wait_for(lambda: running.events("traces cannot be sent"), bool)
        assert complaints[0]["why"] == "the collector cannot be reached (connection refused)"
        with collector(port) as seen:
            assert wait_for(lambda: running.events("traces are sent again"), bool)
            assert running.request("GET", "/v2/", {"Connection": "close"}).status == 200
            assert wait_for(lambda: seen.named("GET /v2/"), bool)
        with socket.create_server(("127.0.0.1", port)):  # takes connections and says nothing
            assert running.request("GET", "/v2/").status == 200
            assert len(running.events("traces cannot be sent")) <= 2
    assert running.events("stopped")
