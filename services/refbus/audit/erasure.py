r"""The erasure order: a writer demands that the sealed records of its own decisions about a case are deleted.

    signature = Ed25519 over "refbus/v1/erasure-order\0" || LP(writer) || LP(kid) || LP(decision ids, one after another)
                || u64be at_ms

It goes the way of the entries. Leaves stay and proofs about them still verify; what is behind them is gone. It names
random ids only. Specification: docs/spec/audit-entry.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from refbus.audit.writers import writing_key
from refbus.core.directory import Organisation
from refbus.core.ids import OrgId
from refbus.crypto.framing import lp, u64be
from refbus.crypto.signing import LABEL_ERASURE, SigningPair, sign_ed25519, verify_ed25519
from refbus.wire.transport import ErasureOrder

MOST_DECISIONS: Final = 10_000
"""Decisions in one order; more go into several."""


def make_orders(
    writer: OrgId, decision_ids: Iterable[bytes], signer: SigningPair, now_ms: int
) -> Iterator[ErasureOrder]:
    """Yield signed orders about all of these decisions (16 bytes each) of `writer`; none when there is nothing."""
    names = sorted(set(decision_ids))
    for start in range(0, len(names), MOST_DECISIONS):
        part = tuple(names[start : start + MOST_DECISIONS])
        order = ErasureOrder(writer, signer.kid, part, now_ms, ed25519=b"")
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
