"""The auditor's metrics."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from refbus import telemetry
from refbus.bus.port import Record
from refbus.core.directory import Directory
from refbus.errors import Code
from refbus.node.counted_on import lost_lately
from refbus.node.watchdog import Watchdog
from refbus.telemetry import catalogue as metric
from refbus.telemetry.labels import EntryResult, WitnessResult
from refbus_auditor.entries import Account
from refbus_auditor.ledger import Shard


class Meters:
    """Keeps `metrics` current."""

    def __init__(self, metrics: telemetry.Metrics) -> None:
        self._metrics = metrics

    def counted(self, result: EntryResult, code: Code | None, number: int) -> None:
        """Count what became of records of the audit topic."""
        self._metrics.count(metric.AUDITOR_ENTRIES, number, result=result)
        if code is not None:
            self._metrics.count(metric.AUDITOR_REFUSALS, number, code=code)

    def unread(self, _record: Record) -> None:
        """Count a batch that cannot be read."""
        self._metrics.count(metric.UNREADABLE_BATCHES)

    def witnessed(self, result: WitnessResult, code: Code | None) -> None:
        """Count an answer to another country's log; what was refused is an alarm under its code."""
        self._metrics.count(metric.AUDITOR_WITNESSED, result=result)
        if code is not None:
            self.alarm(code)

    def alarm(self, code: Code) -> None:
        """Count something of another auditor that does not count."""
        self._metrics.count(metric.AUDITOR_ALARMS, code=code)

    def directory(self, newest: Directory, shards_ahead: int, inspector_until_ms: int, now_ms: int) -> None:
        """Show which version of the directory is in force, and for how long its keys of log and inspector run."""
        self._metrics.put(metric.AUDITOR_INSPECTOR_KEY, max(0, inspector_until_ms - now_ms) / 1000)
        self._metrics.put(metric.DIRECTORY_VERSION, newest.version)
        self._metrics.since(metric.DIRECTORY_AGE, newest.published_at_ms)
        self._metrics.put(metric.AUDITOR_SHARDS_AHEAD, shards_ahead)

    def log(self, shards: Sequence[Shard], account: Account) -> None:
        """Show what the store says: sizes, proofs, the last quorum, the balance."""
        newest = shards[-1] if shards else None
        self._metrics.put(metric.AUDITOR_LOG_SIZE, 0 if newest is None else newest.head.size)
        self._metrics.put(metric.AUDITOR_UNPROVEN, sum(each.head.size - each.proven for each in shards))
        times = [each.cosigned_ms for each in shards if each.cosigned_ms is not None]
        opened = [each.opened_ms for each in shards]
        self._metrics.since(metric.AUDITOR_COSIGNED_AGE, max(times) if times else min(opened, default=None))
        self._metrics.put(metric.AUDITOR_WAITING, account.waiting)
        self._metrics.put(metric.AUDITOR_OVER_QUOTA, account.over_quota)
        self._metrics.put(metric.AUDITOR_IMBALANCE, account.difference)

    def lost_end(self, connection: Connection, now_ms: int) -> None:
        """Show whether the broker has lost the end of the audit topic lately."""
        self._metrics.put(metric.LOG_LOST_END, int(lost_lately(connection, now_ms)))

    def progress(self, watchdog: Watchdog) -> None:
        """Show lag and since when nothing moved."""
        self._metrics.put(metric.AUDITOR_LAG, sum(watchdog.lag.values()))
        self._metrics.since(metric.AUDITOR_PROGRESS_AGE, watchdog.progress_ms or None)

    def watching(self, watchdog: Watchdog) -> None:
        """Show since when nobody watches, and since when a transaction is open."""
        self._metrics.since(metric.WATCH_AGE, watchdog.seen_ms or None)
        self._metrics.since(metric.OPEN_TRANSACTION_AGE, watchdog.open_since_ms)
