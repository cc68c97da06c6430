"""Two proxies at one store at the same time: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_turns

globals().update(shared_tests(test_turns))
