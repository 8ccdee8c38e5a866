"""What gates say to a gateway: receipts, refusals, heartbeats, statements of their logs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.audit.record import AuditOutcome
from refbus.audit.statement import Statement
from refbus.core.courses.referral import State
from refbus.core.ids import KeyId, OrgId
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.wire.transport import InboxKind, InboxRecord, NoticeKind, NoticeOutcome
from refbus_gateway.inbox import notices
from refbus_gateway.outbox import envelopes
from refbus_gateway.reports.overview import Hop
from refbus_gateway.store import alarms, outbox, referrals, set_aside, statements
from refbus_gateway.store.outbox import RowState
from support.audit import AUDIT_KEY, audit_record
from support.ceremonies import AGENCY, SHELTER
from support.directories import gate
from support.forged import fresh
from support.gateways import (
    Pair,
    alarm_codes,
    case_file,
    home_health,
    id_of,
    line,
    open_at,
    refer,
    sent,
    view,
    withdraw_all,
)
from support.gateways import incoming as number_of
from support.notices import hop_of, notice_of, tell


def test_receipts_move_an_event_forward_and_never_back(pair: Pair) -> None:
    """Held, forwarded, taken; a late word of being held changes nothing."""
    _, number = sent(pair.kz, case_file(about="Fictional: receipts"))
    pair.world.sync(pair.kz)
    hops = []
    for step, outcome in enumerate(
        (NoticeOutcome.HELD, NoticeOutcome.FORWARDED, NoticeOutcome.HELD, NoticeOutcome.TAKEN, NoticeOutcome.FORWARDED)
    ):
        signed: dict[str, Any] = {"receipt": hop_of(pair, number)} if outcome is NoticeOutcome.TAKEN else {}
        tell(pair, notice_of(pair, number, outcome, decision_id=bytes([step]) * 16, **signed))
        hops.append(line(pair.kz, number).hop)
    assert hops == [Hop.HELD, Hop.BORDER, Hop.BORDER, Hop.THEIR_INBOX, Hop.THEIR_INBOX]


def test_a_refusal_takes_the_event_out_of_the_referral(pair: Pair) -> None:
    """The sender sees the code and an alarm; the referral stands where it stood before, and may be sent anew."""
    case, number = sent(pair.kz, case_file(about="Fictional: refused"))
    pair.world.sync(pair.kz)
    tell(pair, notice_of(pair, number, NoticeOutcome.REFUSED, Code.CATEGORY_NOT_COVERED))
    found = line(pair.kz, number)
    assert (found.hop, found.codes) == (Hop.REFUSED, ("CATEGORY_NOT_COVERED",))
    assert view(pair.kz, number).state is State.DRAFT
    assert "CATEGORY_NOT_COVERED" in alarm_codes(pair.kz)
    assert refer(pair.kz, case) != number


def test_a_refusal_of_the_envelope_alone_gives_a_fresh_one(pair: Pair) -> None:
    """KEY_EXPIRED says nothing against the event: it is sealed again; after five envelopes a person must look."""
    _, number = sent(pair.kz, case_file(about="Fictional: again"))
    for step in range(6):
        pair.world.sync(pair.kz)
        tell(pair, notice_of(pair, number, NoticeOutcome.REFUSED, Code.KEY_EXPIRED, decision_id=bytes([step]) * 16))
    found = line(pair.kz, number)
    assert (found.hop, found.envelopes) == (Hop.REFUSED, 6)
    assert "KEY_EXPIRED" in alarm_codes(pair.kz)


def test_a_no_that_is_refused_again_and_again_rests_between_and_never_ends(own: Pair) -> None:
    """Who refuses each envelope of a no at once makes no flood of it; after a while there is another, without end."""
    case, number = sent(own.kz, case_file(about="Fictional: a no refused"))
    own.exchange()
    withdraw_all(own.kz, case)
    told = line(own.kz, number, EventType.CONSENT_WITHDRAWN).event.id

    def refuse(times: int) -> int:
        for step in range(times):
            own.world.sync(own.kz)
            with own.kz.store.read() as tx:
                newest = outbox.of_event(tx, told)[-1].sha256
            decision = bytes([step]) * 16
            facts: dict[str, Any] = {"envelope_sha256": newest, "decision_id": decision}
            tell(own, notice_of(own, number, NoticeOutcome.REFUSED, Code.KEY_EXPIRED, **facts))
        with own.kz.store.read() as tx:
            return len(outbox.of_event(tx, told))

    assert refuse(12) == notices.MOST_RENEWALS + 1
    own.world.clock.move(hours=1)
    assert refuse(12) == notices.MOST_RENEWALS + 2
    own.world.clock.move(hours=6)
    own.world.sync(own.kz)
    assert line(own.kz, number, EventType.CONSENT_WITHDRAWN).envelopes == notices.MOST_RENEWALS + 3


def test_a_fresh_envelope_put_off_by_a_wrong_clock_is_due(own: Pair) -> None:
    """A clock ran a year ahead when it was put off: right again, nobody waits a year for it."""
    _, number = sent(own.kz, case_file(about="Fictional: put off by a year"))
    own.world.sync(own.kz)
    with own.kz.store.write() as tx:
        row = outbox.of_event(tx, line(own.kz, number).event.id)[-1]
        outbox.set_state(tx, row.id, RowState.STALE)
        outbox.postpone(tx, row.id, own.kz.now_ms() + 365 * 24 * HOUR_MS)
    own.world.sync(own.kz)
    assert line(own.kz, number).envelopes == 2


def test_a_delivery_that_failed_is_tried_again(pair: Pair) -> None:
    """DELIVERY_FAILED: nobody confirmed in time, so a fresh envelope goes."""
    _, number = sent(pair.kz, case_file(about="Fictional: undelivered"))
    pair.world.sync(pair.kz)
    tell(pair, notice_of(pair, number, NoticeOutcome.FORWARDED))
    tell(pair, notice_of(pair, number, NoticeOutcome.FORWARDED, kind=NoticeKind.DELIVERY_FAILED))
    assert line(pair.kz, number).envelopes == 2


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"envelope_sha256": bytes(32)}, Code.NOT_A_PARTY),
        ({"from_gate": OrgId("uz-gate")}, Code.KEY_UNKNOWN),
        ({"from_gate": AGENCY}, Code.KEY_UNKNOWN),
        ({"kid": KeyId(bytes(16))}, Code.KEY_UNKNOWN),
    ],
    ids=["of a stranger's envelope", "under another gate's name", "by no gate", "with an unknown key"],
)
def test_a_notice_that_no_gate_of_ours_signed_moves_nothing(pair: Pair, facts: dict[str, Any], code: Code) -> None:
    """Receipts end resending, so only a gate's signature counts."""
    _, number = sent(pair.kz, case_file(about=f"Fictional: forged notice {facts}"))
    pair.world.sync(pair.kz)
    tell(pair, notice_of(pair, number, NoticeOutcome.TAKEN, **facts))
    assert line(pair.kz, number).hop is Hop.MY_GATE
    with pair.kz.store.read() as tx:
        codes = {each.code for state in set_aside.AsideState for each in set_aside.aside(tx, state)}
    assert code in codes


