"""Every metric that there is: its name, what it means, and what its labels can be.

The label sets are closed. They are filled by the configuration (rules, Notaries, upstreams) and by words of this
program, never by clients; of GUNs there are at most `METRIC_COLLECTIONS`. `docs/metrics.md` is made from this page.
"""

from typing import Final

from proxy.telemetry.meters import Computed, Counter, Histogram, Level, meters

RULE: Final = "the rule that applied, as the pattern is written; `none` where none did"
NOTARY: Final = "the Notary, by its name in `notaries`"
UPSTREAM: Final = "`registry`, or `notary:` and its name in `notaries`"

_OUTCOMES: Final = {401: "unauthorised", 403: "unauthorised", 404: "missing"}

NO_RULE: Final = "none"
"""The value of `rule` where there is none."""

DECISIONS: Final = Counter(
    "tagwarden_decisions_total",
    "What was decided about requests, and requests that were refused without a decision.",
    rule=RULE,
    mode="`enforce`, `protect`, `audit`, `disabled`; `none` where nothing was decided",
    decision="`allowed`, `refused`, `would-refuse`, `not-enforced`: what became of the request",
    refusal="the [code](refusals.md) of a refusal, binding or not; `none` without one",
)
REFUSALS: Final = Counter(
    "tagwarden_refusals_total",
    "Requests that were refused. Every code is there from the first second, so that an alert sees its first.",
    refusal="the [code](refusals.md)",
)
DECISION_SECONDS: Final = Histogram(
    "tagwarden_decision_seconds",
    "How long a decision took, in seconds, without the registry's part of the answer.",
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    cache="where its evidence came from: `fresh` (memory), `checked` (somebody asked Notary first), `stale` (memory, "
    "in an outage), `none` (there was none, or none was needed)",
)
UPSTREAM_REQUESTS: Final = Counter(
    "tagwarden_upstream_requests_total",
    "Requests of the proxy to registry and Notaries.",
    upstream=UPSTREAM,
    outcome="`ok` (2xx, 3xx), `missing` (404), `unauthorised` (401, 403), `error` (any other status), `timeout`, "
    "`unreachable`",
)
UPSTREAM_SECONDS: Final = Histogram(
    "tagwarden_upstream_seconds",
    "How long they took, in seconds: the registry until its answer begins, a Notary until its end.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    upstream=UPSTREAM,
)
STALE_SERVED: Final = Counter(
    "tagwarden_stale_served_total",
    "Manifests and blobs that were served by evidence which could not be confirmed in an outage.",
)
GRACE_SERVED: Final = Counter(
    "tagwarden_grace_served_total",
    "Manifests and blobs that were served though a role had expired, by `expiry_grace`.",
)
REQUESTS_IN_FLIGHT: Final = Level(
    "tagwarden_requests_in_flight",
    "Requests of clients that are being answered; not those that wait for the answer to the same request of another.",
)
FLIGHT_WAITERS: Final = Level(
    "tagwarden_flight_waiters",
    "Requests that wait for a check of their collection; those of one collection wait for the same one.",
)
CACHE_ENTRIES: Final = Level(
    "tagwarden_cache_entries",
    "Entries of the memories of all processes.",
    cache="`evidence` (verified collections), `unpacked` (those in use), `manifests`, `permissions` (what the "
    "registry let in), `indexes` (what admitted indexes name), `blobs` (what admitted manifests name)",
)
CACHE_BYTES: Final = Level(
    "tagwarden_cache_bytes",
    "About how many bytes those take that are bounded by their size.",
    cache="as above",
)
REGRESSIONS: Final = Counter(
    "tagwarden_regressions_total",
    "Tags that were refused under `enforce` or `protect` though they had been admitted within 7 days; each is counted "
    "once, until it is admitted again.",
    rule=RULE,
)
AUDIT_EVENTS: Final = Counter(
    "tagwarden_audit_events_total",
    "Events of the audit stream, also without an `audit_file`. What several processes see, each of them counts.",
    audit="the kinds of the [audit stream](logs.md#the-audit-stream)",
)
AUDIT_LINES_LOST: Final = Counter(
    "tagwarden_audit_lines_lost_total",
    "Lines that could not be written to `log.audit_file`; they stand in the log.",
)
NOTARY_UP: Final = Computed(
    "tagwarden_notary_up",
    "1 where the Notary answered when it was asked last, 0 where it did not; absent until it is asked.",
    notary=NOTARY,
)
OUTAGE_FOR: Final = Computed(
    "tagwarden_outage_for_seconds",
    "How long evidence serves while the Notary does not answer: the shortest `outage_for` of its entries.",
    notary=NOTARY,
)
STORE_UP: Final = Computed(
    "tagwarden_trust_store_up",
    "1 where the trust store can be read and written, 0 where it cannot.",
)
EVIDENCE_AGE: Final = Computed(
    "tagwarden_evidence_age_seconds",
    "How long ago the oldest evidence was confirmed, of collections that were asked for within the hour.",
    notary=NOTARY,
)
METADATA_EXPIRY: Final = Computed(
    "tagwarden_metadata_expiry_timestamp_seconds",
    "When a role expires, in seconds since 1970: of the 1,000 collections of which something expires first. Of "
    "timestamps only while the Notary does not answer, because it signs them anew by itself.",
    gun="the collection",
    role="`root`, `snapshot`, `targets`, `targets/...`; `timestamp` in an outage",
)
RELAXATION_END: Final = Computed(
    "tagwarden_relaxation_end_timestamp_seconds",
    "When something ends that asks for less than `enforce`, in seconds since 1970; `+Inf` for what has no end.",
    kind="`rollout`, `exception`, `digest_pull`",
    name="its pattern, or the image of an exception",
    mode="of a `rollout`: `audit`, `disabled`, `protect`; else `none`",
)
CERTIFICATE_EXPIRY: Final = Computed(
    "tagwarden_certificate_expiry_timestamp_seconds",
    "When the certificate that clients are shown runs out, in seconds since 1970.",
    listener="`listen`, `candidates`",
)
CONFIG_INFO: Final = Computed(
    "tagwarden_config_info",
    "1 for the configuration in effect.",
    hash="its name, as `generation` in the event `serving`",
    version="of the program",
)
RELOAD_SUCCESSFUL: Final = Computed(
    "tagwarden_config_last_reload_successful",
    "1 where the configuration was taken when it was read last, 0 where the one before stayed in effect.",
)
RELOAD_TIME: Final = Computed(
    "tagwarden_config_last_reload_success_timestamp_seconds",
    "When a configuration was taken last, in seconds since 1970.",
)
WORKERS: Final = Computed(
    "tagwarden_workers",
    "Processes that serve clients now.",
)

METERS: Final = meters()
"""All of them, in this order."""


def outcome(status: int) -> str:
    """What an answer of this status comes to, in a word of `UPSTREAM_REQUESTS`."""
    if status < 400:
        return "ok"
    return _OUTCOMES.get(status, "error")
