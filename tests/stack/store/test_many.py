"""What is asked and noted of many collections at once: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_many

globals().update(shared_tests(test_many))
