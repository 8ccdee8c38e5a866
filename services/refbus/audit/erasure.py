r"""The erasure order: a writer demands that the sealed records of its own decisions about a case are deleted.

    signature = Ed25519 over "refbus/v1/erasure-order\0" || LP(writer) || LP(kid) || LP(decision ids, one after another)
                || u64be at_ms

    opening   = SHA-256("refbus/v1/order-opening\0" || order)
    leaf      = leaf_of(opening, "refbus.v1.ErasureOrder", LP(answer) || LP(order))

It goes the way of the entries. Leaves stay and proofs about them still verify; what is behind them is gone. It names
random ids only. What became of an order has a leaf in the log, which looks like any other: whoever has the order, which
its writer and the auditor do, can compute and prove it. Specification: docs/spec/audit-entry.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Final

from refbus.audit.entry import coarse
from refbus.audit.leaf import leaf_of
from refbus.audit.writers import writing_key
from refbus.core.directory import Organisation
from refbus.core.ids import OrgId
from refbus.crypto.framing import lp, sha256, u64be
from refbus.crypto.signing import LABEL_ERASURE, SigningPair, sign_ed25519, verify_ed25519
from refbus.wire.transport import ErasureOrder

MOST_DECISIONS: Final = 10_000
"""Decisions in one order; more go into several."""


_TYPE: Final = "refbus.v1.ErasureOrder"
_OPENING: Final = b"refbus/v1/order-opening\0"


class OrderAnswer(StrEnum):
    """What became of an order. REFUSED: a record that it names is evidence, and nothing of it was deleted."""

    OBEYED = "OBEYED"
    REFUSED = "REFUSED"


def order_leaf(order: bytes, answer: OrderAnswer) -> bytes:
    """Return the leaf (47 bytes) that says what became of an order, given as its bytes in the topic."""
    return leaf_of(sha256(_OPENING + order), _TYPE, lp(answer.encode()) + lp(order))


def make_orders(
    writer: OrgId, decision_ids: Iterable[bytes], signer: SigningPair, now_ms: int
) -> Iterator[ErasureOrder]:
    """Yield signed orders about all of these decisions (16 bytes each) of `writer`; none when there is nothing."""
    names = sorted(set(decision_ids))
    for start in range(0, len(names), MOST_DECISIONS):
        part = tuple(names[start : start + MOST_DECISIONS])
        order = ErasureOrder(writer, signer.kid, part, coarse(now_ms), ed25519=b"")
        yield replace(order, ed25519=sign_ed25519(signer, LABEL_ERASURE, _signed_message(order)))


def verify_order(order: ErasureOrder, writer: Organisation, logged_at_ms: int) -> None:
    """Check that `writer` signed the order with a key that was good when the broker logged it (UTC milliseconds).

    Raises UncheckableError KEY_UNKNOWN, and UntrustedError KEY_EXPIRED, KEY_REVOKED, SIGNATURE_INVALID, AUDIT_INVALID
    for the order of another writer.
    """
    key = writing_key(writer, order.writer, order.kid, logged_at_ms)
    verify_ed25519(key, LABEL_ERASURE, _signed_message(order), order.ed25519)


def _signed_message(order: ErasureOrder) -> bytes:
    names = b"".join(order.decision_ids)
    return lp(order.writer.encode()) + lp(order.kid) + lp(names) + u64be(order.at_ms)
