"""`blocked`: digests and keys that count no longer, and what is left without them."""

import pytest

from proxy.names import Digest
from tests.support.certificates import authority, certificate, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import ROOT_ID, Site, compose, public_pem

DIGEST = Digest(f"sha256:{'7a' * 32}")
KEY = "3f" * 32
CI, ALICE = ecdsa_key("ci"), ecdsa_key("alice")
ONE_OF_BOTH = "exactly one of digest and key is wanted; write an entry for each that is blocked"


def test_nothing_is_blocked_by_default(site: Site) -> None:
    """An empty list is as good as none."""
    for text in (compose(), compose(blocked="[]")):
        blocked = site.load(text).policy.blocked
        assert (dict(blocked.digests), dict(blocked.keys)) == ({}, {})


def test_digests_and_keys_are_blocked_with_a_reason(site: Site) -> None:
    """Both kinds stand in one list."""
    text = compose(blocked=f"[{{digest: '{DIGEST}', reason: CVE-2026-1}}, {{key: '{KEY}', reason: laptop stolen}}]")
    blocked = site.load(text).policy.blocked
    assert blocked.digests == {DIGEST: "CVE-2026-1"}
    assert blocked.keys == {KEY: "laptop stolen"}
    assert site.warnings(text) == []


@pytest.mark.parametrize(
    ("entries", "lines"),
    [
        pytest.param("[{reason: x}]", [f"1: blocked[0]: {ONE_OF_BOTH}"], id="neither"),
        pytest.param(
            f"[{{digest: '{DIGEST}', key: '{KEY}', reason: x}}]", [f"1: blocked[0]: {ONE_OF_BOTH}"], id="both"
        ),
        pytest.param(
            f"[{{digest: '{DIGEST}'}}]",
            [
                "1: blocked[0].reason: this key is required; add it (why, in words that whoever pulls will read)",
            ],
            id="no-reason",
        ),
        pytest.param(
            "[{key: 1234, reason: x}]",
            ["1: blocked[0].key: an unquoted number is not text to YAML; write it in quotes"],
            id="unquoted-key",
        ),
        pytest.param(
            f"[{{key: {'3' * 62}e1, reason: x}}]",
            ["1: blocked[0].key: an unquoted number is not text to YAML; write it in quotes"],
            id="unquoted-key-like-a-float",
        ),
        pytest.param(
            "[{key: '3f2a', reason: x}]",
            ['1: blocked[0].key: "3f2a" is no public key id; write its 64 lower-case hex digits in quotes'],
            id="short-key",
        ),
        pytest.param(
            "[{digest: 77aa, reason: x}]",
            ['1: blocked[0].digest: "77aa" is no digest; write sha256: and its 64 lower-case hex digits'],
            id="short-digest",
        ),
        pytest.param(
            "[{digest: 77, reason: x}]",
            ["1: blocked[0].digest: an unquoted number is not text to YAML; write it in quotes"],
            id="unquoted-digest",
        ),
        pytest.param(
            "[{tag: v1, reason: x}]",
            [
                "1: blocked[0].tag: unknown key; possible here: digest, key, reason",
            ],
            id="tag",
        ),
        pytest.param(
            f"['{DIGEST}']",
            ["1: blocked[0]: a mapping is wanted here; write some of its keys: digest, key, reason"],
            id="digest-for-the-mapping",
        ),
        pytest.param(
            f"{{digest: '{DIGEST}', reason: x}}",
            ["1: blocked: a list is wanted here; write it in brackets, such as [one, another]"],
            id="mapping-for-the-list",
        ),
        pytest.param(
            f"\n  - {{digest: '{DIGEST}', reason: x}}\n  - {{key: '{KEY}', reason: x}}\n"
            f"  - {{digest: '{DIGEST}', reason: y}}\n  - {{key: '{KEY}', reason: y}}",
            [
                "4: blocked[2].digest: this digest is blocked on line 2 already; remove one",
                "5: blocked[3].key: this key is blocked on line 3 already; remove one",
            ],
            id="both-twice",
        ),
        pytest.param(
            f"\n  - {{digest: x, reason: x}}\n  - {{key: '{KEY}', reason: x}}\n  - {{key: '{KEY}', reason: y}}",
            [
                '2: blocked[0].digest: "x" is no digest; write sha256: and its 64 lower-case hex digits',
                "4: blocked[2].key: this key is blocked on line 3 already; remove one",
            ],
            id="twice-behind-another-problem",
        ),
    ],
)
def test_what_cannot_be_blocked_says_why(site: Site, entries: str, lines: list[str]) -> None:
    """A list that protects is never read as one that protects less."""
    assert site.problems(compose(blocked=entries)) == lines


