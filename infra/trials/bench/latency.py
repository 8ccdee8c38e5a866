"""Part 3: from the sender's commit to the moment when the recipient may open the event, at a steady pace.

Real gates and real `refbus run` gateways. An event counts as sent when the transaction of the sending gateway has
returned, and as there when the recipient's store has it verified: that is what opening reads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice

from bench.events import DESTINATION, ORIGIN
from bench.hops import make_hops, relayed
from bench.report import Aim, Measure
from bench.stage import Stage
from bench.timing import Samples
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

PACE_S = 1 / 20
WARM = 20
CASES = 20
"""Between how many cases the events change: those of one case keep their order and wait for each other."""
RECORD = bytes(20_000)
_LOOK_S = 0.001
_LAST_S = 60.0
_AT_ONCE = 8


def measure(stage: Stage, count: int) -> list[Measure]:
    """Return the latency of `count` events. Gates and gateways of both ends must run."""
    where = "two TLS clusters" if stage.world.federated else "one broker"
    limit_ms = 200 if stage.world.federated else 150
    case = road(stage)
    with _opened(stage, case.sender) as sender, _opened(stage, case.recipient) as recipient:
        ours = Road(sender, recipient, case).run(count)
    hops = make_hops(stage, (ORIGIN, DESTINATION, DESTINATION))
    bare = relayed(hops, RECORD, count, PACE_S)
    name, baseline = f"latency at 20 events/s, {where}", f"bare Kafka over {len(hops)} hops"
    return [
        Measure(f"{name}, p50", ours.median * 1e3, "ms", f"{baseline}, p50", bare.median * 1e3),
        Measure(
            f"{name}, p99",
            ours.quantile(0.99) * 1e3,
            "ms",
            f"{baseline}, p99",
            bare.quantile(0.99) * 1e3,
            Aim("value", "<=", limit_ms),
        ),
    ]


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
        self._arrived: dict[EventId, float] = {}
        self._stop = threading.Event()

    def run(self, count: int) -> Samples:
        """Send `count` events, and some before that do not count; return how long each took."""
        cases = [self._make_case(number) for number in range(CASES)]
        watcher = threading.Thread(target=self._watch)
        watcher.start()
        try:
            due, order = time.monotonic(), []
            for number in range(WARM + count):
                time.sleep(max(0.0, due - time.monotonic()))
                order.append(self._send(cases[number % CASES]))
                due += PACE_S
            wait_for("every event arrives", lambda: len(self._arrived) == len(order), _LAST_S)
        finally:
            self._stop.set()
            watcher.join()
        return Samples([self._arrived[each] - self._sent[each] for each in order[WARM:]])

    def _make_case(self, number: int) -> Case:
        gateway, form = self._sender, json.dumps(consent_form(self._case)).encode()
        with gateway.store.write() as tx:
            # White space at the end makes it another file, so another case.
            case = casework.add_case(gateway, tx, self._case.content + b"\n" * number)
            versions.grant(gateway, case, tx, self._case.recipient, parse_consent(form, now_ms=machine_ms()))
        return case

    def _send(self, case: Case) -> EventId:
        gateway = self._sender
        with gateway.store.write() as tx:
            sent = casework.send_case(gateway, tx, case, to=self._case.recipient, again=True)
            event_id = referrals.events_of(tx, sent.referral)[0].block.event_id
        self._sent[event_id] = time.monotonic()
        return event_id

    def _watch(self) -> None:
        """Note when events appear in the recipient's store; its file says by itself when something was committed."""
        with closing(sqlite3.connect(f"file:{self._recipient.home.store_path}?mode=ro", uri=True)) as file:
            seen = None
            while not self._stop.wait(_LOOK_S):
                version = file.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self._note(time.monotonic())

    def _note(self, now: float) -> None:
        """Look for the oldest events that are still missing; they arrive nearly in order."""
        missing = (event_id for event_id in list(self._sent) if event_id not in self._arrived)
        with self._recipient.store.read() as tx:
            for event_id in islice(missing, _AT_ONCE):
                if referrals.event_row_id(tx, self._sender.me, event_id) is not None:
                    self._arrived[event_id] = now


@contextmanager
def _opened(stage: Stage, org: OrgId) -> Iterator[Gateway]:
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
