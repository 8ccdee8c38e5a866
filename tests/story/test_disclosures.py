"""A person asks who received what: everything that left is in the report, with proof, also after erasure."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from refbus.core.ids import OrgId
from refbus.core.times import show_time
from refbus.core.vocabulary import DataCategory, EventType
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import demand
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.paper import disclosure_page
from refbus_gateway.paper.disclosure_page import Wording
from refbus_gateway.reports import disclosure_report
from refbus_gateway.reports.disclosure_report import Became, Report
from refbus_gateway.store import cases, disclosures, outbox, referrals
from refbus_gateway.store.disclosures import How
from refbus_gateway.sync.writer import Outgoing
from refbus_gateway.words.languages import LANGUAGES
from support.commands import Commands
from support.gateways import (
    case_file,
    consent_file,
    id_of,
    incoming,
    line,
    open_at,
    refer,
    say,
    sent,
    take_consent,
    view,
    withdraw_all,
)
from support.homecoming import Homecoming
from support.nodes import Road

E = EventType
CANARY = "Қалқан-сынақ-сөзі"
THIRD = OrgId("uz-1ega1a1d")
KYRGYZ = OrgId("kg-agency01")


def report_of(gateway: Gateway, case: int) -> Report:
    """Return the report of a case."""
    with gateway.store.read() as tx:
        return disclosure_report.report(tx, cases.get(tx, case))


def answer(road: Road, number: int, result: str, reason: str | None = None) -> None:
    """Acknowledge a withdrawal at the shelter and let it arrive."""
    with road.uz.store.write() as tx:
        referral_steps.acknowledge(road.uz, tx, number, result, reason)
    road.settle()


def test_a_referral_is_in_the_report_with_its_proof(shared: Road) -> None:
    """Who, what, why, on which consent, the envelope's hash and the receipt of the gate."""
    case, number = sent(shared.kz, case_file(about="Fictional: in the report"))
    assert report_of(shared.kz, case).entries[0].became is Became.WAITING
    shared.settle()
    report = report_of(shared.kz, case)
    (entry,) = report.entries
    told = entry.disclosure
    assert (told.org, told.event_type, entry.became) == (shared.shelter, E.REFERRAL_REQUESTED, Became.DELIVERED)
    assert set(told.categories) == {DataCategory.HEALTH, DataCategory.IDENTITY, DataCategory.SERVICE_NEEDS}
    assert told.consent is not None
    assert told.consent[1] == 1
    with shared.kz.store.read() as tx:
        rows = outbox.of_event(tx, line(shared.kz, number).event.id)
    assert entry.envelopes == tuple(row.sha256.hex() for row in rows)
    assert {receipt.gate for receipt in entry.receipts} >= {"kz-gate"}
    assert report.untold == 1


def test_what_was_reported_back_is_in_the_recipients_own_report(shared: Road) -> None:
    """The shelter too can tell the person what it told the agency; an answer without data is none."""
    _, number = sent(shared.kz, case_file(about="Fictional: reported back"))
    shared.settle()
    there = incoming(shared.uz, id_of(shared.kz, number))
    open_at(shared.uz, there)
    with shared.uz.store.read() as tx:
        case_there = referrals.get(tx, there).case_id
    say(shared.uz, there, E.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    say(shared.uz, there, E.REFERRAL_IN_PROGRESS, services_started=["SocialCare"])
    with shared.uz.store.read() as tx:
        ours = [event for event in referrals.events_of(tx, referrals.get(tx, there)) if event.outgoing]
    with_data = [event.block.event_type for event in ours if event.block.data_categories]
    entries = report_of(shared.uz, case_there).entries
    assert [entry.disclosure.event_type for entry in entries] == with_data != []


def test_every_kind_of_course_is_in_it(shared: Road) -> None:
    """A return home: the wish and each step that carries data."""
    road = Homecoming(shared, "report of a return").prepare()
    with shared.kz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, road.here))
    carried = {event.block.event_id.hex() for event in events if event.outgoing and event.block.data_categories}
    assert {entry.disclosure.event_id for entry in report_of(shared.kz, road.case).entries} >= carried


