"""Reading and adding to a whole store: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_whole

globals().update(shared_tests(test_whole))
