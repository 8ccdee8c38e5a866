"""Why something that stood in a file of another system did not come over: a closed list, with words for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from refbus.said import Said, said


class Loss(StrEnum):
    """Why something did not come over."""

    CONSENT = "CONSENT"
    NO_FIELD = "NO_FIELD"
    WORKER = "WORKER"
    OTHER_SYSTEM = "OTHER_SYSTEM"
    GIVEN_ALREADY = "GIVEN_ALREADY"
    NOT_KNOWN = "NOT_KNOWN"
    FORMULA = "FORMULA"
    HEADINGS_DIFFER = "HEADINGS_DIFFER"
    SHEET = "SHEET"
    EMBEDDED = "EMBEDDED"
    TOO_LONG = "TOO_LONG"
    NO_CODE = "NO_CODE"
    AGE = "AGE"
    AGE_DAY = "AGE_DAY"
    AGE_ESTIMATED = "AGE_ESTIMATED"


WORDS: Final[Mapping[Loss, Said]] = {
    Loss.CONSENT: said("a consent of another system is none here: ask the person again"),
    Loss.NO_FIELD: said("there is no field for it"),
    Loss.WORKER: said("is about a worker, whose name does not travel"),
    Loss.OTHER_SYSTEM: said("belongs to the other system"),
    Loss.GIVEN_ALREADY: said("was given already, so it is not asked for"),
    Loss.NOT_KNOWN: said("is not known of this format"),
    Loss.FORMULA: said("is a formula, which nobody calculates here: write the value itself"),
    Loss.HEADINGS_DIFFER: said("two headings of this column contradict each other: delete the wrong one"),
    Loss.SHEET: said("another sheet of the file, which is not read"),
    Loss.EMBEDDED: said("a program, picture or link inside the file, which is not opened"),
    Loss.TOO_LONG: said("is too long for a cell: send it as an attachment"),
    Loss.NO_CODE: said("the other format has no code for it"),
    Loss.AGE: said("is an age, which changes: write the date or the year of birth"),
    Loss.AGE_DAY: said("an age without a day: it is taken as of the day of import"),
    Loss.AGE_ESTIMATED: said("an estimate alone makes nobody an adult: write why you are sure"),
}
"""What each means, for a person."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that did not come over. `source`: where it stood there."""

    source: str
    reason: Loss
