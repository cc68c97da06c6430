"""Included files: which ones are read, what may be in them, and what all files say together."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config import ConfigProblems, load
from proxy.config.yaml import read
from proxy.limits import CONFIGURATION_BYTES
from proxy.names import Repository
from proxy.policy.signers import Released
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, documented_example, documented_team, equip_for_example, public_pem
from tests.unit.config.teams import equip, main, problems, team, warnings
from tests.unit.config.test_loading import VALUES, WORDS, places

API = "{'shop/api': {signed_by: {any_of: [ci]}}}"


@pytest.fixture
def shop(site: Site) -> Site:
    """A team that looks after shop."""
    equip(site, team("shop/**", API))
    return site


def test_entries_of_an_included_file_apply(shop: Site) -> None:
    """Beside those of the main file, and each knows where it stands, as the person would open it."""
    policy = shop.load(main()).policy
    assert [(entry.pattern, entry.place) for entry in policy.entries] == [
        ("**", f"{shop.file}:2"),
        ("shop/api", f"{shop.directory}/teams/a.yaml:2"),
    ]
    assert policy.entry_for(Repository("shop/api")).pattern == "shop/api"


def test_an_entry_takes_what_it_may_not_say_from_the_defaults(shop: Site) -> None:
    """Notary, collection, roots and times are the operator's."""
    shop.write("teams/a.yaml", team("shop/**", "{'shop/api': {tags: {'v*': {signed_by: {all_of: [ci, alice]}}}}}"))
    text = main(
        defaults="{signed_by: {any_of: [ci]}, gun: 'corp/{repository}', fresh_for: 9s, owner: shop, tags_list: signed}",
        owners="{shop: {contact: '#shop'}}",
        repositories="{}",
    )
    entry = shop.load(text).policy.entry_for(Repository("shop/api"))
    assert entry.gun("x", Repository("shop/api")) == "corp/shop/api"
    assert (entry.fresh_for.total_seconds(), entry.contact, entry.lists_signed_tags) == (9, "#shop", True)
    assert entry.signed_by.needed == 1  # type: ignore[union-attr]  # any_of has it
    assert [pattern for pattern, _ in entry.tags] == ["v*"]


def test_files_are_read_in_order_and_once(site: Site) -> None:
    """Whatever the order of the patterns, and however many of them match, also by a link."""
    equip(site)
    for name in ("web", "shop", ".hidden"):
        site.write(f"teams/{name}.yaml", team(f"{name.strip('.')}/**", f"{{'{name.strip('.')}/api': {{}}}}"))
    (site.directory / "teams/zoo.yaml").symlink_to("web.yaml")
    include = f"[teams/web.yaml, 'te*/*.yaml', '{site.directory}/teams/s*.yaml']"
    loaded = site.load(main(include=include, defaults="{signed_by: released}", repositories="{}"))
    assert [entry.pattern for entry in loaded.policy.entries] == ["shop/api", "web/api"]


