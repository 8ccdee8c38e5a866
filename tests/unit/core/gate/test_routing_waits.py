"""What a gate holds, for how long, and the clocks it reads."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.core.gate.verdicts import Duplicate, Forward, MarkWithdrawn, Refuse
from refbus.core.ids import CaseHandle, KeyId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import STOPS, EventType
from refbus.errors import Code
from support.consents import (
    COLLECTOR,
    PARTY,
    consent_record,
)
from support.directories import NOW_MS
from support.passages import (
    HANDLE,
    NOW_HOUR,
    MemoryNode,
    block,
    event_id,
    header,
    passed,
    presented,
)
from support.roads import FED, SKEW_MS, E, held, into, out, sent, stop


def test_an_event_from_the_future_is_held_until_its_envelope_ends() -> None:
    """More than the tolerated difference holds and never refuses; exactly that much passes."""
    edge = presented(block(occurred_at_ms=NOW_MS + SKEW_MS))
    assert isinstance(out(edge), Forward)
    ahead = presented(block(occurred_at_ms=NOW_MS + SKEW_MS + 1))
    verdict = held(out(ahead), Code.CLOCK_SKEW)
    assert verdict.deadline_ms == ahead.header.expires_at_hour * HOUR_MS
    assert (verdict.notify, verdict.about.case_handle) == (COLLECTOR, HANDLE)


def test_a_gate_of_origin_whose_clock_is_ahead_is_held_too() -> None:
    """The hour of the pass counts like the time of the event."""
    assert isinstance(into(passed(presented(), hour=NOW_HOUR)), Forward)
    held(into(passed(presented(), hour=NOW_HOUR + 1)), Code.CLOCK_SKEW)


def test_no_signed_time_moves_the_time_of_a_gate() -> None:
    """Whatever times a gate accepted before, the next event is judged by the gate's own time alone."""
    node = MemoryNode("kz")
    assert isinstance(out(presented(block(occurred_at_ms=NOW_MS + SKEW_MS)), node=node), Forward)
    held(out(presented(block(E.CONSENT_GRANTED, occurred_at_ms=NOW_MS + 2 * SKEW_MS)), node=node), Code.CLOCK_SKEW)
    request = presented(block(event_id=event_id("later"), occurred_at_ms=NOW_MS), named="later")
    assert Code.CLOCK_SKEW not in out(request, node=node, now=NOW_MS - SKEW_MS).codes


