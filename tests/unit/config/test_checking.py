"""The shape of the file: unknown, missing and wrong keys, all of them at once."""

import pytest

from proxy.config.fields import BRANCHES
from tests.unit.config.site import Site, compose


@pytest.mark.parametrize(
    ("sections", "lines"),
    [
        pytest.param(
            {"registri": "x"}, ['1: registri: unknown key; did you mean "registry"?'], id="misspelt-key-at-the-top"
        ),
        pytest.param(
            {"probes": "{tls: x}"}, ["1: probes.tls: unknown key; possible here: address"], id="key-that-is-not-built"
        ),
        pytest.param(
            {"repositories": "\n  'shop/**':\n    signed_by: released\n    fresh: 30s"},
            ["""4: repositories."shop/**".fresh: unknown key; did you mean "fresh_for"?"""],
            id="misspelt-key-of-an-entry",
        ),
        pytest.param(
            {"repositories": "{'shop/**': {signed_by: {any: [ci]}}}"},
            [
                '1: repositories."shop/**".signed_by.any: unknown key; did you mean "any_of"?',
            ],
            id="misspelt-key-of-a-rule",
        ),
        pytest.param(
            {"registry": "{}"},
            ["1: registry.url: this key is required; add it (scheme, host and port of the registry behind this proxy)"],
            id="missing-key",
        ),
        pytest.param(
            {"registry": "http://registry"},
            [
                (
                    "1: registry: a mapping is wanted here; write some of its keys: url, ca_file, "
                    "client_certificate_file, client_key_file, anyone_may_read, credentials_file, "
                    "redirect_hosts, push, delete, blobs"
                )
            ],
            id="scalar-for-fixed-keys",
        ),
        pytest.param(
            {"signers": "[alice]"},
            ['1: signers: a mapping is wanted here; write names of your choice, each with a ":" and its keys'],
            id="list-for-chosen-names",
        ),
        pytest.param(
            {"notaries": "{corp: 'https://notary:4443'}"},
            [
                (
                    "1: notaries.corp: a mapping is wanted here; write some of its keys: url, dir, ca_file, "
                    "client_certificate_file, client_key_file, credentials_file, timeout, changefeed, roots"
                )
            ],
            id="scalar-for-a-notary",
        ),
        pytest.param(
            {"version": "2"},
            ["1: version: this program reads version 1 of the format; write version: 1"],
            id="version-2",
        ),
        pytest.param(
            {"version": "true"},
            ["1: version: this program reads version 1 of the format; write version: 1"],
            id="version-true",
        ),
        pytest.param(
            {"roots": "{corp: {public_key_ids: [1234]}}"},
            ["1: roots.corp.public_key_ids[0]: an unquoted number is not text to YAML; write it in quotes"],
            id="unquoted-key-id",
        ),
        pytest.param(
            {"roots": "{corp: {public_key_ids: []}}"},
            [
                "1: roots.corp.public_key_ids: this list is empty; write at least one value, or remove the key",
            ],
            id="empty-list",
        ),
        pytest.param(
            {"roots": "{corp: {certificate_files: corp.crt}}"},
            ["1: roots.corp.certificate_files: a list is wanted here; write it in brackets, such as [one, another]"],
            id="text-for-a-list",
        ),
        pytest.param(
            {"signers": "{ci: {keys: ci.pub}}"},
            [
                (
                    "1: signers.ci.keys: this is no list of key files; write them, such as [alice.pub], "
                    "or the single word delegated"
                )
            ],
            id="one-key-without-brackets",
        ),
        pytest.param(
            {"signers": "{ci: {keys: [[ci.pub]]}}"},
            ["1: signers.ci.keys[0]: this is no key file; write its name, or a mapping with file and until"],
            id="list-in-a-list",
        ),
        pytest.param(
            {"signers": "{ci: {keys: [{file: ci.pub}]}}"},
            ["1: signers.ci.keys[0].until: this key is required; add it (instant from which the key no longer counts)"],
            id="ending-key-without-end",
        ),
        pytest.param(
            {"notaries": "{corp: {url: 'https://notary', roots: corp}}"},
            [
                (
                    "1: notaries.corp.roots: this is no list of roots; write their names, such as [corp], "
                    "or the single word tofu"
                )
            ],
            id="one-root-without-brackets",
        ),
        pytest.param(
            {"repositories": "{'shop/**': {signed_by: ci}}"},
            [
                (
                    '1: repositories."shop/**".signed_by: this is no rule; write released, or who must sign, '
                    "such as any_of: [alice]"
                )
            ],
            id="signer-without-rule",
        ),
        pytest.param(
            {"repositories": "{'shop/**': {signed_by: released, digest_pull: any}}"},
            [
                (
                    '1: repositories."shop/**".digest_pull: this is no rule for pulls by digest; write signed, '
                    "or any: true with until and reason"
                )
            ],
            id="any-digest-without-end",
        ),
        pytest.param(
            {
                "repositories": "{'shop/**': {signed_by: released, digest_pull: {any: false, until: "
                "'2027-01-31T00:00:00Z', reason: OPS-1}}}"
            },
            [
                (
                    '1: repositories."shop/**".digest_pull.any: only true is possible here; '
                    "to serve signed digests only, write digest_pull: signed"
                )
            ],
            id="not-any-digest",
        ),
        pytest.param(
            {"repositories": "{'shop/**': {signed_by: released, released: optional}}"},
            [
                (
                    '1: repositories."shop/**".released: "optional" is neither of the two possible words; '
                    "write required or ignored"
                )
            ],
            id="other-word",
        ),
        pytest.param(
            {"rollout": "{'shop/**': audit}"},
            [
                (
                    '1: rollout."shop/**": this is no mode by itself; write enforce or protect, '
                    "or mode: audit or disabled with until and reason"
                )
            ],
            id="audit-without-end",
        ),
        pytest.param(
            {"rollout": "{'shop/**': {mode: audit}}"},
            [
                '1: rollout."shop/**".until: this key is required; add it (instant from which enforce holds)',
                '1: rollout."shop/**".reason: this key is required; add it (why, such as the number of a ticket)',
            ],
            id="audit-without-until-and-reason",
        ),
        pytest.param(
            {"rollout": "{'shop/**': {mode: protect, until: '2027-01-31T00:00:00Z', reason: OPS-1}}"},
            [
                (
                    '1: rollout."shop/**": protect has neither until nor reason; '
                    "write protect alone, in place of this mapping"
                )
            ],
            id="protect-with-an-end",
        ),
        pytest.param(
            {"rollout": "{'shop/**': {mode: protect}}"},
            [
                (
                    '1: rollout."shop/**": protect has neither until nor reason; '
                    "write protect alone, in place of this mapping"
                )
            ],
            id="protect-as-a-mapping",
        ),
        pytest.param(
            {"rollout": "{'shop/**': {mode: enforce}}"},
            [
                (
                    '1: rollout."shop/**": enforce has neither until nor reason; '
                    "write enforce alone, in place of this mapping"
                )
            ],
            id="enforce-as-a-mapping",
        ),
        pytest.param(
            {"rollout": "{'shop/**': {mode: watch, until: '2027-01-31T00:00:00Z', reason: OPS-1}}"},
            [
                (
                    '1: rollout."shop/**".mode: this is no mode to relax to; write audit or disabled, '
                    "or enforce or protect in place of the whole mapping"
                )
            ],
            id="mode-that-does-not-exist",
        ),
        pytest.param(
            {"listen": "{address: 15443}", "probes": "{address: 95.5}"},
            [
                ('1: listen.address: "15443" is no address; write host:port, such as 0.0.0.0:5000 or [::1]:5000'),
                ('2: probes.address: "95.5" is no address; write host:port, such as 0.0.0.0:5000 or [::1]:5000'),
            ],
            id="port-without-host",
        ),
        pytest.param(
            {"rollout": ""}, ["1: rollout: there is no value here; write one, or remove the key"], id="empty-section"
        ),
    ],
)
def test_what_does_not_fit_says_what_to_do(site: Site, sections: dict[str, str], lines: list[str]) -> None:
    """Exactly one line for each thing to mend, and none that only follows from another."""
    assert site.problems(compose(**sections)) == lines


