"""Named bounds. Every loop, download and wait in this program has one of these on it.

Sizes are bytes, times are seconds unless the name says otherwise. The figures are wide enough for
what the real tools produce (75,000 signed tags, eleven nested delegations) and narrow enough that a
hostile Notary or registry cannot exhaust memory or time.
"""

from typing import Final

# Trust data (differences S11 and S15).
TIMESTAMP_BYTES: Final = 1 << 20
ROOT_BYTES: Final = 4 << 20
SNAPSHOT_BYTES: Final = 32 << 20
TARGETS_BYTES: Final = 32 << 20
JSON_DEPTH: Final = 64
JSON_VALUES: Final = 2 << 20  # wide enough for every honest file within the sizes above
KEYS: Final = 1024  # in one file
KEY_BYTES: Final = 64 << 10
KEYS_REMEMBERED: Final = 512  # as they were read, and as many bundles of certificates
KEY_REMEMBERED_BYTES: Final = 8 << 10  # those of a larger key are read each time
ROLES: Final = 64
DELEGATIONS_BYTES: Final = 64 << 20  # all delegations of a collection together
DELEGATION_DEPTH: Final = 16
ROLE_NAME_LENGTH: Final = 255
ROLE_NAMES_REMEMBERED: Final = 4096
ROOT_ROTATIONS: Final = 64
SIGNATURES: Final = 256
LARGEST_INTEGER: Final = 2**53

# Names.
REPOSITORY_LENGTH: Final = 255
TAG_LENGTH: Final = 128

# Manifests and registry.
MANIFEST_BYTES: Final = 4 << 20
INDEX_DEPTH: Final = 4
WALK_MANIFESTS: Final = 512
WALK_DIGESTS: Final = 1_000_000  # to keep in mind during one walk
WALK_PARALLEL: Final = 8
WALK_ATTEMPTS: Final = 3  # for one question, where others' walks prove nothing for it
REGISTRY_ERROR_BYTES: Final = 64 << 10
MANIFEST_REDIRECTS: Final = 3
PROXIES_PASSED: Final = 8  # of this kind, one behind the other, before a request comes here
TAGS_BYTES: Final = 16 << 20  # one page of a list of tags
PERMISSION_SECONDS: Final = 30.0  # a registry's yes to a credential
REGISTRY_CONNECT_SECONDS: Final = 5.0
REGISTRY_MANIFEST_SECONDS: Final = 30.0
REGISTRY_COMMIT_SECONDS: Final = 900.0  # a finished upload: the registry may hash all of it before it answers
STREAM_IDLE_SECONDS: Final = 120.0  # nothing moved in either direction
MISSING_SECONDS: Final = 60.0  # then a manifest that the registry lacked is looked for again
CLOSED_DIGESTS: Final = 10_000  # refused as manifests, so refused as blobs
NO_MANIFEST_SECONDS: Final = 30.0
RELAYED_ERRORS: Final = 4  # of one answer of the registry
RELAYED_MESSAGE_LENGTH: Final = 256
RELAYED_DETAIL_LENGTH: Final = 128  # of each text in it
RELAYED_DETAIL_PARTS: Final = 8
REASON_LENGTH: Final = 200
HTTP_LINE_BYTES: Final = 32 << 10
CLIENT_KEEPALIVE_SECONDS: Final = 75.0
CLIENT_LINGER_SECONDS: Final = 5.0  # to read what is left of a body that was refused, before hanging up

# Connections of clients.
HTTP_HEADERS: Final = 128
FORWARDED_HOPS: Final = 32
TLS_HANDSHAKE_SECONDS: Final = 10.0
TLS_HANDSHAKES: Final = 1024  # under way at once, on all listeners together
TLS_CLOSE_SECONDS: Final = 10.0  # to say goodbye in TLS, before hanging up
ACCEPT_RETRY_SECONDS: Final = 0.1
CLIENT_CONNECTIONS: Final = 20_000
PROBE_CONNECTIONS: Final = 64  # of those who ask how the proxy is; beyond that, the oldest idle one makes room
FILES_RESERVED: Final = 256  # for Notary, the trust store, logs, and whoever asks how the proxy is

