"""Part 7: whether anything grows with the store: gate, gateway and auditor with 1,000, 10,000 and 200,000 events in it.

The stores are filled by copying rows of real events inside the database, under new random names: of the right shape,
size and number, which nobody opens. The steps that are measured are real, and of events that are not copies. The three
stores take turns, and of each step the least processor time counts, so that a busy machine does not tell sizes apart.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from bench import opening, pages
from bench.appending import RECORD_BYTES
from bench.events import ORIGIN, Federation, Sealer
from bench.report import Aim, Measure
from bench.standing import StandingGate
from bench.trips import Office, add_case
from refbus.audit.leaf import PREFIX
from refbus.clock import machine_ms
from refbus.crypto.framing import sha256
from refbus.node.store.accounting import balance
from refbus.telemetry import Metrics, Service
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.trust.reader.log_policy import log_name
from refbus_auditor.entries import account
from refbus_auditor.ledger import Ledger, NewEntry
from refbus_gate.home import STORE
from refbus_gate.meters import Meters
from refbus_gate.names import outbox
from refbus_gateway.cases import casework
from refbus_gateway.reports import lookups
from refbus_gateway.sync.writer import tend

SIZES: Final = (1_000, 10_000, 200_000)
AIM: Final = Aim("ratio", "<=", 1.15)
ROUNDS: Final = 24
_SEED: Final = 40
"""Events that the copies are made from."""
_PER_REFERRAL: Final = 4
_NEW: Final = 60
"""Referrals that are no copies, and newer: a page has fewer."""
_BATCH: Final = 2_000
Steps = Mapping[str, Callable[[], object]]


def measure(folder: Path, sizes: Sequence[int] = SIZES) -> list[Measure]:
    """Return of each step what it costs with the most events in the store, against the fewest."""
    found = list[Measure]()
    for kind, part in {"gate": _gates, "gateway": _gateways, "auditor": _auditors}.items():
        with ExitStack() as opened:
            found += _compared(sizes, part(folder / kind, sizes, opened))
        found += opening.measure(kind, opening.folders(folder / kind, sizes))
        shutil.rmtree(folder / kind, ignore_errors=True)
    return found


def _compared(sizes: Sequence[int], of_stores: Sequence[Steps]) -> Iterator[Measure]:
    """Yield a measure for each step and each store but the first, which is the baseline."""
    for name in of_stores[0]:
        took = [list[float]() for _ in sizes]
        for _ in range(ROUNDS):
            for times, steps in zip(took, of_stores, strict=True):
                began = time.process_time()
                steps[name]()
                times.append(time.process_time() - began)
        first, *others = (min(times) * 1000 for times in took)
        for size, least in zip(sizes[1:], others, strict=True):
            yield Measure(f"{name}, {size:,} events", least, "ms", f"{sizes[0]:,} events", first, AIM)


def _copy(connection: sqlite3.Connection, table: str, copies: int, **changed: str) -> None:
    """Insert the rows of a table so often again; `changed` columns get an SQL value, with `k` the copy's number."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(each, f'"{each}"') for each in columns)
    names = ", ".join(f'"{each}"' for each in columns)
    connection.execute(f"CREATE TEMP TABLE seed AS SELECT * FROM {table}")  # noqa: S608
    connection.execute(
        f"WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {copies}) "  # noqa: S608
        f"INSERT INTO {table} ({names}) SELECT {values} FROM n, seed"
    )
    connection.execute("DROP TABLE seed")


