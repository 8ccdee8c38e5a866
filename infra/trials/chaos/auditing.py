"""The auditors beside the gates of a scenario: what is odd in an audit topic stops itself, and the log goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import partial

from chaos import logs
from chaos.ground import Ground, wait
from chaos.judging import Tally
from kafka.ports import free_ports
from refbus.core.ids import CountryCode
from refbus.errors import Code

_END_S = 60.0


def start_auditor(ground: Ground, country: CountryCode, plan: Sequence[tuple[str, int]] = ()) -> None:
    """Start the auditor of a country, sabotaged when there is a plan."""
    name, log = f"auditor-{country}", f"log-{country}"
    for each in (name, log):
        ground.stack.ports.setdefault(each, free_ports(1)[0])
    ground.start(name, ("refbus_auditor",), ground.stack.auditor_environment(country), plan)


def judge_audit(ground: Ground, tally: Tally) -> None:
    """Count auditors that ended, did not read their topic to its end, or did not name what they could not read."""
    for country in ground.gates:
        read = wait(partial(_is_read, ground, country), _END_S)
        tally.add("lost", int(not read), f"{_rest(ground, country)} records of {country}.audit are not read")
        text = (ground.folder / "log" / f"auditor-{country}.log").read_text(encoding="utf-8", errors="replace")
        told = text.count(Code.BATCH_UNREADABLE)
        ground.measured[f"unreadable batches told by auditor-{country}"] = told
        tally.add("unaccounted", int(told == 0), f"auditor-{country} did not say that a batch cannot be read")
        logged = _ask(ground, country, "SELECT coalesce(sum(size), 0) FROM shard")
        ground.measured[f"entries in the log of {country}"] = logged
        tally.add("lost", int(logged == 0), f"nothing is in the log of {country}")
        ends = ground.stack.services[f"auditor-{country}"].restarts
        tally.add("unaccounted", ends, f"auditor-{country} ended {ends} times")


def _is_read(ground: Ground, country: CountryCode) -> bool:
    return _rest(ground, country) == 0


def _rest(ground: Ground, country: CountryCode) -> int:
    """Return how many records of the audit topic the auditor has not read."""
    topic = f"{country}.audit"
    end = logs.ends(ground.world.address(country, f"{country}-operator"), [topic])[topic]
    return end - _ask(ground, country, f"SELECT coalesce(max(next_offset), 0) FROM position WHERE topic = '{topic}'")  # noqa: S608


def _ask(ground: Ground, country: CountryCode, query: str) -> int:
    path = ground.world.paths.home(ground.stack.auditor(country)) / "store" / "auditor.db"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as opened:
        return int(opened.execute(query).fetchone()[0])
    return 0