# Time.
DECISION_SECONDS: Final = 10.0
CLOCK_BEHIND_SECONDS: Final = 300.0
LAST_CHECK_SECONDS: Final = 10.0  # after it was asked for, others' last check is not asked for again
DRAIN_SECONDS: Final = 25.0  # all of it: from the signal to the last connection
DRAIN_CUT_SECONDS: Final = 1.0  # the last of these: for requests to end once they are cut off
COMMIT_ATTEMPTS: Final = 3
FLIGHT_SECONDS: Final = 60.0
CHECK_PATIENCE_SECONDS: Final = 8.0  # of one request, for a check of its collection; leaves time for the rest
CHECK_PAUSE_SECONDS: Final = 1.0  # between checks of one collection while Notary is away
REFUSED_SECONDS: Final = 5.0  # a definite refusal is not asked for again
NOTED_SECONDS: Final = 60.0  # between notes of checks in the trust store, where nothing changed
VERIFIED_SECONDS: Final = 86_400.0  # between whole verifications of a collection, where nothing changed
BREAKER_FAILURES: Final = 5  # in a row, then a Notary, or a collection of it, is left alone for a moment
BREAKER_COLLECTIONS: Final = 10_000  # whose failures are counted
BREAKER_PAUSE_SECONDS: Final = 0.5  # at first; twice as long each time
BREAKER_LONGEST_SECONDS: Final = 5.0
RENEWED_WHILE_SECONDS: Final = 3600.0  # after somebody asked for a collection, it is kept fresh
RENEWED_HOURLY_SECONDS: Final = 3600.0  # others are checked this often
RENEWED_FOR_DAYS: Final = 30  # after somebody asked
FIRST_ROUND_SECONDS: Final = 600.0  # over which what was in use before a restart is checked
RENEWED_AT_ONCE: Final = 8  # collections of one Notary
FIRST_CHECKS: Final = 256  # at once, of collections of which nothing is known; others wait in line
ASKED_NOTED_SECONDS: Final = 600.0  # between notes in the trust store of what was asked for
NOTARY_CONNECT_SECONDS: Final = 3.0
NOTARY_KEEPALIVE_SECONDS: Final = 60.0
CHANGEFEED_SHORTEST_SECONDS: Final = 0.2  # between two polls
CHANGEFEED_LONGEST_SECONDS: Final = 3600.0
CHANGEFEED_AWAY_SECONDS: Final = 5.0  # until the next poll of a Notary that does not answer
CHANGEFEED_SLOW_SECONDS: Final = 60.0  # until the next poll where somebody has to mend something first
TOKEN_SECONDS: Final = 10.0  # a token server's answer
TOKEN_LIFE_SECONDS: Final = 3600.0  # no token is kept longer, whatever its server says

# Processes that serve clients together.
WORKERS: Final = 64
WORKER_TICK_SECONDS: Final = 1.0  # between reports of a worker, which are its signs of life too
WORKER_SILENT_SECONDS: Final = 30.0  # then it is ended, and another one started
WORKER_PAUSE_SECONDS: Final = 0.1  # before another one takes its place; twice as long each time
WORKER_LONGEST_SECONDS: Final = 30.0
WORKER_SETTLED_SECONDS: Final = 60.0  # of service, then its end is counted as the first again
WORKER_START_SECONDS: Final = 60.0  # until it serves
WORKER_STOP_SECONDS: Final = 2.0  # after the drain, until it has ended
WORKER_LOOK_SECONDS: Final = 0.02  # between looks whether it has
CHANNEL_LINE_BYTES: Final = 1 << 20  # between a worker and its supervisor
CHANNEL_UNSENT_BYTES: Final = 4 << 20  # then more is not said to one that does not listen
CHANNEL_COLLECTIONS: Final = 500  # in one line
CHANNEL_GUN_LENGTH: Final = 1024  # of each; longer ones are not spoken of, nor heard of from a changefeed
CHANNEL_HINTED_BYTES: Final = 256 << 10  # of all names of one hint; where there is more, anything may have changed
CHANNEL_REPORT: Final = 20_000  # collections of which a worker says at once that they were asked for

