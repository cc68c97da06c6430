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
WALK_PARALLEL: Final = 8
REGISTRY_ERROR_BYTES: Final = 64 << 10
REGISTRY_CONNECT_SECONDS: Final = 5.0
REGISTRY_MANIFEST_SECONDS: Final = 30.0
REGISTRY_COMMIT_SECONDS: Final = 900.0  # a finished upload: the registry may hash all of it before it answers
STREAM_IDLE_SECONDS: Final = 120.0  # nothing moved in either direction
CHILDLESS_SECONDS: Final = 30.0
HTTP_LINE_BYTES: Final = 32 << 10
CLIENT_KEEPALIVE_SECONDS: Final = 75.0
CLIENT_LINGER_SECONDS: Final = 5.0  # to read what is left of a body that was refused, before hanging up

# Time.
DECISION_SECONDS: Final = 10.0
CLOCK_BEHIND_SECONDS: Final = 300.0
DRAIN_SECONDS: Final = 30.0
COMMIT_ATTEMPTS: Final = 3
FLIGHT_SECONDS: Final = 60.0
NOTARY_CONNECT_SECONDS: Final = 3.0
NOTARY_KEEPALIVE_SECONDS: Final = 60.0

# Memory.
COLLECTIONS_CACHED: Final = 10_000
MANIFEST_CACHE_BYTES: Final = 64 << 20
INDEX_CHILDREN_CACHED: Final = 100_000
CHILDLESS_CACHED: Final = 10_000
NOTARY_CONNECTIONS: Final = 16

# Trust store.
STORE_BUSY_SECONDS: Final = 5.0
STORE_READERS: Final = 3

# Messages.
MESSAGE_LENGTH: Final = 200
