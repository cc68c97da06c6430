"""Entries of `repositories`: the rules that say who must sign."""

import pytest

from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy
from tests.unit.config.entries import ALICE, CI, QA, entry
from tests.unit.config.site import Site, compose


@pytest.mark.parametrize(
    ("rule", "signed_by"),
    [
        pytest.param("released", Released(), id="released"),
        pytest.param("{any_of: [alice, ci]}", AnyOf((ALICE, CI)), id="any_of"),
        pytest.param("{first_of: [ci, alice]}", FirstOf((CI, ALICE)), id="first_of-keeps-its-order"),
        pytest.param("{all_of: [alice, qa]}", AllOf((ALICE, QA)), id="all_of"),
        pytest.param("{at_least: 2, of: [alice, ci, qa]}", AtLeast(2, (ALICE, CI, QA)), id="at_least"),
        pytest.param("{at_least: 3, of: [alice, ci, qa]}", AtLeast(3, (ALICE, CI, QA)), id="at_least-all"),
    ],
)
def test_a_rule_names_signers(site: Site, rule: str, signed_by: SignedBy) -> None:
    """Each form becomes the rule of that name, for an entry as for its tags."""
    found = entry(site, f"{{signed_by: {rule}, tags: {{'v*': {{signed_by: {rule}}}}}}}")
    assert (found.signed_by, found.tags) == (signed_by, (("v*", signed_by),))


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        pytest.param(
            "{}",
            "signed_by: exactly one of any_of, first_of, all_of and at_least is wanted; write the one you mean",
            id="nothing",
        ),
        pytest.param(
            "{any_of: [ci], all_of: [alice]}",
            "signed_by: exactly one of any_of, first_of, all_of and at_least is wanted; write the one you mean",
            id="two-forms",
        ),
        pytest.param(
            "{at_least: 2}",
            "signed_by: at_least counts signers; add their names, such as of: [alice, ci]",
            id="count-of-nobody",
        ),
        pytest.param(
            "{of: [ci, alice]}",
            "signed_by.of: of belongs to at_least; add how many must sign, such as at_least: 2",
            id="of-without-count",
        ),
        pytest.param(
            "{any_of: [ci], of: [alice]}",
            "signed_by.of: of belongs to at_least, not to any_of; remove one of the two",
            id="of-beside-another-form",
        ),
        pytest.param(
            "{at_least: 3, of: [alice, ci]}",
            "signed_by.at_least: 2 signers can never give 3 signatures; lower the number or name more",
            id="more-than-there-are",
        ),
        pytest.param(
            "{at_least: 0, of: [alice, ci]}",
            "signed_by.at_least: a whole number is wanted here; write 1, 2 or more, without quotes",
            id="nobody-is-needed",
        ),
        pytest.param(
            "{at_least: -1, of: [alice, ci]}",
            "signed_by.at_least: a whole number is wanted here; write 1, 2 or more, without quotes",
            id="less-than-nobody",
        ),
        pytest.param(
            "{any_of: []}",
            "signed_by.any_of: this list is empty; write at least one value, or remove the key",
            id="any-of-nobody",
        ),
        pytest.param(
            "{all_of: [alice, ci, alice]}",
            'signed_by.all_of[2]: "alice" is in this list already; remove one',
            id="same-signer-twice",
        ),
        pytest.param(
            "{any_of: [alcie]}",
            'signed_by.any_of[0]: there is no "alcie" under signers; did you mean "alice"?',
            id="misspelt-signer",
        ),
        pytest.param(
            "{any_of: [somebody]}",
            'signed_by.any_of[0]: there is no "somebody" under signers; define it there, or correct the name',
            id="unknown-signer",
        ),
        pytest.param(
            "{any_of: [ci, releases]}",
            "signed_by.any_of[1]: a release is no signer; write signed_by: released alone, or only name signers here",
            id="release-as-signer",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(site: Site, rule: str, line: str) -> None:
    """No rule is ever read as one that asks for less."""
    text = compose(repositories=f"{{'shop/**': {{signed_by: {rule}}}}}")
    assert site.problems(text) == [f'1: repositories."shop/**".{line}']
