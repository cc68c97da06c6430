"""Settings without a file: options go through the checks of a file, and only a trial may do without an end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from proxy.config import ConfigProblems
from proxy.config.pem import PemFile
from proxy.config.settings import IN_MEMORY, NotarySettings
from proxy.config.without_file import Trial, load_trial
from proxy.names import Repository
from proxy.policy.entries import Mode
from proxy.policy.signers import Released
from tests.support.certificates import authority, pem
from tests.unit.config.site import Site, compose, credentials

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TOFU = (
    "command line: --notary: trust on first use: whoever answers first for a collection is believed from then on; "
    "pin its root as soon as you know it (tagwarden pin)"
)


def trial(**options: Any) -> Trial:
    """A trial that is right but for these options."""
    right = {"name": "registry.example.com", "registry": "http://127.0.0.1:5001", "notary": "https://notary:4443"}
    return Trial(**{**right, **options})


def problems(tried: Trial, environ: dict[str, str] | None = None) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ConfigProblems) as found:
        load_trial(tried, environ or {}, NOW)
    return str(found.value).splitlines()


def test_everything_is_in_audit_without_an_end() -> None:
    """For as long as the process lives, every repository is asked about and none is refused."""
    policy = load_trial(trial(), {}, NOW).policy
    for name in ("app", "shop/api", "a/b/c/d"):
        repository = Repository(name)
        assert policy.mode_for(repository, NOW) is Mode.AUDIT
        assert policy.mode_for(repository, NOW + timedelta(days=36500)) is Mode.AUDIT
        assert policy.entry_for(repository).signed_by == Released()
        assert policy.entry_for(repository).gun(policy.name, repository) == f"registry.example.com/{name}"


def test_roots_are_trusted_on_first_use_and_that_is_said() -> None:
    """Nothing else can anchor what nobody described."""
    settings = load_trial(trial(), {}, NOW)
    assert settings.policy.entries[0].pins.is_tofu
    assert settings.warnings == (TOFU,)


def test_the_trust_store_is_in_memory() -> None:
    """Which no file can ask for."""
    assert load_trial(trial(), {}, NOW).trust_store.url == IN_MEMORY


def test_a_file_cannot_ask_for_memory_or_for_audit_without_an_end(site: Site) -> None:
    """Both are for a trial alone."""
    assert site.problems(compose(trust_store="{url: 'memory:'}")) == [
        (
            "1: trust_store.url: the trust store is a file of SQLite or a database of PostgreSQL; write "
            "sqlite:////absolute/path, sqlite:///relative/path or postgresql://user@host/database"
        )
    ]
    assert site.problems(compose(rollout="{'**': {mode: audit, reason: x}}")) != []


def test_every_option_has_its_place(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are relative to where the command runs."""
    site.write("ca.crt", pem([authority("both").certificate]))
    site.write("registry.json", credentials("reader", "secret"))
    site.write("notary.json", credentials("signer", "secret"))
    monkeypatch.chdir(site.directory)
    settings = load_trial(
        trial(
            registry="https://registry:5001",
            registry_ca=Path("ca.crt"),
            registry_credentials=Path("registry.json"),
            notary_ca=Path("ca.crt"),
            notary_credentials=Path("notary.json"),
            listen="127.0.0.1:5050",
            probes="127.0.0.1:5051",
        ),
        {},
        NOW,
    )
    [notary] = settings.notaries.values()
    assert isinstance(notary, NotarySettings)
    assert settings.registry.credentials is not None
    assert isinstance(notary, NotarySettings)
    assert notary.credentials is not None
    ca_file = PemFile.read(Path("ca.crt"))
    assert (settings.registry.url, settings.registry.ca_file) == (URL("https://registry:5001"), ca_file)
    assert (notary.url, notary.ca_file) == (URL("https://notary:4443"), ca_file)
    assert (settings.registry.credentials.username, notary.credentials.username) == ("reader", "signer")
    assert (str(settings.listen.address), str(settings.probes)) == ("127.0.0.1:5050", "127.0.0.1:5051")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param(
            {"name": "Registry"},
            '--name: "Registry" has capital letters; write "registry", as it stands in image names',
            id="name",
        ),
        pytest.param(
            {"registry": "http://registry/v2"},
            "--registry: this URL has a path, but a registry has none; write scheme, host and port only",
            id="registry",
        ),
        pytest.param(
            {"notary": "http://notary:4443"},
            "--notary: plain http lets anybody on the way hold back revocations; "
            "write https, or run Notary on loopback",
            id="notary",
        ),
        pytest.param(
            {"notary_ca": Path("none.crt")},
            '--notary-ca: "none.crt" cannot be read (No such file or directory); check the path and its permissions',
            id="notary-ca",
        ),
        pytest.param(
            {"registry_ca": Path("/none.crt")},
            '--registry-ca: "/none.crt" cannot be read (No such file or directory); check the path and its permissions',
            id="registry-ca",
        ),
        pytest.param(
            {"notary_credentials": Path("/none")},
            '--notary-credentials: "/none" cannot be read (No such file or directory); '
            "check the path and its permissions",
            id="notary-credentials",
        ),
        pytest.param(
            {"registry_credentials": Path("/none")},
            '--registry-credentials: "/none" cannot be read (No such file or directory); '
            "check the path and its permissions",
            id="registry-credentials",
        ),
        pytest.param(
            {"listen": "5000"},
            '--listen: "5000" is no address; write host:port, such as 0.0.0.0:5000 or [::1]:5000',
            id="listen",
        ),
        pytest.param(
            {"probes": "0.0.0.0:5000"},
            "--probes: clients are served on this address; choose another port",
            id="probes",
        ),
    ],
)
def test_a_problem_names_its_option(
    site: Site, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], line: str
) -> None:
    """The sentences are those of a file; what stands before them is what was typed."""
    monkeypatch.chdir(site.directory)
    found = problems(trial(**{"registry": "https://registry", **options}))
    assert found == [f"command line: {line}"]


