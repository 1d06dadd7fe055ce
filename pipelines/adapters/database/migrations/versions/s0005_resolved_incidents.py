"""An incident is resolved when its night, looked at again, no longer has it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the day; incidents that are there are not resolved."""
    op.add_column("incident", sa.Column("resolved_on", sa.Date))
