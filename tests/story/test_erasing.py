"""Erasing a case for ever: here, at those who received it, in the sealed records of the audit log."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from refbus.audit.record import Stage
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code, StoreError
from refbus.telemetry.labels import EntryResult
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import demand
from refbus_gateway.erasure.demand import Progress
from refbus_gateway.home import backups, restore
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases, referrals, statements
from support.audit import orders_in
from support.canaries import CANARY, files_below, found_in
from support.ceremonies import PASSPHRASE
from support.erasing import acknowledge, delivered, delivered_other, refusal
from support.gateways import (
    alarm_codes,
    case_file,
    consent_file,
    home_health,
    id_of,
    incoming,
    open_at,
    refer,
    say,
    sent,
    take_consent,
    withdraw_all,
)
from support.nodes import Road
from support.roadauditors import RoadAuditors
from support.views import UNUSABLE, seen

E = EventType
THIRD = OrgId("uz-1ega1a1d")


@pytest.fixture
def audited(own: Road) -> Iterator[RoadAuditors]:
    """Give the auditors of a road of one's own."""
    made = RoadAuditors(own)
    yield made
    made.close()


def progress(gateway: Gateway, case: int) -> Progress:
    """Return how far an erasure is."""
    with gateway.store.read() as tx:
        return demand.progress(tx, cases.get(tx, case))


def key_of(gateway: Gateway, case: int) -> bytes | None:
    """Return the secret of a case key, None once it is destroyed."""
    with gateway.store.read() as tx:
        found = cases.get(tx, case).key
        return None if found is None else found.secret


def test_everything_in_one_go(own: Road) -> None:
    """Without a withdrawal before: nothing is readable at once, the other side is told, and the last answer ends it."""
    case, number, there = delivered(own)
    before = key_of(own.kz, case)
    demand.erase(own.kz, case)
    assert refusal(own.kz, number) is Code.KEY_DESTROYED
    assert key_of(own.kz, case) not in {before, None}, "the old key is gone; a new one holds what is still owed"
    own.settle()
    assert home_health(own.uz).withdrawals_to_answer_ms is not None
    assert [each.answer for each in progress(own.kz, case).asked] == [None]
    acknowledge(own, there, "ERASED")
    assert key_of(own.kz, case) is None
    done = progress(own.kz, case)
    assert done.destroyed_ms is not None
    assert [(each.org, each.answer) for each in done.asked] == [(own.shelter, "ERASED")]
    assert refusal(own.uz, there) is Code.KEY_DESTROYED
    assert alarm_codes(own.kz) == []


def test_again_changes_nothing(own: Road) -> None:
    """Before and after the answer: no second word goes out, and no second line in the list."""
    case, _, there = delivered(own)
    for _ in range(3):
        demand.erase(own.kz, case)
        own.settle()
    told = len(own.bus.records("kz.outbox"))
    acknowledge(own, there, "ERASED")
    demand.erase(own.kz, case)
    own.settle()
    assert len(own.bus.records("kz.outbox")) == told
    assert len(own.kz.home.erased.read_text().splitlines()) == 1


def test_word_goes_out_every_day_until_there_is_an_answer(own: Road) -> None:
    """What is kept of the case is enough to seal the withdrawal again, for the keys of that day."""
    case, _, _ = delivered(own)
    demand.erase(own.kz, case)
    own.settle()
    told = len(own.bus.records("kz.outbox"))
    own.clock.move(hours=25)
    own.settle()
    assert len(own.bus.records("kz.outbox")) > told
    assert home_health(own.kz).withdrawals_unanswered_ms is not None


def test_what_a_law_makes_them_keep_is_said_with_its_reason(own: Road) -> None:
    """RETAINED_LEGAL ends the asking; erased there later, the answer moves on."""
    case, _, there = delivered(own)
    demand.erase(own.kz, case)
    own.settle()
    acknowledge(own, there, "RETAINED_LEGAL", "COURT_ORDER")
    (asked,) = progress(own.kz, case).asked
    assert (asked.answer, asked.reason) == ("RETAINED_LEGAL", "COURT_ORDER")
    assert key_of(own.kz, case) is None


