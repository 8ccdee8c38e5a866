"""The sentences for a survivor: the same ones in every language, with the same values in them."""

from __future__ import annotations

import json
from string import Formatter

import pytest

from refbus.errors import Code, SetupError
from refbus.resources import data_dir
from refbus.wire.codelists import code_lists
from refbus.wire.labels import LANGUAGES
from refbus.wire.sentences import sentences
from refbus_gateway.reports.disclosure_report import Became
from refbus_gateway.store.disclosures import How


def values_in(sentence: str) -> set[str]:
    """Return the names of the values of a sentence."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_with_the_same_values(language: str) -> None:
    """A translation that forgot a date would tell less."""
    words, english = sentences(language), sentences("en")
    assert words.keys() == english.keys()
    assert all(values_in(words[name]) == values_in(english[name]) for name in words)
    assert all(words[name] for name in words if name != "draft")


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_but_the_source_are_marked_as_drafts(language: str) -> None:
    """The file says so for us, the page says so for the person."""
    document = json.loads((data_dir("schemas") / "sentences" / f"{language}.json").read_text(encoding="utf-8"))
    assert (document["language"], document["status"].startswith("draft")) == (language, language != "en")
    assert bool(sentences(language)["draft"]) is (language != "en")


def test_there_is_a_sentence_for_everything_that_can_become_of_data() -> None:
    """Each state on the way, each answer to a withdrawal, each way to tell a person."""
    answers = set(code_lists()["refbus.WithdrawalResult"].codes)
    assert {*Became, *How, *answers} <= sentences("en").keys()


def test_a_language_that_is_not_there_is_told() -> None:
    """FILE_UNREADABLE, not a traceback."""
    with pytest.raises(SetupError) as refused:
        sentences("xx")
    assert refused.value.code is Code.FILE_UNREADABLE
