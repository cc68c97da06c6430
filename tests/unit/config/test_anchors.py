"""Roots and signers: keys from files, and everything that is no key."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.policy.signers import AnyOf, Signer, SignerKey
from proxy.tuf.pins import RootPin
from tests.support.certificates import FAR_OFF, LONG_AGO, authority, certificate, pem
from tests.support.keys import Key, ecdsa_key, ed25519_key, key_of_type, rsa_key
from tests.unit.config.site import ROOT_ID, Site, compose, docker_pem, private_pem, public_pem

ALICE = ecdsa_key("alice")
LEAF = certificate("registry.example.com/shop/api", ecdsa_key("root"))
AUTHORITY = authority("roots").certificate


def only_signer(site: Site, keys: str) -> Signer:
    """The signer ci, whose keys are these."""
    settings = site.load(compose(signers=f"{{ci: {{keys: {keys}}}}}"))
    rule = settings.policy.entries[0].signed_by
    assert isinstance(rule, AnyOf)
    return rule.signers[0]


def only_root(site: Site, root: str) -> RootPin:
    """The root corp, which is this."""
    settings = site.load(compose(roots=f"{{corp: {root}}}"))
    (pin,) = settings.policy.entries[0].pins.entries
    return pin


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
def test_a_key_that_docker_generated_is_named_by_its_public_key_id(site: Site, kind: str) -> None:
    """The header with the role inside of the PEM block is passed over, whatever the type of key."""
    key = key_of_type(kind, "ci")
    site.write("ci.pub", docker_pem(key, "ci"))
    assert only_signer(site, "[ci.pub]") == Signer("ci", (SignerKey(key.public_key_id),))


@pytest.mark.parametrize(
    ("name", "data", "key"),
    [
        pytest.param("ci.pub", public_pem(ALICE), ALICE, id="openssl"),
        pytest.param("ci.crt", pem([certificate("ci", ALICE)]), ALICE, id="certificate"),
        pytest.param(
            "ci.crt", pem([certificate("ci", ALICE), authority("team").certificate]), ALICE, id="certificate-with-chain"
        ),
        pytest.param("ci.pub", public_pem(ALICE).replace(b"\n", b"\r\n"), ALICE, id="line-ends-of-windows"),
    ],
)
def test_other_key_files_are_read_as_well(site: Site, name: str, data: bytes, key: Key) -> None:
    """A plain public key or a certificate gives the same id."""
    site.write(name, data)
    assert only_signer(site, f"[{name}]") == Signer("ci", (SignerKey(key.public_key_id),))


def test_a_key_may_end(site: Site) -> None:
    """An old key counts until an instant, the new one on and on."""
    site.write("new.pub", public_pem(ecdsa_key("new")))
    site.write("old.pub", public_pem(ed25519_key("old")))
    signer = only_signer(site, "[new.pub, {file: old.pub, until: 2027-01-31T00:00:00+01:00}]")
    assert signer.keys == (
        SignerKey(ecdsa_key("new").public_key_id),
        SignerKey(ed25519_key("old").public_key_id, datetime(2027, 1, 30, 23, tzinfo=UTC)),
    )


def test_a_signer_may_have_whatever_keys_notary_delegates(site: Site) -> None:
    """`delegated` is no list at all, which is something else than an empty one."""
    assert only_signer(site, "delegated") == Signer("ci", None)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(
            private_pem(ALICE),
            '"ci.pub" holds a private key, which belongs to its owner alone; name the public key',
            id="private-key",
        ),
        pytest.param(
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nrole: ci\n\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            '"ci.pub" holds a private key, which belongs to its owner alone; name the public key',
            id="encrypted-private-key-of-docker",
        ),
        pytest.param(
            public_pem(ALICE) + private_pem(ALICE),
            '"ci.pub" holds a private key, which belongs to its owner alone; name the public key',
            id="both-halves-in-one-file",
        ),
        pytest.param(
            public_pem(ALICE) + public_pem(ecdsa_key("bob")),
            '"ci.pub" holds several keys; write each into a file of its own',
            id="two-keys",
        ),
        pytest.param(
            b"ssh-ed25519 AAAA ci@example.com\n",
            '"ci.pub" cannot be used as a key (holds no PEM block); name a public key in PEM',
            id="ssh-key",
        ),
        pytest.param(
            public_pem(ecdsa_key("ci", "secp256k1")),
            '"ci.pub" cannot be used as a key (holds a key of a kind that Notary does not use); '
            "name a public key in PEM",
            id="curve-that-notary-does-not-use",
        ),
        pytest.param(
            public_pem(rsa_key("short", 1024)),
            '"ci.pub" cannot be used as a key (holds a key of a kind that Notary does not use); '
            "name a public key in PEM",
            id="short-rsa-key",
        ),
        pytest.param(
            b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
            '"ci.pub" cannot be used as a key (holds a certificate request, a public key or certificate is wanted); '
            "name a public key in PEM",
            id="certificate-request",
        ),
        pytest.param(
            b"", '"ci.pub" cannot be used as a key (holds no PEM block); name a public key in PEM', id="empty"
        ),
    ],
)
def test_what_is_no_public_key_says_so(site: Site, data: bytes, sentence: str) -> None:
    """A mistaken file never counts as a signer without keys, but stops the configuration."""
    site.write("ci.pub", data)
    assert site.problems(compose(signers="{ci: {keys: [ci.pub]}}")) == [f"1: signers.ci.keys[0]: {sentence}"]


def test_the_same_key_twice_is_a_mistake(site: Site) -> None:
    """With two ends to choose from, nobody could say which one counts."""
    site.write("a.pub", public_pem(ALICE))
    site.write("b.pub", docker_pem(ALICE, "alice"))
    text = compose(signers="{ci: {keys: [a.pub, {file: b.pub, until: 2027-01-31T00:00:00Z}]}}")
    assert site.problems(text) == [
        '1: signers.ci.keys[1]: "b.pub" is the same key as another of this signer; remove one of them'
    ]


def test_signers_who_share_a_key_are_warned_of(site: Site) -> None:
    """Two names with one key have one vote between them."""
    site.write("shared.pub", public_pem(ALICE))
    site.write("ci.pub", public_pem(ecdsa_key("ci")))
    text = compose(signers="\n  alice: {keys: [shared.pub]}\n  ci: {keys: [ci.pub, shared.pub]}")
    assert site.warnings(text) == [
        (
            f'3: signers.ci: this signer shares key {ALICE.public_key_id[:12]} with "alice", and one key has one vote; '
            "give each their own"
        )
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param(
            "releases",
            "signers.releases: targets/releases is the list of releases and no signer; "
            "ask for it by signed_by: released",
            id="releases",
        ),
        pytest.param(
            "targets/alice",
            'signers."targets/alice": a signer is named without targets/; write "alice"',
            id="whole-role-name",
        ),
        *(
            pytest.param(
                name,
                f'signers.{shown}: "{name}" is no name of a delegation; use a-z, 0-9, "-" and "_", as in Notary',
                id=reason,
            )
            for reason, name, shown in (
                ("upper-case", "Alice", "Alice"),
                ("dot", "alice.b", '"alice.b"'),
                ("trailing-slash", "alice/", '"alice/"'),
                ("blank", "al ice", '"al ice"'),
                ("parent", "../root", '"../root"'),
            )
        ),
    ],
)
def test_a_signer_is_named_like_its_delegation(site: Site, name: str, sentence: str) -> None:
    """Names follow Notary's grammar, without the part that all have in common."""
    text = compose(signers=f"{{'{name}': {{keys: delegated}}, ci: {{keys: delegated}}}}")
    assert site.problems(text) == [f"1: {sentence}"]


