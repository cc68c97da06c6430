"""Whoever may write one included file tries to get something through that the operator would not have let through.

The main file asks for ci, by a key file, everywhere. The team of `teams/a.yaml` is honest, that of `teams/b.yaml` not.
"""

import os

import pytest

from proxy.config import ConfigProblems, load
from proxy.limits import INCLUDED_PATTERNS, TAG_PATTERNS
from proxy.names import Repository
from proxy.policy.signers import Released
from tests.unit.config.site import Site
from tests.unit.config.teams import equip, main, problems, team, warnings

HONEST = team("shop/**", "{'shop/**': {signed_by: {any_of: [ci]}}}")
EVIL = "{evil: {keys: [../keys/evil.pub]}, loose: {keys: delegated}}"
LESS = 'this asks for less than "**" at config.yaml:2, which it hides: {}; ask for as much here, or for less there'


def attack(site: Site, scope: str, repositories: str, signers: str = EVIL, /, **sections: str) -> list[str]:
    """What the other team's file is told."""
    equip(site, HONEST, team(scope, repositories, signers))
    return [line.removeprefix("teams/b.yaml:") for line in problems(site, main(**sections))]


@pytest.mark.parametrize(
    ("rule", "lacks"),
    [
        pytest.param("{any_of: [evil]}", "1 of evil instead of 1 of ci", id="a-signer-of-its-own"),
        pytest.param("{any_of: [ci, evil]}", "1 of ci, evil instead of 1 of ci", id="one-more-who-may"),
        pytest.param(
            "{at_least: 2, of: [ci, evil, alice]}", "2 of ci, evil, alice instead of 1 of ci", id="more-without-ci"
        ),
        pytest.param("released", "released instead of 1 of ci", id="nobody-by-name"),
        pytest.param("{any_of: [alice]}", "1 of alice instead of 1 of ci", id="another-signer-of-the-main-file"),
        pytest.param("{first_of: [evil, ci]}", "the first of evil, ci instead of 1 of ci", id="a-word-before-ci"),
    ],
)
def test_a_team_cannot_ask_for_other_signers_than_the_operator(site: Site, rule: str, lacks: str) -> None:
    """Its own key under a name of its own is a self-signed image."""
    found = attack(site, "evil/**", f"{{'evil/**': {{signed_by: {rule}}}}}")
    assert len(found) == 1
    assert found[0].startswith(f'2: repositories."evil/**": {LESS.partition("{}")[0]}{lacks}')


def test_delegated_keys_in_place_of_key_files_are_named(site: Site) -> None:
    """Who holds the targets key would choose the keys."""
    found = attack(site, "evil/**", "{'evil/**': {signed_by: {any_of: [loose]}}}")
    missing = "1 of loose instead of 1 of ci; whatever keys Notary delegates to loose"
    assert found == [f'2: repositories."evil/**": {LESS.format(missing)}']


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param("{'*': {signed_by: {any_of: [evil]}}}", id="every-tag"),
        pytest.param("{'v*': {signed_by: {any_of: [evil]}}}", id="some-tags"),
        pytest.param("{'latest': {signed_by: released}}", id="one-tag"),
        pytest.param("{'v*': {signed_by: {any_of: [ci]}}, 'v1*': {signed_by: {any_of: [evil]}}}", id="hidden-behind"),
    ],
)
def test_a_team_cannot_ask_for_less_of_some_tags(site: Site, tags: str) -> None:
    """A digest is admitted by any of them."""
    (found,) = attack(site, "evil/**", f"{{'evil/**': {{signed_by: {{any_of: [ci]}}, tags: {tags}}}}}")
    assert "instead of 1 of ci for tags" in found


def test_a_team_cannot_forget_what_the_operator_asks_for_some_tags(site: Site) -> None:
    """An entry takes nothing from the one that it hides."""
    repositories = "{'**': {signed_by: {any_of: [ci]}, tags: {'v*': {signed_by: {all_of: [ci, alice]}}}}}"
    equip(site, team("evil/**", "{'evil/**': {signed_by: {any_of: [ci]}}}"))
    (found,) = problems(site, main(repositories=repositories))
    assert '1 of ci instead of 2 of ci, alice for tags "v*"' in found