def test_stopped_is_not_erased_and_is_asked_again(own: Road) -> None:
    """After STOPPED they still have it: the case waits, and erasing it once more asks once more."""
    case, _, there = delivered(own)
    demand.erase(own.kz, case)
    own.settle()
    acknowledge(own, there, "STOPPED")
    assert key_of(own.kz, case) is not None
    demand.erase(own.kz, case)
    own.settle()
    acknowledge(own, there, "ERASED")
    assert key_of(own.kz, case) is None


def test_after_a_withdrawal_it_is_not_said_twice(own: Road) -> None:
    """A withdrawal that was answered with ERASED needs nothing more: the case is gone at once."""
    case, _, there = delivered(own)
    withdraw_all(own.kz, case)
    own.settle()
    acknowledge(own, there, "ERASED")
    told = len(own.bus.records("kz.outbox"))
    demand.erase(own.kz, case)
    own.settle()
    assert key_of(own.kz, case) is None
    assert len(own.bus.records("kz.outbox")) == told


def test_everyone_in_the_ledger_is_told(own: Road) -> None:
    """Two recipients: each is told, each answers, and only the last answer ends it."""
    third = own.gateway(THIRD)
    case, number, there = delivered(own)
    take_consent(own.kz, case, consent_file(THIRD))
    second = refer(own.kz, case, to=THIRD)
    own.settle()
    elsewhere = incoming(third, id_of(own.kz, second))
    demand.erase(own.kz, case)
    own.settle()
    acknowledge(own, there, "ERASED")
    assert key_of(own.kz, case) is not None
    with third.store.write() as tx:
        referral_steps.acknowledge(third, tx, elsewhere, "ERASED", None)
    own.settle()
    assert key_of(own.kz, case) is None
    assert {each.org: each.answer for each in progress(own.kz, case).asked} == {own.shelter: "ERASED", THIRD: "ERASED"}
    assert number


def test_what_never_left_does_not_leave(own: Road) -> None:
    """Erased before it was sent: nothing goes out, nobody is told, the case is gone at once."""
    case, _ = sent(own.kz, case_file(health={"summary": CANARY}))
    demand.erase(own.kz, case)
    own.settle()
    assert key_of(own.kz, case) is None
    assert not own.bus.records("kz.outbox")
    assert progress(own.kz, case).asked == ()


def test_what_may_have_left_is_not_sent_again(own: Road) -> None:
    """The broker has the envelope and no gate has confirmed it: its bytes go, and the withdrawal follows it."""
    case, _ = sent(own.kz, case_file(health={"summary": CANARY}))
    own.sync(own.kz)
    (first,) = own.bus.records("kz.outbox")
    demand.erase(own.kz, case)
    own.clock.move(hours=2)
    own.settle()
    assert [record.value for record in own.bus.records("kz.outbox")].count(first.value) == 1
    there = own.uz
    with there.store.read() as tx:
        (received,) = referrals.every(tx)
    acknowledge(own, received.id, "ERASED")
    assert key_of(own.kz, case) is None


def test_a_received_case_is_erased_with_its_answer(own: Road) -> None:
    """Where a withdrawal waits, erasing is the answer ERASED; the sender sees it."""
    case, _, there = delivered(own)
    withdraw_all(own.kz, case)
    own.settle()
    with own.uz.store.read() as tx:
        theirs = referrals.get(tx, there).case_id
    demand.erase(own.uz, theirs)
    own.settle()
    assert key_of(own.uz, theirs) is None
    assert [each.answer for each in progress(own.kz, case).asked] == ["ERASED"]


def test_a_received_case_whose_time_is_over_goes_without_a_word(own: Road) -> None:
    """No withdrawal: it is destroyed here, and a withdrawal that comes later is answered with ERASED."""
    case, _, there = delivered(own)
    with own.uz.store.read() as tx:
        theirs = referrals.get(tx, there).case_id
    demand.erase(own.uz, theirs)
    own.settle()
    assert key_of(own.uz, theirs) is None
    demand.erase(own.kz, case)
    own.settle()
    assert [each.answer for each in progress(own.kz, case).asked] == ["ERASED"]
    assert key_of(own.kz, case) is None


