"""A referral crosses a border and its answer comes back: two gateways, two gates, one bus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refbus.audit import AuditOutcome, Stage, open_entry
from refbus.core.courses.machine import Role
from refbus.core.courses.referral import CONSENT_SUSPENDED, State
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code, RuleError
from refbus_gateway.courses import referral_steps
from refbus_gateway.courses.opening import Opened
from refbus_gateway.home import backups, restore
from refbus_gateway.reports.overview import Hop
from refbus_gateway.store import referrals
from support.ceremonies import PASSPHRASE
from support.gateways import case_file, home_health, id_of, incoming, line, open_at, say, sent, view, withdraw_all
from support.nodes import Road

CANARY = "Қалқан-сынақ-сөзі"


def delivered(road: Road, name: str) -> tuple[int, int, int]:
    """Refer a case of its own and let it arrive; return case, referral here, referral there."""
    case, number = sent(road.kz, case_file(about=f"Fictional: {name}"))
    road.settle()
    return case, number, incoming(road.uz, id_of(road.kz, number))


def test_the_referral_arrives_verified_and_the_sender_knows(shared: Road) -> None:
    """After one settling the recipient has it and the sender sees it delivered, with its gate's receipt."""
    _, number, there = delivered(shared, "arrives")
    assert view(shared.kz, number).state is State.DELIVERED
    assert view(shared.uz, there).state is State.DELIVERED
    found = line(shared.kz, number)
    assert found.hop is Hop.DELIVERED
    first = found.receipts[0]
    assert (first.gate, first.outcome) == ("kz-gate", "FORWARDED")


def test_the_recipient_reads_what_was_written(shared: Road) -> None:
    """What is shown at the end of the road is what was in the case file, in its script."""
    _, _, there = delivered(shared, "reads")
    opened = open_at(shared.uz, there)
    assert opened.events[0].sections["Person"]["First name"] == "Тўқима шахс"
    assert opened.events[0].hidden == ()


def test_opening_accepting_and_the_answer_comes_back(shared: Road) -> None:
    """The sender follows every step: opened, accepted, in progress, completed."""
    _, number, there = delivered(shared, "answers")
    open_at(shared.uz, there)
    shared.settle()
    assert line(shared.kz, number).hop is Hop.OPENED
    steps: list[tuple[EventType, dict[str, Any], State]] = [
        (EventType.REFERRAL_ACCEPTED, {"responsible_worker_role": "SOCIAL_WORKER"}, State.ACCEPTED),
        (EventType.REFERRAL_IN_PROGRESS, {"services_started": ["SocialCare"]}, State.IN_PROGRESS),
        (EventType.REFERRAL_COMPLETED, {"outcome": "SERVICES_DELIVERED"}, State.COMPLETED),
    ]
    for event_type, document, state in steps:
        say(shared.uz, there, event_type, **document)
        shared.settle()
        assert view(shared.kz, number).state is state
    assert line(shared.kz, number).hop is Hop.DECIDED
    assert view(shared.kz, number).state == view(shared.uz, there).state


def test_a_rejection_carries_its_reason(shared: Road) -> None:
    """The sender reads why, as a code and never as "accepted"."""
    _, number, there = delivered(shared, "rejected")
    say(shared.uz, there, EventType.REFERRAL_REJECTED, reason="CAPACITY_FULL")
    shared.settle()
    assert view(shared.kz, number).state is State.REJECTED
    shown = open_at(shared.kz, number)
    assert "CAPACITY_FULL" in str(shown.events[-1].sections)


def test_a_question_is_asked_and_answered(shared: Road) -> None:
    """Information goes both ways inside one referral."""
    _, number, there = delivered(shared, "asks")
    say(shared.uz, there, EventType.INFORMATION_REQUESTED, asked_categories=["HEALTH"], question="Any allergy?")
    shared.settle()
    answer = [{"data_category": "HEALTH", "text": "Fictional: none known."}]
    say(shared.kz, number, EventType.INFORMATION_PROVIDED, answers=answer)
    shared.settle()
    assert "none known" in str(open_at(shared.uz, there).events[-1].sections)


def test_everybody_who_decided_left_an_audit_entry(own: Road) -> None:
    """Sender, both gates and the recipient each commit their decision; the inspector can open every entry."""
    _, number, there = delivered(own, "audited")
    open_at(own.uz, there)
    own.settle()
    stages = {}
    for country in ("kz", "uz"):
        keys = list(own.lab.kems(OrgId(_inspector(own, country))).values())
        for entry in own.audit(country):
            record = open_entry(entry, keys)
            if record.event_type is EventType.REFERRAL_REQUESTED:
                stages[record.stage, record.writer] = record.outcome
    assert stages[Stage.SENT, own.agency] is AuditOutcome.DONE
    assert stages[Stage.EGRESS, OrgId("kz-gate")] is AuditOutcome.FORWARDED
    assert stages[Stage.INGRESS, OrgId("uz-gate")] is AuditOutcome.FORWARDED
    assert stages[Stage.OPENED, own.shelter] is AuditOutcome.DONE
    assert number