@pytest.mark.parametrize(
    ("signers", "sentence"),
    [
        pytest.param(
            "{ci: {keys: [../keys/evil.pub]}}",
            "3: signers.ci: the main file defines this signer at config.yaml:3; choose another name",
            id="the-same-name",
        ),
        pytest.param(
            "{'targets/ci': {keys: [../keys/evil.pub]}}",
            '3: signers."targets/ci": a signer is named without targets/; write "ci"',
            id="the-name-of-its-role",
        ),
        pytest.param(
            "{releases: {keys: delegated}}",
            "3: signers.releases: targets/releases is the list of releases and no signer; ask for it by "
            "signed_by: released",
            id="the-releases",
        ),
    ],
)
def test_a_team_cannot_become_somebody_else(site: Site, signers: str, sentence: str) -> None:
    """The keys of ci are the operator's word."""
    assert sentence in attack(site, "evil/**", "{'evil/**': {signed_by: {any_of: [ci]}}}", signers)


def test_a_team_cannot_redefine_a_signer_that_is_broken_itself(site: Site) -> None:
    """A mistake in the main file does not free its names."""
    found = attack(
        site, "evil/**", "{}", "{ci: {keys: [../keys/evil.pub]}}", signers="{ci: {kes: []}, alice: {keys: delegated}}"
    )
    assert "3: signers.ci: the main file defines this signer at config.yaml:3; choose another name" in found


def test_teams_do_not_see_each_others_signers(site: Site) -> None:
    """Two of them may have the same name, each with its own key."""
    web = team("web/**", "{'web/**': {signed_by: {all_of: [ci, bot]}}}", "{bot: {keys: [../keys/ci.pub]}}")
    equip(
        site, web, team("shop/**", "{'shop/**': {signed_by: {all_of: [ci, bot]}}}", "{bot: {keys: [../keys/evil.pub]}}")
    )
    policy = site.load(main()).policy
    rules = [policy.entry_for(Repository(name)).signed_by for name in ("web/a", "shop/a")]
    one, other = (rule.signers[1] for rule in rules if not isinstance(rule, Released))
    assert (one.name, other.name) == ("bot", "bot")
    assert one.keys != other.keys
    equip(site, web, team("shop/**", "{'shop/**': {signed_by: {all_of: [ci, bot]}}}"))
    assert problems(site, main()) == [
        (
            'teams/b.yaml:2: repositories."shop/**".signed_by.all_of[1]: there is no "bot" under signers; '
            "define it here or in the main file, or correct the name"
        )
    ]


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        pytest.param("web/**", 'did you mean "web/app"?', id="any"),
        pytest.param("web/a*", 'did you mean "web/app"?', id="similar"),
        pytest.param("web/b*", "make it narrower, or move it to another file", id="not-in-it-either"),
        pytest.param("web", "make it narrower, or move it to another file", id="no-namespace"),
    ],
)
def test_a_name_without_its_namespace(site: Site, scope: str, meant: str) -> None:
    """Whoever works below one namespace soon leaves it out."""
    found = attack(site, scope, "{app: {signed_by: {any_of: [evil, ci]}}}", repositories="{}")
    assert f'2: repositories.app: this reaches beyond the scope of the file, "{scope}"; {meant}' in found


