"""A person's no, one office, three recipients: one has no usable key, one made a number up, the line is cut for days.

The office works with commands only, and each is killed half-way once. While the line is cut the directory runs out; the
oracle then counts in the inboxes: every recipient of every case has its withdrawal, and nothing that waited behind it.
"""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from chaos.evidence import examine
from chaos.ground import Ground
from chaos.journal import Nature
from chaos.judging import Tally
from chaos.logs import read_topic
from chaos.offices import command, office_form
from chaos.outboxes import journal_of_log
from chaos.result import Result
from chaos.stage import KZ, UZ, Cast
from demo.plan import PlannedCase, planned_cases
from demo.world import PASSPHRASE
from refbus.core.consent.record import MAX_VERSION, ConsentState, SignedConsent
from refbus.core.directory import MEMBER_ROLES
from refbus.core.ids import EventId, OrgId, ReferralId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import LABEL_CONSENT
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing
from refbus.trust.member.endorsement import endorse_kem
from refbus.trust.member.enrolment import make_update
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import Passphrases, publish_for_development
from refbus.trust.publisher.repository import Publication, Repository
from refbus.wire.consent import encode_record, encode_signed
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.cases import casework
from refbus_gateway.consent import versions
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.store import cases as stored
from refbus_gateway.store import consents as rows

NAME = "a no while the line is cut"
_DAYS = 8.0
_CASES_OF = 6
"""Events of a case that arrive: three requests, three withdrawals."""
_ROUNDS = 12


@dataclass(slots=True)
class _Office:
    """An agency whose people type commands, and what they have done."""

    ground: Ground
    agency: OrgId
    recipients: tuple[OrgId, OrgId, OrgId]
    rng: random.Random
    cases: list[int] = field(default_factory=list)
    sent: dict[ReferralId, OrgId] = field(default_factory=dict)
    waited: set[ReferralId] = field(default_factory=set)

    def open(self) -> Gateway:
        """Open the store beside the commands."""
        return open_gateway(Home(self.ground.world.paths.home(self.agency)), PASSPHRASE, self.ground.world.now_ms)

    def run(self, *words: str, line: bool = True, kill: bool = False) -> None:
        """Run one command, with or without a line; with `kill` once to be killed half-way. Raises RuntimeError."""
        environment = self.ground.stack.gateway_environment(self.agency)
        if not line:
            environment["REFBUS_BOOTSTRAP_KZ"] = "127.0.0.1:9"
        if kill and command(self.ground, environment, words, self.rng.uniform(0.3, 1.5)) is None:
            self.ground.count("kill -9 of a command")
        status = command(self.ground, environment, words)
        if status != 0:
            raise RuntimeError(f"refbus {' '.join(words)} ended with {status}")

    def refer(self, model: PlannedCase, number: int) -> None:
        """Take a case in, with a consent and a referral for each recipient."""
        gateway = self.open()
        with gateway.store.write() as tx:
            case = casework.add_case(gateway, tx, model.content + b" " * number)
            for org in self.recipients:
                form = parse_consent(json.dumps(office_form(model, org)).encode(), now_ms=gateway.now_ms())
                versions.grant(gateway, case, tx, org, form)
                made = casework.send_case(gateway, tx, case, to=org).referral
                self.sent[made.referral_id] = org
        self.cases.append(case.id)
        gateway.close()

    def queue_again(self) -> None:
        """Queue one more referral of each case, which the line does not take."""
        gateway = self.open()
        with gateway.store.write() as tx:
            for number in self.cases:
                made = casework.send_case(gateway, tx, stored.get(tx, number), to=self.recipients[0], again=True)
                self.waited.add(made.referral.referral_id)
        gateway.close()

    def make_up_numbers(self) -> None:
        """Let the third recipient have signed a withdrawal of each case with the highest number there is."""
        gateway, org = self.open(), self.recipients[2]
        pair = next(iter(self.ground.world.home(org).signing_pairs(PASSPHRASE).values()))
        with gateway.store.write() as tx:
            for number in self.cases:
                case = stored.get(tx, number)
                given = next(each for each in rows.of_case(tx, case) if each.signed.record.party == org).signed.record
                record = dataclasses.replace(
                    given, version=MAX_VERSION, prev_hash=bytes(32), state=ConsentState.WITHDRAWN, provisions=()
                )
                encoded = encode_record(record)
                both = pair.sign(LABEL_CONSENT, encoded)
                signed = SignedConsent(encoded, record, org, pair.kid, both.ed25519, both.mldsa65)
                rows.keep(tx, case, encode_signed(signed), gateway.now_ms())
        gateway.close()
        self.ground.count("numbers made up", len(self.cases))