def test_a_delegation_below_another_can_be_a_signer(site: Site) -> None:
    """Its name has a slash."""
    site.write("deputy.pub", public_pem(ALICE))
    text = compose(
        signers="{alice/deputy: {keys: [deputy.pub]}}", repositories="{shop: {signed_by: {any_of: [alice/deputy]}}}"
    )
    rule = site.load(text).policy.entries[0].signed_by
    assert isinstance(rule, AnyOf)
    assert [signer.role for signer in rule.signers] == ["targets/alice/deputy"]


def test_a_root_is_pinned_by_ids_certificates_and_authorities(site: Site) -> None:
    """Everything of an entry ends up in one pin: ids as they are, certificates by fingerprint, authorities whole."""
    site.write("roots/corp.crt", pem([LEAF, AUTHORITY]))
    site.write("roots/ca.crt", pem([AUTHORITY, authority("older").certificate]))
    pin = only_root(
        site,
        f"{{public_key_ids: ['{ROOT_ID}'], certificate_files: [roots/corp.crt], ca_file: roots/ca.crt, "
        "allow_wildcard_name: true}",
    )
    assert pin == RootPin(
        name="corp",
        public_key_ids=frozenset({ROOT_ID}),
        certificates=frozenset({LEAF.fingerprint(hashes.SHA256()).hex()}),
        authorities=(AUTHORITY, authority("older").certificate),
        allow_wildcard_name=True,
    )


