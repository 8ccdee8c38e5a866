"""Days, times and telephone numbers as people write them: in files, at questions and on pages, and both ends agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refbus.core.vocabulary import EventType
from support.commands import Commands, file
from support.gateways import case_file, consent_file, id_of, incoming, new_case, open_at, say, sent, take_consent
from support.nodes import Road

TYPED = {
    "prs_FirstName": "Тўқима шахс",
    "prs_Birthdate": "14.03.1991",
    "prs_MobilePhone": "8 (701) 000-00-00",
    "prs_HomePhone": "+998 71 200 00 01",
}


def test_a_number_is_dialled_from_the_home_of_the_case(own: Road) -> None:
    """With the trunk prefix of Kazakhstan, and with the code of another country; the recipient reads whole numbers."""
    content = case_file(person=TYPED, guardian=None, risk={"level": "LOW", "assessed_on": "20/09/2026"})
    _, number = sent(own.kz, content, consent_file())
    own.settle()
    shown = repr([event.sections for event in open_at(own.uz, incoming(own.uz, id_of(own.kz, number))).events])
    for text in ("+77010000000", "+998712000001", "1991-03-14", "2026-09-20"):
        assert text in shown


def test_a_birth_date_as_people_write_it_tells_the_age(own: Road) -> None:
    """Of an adult, who speaks for herself, and of a child, for whom nobody forgets that it is one."""
    adult = new_case(own.kz, case_file(person={**TYPED, "is_minor": False}))
    take_consent(own.kz, adult, consent_file())


@pytest.mark.parametrize("number", ["000", "+1", "12", "not a number", "+998 71 200 00 01 ext. 5"])
def test_what_is_no_number_is_refused_at_its_place(
    own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    """By the rules of the country that it names, or of this one."""
    case = file(tmp_path, "case.json", case_file(person={**TYPED, "prs_MobilePhone": number}))
    told = Commands(own, capsys).run(own.agency, "case", "add", case, ok=False).err
    assert "person.prs_MobilePhone" in told


def test_an_answer_takes_times_as_people_write_them(own: Road) -> None:
    """On the clocks of whoever answers."""
    _, number = sent(own.kz)
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    worker: dict[str, Any] = {"responsible_worker_role": "CASE_MANAGER"}
    say(own.uz, there, EventType.REFERRAL_ACCEPTED, **worker, expected_by_ms="24.9.2026 12:00")
    own.settle()
    shown = [event.times for event in open_at(own.kz, number).events]
    assert 1_790_233_200_000 in [time for times in shown for section in times.values() for time in section.values()]
