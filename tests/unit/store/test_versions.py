"""This version and the next one share a store, one after the other and at the same time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

import proxy.store
from proxy.config.settings import TrustStoreSettings
from proxy.errors import UserError
from proxy.names import Tag
from proxy.store import schema
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Conflict, Remembered
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of

# What a later version may do: add a column that may be empty, an index, a table.
ADDING = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("collections", sa.Column("later", sa.Text))
    op.create_index("collections_by_later", "collections", ["later"])
    op.create_table("later", sa.Column("anything", sa.Text))
"""
# What ends that: it says so in the same step.
ENDING = (
    ADDING
    + """
    compatibility = sa.table("compatibility", sa.column("oldest"))
    op.execute(compatibility.update().values(oldest=revision))
"""
)

Next = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Next:
    """Within its context stores are opened by a program with one more revision."""

    @contextmanager
    def of(revision: str) -> Iterator[None]:
        config = schema._config()
        revisions = tmp_path / "versions"
        revisions.mkdir(exist_ok=True)
        (revisions / "9999_later.py").write_text(revision)
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{Path(*proxy.store.__path__) / 'versions'}\n{revisions}")
        with monkeypatch.context() as patched:
            patched.setattr(schema, "_config", lambda: config)
            patched.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
            yield

    return of


async def test_the_next_version_keeps_what_is_remembered(settings: TrustStoreSettings, later: Next) -> None:
    """It brings the store up to date at its start; who only reads is told to start it once."""
    store = await open_store(settings)
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.close()
    with later(ADDING):
        with pytest.raises(UserError, match=r"an older version of this program .*: start the proxy once"):
            await open_reader(settings)
        newer = await open_store(settings)
        reader = await open_reader(settings)
    assert reader is not None
    assert not newer.created
    assert await newer.load(NOTARY, GUN) == await reader.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await newer.close()
    await reader.close()


async def test_both_versions_work_on_one_store_in_turns(settings: TrustStoreSettings, later: Next) -> None:
    """While a fleet is updated, those that are not yet go on, and no floor falls between them."""
    old = await open_store(settings)
    await old.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=[Tag("v1")])
    with later(ADDING):
        new = await open_store(settings)
    for generation in range(1, 7):
        one, other = (old, new) if generation % 2 else (new, old)
        tags = [Tag(f"v{generation + 1}")]
        await one.commit(
            NOTARY, GUN, files_of(generation + 1), expected=generation, checked_at=NOON, past=b"p", new_tags=tags
        )
        with pytest.raises(Conflict):
            await other.commit(NOTARY, GUN, files_of(9), expected=generation, checked_at=NOON)
        assert await other.load(NOTARY, GUN) == Remembered(files_of(generation + 1), generation + 1, NOON, b"p")
        assert await other.touch_all({(NOTARY, GUN): (generation + 1, NOON)}) == frozenset()
    assert all([await each.ever_had(NOTARY, GUN, Tag(f"v{number}")) for each in (old, new) for number in range(1, 8)])
    await old.close()
    await new.close()


async def test_this_version_starts_on_what_the_next_one_left(settings: TrustStoreSettings, later: Next) -> None:
    """An update can be taken back: nothing but additions stands in the way."""
    with later(ADDING):
        newer = await open_store(settings)
        await newer.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
        await newer.close()
    store, reader = await open_store(settings), await open_reader(settings)
    assert reader is not None
    assert await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON + MINUTE) == 2
    assert await reader.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON + MINUTE)
    await store.close()
    await reader.close()


async def test_a_store_that_was_changed_too_much_is_refused(settings: TrustStoreSettings, later: Next) -> None:
    """A revision that older programs must not use says so, and they do not start."""
    with later(ENDING):
        await (await open_store(settings)).close()
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=r"a newer version of this program .*: install that version"):
            await opening(settings)