def test_a_heartbeat_that_counts_more_is_a_hole(own: Pair) -> None:
    """INBOX_GAP when the gate has written more than was read here, or other bytes."""
    sent(own.kz)
    own.world.sync(own.kz)
    beat = notice_of(own, 1, NoticeOutcome.NONE, kind=NoticeKind.HEARTBEAT, inbox_count=7)
    tell(own, beat)
    assert "INBOX_GAP" in alarm_codes(own.kz)


def test_a_gate_that_counts_from_an_old_number_loses_nothing(own: Pair) -> None:
    """Records are known by their bytes: a withdrawal under a number that was used is taken in, a repeat is not."""
    case, _ = sent(own.kz)
    own.exchange()
    number = number_of(own.uz, id_of(own.kz, 1))
    withdraw_all(own.kz, case)
    own.world.sync(own.kz)
    topic = f"uz.inbox.{SHELTER}"
    first = InboxRecord.parse(own.world.bus.records(topic)[0].value)
    own.world.restart_count(topic)
    own.world.carry()
    own.world.deliver(SHELTER, first.kind, first.body, first.sequence)
    own.world.sync(own.uz)
    assert InboxRecord.parse(own.world.bus.records(topic)[1].value).sequence == 1
    assert home_health(own.uz).withdrawals_to_answer_ms is not None
    assert open_at(own.uz, number).withdrawn
    assert alarm_codes(own.uz).count("INBOX_COUNT_BACK") == 1
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def test_numbers_that_never_follow_are_one_alarm_in_the_end(own: Pair) -> None:
    """Whoever runs the broker writes records under any number: that hides nothing else that a person must look at."""
    for number in range(60):
        own.world.deliver(SHELTER, InboxKind.NOTICE, b"stray %d" % number, sequence=1_000 - 7 * number % 500)
    own.world.sync(own.uz)
    codes = alarm_codes(own.uz)
    assert 20 < codes.count("INBOX_COUNT_BACK") + codes.count("INBOX_GAP") <= 42


