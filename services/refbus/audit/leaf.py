r"""The leaf of the audit log: a commitment to one decision that says nothing until its opening is shown.

    opening = HMAC-SHA256(case audit key, "refbus/v1/audit-opening\0" || decision id)            32 bytes, secret
    leaf    = "refbus-audit/v1" || HMAC-SHA256(Kc, opening || LP(type) || LP(event))              47 bytes, public

Kc = SHA-256("refbus/v1/audit-leaf\0") is a fixed public constant: it keeps leaves apart from every other HMAC, and the
secret is the opening. The same decision gives the same leaf however often its transaction is repeated. Once the case
audit key and the sealed records are destroyed nobody can open the leaf, and proofs about it still verify.
Specification: docs/spec/audit-entry.md §2.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from refbus.crypto.framing import lp
from refbus.errors import Code, MalformedError

PREFIX: Final = b"refbus-audit/v1"
COMMITMENT_KEY: Final = hashlib.sha256(b"refbus/v1/audit-leaf\0").digest()
AUDIT_KEY_SIZE: Final = 32
DECISION_ID_SIZE: Final = 16
OPENING_SIZE: Final = 32
LEAF_SIZE: Final = 47
_OPENING_LABEL: Final = b"refbus/v1/audit-opening\0"


def opening_of(audit_key: bytes, decision_id: bytes) -> bytes:
    """Return the opening (32 secret bytes) of a decision from the audit key of its case (32 secret random bytes).

    Raises MalformedError when the key is not 32 or the decision id not 16 bytes.
    """
    if len(audit_key) != AUDIT_KEY_SIZE or len(decision_id) != DECISION_ID_SIZE:
        raise MalformedError(Code.MALFORMED, "size of an audit key or decision id")
    return hmac.digest(audit_key, _OPENING_LABEL + decision_id, "sha256")


def leaf_of(opening: bytes, record_type: str, record: bytes) -> bytes:
    """Return the leaf (47 bytes, public) that commits to `record` of `record_type`. Raises MalformedError."""
    if len(opening) != OPENING_SIZE:
        raise MalformedError(Code.MALFORMED, "size of an opening")
    return PREFIX + hmac.digest(COMMITMENT_KEY, opening + lp(record_type.encode()) + lp(record), "sha256")