@dataclass(frozen=True, slots=True)
class NosScenario:
    """The scenario of a no that must come through, in the shape of the others."""

    name: str = NAME
    share: int = 1

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground = Ground.open(cast.folder)
        try:
            (ground.folder / "desk").mkdir()
            ground.start_gates((KZ, UZ))
            office = _office(ground, cast.rng)
            stuck = _play(office, min(12, max(4, cast.events // _CASES_OF)))
            ground.settle((KZ, UZ))
            tally = _judge(office)
            ground.stop_services()
            events = journal_of_log(ground, (office.agency, *office.recipients), _nature)
            tally.join(examine(ground, (KZ, UZ)))
        finally:
            ground.close()
        return Result(NAME, False, events, ground.faults, tally, time.monotonic() - began, stuck)


def _office(ground: Ground, rng: random.Random) -> _Office:
    directory = ground.world.directory(ground.world.now_ms())
    there = sorted(each.org_id for each in directory.organisations.values() if each.country == UZ)
    first, second, third = [org for org in there if directory.organisations[org].role in MEMBER_ROLES][:3]
    return _Office(ground, ground.member(KZ, "NATIONAL_AGENCY"), (first, second, third), rng)


def _play(office: _Office, number: int) -> str:
    ground = office.ground
    try:
        office.run("sync")
        gateway = office.open()
        model = next(
            each for each in planned_cases(gateway.directory()) if each.expect == "ANSWERED" and not each.minor
        )
        gateway.close()
        for each in range(number):
            office.refer(model, each)
        office.run("sync")
        ground.settle((KZ, UZ))
        office.make_up_numbers()
        fresh = _revoke(office)
        office.run("sync")
        office.queue_again()
        ground.world.move_clock(_DAYS)
        ground.count("line cut and directory run out")
        for place, case in enumerate(office.cases):
            words = ("consent", "withdraw", str(case)) if place % 2 else ("erase", str(case), "--yes")
            office.run(*words, line=False, kill=True)
        _renew(office, fresh)
        for _ in range(_ROUNDS):
            office.run("sync")
            time.sleep(1.0)  # what the broker did not take is tried again after a second
            if _told(office):
                break
    except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
        return f"{type(error).__name__}: {error}"
    return "" if _told(office) else "somebody was not told"


def _revoke(office: _Office) -> KemPrivate:
    """Take the second recipient's key back, and return the next one, which nobody knows yet."""
    world, org = office.ground.world, office.recipients[1]
    publication = Publication(Repository(world.paths.repository), world.now_ms())
    (key,) = world.directory(world.now_ms()).organisations[org].kem_keys
    changes.revoke(publication, org, key.kid, world.now_ms())
    _publish(office, publication)
    office.ground.count("a recipient without a usable key")
    return KemPrivate.generate()


def _renew(office: _Office, fresh: KemPrivate) -> None:
    """Publish a directory of today in which the second recipient has a key again."""
    world, org = office.ground.world, office.recipients[1]
    now_ms = world.now_ms()
    pair = next(iter(world.home(org).signing_pairs(PASSPHRASE).values()))
    publication = Publication(Repository(world.paths.repository), now_ms)
    epoch = endorse_kem(org, fresh, (now_ms - 3_600_000, now_ms + 30 * 86_400_000), pair)
    changes.update_keys(publication, make_update(org, (), (epoch,)), org)
    world.home(org).save_kem(fresh, PASSPHRASE, memory_kib=64)
    _publish(office, publication)


def _publish(office: _Office, publication: Publication) -> None:
    """Publish for everybody. No auditor runs here, so a person at the office takes it from a stick."""
    world = office.ground.world
    publish_for_development(world.paths, publication, Passphrases.same(PASSPHRASE))
    world.publish_directory()
    office.run("home", "directory", str(world.paths.repository), "--unlogged")


def _told(office: _Office) -> bool:
    gateway = office.open()
    with gateway.store.read() as tx:
        told = Counter(row.case_id for row in rows.withdrawal_rows(tx, outgoing=True))
    gateway.close()
    return all(told[case] >= len(office.recipients) for case in office.cases)


def _nature(block: RoutingBlock) -> Nature:
    """Whatever reached an outbox arrives, unless it stands behind the withdrawal of its case."""
    return Nature.WITHDRAWAL if block.event_type is EventType.CONSENT_WITHDRAWN else Nature.EVENT


def _judge(office: _Office) -> Tally:
    """Count in the inboxes: each referral and its withdrawal came, once, and none that waited behind a no ever did."""
    ground, tally = office.ground, Tally()
    seen: Counter[tuple[ReferralId, EventType, EventId]] = Counter()
    for org in office.recipients:
        keys = list(ground.world.home(org).kem_keys(PASSPHRASE).values())
        for line in read_topic(ground.world.address(UZ, f"{UZ}-operator"), f"{UZ}.inbox.{org}"):
            record = InboxRecord.parse(line.value)
            if record.kind is InboxKind.EVENT:
                block = open_routing(Envelope.parse(record.body), keys).block
                seen[block.referral_id, block.event_type, block.event_id] += 1
    came = {(referral, event_type) for referral, event_type, _ in seen}
    for event_type in (EventType.REFERRAL_REQUESTED, EventType.CONSENT_WITHDRAWN):
        missing = [org for referral, org in office.sent.items() if (referral, event_type) not in came]
        tally.add("lost", len(missing), f"{event_type} that did not come: {Counter(missing)}")
    late = {referral for referral, _ in came} & office.waited
    tally.add("consent_violations", len(late), "what waited behind a no was sent")
    twice = sum(times - 1 for times in seen.values())
    tally.add("duplicate_effects", twice, f"{twice} events came twice")
    return tally
