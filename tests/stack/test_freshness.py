"""How soon what people sign counts: `fresh_for` is an hour here, so whatever counts sooner does by the changefeed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack import notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration, wait_for


@contextmanager
def serving(directory: Path, registry: Registry, notary: Notary, anchor: str) -> Iterator[Proxy]:
    """A proxy that asks five times a second what changed."""
    settings = configuration(registry, notary, [anchor], {})
    settings["notaries"]["corp"]["changefeed"] = "200ms"
    settings["repositories"] = {"shop/**": {"signed_by": "released", "fresh_for": "1h"}}
    with run_proxy(directory, settings) as running:
        yield running


def test_signatures_and_revocations_count_at_once(
    registry: Registry, notary: Notary, owner: Person, anchor: str, repository: str, tmp_path: Path
) -> None:
    """A tag that was refused a moment ago is served, its new digest replaces the old one, and it is refused again."""
    gun = f"{registry.host}/{repository}"
    one, two = push(registry, repository, image("one"), "1.0"), push(registry, repository, image("two"), "2.0")
    notary_client.initialise(owner, gun)
    with serving(tmp_path, registry, notary, anchor) as proxy:

        def digest() -> str | None:
            answer = proxy.request("GET", f"/v2/{repository}/manifests/1.0")
            return answer.headers["Docker-Content-Digest"] if answer.status == 200 else None

        assert digest() is None
        notary_client.add_target(owner, gun, "1.0", one.digest, one.length)
        assert wait_for(digest, lambda seen: seen == one.digest) == one.digest
        notary_client.add_target(owner, gun, "1.0", two.digest, two.length)
        assert wait_for(digest, lambda seen: seen == two.digest) == two.digest
        notary_client.remove_target(owner, gun, "1.0")
        assert wait_for(digest, lambda seen: seen is None) is None


def test_a_collection_that_is_made_counts_at_once(
    registry: Registry, notary: Notary, owner: Person, anchor: str, repository: str, tmp_path: Path
) -> None:
    """There was no trust data a moment ago, and that is not remembered against it."""
    gun = f"{registry.host}/{repository}"
    content = push(registry, repository, image("content"), "1.0")
    with serving(tmp_path, registry, notary, anchor) as proxy:

        def status() -> int:
            return proxy.request("GET", f"/v2/{repository}/manifests/1.0").status

        assert status() == 403
        notary_client.initialise(owner, gun)
        notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
        assert wait_for(status, lambda seen: seen == 200) == 200
