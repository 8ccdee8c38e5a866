"""Which word of a gate brings back an envelope that has ended: a newer one, of the gate that can know it.

What a gate let through it cannot take back, so that is newer than each refusal of its own, whatever the dates.
"""

from __future__ import annotations

from typing import Any

import pytest

from refbus.errors import Code
from refbus.wire.transport import HopOutcome, NoticeKind, NoticeOutcome
from refbus_gateway.reports.overview import Hop
from refbus_gateway.store import outbox, referrals
from refbus_gateway.store.outbox import OutboxRow, RowState
from refbus_gateway.store.referrals import EventStatus
from support.gateways import Pair, case_file, home_health, line, sent
from support.notices import hop_of, newest_row, notice_of, tell

FORWARDED, HELD, TAKEN, REFUSED = (NoticeOutcome(name) for name in ("FORWARDED", "HELD", "TAKEN", "REFUSED"))
NOT_AGAIN = "outbox %s: not sent again"


def waiting(pair: Pair, name: str) -> int:
    """Refer a case of its own that no gate has confirmed, and return the referral's number."""
    _, number = sent(pair.kz, case_file(about=f"Fictional: {name}"))
    pair.world.sync(pair.kz)
    return number


def said(pair: Pair, number: int, word: tuple[str, NoticeOutcome], step: int, at_ms: int) -> None:
    """Let a gate say something of the newest envelope of a referral."""
    gate, outcome = word
    facts: dict[str, Any] = {"decision_id": bytes([step]) * 16, "at_ms": at_ms, "signer": gate}
    codes = (Code.CATEGORY_NOT_COVERED,) if outcome is REFUSED else ()
    if outcome is TAKEN:
        facts["receipt"] = hop_of(pair, number)
    tell(pair, notice_of(pair, number, outcome, *codes, **facts))


def stands(pair: Pair, number: int) -> tuple[RowState, EventStatus]:
    """Return where envelope and event stand."""
    return newest_row(pair, number).state, line(pair.kz, number).event.status


@pytest.mark.parametrize(
    ("stop", "word", "after_ms", "becomes"),
    [
        ("kz", ("kz", FORWARDED), 1, (RowState.FORWARDED, EventStatus.QUEUED)),
        ("kz", ("kz", HELD), 1, (RowState.HELD, EventStatus.QUEUED)),
        ("kz", ("kz", TAKEN), 1, (RowState.TAKEN, EventStatus.SENT)),
        ("uz", ("uz", FORWARDED), 1, (RowState.TAKEN, EventStatus.SENT)),
        ("uz", ("uz", HELD), 1, (RowState.HELD, EventStatus.QUEUED)),
        ("kz", ("kz", FORWARDED), -1, (RowState.FORWARDED, EventStatus.QUEUED)),
        ("kz", ("kz", TAKEN), -1, (RowState.TAKEN, EventStatus.SENT)),
        ("uz", ("uz", FORWARDED), -1, (RowState.TAKEN, EventStatus.SENT)),
        ("kz", ("kz", HELD), -1, (RowState.REFUSED, EventStatus.REFUSED)),
        ("uz", ("uz", HELD), -1, (RowState.REFUSED, EventStatus.REFUSED)),
        ("uz", ("kz", FORWARDED), 1, (RowState.REFUSED, EventStatus.REFUSED)),
        ("uz", ("kz", TAKEN), 1, (RowState.REFUSED, EventStatus.REFUSED)),
    ],
)
def test_a_newer_word_of_the_gate_that_stopped_it_counts(
    pair: Pair, stop: str, word: tuple[str, NoticeOutcome], after_ms: int, becomes: tuple[RowState, EventStatus]
) -> None:
    """A hold that is older says nothing new, and our gate knows nothing of what the other one refused."""
    number, now_ms = waiting(pair, f"{stop} {word} {after_ms}"), pair.kz.now_ms()
    said(pair, number, (stop, REFUSED), 1, now_ms)
    assert stands(pair, number) == (RowState.REFUSED, EventStatus.REFUSED)
    said(pair, number, word, 2, now_ms + after_ms)
    assert stands(pair, number) == becomes