def test_a_certificate_that_does_not_say_what_it_is_is_no_authority(site: Site) -> None:
    """Without basic constraints it may be a root, as in Notary."""
    key = ecdsa_key("plain")
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry.example.com/shop/api")])
    builder = x509.CertificateBuilder(name, name, key.private.public_key(), 1, LONG_AGO, FAR_OFF)
    plain = builder.sign(key.private, hashes.SHA256())
    site.write("plain.crt", pem([plain]))
    pin = only_root(site, "{certificate_files: [plain.crt]}")
    assert pin.certificates == {plain.fingerprint(hashes.SHA256()).hex()}
    assert site.problems(compose(roots="{corp: {ca_file: plain.crt}}")) == [
        '1: roots.corp.ca_file: "plain.crt" holds a certificate of no authority; name that one in certificate_files'
    ]


def test_a_wildcard_name_is_not_accepted_unless_asked_for(site: Site) -> None:
    """The careful choice is the default."""
    assert only_root(site, f"{{public_key_ids: ['{ROOT_ID}']}}").allow_wildcard_name is False


@pytest.mark.parametrize(
    ("root", "line"),
    [
        pytest.param(
            "{allow_wildcard_name: true}",
            "1: roots.corp: this pins nothing; give public_key_ids, certificate_files or ca_file",
            id="nothing",
        ),
        pytest.param(
            "{certificate_files: [ca.crt]}",
            '1: roots.corp.certificate_files[0]: "ca.crt" is an authority, which can never be a root itself; '
            "name it as ca_file",
            id="authority-as-root",
        ),
        pytest.param(
            "{ca_file: leaf.crt}",
            '1: roots.corp.ca_file: "leaf.crt" holds a certificate of no authority; name that one in certificate_files',
            id="root-as-authority",
        ),
        pytest.param(
            "{certificate_files: [key.pub]}",
            '1: roots.corp.certificate_files[0]: "key.pub" holds no certificate; name a file with certificates in PEM',
            id="key-as-certificate",
        ),
    ],
)
def test_a_root_that_could_never_match_is_a_mistake(site: Site, root: str, line: str) -> None:
    """Better a sentence now than a refusal of everything later."""
    site.write("ca.crt", pem([AUTHORITY]))
    site.write("leaf.crt", pem([LEAF]))
    site.write("key.pub", public_pem(ALICE))
    assert site.problems(compose(roots=f"{{corp: {root}}}")) == [line]


def test_no_root_can_be_called_tofu(site: Site) -> None:
    """The word has a meaning of its own."""
    text = compose(roots=f"{{tofu: {{public_key_ids: ['{ROOT_ID}']}}, corp: {{public_key_ids: ['{ROOT_ID}']}}}}")
    assert site.problems(text) == ['1: roots.tofu: "tofu" is the word for trust on first use; choose another name']
