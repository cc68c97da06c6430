"""What the store has to know of the database it is in; all else is the same SQL everywhere."""

from collections.abc import Mapping
from typing import ClassVar

from sqlalchemy import Connection, Engine


class Database:
    """An engine, with what has to be said and checked around a transaction.

    `reading` and `writing` are the execution options of the two kinds of transaction: who reads sees one state from
    the first statement to the last; who writes waits for whoever writes to the same collection. `groups` says that
    whoever writes holds the whole database, so that several writes may share a transaction.
    """

    groups: ClassVar[bool] = False

    reading: ClassVar[Mapping[str, object]]
    writing: ClassVar[Mapping[str, object]]

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def check(self) -> None:
        """Called before and after each transaction. Raises `TrustStoreUnavailable` where nothing may be believed."""

    def check_clock(self, connection: Connection) -> None:
        """Called before a time is written. Raises `TrustStoreUnavailable` where our clock cannot be believed."""

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()