@pytest.mark.parametrize(
    ("scope", "pattern"),
    [
        pytest.param("evil/**", "shop/api", id="elsewhere"),
        pytest.param("evil/**", "**", id="everywhere"),
        pytest.param("evil/**", "*/**", id="also-elsewhere"),
        pytest.param("evil/**", "evil*/**", id="similar-names"),
        pytest.param("evil/**", "evil", id="the-name-in-front"),
        pytest.param("evil/*", "evil/**", id="deeper"),
        pytest.param("evil/a*", "evil/*", id="wider-star"),
    ],
)
def test_a_team_cannot_leave_its_scope(site: Site, scope: str, pattern: str) -> None:
    """Every name that the pattern stands for has to be in it."""
    found = attack(site, scope, f"{{'{pattern}': {{signed_by: {{any_of: [evil, ci]}}}}}}", repositories="{}")
    reach = f'this reaches beyond the scope of the file, "{scope}"; make it narrower, or move it to another file'
    shown = pattern if pattern == "evil" else f'"{pattern}"'
    assert f"2: repositories.{shown}: {reach}" in found


@pytest.mark.parametrize("scope", ["**", "shop/**", "shop/api", "*/api", "s*/**", "*/**"])
def test_a_team_cannot_take_a_part_of_anothers_scope(site: Site, scope: str) -> None:
    """Two files that decide about one repository are an error, whoever came first."""
    assert attack(site, scope, "{}", repositories="{}") == [
        (
            '1: scope: this and the scope "shop/**" at teams/a.yaml:1 have repositories in common; '
            "let one file alone decide about each"
        )
    ]


def test_a_team_cannot_take_an_entry_of_the_main_file(site: Site) -> None:
    """Neither by the same pattern nor by one that ties."""
    repositories = "{'evil/api': {signed_by: {any_of: [ci]}}, 'evil/*/x': {signed_by: {any_of: [ci]}}}"
    found = attack(
        site,
        "evil/**",
        "{'evil/api': {signed_by: {any_of: [evil]}}, 'evil/*/x': {signed_by: {any_of: [evil]}}}",
        repositories=repositories,
    )
    assert found == [
        f'2: repositories."{pattern}": this pattern stands at config.yaml:2 already; remove one of the two'
        for pattern in ("evil/api", "evil/*/x")
    ]


def test_a_team_cannot_overrule_a_release(site: Site) -> None:
    """Whom it names signs something else than what is released, and it is that which was asked for."""
    released = "{'evil/**': {signed_by: released}}"
    for rule in ("{any_of: [loose]}", "{any_of: [evil]}", "{all_of: [ci, alice]}"):
        found = attack(site, "evil/**", f"{{'evil/api': {{signed_by: {rule}}}}}", repositories=released)
        assert [line.partition("hides: ")[2].partition(" of ")[0] for line in found] in (["1"], ["2"])
        assert found[0].endswith(" instead of released; ask for as much here, or for less there")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param("{first_of: [alice, ci]}", "the first of alice, ci", id="an-order"),
        pytest.param("{any_of: [alice]}", "1 of alice", id="one-of-them"),
    ],
)
def test_a_team_cannot_silence_a_signer(site: Site, rule: str, words: str) -> None:
    """Two signers of the main file who sign different digests stop a tag, and a team cannot choose between them."""
    repositories = "{'evil/**': {signed_by: {any_of: [ci, alice]}}}"
    found = attack(site, "evil/**", f"{{'evil/api': {{signed_by: {rule}}}}}", repositories=repositories)
    assert [line.partition("hides: ")[2] for line in found] == [
        (
            f"{words} instead of 1 of ci, alice, who stop it where they sign different digests; "
            "ask for as much here, or for less there"
        )
    ]


def test_a_name_cannot_speak_to_the_terminal(site: Site) -> None:
    """The name of a file is in every problem with it, and its writer chose it."""
    names = ["z\x1b[2Jconfig.yaml: ok.yaml", "y\nconfig.yaml: ok, 3 entries.yaml", "x\udcff.yaml"]
    for name in names:
        equip(site)
        path = site.directory / "teams" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("scope: 'x/**'\nsigners: {a: {keys: nope}}\n")
        (found,) = problems(site, main())
        path.unlink()
        assert found.isprintable()
        assert found.startswith("1: include[0]: ")
        assert found.endswith(" has a name that cannot be printed; rename it")


