"""`refbus-ops replays`: orders that were carried out, and whether the published log has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from refbus.audit.statement import Statement
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.errors import Code, RefbusError, UncheckableError
from refbus.node import replay
from refbus.node.replay import Order, Person, Request
from refbus.settings import OpsSettings, from_environment
from refbus.tlog.end import LogEnd, sign_end
from refbus.tlog.proofs import Head
from refbus.tlog.shards import next_shard, shard_at
from refbus_ops.context import Operator
from refbus_ops.refused import replays
from support.audit import AUDIT_KEY, audit_record
from support.ceremonies import KZ
from support.directories import NOW_MS
from support.logs import audit_entries, log_key, write_log

OWN, NEXT = shard_at(NOW_MS), next_shard(shard_at(NOW_MS))
KEYS = {shard: log_key(f"audit.kz.example/{shard}", seed) for seed, shard in enumerate((OWN, NEXT), 1)}
DECISIONS = tuple(f"{number}f" * 16 for number in range(2))
LATER_MS = NOW_MS + 183 * DAY_MS
DUE_MS = NOW_MS + HOUR_MS + 1
"""Behind the hour that logging may take."""
STATEMENTS = tuple(Statement.of(audit_record(decision_id=bytes.fromhex(name)), AUDIT_KEY) for name in DECISIONS)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give the home of a gate that carried out two orders."""
    for name, statement in zip(DECISIONS, STATEMENTS, strict=True):
        replay.note(tmp_path, order_of(name), replay.BEGUN, NOW_MS)
        replay.note(tmp_path, order_of(name), "FORWARDED", NOW_MS, statement.encode())
    return tmp_path


def order_of(name: str) -> Order:
    """Return what two persons want."""
    anna, boris = Person("Anna Example", "anna", NOW_MS), Person("Boris Example", "boris", NOW_MS)
    return Order(Request(name, "a corrected version runs now", anna), boris)


def show(home: Path, place: Path, *policy: str, now_ms: int = LATER_MS) -> tuple[list[object], Result]:
    """Return what is said of each order about the log, half a year later or at `now_ms`, and the whole answer."""
    lines = policy or tuple(f"log {key.verifier.vkey}" for key in KEYS.values())
    (home / "policy").write_text("".join(f"{line}\n" for line in (*lines, "quorum none")), encoding="utf-8")
    given = ["--json", "--log", str(place), "--policy", str(home / "policy")]
    operator = Operator(from_environment(OpsSettings, {}), KZ, home, clock=lambda: now_ms)
    told = CliRunner().invoke(replays, given, obj=operator)
    return [json.loads(line)["in_log"] for line in told.output.splitlines()], told


def write_shard(place: Path, shard: str, found: Sequence[bytes]) -> Path:
    """Write the log of a half-year with these entries behind others; return the folder above it."""
    write_log(place / shard, [*audit_entries(3), *found], KEYS[shard])
    return place


def test_each_order_is_looked_up_in_its_half_year_and_the_next(home: Path) -> None:
    """One is in the first, the other in the second; an order that both lack is not in the log."""
    first, second = (each.leaf for each in STATEMENTS)
    write_shard(home / "both", OWN, [first])
    assert show(home, write_shard(home / "both", NEXT, [second]))[0] == [True, True]
    one = write_shard(home / "one", OWN, [first])
    found, told = show(home, one, now_ms=DUE_MS)
    assert (found, told.exit_code) == ([True, False], 0)
    assert show(home, one)[0] == [True, None], "the next half-year has begun, and may have it"
    found, told = show(home, write_shard(home / "one", NEXT, []))
    assert (found, told.exit_code) == ([True, False], 0)


def test_an_order_of_the_last_hour_is_not_missed_in_the_log(home: Path) -> None:
    """So long may it take until an entry can be proved: nothing is said of it, and it is shown once it is there."""
    place = write_shard(home / "log", OWN, [STATEMENTS[0].leaf])
    assert show(home, place, now_ms=NOW_MS + HOUR_MS)[0] == [True, None]
    assert show(home, place, now_ms=DUE_MS)[0] == [True, False]


def test_an_order_without_a_statement_is_not_looked_up(home: Path) -> None:
    """Of those from before there were entries, and from when nobody could open one, the log says nothing."""
    place = write_shard(home / "log", OWN, [each.leaf for each in STATEMENTS])
    replay.note(home, order_of("ab" * 16), "REFUSED", NOW_MS)
    found, told = show(home, place, now_ms=DUE_MS)
    assert (found, told.exit_code) == ([True, True, None], 0)


