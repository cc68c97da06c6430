"""Every reason to refuse has one row: code, status and one sentence that fits a header line."""

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from proxy import errors, refusals
from proxy.errors import Refusal
from proxy.limits import FACT_LENGTH
from proxy.refusals import TABLE, for_log, present, row_of

# The contract (design: Answers): every code that this version can answer, with its status and OCI code.
CONTRACT: Final = {
    ("no_rule", 403, "DENIED"),
    ("blocked", 403, "DENIED"),
    ("no_trust_data", 403, "DENIED"),
    ("tag_not_signed", 403, "DENIED"),
    ("signer_missing", 403, "DENIED"),
    ("signers_disagree", 403, "DENIED"),
    ("digest_not_signed", 403, "DENIED"),
    ("expired", 403, "DENIED"),
    ("threshold_not_met", 403, "DENIED"),
    ("root_not_trusted", 403, "DENIED"),
    ("root_rotation_broken", 403, "DENIED"),
    ("rollback", 403, "DENIED"),
    ("metadata_corrupt", 403, "DENIED"),
    ("signed_length_wrong", 403, "DENIED"),
    ("manifest_ambiguous", 403, "DENIED"),
    ("blob_not_admitted", 403, "DENIED"),
    ("reference_invalid", 400, "NAME_INVALID"),
    ("reference_invalid", 400, "TAG_INVALID"),
    ("reference_invalid", 400, "DIGEST_INVALID"),
    ("path_unknown", 404, "UNSUPPORTED"),
    ("method_not_allowed", 405, "UNSUPPORTED"),
    ("push_refused", 405, "UNSUPPORTED"),
    ("delete_refused", 405, "UNSUPPORTED"),
    ("pusher_head", 404, "MANIFEST_UNKNOWN"),
    ("manifest_missing", 404, "MANIFEST_UNKNOWN"),
    ("not_acceptable", 404, "MANIFEST_UNKNOWN"),
    ("content_mismatch", 502, "UNKNOWN"),
    ("registry_unreachable", 502, "UNAVAILABLE"),
    ("registry_unreachable", 504, "UNAVAILABLE"),
    ("notary_unreachable", 503, "UNAVAILABLE"),
    ("trust_store_unavailable", 503, "UNAVAILABLE"),
    ("deadline_exceeded", 503, "UNAVAILABLE"),
    ("undecided", 503, "UNAVAILABLE"),
    ("internal", 500, "UNKNOWN"),
}

# Kinds of refusals that are never raised themselves.
FAMILIES: Final = {Refusal, errors.TrustError, errors.ReferenceInvalid, errors.CannotDecide}
DIGEST: Final = f"sha256:{'5' * 64}"
KINDS: Final = [pytest.param(kind, id=kind.__name__) for kind in TABLE]

TEXTS: Final = {
    "plain": "alice",
    "empty": "",
    "long": "x" * 255,
    "very-long": "y" * 100_000,
    "not-ascii": "\u00e4\u0416\u6f22\U0001f600" * 60,
    "line-ends": "a\r\nX-Injected: yes\r\n\r\n<html>",
    "control": "".join(map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0)))) * 5,
    "surrogates": "\ud800\udc00\ud800",
    "braces": "{reference}{0}{}{{",
    "brackets": "[no_rule] " * 40,
}
NUMBERS: Final = {"plain": 2, "long": 10**40, "very-long": -(10**40)}
INSTANTS: Final = {"empty": datetime.min.replace(tzinfo=UTC), "long": datetime.max.replace(tzinfo=UTC)}


def _subclasses(kind: type[Refusal]) -> set[type[Refusal]]:
    return {kind}.union(*map(_subclasses, kind.__subclasses__()))


def _fact(kind: Any, case: str) -> object:
    """A value of a field of this type, as strange as the case says."""
    instant = INSTANTS.get(case, datetime(2026, 11, 21, 12, 30, tzinfo=UTC))
    values: dict[Any, object] = {
        str: TEXTS[case],
        int: NUMBERS.get(case, 0),
        bool: case == "long",
        datetime: instant,
        datetime | None: instant,
        tuple[str, ...]: () if case == "empty" else (TEXTS[case],) * (2 if case == "plain" else 9),
    }
    return values[kind]