def _gates(folder: Path, sizes: Sequence[int], opened: ExitStack) -> list[Steps]:
    federation = Federation.create(folder / "seed")
    raw = Sealer(federation, federation.recipient).many(_SEED + ROUNDS)
    seed = StandingGate(federation, ORIGIN)
    for value in raw[:_SEED]:
        seed.decide(seed.records(outbox(ORIGIN), [value]))
    seed.deliver()
    seed.close()
    found = list[Steps]()
    for size in sizes:
        shutil.copytree(folder / "seed", folder / str(size))
        of_size = Federation.of(FederationPaths(folder / str(size)))
        (path,) = of_size.paths.gate(ORIGIN).rglob(STORE)
        _fill_gate(path, size // _SEED - 1)
        gate = StandingGate(of_size, ORIGIN)
        opened.callback(gate.close)
        found.append(_gate_steps(gate, iter(raw[_SEED:])))
    return found


def _fill_gate(path: Path, copies: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        named = {name: f"CASE WHEN {name} IS NULL THEN NULL ELSE randomblob(32) END" for name in _RECORD_KEYS}
        _copy(connection, "record", copies, offset='"offset" + 1000000 * k', decision_id="randomblob(16)", **named)
        _copy(connection, "fact", copies, fact_key="randomblob(32)")
        _copy(connection, "deadline", copies, course_key="randomblob(32)")
        _copy(connection, "audited", copies, case_key="randomblob(32)", decision_id="randomblob(16)")
        _copy(connection, "audited_case", copies, case_key="randomblob(32)")
        connection.execute(f"UPDATE tally SET records = records * {copies + 1}")  # noqa: S608
        connection.commit()


_RECORD_KEYS: Final = ("record_key", "signed_key", "envelope_key", "event_key")


def _gate_steps(gate: StandingGate, values: Iterator[bytes]) -> Steps:
    meters = Meters(Metrics(Service.GATE, gate.core.parts.now_ms))
    database = gate.home.store.database

    def gauges() -> None:
        with database.reading() as connection:
            meters.account(connection)
            meters.store(connection, gate.core.parts.now_ms())
            balance(connection)

    return {
        "gate, the next event": lambda: gate.decide(gate.records(outbox(ORIGIN), [next(values)])),
        "gate, its gauges": gauges,
    }


def _gateways(folder: Path, sizes: Sequence[int], opened: ExitStack) -> list[Steps]:
    return [_gateway_steps(folder / str(size), size, opened) for size in sizes]


def _gateway_steps(folder: Path, size: int, opened: ExitStack) -> Steps:
    office = Office.create(folder)
    office.add_cases(0, _SEED)
    gateway = office.open()
    lookups.refresh(gateway)
    path = gateway.home.store_path
    gateway.close()
    _fill_gateway(path, size // (_SEED * _PER_REFERRAL) - 1)
    office.add_cases(_SEED, _NEW)
    client = opened.enter_context(pages.Client(office))
    gateway = client.gateway
    numbers = iter(range(10_000, 20_000))

    def send() -> None:
        with gateway.store.write() as tx:
            casework.send_case(gateway, tx, add_case(gateway, tx, next(numbers), office.recipient))

    client.timed("/today")
    return {
        "gateway, refers a person": send,
        "gateway, tends what waits": lambda: tend(gateway, patient=True),
        "gateway, the page of today": lambda: client.timed("/today"),
        "gateway, a page of a list": lambda: client.timed("/referral"),
    }


def _fill_gateway(path: Path, copies: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        spans = {each: int(connection.execute(f"SELECT max(id) FROM {each}").fetchone()[0] or 0) for each in _SHIFTED}  # noqa: S608
        connection.execute("UPDATE events SET status = 'SENT'")
        connection.execute("UPDATE statements SET proven_ms = at_ms")
        connection.execute("UPDATE outbox SET state = 'TAKEN', value = NULL WHERE confirmed")
        connection.execute("UPDATE outbox SET state = 'DONE', value = NULL WHERE NOT confirmed")
        for table, (own, links) in _SHIFTED.items():
            shifted = {"id": f"id + {spans[table]} * k"}
            shifted |= {column: f"{column} + {spans[of]} * k" for column, of in links.items()}
            _copy(connection, table, copies, **shifted, **dict.fromkeys(own, "randomblob(32)"))
        for _ in range(_PER_REFERRAL - 1):
            connection.execute(
                "INSERT INTO events (event_hash, content_hash, referral_id, outgoing, status, at_ms, seen_ms, body) "
                "SELECT randomblob(32), content_hash, referral_id, outgoing, status, at_ms, seen_ms, body "
                "FROM events GROUP BY referral_id"
            )
        connection.commit()


_SHIFTED: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]]] = {
    "cases": (("case_hash",), {}),
    "counterparts": (("org_hash", "handle_hash"), {"case_id": "cases"}),
    "referrals": (("referral_hash",), {"case_id": "cases", "counterpart_id": "counterparts"}),
    "events": (("event_hash",), {"referral_id": "referrals"}),
    "outbox": (("sha256",), {"event_id": "events"}),
    "consents": (("consent_hash", "record_hash"), {"case_id": "cases"}),
    "disclosures": (("org_hash",), {"case_id": "cases", "event_id": "events"}),
    "statements": (("leaf_hash",), {"case_id": "cases", "event_id": "events", "outbox_id": "outbox"}),
}
"""The tables of a gateway that grow: what is random in a copy, and which columns name rows of other tables."""


def _auditors(folder: Path, sizes: Sequence[int], opened: ExitStack) -> list[Steps]:
    Federation.create(folder / "seed")
    for size in sizes:
        shutil.copytree(folder / "seed", folder / str(size))
    return [_auditor_steps(Federation.of(FederationPaths(folder / str(size))), size, opened) for size in sizes]


def _auditor_steps(federation: Federation, size: int, opened: ExitStack) -> Steps:
    home, now_ms = opening.auditor_home(federation), machine_ms()
    opened.callback(home.close)
    database, log = home.database, Ledger(log_name(federation.directory, ORIGIN))
    record = os.urandom(RECORD_BYTES)
    made = iter(range(size + ROUNDS + _BATCH))

    def add(count: int) -> None:
        numbers = [next(made) for _ in range(count)]
        batch = [
            NewEntry(sha256(b"%d" % each)[:16], PREFIX + sha256(b"%d" % each), "bench", now_ms, record)
            for each in numbers
        ]
        with database.writing() as connection:
            log.add(connection, batch, now_ms)

    for start in range(0, size, _BATCH):
        add(min(_BATCH, size - start))

    def gauges() -> None:
        with database.reading() as connection:
            account(connection, f"{ORIGIN}.audit")

    return {"auditor, the next entry": lambda: add(1), "auditor, its account": gauges}