def test_nothing_readable_is_on_the_bus_or_in_a_store(own: Road) -> None:
    """A text from the case is in no record of any topic and in no file of any home or gate."""
    sent(own.kz, case_file(about="Fictional", health={"summary": CANARY}))
    own.settle()
    needle = CANARY.encode()
    for topic in own.bus.states():
        assert all(needle not in record.value for record in own.bus.records(topic)), topic
    files = [path for path in own.folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not [path for path in files if needle in path.read_bytes()]


def test_a_withdrawal_stops_the_recipient_and_is_acknowledged(own: Road) -> None:
    """From the withdrawal on nothing is shown there; the answer comes back and ends the retries."""
    case, number, there = delivered(own, "withdrawn")
    open_at(own.uz, there)
    withdraw_all(own.kz, case)
    own.settle()
    assert view(own.uz, there).status == CONSENT_SUSPENDED
    opened = open_at(own.uz, there)
    assert opened.withdrawn
    assert opened.events[0].hidden == (Code.WITHDRAWN,)
    assert opened.events[0].sections == {}
    assert home_health(own.kz).withdrawals_unanswered_ms is not None
    with own.uz.store.write() as tx:
        referral_steps.acknowledge(own.uz, tx, there, "STOPPED", None)
    own.settle()
    assert home_health(own.kz).withdrawals_unanswered_ms is None
    assert view(own.kz, number).status == CONSENT_SUSPENDED


def test_a_withdrawal_that_waits_behind_the_referral_wins(own: Road) -> None:
    """A gateway that was away reads to the end before it shows anything, so the person's no comes first."""
    case, number = sent(own.kz)
    own.settle(own.kz)
    withdraw_all(own.kz, case)
    own.settle(own.kz)
    own.settle()
    opened: Opened = open_at(own.uz, incoming(own.uz, id_of(own.kz, number)))
    assert opened.events[0].hidden == (Code.WITHDRAWN,)


def test_the_recipient_can_pass_a_withdrawal_on(own: Road) -> None:
    """A person who withdraws at the shelter has withdrawn at the agency too, and both stop."""
    _, number, there = delivered(own, "withdrawn there")
    with own.uz.store.read() as tx:
        case_there = referrals.get(tx, there).case_id
    withdraw_all(own.uz, case_there)
    own.settle()
    assert view(own.kz, number).suspended
    assert home_health(own.kz).withdrawals_to_answer_ms is not None


def test_erasing_makes_everything_unreadable_and_old_mail_is_refused(own: Road) -> None:
    """After ERASED the case is closed for ever here; a record that comes again answers KEY_DESTROYED."""
    case, number, there = delivered(own, "erased")
    withdraw_all(own.kz, case)
    own.settle()
    with own.uz.store.write() as tx:
        referral_steps.acknowledge(own.uz, tx, there, "ERASED", None)
    own.settle()
    with pytest.raises(RuleError) as refused:
        open_at(own.uz, there)
    assert refused.value.code is Code.KEY_DESTROYED
    assert home_health(own.kz).withdrawals_unanswered_ms is None
    assert number


def test_a_restored_backup_erases_again(own: Road, tmp_path: Path) -> None:
    """A backup from before the erasure does not bring the case back."""
    case, _, there = delivered(own, "backed up")
    backups.back_up(own.uz, tmp_path / "backup")
    withdraw_all(own.kz, case)
    own.settle()
    with own.uz.store.write() as tx:
        referral_steps.acknowledge(own.uz, tx, there, "ERASED", None)
    own.settle()
    own.uz.close()
    restore.restore(tmp_path / "backup", own.home(own.shelter), PASSPHRASE, own.clock)
    restored = own.gateway(own.shelter)
    with pytest.raises(RuleError) as refused:
        open_at(restored, there)
    assert refused.value.code is Code.KEY_DESTROYED


def _inspector(road: Road, country: str) -> str:
    found = road.kz.directory().organisations.values()
    return next(each.org_id for each in found if each.role == "INSPECTOR" and each.country == country)


def test_custody_moves_to_the_organisation_that_helps_when_it_accepts(shared: Road) -> None:
    """An offer moves nothing; the acceptance does, at both offices."""
    _, number, there = delivered(shared, "custody")
    say(shared.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    shared.settle()
    say(shared.kz, number, EventType.TRANSFER_PROPOSED, reason="MOVED", responsible_worker_role="CASE_MANAGER")
    shared.settle()
    assert view(shared.uz, there).transfer_proposed
    assert view(shared.uz, there).custody is Role.SOURCE
    say(shared.uz, there, EventType.TRANSFER_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    shared.settle()
    assert (view(shared.kz, number).custody, view(shared.uz, there).custody) == (Role.TARGET, Role.TARGET)
