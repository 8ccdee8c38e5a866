"""Gateways of a real development federation on a bus in memory, with a clock that tests move.

world = World(tmp_path)
kz, uz = world.gateway(AGENCY), world.gateway(SHELTER)
world.carry()     # what is in an outbox stands in the recipient's inbox: a road without gates, for unit tests
"""

from __future__ import annotations

import copy
import json
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbus.bus.memory import MemoryBus
from refbus.bus.port import TopicState
from refbus.core.courses.course import CourseView
from refbus.core.ids import CountryCode, OrgId, ReferralId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.kem import KemPrivate
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing
from refbus.trust.homes import Home as MemberHome
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.wire.transport import DirectoryFile, InboxKind, InboxRecord
from refbus_gateway.cases import casework
from refbus_gateway.consent import versions, withdrawals
from refbus_gateway.courses import opening, referral_steps
from refbus_gateway.courses.opening import Opened
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.reports import overview
from refbus_gateway.reports.overview import EventLine, Health
from refbus_gateway.rules import course_state
from refbus_gateway.store import cases, outbox, referrals
from refbus_gateway.sync.synchroniser import Round, Synchroniser
from support import firstread
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER, Lab, lab
from support.directories import NOW_MS
from support.moulds import mould
from support.rounds import Rounds

if TYPE_CHECKING:
    from support.auditlogs import CountryLog

COUNTRIES = ("kz", "kg", "tm", "uz")
CATEGORIES = sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC})


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        """Return the time, UTC ms."""
        return self.now_ms

    def move(self, *, hours: float = 0, days: float = 0) -> None:
        """Let time pass."""
        self.now_ms += int((hours + 24 * days) * 3_600_000)


