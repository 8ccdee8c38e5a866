"""A person's no under bad conditions: no line, an old directory, a date that passed, members that cannot hear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing
from refbus.errors import Code, SetupError, TransportError
from refbus.trust.publisher import changes
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses.referral_steps import Answer, stop
from refbus_gateway.store import consents
from refbus_gateway.sync.writer import RETRY_MS
from support.commands import Commands, file
from support.gateways import (
    alarm_codes,
    case_file,
    consent_file,
    home_health,
    id_of,
    incoming,
    line,
    new_case,
    open_at,
    refer,
    sent,
    take_consent,
    view,
    withdraw_all,
)
from support.nodes import Road, road
from support.views import UNUSABLE, seen

NEIGHBOUR = OrgId("kg-she1ter1")


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Road, Commands]]:
    """Give a road whose gateways are opened by commands only."""
    with road(tmp_path) as made:
        yield made, Commands(made, capsys)


def written(made: Road, country: str = "kz") -> list[EventType]:
    """Return what stands in an outbox, in its order."""
    keys = made.lab_gate_keys(country)
    records = made.bus.records(f"{country}.outbox")
    return [open_routing(Envelope.parse(each.value), keys).block.event_type for each in records]


def test_everything_that_stops_works_without_a_line_for_eight_days(
    typed: tuple[Road, Commands], tmp_path: Path
) -> None:
    """Withdrawal, refusal, denial and erasure are taken down; then the no goes first and what it stops never goes."""
    made, refbus = typed
    kz, uz = made.agency, made.shelter
    refbus.run(kz, "sync")
    for number in range(3):
        refbus.run(kz, "case", "add", file(tmp_path, f"{number}.json", case_file(about=f"Fictional: {number}")))
        refbus.run(kz, "consent", "grant", str(number + 1), "--file", file(tmp_path, "yes.json", consent_file()))
        refbus.run(kz, "send", str(number + 1))
    for node in made.nodes.values():
        node.work()
    before = len(written(made))
    made.bus.down = True
    made.clock.move(hours=1)
    for number in (1, 2, 3):
        assert refbus.json(kz, "send", str(number), "--again")["delivery"] == "later"
    made.clock.move(days=8)
    assert "DIRECTORY_EXPIRED" in refbus.run(kz, "send", "1", "--again", ok=False).err
    no = file(tmp_path, "no.json", consent_file(state="REFUSED", permit=[], denied_recipients=[NEIGHBOUR]))
    assert refbus.json(kz, "consent", "withdraw", "1")["withdrawn"][0]["taken_back"] == 1
    refused = refbus.json(kz, "consent", "grant", "2", "--file", no)
    assert (refused["state"], refused["taken_back"], refused["not_told"]) == ("REFUSED", 1, None)
    erased = refbus.json(kz, "erase", "3", "--yes")
    assert (erased["erased"], erased["delivery"]) == (True, "later")
    made.bus.down = False
    made.clock.now_ms += RETRY_MS
    made.lab.republish(made.clock())
    made.publish()
    refbus.run(kz, "sync")
    after = written(made)[before:]
    assert after[:2] == [EventType.CONSENT_WITHDRAWN] * 2
    assert EventType.REFERRAL_REQUESTED not in after
    assert EventType.CONSENT_AMENDED in after
    for _ in range(3):
        for node in made.nodes.values():
            node.work()
        refbus.run(uz, "sync")
    listed = refbus.run(uz, "inbox", "list", "--all").out
    assert listed.count("CONSENT WITHDRAWN") == 2


def test_a_no_is_sent_although_the_inbox_cannot_be_read(own: Road) -> None:
    """A topic that is missing keeps a yes back and is told; the withdrawal has left all the same."""
    case, _ = sent(own.kz)
    own.settle()
    other = new_case(own.kz, case_file(about="Fictional: another"))
    take_consent(own.kz, other, consent_file())
    refer(own.kz, other)
    withdraw_all(own.kz, case)
    before = len(written(own))
    del own.bus._logs[own.kz.inbox_topic]
    with pytest.raises(SetupError) as caught:
        own.sync(own.kz)
    assert caught.value.code is Code.TOPIC_MISSING
    assert written(own)[before:] == [EventType.CONSENT_WITHDRAWN]


def test_a_date_that_passed_stops_the_sending_and_no_no(typed: tuple[Road, Commands], tmp_path: Path) -> None:
    """After reply_by: the case is shown, a no taken down and a yes too; only `send` asks for another date."""
    made, refbus = typed
    kz = made.agency
    refbus.run(kz, "sync")
    path = file(tmp_path, "case.json", case_file(reply_by="2026-09-23T00:00:00Z"))
    assert made.clock() < 1_790_121_600_000
    refbus.run(kz, "case", "add", path)
    refbus.run(kz, "consent", "grant", path, "--file", file(tmp_path, "yes.json", consent_file()))
    made.clock.move(days=3)
    made.lab.republish(made.clock())
    made.publish()
    refbus.run(kz, "sync")
    assert "needs a dentist" in refbus.run(kz, "case", "show", "1").out
    assert refbus.json(kz, "case", "add", path) == {"case": 1}
    refused = refbus.run(kz, "send", "1", ok=False)
    assert "REPLY_BY_PAST" in refused.err
    assert "refbus case update" in refused.err
    no = file(tmp_path, "no.json", consent_file(state="REFUSED", permit=[]))
    assert refbus.json(kz, "consent", "grant", "1", "--file", no)["state"] == "REFUSED"
    made.clock.move(hours=1)
    assert refbus.json(kz, "consent", "grant", "1", "--file", str(tmp_path / "yes.json"))["state"] == "GIVEN"
    assert refbus.json(kz, "consent", "withdraw", "1")["withdrawn"][0]["version"] == 4
    refbus.run(kz, "case", "update", "1", file(tmp_path, "late.json", case_file(reply_by="2026-11-01T00:00:00Z")))


def test_a_recipient_with_an_old_directory_and_a_late_clock_stops_at_once(own: Road) -> None:
    """Its directory ran out and its clock is hours off: the withdrawal is taken in, and nothing is shown any more."""
    case, number = sent(own.kz)
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    open_at(own.uz, there)
    own.clock.move(hours=5)
    withdraw_all(own.kz, case)
    own.sync(own.kz)
    for node in own.nodes.values():
        node.work()
    own.clock.move(hours=-5)
    with seen(own.uz, {}, expired=True):
        own.sync(own.uz)
        assert view(own.uz, there).suspended
    with own.uz.store.read() as tx:
        assert len(consents.withdrawal_rows(tx, outgoing=False)) == 1
    assert home_health(own.uz).held == 0


def test_both_gates_honour_a_no_under_a_version_that_they_have_forgotten(own: Road) -> None:
    """Sealed under a version that was replaced a week ago: it passes both gates, and stops at the recipient."""
    case, number = sent(own.kz)
    own.settle()
    old = own.kz.trust.history
    publication = own.lab.publication(own.clock())
    changes.set_status(publication, NEIGHBOUR, OrgStatus.SUSPENDED)
    own.lab.publish(publication)
    own.publish()
    own.settle()
    own.pass_time(days=6)
    fresh = own.kz.trust.history
    own.kz.trust._history = old
    withdrawals.stop(own.kz, case, None)
    own.kz.trust._history = fresh
    own.settle()
    assert view(own.uz, incoming(own.uz, id_of(own.kz, number))).suspended
    assert line(own.kz, number, EventType.CONSENT_WITHDRAWN).envelopes == 1


@pytest.mark.parametrize("how", sorted(UNUSABLE))
def test_a_cancellation_waits_for_a_recipient_without_keys(own: Road, how: str) -> None:
    """It counts here at once, a person hears that it waits, and the recipient hears when the directory lets it."""
    _, number = sent(own.kz)
    own.settle()
    with seen(own.kz, {own.shelter: UNUSABLE[how]}), own.kz.store.write() as tx:
        stopped = stop(own.kz, tx, number, Answer(EventType.REFERRAL_CANCELLED, {"reason": "PERSON_DECLINED"}))
    assert stopped.waits in {Code.KEY_UNKNOWN, Code.ORGANISATION_UNKNOWN}
    assert stopped.waits in alarm_codes(own.kz)
    assert view(own.kz, number).status == "CANCELLED"
    assert view(own.uz, incoming(own.uz, id_of(own.kz, number))).status != "CANCELLED"
    own.settle()
    assert view(own.uz, incoming(own.uz, id_of(own.kz, number))).status == "CANCELLED"


def test_one_of_three_is_suspended_and_hears_when_it_is_back(own: Road) -> None:
    """Through real gates: the member in between learns of the no as soon as the directory lets it."""
    case, number = sent(own.kz)
    own.settle()
    with seen(own.kz, {own.shelter: UNUSABLE["suspended"]}):
        (done,) = withdrawals.stop(own.kz, case, None)
        own.bus.down = True
        with pytest.raises(TransportError):
            own.sync(own.kz)
        own.bus.down = False
    assert (done.code, done.notified) == (Code.KEY_UNKNOWN, False)
    own.settle()
    assert view(own.uz, incoming(own.uz, id_of(own.kz, number))).suspended
    assert home_health(own.kz).untold == ()
    assert Code.KEY_UNKNOWN not in alarm_codes(own.kz)
