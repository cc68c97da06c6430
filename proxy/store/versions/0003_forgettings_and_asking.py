"""What was forgotten and by whom, what was asked for when, and which programs may share a store."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# Microseconds are more than an INTEGER of PostgreSQL holds; SQLite's strict tables know no other name.
_WHOLE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("collections", sa.Column("asked_at", _WHOLE))
    op.create_index("collections_by_asking", "collections", ["asked_at"])
    op.create_table(
        "forgettings",
        sa.Column("number", _WHOLE, primary_key=True),
        sa.Column("notary", sa.Text, nullable=False),
        sa.Column("gun", sa.Text, nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    compatibility = op.create_table(
        "compatibility",
        sa.Column("application", sa.Text, primary_key=True),
        sa.Column("oldest", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.bulk_insert(compatibility, [{"application": "tagwarden", "oldest": "0003"}])