def test_an_order_whose_end_was_not_kept_is_not_known(home: Path) -> None:
    """It is shown as begun; one begun again keeps its outcome, and a log without what was stated accuses nobody."""
    replay.note(home, order_of("ab" * 16), replay.BEGUN, NOW_MS)
    for name in DECISIONS:
        replay.note(home, order_of(name), replay.BEGUN, NOW_MS + 1)
    place = write_shard(home / "log", OWN, [STATEMENTS[0].leaf])
    found, told = show(home, place, now_ms=DUE_MS)
    assert (found, told.exit_code) == ([True, None, None], 0)
    shown = [json.loads(line)["outcome"] for line in told.output.splitlines()]
    assert shown == ["FORWARDED", "FORWARDED", replay.BEGUN]


def test_an_order_that_still_waits_is_not_missed_in_the_log(home: Path) -> None:
    """Its outcome was kept, and the gate has not taken it away: it may not have been written yet."""
    wanted = order_of(DECISIONS[1])
    place = write_shard(home / "log", OWN, [STATEMENTS[0].leaf])
    assert show(home, place, now_ms=DUE_MS)[0] == [True, False]
    replay.approve(home, wanted.request, wanted.approved, accounts=False)
    assert show(home, place, now_ms=DUE_MS)[0] == [True, None]


def test_a_log_that_cannot_be_read_accuses_nobody(home: Path) -> None:
    """A misspelt place, one without the half-year and a checkpoint that nothing checks say nothing of an order."""
    first, second = (each.leaf for each in STATEMENTS)
    other = f"log {log_key(f'audit.uz.example/{OWN}').verifier.vkey}"
    whole = write_shard(home / "whole", OWN, [first, second])
    for place, policy, code, expected in (
        (home / "misspelt", (), Code.FILE_UNREADABLE, [None, None]),
        (write_shard(home / "late", NEXT, [second]), (), Code.FILE_UNREADABLE, [None, True]),
        (whole, (other,), Code.KEY_UNKNOWN, [None, None]),
    ):
        found, told = show(home, place, *policy)
        assert found == expected
        assert isinstance(told.exception, RefbusError)
        assert told.exception.code is code


def test_an_order_behind_an_early_end_is_found(home: Path) -> None:
    """Its entry is in a half-year to come, however far ahead it began; a copy without that accuses nobody."""
    first, second = (each.leaf for each in STATEMENTS)
    last = next_shard(NEXT)
    for shard in (NEXT, last):
        place = write_shard(home / shard, OWN, [first])
        (place / OWN / "end").write_text("a note of the log's key says so")
        found, told = show(home, place, now_ms=DUE_MS)
        assert (found, type(told.exception)) == ([True, None], UncheckableError)
        policy = [f"log {key.verifier.vkey}" for key in (*KEYS.values(), log_key(f"audit.kz.example/{last}", 3))]
        write_log(place / shard, [*audit_entries(3), second], KEYS.get(shard) or log_key(f"audit.kz.example/{last}", 3))
        found, told = show(home, place, *policy, now_ms=DUE_MS)
        assert (found, told.exit_code) == ([True, True], 0)


def test_a_half_year_to_come_that_cannot_be_checked_accuses_nobody(home: Path) -> None:
    """It is there, under a key that the policy does not have: the entry may be in it."""
    place = write_shard(home / "log", OWN, [STATEMENTS[0].leaf])
    write_shard(place, NEXT, [STATEMENTS[1].leaf])
    found, told = show(home, place, f"log {KEYS[OWN].verifier.vkey}", now_ms=DUE_MS)
    assert (found, told.exit_code) == ([True, None], 1)


@pytest.mark.parametrize(("signed", "expected"), [(4, False), (9, None)], ids=["whole", "with a loss"])
def test_a_log_that_lost_entries_accuses_nobody(home: Path, signed: int, expected: bool | None) -> None:
    """Its end says how many it had signed: what is missing in it may have been there."""
    place = write_shard(write_shard(home / "log", OWN, [STATEMENTS[0].leaf]), NEXT, [])
    end = LogEnd(KEYS[OWN].verifier.name, Head(4, bytes(32)), Head(signed, bytes(32)))
    (place / OWN / "end").write_bytes(sign_end(end, KEYS[OWN]).encode())
    assert show(home, place, now_ms=DUE_MS)[0] == [True, expected]
