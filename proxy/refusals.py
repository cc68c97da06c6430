"""The table of refusals: for each typed reason its code, HTTP status, OCI code, sentence and log level.

The sentence is one ASCII line of at most 200 characters that says what, why and what to do, and ends in
`[code]`. It is the `message` of the error body, and the reason phrase after the status's own, because
older containerd shows nothing else. The reference page of the docs is generated from this table.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

from proxy import errors
from proxy.limits import FACT_LENGTH, MESSAGE_LENGTH
from proxy.names import SNAPSHOT, TIMESTAMP

Level: TypeAlias = Literal["info", "warning", "error"]

_SHORTEST_FACT: Final = 24
_PHRASES: Final[Mapping[int, str]] = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `sentence` is a format string over the facts of the exception and of the request (`reference`,
    `gun`, `notary`); `meaning` is for the docs. `is_owned` is for what the owner of a repository can mend: their
    contact stands beside it.
    """

    code: str
    status: int
    oci_code: str
    level: Level
    sentence: str
    meaning: str
    is_owned: bool = False


TABLE: Final[Mapping[type[errors.Refusal], Row]] = {
    errors.NoRule: Row(
        "no_rule", 403, "DENIED", "warning",
        "{reference} has no entry in this proxy's `repositories`: ask its operator to add who must sign it",
        "No entry of `repositories` matches.",
    ),
    errors.Blocked: Row(
        "blocked", 403, "DENIED", "warning",
        "{reference} is refused, {subject} is blocked ({reason}): ask this proxy's operator",
        "`blocked` names the digest, or a key without whose signatures the rest does not hold.",
        is_owned=True,
    ),
    errors.NoTrustData: Row(
        "no_trust_data", 403, "DENIED", "info",
        "{reference} has no trust data in Notary {notary} (gun {gun}): sign it or pull a signed image",
        "Notary has nothing for the GUN (404 on root or timestamp).",
        is_owned=True,
    ),
    errors.TagNotSigned: Row(
        "tag_not_signed", 403, "DENIED", "info",
        "{reference} is not signed in Notary (gun {gun}){hint}: sign it or pull a signed tag",
        "Trust data is valid; the tag is in no role that counts.",
        is_owned=True,
    ),
    errors.SignerMissing: Row(
        "signer_missing", 403, "DENIED", "info",
        "{reference} is signed by {signed}, its rule needs {wanted} more of {missing}: ask them to sign it",
        "Signed, but not by enough of the required signers; a missing release counts as one.",
        is_owned=True,
    ),
    errors.SignersDisagree: Row(
        "signers_disagree", 403, "DENIED", "warning",
        "{reference}: its signers signed different digests ({digests}): ask them to sign the same one",
        "Required signers signed different digests.",
        is_owned=True,
    ),
    errors.DigestNotSigned: Row(
        "digest_not_signed", 403, "DENIED", "info",
        "{reference} is admitted by no signed tag of gun {gun}{hint}: pull a signed tag, or sign this digest",
        "A digest that nothing signed admits.",
        is_owned=True,
    ),
    errors.Expired: Row(
        "expired", 403, "DENIED", "warning",
        "{reference}: role {role} of gun {gun} expired at {expires}: ask {whom} to publish again",
        "A role that the decision needs has expired.",
        is_owned=True,
    ),
    errors.ThresholdNotMet: Row(
        "threshold_not_met", 403, "DENIED", "warning",
        "{reference}: role {role} of gun {gun} has {valid} of {threshold} valid signatures: ask {whom} to sign",
        "Too few valid signatures by distinct public keys on a role that the decision needs.",
        is_owned=True,
    ),
    errors.RootNotTrusted: Row(
        "root_not_trusted", 403, "DENIED", "error",
        "{reference}: the root of gun {gun} is not trusted, {why}: ask this proxy's operator to check `roots`",
        "Pins, certificate name or certificate dates do not hold.",
        is_owned=True,
    ),
    errors.RootRotationBroken: Row(
        "root_rotation_broken", 403, "DENIED", "error",
        "{reference}: the new root of gun {gun} is not signed by the old one, {why}: ask this proxy's operator",
        "The new root is not signed by the remembered one.",
        is_owned=True,
    ),
    errors.Rollback: Row(
        "rollback", 403, "DENIED", "error",
        "{reference}: {role} of gun {gun} went back, {why}: possible attack, ask this proxy's operator",
        "A version went back, changed under its number, or a role was withheld.",
        is_owned=True,
    ),
    errors.MetadataCorrupt: Row(
        "metadata_corrupt", 403, "DENIED", "error",
        "{reference}: {role} of gun {gun} is corrupt, {why}: ask Notary's operator",
        "Not parseable, wrong hash or listed file missing twice, over a limit.",
        is_owned=True,
    ),
    errors.SignedLengthWrong: Row(
        "signed_length_wrong", 403, "DENIED", "warning",
        "{reference} was signed by {signers} with length {signed}, its manifest has {actual}: sign it again",
        "The digest fits, the signed length does not.",
        is_owned=True,
    ),
    errors.ManifestAmbiguous: Row(
        "manifest_ambiguous", 403, "DENIED", "warning",
        "{reference} has a manifest that clients could read in two ways, {why}: push it again with a current tool",
        "Ambiguous, schema 1 or oversized body.",
        is_owned=True,
    ),
    errors.BlobNotAdmitted: Row(
        "blob_not_admitted", 403, "DENIED", "info",
        "{reference}: no admitted manifest names this blob: pull a signed image",
        "`blobs: admitted` and no admitted manifest names it, or a digest that was refused as manifest.",
        is_owned=True,
    ),
    errors.NameInvalid: Row(
        "reference_invalid", 400, "NAME_INVALID", "info",
        "{text} is no valid repository name: check its spelling",
        "A name outside the strict grammar.",
    ),
    errors.TagInvalid: Row(
        "reference_invalid", 400, "TAG_INVALID", "info",
        "{text} is no valid tag: check its spelling",
        "A tag outside the strict grammar.",
    ),
    errors.DigestInvalid: Row(
        "reference_invalid", 400, "DIGEST_INVALID", "info",
        "{text} is no valid digest: use sha256 and 64 lower-case hex digits",
        "A digest other than `sha256:` and 64 lower-case hex digits.",
    ),
    errors.PathUnknown: Row(
        "path_unknown", 404, "UNSUPPORTED", "info",
        "{path} is no path of the registry API: check the address",
        "No such route.",
    ),
    errors.MethodNotAllowed: Row(
        "method_not_allowed", 405, "UNSUPPORTED", "info",
        "{method} is not possible on this path: check the command",
        "The route exists, the method does not.",
    ),
    errors.PushRefused: Row(
        "push_refused", 405, "UNSUPPORTED", "info",
        "{reference} cannot be pushed through this proxy: push to the registry itself",
        "`registry.push` is `refuse`.",
    ),
    errors.DeleteRefused: Row(
        "delete_refused", 405, "UNSUPPORTED", "info",
        "{reference} cannot be deleted, {why}: ask its signers to withdraw it first, or this proxy's operator",
        "`registry.delete` protects it.",
    ),
    errors.PusherHead: Row(
        "pusher_head", 404, "MANIFEST_UNKNOWN", "info",
        "{reference}: a pusher's question is answered as if there were nothing yet: pull it to hear more",
        "A HEAD of a client that pushes.",
    ),
    errors.ManifestMissing: Row(
        "manifest_missing", 404, "MANIFEST_UNKNOWN", "warning",
        "{reference} is signed as {digest}, but the registry does not have it: push it again",
        "Signed, but the registry does not have it.",
        is_owned=True,
    ),
    errors.NotAcceptable: Row(
        "not_acceptable", 404, "MANIFEST_UNKNOWN", "info",
        "{reference} is signed as {media_type}, which this client does not accept: use a newer client",
        "The client's Accept excludes the signed media type.",
    ),
    errors.ContentMismatch: Row(
        "content_mismatch", 502, "UNKNOWN", "error",
        "{reference}: the registry returned other bytes than {digest}: ask the registry's operator",
        "The registry returned other bytes than were signed.",
    ),
    errors.RegistryUnreachable: Row(
        "registry_unreachable", 502, "UNAVAILABLE", "error",
        "the registry cannot be reached ({why}): try again or ask its operator",
        "Refused, reset or failed in TLS.",
    ),
    errors.RegistryLoop: Row(
        "registry_unreachable", 502, "UNAVAILABLE", "error",
        "the registry cannot be reached, {why}: ask this proxy's operator to write the registry's own address there",
        "`registry.url`, or what its host is resolved to, is this proxy, so each request would ask itself again.",
    ),
    errors.RegistryTimedOut: Row(
        "registry_unreachable", 504, "UNAVAILABLE", "error",
        "the registry did not answer in time ({why}): try again or ask its operator",
        "No answer in time.",
    ),
    errors.NotaryUnreachable: Row(
        "notary_unreachable", 503, "UNAVAILABLE", "error",
        "{reference} cannot be decided, Notary {notary} cannot be reached ({why}): try again or ask its operator",
        "Notary does not answer: connection, TLS, time-out, or any status but 200 and 404.",
    ),
    errors.TrustStoreUnavailable: Row(
        "trust_store_unavailable", 503, "UNAVAILABLE", "error",
        "{reference} cannot be decided, the trust store is unavailable ({why}): ask this proxy's operator",
        "The trust store cannot be read or written.",
    ),
    errors.DeadlineExceeded: Row(
        "deadline_exceeded", 503, "UNAVAILABLE", "error",
        "{reference} could not be decided within {seconds} s: try again",
        "No decision within the time a request may wait.",
    ),
    errors.Undecided: Row(
        "undecided", 503, "UNAVAILABLE", "warning",
        "{reference} cannot be decided now, {why}: try again or ask this proxy's operator",
        "A look-up could not be completed, or the clock cannot be believed.",
    ),
    errors.Internal: Row(
        "internal", 500, "UNKNOWN", "error",
        "{reference}: unexpected error in this proxy: ask its operator, the log says what happened",
        "Anything unexpected; the traceback is in the log.",
    ),
}  # fmt: skip