def test_a_file_that_never_ends_keeps_nobody_waiting(site: Site) -> None:
    """A pipe that nobody writes to, in place of a file and of a key."""
    equip(site, team("evil/**", "{}", "{evil: {keys: [pipe]}}"))
    os.mkfifo(site.directory / "teams/pipe")
    (found,) = problems(site, main())
    assert found.endswith('teams/pipe" cannot be read (it is no regular file); check the path and its permissions')
    os.mkfifo(site.directory / "teams/b.yaml")
    assert "teams/b.yaml: this file cannot be read (it is no regular file); check its path and permissions" in problems(
        site, main()
    )
    os.mkfifo(site.directory / "pipe.yaml")
    with pytest.raises(ConfigProblems, match="no regular file"):
        load(site.directory / "pipe.yaml", {})


@pytest.mark.parametrize(
    ("tags", "entries", "sentence"),
    [
        pytest.param(TAG_PATTERNS, INCLUDED_PATTERNS, "", id="as-many-as-there-may-be"),
        pytest.param(
            TAG_PATTERNS + 1,
            1,
            'repositories."evil/0*".tags: 129 patterns of tags stand here, and 128 are the most; '
            "let one stand for several",
            id="tags",
        ),
        pytest.param(
            1,
            INCLUDED_PATTERNS + 1,
            'repositories: 257 patterns here have a "*", and 256 in one included file are the most; '
            "let one stand for several, or split the file",
            id="entries",
        ),
    ],
)
def test_the_time_to_load_has_bounds(site: Site, tags: int, entries: int, sentence: str) -> None:
    """Patterns are compared with each other, so twice as many would take four times as long."""
    rules = "".join(f"'v{number}-*': {{signed_by: {{any_of: [ci]}}}}, " for number in range(tags))
    texts = (f"'evil/{number}*': {{signed_by: {{any_of: [ci]}}}}" for number in range(1, entries))
    first = f"'evil/0*': {{signed_by: {{any_of: [ci]}}, tags: {{{rules}}}}}"
    found = attack(site, "evil/**", f"{{{', '.join([first, *texts])}}}")
    assert [line.partition(": ")[2] for line in found] == ([sentence] if sentence else [])


def test_a_team_cannot_hide_a_part_of_an_entry_by_a_longer_prefix(site: Site) -> None:
    """Every entry of the main file that it hides somewhere counts, not just the nearest."""
    repositories = "{'evil/*-prod': {signed_by: {all_of: [ci, alice]}}, 'evil/**': {signed_by: {any_of: [ci]}}}"
    equip(site, team("evil/**", "{'evil/api*': {signed_by: {any_of: [ci]}}}"))
    assert problems(site, main(repositories=repositories)) == [
        (
            'teams/a.yaml:2: repositories."evil/api*": this asks for less than "evil/*-prod" at config.yaml:2, '
            "which it hides: 1 of ci instead of 2 of ci, alice; ask for as much here, or for less there"
        )
    ]


def test_only_what_would_apply_is_compared(site: Site) -> None:
    """What a nearer entry of the main file hides from all of these repositories would not hold there anyway."""
    repositories = "{'**': {signed_by: {all_of: [ci, alice]}}, 'web/**': {signed_by: {any_of: [ci]}}}"
    equip(site, team("web/**", "{'web/api': {signed_by: {any_of: [ci]}}}"))
    assert problems(site, main(repositories=repositories)) == []