KINDS = sorted(STOPS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("years", [-50, -1, 1, 50, 5 / 8766])
def test_no_clock_holds_or_refuses_a_stop(kind: EventType, years: float) -> None:
    """What takes something back meets no rule of clocks at either gate, whatever its sender's clock said."""
    at_ms = NOW_MS + int(years * 8766 * HOUR_MS)
    event = presented(block(kind, occurred_at_ms=at_ms), header=header(expires_at_hour=max(1, at_ms // HOUR_MS + 48)))
    stale = dataclasses.replace(FED.directory, expires_at_ms=NOW_MS)
    for fed in (FED, dataclasses.replace(FED, history=type(FED.history)((stale,)))):
        kz, uz = sent()
        for verdict in (out(event, fed, node=kz), into(passed(event, hour=at_ms // HOUR_MS), fed, node=uz)):
            assert BY_CLOCK.isdisjoint(verdict.codes)


BY_CLOCK = {Code.CLOCK_SKEW, Code.MESSAGE_EXPIRED, Code.MESSAGE_LIFE_TOO_LONG, Code.VIEW_STALE, Code.DIRECTORY_TOO_OLD}


def test_a_newer_directory_is_fetched_first() -> None:
    """An event that names a version not known here waits."""
    held(out(presented(header=header(directory_version=2))), Code.DIRECTORY_NEWER)


def test_a_withdrawal_does_not_wait_for_a_newer_directory() -> None:
    """It passes under the directory that is here; only a key of the recipient that is not known here is waited for."""
    kz, _ = sent()
    ahead = dataclasses.replace(stop(), header=header(directory_version=2))
    assert isinstance(out(ahead, node=kz), Forward)
    routing = dataclasses.replace(ahead.block, recipient_kid=KeyId(b"\x07" * 8), event_id=event_id("another"))
    unknown = dataclasses.replace(ahead, block=routing, record_sha256=b"\x01" * 32, signed_sha256=b"\x02" * 32)
    verdict = held(out(unknown), Code.DIRECTORY_NEWER)
    assert any(isinstance(effect, MarkWithdrawn) for effect in verdict.effects)


def test_an_expired_directory_holds() -> None:
    """Without a fresh view nothing is decided."""
    held(
        out(now=FED.directory.expires_at_ms, event=presented(header=header(expires_at_hour=NOW_HOUR + 200))),
        Code.VIEW_STALE,
    )


def test_later_events_of_a_held_case_wait_behind_it() -> None:
    """All but withdrawals and their answers; another case passes; the held event itself is decided when resumed."""
    kz, uz = sent()
    for node in (kz, uz):
        node.held.update({(HANDLE, COLLECTOR), (HANDLE, PARTY)})
    held(out(presented(block(E.INFORMATION_PROVIDED)), node=kz), Code.CASE_HELD)
    held(into(passed(presented(block(E.INFORMATION_PROVIDED))), node=uz), Code.CASE_HELD)
    assert isinstance(out(stop(), node=kz), Forward)
    answer = presented(block(E.WITHDRAWAL_ACKNOWLEDGED, reply=True), proof=stop().consent)
    assert isinstance(out(answer, node=uz), Forward)
    other = block(event_id=event_id("other"), referral_id=b"other referral..", case_handle=CaseHandle(bytes(32)))
    record = consent_record(consent_id=b"y" * 16)
    assert isinstance(out(presented(other, record=record, named="other"), node=kz), Forward)
    again = presented(block(E.INFORMATION_PROVIDED), named="resumed", resumed=True)
    assert out(again, node=MemoryNode("kz")).codes == (Code.STATE_NOT_ALLOWED,)


@pytest.mark.parametrize("kind", [E.REFERRAL_CANCELLED, E.ENTERED_IN_ERROR, E.REPATRIATION_ABORTED])
def test_what_was_taken_back_while_it_waited_goes_nowhere(kind: EventType) -> None:
    """At both gates, also for a request: the cancellation waits behind it, and its word counts already."""
    for node, decide in ((MemoryNode("kz"), out), (MemoryNode("uz"), lambda e, node: into(passed(e), node=node))):
        node.held.add((HANDLE, COLLECTOR))
        held(decide(presented(block(kind)), node=node), Code.CASE_HELD)
        assert Code.STATE_NOT_ALLOWED in decide(presented(resumed=True), node=node).codes


def test_nobody_takes_back_the_course_of_another() -> None:
    """A cancellation by the other side, or by one who is no party, ends nothing that its sender has waiting."""
    node = MemoryNode("kz")
    node.held.update({(HANDLE, COLLECTOR), (HANDLE, PARTY)})
    into(passed(presented(block(E.REFERRAL_CANCELLED, reply=True))), node=node)
    assert isinstance(out(presented(resumed=True), node=node), Forward)


def test_a_held_event_that_is_resumed_is_no_resend_of_itself() -> None:
    """It is decided as if new, and then forwarded."""
    node = MemoryNode("kz")
    ahead = presented(block(occurred_at_ms=NOW_MS + DAY_MS))
    held(out(ahead, node=node), Code.CLOCK_SKEW)
    assert isinstance(out(ahead, node=node), Duplicate)
    resumed = dataclasses.replace(ahead, resumed=True)
    assert isinstance(out(resumed, node=node, now=NOW_MS + DAY_MS), Forward)
    assert node.held == set()


def test_a_hold_that_ends_with_its_envelope_says_so() -> None:
    """At the deadline a resumed event is refused as HOLD_EXPIRED."""
    event = presented(resumed=True)
    end = event.header.expires_at_hour * HOUR_MS
    assert out(event, now=end).codes == (Code.HOLD_EXPIRED, Code.MESSAGE_EXPIRED)


def test_what_is_over_or_astray_is_refused_rather_than_held() -> None:
    """Waiting would not help it."""
    event = presented(block(occurred_at_ms=NOW_MS + DAY_MS), header=header(expires_at_hour=NOW_HOUR))
    assert isinstance(out(event), Refuse)


def test_an_envelope_may_live_as_long_as_its_country_allows_and_one_hour() -> None:
    """Whole hours and honest clocks: 721 hours pass, a moment of the 722nd does not."""
    whole = NOW_HOUR * HOUR_MS
    routing = block(occurred_at_ms=whole)
    assert isinstance(out(presented(routing, header=header(expires_at_hour=NOW_HOUR + 721)), now=whole), Forward)
    late = presented(routing, header=header(expires_at_hour=NOW_HOUR + 722))
    assert out(late, now=whole).codes == (Code.MESSAGE_LIFE_TOO_LONG,)


def test_the_life_is_that_of_the_sender_s_country() -> None:
    """The gate of destination does not measure with its own policy."""
    short = FED.with_policy("kz", max_message_life_hours=24)
    assert into(fed=short).codes == (Code.MESSAGE_LIFE_TOO_LONG,)
    assert isinstance(into(fed=FED.with_policy("uz", max_message_life_hours=24)), Forward)


def test_an_old_directory_is_good_for_the_grace_after_it_was_replaced() -> None:
    """Counted to the moment at which the gate of origin let the event out, so a closed border costs nothing."""
    grace_ms = 72 * HOUR_MS
    whole = NOW_HOUR * HOUR_MS
    replaced = FED.next_version(at_ms=whole - grace_ms)
    longer = FED.next_version(at_ms=whole - grace_ms - 1)
    event = presented(block(occurred_at_ms=whole - 1))
    assert isinstance(out(event, replaced, now=whole), Forward)
    assert out(event, longer, now=whole).codes == (Code.DIRECTORY_TOO_OLD,)
    assert isinstance(into(passed(event, hour=NOW_HOUR - 1), longer, now=whole), Forward)
    assert into(passed(event, hour=NOW_HOUR), longer, now=whole).codes == (Code.DIRECTORY_TOO_OLD,)
    assert isinstance(out(dataclasses.replace(event, resumed=True), longer, now=whole), Forward)
