"""A wrong command line is told in the reader's language, whatever click says about it."""

from __future__ import annotations

import pytest

from refbus.said import Said
from refbus.usage import usage

SENTENCES = {
    "No such command 'seend'. Did you mean send?": {"name": "'seend'", "near": "send"},
    "Missing option '--result'. Choose from:\n\tERASED,\n\tRETAINED_LEGAL": {
        "name": "'--result'",
        "codes": "ERASED, RETAINED_LEGAL",
    },
    "No such option: --xx (Possible options: --a, --b)": {"name": "--xx", "codes": "--a, --b"},
    "Invalid value for 'N': 'abc' is not a valid integer.": {"name": "'N'", "why": "'abc' is not a valid integer."},
}


@pytest.mark.parametrize(("sentence", "values"), SENTENCES.items())
def test_a_sentence_of_click_is_found_again(sentence: str, values: dict[str, str]) -> None:
    """It says the same on one line, and its values stand apart from its message."""
    told = usage(sentence)
    assert told == " ".join(sentence.split())
    assert isinstance(told, Said)
    assert told.values == values


def test_a_sentence_within_a_sentence_is_one_too() -> None:
    """Why a value is wrong is a message of its own."""
    told = usage("Invalid value for '--hours': 0 is not in the range 1<=x<=72.")
    assert isinstance(told, Said)
    assert isinstance(told.values["why"], Said)
    assert told.values["why"].values == {"value": "0", "range": "1<=x<=72"}


def test_a_sentence_that_nobody_knows_stays() -> None:
    """It is shown as it came."""
    assert not isinstance(usage("Something else went wrong."), Said)
