"""Files of fourteen kinds that agencies have come over with a report of all that was lost; nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbus.errors import Code
from refbus_gateway.forms.casefile import parse_case
from refbus_gateway.words.losses import WORDS, Loss
from support.imported import ANSWERS, FILES, NOW_MS, SERVICES, SOURCES, drafts, summary

PINNED = json.loads((FILES / "report.json").read_text(encoding="utf-8"))


def test_there_are_fourteen() -> None:
    """Each kind of file is there, and each has a report."""
    assert len(SOURCES) == 14
    assert sorted(PINNED) == [path.name for path in SOURCES]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_report_is_the_same_as_ever(path: Path) -> None:
    """What comes over, what is lost and what is refused of a file changes only when somebody means it to."""
    assert json.loads(json.dumps(summary(path))) == PINNED[path.name]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_of_a_file_vanishes_without_a_word(path: Path) -> None:
    """Every person of it has facts that came over, and each thing that did not has a reason with words."""
    for each in drafts(path):
        assert each.taken
        assert {lost.reason for lost in each.lost} <= WORDS.keys()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_consent_is_never_a_consent(path: Path) -> None:
    """Whatever a file says of consent is told as lost, and no word of it is in the case."""
    for each in drafts(path, SERVICES):
        consents = [lost for lost in each.lost if "consent" in lost.source.casefold()]
        assert all(lost.reason is Loss.CONSENT for lost in consents)
        assert "onsent" not in each.content.decode()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_with_what_is_missing_a_case_can_be_sent(path: Path) -> None:
    """With the answers that other systems do not have, what came over is a case file like any other."""
    for each in drafts(path, SERVICES):
        if not each.problems:
            assert parse_case(each.content, now_ms=NOW_MS, utc_offset_min=300, country="kz").fictional


def test_facts_are_judged_by_the_table_of_the_forms() -> None:
    """Who was born in 1895 is refused, whatever system says so."""
    second = drafts(FILES / "htcds-single-select.xlsx", SERVICES)[1]
    assert Code.FACTS_CONTRADICT in {problem.code for problem in second.problems}


def test_an_unknown_service_stays_unknown() -> None:
    """A service that is on no list here is shown as it is written, and none is put in its place."""
    (one,) = drafts(FILES / "progres-labels.json")
    (refused,) = [each for each in one.refused if each.to.startswith("services_requested")]
    assert (refused.value, refused.code) == ("Accessibility", Code.UNKNOWN_VALUE)
    assert [problem.path for problem in one.problems] == ["services_requested"]
    assert "services_requested" not in json.loads(one.content)


def test_the_number_of_the_other_file_travels() -> None:
    """It is the own file number here, and the reference by which an answer is matched there."""
    (one,) = drafts(FILES / "nrm-form.csv")
    written = json.loads(one.content)
    assert (written["file_number"], written["reference"]) == ("NRM-2026/17", "NRM-2026/17")


def test_what_a_file_says_stands_before_an_answer() -> None:
    """Answers fill what is empty and change nothing."""
    (one,) = drafts(
        FILES / "fhir-bundle.json", {**ANSWERS, "person": {"prs_FirstName": "Other", "prs_Salutation": "Ms"}}
    )
    person = json.loads(one.content)["person"]
    assert (person["prs_FirstName"], person["prs_Salutation"]) == ("Ikkinchi", "Ms")
