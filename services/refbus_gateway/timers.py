"""What the gate's timers say to this office: due soon, late, expired, a person who did not arrive."""

from __future__ import annotations

import json

from refbus.core.deadlines import DeadlineKind, expired_fact
from refbus.core.facts import EventFact
from refbus.core.ids import OrgId, ReferralId, gate_id
from refbus.core.vocabulary import member
from refbus.errors import Code, UntrustedError
from refbus.wire.transport import GateNotice, NoticeKind
from refbus_gateway.casefile.view import show_time
from refbus_gateway.gateway import Gateway
from refbus_gateway.store import inbox, referrals
from refbus_gateway.store.session import Transaction

_CODES = {
    NoticeKind.REMINDER: Code.DEADLINE_NEAR,
    NoticeKind.ESCALATION: Code.DEADLINE_PASSED,
    NoticeKind.EXPIRED: Code.REFERRAL_EXPIRED,
    NoticeKind.ALARM: Code.PERSON_NOT_ARRIVED,
}
KINDS = frozenset(_CODES)


def take_in(gateway: Gateway, tx: Transaction, notice: GateNotice) -> None:
    """Tell a person, and keep an expiry as part of the course. Raises UntrustedError NOT_A_PARTY, MalformedError."""
    if notice.from_gate != gateway.gate or notice.referral_id is None:
        raise UntrustedError(Code.NOT_A_PARTY, "a deadline of another country's gate")
    kind = member(DeadlineKind, notice.deadline)
    referral = referrals.find(tx, notice.referral_id)
    what = f"course {notice.referral_id.hex()[:8]} of others" if referral is None else f"number {referral.id}"
    turn = "your" if notice.responsible == gateway.me else f"{notice.responsible}'s"
    detail = f"{what}: {kind}, due {show_time(notice.due_ms)}, is {turn} turn"
    inbox.raise_alarm(tx, _CODES[notice.kind], detail, gateway.now_ms())
    if notice.kind is NoticeKind.EXPIRED and referral is not None:
        source = gateway.me if referral.own else referral.org
        gate = gate_id(gateway.organisation(source).country)
        tx.put(_name(notice.referral_id), json.dumps([notice.due_ms, gate]).encode())


def expiry_of(tx: Transaction, referral_id: ReferralId) -> list[EventFact]:
    """Return the expiry of a referral that the gate has stated, or nothing."""
    kept = tx.get(_name(referral_id))
    if kept is None:
        return []
    due_ms, gate = json.loads(kept)
    return [expired_fact(referral_id, due_ms, OrgId(gate))]


def forget(tx: Transaction, referral_id: ReferralId) -> None:
    """Forget the expiry of a referral whose case is erased: it is kept under the id of the referral."""
    tx.drop(_name(referral_id))


def _name(referral_id: ReferralId) -> str:
    return f"expired/{referral_id.hex()}"
