"""What was to hold until an instant that is past."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.config import load
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, public_pem

END = datetime(2027, 1, 31, tzinfo=UTC)
UNTIL = "until: 2027-01-31T00:00:00Z, reason: OPS-1"
ANY = f"digest_pull: {{any: true, {UNTIL}}}"


@pytest.mark.parametrize(
    ("sections", "warning"),
    [
        pytest.param(
            {"rollout": f"{{'shop/**': {{mode: audit, {UNTIL}}}}}"},
            'rollout."shop/**": its `until` is past, so it is enforced; remove it',
            id="relaxation",
        ),
        pytest.param(
            {"repositories": f"{{shop: {{signed_by: released, {ANY}}}}}"},
            "repositories.shop.digest_pull: its `until` is past, so it is `signed`; remove it",
            id="any-digest-of-an-entry",
        ),
        pytest.param(
            {"defaults": f"{{{ANY}}}"},
            "defaults.digest_pull: its `until` is past, so it is `signed`; remove it",
            id="any-digest-of-all-entries",
        ),
        pytest.param(
            {"exceptions": f"[{{allow: 'shop/api@sha256:{'9' * 64}', {UNTIL}}}]"},
            "exceptions[0]: its `until` is past, so it allows nothing; remove it",
            id="exception",
        ),
        pytest.param(
            {"signers": "{ci: {keys: [new.pub, {file: old.pub, until: 2027-01-31T00:00:00Z}]}}"},
            "signers.ci.keys[1]: its `until` is past, so this key no longer counts; remove it",
            id="key-of-a-signer",
        ),
    ],
)
def test_what_has_run_out_is_warned_of(site: Site, sections: dict[str, str], warning: str) -> None:
    """From the instant itself on, and only where somebody says what time it is."""
    site.write("new.pub", public_pem(ecdsa_key("new")))
    site.write("old.pub", public_pem(ecdsa_key("old")))
    assert site.warnings(compose(**sections)) == []
    before = load(site.file, {}, END - timedelta(seconds=1)).warnings
    assert [each for each in before if "unsigned images" not in each] == []
    assert load(site.file, {}, END).warnings == (f"{site.file}:1: {warning}",)


@pytest.mark.parametrize(
    ("rollout", "named"),
    [
        pytest.param(f"{{'**': {{mode: audit, {UNTIL}}}}}", '"**" (audit until 2027-01-31T00:00:00Z)', id="audit"),
        pytest.param(
            f"{{'shop/**': protect, 'shop/a': enforce, 'shop/b': {{mode: disabled, {UNTIL}}}}}",
            '"shop/b" (disabled until 2027-01-31T00:00:00Z)',
            id="disabled",
        ),
        pytest.param(
            f"{{{', '.join(f'shop/{each}: {{mode: audit, {UNTIL}}}' for each in 'abcde')}}}",
            ", ".join(f'"shop/{each}" (audit until 2027-01-31T00:00:00Z)' for each in "abc") + " and 2 more",
            id="many",
        ),
    ],
)
def test_what_is_not_enforced_is_warned_of(site: Site, rollout: str, named: str) -> None:
    """In one line, however much of it there is, and not any more once its end has come."""
    site.load(compose(rollout=rollout))
    sentence = (
        f"{site.file}:1: rollout: unsigned images are served under {named}; "
        "remove what would be served just the same when it is enforced"
    )
    assert load(site.file, {}, END - timedelta(seconds=1)).warnings == (sentence,)
    assert sentence not in load(site.file, {}, END).warnings


def test_what_is_enforced_is_not_warned_of(site: Site) -> None:
    """`protect` refuses what was signed once, and has no end."""
    site.load(compose(rollout="{'shop/**': protect, 'shop/a': enforce}"))
    assert load(site.file, {}, END).warnings == ()


def test_what_has_no_end_never_runs_out(site: Site) -> None:
    """Modes that are words, keys without an end and signed digests stay."""
    site.write("ci.pub", public_pem(ecdsa_key("ci")))
    site.load(
        compose(
            signers="{ci: {keys: [ci.pub]}, alice: {keys: delegated}}",
            defaults="{digest_pull: signed}",
            rollout="{'shop/**': protect, 'shop/x': enforce}",
        )
    )
    assert load(site.file, {}, datetime(2099, 1, 1, tzinfo=UTC)).warnings == ()
