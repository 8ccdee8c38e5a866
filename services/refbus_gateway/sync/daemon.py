"""`refbus run`: the synchroniser with metrics, and a ping for people that says how many, never what."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

from refbus.bus.cluster import Cluster
from refbus.node.measurement import Measurement
from refbus.telemetry import Metrics, Service
from refbus.telemetry import catalogue as metric
from refbus_gateway.home.folder import Config
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports import overview
from refbus_gateway.store import consents, outbox
from refbus_gateway.sync import certificates
from refbus_gateway.sync.meters import Counting
from refbus_gateway.sync.synchroniser import Synchroniser

_PING_MS: Final = 2_000
"""How often is looked whether a person is to be told of something new."""


class Pinger:
    """Runs a person's command with a count of new things, at most once in an interval; what came in between adds up."""

    def __init__(self, command: Sequence[str], interval_s: int) -> None:
        self._command = list(command)
        self._interval_ms = interval_s * 1000
        self._pending = 0
        self._last_ms: int | None = None
        self._running: list[subprocess.Popen[bytes]] = []

    def add(self, count: int) -> None:
        """Note that this many things are new."""
        self._pending += count

    def ping(self, steady_ms: int) -> bool:
        """Run the command if it is time and something is new; a command that cannot be started is left at that."""
        self._running = [process for process in self._running if process.poll() is None]
        due = self._last_ms is None or steady_ms - self._last_ms >= self._interval_ms
        if not (self._command and self._pending and due):
            return False
        self._last_ms, count, self._pending = steady_ms, self._pending, 0
        try:
            self._running.append(
                subprocess.Popen(  # noqa: S603 - the command is the home owner's own, run without a shell
                    [*self._command, str(count)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        except OSError:
            return False
        return True

    def wait(self) -> None:
        """Wait a moment for commands that still run."""
        for process in self._running:
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Daemon:
    """A gateway that goes on by itself."""

    def __init__(self, gateway: Gateway, bus: Cluster, config: Config, after: Callable[[], None] | None = None) -> None:
        """Begin. `after` is called when a turn brought something, and at the first one."""
        self.metrics = Metrics(Service.GATEWAY, gateway.now_ms)
        self._gateway = gateway
        self._bus = bus
        self._pinger = Pinger(config.notify_command, config.notify_interval_s)
        self._looked_ms: int | None = None
        gateway.observer = Counting(self.metrics)
        self._synchroniser = Synchroniser(gateway, bus)
        self._after = after
        self.measurement = Measurement(gateway.clock, self.refresh)
        self.measurement.lately()  # before anybody is shown the metrics: a 0 from before would end an alert

    def run(self, stop: Callable[[], bool]) -> None:
        """Go on until `stop()`."""
        self._synchroniser.run(stop, self._after_turn)

    def close(self) -> None:
        """Send what is under way and free everything but the gateway."""
        self._synchroniser.close()
        self._pinger.wait()

    def _after_turn(self, news: int) -> None:
        if self._after is not None and (news or self._looked_ms is None):
            self._after()
        self._pinger.add(news)
        steady_ms = self._gateway.steady_ms()
        if self._looked_ms is None or steady_ms - self._looked_ms >= _PING_MS:
            self._looked_ms = steady_ms
            self._pinger.ping(steady_ms)

    def refresh(self) -> None:
        """Set the gauges to what the store says."""
        with self._gateway.store.read() as tx:
            health = overview.health(self._gateway, tx)
            unconfirmed = outbox.unconfirmed(tx)
            unanswered = consents.count_unanswered(tx)
        self.metrics.put(metric.GATEWAY_OUTBOX_WAITING, unconfirmed)
        self.metrics.since(metric.GATEWAY_OUTBOX_AGE, health.oldest_unconfirmed_ms)
        self.metrics.put(metric.GATEWAY_WITHDRAWALS, unanswered)
        self.metrics.since(metric.GATEWAY_WITHDRAWALS_AGE, health.withdrawals_unanswered_ms)
        self.metrics.since(metric.GATEWAY_HEARTBEAT_AGE, health.heartbeat_ms)
        self.metrics.clock(health.clock)
        self.metrics.put(metric.GATEWAY_UNPROVEN, health.unproven)
        self.metrics.since(metric.GATEWAY_UNPROVEN_AGE, health.unproven_ms)
        self.metrics.since(metric.GATEWAY_CHECKPOINT_AGE, health.checkpoint_ms)
        self.metrics.put(metric.GATEWAY_FOREIGN_KEYS, health.foreign_keys)
        self.metrics.since(metric.GATEWAY_DIRECTORY_WAITING, health.directory.since_ms)
        self.metrics.put(metric.GATEWAY_DIRECTORY_UNCONFIRMED, health.directory.unconfirmed)
        end_ms = certificates.end_of(self._bus)
        left_s = math.inf if end_ms is None else (end_ms - self._gateway.now_ms()) / 1000
        self.metrics.put(metric.GATEWAY_CERTIFICATE_LEFT, left_s)
        newest = self._gateway.newest_directory()
        self.metrics.put(metric.DIRECTORY_VERSION, newest.version if newest else 0)
        self.metrics.since(metric.DIRECTORY_AGE, newest.published_at_ms if newest else None)
