"""Many options of a list, folded by the section that their labels begin with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

_MANY: Final = 20
"""So many options are read at once, without sections."""
_SECTION: Final = ": "


@dataclass(frozen=True, slots=True)
class Choice:
    """One of many options: its number in all of them, from 1, and its label within the section."""

    number: int
    option: Sequence[str]
    label: str


def in_sections(options: Sequence[Sequence[str]]) -> list[tuple[str, list[Choice]]]:
    """Return options (value, label, maybe a hint) by the section that their labels begin with: "Trade: by land".

    A section is folded; what stands in none, or alone in one, has the section "". Few options have no sections.
    """
    named = [option[1].partition(_SECTION) for option in options]
    sizes = Counter(section for section, colon, _ in named if colon) if len(options) > _MANY else Counter[str]()
    found = [
        (section, Choice(number, option, rest))
        if sizes[section] > 1 and colon
        else ("", Choice(number, option, option[1]))
        for number, (option, (section, colon, rest)) in enumerate(zip(options, named, strict=True), 1)
    ]
    return [(section, [each for _, each in some]) for section, some in groupby(found, key=itemgetter(0))]