@pytest.mark.parametrize(
    ("hidden", "missing"),
    [
        pytest.param("notary: other", "trust data from elsewhere, Notary corp instead of other", id="notary"),
        pytest.param(
            "gun: 'x/{repository}'",
            "trust data from elsewhere, gun {name}/{repository} instead of x/{repository}",
            id="gun",
        ),
        pytest.param("roots: [second]", "trust data from elsewhere, other roots are pinned", id="roots"),
        pytest.param(
            "superseded_for: 1h", "digests stay admitted longer after their tag was signed anew", id="superseded"
        ),
        pytest.param("fresh_for: 1s", "revocations are noticed later", id="fresh"),
        pytest.param("outage_for: 1h", "trust data serves longer while Notary is away", id="outage"),
    ],
)
def test_a_team_cannot_fall_back_to_the_defaults(site: Site, hidden: str, missing: str) -> None:
    """What the operator set for an entry alone is not lost with it."""
    found = attack(
        site,
        "evil/**",
        "{'evil/**': {signed_by: {any_of: [ci]}}}",
        repositories=f"{{'**': {{signed_by: {{any_of: [ci]}}, {hidden}}}, 'shop/**': {{signed_by: released}}}}",
        notaries="{corp: {url: 'https://a', roots: [first]}, other: {url: 'https://b', roots: [first]}}",
        roots=f"{{first: {{public_key_ids: ['{'1' * 64}']}}, second: {{public_key_ids: ['{'2' * 64}']}}}}",
        defaults="{notary: corp}",
        include="[teams/b.yaml]",
    )
    assert found == [f'2: repositories."evil/**": {LESS.format(missing)}']


def test_a_team_does_not_inherit_a_grace_that_an_entry_forbids(site: Site) -> None:
    """Where `defaults` know an air gap and the operator's own entry knows none."""
    found = attack(
        site,
        "evil/**",
        "{'evil/**': {signed_by: {any_of: [ci]}}}",
        repositories="{'**': {signed_by: {any_of: [ci]}, expiry_grace: 0s}, 'shop/**': {signed_by: released}}",
        defaults="{expiry_grace: 30d}",
        include="[teams/b.yaml]",
    )
    assert found == [f'2: repositories."evil/**": {LESS.format("trust data counts longer after it expired")}']


def test_a_team_cannot_shift_what_rest_stands_for(site: Site) -> None:
    """`web/evil/**` under `{rest}` would have the collections of somebody else's `web/**`."""
    found = attack(
        site,
        "web/evil/**",
        "{'web/evil/**': {signed_by: {any_of: [ci]}}}",
        repositories="{'web/**': {signed_by: {any_of: [ci]}}}",
        defaults="{gun: 'corp/{rest}'}",
    )
    assert len(found) == 1
    assert "trust data from elsewhere, gun corp/{rest} instead of corp/{rest}" in found[0]


def test_a_team_may_ask_for_more(site: Site) -> None:
    """That is what the file is for; within it, less than an entry of its own is its own affair."""
    equip(
        site,
        team(
            "web/**",
            "{'web/**': {signed_by: {all_of: [ci, bot]}, tags: {'v*': {signed_by: {all_of: [bot, ci, alice]}}}}, "
            "'web/tool': {signed_by: {any_of: [ci]}}}",
            "{bot: {keys: [../keys/evil.pub]}}",
        ),
    )
    assert warnings(site, main()) == [
        (
            'teams/a.yaml:2: repositories."web/tool": this asks for less than "web/**" on line 2, which it hides: '
            '1 of ci instead of 2 of ci, bot; 1 of ci instead of 3 of bot, ci, alice for tags "v*"'
        )
    ]


def test_where_the_operator_asks_for_nothing_the_team_decides(site: Site) -> None:
    """Without an entry of the main file, the scope is all that there is to guard."""
    equip(site, team("web/**", "{'web/**': {signed_by: {any_of: [bot]}}}", "{bot: {keys: [../keys/evil.pub]}}"))
    assert warnings(site, main(repositories="{'shop/**': {signed_by: {any_of: [ci]}}}")) == []


def test_the_operator_may_ask_for_less_than_a_team(site: Site) -> None:
    """Only a warning says so: a more specific entry of the main file hides the team's."""
    equip(site, team("web/**", "{'web/**': {signed_by: {all_of: [ci, alice]}}}"))
    assert warnings(site, main(repositories="{'web/tool': {signed_by: {any_of: [ci]}}}")) == [
        (
            '2: repositories."web/tool": this asks for less than "web/**" at teams/a.yaml:2, which it hides: '
            "1 of ci instead of 2 of ci, alice"
        )
    ]
