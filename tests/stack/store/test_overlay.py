"""Commands decide on the store without changing it: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_overlay

globals().update(shared_tests(test_overlay))