@pytest.mark.parametrize(("after_ms", "becomes"), [(1, RowState.FORWARDED), (-1, RowState.REFUSED)])
def test_a_delivery_that_failed_is_behind_what_was_let_through_before(
    pair: Pair, after_ms: int, becomes: RowState
) -> None:
    """It says that what was let through did not arrive: there the dates count."""
    number, now_ms = waiting(pair, f"failed {after_ms}"), pair.kz.now_ms()
    failed: dict[str, Any] = {"kind": NoticeKind.DELIVERY_FAILED, "at_ms": now_ms}
    tell(pair, notice_of(pair, number, NoticeOutcome.NONE, Code.ORGANISATION_UNKNOWN, **failed))
    said(pair, number, ("kz", FORWARDED), 2, now_ms + after_ms)
    assert stands(pair, number)[0] is becomes


@pytest.mark.parametrize("gate", ["kz", "uz"])
def test_an_older_refusal_that_comes_late_takes_nothing_back(pair: Pair, gate: str) -> None:
    """The gate has let this very envelope through since; nobody is told of a refusal."""
    number, now_ms = waiting(pair, f"late {gate}"), pair.kz.now_ms()
    said(pair, number, (gate, FORWARDED), 2, now_ms + 5)
    before = stands(pair, number), home_health(pair.kz).alarms
    said(pair, number, (gate, REFUSED), 1, now_ms)
    assert (stands(pair, number), home_health(pair.kz).alarms) == before


def told_of(pair: Pair, row: OutboxRow) -> set[tuple[str, str]]:
    """Return the codes and words of all alarms that name an envelope."""
    alarms = home_health(pair.kz).alarms
    return {(one.code, str(one.detail)) for one in alarms if f"outbox {row.id}" in str(one.detail)}


@pytest.mark.parametrize(
    ("gate", "outcome", "code", "told"),
    [
        ("kz", NoticeOutcome.QUARANTINED, Code.SET_ASIDE_THERE, "outbox %s"),
        ("uz", HELD, Code.KEY_UNKNOWN, "uz-gate: outbox %s, it waits there"),
        ("uz", HELD, Code.CLOCK_SKEW, "outbox %s waits at uz-gate: compare this computer's clock with another"),
    ],
)
def test_what_waits_again_is_not_told_as_let_through(
    pair: Pair, gate: str, outcome: NoticeOutcome, code: Code, told: str
) -> None:
    """Its operators decided again, and it waits or is put aside there: a person hears that, as of any other event."""
    number, now_ms = waiting(pair, f"again {code}"), pair.kz.now_ms()
    said(pair, number, (gate, REFUSED), 1, now_ms)
    row = newest_row(pair, number)
    before = told_of(pair, row)
    facts: dict[str, Any] = {"signer": gate, "at_ms": now_ms + 1, "decision_id": bytes([2]) * 16}
    codes = (code,) if outcome is HELD else ()
    if outcome is not HELD:
        facts["receipt"] = hop_of(pair, number, outcome=HopOutcome.QUARANTINED)
    tell(pair, notice_of(pair, number, outcome, *codes, **facts))
    assert stands(pair, number) == (RowState.HELD, EventStatus.QUEUED)
    assert told_of(pair, row) - before == {(code, told % row.id)}


def two(pair: Pair, name: str) -> tuple[int, OutboxRow, OutboxRow, bytes]:
    """Refer a case of which the first envelope was refused for its key; return both, and a hop receipt of the first."""
    number = waiting(pair, name)
    first, hop = newest_row(pair, number), hop_of(pair, number)
    tell(pair, notice_of(pair, number, REFUSED, Code.KEY_EXPIRED))
    pair.world.sync(pair.kz)
    second = newest_row(pair, number)
    assert second.id != first.id
    return number, first, second, hop


def of_first(pair: Pair, first: OutboxRow, outcome: NoticeOutcome, *codes: Code, step: int, **facts: Any) -> None:
    """Let a gate say something of the first of two envelopes."""
    number, at_ms = first.referral or 0, pair.kz.now_ms() + step
    told = {"envelope_sha256": first.sha256, "decision_id": bytes([step]) * 16, "at_ms": at_ms, **facts}
    tell(pair, notice_of(pair, number, outcome, *codes, **told))


def states(pair: Pair, number: int) -> tuple[list[RowState], EventStatus]:
    """Return where all envelopes and their event stand."""
    event = line(pair.kz, number).event
    with pair.kz.store.read() as tx:
        return [row.state for row in outbox.of_event(tx, event.id)], referrals.status_of(tx, event.id)