# A changed configuration.
WATCHED_SECONDS: Final = 1.0  # between looks at the files; what changed and stands still for one look is read
REBOUND_SECONDS: Final = 10.0  # until a worker has taken it; then it is ended, and another one started
REPLACED_SECONDS: Final = 15.0  # after the last request, before a client that was replaced is closed
CHANGES_TOLD: Final = 20  # keys that one event names

SWITCH_SECONDS: Final = 0.0005  # before a thread of the store or of a survey gives way to the event loop

# Memory.
EVIDENCE_BYTES: Final = 1 << 30  # of packed evidence
EVIDENCE_ENTRIES: Final = 500_000
HOT_EVIDENCE_BYTES: Final = 64 << 20  # of evidence that lies unpacked beside
PACKED_PLAIN_BYTES: Final = 64 << 10  # evidence larger than this is not compressed
INLINE_BYTES: Final = 64 << 10  # of files; more than that is verified in a process of its own
VERIFIER_SECONDS: Final = 45.0  # for one step of a verification there; then the process is ended
VERIFIER_IDLE_SECONDS: Final = 60.0  # then the process is ended too, and its memory freed
VERIFIER_CHUNK_BYTES: Final = 256 << 10  # to it at once
VERIFIER_LINE_BYTES: Final = 1 << 20  # from it at once
PAST_PLAIN_BYTES: Final = 8 << 10  # what is remembered of earlier tags, if larger, is not read whole
SKIPPED_TOLD: Final = 100  # targets of one collection that count for nothing
PAST_OF_A_TAG: Final = 64  # earlier records of one tag
PAST_STATEMENTS: Final = 100_000  # of one collection: earlier statements, and the keys behind them
DIGEST_TAGS: Final = 64  # that have to do with one digest; where there are more, they are judged beside the event loop
DIGEST_JUDGEMENTS: Final = 256  # of these tags, one each now and for every earlier record; the same
DIGEST_ANSWERS: Final = 1024  # about such digests, remembered of one collection
SURVEY_THREADS: Final = 2  # for whatever goes through many tags
MANIFEST_CACHE_BYTES: Final = 64 << 20
CLOSURE_CHILDREN_BYTES: Final = 64 << 20  # what indexes name, and which manifests are none
CLOSURE_BLOBS_BYTES: Final = 64 << 20  # what images name
MISSING_CACHED: Final = 100_000
INDEXES_KEPT: Final = 100_000  # known to be in the trust store
INDEX_KEPT_SECONDS: Final = 86_400.0  # an index in use is kept anew after that
INDEXES_RECALLED: Final = 256  # for one question
NOTARY_CONNECTIONS: Final = 16  # for files; the changefeed has one more of its own
CHANGEFEED_BYTES: Final = 1 << 20  # of one page
CHANGEFEED_RECORDS: Final = 500  # of one page
CHANGEFEED_PAGES: Final = 20  # of one poll; whoever is further behind starts over
CHANGEFEED_KNOWN: Final = 16  # newest records that each poll reads once more
CHANGEFEED_ID_LENGTH: Final = 256
REFUSALS_REMEMBERED: Final = 10_000
DOUBTS_REMEMBERED: Final = 500_000
PERMISSIONS_CACHED: Final = 100_000
TOKENS_CACHED: Final = 10_000
TOKEN_ANSWER_BYTES: Final = 64 << 10