def test_mail_that_crosses_is_not_taken_in_and_not_kept(own: Road) -> None:
    """An answer with content that was under way: its bytes are in no file, and the erasure goes on."""
    case, _, there = delivered(own)
    say(own.uz, there, E.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER", note=CANARY)
    own.sync(own.uz)
    demand.erase(own.kz, case)
    own.settle()
    acknowledge(own, there, "ERASED")
    assert key_of(own.kz, case) is None
    assert not _aside_bytes(own.kz)


def test_evidence_that_was_set_aside_goes_too(own: Road) -> None:
    """A record about the case that was refused earlier is kept sealed, and our keys could open it: its bytes go."""
    case, _, there = delivered(own)
    say(own.uz, there, E.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER", note=CANARY)
    own.sync(own.uz)
    withdraw_all(own.kz, case)
    own.settle()
    own.settle()
    refused_before = _aside_bytes(own.kz)
    demand.erase(own.kz, case)
    assert not _aside_bytes(own.kz)
    assert there
    assert refused_before >= 0


@pytest.mark.parametrize("place", ["erased_again.note", "_drop_aside", "erasures.reduce"])
def test_a_crash_between_any_two_steps_ends_in_the_same(own: Road, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Stopped after the word to the others, after the list, or in the last transaction: the next round finishes."""
    case, _, there = delivered(own)
    with monkeypatch.context() as broken:
        broken.setattr(f"refbus_gateway.erasure.removal.{place}", _stop)
        with pytest.raises(StoreError):
            demand.erase(own.kz, case)
        assert refusal(own.kz, 1) is Code.KEY_DESTROYED
    own.gateway(own.agency)  # a start of the process, on the same files
    own.settle()
    assert home_health(own.uz).withdrawals_to_answer_ms is not None
    acknowledge(own, there, "ERASED")
    assert key_of(own.kz, case) is None
    assert refusal(own.kz, 1) is Code.KEY_DESTROYED


def test_a_restored_backup_erases_again_with_everything_new(own: Road, tmp_path: Path) -> None:
    """Case, statements, and what was set aside: nothing opens after the restore, and who had it is still told."""
    case, number, there = delivered(own)
    backups.back_up(own.kz, tmp_path / "backup")
    demand.erase(own.kz, case)
    own.settle()
    own.kz.close()
    own.home(own.agency).store_path.unlink()  # nothing but the lists tells of it
    restore.restore(tmp_path / "backup", own.home(own.agency), PASSPHRASE, own.clock)
    restored = own.gateway(own.agency)
    assert key_of(restored, case) is None
    assert refusal(restored, number) is Code.KEY_DESTROYED
    with restored.store.read() as tx:
        assert {bool(each.sealed) for each in statements.of_case(tx, cases.get(tx, case)) if not each.kept} == {False}
    own.settle()
    (asked,) = progress(restored, case).asked
    assert asked.org == own.shelter
    assert there


def test_the_auditor_deletes_what_was_sealed_about_it_and_nothing_else(own: Road, audited: RoadAuditors) -> None:
    """Both organisations erase: their records of the case go, the leaves stay, what is about another case stays."""
    case, _, there = delivered(own)
    other, _, _ = delivered_other(own)
    audited.settle()
    ours, theirs = decisions(own.kz, case), decisions(own.kz, other)
    kept = audited.of[own.gate_countries[0]].kept()
    assert ours | theirs <= kept
    sizes = {country: each.core.shards()[-1].head.size for country, each in audited.of.items()}
    demand.erase(own.kz, case)
    audited.settle()
    acknowledge(own, there, "ERASED")
    audited.settle()
    kz, uz = (audited.of[country] for country in own.gate_countries)
    assert not ours & kz.kept()
    assert theirs <= kz.kept()
    assert kz.results()[EntryResult.ERASED] >= 1
    assert uz.results()[EntryResult.ERASED] >= 1
    assert all(each.core.shards()[-1].head.size > sizes[country] for country, each in audited.of.items())
    orders = orders_in(record.value for record in own.bus.records("kz.audit"))
    assert {order.writer for order in orders} == {own.agency}


def test_one_erased_entry_says_that_and_not_what(own: Road) -> None:
    """The inspector reads that a case was erased here, when and by whom; no event, no hash."""
    case, _, there = delivered(own)
    demand.erase(own.kz, case)
    own.settle()
    acknowledge(own, there, "ERASED")
    with own.kz.store.read() as tx:
        kept = [each for each in statements.of_case(tx, cases.get(tx, case)) if each.kept]
        (said,) = [statements.opened(tx, each).record for each in kept]
    assert (said.stage, said.writer) == (Stage.ERASED, own.agency)
    assert (said.event_id, said.message_sha256, said.consent_id) == (None, None, None)


def test_no_word_goes_to_one_that_left(own: Road) -> None:
    """An organisation that is no member any more keeps no content from being erased; a person is told to call."""
    case, _, _ = delivered(own)
    with seen(own.kz, {own.shelter: UNUSABLE["absent"]}):
        demand.erase(own.kz, case)
    with own.kz.store.read() as tx:
        assert not cases.has_content(tx, cases.get(tx, case))
    assert Code.ORGANISATION_UNKNOWN in alarm_codes(own.kz)
    (asked,) = progress(own.kz, case).asked
    assert (asked.told_ms, asked.code) == (None, Code.ORGANISATION_UNKNOWN)
    own.settle()
    assert progress(own.kz, case).asked[0].told_ms is not None


def test_a_canary_is_nowhere_at_any_time(own: Road, audited: RoadAuditors, caplog: pytest.LogCaptureFixture) -> None:
    """In a name, a text and an attachment: read at both offices before, and in no byte of any file, topic or log."""
    caplog.set_level(0)
    case, number = sent(own.kz, canary_case())
    audited.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    assert str(open_at(own.uz, there).events[0].sections).count(CANARY) >= 3
    say(own.uz, there, E.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER", note=CANARY)
    audited.settle()
    assert CANARY in str(open_at(own.kz, number).events[-1].sections)
    assert everywhere(own, audited, caplog) == []
    demand.erase(own.kz, case)
    audited.settle()
    acknowledge(own, there, "ERASED")
    audited.settle()
    for gateway, referral in ((own.kz, number), (own.uz, there)):
        assert refusal(gateway, referral) is Code.KEY_DESTROYED
    assert everywhere(own, audited, caplog) == []


def canary_case() -> bytes:
    """Return a case file that has the canary in a name, a text and an attachment."""
    document = json.loads(case_file())
    document["person"]["prs_FirstName"] = CANARY
    document["health"]["summary"] = f"Fictional: {CANARY}"
    letter = base64.b64encode(CANARY.encode()).decode()
    attachment = {"data_category": "HEALTH", "title": CANARY, "media_type": "text/plain", "content_base64": letter}
    return json.dumps({**document, "attachments": [attachment]}).encode()


def everywhere(road: Road, auditors: RoadAuditors, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return where the canary stands: files of all homes and services, topics, proofs, logs."""
    topics = {name: b"\0".join(r.value for r in road.bus.records(name)) for name in road.bus.states()}
    assert sum(map(len, topics.values())) > 100_000, "there is something to search"
    logs = "\n".join(record.getMessage() for record in caplog.records).encode()
    proofs = b"\0".join(value for each in auditors.of.values() for value in each.published)
    rest = [("log", logs), ("proofs", proofs)]
    return found_in(CANARY, chain(files_below(road.folder), topics.items(), rest))


def decisions(gateway: Gateway, case: int) -> set[bytes]:
    """Return the names of what a gateway itself stated about a case; what the gates told it is theirs."""
    with gateway.store.read() as tx:
        own = [each for each in statements.of_case(tx, cases.get(tx, case)) if each.own]
        return {statements.opened(tx, each).record.decision_id for each in own}


def _aside_bytes(gateway: Gateway) -> int:
    from refbus_gateway.store import set_aside

    with gateway.store.read() as tx:
        return sum(len(record.value) for state in set_aside.AsideState for record in set_aside.aside(tx, state))


def _stop(*_arguments: object) -> None:
    raise StoreError(Code.STORE_FULL, "the disk")
