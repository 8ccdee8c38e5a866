"""Columns that lists are found by, so that a page reads a page; all empty: they are derived when first looked at."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INDEXES: Final = (
    ("cases_ending", "cases", ["own", "ends_month"]),
    ("referrals_of_case", "referrals", ["case_id"]),
    ("referrals_of_state", "referrals", ["state_hash", "own", "due_ms"]),
    ("referrals_of_turn", "referrals", ["turn_hash"]),
    ("referrals_unseen", "referrals", ["own", "unseen"]),
    ("notices_of_outcome", "notices", ["kind", "outcome"]),
    ("events_of_status", "events", ["status"]),
)


def upgrade() -> None:
    """Add the columns and their indexes."""
    columns: tuple[tuple[str, sa.Column[Any]], ...] = (
        (
            "cases",
            sa.Column(
                "ends_month",
                sa.Integer(),
                comment="lookups: in which 30 days a consent or its keeping ends; NULL: look",
            ),
        ),
        (
            "cases",
            sa.Column(
                "nickname", sa.LargeBinary(), comment="lookups: the worker's file number, sealed under the case key"
            ),
        ),
        (
            "referrals",
            sa.Column(
                "state_hash",
                sa.LargeBinary(),
                comment="lookups: keyed hash of the state that its events give; NULL: look",
            ),
        ),
        ("referrals", sa.Column("turn_hash", sa.LargeBinary(), comment="lookups: keyed hash of whose turn it is")),
        ("referrals", sa.Column("due_ms", sa.Integer(), comment="lookups: when an answer is due")),
        (
            "referrals",
            sa.Column(
                "unseen",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="lookups: events nobody here looked at",
            ),
        ),
    )
    for table, column in columns:
        op.add_column(table, column)
    for name, table, names in _INDEXES:
        op.create_index(name, table, names)


def downgrade() -> None:
    """Drop them again."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table_name=table)
    for changed, names in (
        ("referrals", ("unseen", "due_ms", "turn_hash", "state_hash")),
        ("cases", ("nickname", "ends_month")),
    ):
        with op.batch_alter_table(changed) as batch:
            for name in names:
                batch.drop_column(name)
