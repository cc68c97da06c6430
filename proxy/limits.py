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
TLS_HANDSHAKES: Final = 1024  # under way at once, on one listener
TLS_CLOSE_SECONDS: Final = 10.0  # to say goodbye in TLS, before hanging up
ACCEPT_RETRY_SECONDS: Final = 0.1
CLIENT_CONNECTIONS: Final = 20_000
FILES_RESERVED: Final = 256  # for Notary, the trust store, logs, and whoever asks how the proxy is

# Time.
DECISION_SECONDS: Final = 10.0
CLOCK_BEHIND_SECONDS: Final = 300.0
DRAIN_SECONDS: Final = 25.0  # all of it: from the signal to the last connection
DRAIN_CUT_SECONDS: Final = 1.0  # the last of these: for requests to end once they are cut off
COMMIT_ATTEMPTS: Final = 3
FLIGHT_SECONDS: Final = 60.0
NOTARY_CONNECT_SECONDS: Final = 3.0
NOTARY_KEEPALIVE_SECONDS: Final = 60.0
TOKEN_SECONDS: Final = 10.0  # a token server's answer
TOKEN_LIFE_SECONDS: Final = 3600.0  # no token is kept longer, whatever its server says

# Memory.
EVIDENCE_BYTES: Final = 1 << 30
PAST_OF_A_TAG: Final = 64  # earlier records of one tag
PAST_STATEMENTS: Final = 100_000  # of one collection: earlier statements, and the keys behind them
MANIFEST_CACHE_BYTES: Final = 64 << 20
CLOSURE_CHILDREN_BYTES: Final = 64 << 20  # what indexes name, and which manifests are none
CLOSURE_BLOBS_BYTES: Final = 64 << 20  # what images name
MISSING_CACHED: Final = 100_000
INDEXES_KEPT: Final = 100_000  # known to be in the trust store
INDEX_KEPT_SECONDS: Final = 86_400.0  # an index in use is kept anew after that
INDEXES_RECALLED: Final = 256  # for one question
NOTARY_CONNECTIONS: Final = 16
PERMISSIONS_CACHED: Final = 100_000
TOKENS_CACHED: Final = 10_000
TOKEN_ANSWER_BYTES: Final = 64 << 10

# Trust store.
STORE_BUSY_SECONDS: Final = 5.0
STORE_READERS: Final = 3
STORE_INDEXES_BYTES: Final = 256 << 20  # of the indexes that are kept, so that a restart knows their children
STORE_NAMERS: Final = 64  # indexes to look into for one child
OVERLAY_INDEXES_BYTES: Final = 16 << 20

# Messages.
MESSAGE_LENGTH: Final = 200
CONFIGURATION_BYTES: Final = 4 << 20  # of one file
TAG_PATTERNS: Final = 128  # of one entry: each is compared with those of the entry that it hides
INCLUDED_PATTERNS: Final = 256  # with a `*`, of one included file: each is compared with all others
CONTACT_LENGTH: Final = 60  # of an owner, at the end of a message

# Commands that look at everything.
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
DOCTOR_SOON_DAYS: Final = 30  # before something runs out
DOCTOR_SPACE_BYTES: Final = 512 << 20  # free on the disk of the trust store
CLOCK_OFF_SECONDS: Final = 30.0  # worth a warning, long before CLOCK_BEHIND_SECONDS
TIMESTAMP_LIFE_SECONDS: Final = 14 * 86_400.0  # as notary-server signs timestamps

# Asking a proxy that runs somewhere.
VIA_SECONDS: Final = 45.0  # for one answer: its decision, and the registry behind it
VIA_VERDICT_SECONDS: Final = 12.0  # an audit's decision runs beside the answer, which does not wait for it
VIA_SENTENCE_LENGTH: Final = 400  # of what it says in words; twice what ours do
CREDENTIAL_HELPER_SECONDS: Final = 30.0
DOCKER_CONFIG_BYTES: Final = 1 << 20
PROPOSAL_NAME_SAMPLE: Final = 32  # repositories that are looked for under another name
