"""Words for codes: complete in each language that is claimed complete, in its own script, never invented."""

from __future__ import annotations

import unicodedata

import pytest

from refbus.core.directory import MEMBER_ROLES
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.wire.codelists import code_lists
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.codes import event_name, field_name, label, meaning, next_step, title, titled
from refbus_gateway.words.languages import LANGUAGES
from refbus_gateway.words.offices import ORGANISATION_ROLES

COMPLETE = ("en", "ru")
"""Languages in which every code, field, event and error has words."""
NAMES_OF_PRODUCTS = "htcds.vic_WebsitesAndApps"
SCRIPTS = {"en": "LATIN", "uz-Latn": "LATIN", "tk": "LATIN"}


@pytest.mark.parametrize("language", COMPLETE)
def test_every_code_has_words_in_a_complete_language(language: str) -> None:
    """Code lists, events and errors: nothing that a person meets is without words."""
    words = catalogue(language)
    wanted = [(name, known.codes[code]) for name, known in code_lists().items() for code in known.usual]
    wanted += [("event", title(each.value)) for each in EventType]
    lacking = [each for each in wanted if not words.has(each[1], each[0]) and each[0] != NAMES_OF_PRODUCTS]
    assert lacking == []
    assert [code for code in Code if not words.has(meaning(catalogue("en"), code), "error")] == []
    assert [code for code in Code if not words.has(next_step(catalogue("en"), code), "error")] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_codes_of_a_list_have_the_same_words(language: str) -> None:
    """Whoever reads the words knows the code; they are normalised and have no blanks around them."""
    for name, known in code_lists().items():
        texts = [str(label(language, name, code)) for code in known.codes]
        assert len(set(texts)) == len(texts), name
        for text in texts:
            assert text == text.strip() == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_words_are_in_the_script_of_the_language(language: str) -> None:
    """A letter that only looks like one of the language cannot be searched for."""
    script = SCRIPTS.get(language, "CYRILLIC")
    for code in code_lists()["refbus.ReferralState"].codes:
        text = str(label(language, "refbus.ReferralState", code))
        letters = [char for char in text if char.isalpha() and unicodedata.category(char) != "Lm"]
        assert all(unicodedata.name(char).startswith(script) for char in letters), text


def test_label_never_invents_words() -> None:
    """Nothing for a code or list that is not known."""
    assert label("ru", "refbus.Priority", "URGENT") == "Срочно"
    assert label("ru", "refbus.Priority", "SOON") is None
    assert label("ru", "refbus.Nothing", "URGENT") is None


def test_names_of_fields_and_events_are_words() -> None:
    """The name in the schema, without its prefix and unit; a number behind the name of a section stays."""
    words = catalogue("en")
    assert field_name(words, "prs_FirstName") == "First name"
    assert field_name(words, "valid_until_ms") == "Valid until"
    assert event_name(words, "ReferralRequested") == "Referral requested"
    assert titled(words, "Attachments 12") == "Attachments 12"


def test_every_role_of_a_member_has_words() -> None:
    """Whoever may send and receive events about people can say at the first start what it is."""
    assert set(ORGANISATION_ROLES) == MEMBER_ROLES
