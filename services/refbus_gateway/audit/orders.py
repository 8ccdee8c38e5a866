"""What the log says of our orders to erase sealed records: each answer is a leaf that only who has the order knows."""

from __future__ import annotations

from typing import Final

from refbus.audit.erasure import OrderAnswer, order_leaf
from refbus.errors import Code
from refbus.said import said
from refbus.wire.transport import ErasureOrder
from refbus_gateway.store import alarms
from refbus_gateway.store.session import Transaction

_NAME: Final = "order-"


def await_answer(tx: Transaction, order: ErasureOrder) -> None:
    """Remember both leaves that may come of an order; nothing else of it is kept."""
    raw = order.encode()
    obeyed, refused = (order_leaf(raw, answer) for answer in (OrderAnswer.OBEYED, OrderAnswer.REFUSED))
    tx.put(_name(obeyed), b"\0" + refused)
    tx.put(_name(refused), b"\1" + obeyed)


def is_awaited(tx: Transaction, leaf: bytes) -> bool:
    """Whether a leaf of the log would be the answer to an order of ours."""
    return tx.get(_name(leaf)) is not None


def take_answer(tx: Transaction, leaf: bytes, now_ms: int) -> None:
    """Take a leaf that the log has proven. An order that was refused is told to a person."""
    kept = tx.get(_name(leaf))
    if kept is None:
        return
    if kept[:1] == b"\1":
        told = said("an order to erase sealed records was refused")
        alarms.raise_alarm(tx, Code.EVIDENCE_STAYS, told, now_ms)
    for each in (leaf, kept[1:]):
        tx.drop(_name(each))


def _name(leaf: bytes) -> str:
    return _NAME + leaf.hex()
