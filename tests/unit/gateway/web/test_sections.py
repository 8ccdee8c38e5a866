"""Many options are folded by the section that their labels begin with."""

from __future__ import annotations

import pytest

from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.web import fields
from refbus_gateway.web.sections import in_sections
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.languages import LANGUAGES

SECTORS = "trafficking.vic_ForcedLabourIndustry"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sector_stands_once_and_most_in_a_section(language: str) -> None:
    """In each language a section has one wording, so that its sectors stay together."""
    (shown,) = fields.of(catalogue(language), case_fields(), [SECTORS])
    found = in_sections(shown.options)
    assert [each.option for _, some in found for each in some] == list(shown.options)
    assert [each.number for _, some in found for each in some] == [*range(1, len(shown.options) + 1)]
    named = [section for section, _ in found if section]
    assert len(named) == len(set(named)) == 5
    assert all(f"{section}: {each.label}" == each.option[1] for section, some in found if section for each in some)


def test_few_options_have_no_sections() -> None:
    """They are read at once, whatever colons are in them."""
    few = [(str(number), f"By: {number}") for number in range(20)]
    assert [section for section, _ in in_sections(few)] == [""]
    assert [section for section, _ in in_sections([*few, ("20", "By: 20")])] == ["By"]
    assert in_sections([]) == []
