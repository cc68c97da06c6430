"""What a collection said before, which tags it ever had, and the indexes that were served."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Microseconds are more than an INTEGER of PostgreSQL holds; SQLite's strict tables know no other name.
_WHOLE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("notary", sa.Text, primary_key=True),
        sa.Column("gun", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["notary", "gun"], ["collections.notary", "collections.gun"]),
        sqlite_strict=True,
    )
    op.create_table(
        "indexes",
        sa.Column("sha256", sa.LargeBinary, primary_key=True),
        sa.Column("used", _WHOLE, nullable=False),
        sa.Column("size", _WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("indexes_by_use", "indexes", ["used", "size"])
    op.create_table(
        "children",
        sa.Column("child", sa.LargeBinary, primary_key=True),
        sa.Column("parent", sa.LargeBinary, primary_key=True),
        sqlite_strict=True,
    )
    op.create_index("children_by_parent", "children", ["parent"])
