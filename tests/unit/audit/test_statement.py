from __future__ import annotations

import pytest

from refbus.audit.leaf import opening_of
from refbus.audit.record import AuditOutcome, Stage
from refbus.audit.statement import RECORD_TYPE, Statement
from refbus.crypto.framing import lp
from refbus.errors import MalformedError
from refbus.wire.codelists import code_list
from support.audit import AUDIT_KEY, DECISION_ID, audit_entry, audit_record

STATEMENT = Statement.of(audit_record(), AUDIT_KEY)


def test_a_statement_gives_the_leaf_of_its_entry() -> None:
    """What a writer keeps leads to the leaf that it logged, read back or not."""
    assert STATEMENT.leaf == audit_entry().leaf
    assert Statement.parse(STATEMENT.encode()) == STATEMENT


def test_bytes_of_the_format() -> None:
    """Opening, type and record, each behind its length."""
    opening = opening_of(AUDIT_KEY, DECISION_ID)
    assert STATEMENT.encode() == lp(opening) + lp(RECORD_TYPE.encode()) + lp(audit_record().encode())


def test_the_opening_is_not_shown() -> None:
    """The secret of a statement is in no repr."""
    assert STATEMENT.opening.hex() not in repr(STATEMENT)
    assert repr(STATEMENT.opening) not in repr(STATEMENT)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        STATEMENT.encode()[:-1],
        STATEMENT.encode() + b"\0",
        lp(STATEMENT.opening[1:]) + lp(RECORD_TYPE.encode()) + lp(STATEMENT.raw),
        lp(STATEMENT.opening) + lp(b"refbus.v2.AuditRecord") + lp(STATEMENT.raw),
        lp(STATEMENT.opening) + lp(RECORD_TYPE.encode()) + lp(STATEMENT.raw + b"\0"),
    ],
)
def test_anything_else_is_refused(damaged: bytes) -> None:
    """A statement with other bytes is no statement."""
    with pytest.raises(MalformedError):
        Statement.parse(damaged)


def test_stages_and_outcomes_have_words() -> None:
    """Each stage and outcome of a record has its words in the code lists, and the lists have no others."""
    assert set(code_list("refbus.AuditStage").codes) == set(Stage)
    assert set(code_list("refbus.AuditOutcome").codes) == set(AuditOutcome)
