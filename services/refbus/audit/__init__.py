"""Audit: every decision leaves a commitment that anyone can keep and a record that only the inspector can read."""

from refbus.audit.entry import make_entry, open_entry, verify_entry
from refbus.audit.leaf import leaf_of, opening_of
from refbus.audit.record import AuditOutcome, AuditRecord, Stage

__all__ = [
    "AuditOutcome",
    "AuditRecord",
    "Stage",
    "leaf_of",
    "make_entry",
    "open_entry",
    "opening_of",
    "verify_entry",
]