@pytest.mark.parametrize(
    ("include", "sentence"),
    [
        pytest.param(
            "teams/b.yaml", '"teams/b.yaml" does not exist; correct the path, or remove it', id="no-such-file"
        ),
        pytest.param(
            "README/b.yaml", '"README/b.yaml" does not exist; correct the path, or remove it', id="below-a-file"
        ),
        pytest.param("*.yaml", '"*.yaml" includes this file itself; name other files only', id="the-file-itself"),
        pytest.param(
            "config.yaml", '"config.yaml" includes this file itself; name other files only', id="the-file-by-name"
        ),
        pytest.param(
            "loop/*.yaml",
            '"loop/*.yaml" cannot be looked for (Too many levels of symbolic links); '
            "check the path and its permissions",
            id="a-directory-that-cannot-be-read",
        ),
        pytest.param(
            '"a\\u2028\\0/*"',
            '"a\\u2028\\u0000/*" cannot be looked for (not a path); check the path and its permissions',
            id="no-path-at-all",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_a_problem(site: Site, include: str, sentence: str) -> None:
    """An entry that is not there might be the one that asks for more."""
    equip(site)
    site.write("README", "")
    (site.directory / "loop").symlink_to("loop")
    text = include if include.startswith('"') else f"'{include}'"
    assert problems(site, main(include=f"[{text}]")) == [f"1: include[0]: {sentence}"]


@pytest.mark.parametrize("pattern", ["teams/*.yaml", "*/x.yaml", "*/*/x.yaml"])
def test_a_pattern_may_wait_for_its_first_file(site: Site, pattern: str) -> None:
    """But it should not go unnoticed."""
    equip(site)
    site.write("README", "")
    assert warnings(site, main(include=f"['{pattern}']")) == [
        f'1: include[0]: no file matches "{pattern}"; check the path, unless one is still to come'
    ]


def test_what_is_wrong_in_all_files_is_said_at_once(site: Site) -> None:
    """Each problem with its own file and line, the main file's first."""
    equip(site, team("shop/**", "{'shop/api': {signed_by: {any_of: [bob]}}}"), "scope: [\n", "")
    site.write("teams/d.yaml", b"\xff")
    (site.directory / "teams/e.yaml").mkdir()
    site.write("teams/f.yaml", "#" * (CONFIGURATION_BYTES + 1))
    assert problems(site, main(name="A")) == [
        "teams/d.yaml: this file is not UTF-8; save it in that encoding",
        "teams/e.yaml: this file cannot be read (Is a directory); check its path and permissions",
        "teams/f.yaml: this file is larger than 4 MiB; split it into files under include",
        '4: name: "A" has capital letters; write "a", as it stands in image names',
        (
            'teams/a.yaml:2: repositories."shop/api".signed_by.any_of[0]: there is no "bob" under signers; '
            "define it here or in the main file, or correct the name"
        ),
        (
            "teams/b.yaml:2: this is no YAML, expected the node content, but found '<stream end>'; "
            "check quotes, colons and indentation"
        ),
        "teams/c.yaml:1: the file is empty; begin with the scope, such as scope: shop/**",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "repositories: {}\n",
            "1: scope: this key is required; add it (pattern of the repositories that this file is about)",
            id="no-scope",
        ),
        pytest.param("scope: 5\n", "1: scope: an unquoted number is not text to YAML; write it in quotes", id="number"),
        pytest.param(
            "scope: 'shop/../**'\n",
            '1: scope: "shop/../**" matches nothing, no repository has the segment ".."; mend it',
            id="way-out",
        ),
        pytest.param(
            "scope: 'registry.example.com/shop/**'\n",
            '1: scope: patterns have no registry in front; write "shop/**"',
            id="registry-in-front",
        ),
        *(
            pytest.param(
                f"scope: 'shop/**'\n{key}: x\n",
                f"2: {key}: an included file may hold only scope, signers, repositories; write this into the main file",
                id=key,
            )
            for key in ("include", "rollout", "exceptions", "owners", "defaults", "roots", "blocked", "name")
        ),
        pytest.param(
            "scope: 'shop/**'\nsigner: {}\n", '2: signer: unknown key; did you mean "signers"?', id="spelling"
        ),
        *(
            pytest.param(
                f"scope: 'shop/**'\nrepositories:\n  shop/api:\n    signed_by: {{any_of: [ci]}}\n    {key}: x\n",
                f'5: repositories."shop/api".{key}: an entry of an included file may hold only signed_by, tags, owner; '
                "write this into the main file",
                id=f"entry-{key}",
            )
            for key in ("gun", "notary", "roots", "digest_pull", "released", "superseded_for", "fallback_to_targets")
        ),
        pytest.param(
            team("shop/**", "{'shop/api': {signed_by: {any_of: [ci]}, owner: nobody}}"),
            '2: repositories."shop/api".owner: there is no "nobody" under owners; '
            "define it in the main file, or correct the name",
            id="unknown-owner",
        ),
        pytest.param(
            team("shop/**", "{'shop/api': {}}"),
            '2: repositories."shop/api".signed_by: nobody is named who must sign; add signed_by here or to defaults',
            id="nobody-must-sign",
        ),
        pytest.param(
            team("shop/**", signers="{bob: {keys: [bob.pub]}}"),
            '2: signers.bob.keys[0]: "teams/bob.pub" cannot be read (No such file or directory); '
            "check the path and its permissions",
            id="key-file-beside-the-file",
        ),
    ],
)
def test_an_included_file_is_read_as_strictly(site: Site, text: str, problem: str) -> None:
    """It may hold a scope, signers and entries, and nothing else."""
    equip(site, text)
    assert problems(site, main()) == [f"teams/a.yaml:{problem}"]


def test_an_entry_that_cannot_choose_a_notary_says_who_can(shop: Site) -> None:
    """Which Notary to ask is the operator's word."""
    text = main(notaries="{corp: {url: 'https://a', roots: [corp]}, b: {url: 'https://b', roots: [corp]}}")
    assert problems(shop, text.replace("{any_of: [ci]}}", "{any_of: [ci]}, notary: corp}")) == [
        (
            'teams/a.yaml:2: repositories."shop/api".notary: there are several notaries; '
            "write which one to ask into defaults of the main file: corp, b"
        )
    ]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("teams/a.yaml", team("shop/**", API.replace("api", "web")), id="entry"),
        pytest.param("teams/keys/bob.pub", public_pem(ecdsa_key("another")), id="key"),
    ],
)
def test_the_generation_covers_included_files(site: Site, name: str, data: str | bytes) -> None:
    """What was decided under other rules or keys is not served under these."""
    equip(site, team("shop/**", API, "{bob: {keys: [keys/bob.pub]}}"))
    site.write("teams/keys/bob.pub", public_pem(ecdsa_key("bob")))
    first = site.load(main()).generation
    site.write("teams/a.yaml", f"# a comment\n{team('shop/**', API, '{bob: {keys: [keys/bob.pub]}}')}")
    assert site.load(main()).generation == first
    site.write(name, data)
    assert site.load(main()).generation != first


