"""What a gate says of its decisions: sealed notices to organisations, audit entries. To other gates: `stamps`.

Each function is one piece of cryptography on values that are already decided; the caller runs them on all cores.
Nothing of it is answered: only the first hop receipt for an envelope is passed on to its sender, as a notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from refbus.audit import AuditOutcome, AuditRecord, Stage
from refbus.audit.inspector import inspector_key
from refbus.audit.record import ReplayRecord
from refbus.core.bounds import TIME_MS
from refbus.core.directory import Directory
from refbus.core.gate.passage import Outcome
from refbus.core.gate.verdicts import About
from refbus.core.ids import CountryCode, EventId, OrgId, ReferralId
from refbus.crypto.framing import lp, sha256
from refbus.envelope.notice import seal_notice
from refbus.errors import Code
from refbus.node.replay import Order
from refbus.wire.transport import (
    BorderKind,
    BorderRecord,
    GateNotice,
    NoticeKind,
    NoticeOutcome,
    RelayedNotice,
)
from refbus_gate.decide.remembered import Answer
from refbus_gate.names import GateKeys

_MOST_ACCOUNT = 64
"""Characters of an account in an audit record, which has room for so many of any script."""
ZERO_HASH = bytes(32)
ZERO_ID = bytes(16)
Stated = Callable[[], bytes]
"""Gives the statement behind a decision (refbus.audit.statement) once the audit keys of a batch are there."""


def nothing_stated() -> bytes:
    """Return the statement of what is told without one: repeats, heartbeats, deadlines."""
    return b""


@dataclass(frozen=True, slots=True)
class Said:
    """What a notice tells one organisation. Hashes 32 bytes; counts and hashes of the inbox are for heartbeats.

    Five are about a deadline: its course, kind, step, when it was due (UTC ms), whose turn it is. `receipt` is the hop
    receipt of the destination's gate, as signed. `generation` and `restored_from_ms`: `refbus_gate.restored`.
    """

    to: OrgId
    kind: NoticeKind
    outcome: NoticeOutcome = NoticeOutcome.NONE
    codes: tuple[str, ...] = ()
    envelope_sha256: bytes = ZERO_HASH
    event_id: bytes | None = None
    decision_id: bytes = ZERO_ID
    inbox_count: int = 0
    inbox_hash: bytes = ZERO_HASH
    referral_id: ReferralId | None = None
    deadline: str = ""
    level: int = 0
    due_ms: int = 0
    responsible: str = ""
    receipt: bytes = b""
    generation: bytes = b""
    restored_from_ms: int = 0

    @classmethod
    def of(cls, answer: Answer, to: OrgId, decision_id: bytes) -> Said:
        """Return what `to` is told of a decision: codes make it a refusal unless the event still waits."""
        refused = bool(answer.codes) and answer.outcome is not Outcome.HELD
        return cls(
            to,
            NoticeKind.REFUSAL if refused else NoticeKind.RECEIPT,
            NoticeOutcome(answer.outcome),
            answer.codes,
            answer.envelope_sha256 or ZERO_HASH,
            answer.event_id,
            decision_id,
        )


def public_key_of(directory: Directory, org_id: OrgId, now_ms: int) -> bytes | None:
    """Return the key (1216 bytes) that a notice for a member is sealed to; None when it has none now."""
    org = directory.find(org_id)
    key = None if org is None else org.current_kem_key(now_ms)
    return None if key is None else key.public


def notice(keys: GateKeys, said: Said, public: bytes, now_ms: int, stated: Stated = nothing_stated) -> bytes:
    """Return the sealed notice, with what the organisation needs to prove the decision that it tells of."""
    told = GateNotice(
        from_gate=keys.org,
        kid=keys.pair.kid,
        kind=said.kind,
        envelope_sha256=said.envelope_sha256,
        event_id=None if said.event_id is None else EventId(said.event_id),
        outcome=said.outcome,
        codes=tuple(sorted(said.codes)),
        at_ms=now_ms,
        inbox_count=said.inbox_count,
        inbox_hash=said.inbox_hash,
        decision_id=said.decision_id,
        referral_id=said.referral_id,
        deadline=said.deadline,
        level=said.level,
        due_ms=said.due_ms,
        responsible=said.responsible,
        statement=stated(),
        receipt=said.receipt,
        generation=said.generation,
        restored_from_ms=said.restored_from_ms,
    )
    return seal_notice(told, said.to, public, keys.pair)


def relayed(envelope_sha256: bytes, sealed: bytes) -> bytes:
    """Return the border record that carries a sealed notice to the gate of the sender's country."""
    return BorderRecord(BorderKind.NOTICE, RelayedNotice(envelope_sha256, sealed).encode()).encode()


def inspector_public(directory: Directory, country: CountryCode, now_ms: int) -> bytes | None:
    """Return the public key that audit records of a country are sealed to; None while all of them are revoked."""
    key = inspector_key(directory, country, now_ms)
    return None if key is None else key.public


@dataclass(frozen=True, slots=True)
class Noted:
    """One decision as the audit entry says it."""

    about: About
    stage: Stage
    outcome: AuditOutcome
    codes: tuple[Code, ...]
    decision_id: bytes
    envelope_sha256: bytes | None

    def record(self, writer: OrgId, now_ms: int) -> AuditRecord:
        """Return what the audit log is told of it."""
        about = self.about
        return AuditRecord(
            decision_id=self.decision_id,
            writer=writer,
            stage=self.stage,
            outcome=self.outcome,
            codes=self.codes,
            event_type=about.event_type,
            event_id=about.event_id,
            message_sha256=self.envelope_sha256,
            consent_id=about.consent_id,
            consent_version=about.consent_version,
            at_ms=now_ms,
        )


@dataclass(frozen=True, slots=True)
class Again:
    """A decision that takes the place of another by order: both ids (16 bytes), and what it is."""

    replaced: bytes
    became: bytes
    outcome: AuditOutcome

    def record(self, keys: GateKeys, stage: Stage, order: Order, now_ms: int) -> ReplayRecord:
        """Return what the audit log is told of an order: who, why and what came of it, nothing of a case."""
        asked, approved = order.request.asked, order.approved
        return ReplayRecord(
            decision_id=sha256(lp(b"replay") + lp(self.replaced) + lp(self.became))[:16],
            writer=keys.org,
            stage=stage,
            outcome=self.outcome,
            replaced=self.replaced,
            became=self.became,
            reason=order.request.reason,
            asked_by=asked.name,
            asked_account=asked.account[:_MOST_ACCOUNT],
            asked_ms=TIME_MS.nearest(asked.at_ms),
            approved_by=approved.name,
            approved_account=approved.account[:_MOST_ACCOUNT],
            approved_ms=TIME_MS.nearest(approved.at_ms),
            at_ms=now_ms,
        )
