"""Erasure orders: signed by the writer of the entries, about its own decisions, under a label of their own."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.audit.erasure import MOST_DECISIONS, make_orders, verify_order
from refbus.core.directory import Organisation
from refbus.core.ids import OrgId
from refbus.crypto.signing import LABEL_AUDIT, sign_ed25519
from refbus.errors import Code, RefbusError
from refbus.wire.transport import AuditEntry, ErasureOrder
from support.audit import DECISION_ID, audit_entry
from support.directories import NOW_MS, agency, federation, gate, signing_pair

GATE = gate("kz")
YEAR_MS = 366 * 86_400_000


def order(*names: bytes) -> ErasureOrder:
    """Return an order of the gate of kz."""
    (made,) = make_orders(GATE, names or (DECISION_ID,), signing_pair(GATE), NOW_MS)
    return made


def member(name: str = GATE) -> Organisation:
    """Return a member as the directory has it."""
    found = federation().directory.find(OrgId(name))
    assert found is not None
    return found


def refused(made: ErasureOrder, writer: Organisation | None = None, at_ms: int = NOW_MS) -> Code:
    """Return why an order is refused."""
    with pytest.raises(RefbusError) as error:
        verify_order(made, writer or member(), at_ms)
    return error.value.code


def test_the_writers_own_order_counts() -> None:
    """Signed by a key in force: nothing is raised, and the names are sorted, each once."""
    made = order(b"b" * 16, b"a" * 16, b"b" * 16)
    verify_order(made, member(), NOW_MS)
    assert made.decision_ids == (b"a" * 16, b"b" * 16)


def test_any_changed_field_breaks_the_signature() -> None:
    """Other decisions, another time."""
    for change in ({"decision_ids": (b"x" * 16,)}, {"at_ms": NOW_MS + 1}):
        assert refused(dataclasses.replace(order(), **change)) is Code.SIGNATURE_INVALID


def test_an_order_speaks_for_its_writer_alone() -> None:
    """Held against another member it names an unknown key; under that member's name its own key is not that of it."""
    assert refused(order(), member(agency("kz"))) is Code.KEY_UNKNOWN
    assert refused(dataclasses.replace(order(), writer=agency("kz"))) is Code.AUDIT_INVALID


def test_a_key_counts_only_while_it_is_in_force() -> None:
    """By the broker's time, as for entries."""
    assert refused(order(), at_ms=NOW_MS + 3 * YEAR_MS) is Code.KEY_EXPIRED


def test_the_signature_of_an_entry_is_none_of_an_order() -> None:
    """Each has its label, so neither passes for the other."""
    made = order()
    message = b"".join(made.decision_ids)
    borrowed = dataclasses.replace(made, ed25519=sign_ed25519(signing_pair(GATE), LABEL_AUDIT, message))
    assert refused(borrowed) is Code.SIGNATURE_INVALID
    with pytest.raises(RefbusError):
        AuditEntry.parse(made.encode())
    with pytest.raises(RefbusError):
        ErasureOrder.parse(audit_entry().encode())


def test_many_decisions_go_into_several_orders() -> None:
    """Every name is in exactly one, and each order fits a record."""
    names = [number.to_bytes(16, "big") for number in range(MOST_DECISIONS + 5)]
    made = list(make_orders(GATE, names, signing_pair(GATE), NOW_MS))
    assert [len(each.decision_ids) for each in made] == [MOST_DECISIONS, 5]
    assert [ErasureOrder.parse(each.encode()) for each in made] == made
    assert not list(make_orders(GATE, (), signing_pair(GATE), NOW_MS))
