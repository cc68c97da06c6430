"""What was admitted last under each tag: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_admissions

globals().update(shared_tests(test_admissions))
