"""Part `whole`: what one referral costs with all that it causes, against the bare cryptography of all that.

Two gateways and two gates, real but without a broker: what each writes is handed on in memory. A referral goes over the
border and is answered by itself, receipts and notices come back, audit entries are written. Each record is decided in a
batch of its own, as when little is on the way. Processor time of this process alone.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.counting import counting
from bench.dissect import take_apart, take_stamped_apart
from bench.events import DESTINATION, ORIGIN, Federation
from bench.gatework import steps_of
from bench.offices import StandingOffice, WaitingBus
from bench.primitives import Letter, Reader, Sealing, Signer, Verifier
from bench.report import Aim, Measure
from bench.standing import StandingGate
from bench.timing import interleaved
from bench.trips import Office, add_case
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.crypto.kem import KemPublic
from refbus.wire.transport import BorderKind, BorderRecord, InboxKind, InboxRecord
from refbus_gate.deliver.pump import MARK_MS
from refbus_gate.names import family, outbox
from refbus_gateway.cases import casework

BASELINE = "sum of primitives"
ALL = "all processes"
"""Against what the parts that measure running processes put each of them."""
AIM = Aim("ratio", "<=", 3.5)
WARM, COUNT = 4, 30
_COUNTED = 4
"""Over so many referrals it is counted what they ask of the stores: pumps write down what they delivered so often."""
_PACE_MS, _ROUNDS = 50, 60
_NAME = "a referral and all that it causes, no broker"


def measure(folder: Path, count: int = COUNT) -> list[Measure]:
    """Return the processor time of a referral in all and by who used it, and what it asks of the stores."""
    way = Whole(folder)
    for number in range(WARM):
        way.refer(number)
    with counting() as counts:
        for number in range(WARM, WARM + _COUNTED):
            way.refer(number)
    way.used.clear()
    way.seen.clear()
    for number in range(WARM + _COUNTED, WARM + _COUNTED + count):
        way.refer(number)
    least = sum(way.primitives().values())
    way.close()
    total = sum(way.used.values()) / count
    parts = [
        Measure(f"{_NAME}: {who}", spent / count * 1e3, "ms of processor", "all of it", total * 1e3)
        for who, spent in sorted(way.used.items())
    ]
    asked = (("statements", counts.statements / _COUNTED), ("flushes", counts.commits / _COUNTED))
    return [
        Measure(_NAME, total * 1e3, "ms of processor", BASELINE, least * 1e3, AIM),
        *parts,
        *(Measure(f"{_NAME}: {what}", number, what, "no aim", 0) for what, number in asked),
    ]


class Whole:
    """A sender's office, two gates, a recipient's office. `used`: processor seconds by who; `seen`: what was done."""

    def __init__(self, folder: Path) -> None:
        """Make a federation in `folder`, open its homes, and let everything come to rest."""
        now_ms = machine_ms()
        here = Office.create(folder, now_ms, WaitingBus)
        there = Office.at(here.federation, here.recipient, here.org, here.clock, WaitingBus)
        self._federation = Federation.of(here.federation, now_ms)
        self._clock, self._to = here.clock, here.recipient
        self._offices = {ORIGIN: StandingOffice(here), DESTINATION: StandingOffice(there)}
        self._gates = {
            country: StandingGate(self._federation, country, here.clock, mark_ms=MARK_MS) for country in self._offices
        }
        self._read = Counter[str]()
        self._examples: dict[str, bytes] = {}
        self.used: dict[str, float] = defaultdict(float)
        self.seen = Counter[str]()
        self._come_to_rest()

    def refer(self, number: int) -> None:
        """Refer a fictional person, another one for each number, and let everything come to rest."""
        office = self._offices[ORIGIN]
        gateway = office.gateway
        self._clock.now_ms += _PACE_MS
        with gateway.store.write() as tx:
            case = add_case(gateway, tx, number, self._to)
        with self._counted("the command"):
            with gateway.store.write() as tx:
                casework.send_case(gateway, tx, case)
            office.ring()
        self._come_to_rest()

    def primitives(self) -> Mapping[str, float]:
        """Return by what was done the seconds that its bare cryptography takes for one referral, on average."""
        referrals = self.seen["an event is sealed"] / 2  # each has one that begins it, and one that answers
        tasks = self._bare()
        took = interleaved(list(tasks.values()), _ROUNDS, clock=time.process_time)
        mean = {name: sum(each.seconds) / _ROUNDS for name, each in zip(tasks, took, strict=True)}
        return {name: times / referrals * mean[name] for name, times in self.seen.items()}

    def close(self) -> None:
        """Close all homes."""
        for office in self._offices.values():
            office.close()
        for gate in self._gates.values():
            gate.close()

    @contextmanager
    def _counted(self, who: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.used[who] += time.process_time() - began

    def _come_to_rest(self) -> None:
        while busy := [country for country, office in self._offices.items() if office.has_work()]:
            for country in busy:
                self._turn(country)

    def _turn(self, country: CountryCode) -> None:
        """Let an office have a turn, and hand on what it wrote."""
        with self._counted(f"gateway {country}"):
            self._offices[country].turn()
        for value in self._written(f"{country}.audit"):
            self.seen["an entry is sealed"] += bool(value)
        for value in self._written(outbox(country)):
            self._examples.setdefault("event", value)
            self.seen["an event is sealed"] += 1
            self.seen["an event leaves"] += 1
            self._decide(country, outbox(country), value)

    def _written(self, topic: str) -> list[bytes]:
        """Return what an office wrote since it was asked last."""
        records = self._offices[CountryCode(topic[:2])].office.bus.records(topic)
        new = [each.value for each in records[self._read[topic] :]]
        self._read[topic] = len(records)
        return new

    def _decide(self, country: CountryCode, topic: str, value: bytes) -> None:
        """Let a gate decide one record, and hand on what it delivers."""
        gate = self._gates[country]
        with self._counted(f"gate {country}"):
            gate.decide(gate.records(topic, [value]))
            delivered = gate.deliver()
        for target in sorted(delivered, key=lambda each: family(each) == "border"):  # inboxes first: they have an order
            for each in delivered[target]:
                self._hand_on(target, each)

    def _hand_on(self, topic: str, value: bytes) -> None:
        country = CountryCode(topic[:2])
        if family(topic) == "border":
            passed = BorderRecord.parse(value).kind is BorderKind.PASSED
            if passed:
                self._examples.setdefault("passed", value)
            self.seen["an event comes in" if passed else "a receipt comes back"] += 1
            self._decide(country, topic, value)
        elif family(topic) == "inbox" and topic == self._offices[country].gateway.inbox_topic:
            event = InboxRecord.parse(value).kind is InboxKind.EVENT
            self.seen["an event is opened" if event else "a notice is opened"] += 1
            self._offices[country].office.bus.put(topic, value)
        elif family(topic) != "audit":
            raise RuntimeError(f"a record in {topic}: it was refused, or is for somebody else")

    def _bare(self) -> dict[str, Callable[[int], object]]:
        """Return the bare cryptography of each thing that was done."""
        federation = self._federation
        sender, recipient = federation.member(federation.sender), federation.member(federation.recipient)
        here, there = federation.member(gate_id(ORIGIN)), federation.member(gate_id(DESTINATION))
        leaves = take_apart(self._examples["event"], here)
        comes = take_stamped_apart(self._examples["passed"], there)
        out = steps_of(federation, ORIGIN, DESTINATION, federation.sender, per_stamp=1, per_consent=2)
        into = steps_of(federation, DESTINATION, ORIGIN, federation.recipient, per_stamp=1, per_consent=2)
        sealing = Sealing(tuple(map(self._public, (recipient.org, here.org, there.org))), Signer(sender.pair))
        reader = Reader(recipient.kem, Verifier(sender.signing_key))
        letter = Letter(sender.kem, here.pair, Verifier(here.signing_key))

        def opened(number: int) -> None:
            reader.routing(comes)
            reader.content(comes)
            if number % 2 == 0:  # the consent rides in both events
                reader.sender.both(comes.consent_signed, comes.consent_signatures)

        def returns(_: int) -> None:
            letter.verify()
            letter.seal()

        return {
            "an event is sealed": lambda _: sealing.event(leaves),
            "an event leaves": lambda number: out.egress(leaves, number),
            "an event comes in": lambda number: into.ingress(comes, number),
            "an event is opened": opened,
            "a receipt comes back": returns,
            "a notice is opened": lambda _: letter.open(),
            "an entry is sealed": lambda _: letter.seal(),
        }

    def _public(self, org: OrgId) -> KemPublic:
        key = self._federation.directory.organisations[org].current_kem_key(machine_ms())
        if key is None:
            raise LookupError(f"{org} has no current key")
        return KemPublic.parse(key.public)


def of_system(found: Sequence[Measure], before: Sequence[Measure]) -> list[Measure]:
    """Return the processor time of the whole running system for a referral, in multiples of its primitives.

    `found`: of the part that measured it by process; `before`: of this part, in the same run. Nothing without both.
    """
    least = next((each.baseline_value for each in before if each.name == _NAME), None)
    totals = {each.name.partition(":")[0]: each.baseline_value for each in found if each.baseline == ALL}
    if least is None:
        return []
    return [Measure(f"{name}, all of them", total, "ms/event", BASELINE, least, AIM) for name, total in totals.items()]
