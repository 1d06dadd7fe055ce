"""The scores of contenders beside the published rows have a checksum."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the checksum; scores that are there already have none, and are read as they are."""
    op.add_column("contender_run", sa.Column("checksum", sa.String))
