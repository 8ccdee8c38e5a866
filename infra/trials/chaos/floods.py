"""A member floods the outbox of its country, and a gate starts with ten thousand events that wait: honest ones go on.

The flood has fifty records a second, by turns: dated ahead and truly signed, signed with a key that nobody knows, and
no event at all. Beside it an agency sends five honest events a second to an office of the same country. What counts is
how long each takes from the log of the outbox to the log of the inbox, by the broker's clock. The broker's quota for a
certificate, which bounds how fast a member can send, is not used here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from confluent_kafka import Producer

from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.logs import read_topic
from chaos.result import Result
from chaos.stage import KZ, Cast
from demo.hostile import HostileMember, Plot
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.directory import Directory
from refbus.core.ids import OrgId
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory
from refbus.crypto.framing import sha256
from refbus.crypto.signing import SigningPair
from refbus.node.store.commit import commit
from refbus.node.store.reads import read_fence
from refbus.node.store.rows import Changes, HoldRow, RecordRow
from refbus.trust.homes import Home
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gate.home import GateHome

NAME = "a member floods, and ten thousand wait"
FLOOD_PER_S = 50
HONEST_EACH_S = 0.2
SECONDS = 12
HELD = 10_000
OWNERS = 10
"""Members whose events wait: none could have so many under its quota."""
SLOWEST_MS = 3_000
"""What the slowest honest event but one in a hundred may take, beside whatever flood. It took minutes before."""
MOST_MEMORY_MB = 600
READY_S = 30.0
_CATEGORIES = (DataCategory.SERVICE_NEEDS,)


@dataclass(frozen=True, slots=True)
class FloodScenario:
    """The scenario of a hostile member, in the shape of the others."""

    name: str = NAME
    share: int = 1

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground = Ground.open(cast.folder)
        tally, stuck, parts = Tally(), "", list[int]()
        try:
            parts.extend(_play(ground, cast, tally))
        except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
            stuck = f"{type(error).__name__}: {error}"
        finally:
            ground.close()
        return Result(NAME, False, sum(parts), ground.faults, tally, time.monotonic() - began, stuck, ground.measured)


def _play(ground: Ground, cast: Cast, tally: Tally) -> Iterator[int]:
    """Send honest events alone, then beside a flood, then beside ten thousand that wait; yield how many each time."""
    ground.start_gates((KZ,))
    directory = ground.world.directory(machine_ms())
    agency, office = ground.member(KZ, "NATIONAL_AGENCY"), ground.member(KZ, "NGO")
    honest, hostile = _member(ground, directory, agency), _member(ground, directory, office)
    flood = _flood(cast, directory, hostile, agency)
    for part in ("alone", "beside a flood", "beside ten thousand"):
        events = [_event(honest, office) for _ in range(int(SECONDS / HONEST_EACH_S))]
        if part == "beside ten thousand":
            ground.stack.services["gate-kz"].stop()
            _fill(ground, islice(flood, 3 * 50))
            _start(ground, tally)
        beside = flood if part == "beside a flood" else iter(())
        _send(ground, events, beside)
        _judge(ground, tally, part, events, office)
        yield len(events)


def _member(ground: Ground, directory: Directory, org: OrgId) -> HostileMember:
    home = Home(ground.world.paths.home(org))
    key = directory.organisations[org].current_signing_key(machine_ms())
    if key is None:
        raise LookupError(f"{org} has no key")
    return HostileMember(org, home.signing_pairs(PASSPHRASE)[key.kid], directory)


def _event(honest: HostileMember, office: OrgId) -> bytes:
    at_ms = machine_ms()
    return honest.seal(Plot(office, _CATEGORIES, honest.consent(office, _CATEGORIES, at_ms)), at_ms)


def _flood(cast: Cast, directory: Directory, hostile: HostileMember, to: OrgId) -> Iterator[bytes]:
    """Yield records that each cost a gate something, without end; the signed ones come again after a while."""
    stranger = HostileMember(hostile.org, SigningPair.generate(), directory)
    ahead_ms = machine_ms() + 2 * HOUR_MS
    number = FLOOD_PER_S * SECONDS // 3 + 1
    ahead = [hostile.seal(Plot(to), ahead_ms) for _ in range(number)]
    unknown = [stranger.seal(Plot(to), machine_ms()) for _ in range(number)]
    for signed, unsigned in cycle(zip(ahead, unknown, strict=True)):
        yield from (signed, unsigned, cast.rng.randbytes(1_000))


def _send(ground: Ground, honest: Sequence[bytes], flood: Iterator[bytes]) -> None:
    """Send in real time: the honest events at their pace, and what there is of the flood between them."""
    producer = Producer(ground.world.address(KZ, "kz-operator").client_config("chaos-flood") | {"linger.ms": 0})
    began = time.monotonic()
    for number, event in enumerate(honest):
        producer.produce("kz.outbox", event)
        for step in range(int(FLOOD_PER_S * HONEST_EACH_S)):
            record = next(flood, None)
            if record is not None:
                producer.produce("kz.outbox", record)
                ground.faults["a record of the flood"] += 1
            due = began + number * HONEST_EACH_S + (step + 1) / FLOOD_PER_S
            producer.poll(max(0.0, due - time.monotonic()))
            time.sleep(max(0.0, due - time.monotonic()))
    producer.flush(10.0)


def _fill(ground: Ground, records: Iterator[bytes]) -> None:
    """Put ten thousand events that wait into the store of a gate that is stopped, as a flood of ten members leaves."""
    kept = [record for number, record in enumerate(records) if number % 3 == 0]
    home = GateHome.open(ground.world.paths.gate(KZ), PASSPHRASE)
    at_ms = machine_ms()
    try:
        for start in range(0, HELD, 500):
            changes = Changes()
            for number in range(start, start + 500):
                place, name = 10**9 + number, sha256(number.to_bytes(8, "big"))
                until_ms = at_ms + 40 * HOUR_MS
                owner = home.store.name("chaos", bytes([number % OWNERS]))
                row = HoldRow("kz.outbox", place, name, "CLOCK_SKEW", until_ms, kept[number % len(kept)], owner)
                changes.held.append(row)
                changes.records.append(_record(place, name, at_ms))
            with home.store.database.reading() as connection:
                fence = read_fence(connection)
            commit(home.store, changes, fence, None, at_ms)
    finally:
        home.close()
    ground.count("an event that waits", HELD)


def _record(offset: int, name: bytes, at_ms: int) -> RecordRow:
    nothing = dict.fromkeys(("record_key", "signed_key", "envelope_key", "event_key"))
    plain = {"topic": "kz.outbox", "offset": offset, "decision_id": name[:16], "outcome": "HELD", "code": "CLOCK_SKEW"}
    return RecordRow(**plain, **nothing, at_ms=at_ms, keep_until_ms=at_ms + 100 * HOUR_MS)  # type: ignore[arg-type]


def _start(ground: Ground, tally: Tally) -> None:
    began = time.monotonic()
    ground.start_gates((KZ,))
    seconds = time.monotonic() - began
    ground.measured["ms until the gate serves with ten thousand"] = round(seconds * 1000)
    tally.add("unaccounted", int(seconds > READY_S), f"the gate took {seconds:.0f} s to start")


def _judge(ground: Ground, tally: Tally, part: str, events: Sequence[bytes], office: OrgId) -> None:
    """Wait until the honest events are in the inbox, and compare the times of both logs."""
    wanted = {sha256(event) for event in events}
    arrived: dict[bytes, int] = {}

    def all_there() -> bool:
        for line in read_topic(ground.world.address(KZ, office), f"kz.inbox.{office}"):
            record = InboxRecord.parse(line.value)
            if record.kind is InboxKind.EVENT:
                arrived.setdefault(sha256(record.body), line.time_ms)
        return wanted <= arrived.keys()

    wait(all_there, 60.0)
    outbox = read_topic(ground.world.address(KZ, "kz-gate"), "kz.outbox")
    sent = {sha256(line.value): line.time_ms for line in outbox}
    took = sorted(arrived[name] - sent[name] for name in wanted & arrived.keys())
    tally.add("lost", len(wanted) - len(took), f"{part}: {len(wanted) - len(took)} did not arrive in time")
    if not took:
        return
    slowest = took[len(took) * 99 // 100]
    memory = _memory_mb(ground.stack.services["gate-kz"].pid)
    ground.measured[f"ms, half, {part}"] = took[len(took) // 2]
    ground.measured[f"ms, 99 of 100, {part}"] = slowest
    ground.measured[f"MB, {part}"] = memory
    tally.add("reordered", int(slowest > SLOWEST_MS), f"{part}: {slowest} ms, {SLOWEST_MS} at most")
    tally.add("unaccounted", int(memory > MOST_MEMORY_MB), f"{part}: the gate has {memory} MB")


def _memory_mb(pid: int) -> int:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))
