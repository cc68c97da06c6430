"""Environment variables that override single values."""

import pytest
from yarl import URL

from proxy.config.settings import Address, Blobs, Delete, Doors, Push
from tests.unit.config.site import Site, compose

POSSIBLE = (
    "VERSION, NAME, WORKERS, LISTEN__ADDRESS, LISTEN__FAST_PATH, LISTEN__SPLICE, PROBES__ADDRESS, "
    "REGISTRY__URL, REGISTRY__CA_FILE, REGISTRY__CLIENT_CERTIFICATE_FILE, "
    "REGISTRY__CLIENT_KEY_FILE, REGISTRY__ANYONE_MAY_READ, "
    "REGISTRY__CREDENTIALS_FILE, REGISTRY__PUSH, REGISTRY__DELETE, REGISTRY__BLOBS, "
    "TRUST_STORE__URL, TRUST_STORE__PASSWORD_FILE, TRUST_STORE__CA_FILE, TRUST_STORE__MUST_EXIST"
)


def test_variables_override_the_file(site: Site) -> None:
    """A value in the file gives way to the variable, and one that is absent is added."""
    settings = site.load(
        compose(registry="{url: 'http://127.0.0.1:1'}"),
        {
            "TAGWARDEN__VERSION": "1",
            "TAGWARDEN__NAME": "other.example.com",
            "TAGWARDEN__LISTEN__ADDRESS": "127.0.0.1:7",
            "TAGWARDEN__REGISTRY__URL": "https://registry",
            "TAGWARDEN__REGISTRY__PUSH": "refuse",
            "TAGWARDEN__REGISTRY__DELETE": "allow",
            "TAGWARDEN__REGISTRY__BLOBS": "admitted",
            "TAGWARDEN__REGISTRY__ANYONE_MAY_READ": "false",
            "TAGWARDEN__TRUST_STORE__URL": "sqlite:///t.db",
            "TAGWARDEN__TRUST_STORE__MUST_EXIST": "true",
        },
    )
    assert settings.name == "other.example.com"
    assert settings.listen.address == Address("127.0.0.1", 7)
    assert settings.registry.url == URL("https://registry")
    assert settings.registry.doors == Doors(Push.REFUSE, Delete.ALLOW, Blobs.ADMITTED)
    assert settings.trust_store.url == f"sqlite:///{site.directory}/t.db"
    assert settings.trust_store.must_exist is True


def test_a_variable_can_give_what_the_file_lacks(site: Site) -> None:
    """A required key may stand in the environment alone."""
    text = "".join(line for line in compose().splitlines(keepends=True) if not line.startswith("registry:"))
    assert site.load(text, {"TAGWARDEN__REGISTRY__URL": "http://127.0.0.1:5001"}).registry.url.port == 5001


