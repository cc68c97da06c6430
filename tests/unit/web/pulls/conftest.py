"""A proxy in front of a registry in which a signed tag was moved."""

import pytest

from tests.unit.registry.material import allowed
from tests.unit.web.material import Proxy
from tests.unit.web.pulls.material import BODY, DIGEST, MOVED


@pytest.fixture
def signed(proxy: Proxy) -> Proxy:
    """The tag `v1` is signed; in the registry somebody moved it to another manifest."""
    proxy.registry.holds(BODY, MOVED, tag="v1")
    proxy.resolver.permissions = {"v1": allowed(BODY), DIGEST: allowed(BODY)}
    return proxy
