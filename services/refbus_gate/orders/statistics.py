"""`python -m refbus_gate statistics YEAR FILE`: the counts of a closed year that may be published, from routing facts.

The first edition of a year is kept in the gate's home, and is what every later call gives: two editions, made at
different times, could be subtracted from each other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from refbus.core.courses.course import state_of
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.core.statistics import LEAST_THRESHOLD, Counted, Table, counted, tables
from refbus.each import alone
from refbus.errors import Code, RefbusError, SetupError
from refbus.files import create, write_first
from refbus.node.store.node import NodeStore
from refbus.node.store.reads import every_fact
from refbus_gate.decide.remembered import decode_referral
from refbus_gate.decide.state import REFERRAL
from refbus_gate.decide.timetable import country_of

_log = logging.getLogger("refbus.gate.statistics")
FORMAT = "refbus/statistics/1"


def edition_of(store: NodeStore, directory: Directory, country: CountryCode, year: int, now_ms: int) -> str:
    """Return the edition of a year as JSON. Raises SetupError USAGE while the year is not over."""
    if year >= datetime.fromtimestamp(now_ms / 1000, UTC).year:
        raise SetupError(Code.USAGE, "a year is counted when it is over (UTC)")
    courses = [each for each in courses_of(store, directory, country) if each.year == year]
    return _edition(tables(courses), country, year)


def first_edition(folder: Path, year: int, make: Callable[[], str]) -> str:
    """Return the edition of a year that is kept in `folder`; the first time the one that `make` makes.

    Raises StoreError, SetupError FILE_UNREADABLE, and what `make` raises.
    """
    kept = folder / f"{year}.json"
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


def courses_of(store: NodeStore, directory: Directory, country: CountryCode) -> tuple[Counted, ...]:
    """Return every course that began in this country, each once, of all years."""
    with store.database.reading() as connection:
        return tuple(_counted(connection, store, directory, country))


def _counted(connection: Connection, store: NodeStore, directory: Directory, country: CountryCode) -> Iterator[Counted]:
    for data in every_fact(connection, store, REFERRAL):
        found = None
        with alone(data, _not_counted):
            known = decode_referral(data)
            view = state_of(known.facts)
            if country_of(view.target, directory) is not None and country_of(view.source, directory) == country:
                found = counted(known.facts, known.minor)
        if found is not None:
            yield found


def _not_counted(_: bytes, error: RefbusError) -> None:
    _log.error("a course is not in the statistics, it cannot be read: %s %s", error.code, error.detail)


def _edition(found: tuple[Table, ...], country: CountryCode, year: int) -> str:
    document = {
        "format": FORMAT,
        "country": country,
        "year": year,
        "threshold": LEAST_THRESHOLD,
        "note": "Told is only what stays at the threshold or above without the courses of any two organisations.",
        "tables": [
            {"kind": each.kind, "split_by": each.split_by, "total": each.total, "cells": dict(each.cells)}
            for each in found
        ],
    }
    return json.dumps(document, indent=2) + "\n"