def test_what_a_gate_refused_is_not_called_received(own: Road) -> None:
    """It was taken back before it left."""
    case, _ = sent(own.kz, case_file(about="Fictional: taken back"))
    withdraw_all(own.kz, case)
    own.settle()
    report = report_of(own.kz, case)
    assert [entry.became for entry in report.entries] == [Became.STOPPED_HERE]
    assert report.untold == 0


@pytest.mark.parametrize(("result", "reason"), [("STOPPED", None), ("ERASED", None), ("RETAINED_LEGAL", "COURT_ORDER")])
def test_what_became_of_it_is_told(own: Road, result: str, reason: str | None) -> None:
    """The withdrawal, that nobody answered yet, and then the answer with its reason."""
    case, number = sent(own.kz)
    own.settle()
    withdraw_all(own.kz, case)
    own.settle()
    word = report_of(own.kz, case).entries[0].withdrawal
    assert word is not None
    assert word.answer is None
    answer(own, incoming(own.uz, id_of(own.kz, number)), result, reason)
    word = report_of(own.kz, case).entries[0].withdrawal
    assert word is not None
    assert (word.answer, word.reason) == (result, reason)


def test_the_report_outlives_the_case_without_its_content(own: Road) -> None:
    """After erasure: who, when, categories, purpose and hashes; none of the content, in no file of the home."""
    own.gateway(THIRD)
    case, _ = sent(own.kz, case_file(about="Fictional", health={"summary": CANARY}))
    take_consent(own.kz, case, consent_file(THIRD))
    refer(own.kz, case, to=THIRD)
    own.settle()
    withdraw_all(own.kz, case)
    own.settle()
    for gateway in (own.uz, own.of(THIRD)):
        with gateway.store.write() as tx:
            (there,) = referrals.every(tx)
            referral_steps.acknowledge(gateway, tx, there.id, "ERASED", None)
    own.settle()
    before = report_of(own.kz, case)
    demand.erase(own.kz, case)
    after = report_of(own.kz, case)
    assert after.erased_ms is not None
    assert after.entries == before.entries
    assert {entry.disclosure.org for entry in after.entries} == {own.shelter, THIRD}
    assert all(entry.withdrawal and entry.withdrawal.answer == "ERASED" for entry in after.entries)
    shown = disclosure_page.page(after, Wording("kk", own.kz.directory(), 0))
    assert CANARY not in shown
    needle = CANARY.encode()
    home = own.lab.paths.home(own.agency)
    assert not [path for path in home.rglob("*") if path.is_file() and needle in path.read_bytes()]
    assert own.shelter.encode() not in _about_cases(home / "store.db")


def _about_cases(store: Path) -> bytes:
    """Return all values of a store but the files of the directory, which names every member for everybody."""
    with closing(sqlite3.connect(store)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in names if name != "directory_files"]
        rows = [row for name in tables for row in connection.execute(f'SELECT * FROM "{name}"')]
    return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def test_who_was_told_is_kept_and_deferring_is_not_telling(own: Road) -> None:
    """What leaves later has to be told again."""
    case, _ = sent(own.kz)
    own.settle()
    own.clock.move(hours=1)
    _note(own.kz, case, How.DEFERRED_UNSAFE)
    assert report_of(own.kz, case).untold == 1
    _note(own.kz, case, How.IN_PERSON)
    assert report_of(own.kz, case).untold == 0
    own.clock.move(hours=1)
    refer(own.kz, case, again=True)
    report = report_of(own.kz, case)
    assert report.untold == 1
    assert [each.how for each in report.told] == [How.DEFERRED_UNSAFE, How.IN_PERSON]


