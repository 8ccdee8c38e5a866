"""`python -m refbus_gate statistics PERIOD FILE`: counts of a closed year or half-year that may be published.

They come from routing facts. The first edition of a period is kept in the gate's home, and is what every later call
gives: two editions, made at different times, could be subtracted from each other. So could a year and its halves: a
year is published whole or by halves, and never both.
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
from refbus.core.statistics import LEAST_THRESHOLD, Counted, Period, Table, counted, tables
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


def edition_of(store: NodeStore, directory: Directory, country: CountryCode, period: Period, now_ms: int) -> str:
    """Return the edition of a period as JSON. Raises SetupError USAGE while the period is not over."""
    if datetime.fromtimestamp(now_ms / 1000, UTC) < period.over_at:
        raise SetupError(Code.USAGE, "a year, or half of one, is counted when it is over (UTC)")
    courses = [each for each in courses_of(store, directory, country) if period.holds(each)]
    return _edition(tables(courses), country, period)


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


def _edition(found: tuple[Table, ...], country: CountryCode, period: Period) -> str:
    document = {
        "format": FORMAT,
        "country": country,
        "year": period.year,
        **({"half": period.half} if period.half else {}),
        "threshold": LEAST_THRESHOLD,
        "note": "Told is only what stays at the threshold or above without the courses of any two organisations.",
        "tables": [
            {"kind": each.kind, "split_by": each.split_by, "total": each.total, "cells": dict(each.cells)}
            for each in found
        ],
    }
    return json.dumps(document, indent=2) + "\n"
