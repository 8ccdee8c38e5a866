"""Resends, replays, events sealed again, used ids, and records that do not open."""

from __future__ import annotations

import dataclasses
from typing import Any

from refbus.core.gate.passage import Outcome, Unread, event_identity
from refbus.core.gate.routing import decide_egress, decide_unread
from refbus.core.gate.verdicts import About, Duplicate, Forward, Hold, Missing, Point, Quarantine, Refuse
from refbus.core.ids import CaseHandle, EventId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import Action
from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from support.consents import (
    COLLECTOR,
    PARTY,
    amended,
    consent_record,
)
from support.directories import NOW_MS, ngo
from support.passages import (
    REFERRAL,
    MemoryNode,
    block,
    event_id,
    header,
    passed,
    presented,
    wrong_key,
)
from support.roads import FED, E, into, out, sent, stop


def test_an_exact_resend_is_a_duplicate_before_anything_is_asked() -> None:
    """Also after its time, and although the consent was withdrawn meanwhile."""
    kz, _ = sent()
    out(stop(), node=kz)
    verdict = out(now=NOW_MS + 100 * DAY_MS, node=kz)
    assert isinstance(verdict, Duplicate)
    assert (verdict.codes, verdict.alarm, verdict.effects, verdict.outcome) == ((), False, (), Outcome.DUPLICATE)


def test_a_resend_of_what_did_not_open_the_first_time_is_a_duplicate() -> None:
    """The record is known although what it signs is not: it is held, and decided again as such."""
    node = MemoryNode("kz")
    node.records.add(presented().record_sha256)
    assert isinstance(out(node=node), Duplicate)


def test_the_same_signed_bytes_in_another_record_are_a_duplicate() -> None:
    """A replay under a fresh pass has no second effect."""
    _, uz = sent()
    replay = dataclasses.replace(passed(presented()), record_sha256=bytes(32))
    assert isinstance(into(replay, node=uz), Duplicate)


def test_an_event_sealed_again_goes_through_without_counting_twice() -> None:
    """New keys and a newer consent record make other bytes, not another event; its state is not asked again."""
    kz, uz = sent()
    sealed = presented(named="sealed again", record=amended(consent_record()))
    assert isinstance(out(sealed, node=kz), Forward)
    assert isinstance(into(passed(sealed), node=uz), Forward)
    known = uz.referral(REFERRAL)
    assert known is not None
    assert len(known.facts) == 1


def test_another_event_under_a_used_id_is_an_alarm() -> None:
    """It is never passed on, teaches nothing, and its sender is told."""
    kz, _ = sent()
    other = presented(block(priority="EMERGENCY"), named="other", record=amended(consent_record()))
    verdict = out(other, node=kz)
    assert isinstance(verdict, Duplicate)
    assert (verdict.codes, verdict.alarm, verdict.notify) == ((Code.EVENT_ID_REUSED,), True, COLLECTOR)
    assert verdict.effects == ()


def test_the_same_id_of_another_sender_is_another_event() -> None:
    """Ids are random per sender."""
    kz, _ = sent()
    event = presented(
        block(sender=ngo("kz"), referral_id=b"other referral..", case_handle=CaseHandle(bytes(32))),
        named="other",
        record=consent_record(consent_id=b"y" * 16, collected_by=ngo("kz")),
    )
    assert isinstance(out(event, node=kz), Forward)


def test_the_other_partys_id_is_not_taken_within_a_referral() -> None:
    """A referral has each id once: an answer under the id of the request would take the request's place."""
    kz, uz = sent()
    taken = presented(block(E.REFERRAL_ACCEPTED, reply=True, event_id=event_id(E.REFERRAL_REQUESTED)), named="taken")
    for verdict in (out(taken, node=uz), into(passed(taken, "uz"), node=kz)):
        assert isinstance(verdict, Duplicate)
        assert (verdict.codes, verdict.notify) == ((Code.EVENT_ID_REUSED,), PARTY)
        assert verdict.effects == ()


def test_the_identity_of_an_event_leaves_out_keys_and_consent_only() -> None:
    """Sealing again changes four fields; any other field is another event. Order in lists does not matter."""
    plain = block(actions=(Action.DISCLOSE, Action.CONTACT_PERSON))
    again = dataclasses.replace(
        plain,
        sender_kid=wrong_key(),
        recipient_kid=wrong_key(),
        consent_record=None,
        legal_basis_record=b"x",
        actions=(Action.CONTACT_PERSON, Action.DISCLOSE),
    )
    assert event_identity(plain) == event_identity(again)
    changes: dict[str, Any] = {
        "sender": PARTY,
        "recipient": COLLECTOR,
        "event_type": E.REFERRAL_OPENED,
        "event_id": EventId(bytes(16)),
        "referral_id": bytes(16),
        "case_handle": bytes(32),
        "previous": bytes(16),
        "priority": "EMERGENCY",
        "respond_by_ms": 1,
        "purpose": "MEDICAL",
        "actions": (Action.DISCLOSE,),
        "data_categories": (),
        "occurred_at_ms": 1,
        "payload_fingerprint": b"12345678",
        "payload_schema_sha256": bytes(31) + b"1",
        "travel_document": "ID_CARD",
    }
    others = {event_identity(dataclasses.replace(plain, **{name: value})) for name, value in changes.items()}
    assert len(others | {event_identity(plain)}) == len(changes) + 1


