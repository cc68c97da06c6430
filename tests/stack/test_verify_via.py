"""`verify --via`: a running proxy before real registries is asked, with whatever login people have for it."""

import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.commands import run
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.programs import program
from deploy.stack.proxy import Proxy, tagwarden
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.configuration import configuration
from tests.stack.verifying import Home
from tests.support.token_server import TokenServer, User, token_server

LOGIN: Final = Login("reader", "reader's secret")
REPOSITORY: Final = f"shop/{secrets.token_hex(6)}"
AUDITED: Final = REPOSITORY.replace("shop/", "audited/")
DRIFTED: Final = REPOSITORY.replace("shop/", "drifted/")
DISABLED: Final = REPOSITORY.replace("shop/", "disabled/")

Signers = dict[str, Person]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new home directory."""
    return Home(tmp_path)


@pytest.fixture(scope="module")
def passworded(scratch: Path) -> Iterator[Registry]:
    """A registry with a password."""
    with run_registry(scratch / "via" / "registry", login=LOGIN) as running:
        yield running


@pytest.fixture(scope="module")
def signed(passworded: Registry, owner: Person, signers: Signers) -> Image:
    """`1.0` is signed by alice; `2.0` is not; the audited and the disabled repositories have the same trust data."""
    content, gun = image(f"signed {REPOSITORY}"), f"{passworded.host}/{REPOSITORY}"
    for repository in (REPOSITORY, AUDITED, DRIFTED, DISABLED):
        push(passworded, repository, content, "1.0", "2.0", "3.0")
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", content.digest, content.length)
    return content


@pytest.fixture(scope="module")
def moved(passworded: Registry, signed: Image) -> Image:
    """In the registry `1.0` of one audited repository was moved to something else since it was signed."""
    assert passworded.get_manifest(DRIFTED, "1.0").headers["Docker-Content-Digest"] == signed.digest
    return push(passworded, DRIFTED, image(f"moved {REPOSITORY}"), "1.0")


@pytest.fixture(scope="module")
def settings(
    passworded: Registry, notary: Notary, signers: Signers, anchor: str, signed: Image, moved: Image
) -> dict[str, Any]:
    """A configuration that wants alice for everything."""
    assert signed.digest != moved.digest
    rule = {"signed_by": {"any_of": ["alice"]}, "fresh_for": "1s", "gun": "{name}/shop/{rest}"}
    relaxed = {"until": "2099-01-01T00:00:00Z", "reason": "first weeks"}
    return {
        **configuration(passworded, notary, [anchor], signers),
        "repositories": dict.fromkeys(("shop/**", "audited/**", "drifted/**", "disabled/**"), rule),
        "rollout": {
            "audited/**": {"mode": "audit", **relaxed},
            "drifted/**": {"mode": "audit", **relaxed},
            "disabled/**": {"mode": "disabled", **relaxed},
        },
    }


@pytest.fixture(scope="module")
def secure(scratch: Path, authority: Authority, settings: Mapping[str, Any]) -> Iterator[Proxy]:
    """The proxy before the registry with a password, over TLS."""
    pair = authority.pair("proxy")
    with run_proxy(
        scratch / "via" / "secure", settings, certificate=pair, ca_file=authority.certificate_file.absolute()
    ) as running:
        yield running


@pytest.fixture(scope="module")
def auth_file(scratch: Path, secure: Proxy) -> Path:
    """What a real `skopeo login` to the proxy writes; podman's is the same."""
    file = scratch / "via" / "auth.json"
    certificates = scratch / "via" / "certificates"
    certificates.mkdir()
    assert secure.ca_file is not None
    (certificates / "ca.crt").write_bytes(secure.ca_file.read_bytes())
    words = ["login", f"--authfile={file}", f"--cert-dir={certificates}", f"--username={LOGIN.username}"]
    skopeo = [program("skopeo"), *words, "--password-stdin", secure.host]
    run(skopeo, home=scratch / "via", typed=LOGIN.password.encode()).must()
    return file


@pytest.fixture
def at(secure: Proxy) -> tuple[str, ...]:
    """The proxy, as it is named on the command line: a host is asked over https."""
    return "--via", secure.host, "--ca-file", str(secure.ca_file)


# --- a registry with a password, over https ---------------------------------------------------