@pytest.mark.parametrize(
    ("keys", "blocked", "warned"),
    [
        pytest.param("[ci.pub]", [CI], True, id="the-only-key"),
        pytest.param("[ci.pub, alice.pub]", [CI, ALICE], True, id="every-key"),
        pytest.param("[ci.pub, {file: alice.pub, until: 2027-01-31T00:00:00Z}]", [CI, ALICE], True, id="ending-key"),
        pytest.param("[ci.pub, alice.pub]", [CI], False, id="one-of-two"),
        pytest.param("[alice.pub]", [CI], False, id="somebody-elses"),
        pytest.param("delegated", [CI], False, id="whatever-keys"),
    ],
)
def test_a_signer_without_a_key_that_counts_is_warned_of(
    site: Site, keys: str, blocked: list[object], *, warned: bool
) -> None:
    """Nothing that needs this signer can be pulled any more."""
    for key in (CI, ALICE):
        site.write(f"{'ci' if key is CI else 'alice'}.pub", public_pem(key))
    entries = "".join(f"\n  - {{key: '{key.public_key_id}', reason: x}}" for key in (CI, ALICE) if key in blocked)
    text = compose(signers=f"{{ci: {{keys: {keys}}}}}", blocked=entries)
    warning = "1: signers.ci: all keys of this signer are blocked; name a new one, or remove it"
    assert site.warnings(text) == ([warning] if warned else [])


@pytest.mark.parametrize(
    ("root", "warned"),
    [
        pytest.param(f"{{public_key_ids: ['{ROOT_ID}']}}", True, id="the-only-key"),
        pytest.param("{certificate_files: [blocked.crt]}", True, id="the-key-of-the-only-certificate"),
        pytest.param(f"{{public_key_ids: ['{ROOT_ID}'], certificate_files: [blocked.crt]}}", True, id="all-of-it"),
        pytest.param(f"{{public_key_ids: ['{ROOT_ID}', '{'5e' * 32}']}}", False, id="one-of-two-keys"),
        pytest.param(f"{{public_key_ids: ['{ROOT_ID}'], certificate_files: [other.crt]}}", False, id="certificate"),
        pytest.param(f"{{public_key_ids: ['{ROOT_ID}'], ca_file: ca.crt}}", False, id="authority"),
        pytest.param("{certificate_files: [odd.crt]}", False, id="certificate-with-a-key-that-notary-does-not-use"),
    ],
)
def test_a_root_without_a_key_that_counts_is_warned_of(site: Site, root: str, *, warned: bool) -> None:
    """Nothing that only it anchors can be pulled any more; what an authority issues is not known beforehand."""
    name = "registry.example.com/shop/api"
    site.write("blocked.crt", pem([certificate(name, CI)]))
    site.write("other.crt", pem([certificate(name, ALICE)]))
    site.write("odd.crt", pem([certificate(name, ecdsa_key("odd", "secp256k1"))]))
    site.write("ca.crt", pem([authority("roots").certificate]))
    text = compose(
        roots=f"{{corp: {root}}}",
        blocked=f"[{{key: '{ROOT_ID}', reason: x}}, {{key: '{CI.public_key_id}', reason: x}}]",
    )
    warning = "1: roots.corp: all that this pins is blocked, so it anchors nothing; pin a new key, or remove it"
    assert site.warnings(text) == ([warning] if warned else [])
