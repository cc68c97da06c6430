"""The way in: from a path to settings or to all problems, and the generation that names a configuration."""

import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config import ConfigProblems, Problem, load
from proxy.config.schema import schema
from proxy.config.yaml import read
from proxy.errors import UserError
from tests.support.certificates import authority, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import (
    ROOT_ID,
    Site,
    compose,
    credentials,
    documented_example,
    equip_for_example,
    public_pem,
    write_pair,
)


def problems_of(path: Path) -> tuple[Problem, ...]:
    """What is wrong with a file."""
    with pytest.raises(ConfigProblems) as found:
        load(path, {})
    return found.value.problems


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, or no file at all."""
    missing = tmp_path / "config.yaml"
    assert problems_of(missing) == (
        Problem(
            str(missing),
            None,
            "",
            "this file cannot be read (No such file or directory); check its path and permissions",
        ),
    )
    assert (
        problems_of(tmp_path)[0].sentence == "this file cannot be read (Is a directory); check its path and permissions"
    )


def test_a_file_in_another_encoding_says_so(site: Site) -> None:
    """Nothing is guessed about bytes that are no UTF-8."""
    site.write("config.yaml", "name: B\u00e4r".encode("latin-1"))
    assert site.problems("") == ['1: the file is empty; begin with "version: 1"']
    site.write("config.yaml", "name: B\u00e4r".encode("latin-1"))
    assert problems_of(site.file)[0].sentence == "this file is not UTF-8; save it in that encoding"


def test_problems_are_an_error_for_the_person_at_the_keyboard(site: Site) -> None:
    """The text of the exception is one line for each problem, with the file's name in front."""
    site.write("config.yaml", compose(name="Registry", version="2"))
    with pytest.raises(UserError) as found:
        load(site.file, {})
    assert str(found.value) == (
        f'{site.file}:1: name: "Registry" has capital letters; write "registry", as it stands in image names\n'
        f"{site.file}:2: version: this program reads version 1 of the format; write version: 1"
    )


def test_settings_cannot_be_changed(site: Site) -> None:
    """A configuration is replaced as a whole."""
    loaded = site.load(compose())
    field = "name"
    with pytest.raises(FrozenInstanceError):
        setattr(loaded, field, "other")
    assert not hasattr(loaded.notaries, "__setitem__")
    assert not hasattr(loaded.policy.blocked.digests, "__setitem__")
    assert not hasattr(loaded.policy.blocked.keys, "__setitem__")


def test_the_policy_carries_the_name(site: Site) -> None:
    """Decisions need it to find a collection."""
    assert site.load(compose()).policy.name == "registry.example.com"


@pytest.fixture
def keyed(site: Site) -> Site:
    """A site with a key, an authority and a password."""
    site.write("ci.pub", public_pem(ecdsa_key("ci")))
    site.write("ca.crt", pem([authority("roots").certificate]))
    site.write("login.json", credentials("tagwarden", "secret"))
    return site


KEYED = {
    "registry": "{url: 'https://registry', credentials_file: login.json}",
    "roots": f"{{corp: {{public_key_ids: ['{ROOT_ID}'], ca_file: ca.crt}}}}",
    "signers": "{ci: {keys: [ci.pub]}, alice: {keys: delegated}}",
}


EXCEPTION = f"{{allow: 'shop/api@sha256:{'9' * 64}', until: 2027-06-30T00:00:00Z, reason: x}}"


def generation(site: Site, **sections: str) -> str:
    """The generation of a configuration with files."""
    return site.load(compose(**{**KEYED, **sections})).generation


def test_the_generation_is_short_and_stays_the_same(keyed: Site) -> None:
    """Comments, order and formatting do not make another configuration, nor does another password."""
    first = generation(keyed)
    assert len(first) == 16
    text = compose(**KEYED)
    assert keyed.load("# a comment\n" + "\n".join(reversed(text.splitlines()))).generation == first
    keyed.write("login.json", credentials("tagwarden", "another"))
    assert generation(keyed) == first


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"repositories": "{'shop/**': {signed_by: {any_of: [alice]}}}"}, id="signers"),
        pytest.param({"repositories": "{'shop/*': {signed_by: {any_of: [ci]}}}"}, id="patterns"),
        pytest.param({"name": "other.example.com"}, id="name"),
        pytest.param({"defaults": "{fresh_for: 31s}"}, id="defaults"),
        pytest.param({"rollout": "{'shop/**': protect}"}, id="modes"),
        pytest.param({"exceptions": f"[{EXCEPTION}]"}, id="exceptions"),
        pytest.param({"blocked": f"[{{digest: 'sha256:{'9' * 64}', reason: x}}]"}, id="blocked"),
        pytest.param({"listen": "{ns_allowed: [docker.io]}"}, id="mirrored-registries"),
    ],
)
def test_another_configuration_has_another_generation(keyed: Site, sections: dict[str, str]) -> None:
    """So what was decided under the old one is not served under the new."""
    assert generation(keyed, **sections) != generation(keyed)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("ci.pub", public_pem(ecdsa_key("ci-2")), id="key-of-a-signer"),
        pytest.param("ca.crt", pem([authority("others").certificate]), id="authority-of-a-root"),
    ],
)
def test_another_key_in_a_file_is_another_generation(keyed: Site, name: str, data: bytes) -> None:
    """The file that names it has not changed, but who is trusted has."""
    first = generation(keyed)
    keyed.write(name, data)
    assert generation(keyed) != first


@pytest.mark.parametrize("name", ["proxy", "candidates", "client", "nodes-ca", "ci-ca"])
def test_another_certificate_is_another_generation(site: Site, name: str) -> None:
    """A renewed certificate, with the key that fits it, is a configuration of its own, whoever shows it."""
    equip_for_example(site)
    first = site.load(documented_example()).generation
    if name.endswith("-ca"):
        site.write(f"tls/{name}.crt", pem([authority(f"{name} renewed").certificate]))
    else:
        write_pair(site, f"tls/{name}", ecdsa_key(f"{name} renewed"))
    assert site.load(documented_example()).generation != first


def test_an_override_is_part_of_the_generation(keyed: Site) -> None:
    """What counts is the effective configuration."""
    text = compose(**KEYED)
    overridden = keyed.load(text, {"TAGWARDEN__NAME": "other.example.com"})
    assert overridden.generation == keyed.load(compose(**{**KEYED, "name": "other.example.com"})).generation
    assert overridden.generation != keyed.load(text).generation


KNOWN = {key for node in [schema(), *schema()["$defs"].values()] for key in node.get("properties", ())}
OTHER = {
    "protect",
    "0.0.0.0/0",
    "docker.io",
    "admitted",
    "",
    "\0",
    "tofu",
    "released",
    "signed",
    "enforce",
    "corp",
    "ci",
    "alcie",
    "shop/**",
    "*",
    "{rest}",
    "30s",
}
WORDS = st.sampled_from(sorted(KNOWN | OTHER))
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(-1, 3) | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def places(tree: object) -> Iterator[tuple[Any, Any]]:
    """Every container in a tree, with each key or position in it."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from places(value)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_file_fails_in_another_way(site: Site, data: st.DataObject) -> None:
    """Whatever is changed in a complete file, it becomes settings or problems, each one line with advice at its end."""
    equip_for_example(site)
    tree = read(documented_example(), "").tree
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(tree))))
        value = data.draw(VALUES)
        if isinstance(container, dict) and data.draw(st.booleans()):
            container[data.draw(WORDS)] = container.pop(key)
        else:
            container[key] = value
    lines = site.problems(json.dumps(tree))
    assert [line for line in lines if ": " not in line or "; " not in line] == []
