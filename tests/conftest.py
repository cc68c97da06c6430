"""What holds for all tests.

How hard to look for odd cases: a short form that is the same every time, and a long one by hand (FUZZ=long). And the
system's authorities, which take longer to load than most tests take: they are shared as long as somebody has them.
"""

import os
import ssl

import pytest
from hypothesis import HealthCheck, settings

from proxy.tls import client_context

_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

settings.register_profile("short", _ANY_MACHINE, derandomize=True)
settings.register_profile("long", _ANY_MACHINE, max_examples=5000, stateful_step_count=60, print_blob=True)
settings.load_profile(os.environ.get("FUZZ", "short"))


@pytest.fixture(scope="session", autouse=True)
def _authorities() -> ssl.SSLContext:
    """Somebody who has them from the first test to the last."""
    return client_context("registry", None)
