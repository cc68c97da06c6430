"""When each tag was admitted last, and whether it was refused since."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Microseconds are more than an INTEGER of PostgreSQL holds; SQLite's strict tables know no other name.
_WHOLE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "admissions",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("repository", sa.Text, primary_key=True),
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sa.Column("refused_at", _WHOLE),
        sqlite_strict=True,
    )
    op.create_index("admissions_by_time", "admissions", ["at"])