def test_where_the_law_demands_telling_the_status_says_whom(own: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """Kyrgyzstan's policy has notify_subject; Kazakhstan's has not."""
    bishkek = own.gateway(KYRGYZ)
    sent(own.kz)
    case, _ = sent(bishkek, case_file(recipient={"organisation": own.agency}), consent_file(own.agency))
    own.kz.close()
    bishkek.close()
    refbus = Commands(own, capsys)
    assert refbus.json(KYRGYZ, "status")["untold"] == [{"case": case, "disclosures": 1}]
    assert f"refbus case disclosures {case}" in refbus.run(KYRGYZ, "status").out
    assert refbus.json(own.agency, "status")["untold"] == []


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one."""
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_in_every_language_and_loads_nothing(shared: Road, language: str) -> None:
    """It has a language and a charset, no link, no script, no picture; drafts are marked for translators only."""
    case, _ = sent(shared.kz, case_file(about=f"Fictional: page {language}"))
    shared.settle()
    _note(shared.kz, case, How.PHONE)
    wording = Wording(language, shared.kz.directory(), 0)
    page = disclosure_page.page(report_of(shared.kz, case), wording)
    tags = Tags()
    tags.feed(page)
    assert ("html", {"lang": language, "dir": "ltr"}) in tags.found
    assert ("meta", {"charset": "utf-8"}) in tags.found
    assert {tag for tag, _ in tags.found}.isdisjoint({"script", "link", "img", "iframe", "a"})
    assert not re.search(r"(?i)https?:|url\(|@import|src=|href=", page)
    assert wording.say("title") in page
    assert not re.search("draft|жоба|долбоор|Черновой", page)
    lines = "\n".join(disclosure_page.text(report_of(shared.kz, case), wording))
    assert wording.code("refbus.DataCategory", "HEALTH") in lines
    assert str(shared.shelter) in lines


def test_people_read_the_time_of_their_country(shared: Road) -> None:
    """The page has the clocks of the organisation's country and says so; the record has ms UTC."""
    case, _ = sent(shared.kz, case_file(about="Fictional: local time"))
    found, at_home = report_of(shared.kz, case), Wording("en", shared.kz.directory(), shared.kz.utc_offset_min())
    assert at_home.utc_offset_min == 300
    when = show_time(found.entries[0].disclosure.at_ms, 300)
    assert when.endswith("UTC+05:00")
    assert when in disclosure_page.page(found, at_home)


def test_text_from_the_directory_cannot_become_markup(shared: Road) -> None:
    """Everything is escaped, and nothing commands a terminal."""
    case, _ = sent(shared.kz, case_file(about="Fictional: markup"))
    report = report_of(shared.kz, case)

    class Evil(Wording):
        """Names every organisation like an attack."""

        def organisation(self, org: OrgId) -> str:
            """Return markup."""
            return f"<script>alert(1)</script>\x1b[31m{org}{{title}}"

    evil = Evil("en", shared.kz.directory(), 0)
    page = disclosure_page.page(report, evil)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page + "".join(disclosure_page.text(report, evil))
    assert "{title}" in page


def test_typed(own: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """As text, JSON and HTML; `told` says what is left to tell."""
    case, _ = sent(own.kz)
    own.settle()
    own.kz.close()
    refbus = Commands(own, capsys)
    plain = refbus.run(own.agency, "case", "disclosures", str(case), "--lang", "ru").out
    assert "Кто получил ваши данные" in plain
    assert "Здоровье" in plain
    found: Any = json.loads(refbus.run(own.agency, "case", "disclosures", str(case), "--format", "json").out)
    assert found == refbus.json(own.agency, "case", "disclosures", str(case))
    assert (found["untold"], found["disclosures"][0]["became"]) == (1, "DELIVERED")
    page = refbus.run(own.agency, "case", "disclosures", str(case), "--format", "html", "--lang", "uz-Cyrl").out
    assert page.startswith('<!doctype html>\n<html lang="uz-Cyrl" dir="ltr">')
    assert refbus.json(own.agency, "case", "told", str(case), "--how", "PHONE")["untold"] == 0


def _note(gateway: Gateway, case: int, how: How) -> None:
    with gateway.store.write() as tx:
        disclosures.add_notice(tx, cases.get(tx, case), how, gateway.now_ms())


def test_what_may_have_left_is_not_taken_back(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program ended between giving the event to the broker and noting it: the recipient must hear of the stop."""
    case, number = sent(own.kz, case_file(about="Fictional: ended in between"))
    monkeypatch.setattr(Outgoing, "note", lambda _self: False)
    Outgoing(own.kz, own.bus.producer()).push()
    monkeypatch.undo()
    withdraw_all(own.kz, case)
    with own.kz.store.read() as tx:
        said = [event.block.event_type for event in referrals.events_of(tx, referrals.get(tx, number))]
    assert said == [EventType.REFERRAL_REQUESTED, EventType.CONSENT_WITHDRAWN]
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    assert view(own.uz, there).status == "CONSENT_SUSPENDED"
