"""Indexes by which nothing that is asked often reads a whole table."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INDEXES: Final = (
    ("alarms_standing", "alarms", ["cleared_ms", "code"]),
    ("consents_of_consent", "consents", ["consent_hash", "case_id"]),
    ("withdrawals_of_consent", "withdrawals", ["consent_hash", "case_id"]),
    ("withdrawals_of_case", "withdrawals", ["case_id", "outgoing"]),
    ("withdrawals_open", "withdrawals", ["outgoing", "acknowledged_ms"]),
    ("withdrawals_answer", "withdrawals", ["outgoing", "answer"]),
    ("subject_notices_of_case", "subject_notices", ["case_id"]),
    ("outbox_made", "outbox", ["state", "created_ms", "confirmed", "attempts", "recipient_kid", "signer_kid"]),
    ("outbox_ending", "outbox", ["state", "expires_at_hour"]),
)
_SOME_CASES: Final = (
    ("cases_erasing", "erasing_ms", "erasing_ms IS NOT NULL AND wrapped_key IS NOT NULL"),
    ("cases_gone", "id", "(wrapped_key IS NULL OR erasing_ms IS NOT NULL)"),
)


def upgrade() -> None:
    """Add them."""
    for name, table, names in _INDEXES:
        op.create_index(name, table, names)
    for name, column, words in _SOME_CASES:
        some = sa.text(words)
        op.create_index(name, "cases", [column], sqlite_where=some, postgresql_where=some)


def downgrade() -> None:
    """Drop them again."""
    for name, _, _ in _SOME_CASES:
        op.drop_index(name, table_name="cases")
    for name, table, _ in _INDEXES:
        op.drop_index(name, table_name=table)
