"""What the demo does as a user, and what must come of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from deploy.demo.content import Content
from deploy.demo.stage import Stage
from deploy.stack import docker_trust
from deploy.stack.images import Image, push

Decision = Literal["allowed", "refused", "would-refuse"]

_AFTER_FRESH_FOR: Final = 1.5  # seconds; the configuration says 1s


@dataclass(frozen=True)
class Step:
    """One pull and what must come of it.

    `reference` has no host; `result` is the digest that must arrive, or the code of a refusal. `before` is what
    happens just before the pull.
    """

    title: str
    reference: str
    decision: Decision
    result: str
    client: Literal["skopeo", "docker"] = "skopeo"
    every_platform: bool = False
    before: Callable[[], None] = lambda: None


def steps(stage: Stage, content: Content) -> Iterator[Step]:
    """Yield the story in order: some steps change something that those after them see."""
    api, tools = content.api, content.tools
    yield Step("signed by alice", "shop/api:1.0", "allowed", api.digest)
    yield Step("never signed", "shop/api:unsigned", "refused", "tag_not_signed")
    yield Step(
        "signed by bob, then the tag was moved in the registry",
        "shop/api:1.1",
        "allowed",
        content.api_signed_then_moved.digest,
        before=partial(_move_tag, stage, "shop/api", "1.1", content.intruder),
    )
    yield Step("signed in Notary, but only by mallory", "shop/api:2.0", "refused", "signer_missing")
    yield Step("two of three: alice and bob", "shop/web:v1", "allowed", content.web.digest)
    yield Step("two of three: only carol", "shop/web:v2", "refused", "signer_missing")
    yield Step("signed by alice", "shop/api:0.9", "allowed", content.api_revoked.digest)
    yield Step(
        "the same, after alice revoked it",
        "shop/api:0.9",
        "refused",
        "tag_not_signed",
        before=partial(_revoke, stage, "shop/api", "0.9", "alice"),
    )
    yield Step("by a signed digest", f"shop/api@{api.digest}", "allowed", api.digest)
    yield Step("by a digest nobody signed", f"shop/api@{content.intruder.digest}", "refused", "digest_not_signed")
    yield Step("multi-arch, with all children", "infra/tools:3.0", "allowed", tools.digest, every_platform=True)
    for child in tools.children:
        yield Step(f"its child for {child.architecture}", f"infra/tools@{child.digest}", "allowed", child.digest)
    yield Step("nobody signs in this repository", "shop/new:1.0", "refused", "no_trust_data")
    yield Step("no rule for this repository", "lab/toy:1.0", "refused", "no_rule")
    yield Step(
        "not signed, in a repository that is only watched", "legacy/app:1.0", "would-refuse", content.legacy.digest
    )
    if stage.docker:
        yield Step("signed by alice", "shop/api:1.0", "allowed", api.digest, client="docker")
        yield Step("never signed", "shop/api:unsigned", "refused", "tag_not_signed", client="docker")


def _move_tag(stage: Stage, repository: str, tag: str, other: Image) -> None:
    push(stage.registry, repository, other, tag)


def _revoke(stage: Stage, repository: str, tag: str, name: str) -> None:
    docker_trust.revoke(stage.signers[name], f"{stage.gun(repository)}:{tag}")
    time.sleep(_AFTER_FRESH_FOR)