@dataclass
class World:
    """One federation, one bus, one clock."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    lab: Lab = field(init=False)
    bus: MemoryBus = field(init=False)
    logs: dict[CountryCode, CountryLog] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.lab = lab(self.folder)
        self.bus = MemoryBus(clock=self.clock)
        for org_id in self.lab.paths.homes():
            self._topic(f"{org_id[:2]}.inbox.{org_id}")
        for country in COUNTRIES:
            for name in ("outbox", "directory", "audit", "profiles", "proofs"):
                self._topic(f"{country}.{name}")
        self._sequence: dict[str, int] = {}
        self._carried: dict[str, int] = {}
        self.publish()

    def gone_on(self, folder: Path) -> World:
        """Return a world of its own in `folder` that goes on where this one came to, whose gateways are all closed.

        It has a copy of the federation with its homes, and a bus with the same records. Nothing was logged so far.
        """
        assert not self.logs
        made = copy.copy(self)
        mould(self.folder / "federation").pour(folder / "federation")
        made.folder, made.lab, made.clock, made.logs = folder, Lab(FederationPaths(folder / "federation")), Clock(), {}
        made.clock.now_ms = self.clock.now_ms
        made.bus = copy.deepcopy(self.bus, {id(self.clock): made.clock})
        made._sequence, made._carried = dict(self._sequence), dict(self._carried)
        return made

    def publish(self, *, logged: bool = True) -> None:
        """Put the directory, as it is published now, into every country's topic, and what is `logged` into its log.

        The first version is not logged: a gateway takes it on its root alone.
        """
        files, first = self.lab.files(), not self.bus.records("kz.directory")
        for country in COUNTRIES:
            for path, content in files:
                self.bus.put(f"{country}.directory", DirectoryFile(path, content).encode())
            if logged and not first:
                self.log(CountryCode(country)).show(files)

    def log(self, country: CountryCode) -> CountryLog:
        """Return the audit log of a country."""
        from support.auditlogs import CountryLog  # it is made of a world

        return self.logs.get(country) or CountryLog(self, country)

    def home(self, org_id: OrgId) -> Home:
        """Return the home of a member."""
        return Home(self.lab.paths.home(org_id))

    def gateway(self, org_id: OrgId) -> Gateway:
        """Open a member's gateway and let it read the directory."""
        firstread.begin(self, org_id)
        return self.round_of(org_id)

    def round_of(self, org_id: OrgId) -> Gateway:
        """Open a member's gateway and let it do one round."""
        gateway = open_gateway(self.home(org_id), PASSPHRASE, self.clock)
        self.sync(gateway)
        return gateway

    def sync(self, gateway: Gateway) -> Round:
        """Let a gateway do one round."""
        synchroniser = Synchroniser(gateway, self.bus)
        try:
            return synchroniser.once()
        finally:
            synchroniser.close()

    def deliver(self, org_id: OrgId, kind: InboxKind, body: bytes, sequence: int | None = None) -> None:
        """Put one record into a member's inbox."""
        topic = f"{org_id[:2]}.inbox.{org_id}"
        number = sequence or self._sequence.get(topic, 0) + 1
        self._sequence[topic] = number
        self.bus.put(topic, InboxRecord(kind, number, body).encode())

    def restart_count(self, topic: str) -> None:
        """Let the gate count the records of an inbox from its beginning, as one does that comes from a backup."""
        self._sequence.pop(topic, None)

    def carry(self) -> int:
        """Put every new envelope of every outbox into its recipient's inbox; return how many."""
        count = 0
        for country in COUNTRIES:
            keys = [*self.lab_gate_keys(country)]
            for record in self.bus.records(f"{country}.outbox")[self._carried.get(country, 0) :]:
                block = open_routing(Envelope.parse(record.value), keys).block
                self.deliver(block.recipient, InboxKind.EVENT, record.value)
                self._carried[country] = record.offset + 1
                count += 1
        return count

    def lab_gate_keys(self, country: str) -> list[KemPrivate]:
        """Return the KEM keys of a country's gate."""
        gate = MemberHome(self.lab.paths.gate(CountryCode(country)))
        return list(gate.kem_keys(PASSPHRASE).values())

    def exchange(self, *gateways: Gateway) -> None:
        """Let gateways and the road work until nothing moves any more."""
        with closing(Rounds(self.bus, gateways)) as rounds:
            rounds.go()
            while self.carry():
                rounds.go()

    def _topic(self, name: str) -> None:
        self.bus.create_topic(TopicState(name, 1, 1, {}))
        log = self.bus.log(name)
        log.state = replace(log.state, topic_id=f"the first {name}")  # the same in each world


def case_file(**changes: Any) -> bytes:
    """Return a small fictional case file."""
    document = {
        "format": "refbus-case/1",
        "fictional": True,
        "about": "Fictional case for tests; no such person exists.",
        "recipient": {"organisation": SHELTER},
        "purpose": "REFERRAL_SERVICES",
        "priority": "URGENT",
        "reason": "AdditionalServicesRequired",
        "source_of_referral": "NGO",
        "services_requested": ["SocialCare"],
        "responsible_worker_role": "CASE_MANAGER",
        "person": {"prs_FirstName": "Тўқима шахс", "prs_Birthdate": "1991", "is_minor": False},
        "health": {"summary": "Fictional: needs a dentist."},
        **changes,
    }
    return json.dumps(document, ensure_ascii=False).encode()


def consent_file(org: OrgId = SHELTER, **changes: Any) -> bytes:
    """Return a consent of an adult for everything but photos, both ways, towards `org`."""
    document = {
        "format": "refbus-consent/1",
        "organisation": org,
        "state": "GIVEN",
        "valid_until": "2027-01-21",
        "retain_until": "2027-06-30",
        "notice": {"notice_id": "referral-1", "language": "ru"},
        "grantor": {"kind": "SELF"},
        "assent": "NOT_REQUIRED",
        "method": "WRITTEN",
        "interpreter": False,
        "informed": [
            "ACTUAL_AND_POTENTIAL_USE",
            "HOW_TO_WITHDRAW",
            "INTERVIEW_AGREED",
            "NON_IDENTIFYING_RESEARCH",
            "PURPOSE",
            "RIGHT_TO_REQUEST_DATA",
            "STORAGE_PERIOD",
        ],
        "withdrawal_contact": "Any office of the fictional agency",
        "permit": [
            {
                "purposes": ["REFERRAL_SERVICES"],
                "actions": ["DISCLOSE", "REPORT_BACK"],
                "data_categories": [str(category) for category in CATEGORIES],
            }
        ],
        "deny": [],
        "denied_recipients": [],
        **changes,
    }
    return json.dumps(document).encode()


