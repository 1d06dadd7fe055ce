"""What a blessed version learned from stands beside its blessing: tags of it are anybody's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; of entries that stand there it is not known."""
    op.add_column("blessing", sa.Column("learned", sa.JSON))