# Trust store.
STORE_BUSY_SECONDS: Final = 5.0
STORE_READERS: Final = 3
STORE_GROUPED_WRITES: Final = 64  # in one transaction
STORE_GROUP_SECONDS: Final = 0.1  # after that it is committed, whatever still waits
STORE_ATTEMPTS: Final = 5  # to write what may be written again, where other processes were first
STORE_CONNECT_SECONDS: Final = 2.0  # to a server, the least that its driver allows
STORE_RETRY_SECONDS: Final = 1.0  # a server that could not be reached is not tried again before
STORE_LOCK_SECONDS: Final = 3.0
STORE_STATEMENT_SECONDS: Final = 5.0
STORE_ANSWER_SECONDS: Final = 6.0  # then a connection that says nothing is given up
STORE_IDLE_SECONDS: Final = 10.0  # then the server ends a transaction that a dead or stopped process left behind
STORE_UPGRADE_SECONDS: Final = 600.0
STORE_INDEXES_BYTES: Final = 256 << 20  # of the indexes that are kept, so that a restart knows their children
STORE_NAMERS: Final = 64  # indexes to look into for one child
OVERLAY_INDEXES_BYTES: Final = 16 << 20

# What the program says of itself.
AUDIT_LOOK_SECONDS: Final = 1.0  # between looks whether the audit file was moved away

# Traces.
TRACES_SEND_SECONDS: Final = 5.0  # for a batch of spans, until it is lost
TRACES_STOP_SECONDS: Final = 1.5  # at the end of a process, to send what is left
TRACES_SAID_SECONDS: Final = 300.0  # between complaints that they cannot be sent
METRIC_COLLECTIONS: Final = 1_000  # whose expiries are among the metrics: those that run out first
STORE_WRITTEN_SECONDS: Final = 15.0  # after something was written, a trust store passes for one that can be
ADMISSION_NOTED_SECONDS: Final = 3600.0  # between notes in the trust store that a tag was admitted
ADMISSION_KEPT_DAYS: Final = 30
REGRESSION_DAYS: Final = 7  # after it was admitted, a tag that is refused is told of
ADMISSIONS_KNOWN: Final = 50_000  # tags of which a process knows that they are noted
ADMISSIONS_UNNOTED: Final = 10_000  # that wait to be noted; of more nothing is noted
ADMISSIONS_AT_ONCE: Final = 500  # in one transaction
ADMISSIONS_PAUSE_SECONDS: Final = 1.0  # between two of them
ADMISSIONS_AWAY_SECONDS: Final = 10.0  # the same where the trust store is away
ADMISSIONS_CLOSE_SECONDS: Final = 1.0  # for the last of them
REFUSALS_LOOKED_UP: Final = 10_000  # tags that were refused, and looked for among what was admitted
REFUSALS_WAIT_SECONDS: Final = 2.0  # before that: another process may be about to note an admission
REFUSALS_LOOKED_UP_SECONDS: Final = 10.0  # then they are looked for once more
READY_SECONDS: Final = 3.0  # for each part of an answer whether requests are welcome

# Messages.
MESSAGE_LENGTH: Final = 200
FACT_LENGTH: Final = 1024  # of each fact in a message, before it is made to fit
QUOTED_LENGTH: Final = 128  # of a text that somebody else wrote, in a reason to refuse
CONFIGURATION_BYTES: Final = 4 << 20  # of one file
TAG_PATTERNS: Final = 128  # of one entry: each is compared with those of the entry that it hides
INCLUDED_PATTERNS: Final = 256  # with a `*`, of one included file: each is compared with all others
CONTACT_LENGTH: Final = 60  # of an owner, at the end of a message

