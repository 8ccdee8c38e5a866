"""What the gate's timers say to this office: due soon, late, expired, a person who did not arrive."""

from __future__ import annotations

from refbus.core.courses.deadlines import DeadlineKind
from refbus.core.ids import OrgId, gate_id
from refbus.core.vocabulary import member
from refbus.errors import Code, UntrustedError
from refbus.said import said
from refbus.wire.transport import GateNotice, NoticeKind
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, referrals
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
        raise UntrustedError(Code.NOT_A_PARTY, said("a deadline of another country's gate"))
    kind = member(DeadlineKind, notice.deadline)
    referral = referrals.find(tx, notice.referral_id)
    source = "of others:" if referral is None else f"number {referral.id}:"
    what = f"course {notice.referral_id.hex()[:8]} {source}" if referral is None else source
    detail = f"{what} {kind}, due {gateway.local_time(notice.due_ms)}, is {_turn(gateway, notice.responsible)} turn"
    alarms.raise_of_many(tx, _CODES[notice.kind], source, detail, gateway.now_ms())
    if notice.kind is NoticeKind.EXPIRED and referral is not None:
        source = gateway.me if referral.own else referral.org
        gate = gate_id(gateway.organisation(source).country)
        referrals.keep_expiry(tx, notice.referral_id, notice.due_ms, gate)


def _turn(gateway: Gateway, responsible: str) -> str:
    directory = gateway.newest_directory()
    known = directory is not None and directory.find(OrgId(responsible)) is not None
    return "your" if responsible == gateway.me else f"{responsible}'s" if known else "an unknown organisation's"
