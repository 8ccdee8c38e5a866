"""Bounds of every number that comes from outside. A number is refused here before anyone computes with it or keeps it.

Each bound lies far outside honest use, so that every honest record stays readable, and far inside what the store
(64-bit integers), `datetime` (years 1 to 9999) and arithmetic on both can hold. A reader of records or documents takes
its bounds from this module and adds narrower ones where a rule of its own demands them.

An integer of an Avro record is bounded by the name of its field (`of_field`). A name that stands in no rule has no
bound, and a schema with such a field cannot be loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from refbus.core.units import HOUR_MS
from refbus.errors import Code, MalformedError
from refbus.said import placed, said

_FIRST_MS: Final = 1_577_836_800_000
_LAST_MS: Final = 7_258_118_400_000


@dataclass(frozen=True, slots=True)
class Bound:
    """The integers from `low` to `high`, and 0 too where 0 says "not stated" (`unstated`)."""

    low: int
    high: int
    unstated: bool = False

    def holds(self, number: object) -> bool:
        """Whether `number` is an integer inside; a boolean is none."""
        return type(number) is int and (self.low <= number <= self.high or (self.unstated and number == 0))

    def nearest(self, number: int) -> int:
        """Return `number`, or the end of the bound that it lies beyond."""
        return max(self.low, min(self.high, number))

    def check(self, number: int, what: str) -> int:
        """Return `number`. Raises MalformedError, which names `what` and not the number."""
        if not self.holds(number):
            raise MalformedError(Code.MALFORMED, placed(what, said("out of bounds")))
        return number


TIME_MS: Final = Bound(_FIRST_MS, _LAST_MS)
"""Times of the bus, ms since the epoch, UTC: 2020 to 2200. The bus is younger than 2020, and no term reaches 2200."""
TIME_S: Final = Bound(_FIRST_MS // 1000, _LAST_MS // 1000)
"""The same in seconds: times of cosignatures."""
TIME_HOUR: Final = Bound(_FIRST_MS // HOUR_MS, _LAST_MS // HOUR_MS)
"""The same in hours: when an envelope ends, when a gate stamped it."""
OPTIONAL_TIME_MS: Final = Bound(_FIRST_MS, _LAST_MS, unstated=True)
"""A time of the bus, or 0 for none."""
LIFE_TIME_MS: Final = Bound(-2_208_988_800_000, _LAST_MS)
"""Times in the life of a person, ms UTC: 1900 to 2200. Who was born in 1930 came of age before the epoch."""
VERSION: Final = Bound(1, 1_000_000_000)
"""Versions of consents, directories, policies and metadata: one each second for thirty years."""
FORMAT: Final = Bound(-(2**31), 2**31 - 1)
"""Versions of formats and numbers of suites: any 32-bit integer, judged by an allow-list where it is read."""
LEVEL: Final = Bound(0, 1_000)
"""Steps of a ladder of reminders."""
COUNT: Final = Bound(0, 1_000_000_000_000)
"""Counts and places: of records, offsets of a topic, entries of a log. A thousand a second for thirty years."""
SEQUENCE: Final = Bound(1, 1_000_000_000_000)
"""Places that are counted from 1."""
MOST_STAMPED: Final = 4_096
"""Leaves of a tree of exit stamps or hop receipts: the most records of one batch of a gate."""
MOST_PATH: Final = 12
"""Hashes of the path from such a leaf to its root: 2**12 leaves."""
STAMP_INDEX: Final = Bound(0, MOST_STAMPED - 1)
"""Places of leaves in such a tree."""
STAMP_SIZE: Final = Bound(0, MOST_STAMPED)
"""Sizes of such a tree; 0 for none."""
MOST_ELEMENTS: Final = 20_000
"""List elements in one Avro record, of all its lists together, where an element may take less than 16 bytes."""
MOST_DEPTH: Final = 32
"""Objects and lists inside each other, in JSON and TOML from outside. Our own documents have at most 6."""
MOST_IMPORT: Final = 8 * 1024 * 1024
"""Bytes of a file of another system that is brought to be imported."""
MOST_UNPACKED: Final = 64 * 1024 * 1024
"""Bytes of all parts of such a file together, where it is an archive."""
MOST_PARTS: Final = 1_000
"""Parts of such an archive."""
MOST_ROWS: Final = 5_000
"""Rows of a sheet in it, filled or not."""
MOST_COLUMNS: Final = 500
"""Columns of a sheet in it."""
MOST_PERSONS: Final = 200
"""Persons in it: so many reports can still be read by somebody."""
MOST_PLACES: Final = 5_000
"""Facts of one person in it."""

FIELDS: Final[Mapping[str, Bound]] = {
    "authority_until_ms": LIFE_TIME_MS,
    "consent_version": VERSION,
    "directory_version": VERSION,
    "due_ms": OPTIONAL_TIME_MS,
    "expires_at_hour": TIME_HOUR,
    "hour": TIME_HOUR,
    "inbox_count": COUNT,
    "index": COUNT,
    "level": LEVEL,
    "majority_at_ms": LIFE_TIME_MS,
    "offset": COUNT,
    "restored_from_ms": OPTIONAL_TIME_MS,
    "schema_version": FORMAT,
    "sequence": SEQUENCE,
    "suite": FORMAT,
}
"""Bounds of integer fields of Avro records by name; `_ms` at the end of any other name says TIME_MS."""
RECORD_FIELDS: Final[Mapping[tuple[str, str], Bound]] = {
    ("Header", "version"): FORMAT,
    ("HopReceipt", "index"): STAMP_INDEX,
    ("HopReceipt", "size"): STAMP_SIZE,
    ("HopReceipt", "version"): FORMAT,
    ("Passed", "index"): STAMP_INDEX,
    ("Passed", "size"): STAMP_SIZE,
    ("Passed", "version"): FORMAT,
    ("ConsentRecord", "version"): VERSION,
    ("OrganisationProfile", "version"): VERSION,
}
"""Bounds of fields whose name alone does not say what they count."""


def of_field(record: str, name: str) -> Bound | None:
    """Return the bound of an integer field of an Avro record, None for a field that nobody has declared."""
    found = RECORD_FIELDS.get((record, name)) or FIELDS.get(name)
    return TIME_MS if found is None and name.endswith("_ms") else found
