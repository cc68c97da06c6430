"""The servers alone: the real registry and the real Notary believe the token server, before the proxy comes between."""

from pathlib import Path

import pytest

from deploy.stack import clients, notary_client
from deploy.stack.commands import CommandFailed
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import image
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.registry import Registry
from deploy.stack.web import Login, ask
from tests.stack.guarded.people import OWNER, READER
from tests.support.token_server import TokenServer


@pytest.mark.usefixtures("signer")
def test_the_registry_believes_the_token_server(guarded: Registry, tokens: TokenServer, tmp_path: Path) -> None:
    """Who may pull one repository pulls it with skopeo, and no other; who is nobody pulls nothing."""
    pull = clients.skopeo_pull(tmp_path / "one", f"{guarded.host}/open/app:1.0", login=READER)
    assert pull.digest == image("open/app").digest, pull.output
    asked = [each for each in tokens.asked if each.account == "reader"][-1]
    assert (asked.service, asked.scopes) == ("registry.example.com", ("repository:open/app:pull",))
    assert not clients.skopeo_pull(tmp_path / "two", f"{guarded.host}/closed/app:1.0", login=READER).ok
    assert not clients.skopeo_pull(tmp_path / "three", f"{guarded.host}/open/app:1.0").ok


@pytest.mark.usefixtures("signer")
def test_docker_logs_in_to_the_registry(guarded: Registry, docker_daemon: DockerDaemon) -> None:
    """Docker logs in with the right password only, and then pulls."""
    with pytest.raises(CommandFailed, match="unauthorized"):
        docker_daemon.log_in(guarded.host, Login("reader", "guess"))
    docker_daemon.log_in(guarded.host, READER)
    assert clients.docker_pull(docker_daemon, f"{guarded.host}/open/app:1.0").ok


@pytest.mark.usefixtures("signer")
def test_notary_believes_the_token_server(guarded: Registry, guarded_notary: Notary, tmp_path: Path) -> None:
    """Who may read a collection lists it; a stranger does not, nor somebody who may read another."""
    gun = f"{guarded.host}/open/app"
    owner = Person.settle("owner", tmp_path / "owner", guarded_notary).log_in(guarded.host, OWNER)
    assert [each.name for each in notary_client.targets(owner, gun, notary_client.RELEASES)] == ["1.0"]
    for name, login in (("stranger", None), ("reader", READER)):
        person = Person.settle(name, tmp_path / name, guarded_notary)
        with pytest.raises(CommandFailed):
            notary_client.targets(person.log_in(guarded.host, login) if login else person, gun, notary_client.RELEASES)
    url = f"{guarded_notary.url}/v2/{gun}/_trust/tuf/timestamp.json"
    assert ask(url, ca_file=guarded_notary.ca_file).status == 401