def test_keys_that_have_run_out_or_are_blocked_are_warned_of(site: Site) -> None:
    """As they are in the main file."""
    equip(
        site,
        team(
            "shop/**",
            signers="{bob: {keys: [{file: bob.pub, until: 2026-01-01T00:00:00Z}]}, carol: {keys: [../keys/ci.pub]}}",
        ),
    )
    site.write("teams/bob.pub", public_pem(ecdsa_key("old")))
    site.write("config.yaml", main(blocked=f"[{{key: {ecdsa_key('old').public_key_id}, reason: x}}]"))
    told = load(site.file, {}, datetime(2026, 11, 22, tzinfo=UTC)).warnings
    assert [line.replace(f"{site.directory}/", "") for line in told] == [
        "teams/a.yaml:2: signers.bob: all keys of this signer are blocked; name a new one, or remove it",
        (
            f"teams/a.yaml:2: signers.carol: this signer shares key {ecdsa_key('ci').public_key_id[:12]} "
            'with "ci", and one key has one vote; give each their own'
        ),
        "teams/a.yaml:2: signers.bob.keys[0]: its `until` is past, so this key no longer counts; remove it",
    ]


def test_rollout_counts_the_entries_of_included_files(site: Site) -> None:
    """What a team asks for holds on the day on which the relaxation ends."""
    equip(site, team("shop/**", "{'shop/**': {signed_by: {any_of: [ci]}}}"))
    relaxed = "{'shop/**': {mode: audit, until: 2027-01-01T00:00:00Z, reason: x}, 'shop/api': protect}"
    assert warnings(site, main(repositories="{}", rollout=relaxed)) == []
    (site.directory / "teams/a.yaml").unlink()
    assert len(problems(site, main(repositories="{}", rollout=relaxed))) == 2


def test_an_entry_that_cannot_be_read_is_not_taken_for_none(site: Site) -> None:
    """Of a rollout nothing is said then; the entry it needs may be the one that is broken."""
    equip(site, "scope: 'shop/**'\nrepositories: {'shop/?': {}}\n")
    assert [line.split(":")[0] for line in problems(site, main(repositories="{}", rollout="{'shop/a': protect}"))] == [
        "teams/a.yaml"
    ]


def test_the_documented_team_is_read(site: Site) -> None:
    """The second example of the reference page goes with the first."""
    equip_for_example(site)
    entry = site.load(documented_example()).policy.entry_for(Repository("web/shop"))
    assert entry.place == f"{site.directory}/teams/web.yaml:7"
    assert not isinstance(entry.signed_by, Released)
    assert [signer.name for signer in entry.signed_by.signers] == ["ci", "carol"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_included_file_fails_in_another_way(site: Site, data: st.DataObject) -> None:
    """Whatever is changed in one, all files become settings or problems, each one line with advice at its end."""
    equip_for_example(site)
    tree = read(documented_team(), "").tree
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(tree))))
        value = data.draw(VALUES)
        if isinstance(container, dict) and data.draw(st.booleans()):
            container[data.draw(WORDS)] = container.pop(key)
        else:
            container[key] = value
    site.write("teams/web.yaml", json.dumps(tree))
    lines = site.problems(documented_example())
    assert [line for line in lines if ": " not in line or "; " not in line] == []


def test_the_main_file_may_be_named_from_anywhere(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Included files are beside it all the same, and are called as it is."""
    shop.write("config.yaml", main())
    monkeypatch.chdir(shop.directory)
    assert [entry.place for entry in load(Path("config.yaml"), {}).policy.entries] == [
        "config.yaml:2",
        "teams/a.yaml:2",
    ]


def test_a_main_file_that_is_too_large_is_not_read(site: Site) -> None:
    """No more than a bound is, whoever wrote it."""
    site.write("config.yaml", compose() + "#" * CONFIGURATION_BYTES)
    with pytest.raises(ConfigProblems, match="larger than 4 MiB"):
        load(site.file, {})