def test_what_a_later_envelope_meets_takes_nothing_back_from_one_that_arrived(pair: Pair) -> None:
    """The first envelope was refused for its keys and let through by order; the second one is refused for good."""
    number, first, _, hop = two(pair, "two envelopes")
    of_first(pair, first, TAKEN, step=3, receipt=hop)
    assert line(pair.kz, number).event.status is EventStatus.SENT
    said(pair, number, ("kz", REFUSED), 4, pair.kz.now_ms())
    assert states(pair, number) == ([RowState.TAKEN, RowState.REFUSED], EventStatus.SENT)
    assert line(pair.kz, number).hop is Hop.THEIR_INBOX


def test_an_envelope_on_its_way_says_where_an_event_is(pair: Pair) -> None:
    """The first one waits at the gate, for its own reason; the second one was refused for good."""
    number, first, _, _ = two(pair, "one waits")
    of_first(pair, first, HELD, Code.KEY_UNKNOWN, step=3)
    said(pair, number, ("kz", REFUSED), 4, pair.kz.now_ms())
    shown = line(pair.kz, number)
    assert (shown.hop, shown.codes) == (Hop.HELD, (Code.KEY_UNKNOWN,))


FAILED = {"kind": NoticeKind.DELIVERY_FAILED}
ENDS: list[tuple[NoticeOutcome, Code, dict[str, Any]]] = [
    (REFUSED, Code.MESSAGE_EXPIRED, {}),
    (REFUSED, Code.TOO_MANY_WAITING, {}),
    (REFUSED, Code.NOT_YET_VALID, {}),
    (NoticeOutcome.NONE, Code.DELIVERY_FAILED, FAILED),
]


@pytest.mark.parametrize(("outcome", "code", "facts"), ENDS)
def test_nothing_waits_for_an_envelope_that_was_refused_for_good(
    pair: Pair, outcome: NoticeOutcome, code: Code, facts: dict[str, Any]
) -> None:
    """The second one was refused; the first was let through by order and is lost: the event has ended, and all hear."""
    number, first, _, _ = two(pair, f"both end {code}")
    said(pair, number, ("kz", REFUSED), 3, pair.kz.now_ms())
    of_first(pair, first, FORWARDED, step=4)
    assert states(pair, number) == ([RowState.FORWARDED, RowState.REFUSED], EventStatus.QUEUED)
    before = told_of(pair, first)
    of_first(pair, first, outcome, code, step=5, signer="uz" if outcome is REFUSED else "kz", **facts)
    assert states(pair, number) == ([RowState.REFUSED, RowState.REFUSED], EventStatus.REFUSED)
    assert told_of(pair, first) - before == {(code, NOT_AGAIN % first.id)}


@pytest.mark.parametrize("code", [Code.HOLD_EXPIRED, Code.TOO_MANY_WAITING])
def test_an_envelope_that_ended_keeps_no_event_waiting(pair: Pair, code: Code) -> None:
    """The first one ends while a fresh one is on its way: when that is refused for good, the event has ended."""
    number, first, _, _ = two(pair, f"first ends {code}")
    of_first(pair, first, HELD, Code.KEY_UNKNOWN, step=3)
    of_first(pair, first, REFUSED, code, step=4)
    said(pair, number, ("kz", REFUSED), 5, pair.kz.now_ms())
    assert states(pair, number)[1] is EventStatus.REFUSED


def test_what_was_not_sent_for_one_that_arrived_is_sent_when_that_is_refused(pair: Pair) -> None:
    """The fresh one was put off and then needed no more; then the other gate says that the first one expired there."""
    number, first, second, hop = two(pair, "needed again")
    tell(pair, notice_of(pair, number, REFUSED, Code.TOO_MANY_WAITING))
    of_first(pair, first, TAKEN, step=3, receipt=hop)
    assert states(pair, number)[0] == [RowState.TAKEN, RowState.REPLACED]
    of_first(pair, first, REFUSED, Code.MESSAGE_EXPIRED, step=4, signer="uz")
    pair.world.sync(pair.kz)
    fresh = newest_row(pair, number)
    assert (fresh.id > second.id, fresh.state) == (True, RowState.READY)
