"""`python -m refbus_gate statistics PERIOD FILE`: counts of a closed year or half-year that may be published.

They come from routing facts, of people whose consent in force permits statistics without identity and of nobody else.
The first edition of a period is kept in the gate's home, and is what every later call gives: two editions, made at
different times, could be subtracted from each other. So could a year and its halves: a year is published whole or by
halves, and never both. `statistics-home` adds up what the hosts published of courses that come to this country.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from refbus.core.consent.census import permits_counting
from refbus.core.consent.record import KnownConsent
from refbus.core.consent.rules import Setting
from refbus.core.courses.course import state_of
from refbus.core.courses.machine import CourseKind
from refbus.core.directory import Directory
from refbus.core.documents import read_json
from refbus.core.editions import FORMAT, MOST_BYTES, is_edition, of_home, of_host
from refbus.core.ids import CaseHandle, CountryCode
from refbus.core.statistics import Counted, Period, Table, at_home, counted, tables
from refbus.each import alone
from refbus.errors import Code, MalformedError, RefbusError, RowError, SetupError
from refbus.files import create, read_limited, write_first
from refbus.node.store.node import NodeStore
from refbus.node.store.reads import every_fact
from refbus_gate.decide.remembered import decode_consent, decode_referral
from refbus_gate.decide.state import CONSENT, REFERRAL
from refbus_gate.decide.timetable import country_of

_log = logging.getLogger("refbus.gate.statistics")


def edition_of(store: NodeStore, directory: Directory, country: CountryCode, period: Period, now_ms: int) -> str:
    """Return the edition of a period as JSON. Raises SetupError USAGE while the period is not over."""
    if datetime.fromtimestamp(now_ms / 1000, UTC) < period.over_at:
        raise SetupError(Code.USAGE, "a year, or half of one, is counted when it is over (UTC)")
    courses = [each for each in courses_of(store, directory, country, now_ms) if period.holds(each)]
    return _written(of_host(country, period, tables(courses, directory.countries())))


def home_edition_of(files: Collection[Path], country: CountryCode, period: Period) -> str:
    """Return as JSON what the hosts' editions in these files tell of courses that go to a country, added up.

    Raises SetupError FILE_UNREADABLE, TOO_LARGE; USAGE for two editions of one country.
    """
    told = dict(_told(file, period) for file in files)
    if len(told) < len(files):
        raise SetupError(Code.USAGE, "two editions of one country")
    return _written(of_home(country, period, at_home(told, country)))


def _told(file: Path, period: Period) -> tuple[CountryCode, tuple[Table, ...]]:
    """Return the host and the tables of its edition of a period."""
    try:
        found = read_json(read_limited(file, MOST_BYTES).decode("utf-8-sig"))
    except (UnicodeDecodeError, MalformedError):
        raise SetupError(Code.FILE_UNREADABLE, f"{file.name}: not JSON in UTF-8") from None
    if not is_edition(found) or found["format"] != FORMAT:
        raise SetupError(Code.FILE_UNREADABLE, f"{file.name}: no edition in the form {FORMAT}")
    if (found["year"], found.get("half") or 0) != (period.year, period.half):
        raise SetupError(Code.USAGE, f"{file.name}: not of {period}")
    try:
        return CountryCode(found["country"]), tuple(map(_table, found["tables"]))
    except (KeyError, ValueError):
        raise SetupError(Code.FILE_UNREADABLE, f"{file.name}: a table of it is none") from None


def _table(row: Mapping[str, Any]) -> Table:
    places = len(row["split_by"].split("/"))
    if any(count is None or len(cell.split("/")) != places for cell, count in row["cells"].items()):
        raise ValueError
    return Table(CourseKind(row["kind"]), CountryCode(row["home"]), row["split_by"], row["total"], row["cells"])


def first_edition(folder: Path, period: Period, make: Callable[[], str]) -> str:
    """Return the edition of a period that is kept in `folder`; the first time the one that `make` makes.

    Raises StoreError, SetupError FILE_UNREADABLE; USAGE where the year is published in the other way; and what `make`
    raises.
    """
    kept = folder / f"{period}.json"
    if any((folder / f"{other}.json").exists() for other in period.crossing):
        raise SetupError(
            Code.USAGE, f"{period.year} is published {'whole' if period.half else 'by half-years'}: never both"
        )
    if not kept.exists():
        write_first(kept, make().encode())
    try:
        return kept.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SetupError(Code.FILE_UNREADABLE, f"statistics/{kept.name}") from None


def write_edition(edition: str, file: Path) -> None:
    """Write an edition. Raises SetupError USAGE when the file exists, FILE_UNREADABLE when it cannot be written."""
    try:
        with create(file) as out:
            out.write(edition.encode())
    except FileExistsError:
        raise SetupError(Code.USAGE, f"{file.name} exists: an edition is never replaced") from None
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, f"{file.name}: {error.strerror}") from None


def courses_of(store: NodeStore, directory: Directory, country: CountryCode, now_ms: int) -> tuple[Counted, ...]:
    """Return every course that began in this country, each once, of all years, and whose person may be counted now.

    Raises SetupError DIRECTORY_INVALID without a policy of this country.
    """
    policy = directory.policies.get(country)
    if policy is None:
        raise SetupError(Code.DIRECTORY_INVALID, f"no policy of {country}")
    with store.database.reading() as connection:
        agreed = _agreed(connection, store, Setting(directory, policy, now_ms))
        return tuple(_counted(connection, store, directory, country, agreed))


def _agreed(connection: Connection, store: NodeStore, setting: Setting) -> frozenset[CaseHandle]:
    """Return the cases, each between two organisations, whose person permits being counted now.

    What cannot be read of a consent may be a no, and nobody knows of whom: nothing is counted then. Raises RowError.
    """

    def unread(error: RowError) -> None:
        raise error

    known: defaultdict[CaseHandle, list[KnownConsent]] = defaultdict(list)
    for data in every_fact(connection, store, CONSENT, unread):
        found = decode_consent(data)
        if found.case_handle is not None:
            known[found.case_handle].append(found)
    return frozenset(handle for handle, each in known.items() if permits_counting(each, setting))


def _counted(
    connection: Connection,
    store: NodeStore,
    directory: Directory,
    country: CountryCode,
    agreed: Container[CaseHandle],
) -> Iterator[Counted]:
    for data in every_fact(connection, store, REFERRAL):
        found = None
        with alone(data, _not_counted):
            known = decode_referral(data)
            view = state_of(known.facts)
            home = country_of(view.target, directory)
            began_here = country_of(view.source, directory) == country
            if home is not None and began_here and known.case_handle in agreed:
                found = counted(known.facts, known.minor, home)
        if found is not None:
            yield found


def _not_counted(_: bytes, error: RefbusError) -> None:
    _log.error("a course is not in the statistics, it cannot be read: %s %s", error.code, error.detail)


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
