"""The credential that docker or podman has for a host, in every way they write it."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from proxy.config.settings import Credentials
from proxy.errors import UserError
from proxy.http_auth.login import IdentityToken
from proxy.limits import DOCKER_CONFIG_BYTES
from proxy.remote.credentials import Found, look_up

SERVER = URL("https://registry.example.com")
ALICE = Credentials("alice", "se:cret")


def entry(credentials: Credentials) -> dict[str, str]:
    """As docker writes it."""
    return {"auth": b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's home directory; docker was never used there."""
    (tmp_path / ".docker").mkdir()
    return tmp_path


def found(home: Path, config: object, server: URL = SERVER, **environ: str) -> Found:
    """Look up in a home with this `config.json`."""
    text = config if isinstance(config, str) else json.dumps(config)
    (home / ".docker" / "config.json").write_text(text)
    return look_up(server, {"HOME": str(home), "PATH": str(home / "bin"), **environ})


def helper(home: Path, name: str, script: str) -> None:
    """Put a credential helper on the `PATH`; it writes down what it was asked."""
    program = home / "bin" / f"docker-credential-{name}"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nread host\necho "$1 $host" >> {home}/asked\n{script}\n')
    program.chmod(0o755)


def asked(home: Path) -> list[str]:
    """What helpers were asked, in order."""
    return (home / "asked").read_text().splitlines()


# --- what stands in the file ------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("registry.example.com", id="host"),
        pytest.param("registry.example.com:443", id="with-the-default-port"),
        pytest.param("https://registry.example.com", id="address"),
        pytest.param("https://registry.example.com/", id="address-with-slash"),
        pytest.param("https://registry.example.com/v1/", id="address-of-version-1"),
        pytest.param("https://registry.example.com/v2/", id="address-of-version-2"),
        pytest.param("http://registry.example.com", id="plain-address"),
    ],
)
def test_a_login_is_found_however_docker_filed_it(home: Path, key: str) -> None:
    """Docker has written keys in many ways over the years."""
    config = {"auths": {"other.example.com": entry(Credentials("bob", "b")), key: entry(ALICE)}}
    assert found(home, config).credentials == ALICE


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("registry.example.com:5000", id="other-port"),
        pytest.param("example.com", id="parent"),
        pytest.param("xregistry.example.com", id="longer-name"),
        pytest.param("registry.example.com.evil.test", id="longer-domain"),
        pytest.param("https://evil.test/registry.example.com", id="in-a-path"),
        pytest.param("registry.example.com/shop", id="a-namespace-of-podman"),
    ],
)
def test_a_login_for_somebody_else_is_not_taken(home: Path, key: str) -> None:
    """A credential goes to the host it is filed under, and nowhere else."""
    assert found(home, {"auths": {key: entry(ALICE)}}).credentials is None


def test_the_exact_key_wins(home: Path) -> None:
    """As in docker."""
    config = {"auths": {"https://registry.example.com/v1/": entry(Credentials("old", "o")), SERVER.host: entry(ALICE)}}
    assert found(home, config).credentials == ALICE


def test_an_identity_token_is_one(home: Path) -> None:
    """What `docker login` leaves behind where the token server gave one."""
    told = {"auths": {SERVER.host: {**entry(Credentials("alice", "")), "identitytoken": "t0ken"}}}
    assert found(home, told).credentials == IdentityToken("t0ken")


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="empty"),
        pytest.param({"auths": {"registry.example.com": {}}}, id="empty-entry"),
        pytest.param({"auths": None}, id="null"),
        pytest.param({"auths": {"registry.example.com": {"email": "a@example.com"}}}, id="no-credential"),
    ],
)
def test_without_a_login_one_is_nobody(home: Path, config: object) -> None:
    """And it is said where one was looked for."""
    assert found(home, config) == Found(None, f"{home}/.docker/config.json", "registry.example.com")


def test_a_file_that_is_not_there_has_nothing(home: Path) -> None:
    """Many registries let anybody read."""
    assert look_up(SERVER, {"HOME": str(home)}).credentials is None


@pytest.mark.parametrize(
    ("config", "why"),
    [
        pytest.param("{", "no JSON object", id="no-json"),
        pytest.param("[]", "no JSON object", id="no-object"),
        pytest.param("[" * 100_000, "no JSON object", id="too-deep"),
        pytest.param(" " * (DOCKER_CONFIG_BYTES + 1), "no JSON object", id="too-long"),
        pytest.param({"auths": []}, "auths is no JSON object", id="auths"),
        pytest.param({"credHelpers": "pass"}, "credHelpers is no JSON object", id="helpers"),
        pytest.param({"credsStore": 5}, "name is no text", id="helper"),
        pytest.param({"auths": {"registry.example.com": "secret"}}, "the entry of", id="entry"),
        pytest.param({"auths": {"registry.example.com": {"auth": "se cret"}}}, "the entry of", id="no-base64"),
        pytest.param({"auths": {"registry.example.com": {"auth": 5}}}, "the entry of", id="no-text"),
        pytest.param({"auths": {"registry.example.com": {"auth": "c2VjcmV0"}}}, "the entry of", id="no-colon"),
        pytest.param({"auths": {"registry.example.com": {"auth": "/////w=="}}}, "the entry of", id="no-utf-8"),
    ],
)
def test_a_broken_file_is_a_mistake_to_mend(home: Path, config: object, why: str) -> None:
    """One sentence names the file, and repeats no secret."""
    with pytest.raises(UserError) as raised:
        found(home, config)
    assert why in str(raised.value)
    assert str(home) in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_a_mistake_to_mend(home: Path) -> None:
    """It might have had the credential."""
    (home / ".docker" / "config.json").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        look_up(SERVER, {"HOME": str(home)})