def _made(kind: type[Refusal], case: str) -> Refusal:
    return kind(**{field.name: _fact(field.type, case) for field in fields(kind)})


def test_the_table_is_the_contract() -> None:
    """Codes, statuses and OCI codes are those that clients, dashboards and the docs know."""
    assert {(row.code, row.status, row.oci_code) for row in TABLE.values()} == CONTRACT


def test_every_kind_of_refusal_has_a_row() -> None:
    """Whatever can be raised can be answered, and nothing else is in the table."""
    defined = {kind for kind in _subclasses(Refusal) if kind.__module__ == errors.__name__}
    assert set(TABLE) == defined - FAMILIES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", TEXTS)
def test_a_message_fits_into_a_header_line_whatever_the_facts(kind: type[Refusal], case: str) -> None:
    """At most 200 printable ASCII characters that end in the code, however long and strange the names are."""
    presented = present(_made(kind, case), reference=TEXTS[case], gun=TEXTS[case], notary=TEXTS[case])
    assert len(presented.message) <= 200
    assert re.fullmatch(r"[ -~]+", presented.message)
    assert presented.message.endswith(f" [{row_of(_made(kind, case)).code}]")
    assert presented.reason_phrase.endswith(f": {presented.message}")
    assert re.fullmatch(r"[ -~]+", presented.reason_phrase)