_SIGNED_BY_NOTARY: Final = (TIMESTAMP, SNAPSHOT)
_CARRIED: Final[Mapping[type[errors.Refusal], str]] = {
    errors.NoTrustData: "{reference} has no trust data in Notary {notary} (gun {gun}): "
    "ask this proxy's operator for an export that has it",
    errors.Expired: "{reference}: role {role} of gun {gun} expired at {expires}: "
    "ask this proxy's operator for a newer export",
    errors.ThresholdNotMet: "{reference}: role {role} of gun {gun} has {valid} of {threshold} valid signatures: "
    "ask this proxy's operator for another export",
}
"""Where Notary is a directory, in which nobody signs: of what was not brought along, and of what Notary signs."""

CONTACT: Final = " (owner: {owner})"
"""Stands between sentence and code of an owned row, where the entry has an owner."""

RETRY_AFTER_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Presented:
    """A refusal in the words and numbers of the outside."""

    code: str
    status: int
    oci_code: str
    level: Level
    message: str
    reason_phrase: str
    retry_after: int | None


def row_of(refusal: errors.Refusal) -> Row:
    """Find the row of a refusal's own class. Raises `KeyError` for a class that is not in the table."""
    return TABLE[type(refusal)]


def present(
    refusal: errors.Refusal,
    *,
    reference: str = "",
    gun: str = "",
    notary: str = "",
    owner: str = "",
    carried: str = "",
) -> Presented:
    """Turn facts into the answer (design: Answers).

    The context names what was asked, and the contact of the repository's owner, if there is one; it is shortened
    in the middle where the sentence would not fit. `carried` is not empty where Notary is a directory.
    """
    row = row_of(refusal)
    if carried and _is_of_an_export(refusal):
        row = replace(row, sentence=_CARRIED[type(refusal)])
    facts = {"reference": reference, "gun": gun, "notary": notary, "owner": owner}
    facts |= {field.name: _word(getattr(refusal, field.name)) for field in fields(refusal)}
    if isinstance(refusal, errors.TagNotSigned):
        facts["hint"] = ", only in targets and not in the declared targets/releases" if refusal.unreleased else ""
    if isinstance(refusal, errors.SignerMissing):
        facts["missing"] = ", ".join(_still_wanted(refusal)) or "nobody"
    if isinstance(refusal, errors.DigestNotSigned):
        facts["hint"] = f" (tag {facts['tag']} had it until {facts['ended']})" if refusal.ended else ""
    if isinstance(refusal, errors.Expired | errors.ThresholdNotMet):
        facts["whom"] = "Notary's operator" if refusal.role in _SIGNED_BY_NOTARY else "its owner"
    message = _sentence(row, facts)
    return Presented(
        code=row.code,
        status=row.status,
        oci_code=row.oci_code,
        level=row.level,
        message=message,
        reason_phrase=f"{_PHRASES[row.status]}: {message}",
        retry_after=RETRY_AFTER_SECONDS if row.status == 503 else None,
    )


