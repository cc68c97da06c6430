"""The first schema: collections and their files."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Microseconds are more than an INTEGER of PostgreSQL holds; SQLite's strict tables know no other name.
_WHOLE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "collections",
        sa.Column("notary", sa.Text, primary_key=True),
        sa.Column("gun", sa.Text, primary_key=True),
        sa.Column("generation", _WHOLE, nullable=False),
        sa.Column("checked_at", _WHOLE, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("collections_by_check", "collections", ["checked_at"])
    op.create_table(
        "files",
        sa.Column("notary", sa.Text, primary_key=True),
        sa.Column("gun", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, primary_key=True),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["notary", "gun"], ["collections.notary", "collections.gun"]),
        sqlite_strict=True,
    )
