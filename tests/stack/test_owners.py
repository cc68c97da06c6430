"""A person whose pull is refused reads whom to ask."""

import json
from pathlib import Path

from deploy.stack.clients import skopeo_pull
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration


def test_a_refusal_names_the_owner_of_the_repository(
    tmp_path: Path, registry: Registry, notary: Notary, anchor: str, repository: str
) -> None:
    """The contact of the owner whom a team's file names; a contact that nobody wrote yet is not shown."""
    push(registry, repository, image("not signed"), "1.0")
    settings = configuration(registry, notary, [anchor], {})
    settings["owners"] = {"shop": {"contact": "#shop-oncall"}, "web": {"contact": "FILL-IN"}}
    settings["repositories"] = {"**": {"signed_by": "released", "owner": "web"}}
    settings["include"] = ["teams/*.yaml"]
    team = {"scope": "shop/**", "repositories": {repository: {"signed_by": "released", "owner": "shop"}}}
    (tmp_path / "proxy/teams").mkdir(parents=True)
    (tmp_path / "proxy/teams/shop.yaml").write_text(json.dumps(team))
    with run_proxy(tmp_path / "proxy", settings) as proxy:
        pulled = skopeo_pull(tmp_path, f"{proxy.host}/{repository}:1.0")
        other = proxy.request("GET", "/v2/shop/other/manifests/1.0")
    assert not pulled.ok
    assert "(owner: #shop-oncall) [no_trust_data]" in pulled.output
    assert other.reason.endswith(": sign it or pull a signed image [no_trust_data]")
    (event,) = (event for event in proxy.events() if event["reference"] == f"{repository}:1.0")
    assert event["message"].endswith("(owner: #shop-oncall) [no_trust_data]")