# --- which files ------------------------------------------------------------------------------


def test_docker_may_keep_its_file_elsewhere(home: Path) -> None:
    """`DOCKER_CONFIG` is a directory."""
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "config.json").write_text(json.dumps({"auths": {SERVER.host: entry(ALICE)}}))
    told = found(home, {}, DOCKER_CONFIG=str(home / "elsewhere"))
    assert (told.credentials, told.places) == (ALICE, f"{home}/elsewhere/config.json")


def test_podman_has_a_file_of_its_own(home: Path) -> None:
    """`REGISTRY_AUTH_FILE` comes first, and docker's file after it."""
    file = home / "auth.json"
    file.write_text(json.dumps({"auths": {SERVER.host: entry(ALICE)}}))
    bob = Credentials("bob", "b")
    config = {"auths": {SERVER.host: entry(bob)}}
    assert found(home, config, REGISTRY_AUTH_FILE=str(file)).credentials == ALICE
    file.write_text("{}")
    assert found(home, config, REGISTRY_AUTH_FILE=str(file)).credentials == bob
    nowhere = found(home, {}, REGISTRY_AUTH_FILE=str(file))
    assert nowhere.places == f"{file} and {home}/.docker/config.json"


def test_podman_keeps_a_login_for_the_session(home: Path) -> None:
    """Below the run directory."""
    file = home / "run" / "containers" / "auth.json"
    file.parent.mkdir(parents=True)
    assert found(home, {}, XDG_RUNTIME_DIR=str(home / "run")).credentials is None
    file.write_text(json.dumps({"auths": {SERVER.host: entry(ALICE)}}))
    assert found(home, {}, XDG_RUNTIME_DIR=str(home / "run")).credentials == ALICE


# --- helpers ----------------------------------------------------------------------------------


def test_a_helper_is_asked_for_the_host(home: Path) -> None:
    """And it alone: what stands in the file beside it is from before."""
    helper(home, "vault", """echo '{"ServerURL":"x","Username":"alice","Secret":"se:cret"}'""")
    config = {"credsStore": "vault", "auths": {SERVER.host: entry(Credentials("old", "o"))}}
    assert found(home, config).credentials == ALICE
    assert asked(home) == ["get registry.example.com"]


def test_the_helper_of_a_host_wins(home: Path) -> None:
    """`credHelpers` is for some hosts, `credsStore` for all others."""
    helper(home, "vault", """echo '{"Username":"vault","Secret":"v"}'""")
    helper(home, "cloud", """echo '{"Username":"cloud","Secret":"c"}'""")
    config: dict[str, Any] = {"credsStore": "vault", "credHelpers": {"registry.example.com": "cloud"}}
    assert found(home, config).credentials == Credentials("cloud", "c")
    assert found(home, config, URL("https://other:5000")).credentials == Credentials("vault", "v")


def test_a_helper_may_have_an_identity_token(home: Path) -> None:
    """The user name says so."""
    helper(home, "vault", """echo '{"Username":"<token>","Secret":"t0ken"}'""")
    assert found(home, {"credsStore": "vault"}).credentials == IdentityToken("t0ken")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo 'credentials not found in native keychain'; exit 1", id="says-so"),
        pytest.param("""echo '{"Username":"","Secret":""}'""", id="empty"),
    ],
)
def test_a_helper_may_have_nothing(home: Path, script: str) -> None:
    """Then one is nobody; with a default port the other spelling was asked for too."""
    helper(home, "vault", script)
    assert found(home, {"credsStore": "vault"}).credentials is None
    assert asked(home) == ["get registry.example.com", "get registry.example.com:443"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param("echo hunter2; exit 1", "(status 1)", id="fails"),
        pytest.param("""echo '{"Username":"alice","Secret":"hunter2"}'; exit 3""", "(status 3)", id="fails-in-JSON"),
        pytest.param("kill -9 $$", "(status -9)", id="is-killed"),
        pytest.param("exit 7", "(status 7)", id="fails-silently"),
        pytest.param("echo hunter2", "no credential", id="no-json"),
        pytest.param("""echo '{"Username":"hunter2"}'""", "no credential", id="no-secret"),
        pytest.param("""echo '["hunter2"]'""", "no credential", id="no-object"),
    ],
)
def test_a_helper_that_fails_is_a_mistake_to_mend(home: Path, script: str, why: str) -> None:
    """Who has a helper does not mean to be nobody; what it said is never repeated, for it may be the secret."""
    helper(home, "vault", script)
    with pytest.raises(UserError) as raised:
        found(home, {"credsStore": "vault"})
    assert str(raised.value).startswith("docker-credential-vault ")
    assert why in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_helper_must_answer_in_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that waits for somebody would hold up a build for ever."""
    monkeypatch.setattr("proxy.remote.helpers.CREDENTIAL_HELPER_SECONDS", 0.1)
    helper(home, "vault", "exec /bin/sleep 60")
    with pytest.raises(UserError, match="did not answer within"):
        found(home, {"credsStore": "vault"})


def test_a_helper_that_cannot_be_run(home: Path) -> None:
    """A script without its interpreter."""
    helper(home, "vault", "")
    (home / "bin" / "docker-credential-vault").write_text("#!/no/such/interpreter\n")
    with pytest.raises(UserError, match="cannot be run"):
        found(home, {"credsStore": "vault"})


@pytest.mark.parametrize("name", ["vault", "../../bin/sh", "/bin/sh", "a b", "-x"])
def test_a_helper_that_is_not_there(home: Path, name: str) -> None:
    """It is said which, and its name is never a path."""
    with pytest.raises(UserError, match="is not on the PATH"):
        found(home, {"credsStore": name})