def test_after_a_hole_a_heartbeat_gives_a_new_start(own: Pair) -> None:
    """One alarm for one hole: from the next heartbeat on the running hash is compared again."""
    sent(own.kz)
    own.world.sync(own.kz)
    for sequence, counted, inbox_hash in ((5, 4, b"\1"), (6, 5, b"\2")):
        beat = notice_of(
            own, 1, NoticeOutcome.NONE, kind=NoticeKind.HEARTBEAT, inbox_count=counted, inbox_hash=inbox_hash * 32
        )
        own.world.deliver(AGENCY, InboxKind.NOTICE, beat, sequence)
        own.world.sync(own.kz)
    with own.kz.store.read() as tx:
        standing = [alarm.detail for alarm in alarms.standing_alarms(tx) if alarm.code == "INBOX_GAP"]
    assert standing[0] == "records 1 to 4"
    assert len(standing) == 2  # the second heartbeat's hash does not follow from the first one's


def test_an_answer_without_a_stored_event_is_resent_until_a_gate_has_it(own: Pair) -> None:
    """Rows without an event wait for the gate too; one that cannot arrive ends, since whoever asked asks again."""
    block, _ = fresh(own)
    own.world.sync(own.kz)
    with own.kz.store.write() as tx:
        asked = dataclasses.replace(block, sender=SHELTER, recipient=AGENCY)
        fields = {"envelope_sha256": bytes(32), "reason": "OPEN_FAILED"}
        envelopes.answer(own.kz, tx, asked, EventType.UNDECRYPTABLE, fields)
        row = outbox.due(tx, own.kz.now_ms())[-2]
    own.world.sync(own.kz)
    with own.kz.store.read() as tx:
        kept = outbox.by_sha256(tx, row.sha256)
    assert kept is not None
    assert (kept.event_id, kept.confirmed, kept.state) == (None, True, RowState.READY)
    assert kept.value is not None


def gate_statement(pair: Pair, number: int, **changes: Any) -> tuple[Statement, dict[str, Any]]:
    """Return what the gate of kz would have logged about the newest envelope of a referral, and facts of its notice."""
    with pair.kz.store.read() as tx:
        row = outbox.of_event(tx, line(pair.kz, number).event.id)[-1]
    facts = {"decision_id": row.sha256[:16], "writer": gate("kz"), "message_sha256": row.sha256, **changes}
    statement = Statement.of(audit_record(outcome=AuditOutcome.FORWARDED, codes=(), **facts), AUDIT_KEY)
    return statement, {"statement": statement.encode()}


def gates_statements(pair: Pair, number: int) -> list[tuple[Statement, bool]]:
    """Return what gates stated about a referral, and whether its proof comes over our topic."""
    with pair.kz.store.read() as tx:
        found = statements.of_referral(tx, referrals.get(tx, number))
        return [(statements.opened(tx, each), each.awaited) for each in found if not each.own]


def test_what_the_gate_logged_is_kept_like_our_own(own: Pair) -> None:
    """A receipt with a statement moves the event; the statement waits for its proof, once, however often it comes."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    statement, facts = gate_statement(own, number)
    for _ in range(2):
        tell(own, notice_of(own, number, NoticeOutcome.FORWARDED, **facts))
    assert gates_statements(own, number) == [(statement, True)]
    assert line(own.kz, number).hop is Hop.BORDER
    assert home_health(own.kz).unproven == 2


@pytest.mark.parametrize("lie", ["writer", "decision_id", "message_sha256", "bytes"])
def test_a_statement_about_something_else_is_told(own: Pair, lie: str) -> None:
    """It is left out with an alarm, and the receipt counts all the same."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    changes = {"writer": gate("uz"), "decision_id": b"d" * 16, "message_sha256": b"m" * 32}
    _, facts = gate_statement(own, number, **{lie: changes[lie]} if lie in changes else {})
    if lie == "bytes":
        facts = {"statement": b"nonsense"}
    tell(own, notice_of(own, number, NoticeOutcome.FORWARDED, **facts))
    assert gates_statements(own, number) == []
    assert alarm_codes(own.kz) == [Code.MALFORMED if lie == "bytes" else Code.AUDIT_INVALID]
    assert line(own.kz, number).hop is Hop.BORDER