def _is_of_an_export(refusal: errors.Refusal) -> bool:
    """Whether another export mends it; what people sign they have to sign anew all the same."""
    if isinstance(refusal, errors.Expired | errors.ThresholdNotMet):
        return refusal.role in _SIGNED_BY_NOTARY
    return isinstance(refusal, errors.NoTrustData)


def for_log(refusal: errors.Refusal, gun: str, notary: str = "") -> str:
    """The sentence about a collection where no client asked for anything of it."""
    return present(refusal, reference=gun, gun=gun, notary=notary).message


def _still_wanted(refusal: errors.SignerMissing) -> Iterator[str]:
    """Whoever is missing; some have signed already, by another key or for another digest."""
    for name in refusal.missing:
        yield f"{name} (signed in vain)" if name in refusal.signed else name


def _sentence(row: Row, facts: dict[str, str]) -> str:
    """Fill in the facts, shortening the longest one until the whole fits."""
    facts = {name: _ascii(_cut(text)) for name, text in facts.items()}
    contact = CONTACT if row.is_owned and facts["owner"] else ""
    used = [name for name in facts if f"{{{name}}}" in row.sentence + contact]
    while True:
        text = row.sentence.format_map(facts)
        ending = f"{contact.format_map(facts)} [{row.code}]"
        excess = len(text) + len(ending) - MESSAGE_LENGTH
        longest = max(used, key=lambda name: len(facts[name]), default="")
        if excess <= 0:
            return text + ending
        if not longest or len(facts[longest]) <= _SHORTEST_FACT:
            return text[: MESSAGE_LENGTH - len(ending)] + ending
        facts[longest] = _shorten(facts[longest], max(_SHORTEST_FACT, len(facts[longest]) - excess))


def _shorten(text: str, length: int) -> str:
    """Cut out the middle, where names and digests differ least for a reader."""
    kept = length - 2
    return f"{text[: kept - kept // 2]}..{text[len(text) - kept // 2 :]}"


def _cut(text: str) -> str:
    """A text as far as it may be seen: what others wrote may be as long as a file, and this runs on the event loop."""
    return text if len(text) <= FACT_LENGTH else _shorten(text, FACT_LENGTH)


def _ascii(text: str) -> str:
    """One line of printable ASCII: names from clients and Notary end up in a header line."""
    return re.sub(r"[^ -~]", "?", text)


def _word(fact: object) -> str:
    if isinstance(fact, datetime):
        return fact.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(fact, tuple):
        return ", ".join(str(part) for part in fact) or "nobody"
    return str(fact)