@pytest.mark.parametrize(
    ("target", "status", "word"),
    [
        pytest.param(f"{REPOSITORY}:1.0", 0, "allowed", id="signed"),
        pytest.param(f"{{name}}/{REPOSITORY}:1.0", 0, "allowed", id="with-the-name-people-pull-by"),
        pytest.param(f"{{proxy}}/{REPOSITORY}:1.0", 0, "allowed", id="with-the-address-of-the-proxy"),
        pytest.param(f"{REPOSITORY}:2.0", 1, "refused", id="unsigned"),
        pytest.param(f"{AUDITED}:1.0", 0, "allowed", id="signed-in-audit"),
        pytest.param(f"{DRIFTED}:1.0", 1, "moved", id="signed-in-audit-and-moved"),
        pytest.param(f"{AUDITED}:2.0", 1, "would be refused", id="unsigned-in-audit"),
        pytest.param(f"{AUDITED}:9.9", 3, "undecided", id="absent-in-audit"),
        pytest.param(f"{DISABLED}:1.0", 3, "not enforced", id="disabled"),
        pytest.param("elsewhere/app:1.0", 1, "refused", id="no-rule"),
    ],
)
def test_a_running_proxy_decides(
    home: Home,
    at: tuple[str, ...],
    secure: Proxy,
    passworded: Registry,
    auth_file: Path,
    target: str,
    status: int,
    word: str,
) -> None:
    """Nothing but its address and a login is needed; an audit's verdict is waited for."""
    target = target.format(name=passworded.host, proxy=secure.host)
    ended = home.verify(*at, target, REGISTRY_AUTH_FILE=str(auth_file))
    assert (ended.status, ended.stdout.partition(":")[0]) == (status, word), ended
    assert (f"next: tagwarden explain {target}" in ended.stderr) is (status == 1)


def test_a_tag_that_was_moved_in_audit_is_no_digest_to_deploy(
    home: Home, at: tuple[str, ...], secure: Proxy, auth_file: Path, signed: Image, moved: Image
) -> None:
    """Whoever may push could have it deployed else: what is signed is said, and what is served, and none is printed."""
    environ = {"REGISTRY_AUTH_FILE": str(auth_file)}
    printed = home.verify(*at, "--print", "digest", f"{DRIFTED}:1.0", **environ)
    assert (printed.status, printed.stdout) == (1, "")
    assert f"is signed as {signed.digest}, but the registry serves {moved.digest}: its tag was moved" in printed.stderr
    told = json.loads(home.verify(*at, "--json", f"{DRIFTED}:1.0", **environ).stdout)
    assert (told["decision"], told["digest"], told["signers"]) == ("not-enforced", None, [])
    assert home.verify(*at, f"{DRIFTED}@{moved.digest}", **environ).status == 1
    assert home.verify(*at, f"{DRIFTED}@{signed.digest}", **environ).status == 0
    drift = [event for event in secure.events() if str(event.get("because", "")).startswith("drift: the tag was moved")]
    assert {(event["reference"], event["digest"], event["served"], event["audit"]) for event in drift} == {
        (f"{DRIFTED}:1.0", signed.digest, moved.digest, "drift")
    }


def test_what_is_served_in_audit_is_not_refused(home: Home, at: tuple[str, ...], auth_file: Path) -> None:
    """A test of the policy is green only where the policy holds: nobody refuses anything there yet."""
    for target in (f"{AUDITED}:2.0", f"{DRIFTED}:1.0", f"{DISABLED}:1.0"):
        ended = home.verify(*at, "--expect", "refused", target, REGISTRY_AUTH_FILE=str(auth_file))
        assert ended.status == 1, ended


def test_an_image_of_another_registry_is_not_decided_about(
    home: Home, at: tuple[str, ...], passworded: Registry, auth_file: Path
) -> None:
    """The same repository and tag are signed here, and say nothing about the image over there."""
    image_name = f"other.example.com/{REPOSITORY}:1.0"
    ended = home.verify(*at, "--print", "digest", image_name, REGISTRY_AUTH_FILE=str(auth_file))
    assert (ended.status, ended.stdout) == (2, "")
    assert f"answers for {passworded.host}: write {passworded.host}/{REPOSITORY}:1.0" in ended.stderr


def test_the_digest_may_be_deployed(home: Home, at: tuple[str, ...], auth_file: Path, signed: Image) -> None:
    """Standard output is the digest, which is then asked for by itself, in JSON."""
    printed = home.verify(*at, "--print", "digest", f"{REPOSITORY}:1.0", REGISTRY_AUTH_FILE=str(auth_file))
    assert (printed.status, printed.stdout) == (0, f"{signed.digest}\n")
    reference = f"{REPOSITORY}@{printed.stdout.strip()}"
    told = json.loads(home.verify(*at, "--json", reference, REGISTRY_AUTH_FILE=str(auth_file)).stdout)
    assert (told["decision"], told["digest"], told["length"]) == ("allowed", signed.digest, signed.length)
    assert (told["reference"], told["signers"]) == (reference, ["alice"])


