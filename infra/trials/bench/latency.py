"""Part 3: from the sender's commit to the moment when the recipient may open the event, at a steady pace.

Real gates and real `refbus run` gateways. An event counts as sent when the transaction of the sending gateway has
returned, and as there when the recipient's store has it verified: that is what opening reads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import count as counting

from sqlalchemy import select

from bench.events import DESTINATION, ORIGIN
from bench.hops import make_hops, relayed
from bench.legs import Passing, Way
from bench.report import Aim, Measure
from bench.stage import Stage
from bench.timing import Samples
from bench.usage import cpu_of
from demo.gauges import wait_for
from demo.plan import ANSWERED, PlannedCase, consent_form, planned_cases
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.ids import EventId, OrgId
from refbus.errors import RefbusError
from refbus_gateway.cases import casework
from refbus_gateway.consent import versions
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.store import referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.schema import outbox

RATES = {2: 60, 20: 600}
"""Events a second, and how many are measured."""
AIMS_MS = {False: {2: 70, 20: 100}, True: {2: 100, 20: 200}}
"""The longest p99, by whether there are two clusters with TLS, and by rate."""
WARM = 20
CASES = 20
"""Between how many cases the events change: those of one case keep their order and wait for each other."""
PER_CASE = 20
"""So many referrals has a case; then others take its place, as a case that grows for ever is not what happens."""
RECORD = bytes(20_000)
COMMAND = "the command that refers"
_LOOK_S = 0.001
_LAST_S = 60.0
_AT_ONCE = 2 * CASES


def measure(stage: Stage, rates: Mapping[int, int] = RATES) -> list[Measure]:
    """Return the latency at each pace, by legs too, and who used the processor. Both ends must run."""
    case = road(stage)
    found = list[Measure]()
    with opened(stage, case.sender) as sender, opened(stage, case.recipient) as recipient:
        ends = Road(sender, recipient, case)
        for rate, count in rates.items():
            with stage.unbroken():
                found += _at(stage, ends, rate, count)
    return found


def _at(stage: Stage, ends: Road, rate: int, count: int) -> list[Measure]:
    where = "two TLS clusters" if stage.world.federated else "one broker"
    name = f"at {rate} events/s, {where}"
    passing = Passing(stage, ends.recipient)
    before = cpu_of(stage.pids)
    ways = ends.run(count, 1 / rate)
    known = ends.known
    used = {known.get(each, each): spent - before[each] for each, spent in cpu_of(stage.pids).items()}
    used[COMMAND] = ends.sending_s
    hops = make_hops(stage, (ORIGIN, DESTINATION, DESTINATION), f"{rate}")
    bare = relayed(hops, RECORD, count, 1 / rate)
    limit_ms = AIMS_MS[stage.world.federated][rate]
    return [
        *_latencies(f"latency {name}", ways, bare, f"bare Kafka over {len(hops)} hops", limit_ms),
        *_legs(f"latency {name}", passing.legs(ways), ways),
        *_users(f"processor time {name}", used, WARM + count),
    ]


def _latencies(name: str, ways: Sequence[Way], bare: Samples, baseline: str, limit_ms: float) -> Iterator[Measure]:
    ours = Samples([each.took for each in ways])
    for share, label, aim in ((0.5, "p50", None), (0.99, "p99", Aim("value", "<=", limit_ms))):
        value, other = ours.quantile(share) * 1e3, bare.quantile(share) * 1e3
        yield Measure(f"{name}, {label}", value, "ms", f"{baseline}, {label}", other, aim)


def _legs(name: str, legs: Mapping[str, float], ways: Sequence[Way]) -> Iterator[Measure]:
    whole = Samples([each.took for each in ways]).median
    for leg, seconds in legs.items():
        yield Measure(f"{name}: {leg}, p50", seconds * 1e3, "ms", "the whole way, p50", whole * 1e3)


def _users(name: str, used: Mapping[str, float], count: int) -> Iterator[Measure]:
    """Yield the processor time of an event for each process: everything it did meanwhile, the idling too."""
    total = sum(used.values())
    for each, seconds in used.items():
        yield Measure(f"{name}: {each}", seconds / count * 1e3, "ms/event", "all processes", total / count * 1e3)


def road(stage: Stage) -> PlannedCase:
    """Return the fictional case that is sent: between the measured countries, of an adult, with nothing withheld."""
    for case in planned_cases(stage.federation.directory):
        ends = (case.sender[:2], case.recipient[:2])
        if ends == (ORIGIN, DESTINATION) and case.expect == ANSWERED and not (case.minor or case.withhold):
            return case
    raise LookupError("no case goes this way")


class Road:
    """A sender's and a recipient's store, with the running system between them."""

    def __init__(self, sender: Gateway, recipient: Gateway, case: PlannedCase) -> None:
        self._sender = sender
        self._recipient = recipient
        self._case = case
        self._sent: dict[EventId, float] = {}
        self._missing: dict[EventId, float] = {}
        self._arrived: dict[EventId, float] = {}
        self._stop = threading.Event()
        self._files = counting()
        self.sending_s = 0.0
        self._epoch = machine_ms() / 1000 - time.monotonic()

    def _now(self) -> float:
        """Return seconds since the epoch that no clock that is set moves meanwhile."""
        return self._epoch + time.monotonic()

    @property
    def recipient(self) -> OrgId:
        """Who receives."""
        return self._case.recipient

    @property
    def known(self) -> dict[str, str]:
        """What the services of the way are to it, by their names."""
        return {
            f"gateway-{self._case.sender}": "the sender's gateway",
            f"gate-{ORIGIN}": "the gate of its country",
            f"gate-{DESTINATION}": "the gate of the other country",
            f"gateway-{self._case.recipient}": "the recipient's gateway",
        }

    def run(self, count: int, every_s: float) -> list[Way]:
        """Send `count` events, and some before that do not count; return how each went."""
        self._stop.clear()
        self.sending_s = 0.0
        cases = [self._make_case() for _ in range(cases_for(WARM + count))]
        watcher = threading.Thread(target=self._watch)
        watcher.start()
        try:
            due, order = time.monotonic(), []
            for number in range(WARM + count):
                time.sleep(max(0.0, due - time.monotonic()))
                began = time.thread_time()
                order.append(self._send(cases[case_of(number)]))
                self.sending_s += time.thread_time() - began
                due += every_s
            wait_for("every event arrives", lambda: not self._missing, _LAST_S)
        finally:
            self._stop.set()
            watcher.join()
        return [Way(digest, self._sent[each], self._arrived[each]) for each, digest in order[WARM:]]

    def _make_case(self) -> Case:
        gateway, form = self._sender, json.dumps(consent_form(self._case)).encode()
        with gateway.store.write() as tx:
            # White space at the end makes it another file, so another case.
            case = casework.add_case(gateway, tx, self._case.content + b"\n" * next(self._files))
            versions.grant(gateway, case, tx, self._case.recipient, parse_consent(form, now_ms=machine_ms()))
        return case

    def _send(self, case: Case) -> tuple[EventId, bytes]:
        gateway = self._sender
        with gateway.store.write() as tx:
            sent = casework.send_case(gateway, tx, case, to=self._case.recipient, again=True)
            event = referrals.events_of(tx, sent.referral)[0]
            digest = tx.connection.execute(select(outbox.c.sha256).where(outbox.c.event_id == event.id)).scalar_one()
        event_id = event.block.event_id
        self._sent[event_id] = self._missing[event_id] = self._now()
        return event_id, digest

    def _watch(self) -> None:
        """Note when events appear in the recipient's store; its file says by itself when something was committed."""
        with closing(sqlite3.connect(f"file:{self._recipient.home.store_path}?mode=ro", uri=True)) as file:
            seen = None
            while not self._stop.wait(_LOOK_S):
                version = file.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self._note(self._now())

    def _note(self, now: float) -> None:
        """Look for the oldest events that are still missing, as long as some are found: they arrive nearly in order."""
        with self._recipient.store.read() as tx:
            some = True
            while some:
                looked = list(self._missing)[:_AT_ONCE]
                found = [each for each in looked if referrals.event_row_id(tx, self._sender.me, each) is not None]
                for event_id in found:
                    self._arrived[event_id] = now
                    del self._missing[event_id]
                some = bool(found)


def cases_for(count: int) -> int:
    """Return how many cases so many events need."""
    return -(-count // (CASES * PER_CASE)) * CASES


def case_of(number: int) -> int:
    """Return which case the event of this number is about."""
    return number // (CASES * PER_CASE) * CASES + number % CASES


@contextmanager
def opened(stage: Stage, org: OrgId) -> Iterator[Gateway]:
    """Open a gateway's home as a command beside `refbus run` does, once that has brought the directory."""
    gateway = open_gateway(Home(stage.world.paths.home(org)), PASSPHRASE, machine_ms)
    try:
        wait_for(f"the directory reaches {org}", lambda: _has_directory(gateway))
        yield gateway
    finally:
        gateway.close()


def _has_directory(gateway: Gateway) -> bool:
    try:
        gateway.load_directory()
        gateway.directory()
    except RefbusError:
        return False
    return True