def take_consent(gateway: Gateway, case: int, content: bytes) -> None:
    """Record a consent for a case."""
    form = parse_consent(content, now_ms=gateway.now_ms())
    with gateway.store.write() as tx:
        versions.grant(gateway, cases.get(tx, case), tx, form.organisation, form)


def new_case(gateway: Gateway, content: bytes | None = None) -> int:
    """Take a case file in and return the case's number."""
    with gateway.store.write() as tx:
        return casework.add_case(gateway, tx, content or case_file()).id


def refer(gateway: Gateway, case: int, **options: Any) -> int:
    """Queue a referral and return its number."""
    with gateway.store.write() as tx:
        return casework.send_case(gateway, tx, cases.get(tx, case), **options).referral.id


def sent(gateway: Gateway, case: bytes | None = None, consent: bytes | None = None) -> tuple[int, int]:
    """Take a case in with a consent and refer it; return the numbers of case and referral."""
    number = new_case(gateway, case)
    take_consent(gateway, number, consent or consent_file())
    return number, refer(gateway, number)


def incoming(gateway: Gateway, referral_id: bytes) -> int:
    """Return the number that a received referral has here."""
    with gateway.store.read() as tx:
        found = referrals.find(tx, ReferralId(referral_id))
        assert found is not None
        return found.id


def id_of(gateway: Gateway, number: int) -> bytes:
    """Return the id of a referral."""
    with gateway.store.read() as tx:
        return referrals.get(tx, number).referral_id


def open_at(gateway: Gateway, number: int) -> Opened:
    """Open a referral as a person does."""
    with gateway.store.write() as tx:
        return opening.open_referral(gateway, tx, number, "en")


def line(gateway: Gateway, number: int, event_type: EventType = EventType.REFERRAL_REQUESTED) -> EventLine:
    """Return where the newest of our events of a type is."""
    with gateway.store.read() as tx:
        referral = referrals.get(tx, number)
        events = [e for e in referrals.events_of(tx, referral) if e.outgoing and e.block.event_type is event_type]
        sealed = outbox.said_of(tx, [events[-1].id])
        return overview.event_line(sealed, events[-1], course_state.view_of(tx, referral))


def home_health(gateway: Gateway) -> Health:
    """Return the state of a home."""
    with gateway.store.read() as tx:
        return overview.health(gateway, tx)


def alarm_codes(gateway: Gateway) -> list[str]:
    """Return the codes of the standing alarms."""
    return [alarm.code for alarm in home_health(gateway).alarms]


def withdraw_all(gateway: Gateway, case: int) -> None:
    """Withdraw every consent of a case."""
    with gateway.store.write() as tx:
        withdrawals.withdraw(gateway, tx, cases.get(tx, case), None)


def say(gateway: Gateway, number: int, event_type: EventType, **document: Any) -> None:
    """Answer in a referral."""
    with gateway.store.write() as tx:
        referral_steps.act(gateway, tx, number, referral_steps.Answer(event_type, document))


def view(gateway: Gateway, number: int) -> CourseView:
    """Return how a referral stands at a gateway."""
    with gateway.store.read() as tx:
        return course_state.view_of(tx, referrals.get(tx, number))


class Pair:
    """The agency and the shelter in one world."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.kz: Gateway = self.world.gateway(AGENCY)
        self.uz: Gateway = self.world.gateway(SHELTER)

    def exchange(self) -> None:
        """Let everything arrive."""
        self.world.exchange(self.kz, self.uz)

    def close(self) -> None:
        """Close both stores."""
        self.kz.close()
        self.uz.close()