def test_a_refusal_is_told_as_the_proxy_told_it(home: Home, at: tuple[str, ...], auth_file: Path) -> None:
    """Its account names rule, collection and roles; a policy's own test expects it, and exits with 0."""
    environ = {"REGISTRY_AUTH_FILE": str(auth_file)}
    ended = home.verify(*at, "--json", "--expect", "refused", f"{REPOSITORY}:2.0", **environ)
    told = json.loads(ended.stdout)
    assert (ended.status, told["decision"], told["refusal"]) == (0, "refused", "tag_not_signed")
    assert (told["rule"], told["mode"]) == ("shop/**", "enforce")
    assert "targets/alice" in told["roles"]
    assert told["message"].endswith("[tag_not_signed]")
    assert told["request_id"]


def test_docker_keeps_logins_in_two_ways(home: Home, at: tuple[str, ...], secure: Proxy) -> None:
    """In its file, or with a helper, which is asked for the proxy's own name."""
    home.put(".docker/config.json", json.dumps({"auths": {secure.host: {"auth": LOGIN.header.removeprefix("Basic ")}}}))
    assert home.verify(*at, f"{REPOSITORY}:1.0").status == 0
    secret = json.dumps({"ServerURL": secure.host, "Username": LOGIN.username, "Secret": LOGIN.password})
    home.put("secret.json", secret)
    script = '#!/bin/sh\nread -r host\n[ "$1 $host" = "get $HOST" ] && exec cat "$HOME/secret.json"\nexit 1\n'
    home.put("bin/docker-credential-vault", script, 0o755)
    home.put(".docker/config.json", json.dumps({"credHelpers": {secure.host: "vault"}}))
    assert home.verify(*at, f"{REPOSITORY}:1.0", HOST=secure.host).status == 0


def test_without_a_login_it_is_said_where_one_was_looked_for(home: Home, at: tuple[str, ...], secure: Proxy) -> None:
    """And with a wrong one, where that is from; both are for the person to mend."""
    nobody = home.verify(*at, f"{REPOSITORY}:1.0")
    assert (nobody.status, nobody.stdout) == (2, "")
    assert f"{home.directory}/.docker/config.json has none for it: run docker login {secure.host}" in nobody.stderr
    wrong = Login("reader", "wrong").header.removeprefix("Basic ")
    home.put(".docker/config.json", json.dumps({"auths": {secure.host: {"auth": wrong}}}))
    somebody = home.verify(*at, f"{REPOSITORY}:1.0")
    assert (somebody.status, somebody.stdout) == (2, "")
    assert "does not let the credential in" in somebody.stderr


def test_who_is_not_certified_is_no_proxy(home: Home, secure: Proxy, auth_file: Path) -> None:
    """Without the authority there is no verdict, and nobody saw the login."""
    seen = len(secure.events("request")) + len(secure.events())
    ended = home.verify("--via", secure.url, f"{REPOSITORY}:1.0", REGISTRY_AUTH_FILE=str(auth_file))
    assert ended.status == 3
    assert "certificate verify failed" in ended.stdout
    assert len(secure.events("request")) + len(secure.events()) == seen


