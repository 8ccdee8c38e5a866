"""Code lists and labels: complete, with sources, in all languages, and never a default."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from refbus.core.consent.record import Informed
from refbus.core.courses.emergency import EmergencyState
from refbus.core.courses.referral import CONSENT_SUSPENDED, State
from refbus.core.courses.repatriation import ReturnState
from refbus.core.vocabulary import Action, DataCategory, Priority, Purpose
from refbus.errors import Code, SetupError
from refbus.resources import data_dir
from refbus.wire.codelists import code_list, code_lists, list_names, load_code_list
from refbus.wire.payload import coded

FILES = sorted((data_dir("schemas") / "codelists").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lists_are_complete(path: Path) -> None:
    """Each list has a source; each extension has its own; other spellings lead to codes of the list."""
    document = json.loads(path.read_text(encoding="utf-8"))
    entry = load_code_list(path)
    assert entry.name == path.stem
    assert entry.source
    for code, described in document["codes"].items():
        assert described["label"]
        assert ("source" in described) is code.startswith("x_"), code
    assert set(entry.other_spellings.values()) <= set(entry.codes)
    assert not set(entry.other_spellings) & set(entry.codes)
    if any(code.startswith("x_") for code in entry.codes):
        assert "+refbus." in entry.version


def test_htcds_lists_are_verbatim() -> None:
    """Values of the standard are as published, its misspelling too; the defects of its documents are mapped."""
    assert list(code_list("htcds.vic_RelationshipToTrafficker").codes) == ["Familial", "Acquainted", "Unaquainted"]
    sectors = code_list("htcds.vic_ForcedLabourIndustry")
    assert len([code for code in sectors.codes if not code.startswith("x_")]) == 21
    assert len([code for code in sectors.codes if code.startswith("x_")]) == 48
    assert len(code_list("htcds.per_RoleInProcess").codes) == 15
    control = code_list("htcds.vic_MethodsOfControl")
    assert len([code for code in control.codes if not code.startswith("x_")]) == 16
    assert control.other_spellings["ThreatOfLawEnforcement"] == "ThreatsLawEnforcement"
    assert "x_ForcedCriminality" in code_list("htcds.vic_TypeOfExploitation").codes


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("refbus.Priority", list(Priority)),
        ("refbus.Purpose", list(Purpose)),
        ("refbus.Action", list(Action)),
        ("refbus.DataCategory", list(DataCategory)),
        ("refbus.ReferralState", [*State, CONSENT_SUSPENDED]),
        ("refbus.ReturnState", list(ReturnState)),
        ("refbus.EmergencyState", list(EmergencyState)),
        ("htcds.con_Consent", list(Informed)),
    ],
)
def test_lists_of_the_code_are_the_same_as_the_code(name: str, members: list[str]) -> None:
    """A vocabulary that decisions depend on has exactly its members as codes, so that each has words."""
    assert set(code_list(name).codes) == set(members)


def test_countries_and_languages_are_complete() -> None:
    """All of ISO 3166-1 and 639-3, with what is neither."""
    countries, languages = code_list("iso.3166-1"), code_list("iso.639-2")
    assert len([code for code in countries.codes if len(code) == 2]) == 249
    assert {"x_STATELESS", "x_UNKNOWN"} <= countries.codes.keys()
    assert len(languages.codes) > 7_900
    assert {"und", "rsl", "sgn", "tgk", "uzb"} <= languages.codes.keys()
    assert len(languages.usual) < 120, "a page shows only those; the rest is found by name"


def test_an_event_names_the_oldest_version_that_has_its_code() -> None:
    """So a gateway from before a list grew still reads the codes that it knows."""
    countries = code_list("iso.3166-1")
    assert (countries.version_of("KZ"), countries.version_of("GH")) == ("2020", countries.version)
    assert coded("iso.3166-1", "KZ")["code_list_version"] == "2020"
    for name in sorted(list_names()):
        known = code_list(name)
        assert {known.version_of(code) for code in known.codes} <= set(known.versions)
        assert not {code for code in known.since if known.since[code] == known.versions[0]}


def test_a_list_is_read_when_it_is_asked_about() -> None:
    """Not all of them at the start: the languages alone are eight thousand."""
    program = (
        "from refbus_gateway.forms.casefile import case_fields; case_fields();"
        "from refbus.wire.codelists import code_list, _loaded; code_list('refbus.Need');"
        "print(_loaded.cache_info().currsize)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1"]


def test_unknown_codes_are_unknown() -> None:
    """Neither letter case nor version nor likeness makes a code known."""
    services = code_list("htcds.spl_Type")
    assert services.knows("Legal", services.version)
    assert not services.knows("legal", services.version)
    assert not services.knows("Legal", "1.0")


def test_missing_and_broken_lists_say_so(tmp_path: Path) -> None:
    """A list that is not there or not readable is a damaged installation."""
    (tmp_path / "broken.json").write_text("{}", encoding="utf-8")
    for path in (tmp_path / "broken.json", tmp_path / "missing.json"):
        with pytest.raises(SetupError) as caught:
            load_code_list(path)
        assert caught.value.code is Code.FILE_UNREADABLE
    with pytest.raises(SetupError):
        code_list("refbus.Nothing")


def test_all_lists_load() -> None:
    """Every file in the folder is a list under its own name."""
    assert {path.stem for path in FILES} == set(code_lists())