CONTACTS: Final = {
    "one": "#",
    "usual": "#shop-oncall",
    "longest": "ask the people of the shop in room 7, or +49 30 123456789",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contact", CONTACTS)
@pytest.mark.parametrize("case", TEXTS)
def test_a_contact_stands_before_the_code_whatever_the_facts(kind: type[Refusal], case: str, contact: str) -> None:
    """However long the rest is, it keeps at least its beginning and its end; only what has an owner names it."""
    facts = {"reference": TEXTS[case], "gun": TEXTS[case], "notary": TEXTS[case]}
    message = present(_made(kind, case), **facts, owner=CONTACTS[contact]).message
    found = re.fullmatch(rf"[ -~]* \(owner: ([ -~]+)\) \[{row_of(_made(kind, case)).code}\]", message)
    assert len(message) <= 200
    assert bool(found) is TABLE[kind].is_owned
    if found:
        beginning, _, end = found[1].partition("..")
        assert CONTACTS[contact].startswith(beginning)
        assert CONTACTS[contact].endswith(end)
        assert len(found[1]) >= min(24, len(CONTACTS[contact]))


def test_what_the_owner_of_a_repository_can_mend_names_them() -> None:
    """By signing, publishing or pushing anew; servers that are away and wrong paths are not theirs."""
    assert {row.code for row in TABLE.values() if row.is_owned} == (
        {row.code for row in TABLE.values() if row.status == 403} | {"manifest_missing"}
    ) - {"no_rule"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_ordinary_contact_shortens_nothing(kind: type[Refusal]) -> None:
    """There is room for it beside ordinary facts."""
    facts = {"reference": "shop/api:1.4", "gun": "example.com/shop/api", "notary": "corp"}
    without = present(_made(kind, "plain"), **facts).message
    message = present(_made(kind, "plain"), **facts, owner="#shop-oncall").message
    assert message == (without.replace(" [", " (owner: #shop-oncall) [") if TABLE[kind].is_owned else without)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sentence_is_plain_and_says_what_to_do(kind: type[Refusal]) -> None:
    """With ordinary facts nothing is cut: what is wrong, a colon, and what to do about it."""
    message = present(_made(kind, "plain"), reference="shop/api:1.4", gun="example.com/shop/api", notary="corp").message
    assert ".." not in message
    assert "{" not in message
    assert re.search(r": (possible attack, )?(ask|sign|pull|push|use|check|try|give) ", message)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_says_what_it_means_and_how_loud_it_is(kind: type[Refusal]) -> None:
    """The reference page and the log are written from the same table."""
    row = TABLE[kind]
    assert row.meaning.endswith(".")
    assert row.level in ("info", "warning", "error")


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        pytest.param(
            errors.SignerMissing("1.4", ("alice", "ci"), 2, ("qa", "bob")),
            "shop/api:1.4 is signed by alice, ci, its rule needs 2 more of qa, bob: ask them to sign it "
            "[signer_missing]",
            id="lists of names",
        ),
        pytest.param(
            errors.SignerMissing("1.4", (), 1, ("qa",)),
            "shop/api:1.4 is signed by nobody, its rule needs 1 more of qa: ask them to sign it [signer_missing]",
            id="nobody",
        ),
        pytest.param(
            errors.SignerMissing("1.4", ("alice", "ci"), 2, ("alice", "qa")),
            "shop/api:1.4 is signed by alice, ci, its rule needs 2 more of alice (signed in vain), qa: "
            "ask them to sign it [signer_missing]",
            id="somebody whose signature does not count",
        ),
        pytest.param(
            errors.Expired("timestamp", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            "shop/api:1.4: role timestamp of gun example.com/shop/api expired at 2026-01-02 03:04 UTC: "
            "ask Notary's operator to publish again [expired]",
            id="an instant, and a role that Notary signs",
        ),
        pytest.param(
            errors.ThresholdNotMet("targets/ci", 1, 2),
            "shop/api:1.4: role targets/ci of gun example.com/shop/api has 1 of 2 valid signatures: "
            "ask its owner to sign [threshold_not_met]",
            id="a role that people sign",
        ),
        pytest.param(
            errors.TagNotSigned("1.4", unreleased=False),
            "shop/api:1.4 is not signed in Notary (gun example.com/shop/api): sign it or pull a signed tag "
            "[tag_not_signed]",
            id="not signed",
        ),
        pytest.param(
            errors.TagNotSigned("1.4", unreleased=True),
            "shop/api:1.4 is not signed in Notary (gun example.com/shop/api), only in targets and not in the "
            "declared targets/releases: sign it or pull a signed tag [tag_not_signed]",
            id="signed but not released",
        ),
        pytest.param(
            errors.DigestNotSigned(DIGEST),
            "shop/api:1.4 is admitted by no signed tag of gun example.com/shop/api: pull a signed tag, or sign this "
            "digest [digest_not_signed]",
            id="a digest",
        ),
        pytest.param(
            errors.DigestNotSigned(DIGEST, "1.3", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            "shop/api:1.4 is admitted by no signed tag of gun example.com/shop/api (tag 1.3 had it until 2026-01-02 "
            "03:04 UTC): pull a signed tag, or sign this digest [digest_not_signed]",
            id="a digest that was superseded",
        ),
        pytest.param(
            errors.Blocked("key 3f2a9c1f77aa..", "laptop stolen"),
            "shop/api:1.4 is refused, key 3f2a9c1f77aa.. is blocked (laptop stolen): ask this proxy's operator "
            "[blocked]",
            id="a blocked key",
        ),
    ],
)
def test_facts_become_words(refusal: Refusal, message: str) -> None:
    """A reader sees names, instants and lists in the words of people."""
    assert present(refusal, reference="shop/api:1.4", gun="example.com/shop/api", notary="corp").message == message


@pytest.mark.parametrize(
    ("role", "carried", "ending"),
    [
        pytest.param("timestamp", "", "ask Notary's operator to publish again", id="a-server"),
        pytest.param("snapshot", "yes", "ask this proxy's operator for a newer export", id="a-directory"),
        pytest.param("targets/ci", "yes", "ask its owner to publish again", id="what-people-sign"),
    ],
)
def test_whom_to_ask_where_notary_is_a_directory(role: str, carried: str, ending: str) -> None:
    """Nobody signs a timestamp anew in a directory; what people sign they have to sign anew all the same."""
    message = present(errors.Expired(role, datetime(2026, 1, 2, tzinfo=UTC)), reference="a:1", carried=carried).message
    assert message.endswith(f" expired at 2026-01-02 00:00 UTC: {ending} [expired]")


@pytest.mark.parametrize(
    ("role", "carried", "ending"),
    [
        pytest.param("timestamp", "", "ask Notary's operator to sign", id="a-server"),
        pytest.param("timestamp", "yes", "ask this proxy's operator for another export", id="a-directory"),
        pytest.param("targets/ci", "yes", "ask its owner to sign", id="what-people-sign"),
    ],
)
def test_whom_to_ask_where_a_directory_was_changed_on_the_way(role: str, carried: str, ending: str) -> None:
    """Signing again does not mend a copy."""
    message = present(errors.ThresholdNotMet(role, 0, 1), reference="a:1", gun="g", carried=carried).message
    assert message.endswith(f" has 0 of 1 valid signatures: {ending} [threshold_not_met]")


def test_nobody_signs_in_a_directory() -> None:
    """What was not brought along may well be signed where Notary is."""
    message = present(errors.NoTrustData("root"), reference="a:1", gun="g", notary="corp", carried="yes").message
    ending = "ask this proxy's operator for an export that has it [no_trust_data]"
    assert message == f"a:1 has no trust data in Notary corp (gun g): {ending}"


def test_long_names_are_shortened_in_the_middle() -> None:
    """Beginning and end of a long name stay readable, and the longest name gives way first."""
    name = "first/" + "x" * 300 + "/last:1.4"
    message = present(errors.NoTrustData("root"), reference=name, gun="example.com/gun", notary="corp").message
    assert message.startswith("first/xxx")
    assert "xxx/last:1.4 has no trust data in Notary corp (gun example.com/gun)" in message
    assert ".." in message
    assert len(message) == 200


def test_a_long_fact_is_cut_before_it_is_put_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else wrote may have megabytes, and they are gone through for every refused request."""
    lengths: list[int] = []

    def ascii_(text: str) -> str:
        lengths.append(len(text))
        return text

    monkeypatch.setattr(refusals, "_ascii", ascii_)
    text = present(errors.MetadataCorrupt("targets", "x" * 5_000_000), reference="a" * 5_000_000, gun="g").message
    assert max(lengths) == FACT_LENGTH
    assert len(text) == 200


def test_a_fact_is_never_taken_for_a_template() -> None:
    """Braces that a client sends stay braces."""
    assert "{gun}" in present(errors.NameInvalid("{gun}"), gun="secret").message
    assert "(owner: {gun})" in present(errors.TagNotSigned("1", unreleased=False), gun="secret", owner="{gun}").message


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_may_soon_be_decided_asks_to_come_back(kind: type[Refusal]) -> None:
    """503 comes with Retry-After; a verdict does not, because asking again changes nothing."""
    presented = present(_made(kind, "plain"))
    assert (presented.retry_after == 10) == (presented.status == 503)
    assert (presented.status == 503) == issubclass(kind, errors.CannotDecide)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.__name__) for kind in sorted(FAMILIES, key=repr)])
def test_a_mere_family_of_refusals_cannot_be_presented(kind: type[Refusal]) -> None:
    """Raising one would be a defect of ours; it must not look like a verdict."""
    with pytest.raises(KeyError):
        present(_made(kind, "plain"))


def test_a_presented_refusal_carries_its_row() -> None:
    """Status, OCI code and log level come from the table."""
    presented = present(errors.Rollback("targets", "from version 5 to 4"), reference="a:1", gun="g", notary="corp")
    assert (presented.code, presented.status, presented.oci_code, presented.level) == (
        "rollback",
        403,
        "DENIED",
        "error",
    )
    assert presented.reason_phrase == f"Forbidden: {presented.message}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_says_its_facts_to_whoever_prints_it(kind: type[Refusal]) -> None:
    """A traceback and a log line name the facts, of a copy as well as of the refusal itself."""
    made = _made(kind, "plain")
    facts = [str(getattr(made, field.name)) for field in fields(made)]
    assert str(made) == str(replace(made)) == ", ".join(facts)


def test_a_refusal_that_nobody_asked_for_has_words_for_the_log() -> None:
    """What went wrong in the background is said of the collection, as it would be said of a pull of it."""
    told = for_log(errors.NotaryUnreachable("connection refused"), "registry.example.com/shop/api", "corp")
    assert told.startswith("registry.example.com/shop/api cannot be decided, Notary corp cannot be reached")
    assert told.endswith("[notary_unreachable]")