def test_text_from_a_variable_is_never_taken_for_a_number(site: Site) -> None:
    """Quotes are a matter of YAML, and a variable is text as it stands."""
    assert site.load(compose(), {"TAGWARDEN__NAME": "2048"}).name == "2048"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("TAGWARDEN_PORT", "tcp://10.0.0.1:5000", id="injected-by-kubernetes"),
        pytest.param("TAGWARDEN_CONFIG", "/etc/tagwarden/config.yaml", id="read-by-the-command-line"),
        pytest.param("TAGWARDEN_REGISTRY_URL", "http://other", id="single-underscores"),
        pytest.param("tagwarden__name", "other", id="lower-case"),
    ],
)
def test_other_names_are_ignored(site: Site, variable: str, value: str) -> None:
    """Only two underscores behind the program's name make a variable ours."""
    assert site.load(compose(), {variable: value}) == site.load(compose())


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        pytest.param(
            "TAGWARDEN__LISTEN__ADRESS",
            "0.0.0.0:80",
            "environment: TAGWARDEN__LISTEN__ADRESS: no value has this name; "
            'did you mean "TAGWARDEN__LISTEN__ADDRESS"?',
            id="misspelt",
        ),
        pytest.param(
            "TAGWARDEN__REGISTRI__URL",
            "http://registry",
            'environment: TAGWARDEN__REGISTRI__URL: no value has this name; did you mean "TAGWARDEN__REGISTRY__URL"?',
            id="misspelt-section",
        ),
        pytest.param(
            "TAGWARDEN__NAMES",
            "registry.example.com",
            'environment: TAGWARDEN__NAMES: no value has this name; did you mean "TAGWARDEN__NAME"?',
            id="misspelt-at-the-top",
        ),
        *(
            pytest.param(
                f"TAGWARDEN__{name}",
                "tls/proxy.key",
                f"environment: TAGWARDEN__{name}: no value has this name; "
                f"behind TAGWARDEN__, these are possible: {POSSIBLE}",
                id=name,
            )
            for name in (
                "LISTEN__TLS",
                "LISTEN__TLS__KEY_FILE",
                "LISTEN__CA_FILE",
                "CANDIDATES__ADDRESS",
                "CANDIDATES__TLS__KEY_FILE",
                "PROBES__URL",
            )
        ),
        pytest.param(
            "TAGWARDEN__X",
            "1",
            f"environment: TAGWARDEN__X: no value has this name; behind TAGWARDEN__, these are possible: {POSSIBLE}",
            id="not-similar-to-any",
        ),
        pytest.param(
            "TAGWARDEN__REGISTRY__URL",
            "http://me:secret@registry",
            "environment: TAGWARDEN__REGISTRY__URL: this URL has a user name in it; "
            "move it to a file and name that as credentials_file",
            id="wrong-value",
        ),
        pytest.param(
            "TAGWARDEN__TRUST_STORE__MUST_EXIST",
            "1",
            "environment: TAGWARDEN__TRUST_STORE__MUST_EXIST: yes or no is wanted here; "
            "write true or false, without quotes",
            id="number-for-a-boolean",
        ),
        pytest.param(
            "TAGWARDEN__REGISTRY__PUSH",
            "no",
            'environment: TAGWARDEN__REGISTRY__PUSH: "no" is neither of the two possible words; write allow or refuse',
            id="other-word",
        ),
        pytest.param(
            "TAGWARDEN__VERSION",
            "one",
            "environment: TAGWARDEN__VERSION: this program reads version 1 of the format; write version: 1",
            id="word-for-a-number",
        ),
        pytest.param(
            "TAGWARDEN__NAME",
            "",
            "environment: TAGWARDEN__NAME: this is empty; write a value, or remove the key",
            id="empty",
        ),
    ],
)
def test_a_wrong_variable_is_named(site: Site, variable: str, value: str, line: str) -> None:
    """The problem is said of the variable, not of a line of the file."""
    assert site.problems(compose(), {variable: value}) == [line]


def test_maps_and_lists_cannot_be_set_by_variables(site: Site) -> None:
    """A policy stands in the file, where it can be reviewed."""
    for variable in ("NOTARIES__CORP__URL", "LISTEN__TLS", "LISTEN__TRUSTED_PROXIES", "REGISTRY__REDIRECT_HOSTS"):
        (line,) = site.problems(compose(), {f"TAGWARDEN__{variable}": "https://other"})
        assert line.startswith(f"environment: TAGWARDEN__{variable}: no value has this name; ")


def test_a_section_that_is_no_mapping_stays_a_problem(site: Site) -> None:
    """A variable cannot be laid over a scalar, and the scalar is reported."""
    assert site.problems(compose(registry="x"), {"TAGWARDEN__REGISTRY__URL": "http://127.0.0.1:5001"}) == [
        (
            "1: registry: a mapping is wanted here; write some of its keys: url, ca_file, client_certificate_file, "
            "client_key_file, anyone_may_read, credentials_file, redirect_hosts, push, delete, blobs"
        )
    ]


def test_files_named_in_variables_are_relative_to_the_configuration(site: Site) -> None:
    """It does not matter where the program was started."""
    (line,) = site.problems(compose(), {"TAGWARDEN__REGISTRY__CREDENTIALS_FILE": "secrets/r.json"})
    assert line == (
        'environment: TAGWARDEN__REGISTRY__CREDENTIALS_FILE: "secrets/r.json" cannot be read '
        "(No such file or directory); check the path and its permissions"
    )
