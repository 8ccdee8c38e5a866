"""The gate's metrics: counted as decisions are written, and read from the store from time to time."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from refbus import telemetry
from refbus.bus.port import Record
from refbus.core.courses.deadlines import DeadlineKind
from refbus.core.gate.passage import Outcome as Decision
from refbus.core.gate.verdicts import Point
from refbus.core.ids import OrgId
from refbus.errors import Code
from refbus.node.counted_on import lost_lately
from refbus.node.directory_follower import DirectoryFollower
from refbus.node.store import outgoing
from refbus.node.store.accounting import Balance, balance
from refbus.node.store.reads import oldest_due
from refbus.node.store.rows import Changes
from refbus.node.store.sound import earliest
from refbus.node.store.tables import hold
from refbus.node.topic_reader import Consumer
from refbus.node.watchdog import Watchdog
from refbus.telemetry import catalogue as metric
from refbus.telemetry.labels import DeadlineStep, Destination, Direction, Outcome, PingResult
from refbus_gate.clock.lateness import Lateness
from refbus_gate.decide.batch import Took
from refbus_gate.decide.quotas import fullest
from refbus_gate.deliver.pump import Pump
from refbus_gate.restored import was_restored

_log = logging.getLogger("refbus.gate.meters")
_RUNNING_OUT = 0.5
"""From which share of its room on somebody is told about in the log; the alert has the same."""


class Meters:
    """Keeps `metrics` current. `wrote` is called with every committed transaction, `refresh` by a timer."""

    def __init__(self, metrics: telemetry.Metrics) -> None:
        self._metrics = metrics
        self._delivered: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._running_out = False

    def wrote(self, point: Point, changes: Changes, took: Took) -> None:
        """Count what one transaction decided."""
        direction, metrics = Direction(point), self._metrics
        metrics.observe(metric.STORE_COMMIT_SECONDS, took.commit_s)
        decided = len(changes.records) + changes.counted.total()
        if decided:
            metrics.observe(metric.GATE_BATCH_SECONDS, took.batch_s, direction=direction)
            metrics.observe(metric.GATE_BATCH_RECORDS, decided, direction=direction)
        for (_, outcome), number in changes.counted.items():
            metrics.count(metric.GATE_DECISIONS, number, direction=direction, outcome=Outcome(outcome))
        for row in (*changes.records, *changes.moved):
            metrics.count(metric.GATE_DECISIONS, direction=direction, outcome=Outcome(row.outcome))
        for code in changes.refusals:
            metrics.count(metric.GATE_REFUSALS, direction=direction, code=Code(code))
        for dropped in changes.dropped:
            metrics.count(metric.GATE_DROPPED, direction=_direction(dropped.topic))
        if changes.unkept:
            metrics.count(metric.GATE_UNKEPT, changes.unkept, direction=direction)
        for kind, level in changes.steps:
            metrics.count(metric.GATE_DEADLINES, deadline=DeadlineKind(kind), step=DeadlineStep(level))
        self._loud(direction, changes)

    def _loud(self, direction: Direction, changes: Changes) -> None:
        """Count what nobody may overlook, and what nobody else hears of."""
        for code, number in changes.unverified.items():
            self._metrics.count(metric.GATE_UNVERIFIED, number, direction=direction, code=Code(code))
        if changes.urgent_held:
            self._metrics.count(metric.GATE_EMERGENCIES_HELD, changes.urgent_held, direction=direction)
        for code in changes.loud:
            self._metrics.count(metric.GATE_EMERGENCIES, direction=direction, code=Code(code))

    def forgot(self, rows: int) -> None:
        """Count rows that were deleted because their time is over."""
        self._metrics.count(metric.GATE_FORGOTTEN, rows)

    def pinged(self, result: PingResult) -> None:
        """Count an attempt to send a ping."""
        self._metrics.count(metric.GATE_PINGS, result=result)

    def unread(self, _record: Record) -> None:
        """Count a batch that cannot be read."""
        self._metrics.count(metric.UNREADABLE_BATCHES)

    def deliveries(self, pumps: Sequence[Pump]) -> None:
        """Count what the pumps have delivered since the last time."""
        delivered = sum((pump.delivered for pump in pumps), Counter())
        failures = sum((pump.failures for pump in pumps), Counter())
        for family, number in (delivered - self._delivered).items():
            self._metrics.count(metric.GATE_DELIVERED, number, destination=Destination(family.upper()))
        for code, number in (failures - self._failures).items():
            self._metrics.count(metric.GATE_DELIVERY_FAILURES, number, code=Code(code))
        self._delivered, self._failures = delivered, failures

    def progress(self, watchdog: Watchdog, consumers: Mapping[str, Consumer]) -> None:
        """Show positions, lag and since when nothing moved."""
        lag: Counter[Direction] = Counter(dict.fromkeys(Direction, 0))
        at: Counter[Direction] = Counter(dict.fromkeys(Direction, 0))
        for topic, consumer in consumers.items():
            direction = _direction(topic)
            lag[direction] += watchdog.lag.get(topic, 0)
            at[direction] += consumer.next_offset
        for direction in Direction:
            self._metrics.put(metric.GATE_LAG, lag[direction], direction=direction)
            self._metrics.put(metric.GATE_POSITION, at[direction], direction=direction)
        self._metrics.since(metric.GATE_PROGRESS_AGE, watchdog.progress_ms or None)

    def watching(self, watchdog: Watchdog, lateness: Lateness) -> None:
        """Show since when nobody watches, deadlines are not looked at, and a transaction is open."""
        self._metrics.since(metric.WATCH_AGE, watchdog.seen_ms or None)
        self._metrics.since(metric.OPEN_TRANSACTION_AGE, watchdog.open_since_ms)
        self._metrics.since(metric.GATE_CLOCK_AGE, lateness.done_ms)

    def directory(self, follower: DirectoryFollower, org: OrgId, now_ms: int) -> None:
        """Show which version of the directory is in force, and how long the keys run that it has for this gate."""
        newest = follower.newest()
        self._metrics.put(metric.DIRECTORY_VERSION, 0 if newest is None else newest.version)
        self._metrics.since(metric.DIRECTORY_AGE, None if newest is None else newest.published_at_ms)
        not_endorsed = sum(problem.code is Code.KEY_NOT_ENDORSED for problem in follower.problems())
        self._metrics.put(metric.GATE_KEYS_NOT_ENDORSED, not_endorsed)
        member = None if newest is None else newest.find(org)
        pair = (None, None) if member is None else (member.current_signing_key(now_ms), member.current_kem_key(now_ms))
        ends_ms = min(now_ms if key is None else key.not_after_ms for key in pair)
        self._metrics.put(metric.GATE_KEY_LEFT, max(0, ends_ms - now_ms) / 1000)

    def account(self, connection: Connection) -> None:
        """Show the balance. All records are counted, which takes longer the more of them there are: not too often."""
        self._balance(balance(connection))

    def store(self, connection: Connection, now_ms: int) -> None:
        """Show what waits in the store."""
        self._metrics.put(metric.GATE_RESTORED, int(was_restored(connection, now_ms)))
        self._metrics.put(metric.LOG_LOST_END, int(lost_lately(connection, now_ms)))
        self._waiting(connection)
        self._held(connection)
        self._metrics.since(metric.GATE_DEADLINE_AGE, oldest_due(connection, now_ms))

    def damaged(self, rows: int) -> None:
        """Show how many rows of the store were found damaged."""
        self._metrics.put(metric.GATE_DAMAGED_ROWS, rows)

    def _balance(self, account: Balance) -> None:
        received: Counter[Direction] = Counter()
        accounted: Counter[tuple[Direction, Outcome]] = Counter()
        for topic, number in account.received.items():
            received[_direction(topic)] += number
        for (topic, decision), number in account.accounted.items():
            accounted[_direction(topic), Outcome(decision)] += number
        for direction in Direction:
            counted = sum(accounted[direction, outcome] for outcome in Outcome)
            self._metrics.put(metric.GATE_RECEIVED, received[direction], direction=direction)
            self._metrics.put(metric.GATE_IMBALANCE, received[direction] - counted, direction=direction)
            for outcome in Outcome:
                number = accounted[direction, outcome]
                self._metrics.put(metric.GATE_ACCOUNTED, number, direction=direction, outcome=outcome)
        self._metrics.put(metric.GATE_QUARANTINED, account.total(Decision.QUARANTINED))

    def _waiting(self, connection: Connection) -> None:
        ready, awaiting = outgoing.waiting(connection)
        for destination in Destination:
            rows, oldest_ms = ready.get(destination.value.lower(), (0, None))
            self._metrics.put(metric.GATE_OUTGOING_WAITING, rows, destination=destination)
            self._metrics.since(metric.GATE_OUTGOING_AGE, oldest_ms, destination=destination)
        self._metrics.put(metric.GATE_AWAITING_RECEIPT, awaiting[0])
        self._metrics.since(metric.GATE_AWAITING_RECEIPT_AGE, awaiting[1])

    def _held(self, connection: Connection) -> None:
        rows = connection.execute(
            select(hold.c.reason, func.count(), func.min(hold.c.since_ms)).group_by(hold.c.reason)
        ).all()
        held = Counter[str]({reason: number for reason, number, _ in rows})
        for code in Code:
            self._metrics.put(metric.GATE_HELD, held[code], code=code)
        self._metrics.since(metric.GATE_HELD_AGE, earliest(since for _, _, since in rows))
        self._room(fullest(connection))

    def _room(self, share: float) -> None:
        """Show how full the fullest room is, and say it in the log once each time that it runs out."""
        self._metrics.put(metric.GATE_FULLEST_QUOTA, share)
        running_out = share > _RUNNING_OUT
        if running_out and not self._running_out:
            _log.critical("one sender takes %d %% of its room: python -m refbus_gate waiting names it", share * 100)
        self._running_out = running_out


def _direction(topic: str) -> Direction:
    return Direction.EGRESS if topic.endswith(".outbox") else Direction.INGRESS
