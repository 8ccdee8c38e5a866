"""Answers about the age that do not go together are named by their questions, in whatever words the clash is told."""

from __future__ import annotations

import itertools

import pytest

from refbus.core.consent.age import AgeFacts, AgeRules, Clash, StatedAge, age_of
from refbus.core.units import DAY_MS
from refbus.said import said
from refbus_gateway.web import casefields
from refbus_gateway.words.catalogue import catalogue

NOW_MS = 20_700 * DAY_MS
BIRTHS = (None, "2015-04-12", "1980-01-01", "1850", "not a day", "2008")
MINOR = ((), (True,), (False,), (True, False))
STATED = (None, *(StatedAge(age, age, "2026-09-01", firm=firm) for age in (9, 40) for firm in (True, False)))
FACTS = [AgeFacts(*each) for each in itertools.product(BIRTHS, MINOR, (True, False), STATED)]
CLASHES = {clash for facts in FACTS for clash in age_of(facts, AgeRules(), NOW_MS).contradictions}


@pytest.mark.parametrize("clash", sorted(CLASHES), ids=str)
def test_each_clash_carries_the_questions_that_a_form_asks(clash: Clash) -> None:
    """Alone, or in a sentence about it, and told in words that name no field."""
    words = catalogue("ru")
    labels = [shown.label for shown in casefields.of(words, clash.fields)]
    assert labels
    for told in (clash, said("%(clash)s: correct it", clash=clash), Clash.of(said("They differ"), *clash.fields)):
        asked = casefields.clash(words, told).partition(". ")[0].split(" / ")
        assert len(asked) == len(labels)
        assert all(label.startswith(short.rstrip("?")) for label, short in zip(labels, asked, strict=True))


def test_every_kind_of_clash_was_tried() -> None:
    """A new one is found by the facts above, or they are not all."""
    assert len(CLASHES) == 11
