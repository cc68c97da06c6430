"""How hard to look for odd cases: a short form that is the same every time, and a long one by hand (FUZZ=long)."""

import os

from hypothesis import HealthCheck, settings

_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

settings.register_profile("short", _ANY_MACHINE, derandomize=True)
settings.register_profile("long", _ANY_MACHINE, max_examples=5000, stateful_step_count=60, print_blob=True)
settings.load_profile(os.environ.get("FUZZ", "short"))
