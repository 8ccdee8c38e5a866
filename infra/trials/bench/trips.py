"""Part 5: how long the trips through our code are, counted and not timed: the same on every machine.

Calls of our own functions for one `refbus send` in a process that has just begun, and for one turn of each service
while nothing is new; statements and opened values for one page of a list, whatever the number of cases. The bus is in
memory and is not counted; everything else is real: homes, stores, keys, the directory, the command line.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from bench.counting import Counts, counting
from bench.events import ORIGIN, Federation
from bench.pinned import in_child
from bench.report import Aim, Measure
from bench.standing import StandingGate
from demo.plan import INFORMED, organisations
from demo.world import PASSPHRASE
from refbus.bus.bundle import write_all
from refbus.bus.memory import MemoryBus
from refbus.clock import Clock
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import SECOND_MS
from refbus.core.vocabulary import DataCategory
from refbus.trust.layout import list_files
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.wire.transport import DirectoryFile, InboxKind, InboxRecord
from refbus_auditor.core import AuditorCore, Lines
from refbus_auditor.home import AuditorHome
from refbus_gate.clock.deadlines import Timekeeper
from refbus_gate.clock.holds import Redecider
from refbus_gate.clock.lateness import Lateness
from refbus_gate.clock.upkeep import Upkeep
from refbus_gate.decide.batch import sources_of
from refbus_gateway.cases import casework
from refbus_gateway.cli.main import main as refbus
from refbus_gateway.cli.runtime import Runtime
from refbus_gateway.consent import versions
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.store import outbox
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction
from refbus_gateway.sync import writer
from refbus_gateway.sync.daemon import Daemon
from refbus_gateway.sync.reader import Draining

BEFORE = "before, 29 November 2026"
FEW, MANY = 100, 10_000
"""Cases of a home that are listed."""
SEND, TURN, PAGE = Aim("value", "<=", 3_000), Aim("value", "<=", 100), Aim("value", "<=", 10)
_BEFORE = {
    "send": 24_075,
    "send anew": 38_106,
    "gateway, look": 20,
    "gateway, tend": 8_788,
    "auditor": 16_671,
    "gate": 190,
}
"""What the same took before the trips were shortened, counted by this code."""
_START_MS = 1_790_000_000_000
_TURN_MS = 20
_TEND_MS = 2_100
_AT_ONCE = 500
_COUNTRIES = ("kz", "kg", "tm", "uz")
_KINDS = ("outbox", "directory", "audit", "proofs", "federation")
_HOPS = {"refers a person": (32, 1), "takes a referral in": (53, 1), "answers that it arrived": (0, 0)}
"""The steps of one referral in gateways: statements and flushes of the disk before the answer was owed."""
_LISTS = {
    "refbus case list": (("case", "list"), 3, 4),
    "refbus inbox list --all": (("inbox", "list", "--all", "--offline"), 6, 6),
}
"""The lists: their words, and how many statements and opened values each case took before."""
_CASE = {
    "format": "refbus-case/1",
    "fictional": True,
    "about": "Fictional case for counting; no such person exists.",
    "purpose": "REFERRAL_SERVICES",
    "priority": "URGENT",
    "reason": "AdditionalServicesRequired",
    "source_of_referral": "NGO",
    "services_requested": ["SocialCare"],
    "responsible_worker_role": "CASE_MANAGER",
    "person": {"prs_Birthdate": "1991", "is_minor": False},
}
_CONSENT = {
    "format": "refbus-consent/1",
    "state": "GIVEN",
    "valid_until": "2027-01-21",
    "retain_until": "2027-06-30",
    "notice": {"notice_id": "referral-1", "language": "ru"},
    "grantor": {"kind": "SELF"},
    "assent": "NOT_REQUIRED",
    "method": "WRITTEN",
    "interpreter": False,
    "informed": list(INFORMED),
    "withdrawal_contact": "Any office of the fictional agency",
    "permit": [
        {
            "purposes": ["REFERRAL_SERVICES"],
            "actions": ["DISCLOSE", "REPORT_BACK"],
            "data_categories": sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC}),
        }
    ],
}


@dataclass(slots=True)
class Hands:
    """A clock that is moved by hand, UTC ms."""

    now_ms: int = _START_MS

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ms


@dataclass(slots=True)
class Office:
    """One agency with its home, on a bus in memory."""

    federation: FederationPaths
    org: OrgId
    recipient: OrgId
    bus: MemoryBus
    clock: Hands = field(default_factory=Hands)

    @classmethod
    def create(cls, folder: Path, now_ms: int = _START_MS, bus: type[MemoryBus] = MemoryBus) -> Office:
        """Make a federation in `folder` and let the agency read its directory."""
        federation = Federation.create(folder, now_ms)
        return cls.at(federation.paths, federation.sender, federation.recipient, Hands(now_ms), bus)

    @classmethod
    def at(
        cls,
        federation: FederationPaths,
        org: OrgId,
        recipient: OrgId,
        clock: Hands,
        bus: type[MemoryBus] = MemoryBus,
    ) -> Office:
        """Let an organisation of a federation read its directory, on a bus of its own."""
        country = org[:2]
        kinds = (*_KINDS, f"inbox.{org}")
        office = cls(federation, org, recipient, bus([f"{country}.{kind}" for kind in kinds], clock), clock)
        for path, content in list_files(office.federation.repository):
            office.bus.put(f"{country}.directory", DirectoryFile(path, content).encode())
        office.ask("sync")
        return office

    def open(self) -> Gateway:
        """Open the home."""
        return open_gateway(Home(self.federation.home(self.org)), PASSPHRASE, self.clock)

    def passphrase(self) -> Path:
        """Return a file that has the passphrase of the home."""
        secret = self.federation.home(self.org).parent / "passphrase"
        secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
        secret.chmod(0o600)
        return secret

    def ask(self, *words: str) -> str:
        """Run a command as a person does and return what it prints. Raises RuntimeError when it fails."""
        secret = self.passphrase()
        environ = {"REFBUS_HOME": str(self.federation.home(self.org)), "REFBUS_PASSPHRASE_FILE": str(secret)}
        out = io.StringIO()
        with redirect_stdout(out):
            status = refbus(list(words), runtime=Runtime(environ, self.clock, lambda *_: self.bus))
        if status:
            raise RuntimeError(f"refbus {' '.join(words)}: {out.getvalue()}")
        return out.getvalue()

    def count(self, *words: str) -> Counts:
        """Count what one command does."""
        with counting() as counts:
            self.ask(*words)
        return counts

    def add_cases(self, first: int, count: int) -> None:
        """Take cases in with a consent, and refer each."""
        gateway = self.open()
        for start in range(first, first + count, _AT_ONCE):
            with gateway.store.write() as tx:
                for number in range(start, min(start + _AT_ONCE, first + count)):
                    casework.send_case(gateway, tx, add_case(gateway, tx, number, self.recipient))
        gateway.close()


def measure(folder: Path, few: int = FEW, many: int = MANY) -> list[Measure]:
    """Return all counts."""
    return [
        *send(folder / "send"),
        *hops(folder / "hops"),
        *turns(folder / "turns"),
        *lists(folder / "lists", few, many),
    ]


def send(folder: Path) -> list[Measure]:
    """Count one `refbus send` of a new case: in a process that has just begun, and in one that sent before."""
    office = Office.create(folder)
    gateway = office.open()
    with gateway.store.write() as tx:
        numbers = [str(add_case(gateway, tx, number, office.recipient).id) for number in range(3)]
    gateway.close()
    anew = in_child(office.count, "send", numbers[0]).total
    office.ask("send", numbers[1])
    again = office.count("send", numbers[2]).total
    return [
        Measure("refbus send, once more", again, "calls", BEFORE, _BEFORE["send"], SEND),
        Measure("refbus send, a new process", anew, "calls", BEFORE, _BEFORE["send anew"]),
    ]


def hops(folder: Path) -> list[Measure]:
    """Count what one referral asks of the stores of two gateways: referred, taken in, and its arrival answered."""
    here = Office.create(folder)
    there = Office.at(here.federation, here.recipient, here.org, here.clock)
    sender, recipient = here.open(), there.open()
    counts = dict[str, Counts]()
    with sender.store.write() as tx:
        case = add_case(sender, tx, 0, here.recipient)
    with counting() as counts["refers a person"], sender.store.write() as tx:
        casework.send_case(sender, tx, case)
    with sender.store.read() as tx:
        value = next(row.value for row in outbox.due(tx, sender.now_ms()) if row.confirmed and row.value is not None)
    draining = Draining(recipient, there.bus)
    draining.read_some(0)
    there.bus.put(recipient.inbox_topic, InboxRecord(InboxKind.EVENT, 1, value).encode())
    with counting() as counts["takes a referral in"]:
        draining.read_some(0)
    with counting() as counts["answers that it arrived"]:
        writer.seal_owed(recipient)
    draining.close()
    sender.close()
    recipient.close()
    found = list[Measure]()
    for name, (statements, commits) in _HOPS.items():
        what = f"a gateway {name}"
        found.append(Measure(f"{what}: statements", counts[name].statements, "statements", BEFORE, statements))
        found.append(Measure(f"{what}: flushes", counts[name].commits, "flushes", BEFORE, commits))
    return found


def turns(folder: Path) -> list[Measure]:
    """Count one turn of each service while nothing is new."""
    office = Office.create(folder)
    found = {**_gateway_turns(office), "auditor": _auditor_turn(folder), "gate": _gate_turn(folder)}
    aims = {"gateway, look": TURN, "auditor": TURN}
    return [
        Measure(f"a turn of the {name}, nothing new", counts.total, "calls", BEFORE, _BEFORE[name], aims.get(name))
        for name, counts in found.items()
    ]


def lists(folder: Path, few: int, many: int) -> list[Measure]:
    """Count a page of each list in a home with few cases and with many."""
    office, found, made = Office.create(folder), list[Measure](), 0
    with counting() as home:  # what every command does first is not the page's
        office.open().close()
    for count in (few, many):
        office.add_cases(made, count - made)
        made = count
        for name, (words, asked, opened) in _LISTS.items():
            counts, what = office.count(*words), f"{name}, {count:,} cases"
            found += [
                Measure(
                    f"{what}: statements",
                    counts.statements - home.statements,
                    "statements",
                    BEFORE,
                    asked * count,
                    PAGE,
                ),
                Measure(f"{what}: opened", counts.opened - home.opened, "values", BEFORE, opened * count),
            ]
    return found


def add_case(gateway: Gateway, tx: Transaction, number: int, org: OrgId) -> Case:
    """Take in a fictional case, another one for each number, with a consent towards `org`."""
    content = json.dumps({**_CASE, "recipient": {"organisation": org}}).encode()
    case = casework.add_case(gateway, tx, content + b" " * number)  # another file, so another case
    form = parse_consent(json.dumps({**_CONSENT, "organisation": org}).encode(), now_ms=gateway.now_ms())
    versions.grant(gateway, case, tx, org, form)
    return case


def _gateway_turns(office: Office) -> dict[str, Counts]:
    """Return the count of the turn that looks for news, 50 a second, and of the one that tends, every two seconds."""
    gateway = office.open()
    daemon = Daemon(gateway, office.bus, gateway.home.config())
    found = dict[str, Counts]()
    for name, wait_ms in (("", 0), ("", _TEND_MS), ("gateway, look", _TURN_MS), ("gateway, tend", _TEND_MS)):
        office.clock.now_ms += wait_ms
        with counting() as counts:
            daemon.run(once())
        found[name] = counts
    daemon.close()
    gateway.close()
    return {name: counts for name, counts in found.items() if name}


def _auditor_turn(folder: Path) -> Counts:
    """Return the count of a turn of the auditor of the origin, after all auditors have nothing left to do."""
    federation = Federation.of(FederationPaths(folder), _START_MS)
    hands = Hands()
    buses = {country: MemoryBus([f"{country}.{kind}" for kind in _KINDS], hands) for country in _COUNTRIES}
    cores = {country: _auditor(federation, CountryCode(country), buses, hands) for country in _COUNTRIES}
    for core in cores.values():
        core.log_directory(list_files(federation.paths.repository))
        core.publisher.recover()
        core.inbound.turn(0)
    for _ in range(6):
        for core in cores.values():
            core.turn()
        for core in cores.values():
            core.inbound.turn(0)
    core = cores[ORIGIN]
    hands.now_ms += SECOND_MS
    with counting() as counts:
        core.entries.again(moved=False)
        core.turn()
    for each in cores.values():
        each.home.close()
    return counts


def _auditor(federation: Federation, country: CountryCode, buses: Mapping[str, MemoryBus], hands: Hands) -> AuditorCore:
    (org,) = organisations(federation.directory, country, OrgRole.AUDITOR)
    lines = Lines(
        federation=lambda: buses[country].reader(f"{country}.federation"),
        others={CountryCode(other): buses[other].producer for other in _COUNTRIES if other != country},
        publish=lambda values: write_all(buses[country].producer(), f"{country}.proofs", values),
    )
    home = AuditorHome.open(federation.paths.home(org), PASSPHRASE)
    return AuditorCore(country, home, lambda: federation.directory, Clock.of(hands), lines)


def _gate_turn(folder: Path) -> Counts:
    """Return the count of what the timer of the gate of the origin does each second."""
    federation, hands = Federation.of(FederationPaths(folder), _START_MS), Hands()
    gate = StandingGate(federation, ORIGIN, hands)
    sources = {each.topic: each for each in sources_of(ORIGIN, federation.directory.countries())}
    own, clock = sources[f"{ORIGIN}.outbox"], Clock.of(hands)
    redecider, upkeep = Redecider(gate.core, sources), Upkeep(gate.core, own, clock)
    timekeeper, lateness = Timekeeper(gate.core, own, hands), Lateness(clock)

    def tick() -> None:
        redecider.holds()
        upkeep.undelivered()
        upkeep.heartbeats()
        timekeeper.tell()
        lateness.note(whole=not timekeeper.waits())

    tick()
    hands.now_ms += SECOND_MS
    with counting() as counts:
        tick()
    gate.close()
    return counts


def once() -> Callable[[], bool]:
    """Return what says when to stop: after one turn."""
    asked = iter((False, True))
    return lambda: next(asked)
