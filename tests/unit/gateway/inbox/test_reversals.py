"""Which word of a gate brings back an envelope that has ended: a newer one, of the gate that can know it."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.errors import Code
from refbus.wire.transport import NoticeOutcome
from refbus_gateway.store import outbox, referrals
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.referrals import EventStatus
from support.gateways import Pair, case_file, line, sent
from support.notices import hop_of, newest_row, notice_of, tell

FORWARDED, HELD, TAKEN, REFUSED = (NoticeOutcome(name) for name in ("FORWARDED", "HELD", "TAKEN", "REFUSED"))


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
        ("kz", ("kz", FORWARDED), -1, (RowState.REFUSED, EventStatus.REFUSED)),
        ("uz", ("uz", FORWARDED), -1, (RowState.REFUSED, EventStatus.REFUSED)),
        ("uz", ("kz", FORWARDED), 1, (RowState.REFUSED, EventStatus.REFUSED)),
        ("uz", ("kz", TAKEN), 1, (RowState.REFUSED, EventStatus.REFUSED)),
    ],
)
def test_a_newer_word_of_the_gate_that_stopped_it_counts(
    pair: Pair, stop: str, word: tuple[str, NoticeOutcome], after_ms: int, becomes: tuple[RowState, EventStatus]
) -> None:
    """What is older says nothing new, and our gate knows nothing of what the other one refused."""
    number, now_ms = waiting(pair, f"{stop} {word} {after_ms}"), pair.kz.now_ms()
    said(pair, number, (stop, REFUSED), 1, now_ms)
    assert stands(pair, number) == (RowState.REFUSED, EventStatus.REFUSED)
    said(pair, number, word, 2, now_ms + after_ms)
    assert stands(pair, number) == becomes


def test_what_a_later_envelope_meets_takes_nothing_back_from_one_that_arrived(pair: Pair) -> None:
    """The first envelope was refused for its keys and let through by order; the second one is refused for good."""
    number, now_ms = waiting(pair, "two envelopes"), pair.kz.now_ms()
    first, before = newest_row(pair, number), hop_of(pair, number)
    tell(pair, notice_of(pair, number, REFUSED, Code.KEY_EXPIRED))
    pair.world.sync(pair.kz)
    second = newest_row(pair, number)
    assert second.id != first.id
    facts: dict[str, Any] = {"envelope_sha256": first.sha256, "receipt": before, "decision_id": bytes(16)}
    tell(pair, notice_of(pair, number, TAKEN, **facts))
    assert line(pair.kz, number).event.status is EventStatus.SENT
    said(pair, number, ("kz", REFUSED), 2, now_ms + 1)
    with pair.kz.store.read() as tx:
        assert [row.state for row in outbox.of_event(tx, second.event_id or 0)] == [RowState.TAKEN, RowState.REFUSED]
        assert referrals.status_of(tx, second.event_id or 0) is EventStatus.SENT
