"""When what a program says by itself may leave, so that its moment tells an observer of the broker little.

A person's word leaves at once, and so does everything that stops something. Under `refbus run` automatic answers wait
a random time, and entries for the audit log leave together at full intervals of the clock, those of every office in
the same moments. One round by hand (`refbus sync`) sends everything.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Longest wait of an automatic answer and interval of audit entries, ms; 0: at once."""

    answer_ms: int = 0
    audit_ms: int = 0

    def answer_at(self, now_ms: int) -> int:
        """Return when an automatic answer that is made now leaves, UTC ms: a random moment, each as likely."""
        return now_ms + secrets.randbelow(self.answer_ms + 1)

    def audit_at(self, now_ms: int) -> int:
        """Return when an audit entry that is made now leaves, UTC ms: the next full interval since the epoch."""
        return (now_ms // self.audit_ms + 1) * self.audit_ms if self.audit_ms else now_ms