def test_everything_that_is_missing_is_named(site: Site) -> None:
    """A file with nothing in it but an entry says all that a file needs."""
    assert site.problems("repositories: {shop: {}}") == [
        "1: version: this key is required; add it (version of this format: 1)",
        "1: name: this key is required; add it (host[:port] by which clients name this registry in images)",
        "1: registry.url: this key is required; add it (scheme, host and port of the registry behind this proxy)",
        "1: repositories.shop.notary: there is no Notary to ask; define one under notaries",
        "1: repositories.shop.signed_by: nobody is named who must sign; add signed_by here or to defaults",
    ]


def test_the_problems_of_one_place_hide_none_of_another(site: Site) -> None:
    """Wrong shapes, values, names, files and patterns are all reported at once, in the order of the file."""
    assert site.problems("""\
version: 1
name: Registry.example.com
listen: {adress: 0.0.0.0:5000}
registry:
  url: http://me:secret@registry/path
notaries:
  corp:
    url: http://notary:4443
    roots: [corp-2024, crop-2027]
    timeout: 5
roots:
  corp-2024: {public_key_ids: [1234, "zz"]}
signers:
  alice:
    keys:
      - {fille: alice.pub, until: 2027-01-31}
      - nowhere.pub
repositories:
  "shop/**":
    signed_by: {any_of: [5, alcie]}
    fresh_fo: 30s
    tags:
      "v*": {signed_by: alice}
  "shop/x": {signed_by: {at_least: 3, of: [7, alice]}, notary: crop}
  "a/*": {signed_by: released}
  "a/*b": {signed_by: released}
rollout:
  "shop/**": audit
""") == [
        (
            '2: name: "Registry.example.com" has capital letters; write "registry.example.com", '
            "as it stands in image names"
        ),
        '3: listen.adress: unknown key; did you mean "address"?',
        "5: registry.url: this URL has a user name in it; move it to a file and name that as credentials_file",
        (
            "8: notaries.corp.url: plain http lets anybody on the way hold back revocations; write https, "
            "or run Notary on loopback"
        ),
        '9: notaries.corp.roots[1]: there is no "crop-2027" under roots; did you mean "corp-2024"?',
        "10: notaries.corp.timeout: 5 has no unit; write 5s for seconds (ms, s, m, h and d are possible)",
        "12: roots.corp-2024.public_key_ids[0]: an unquoted number is not text to YAML; write it in quotes",
        '12: roots.corp-2024.public_key_ids[1]: "zz" is no public key id; write its 64 lower-case hex digits in quotes',
        "16: signers.alice.keys[0].file: this key is required; add it (file with the public key or certificate, PEM)",
        (
            '16: signers.alice.keys[0].until: "2027-01-31" is no instant; write date, time and offset, '
            "such as 2027-01-31T08:00:00+01:00"
        ),
        '16: signers.alice.keys[0].fille: unknown key; did you mean "file"?',
        (
            '17: signers.alice.keys[1]: "nowhere.pub" cannot be read (No such file or directory); '
            "check the path and its permissions"
        ),
        '20: repositories."shop/**".signed_by.any_of[0]: an unquoted number is not text to YAML; write it in quotes',
        '20: repositories."shop/**".signed_by.any_of[1]: there is no "alcie" under signers; did you mean "alice"?',
        '21: repositories."shop/**".fresh_fo: unknown key; did you mean "fresh_for"?',
        (
            '23: repositories."shop/**".tags."v*".signed_by: this is no rule; write released, or who must sign, '
            "such as any_of: [alice]"
        ),
        '24: repositories."shop/x".signed_by.of[0]: an unquoted number is not text to YAML; write it in quotes',
        '24: repositories."shop/x".notary: there is no "crop" under notaries; did you mean "corp"?',
        (
            '26: repositories."a/*b": this and "a/*" on line 25 both match some repositories '
            "and neither is more specific; change one of them"
        ),
        (
            '28: rollout."shop/**": this is no mode by itself; write enforce or protect, or mode: audit or '
            "disabled with until and reason"
        ),
    ]


@pytest.mark.parametrize("mark", BRANCHES)
def test_no_key_can_be_a_mark_of_the_checker(site: Site, mark: str) -> None:
    """What tells the branches of a union apart inside the program is refused as a key of a file."""
    text = f'"\\0{mark.removeprefix(chr(0))}": 1\n{compose()}'
    assert site.problems(text) == ['1: "?": a key must be text on one line; write it as a word or in quotes']
