"""The images of the demo, and who signs what."""

from dataclasses import dataclass

from deploy.demo.stage import Stage
from deploy.stack import docker_trust, notary_client
from deploy.stack.images import Image, image, multi_arch, push


@dataclass(frozen=True)
class Content:
    """The images that steps refer to."""

    api: Image
    api_signed_then_moved: Image
    api_revoked: Image
    web: Image
    tools: Image
    legacy: Image
    intruder: Image


def fill(stage: Stage) -> Content:
    """Push images straight to the registry, and have them signed for the proxy's name."""
    content = Content(
        api=_pushed(stage, "shop/api", "1.0"),
        api_signed_then_moved=_pushed(stage, "shop/api", "1.1"),
        api_revoked=_pushed(stage, "shop/api", "0.9"),
        web=_pushed(stage, "shop/web", "v1"),
        tools=push(stage.registry, "infra/tools", multi_arch("infra/tools:3.0"), "3.0"),
        legacy=_pushed(stage, "legacy/app", "1.0"),
        intruder=_pushed(stage, "shop/api", "unsigned"),
    )
    _allow(stage, "shop/api", "alice", "bob", "mallory")
    _sign(stage, "shop/api", "1.0", content.api, "alice")
    _sign(stage, "shop/api", "1.1", content.api_signed_then_moved, "bob")
    _sign(stage, "shop/api", "0.9", content.api_revoked, "alice")
    _sign(stage, "shop/api", "2.0", _pushed(stage, "shop/api", "2.0"), "mallory")
    _allow(stage, "shop/web", "alice", "bob", "carol")
    _sign(stage, "shop/web", "v1", content.web, "alice")
    docker_trust.sign(stage.signers["bob"], f"{stage.gun('shop/web')}:v1")
    _sign(stage, "shop/web", "v2", _pushed(stage, "shop/web", "v2"), "carol")
    _allow(stage, "infra/tools", "ci")
    _sign(stage, "infra/tools", "3.0", content.tools, "ci")
    _allow(stage, "legacy/app", "ci")
    _pushed(stage, "shop/new", "1.0")
    _pushed(stage, "lab/toy", "1.0")
    return content


def _pushed(stage: Stage, repository: str, tag: str) -> Image:
    return push(stage.registry, repository, image(f"{repository}:{tag}\n"), tag)


def _allow(stage: Stage, repository: str, *names: str) -> None:
    for name in names:
        docker_trust.add_signer(stage.owner, stage.gun(repository), name, stage.signers[name].public_key)


def _sign(stage: Stage, repository: str, tag: str, signed: Image, name: str) -> None:
    notary_client.sign_as(stage.signers[name], stage.gun(repository), tag, signed.digest, signed.length)
