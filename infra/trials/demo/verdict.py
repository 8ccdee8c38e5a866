"""What really arrived, by the stores of the gateways and the counters of the gates, not by what the story said."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from demo.gauges import total
from demo.stack import Stack
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.vocabulary import EventType
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import open_gateway
from refbus_gateway.store import referrals
from refbus_gateway.store.referrals import Event, EventStatus

PASSED = "passed"
FAILED = "failed"
ANSWERS = frozenset({EventType.REFERRAL_ACCEPTED, EventType.REFERRAL_REJECTED, EventType.REFERRAL_REDIRECTED})


@dataclass(frozen=True, slots=True)
class Report:
    """`var/demo/report.json`. Latency is from the sender's commit to the recipient's verified copy, milliseconds."""

    verdict: str
    topology: str
    seconds: float
    published: int
    delivered: int
    opened: int
    answered: int
    refused: dict[str, int]
    duplicates_dropped: int
    quarantined: int
    lost: int
    unaccounted: int
    returns: dict[str, str]
    departure_refused_for: list[str]
    not_arrived_alarms: dict[str, int]
    emergency: str
    audit: dict[str, Any]
    latency_ms: dict[str, float]

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def lines(self) -> list[str]:
        """Return the report for people."""
        refused = ", ".join(f"{code} {count}" for code, count in sorted(self.refused.items()))
        latency = f"p50 {self.latency_ms['p50']:.0f} ms, p99 {self.latency_ms['p99']:.0f} ms"
        came = f"{self.delivered} arrived, {self.opened} opened, {self.answered} answered"
        proofs, opened = self.audit["proofs_verified_offline"], self.audit["entries_opened"]
        audited = f"{proofs} proofs verified offline, {opened} entries opened by the inspector"
        return [
            f"  topology      {self.topology}, {self.seconds:.0f} s",
            f"  referrals     {self.published} sent: {came}",
            f"  refused       {refused}",
            f"  put aside     {self.duplicates_dropped} duplicates, {self.quarantined} quarantined",
            f"  lost          {self.lost}; records that no count explains: {self.unaccounted}",
            f"  returns       {', '.join(self.returns.values())}",
            f"  not arrived   alarms at {len(self.not_arrived_alarms)} offices",
            f"  emergency     {self.emergency}",
            f"  audit         {audited}",
            f"  latency       {latency}, from the sender's commit to the recipient's verified copy",
        ]


@dataclass(frozen=True, slots=True)
class Course:
    """One referral as its sender's store has it: which events of the recipient, signed and verified, have come back."""

    delivered: bool
    opened: bool
    answered: bool
    refused: bool
    latency_ms: int | None


def courses(stack: Stack) -> list[Course]:
    """Return every referral that was sent, from the stores of the senders."""
    found: list[Course] = []
    for home in stack.homes.values():
        gateway = open_gateway(Home(home), PASSPHRASE, machine_ms)
        with gateway.store.read() as tx:
            own = [referral for referral in referrals.every(tx) if referral.own]
            each = (referrals.events_of(tx, referral) for referral in own)
            found += [course for events in each if (course := _course(events)) is not None]
        gateway.close()
    return found


def unaccounted(stack: Stack) -> int:
    """Return how many records the gates have read without saying what became of them; 0 is the only good answer."""
    gates = [stack.ports[f"gate-{country}"] for country in stack.world.countries]
    received = total(gates, "refbus_gate_received_records").total()
    accounted = total(gates, "refbus_gate_accounted_records").total()
    return abs(received - accounted)


def percentile(values: Iterable[int], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed (nearest rank); 0 for none."""
    ordered = sorted(values)
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)]) if ordered else 0.0


def _course(events: list[Event]) -> Course | None:
    """Return what became of a referral; None for a return home."""
    request = next((each for each in events if each.block.event_type is EventType.REFERRAL_REQUESTED), None)
    if request is None:
        return None
    back = {each.block.event_type: each for each in events if not each.outgoing}
    delivered = back.get(EventType.REFERRAL_DELIVERED)
    return Course(
        delivered=delivered is not None,
        opened=EventType.REFERRAL_OPENED in back,
        answered=bool(back.keys() & ANSWERS),
        refused=request.status is EventStatus.REFUSED,
        latency_ms=delivered.block.occurred_at_ms - request.at_ms if delivered else None,
    )
