"""What the gate's timers say to this office: due soon, late, expired, a person who did not arrive."""

from __future__ import annotations

from refbus.core.courses.deadlines import DeadlineKind
from refbus.core.ids import OrgId, gate_id
from refbus.core.vocabulary import member
from refbus.errors import Code, UntrustedError
from refbus.said import Said, joined, placed, said
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
    if referral is None:
        source, place = said("of others"), said("course %(course)s of others", course=notice.referral_id.hex()[:8])
    else:
        source = Said("number %(number)s:", None, number=referral.id)
        place = said("number %(number)s", number=referral.id)
    due = said("%(deadline)s, due %(time)s", deadline=kind, time=gateway.local_time(notice.due_ms))
    detail = placed(place, joined((due, _turn(gateway, notice.responsible))))
    alarms.raise_of_many(tx, _CODES[notice.kind], source, detail, gateway.now_ms())
    if notice.kind is NoticeKind.EXPIRED and referral is not None:
        gate = gate_id(gateway.organisation(gateway.me if referral.own else referral.org).country)
        referrals.keep_expiry(tx, notice.referral_id, notice.due_ms, gate)


def _turn(gateway: Gateway, responsible: str) -> Said:
    directory = gateway.newest_directory()
    known = directory is not None and directory.find(OrgId(responsible)) is not None
    if responsible == gateway.me:
        return said("is your turn")
    if known:
        return said("is %(organisation)s's turn", organisation=responsible)
    return said("is an unknown organisation's turn")
