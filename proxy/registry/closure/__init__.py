"""Which digests an admitted index admits: its children, and theirs, to a bounded depth; and which blobs those name.

What a verified manifest names never changes, since its digest names its bytes; so it is remembered by digest alone,
for all repositories, and indexes beyond a restart. Only what is not remembered is asked for (design: Which digests
are admitted). A digest is admitted where a way leads from it up to a root, through manifests that name each other.
"""

from proxy.registry.closure.closure import Closure
from proxy.registry.closure.knowledge import Indexes
from proxy.registry.closure.roots import Absent, Found, Roots

__all__ = ["Absent", "Closure", "Found", "Indexes", "Roots"]