@pytest.mark.parametrize("somewhere", [pytest.param(True, id="via"), pytest.param(False, id="from-the-configuration")])
def test_a_signature_is_waited_for(
    home: Home,
    at: tuple[str, ...],
    secure: Proxy,
    auth_file: Path,
    signers: Signers,
    passworded: Registry,
    signed: Image,
    somewhere: bool,  # noqa: FBT001 - a case
) -> None:
    """Refused at first, which is said once; allowed as soon as it is signed."""
    tag = f"3.{secrets.token_hex(4)}"
    push(passworded, REPOSITORY, signed, tag)
    credentials = home.put("own.json", json.dumps({"username": LOGIN.username, "password": LOGIN.password}))
    words = at if somewhere else ("-c", str(_with_credentials(home, secure.configuration, credentials)))
    with subprocess.Popen(
        [tagwarden(), "verify", *words, "--wait", "60s", "--print", "digest", f"{REPOSITORY}:{tag}"],
        env=home.environment(REGISTRY_AUTH_FILE=str(auth_file)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        assert waiting.stdout is not None
        seen = next(line for line in waiting.stderr if "waiting" in line)
        assert seen.startswith("tagwarden: waiting up to 60 s: ")
        gun = f"{passworded.host}/{REPOSITORY}"
        notary_client.sign_as(signers["alice"], gun, tag, signed.digest, signed.length)
        printed, rest = waiting.communicate(timeout=60)
    assert (waiting.returncode, printed) == (0, f"{signed.digest}\n"), rest
    assert "waiting" not in rest


def test_a_configuration_may_answer_for_another_registry(
    home: Home, secure: Proxy, passworded: Registry, signed: Image
) -> None:
    """One whose images it may be asked for by `?ns=`; what is signed there is in collections of that name."""
    credentials = home.put("own.json", json.dumps({"username": LOGIN.username, "password": LOGIN.password}))
    settings = json.loads(_with_credentials(home, secure.configuration, credentials).read_text())
    settings |= {"name": "registry.example.com"}
    settings["listen"] |= {"ns_allowed": [passworded.host]}
    file = str(home.put("config.yaml", json.dumps(settings)))
    there = home.verify("-c", file, "--json", f"{passworded.host}/{REPOSITORY}:1.0")
    told = json.loads(there.stdout)
    assert (there.status, told["gun"], told["digest"]) == (0, f"{passworded.host}/{REPOSITORY}", signed.digest)
    assert told["message"] == f"{REPOSITORY}:1.0 is {signed.digest}, signed by alice"
    here = home.verify("-c", file, f"registry.example.com/{REPOSITORY}:1.0")
    assert (here.status, "[no_trust_data]" in here.stdout) == (1, True)
    elsewhere = home.verify("-c", file, f"other.example.com/{REPOSITORY}:1.0")
    assert (elsewhere.status, elsewhere.stdout) == (2, "")


def _with_credentials(home: Home, configuration_file: Path, credentials: Path) -> Path:
    """The proxy's configuration with a login of its own, which reads the registry here."""
    settings = json.loads(configuration_file.read_text())
    settings["registry"]["credentials_file"] = str(credentials)
    return home.put("config.yaml", json.dumps(settings))


# --- a registry that wants tokens, over plain HTTP --------------------------------------------


@pytest.fixture(scope="module")
def tokens(scratch: Path) -> Iterator[TokenServer]:
    """A token server that lets the reader read everything but `closed/`."""
    users = [User(LOGIN, {"shop/*": "pull"}), User(Login("owner", "o"), {"*": "pull,push"})]
    with token_server(scratch / "via" / "tokens", users) as server:
        yield server


@pytest.fixture(scope="module")
def before_tokens(scratch: Path, tokens: TokenServer, settings: Mapping[str, Any], signed: Image) -> Iterator[Proxy]:
    """A proxy of the same name before a registry that believes the token server."""
    auth = tokens.auth("registry.example.com", Login("owner", "o"))
    with run_registry(scratch / "via" / "guarded", login=auth) as registry:
        push(registry, REPOSITORY, signed, "1.0")
        with run_proxy(scratch / "via" / "open", {**settings, "registry": {"url": registry.url}}) as running:
            yield running


def test_a_token_is_fetched(home: Home, before_tokens: Proxy, tokens: TokenServer) -> None:
    """For this repository, with the login for the proxy; and it is no use for another one."""
    login = {"auths": {f"https://{before_tokens.host}/v1/": {"auth": LOGIN.header.removeprefix("Basic ")}}}
    home.put(".docker/config.json", json.dumps(login))
    ended = home.verify("--via", before_tokens.url, f"{REPOSITORY}:1.0")
    assert ended.status == 0, ended
    assert tokens.asked[-1].account == "reader"
    assert tokens.asked[-1].scopes == (f"repository:{REPOSITORY}:pull",)
    closed = home.verify("--via", before_tokens.url, "closed/app:1.0")
    assert closed.status == 2
    assert "ask the registry's operator for the right to pull" in closed.stderr


def test_an_identity_token_that_is_no_good(home: Home, before_tokens: Proxy, tokens: TokenServer) -> None:
    """It is shown to the token server alone, which knows none."""
    home.put(".docker/config.json", json.dumps({"auths": {before_tokens.host: {"identitytoken": "1dentity"}}}))
    ended = home.verify("--via", before_tokens.url, f"{REPOSITORY}:1.0")
    assert (ended.status, tokens.asked[-1].method) == (2, "POST")
    assert "the token server answered 400" in ended.stderr


# --- who is no proxy --------------------------------------------------------------------------


def test_a_registry_alone_is_no_proxy(home: Home, registry: Registry, signed: Image) -> None:
    """It serves the very image, and has no verdict: whoever is sent round the proxy hears of it here."""
    push(registry, REPOSITORY, signed, "1.0")
    for reference in (f"{REPOSITORY}:1.0", f"{REPOSITORY}@{signed.digest}", f"{REPOSITORY}:none"):
        ended = home.verify("--via", registry.url, "--print", "digest", reference)
        assert (ended.status, ended.stdout) == (3, ""), ended
        assert "no Tagwarden" in ended.stderr


def test_the_environment_is_not_asked(home: Home, before_tokens: Proxy) -> None:
    """Proxies and logins of the environment are for others; nothing there can send a login elsewhere."""
    home.put(".netrc", "machine 127.0.0.1 login reader password secret\n")
    environ = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}
    ended = home.verify("--via", before_tokens.url, f"{REPOSITORY}:1.0", **environ)
    assert ended.status == 2
    assert "has none for it" in ended.stderr
