"""The real registry's catalogue, read as the proxy itself: behind a password, and behind tokens."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from yarl import URL

from deploy.stack.images import image, push
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from proxy.config.settings import Credentials, RegistrySettings
from proxy.names import Repository
from proxy.registry.client import connect
from proxy.registry.failures import Relayed
from tests.support.token_server import User, token_server

WARDEN: Final = Login("warden", "secret")
STRANGER: Final = Login("stranger", "secret")
NAMES: Final = tuple(f"shop/r{number:03}" for number in range(120))
"""More than the registry gives at once."""


@contextmanager
def passworded(directory: Path) -> Iterator[Registry]:
    """A registry that knows the warden's password."""
    with run_registry(directory, login=WARDEN, on_disk=True) as running:
        yield running


@contextmanager
def with_tokens(directory: Path) -> Iterator[Registry]:
    """A registry that believes a token server, where the warden may list everything and the stranger nothing."""
    users = [User(WARDEN, {"*": "push,pull"}, catalog=True), User(STRANGER)]
    with ExitStack() as stack:
        login = stack.enter_context(token_server(directory / "tokens", users)).auth("registry.example.com", WARDEN)
        yield stack.enter_context(run_registry(directory / "registry", login=login, on_disk=True))


def fill(registry: Registry) -> None:
    """Push one repository, and lay the others beside it in the registry's own storage."""
    content = image("catalogue")
    push(registry, NAMES[0], content, "1.0", "2.0")
    assert registry.storage
    repositories = registry.storage / "docker/registry/v2/repositories"
    for name in NAMES[1:]:
        shutil.copytree(repositories / NAMES[0], repositories / name)


def as_(login: Login | None, registry: Registry) -> RegistrySettings:
    """The settings of a proxy with that account, or with none."""
    credentials = Credentials(login.username, login.password) if login else None
    return RegistrySettings(URL(registry.url), ca_file=None, credentials=credentials)


@pytest.mark.parametrize("door", [pytest.param(passworded, id="password"), pytest.param(with_tokens, id="tokens")])
async def test_everything_is_listed_to_whoever_may(tmp_path: Path, door: object) -> None:
    """All pages of repositories and all tags; who has no right, or no account, hears the registry's no."""
    assert callable(door)
    with door(tmp_path) as registry:
        fill(registry)
        async with connect(as_(WARDEN, registry)) as client:
            assert await client.repositories() == NAMES
            assert sorted(await client.tags_of(Repository(NAMES[0]))) == ["1.0", "2.0"]
            assert await client.tags_of(Repository("shop/nothing")) == ()
        for nobody in (STRANGER, None):
            async with connect(as_(nobody, registry)) as client:
                for ask in (client.repositories(), client.tags_of(Repository(NAMES[0]))):
                    with pytest.raises(Relayed) as raised:
                        await ask
                    assert raised.value.status == 401