def unread(code: Code, kind: type[Exception] = UntrustedError, **changes: Any) -> Unread:
    """Return a record that failed with this code."""
    error: Any = kind(code)
    return dataclasses.replace(Unread(bytes(32), error, header()), **changes)


def test_what_cannot_be_parsed_is_quarantined() -> None:
    """With its code, and nobody is told."""
    verdict = decide_unread(unread(Code.NOT_CANONICAL, MalformedError, header=None), Point.EGRESS, MemoryNode("kz"))
    assert verdict == Quarantine(About(Point.EGRESS), (Code.NOT_CANONICAL,))
    assert verdict.outcome is Outcome.QUARANTINED


def test_what_cannot_be_believed_is_refused_without_a_notice() -> None:
    """An unverified sender is told nothing."""
    verdict = decide_unread(unread(Code.OPEN_FAILED), Point.INGRESS, MemoryNode("kz"))
    assert verdict == Refuse(About(Point.INGRESS, header().message_id), (Code.OPEN_FAILED,), None)
    unknown = decide_unread(unread(Code.ORGANISATION_UNKNOWN, UncheckableError), Point.EGRESS, MemoryNode("kz"))
    assert unknown.codes == (Code.ORGANISATION_UNKNOWN,)


def test_what_names_a_newer_directory_is_held_without_holding_a_case() -> None:
    """Nothing in it is believed yet, so it can hold up nobody."""
    newer = unread(Code.DIRECTORY_NEWER, UncheckableError)
    verdict = decide_unread(newer, Point.EGRESS, MemoryNode("kz"))
    assert verdict == Hold(
        About(Point.EGRESS, header().message_id),
        (Code.DIRECTORY_NEWER,),
        header().expires_at_hour * HOUR_MS,
        None,
        missing=Missing(header().directory_version),
    )
    assert isinstance(decide_unread(dataclasses.replace(newer, header=None), Point.EGRESS, MemoryNode("kz")), Refuse)


def test_what_only_the_clock_here_speaks_against_is_held() -> None:
    """Until its envelope ends, and whoever signed it hears of it; without a header there is nothing to wait for."""
    early = unread(Code.CLOCK_SKEW, UncheckableError, signer=COLLECTOR)
    verdict = decide_unread(early, Point.INGRESS, MemoryNode("uz"))
    about, deadline_ms = About(Point.INGRESS, header().message_id), header().expires_at_hour * HOUR_MS
    assert verdict == Hold(about, (Code.CLOCK_SKEW,), deadline_ms, COLLECTOR)
    assert isinstance(decide_unread(dataclasses.replace(early, header=None), Point.INGRESS, MemoryNode("uz")), Refuse)


def test_a_resend_of_what_did_not_open_is_a_duplicate_unless_it_is_resumed() -> None:
    """Seen before any error is looked at."""
    node = MemoryNode("kz")
    node.records.add(bytes(32))
    assert isinstance(decide_unread(unread(Code.MESSAGE_EXPIRED), Point.EGRESS, node), Duplicate)
    again = decide_unread(unread(Code.OPEN_FAILED, resumed=True), Point.EGRESS, node)
    assert again == Refuse(About(Point.EGRESS, header().message_id), (Code.OPEN_FAILED,), None)


def test_a_decision_changes_nothing_by_itself() -> None:
    """The functions are pure: the same question twice gives the same answer."""
    node = MemoryNode("kz")
    assert decide_egress(presented(), node, FED.history, NOW_MS) == decide_egress(
        presented(), node, FED.history, NOW_MS
    )


def test_a_hold_that_ran_out_says_so_although_its_envelope_opens_no_more() -> None:
    """Opening fails with MESSAGE_EXPIRED by then; the first time that code stands alone."""
    late = unread(Code.MESSAGE_EXPIRED, resumed=True)
    assert decide_unread(late, Point.INGRESS, MemoryNode("kz")).codes == (Code.HOLD_EXPIRED, Code.MESSAGE_EXPIRED)
    first = unread(Code.MESSAGE_EXPIRED)
    assert decide_unread(first, Point.INGRESS, MemoryNode("kz")).codes == (Code.MESSAGE_EXPIRED,)