# Commands that look at everything.
BUNDLE_COLLECTIONS: Final = 500_000  # of one directory
BACKUP_LINE_BYTES: Final = 256 << 20  # one collection or index
CENSUS_AT_ONCE: Final = 8  # collections that are read at the same time
CATALOGUE_REPOSITORIES: Final = 100_000  # of one registry
CATALOGUE_TAGS: Final = 250_000  # of one repository
CATALOGUE_PAGES: Final = 10_000  # of one list; registries give a hundred names a page
CATALOGUE_SECONDS: Final = 600.0  # for one list, all pages of it

# The doctor, which looks at everything once.
DOCTOR_CONNECT_SECONDS: Final = 2.0  # for a name, a connection, a handshake
DOCTOR_ANSWER_SECONDS: Final = 4.0  # for one answer
DOCTOR_ANSWER_BYTES: Final = 1 << 20
DOCTOR_HOP_SECONDS: Final = 6.0  # for one hop
DOCTOR_TRUST_DATA_SECONDS: Final = 8.0  # for the trust data of all repositories
DOCTOR_REPOSITORIES: Final = 48  # of the catalogue, where none are named
DOCTOR_TIMESTAMPS: Final = 1_000  # of one directory in the place of a Notary
DOCTOR_SOON_DAYS: Final = 30  # before something runs out
DOCTOR_SEALS_SECONDS: Final = 3.0  # for the collections of the trust store, of which there may be many
DOCTOR_SPACE_BYTES: Final = 512 << 20  # free on the disk of the trust store
DOCTOR_FULL_BYTES: Final = 1 << 20  # the same, below which a collection of some size is not remembered any more
CLOCK_OFF_SECONDS: Final = 30.0  # worth a warning, long before CLOCK_BEHIND_SECONDS
TIMESTAMP_LIFE_SECONDS: Final = 14 * 86_400.0  # as notary-server signs timestamps

# Asking a proxy that runs somewhere.
VIA_SECONDS: Final = 45.0  # for one answer: its decision, and the registry behind it
VIA_VERDICT_SECONDS: Final = 12.0  # an audit's decision runs beside the answer, which does not wait for it
VIA_SENTENCE_LENGTH: Final = 400  # of what it says in words; twice what ours do
CREDENTIAL_HELPER_SECONDS: Final = 30.0
DOCKER_CONFIG_BYTES: Final = 1 << 20
PROPOSAL_NAME_SAMPLE: Final = 32  # repositories that are looked for under another name

# What one collection may take from others.
SIGNATURES_TRIED: Final = 4  # by one key, in one file; honest files have one
VERIFIER_ATTEMPTS: Final = 8  # of one verification, where the process ended over others
NOTARY_KNOWN: Final = 20_000  # collections of which a Notary gave a file, the latest
NOTARY_RESERVED: Final = 4  # one of so many connections is for these alone
DIRECTORY_THREADS: Final = 2  # that read one directory in the place of a Notary
DIRECTORY_SECONDS: Final = 5.0  # until a file of it is read

# Warm requests that are answered as they arrive (web.fast_path)
FAST_REQUEST_BYTES: Final = 4096
FAST_ANSWER_BYTES: Final = 64 * 1024
FAST_PATH_BYTES: Final = 32 << 20
FAST_REQUESTS_SEEN: Final = 16_384
FOLLOWERS_SECONDS: Final = 1.0  # then who waits for the answer to another's request asks itself
FOLLOWERS_ALONE_SECONDS: Final = 300.0  # for which nobody waits for what was waited for in vain
FOLLOWERS_AT_ONCE: Final = 100  # are answered in one turn of the loop
BATCH_SECONDS: Final = 0.05
BATCH_LINES: Final = 256

# Large blobs that go straight from one connection to the other (web.straight)
STRAIGHT_BYTES: Final = 1 << 20  # still to come; less is not worth the registry's connection, which ends with it
STRAIGHT_TLS_BYTES: Final = 16 << 20  # the same where the next one would begin with a handshake
GATHERED_BYTES: Final = 512 << 10  # that the kernel has of one before it wakes anybody for them
GATHER_SECONDS: Final = 0.5  # then what has come is taken, however little