def test_all_problems_are_told_at_once() -> None:
    """As with a file."""
    lines = problems(trial(name="A", registry="x", notary="x"), {"TAGWARDEN__NAMES": "x"})
    assert [line.split(": ")[1] for line in lines] == ["TAGWARDEN__NAMES", "--name", "--registry", "--notary"]


def test_options_win_over_variables_and_variables_fill_the_rest() -> None:
    """What was typed now counts more than what was set once."""
    environ = {"TAGWARDEN__NAME": "other.example.com", "TAGWARDEN__REGISTRY__PUSH": "refuse"}
    settings = load_trial(trial(), environ, NOW)
    assert (settings.name, str(settings.registry.doors.push)) == ("registry.example.com", "refuse")


def test_a_trust_store_that_a_variable_names_is_not_used(site: Site) -> None:
    """Nobody who set one should believe that something is remembered."""
    url = f"sqlite:///{site.directory}/trust.db"
    settings = load_trial(trial(), {"TAGWARDEN__TRUST_STORE__URL": url}, NOW)
    assert settings.trust_store.url == IN_MEMORY
    assert settings.warnings == (
        (
            "environment: TAGWARDEN__TRUST_STORE__URL: a trial without a file remembers nothing, "
            "so this has no effect; remove it, or write a file"
        ),
        TOFU,
    )


def test_workers_that_a_variable_wants_are_none() -> None:
    """Memory cannot be shared, so a trial is one process; whoever wants more is told."""
    settings = load_trial(trial(), {"TAGWARDEN__WORKERS": "auto"}, NOW)
    assert settings.workers == 1
    assert (
        "environment: TAGWARDEN__WORKERS: a trial without a file is one process, so this has no effect; "
        "remove it, or write a file"
    ) in settings.warnings
