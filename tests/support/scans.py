"""Which statements of the services read a whole table: the database is asked for its plan of each that they run.

SQLite is asked; a server has the same tables, indexes and statements. A plan depends on tables and indexes, not on what
is in them, so an empty store shows what a full one would do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any, Final

from sqlalchemy import Engine, event

FEW: Final[Mapping[str, str]] = {
    "alembic_version": "one row",
    "fence": "one row",
    "tally": "a row for each topic and outcome",
    "position": "a row for each topic",
    "positions": "a row for each topic",
    "delivered": "a row for each inbox",
    "inbox": "a row for each inbox",
    "own_keys": "a row for each key of this organisation",
    "people": "at most users.MOST",
    "shard": "a row for each half-year",
    "log_heads": "a row for each country",
    "log_evidence": "what convicts a log: none, or an alarm",
    "directory_files": "files of two versions of the directory, and at most directoryfiles.MOST names",
    "tellings": "words that were not said yet; a row goes when it is",
    "ping": "at most a few for each organisation; a row goes when it was sent",
    "hold": "what waits: a bounded number for each sender (quotas.HELD, STOPS, UNVERIFIED)",
    "quarantine": "what an operator may look at: a bounded number for each sender (quotas.KEPT)",
    "waiting": "entries that wait for a key: a bounded number for each writer",
    "witnessed": "a row for each log that is cosigned: the auditors of the other countries",
    "usage": "a row for each writer and hour of one day",
    "CONSTANT": "no table",
    "anon_1": "what a statement has selected itself",
}
"""Tables that do not grow with the events that went through, and why."""

WHOLE: Final[Mapping[str, str]] = {
    "SELECT outgoing.topic, outgoing.state, count(*)": "gauges; an index has all of it, what is delivered goes",
    "SELECT outgoing.sender, count(*)": "only urgent rows are in its index",
    "SELECT count(*) AS count_1 FROM referrals JOIN cases": "how long a list is, counted in an index",
    "SELECT count(*) AS count_1 FROM cases": "how long a list is, counted in an index",
    "FROM referrals JOIN cases ON cases.id = referrals.case_id WHERE cases.wrapped_key IS NOT NULL AND "
    "cases.erasing_ms IS NULL ORDER BY referrals.id DESC LIMIT": "the newest of a list, and no more",
    "FROM cases ORDER BY cases.id DESC LIMIT": "the newest of a list, and no more",
    "FROM cases WHERE cases.wrapped_key IS NULL OR cases.erasing_ms IS NOT NULL": "what was erased, when a person asks",
    "FROM doings ORDER BY doings.id DESC LIMIT": "the newest of a list, and no more",
    "FROM doings ORDER BY doings.id": "the chain of the log is checked, when somebody asks for it",
    "SELECT count(*) AS count_1 FROM doings": "how long the log is; it has an end (doings.MOST)",
    "FROM cases ORDER BY cases.id": "every case is looked at: once an hour, and when a person says no or asks for all",
    "FROM referrals ORDER BY referrals.case_id, referrals.id": "an office that came back from a copy, once",
    "SELECT cases.case_hash, cases.wrapped_key FROM cases": "a copy is checked before it takes the place of a home",
    "SELECT cases.id, cases.case_hash FROM cases WHERE": "what was erased is erased again in a copy that comes back",
    "SELECT disclosures.case_id, count(*)": "who is owed an account, when a person asks",
    "SELECT erased.name FROM erased": "an auditor reads its list of what was erased once, when it starts",
    "SELECT entry.decision_id FROM entry WHERE entry.raw IS NOT NULL": "an auditor that came back from a copy, once",
    "SELECT entry.origin, entry.place, entry.writer, entry.decision_id FROM entry": "the same",
    "SELECT entry.decision_id FROM entry WHERE entry.writer IN": "a lost store of an auditor is made again, once",
    "SELECT dropped.topic, dropped.hour": "hours of some weeks: what is too old is forgotten, or an operator looks",
    "FROM statements LEFT OUTER JOIN outbox": "the account of a period, when somebody asks for it",
    "SELECT count(*) AS count_1 FROM referrals WHERE": "how long a list is, counted in an index",
    "SELECT referrals.id FROM referrals WHERE (referrals.case_id NOT IN": "the newest of a list, and no more",
    "FROM cases WHERE cases.nickname IS NOT NULL": "a search opens the nicknames: they are sealed",
    "SELECT count(*) AS count_1 FROM fact": "what is too old is forgotten, once an hour",
    "SELECT count(*) AS count_1 FROM record": "the same",
    "SELECT count(*) AS count_1 FROM deadline": "the same",
    "SELECT count(*) AS count_1 FROM dropped": "the same",
}
"""Statements that may read a whole table, by words in them, and why. Whatever comes often is not among them."""

_STATEMENT: Final = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b", re.IGNORECASE)
_SCAN: Final = re.compile(r"SCAN (?:\d+ )?(\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
_DATABASES: Final = re.compile(r"/(sqlalchemy|refbus/database)|/lib/python|/alembic/")


class Plans:
    """Every statement of the services that was run, with the tables that its plan reads as a whole."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}
        self.run = dict[str, tuple[str, ...]]()
        self._asked = set[tuple[Engine, str]]()

    def begin(self) -> None:
        """Forget what was run, not the plans."""
        self.run.clear()
        self._asked.clear()

    def note(self, connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        """Ask for the plan of a statement that is about to run, once for each kind of store, by its file's name."""
        if connection.dialect.name != "sqlite" or (connection.engine, statement) in self._asked:
            return
        if not _STATEMENT.match(statement) or "sqlite_master" in statement or not _of_services(sys._getframe()):
            return
        self._asked.add((connection.engine, statement))
        known = ((connection.engine.url.database or "").rpartition("/")[2], statement)
        if known not in self._known:
            raw = connection.connection.driver_connection
            rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if many else parameters).fetchall()
            found = (_SCAN.match(row[3]) for row in rows)
            self._known[known] = tuple(scan[1] for scan in found if scan is not None and not _is_partial(raw, scan))
        self.run[" ".join(statement.split())] = self._known[known]

    def unexplained(self) -> list[str]:
        """Return the statements that read the whole of a table that grows, without a reason here."""
        return [
            statement
            for statement, tables in self.run.items()
            if any(table not in FEW for table in tables) and not any(words in statement for words in WHOLE)
        ]


@contextmanager
def watched() -> Iterator[Plans]:
    """Note the plan of every statement that a service runs meanwhile."""
    plans = Plans()
    event.listen(Engine, "before_cursor_execute", plans.note)
    try:
        yield plans
    finally:
        event.remove(Engine, "before_cursor_execute", plans.note)


def _is_partial(raw: Any, scan: re.Match[str]) -> bool:
    """Whether an index is read that has only some rows of the table."""
    rows = raw.execute(f"PRAGMA index_list({scan[1]})").fetchall() if scan[2] else []
    return any(row[1] == scan[2] and row[4] for row in rows)


def _of_services(frame: FrameType | None) -> bool:
    """Whether a service runs a statement, as against a test or a migration."""
    while frame is not None and not _asks(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None or "/services/" not in frame.f_code.co_filename:
        return False
    while frame is not None and "/migrations/versions/" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is None


@cache
def _asks(path: str) -> bool:
    """Whether a file is one that asks, and not of what runs statements for others."""
    return path != __file__ and not _DATABASES.search(path)
