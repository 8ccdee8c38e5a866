"""Alerts for what is stopped, forged, disclosed or silent: by members, publishers, logs and brokers."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from typing import Any, cast

import pytest

from alerts.conftest import Watched
from refbus.bus.memory import Fault as BusFault
from refbus.core.consent.legal_basis import ReviewResult
from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode, OrgId
from refbus.core.vocabulary import Priority
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.note import Note
from refbus.tlog.shards import origin_of, shard_at
from refbus.tlog.witness import AddCheckpoint, origin_hash
from refbus.trust.member.endorsement import endorse_kem
from refbus.trust.member.target_file import MemberFile
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.trust.publisher.repository import Publication
from refbus.trust.reader.log_policy import auditor_of, log_name
from refbus.wire.logs import LogProofs, MailKind, WitnessMail
from refbus.wire.transport import DirectoryFile
from refbus_auditor import quotas
from refbus_auditor.quotas import Amount
from refbus_gateway.courses import emergencies, referral_steps
from refbus_gateway.people import officers
from refbus_gateway.store import cases
from story.test_emergency import CHEAP, FALLEN
from support.audit import entries_in
from support.ceremonies import AGENCY, KZ, PASSPHRASE, UZ, Lab
from support.forged import block_and_payload, forged_at
from support.gateways import id_of, incoming, new_case, withdraw_all
from support.homecoming import Homecoming
from support.liveroad import NEIGHBOUR, Road
from support.liveroad import road as roads
from support.nodes import allow_emergencies
from support.plays import Fault


@pytest.fixture(scope="module")
def road(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give a road of its own, whose first country allows emergencies, with three officers at the agency."""
    folder = tmp_path_factory.mktemp("stopped") / "world"
    with roads(watched.watchers, "stopped", watched.ports["stopped"], folder) as made:
        allow_emergencies(cast(Any, made.world), "kz")
        for number in range(3):
            officers.add(made.world.kz, made.world.home(AGENCY), "DUTY_OFFICER", f"own {number}", CHEAP)
        made.refer("the first")
        made.world.settle()
        yield made


def a_batch_that_is_torn(road: Road) -> Fault:
    """Damage a batch in the audit topic: nobody can read it."""
    road.world.bus.put_torn("kz.audit", [b"fictional"], b"torn")
    yield "RefbusBatchUnreadable"


def rubbish_that_nobody_signed(road: Road) -> Fault:
    """Write rubbish into the outbox, more than is kept of what nobody signed."""
    for number in range(5):
        road.world.bus.put("kz.outbox", b"rubbish %d" % number)
    yield "RefbusUnverifiedStopped", "RefbusRecordsDropped"


def one_number_for_two_messages(road: Road) -> Fault:
    """Sign another message under the number of one that was sent."""
    block, payload = block_and_payload(road.world.kz, 1)
    road.world.bus.put(
        "kz.outbox", forged_at(road.world.kz, dataclasses.replace(block, priority=Priority.ROUTINE), payload)
    )
    yield "RefbusEventIdReused"


def a_disclosure_that_was_wrong(road: Road) -> Fault:
    """Let two officers disclose a case without consent, and a third find it wrong."""
    home = road.world.home(AGENCY)
    names = [each.officer.kid.hex() for each in officers.listed(home, road.world.clock())]
    pairs = [officers.unlock(road.world.kz, home, name, f"own {number}") for number, name in enumerate(names)]
    case = new_case(road.world.kz)
    with road.world.kz.store.write() as tx:
        word = officers.roll_of(home), tuple(pairs[:2])
        number = emergencies.invoke(road.world.kz, tx, cases.get(tx, case), FALLEN, word).id
    road.world.settle()
    with road.world.kz.store.write() as tx:
        emergencies.review(road.world.kz, tx, number, ReviewResult.NOT_UPHELD, pairs[2])
    yield "RefbusEmergencyDisclosure", "RefbusEmergencyNotUpheld"


def an_entry_that_is_forged(road: Road) -> Fault:
    """Put another leaf into an audit entry that somebody signed."""
    entry = entries_in(record.value for record in road.world.bus.records("kz.audit")[:1])[0]
    road.world.bus.put(
        "kz.audit", dataclasses.replace(entry, leaf=entry.leaf[:-1] + bytes([entry.leaf[-1] ^ 1])).encode()
    )
    yield "RefbusAuditEntriesRefused"


def a_record_that_the_broker_lost(road: Road) -> Fault:
    """Let the broker say that it has a record of the inbox, and lose it."""
    road.world.bus.inject("kz.inbox.kz-agency01", BusFault.DROP)
    road.refer("its receipt is lost")
    yield "RefbusInboxGap"


def test_what_is_stopped(road: Road) -> None:
    """They ring for what a member or a broker did, and fall silent by themselves."""
    road.play(
        a_batch_that_is_torn,
        rubbish_that_nobody_signed,
        one_number_for_two_messages,
        an_entry_that_is_forged,
        a_disclosure_that_was_wrong,
        a_record_that_the_broker_lost,
        leaves=("RefbusQuarantine", "RefbusRoomRunsOut"),  # the rubbish is kept
    )


def other_history(road: Road, country: CountryCode, size: int) -> Note:
    """Return what the log of a country signs when somebody has its keys: as many entries, and others."""
    world = road.world
    directory = world.kz.directory()
    origin = origin_of(log_name(directory, country), shard_at(world.clock()))
    secret = world.lab.home(auditor_of(directory, country).org_id).log_secret(PASSPHRASE)
    return sign_checkpoint(Checkpoint(origin, size, b"another history".ljust(32)), secret.log_key(origin))


def a_log_of_a_neighbour_with_two_faces(road: Road) -> Fault:
    """Ask the witness to cosign a history of a neighbour's log that is not the one it knows."""
    origin = origin_of(log_name(road.world.kz.directory(), UZ), shard_at(road.world.clock()))
    known = road.auditor.auditor.core.witness.newest(origin_hash(origin))
    assert known is not None
    size = Checkpoint.parse(Note.parse(known).text).size
    asked = AddCheckpoint(size, (), other_history(road, UZ, size))
    road.world.bus.put("kz.federation", WitnessMail(UZ, MailKind.ADD_CHECKPOINT, asked.encode()).encode())
    yield "RefbusLogForked"


def a_log_that_shows_an_office_another_face(road: Road) -> Fault:
    """Bring an office a history of its country's log that is not the one it knows."""
    bus = road.world.bus
    with bus.news:  # nothing newer comes between
        known = LogProofs.parse(bus.records("kz.proofs")[-1].value).checkpoint
        size = Checkpoint.parse(Note.parse(known).text).size
        bus.put("kz.proofs", LogProofs(other_history(road, KZ, size).encode(), ()).encode())
    yield "RefbusForkSeen"


def a_directory_for_one_office_alone(road: Road) -> Fault:
    """Bring an office a version of the directory that nobody else has; then comes the true one."""
    twin = road.world.folder / "twin"
    shutil.copytree(road.world.folder / "federation", twin)
    road.agency.line.alone("kz.directory")
    for path, content in suspended(Lab(FederationPaths(twin)), road.world.clock(), NEIGHBOUR):
        road.agency.line.put("kz.directory", DirectoryFile(path, content).encode())
    road.world.settle()
    for path, content in suspended(road.world.lab, road.world.clock(), OrgId("uz-1ega1a1d")):
        road.agency.line.put("kz.directory", DirectoryFile(path, content).encode())
    road.world.publish()
    yield "RefbusDirectoryForked"


def a_key_that_nobody_signed(road: Road) -> Fault:
    """Publish a key under the name of an organisation that did not sign it."""
    before = listed(road, NEIGHBOUR)
    window = (before.kem[0].key.not_before_ms + 1, before.kem[0].key.not_after_ms)
    foreign = endorse_kem(NEIGHBOUR, KemPrivate.generate(), window, SigningPair.generate())
    with pytest.MonkeyPatch.context() as hostile:  # our own publisher refuses it
        hostile.setattr(Publication, "_check", lambda _self, _files: [])
        put_member(road, dataclasses.replace(before, kem=(*before.kem, foreign)))
    yield "RefbusKeyNotEndorsed"
    put_member(road, before)


def a_key_that_was_never_ours(road: Road) -> Fault:
    """Publish a key under the name of the office, signed with a key that was stolen from it."""
    before = listed(road, AGENCY)
    window = (before.kem[0].key.not_before_ms + 1, before.kem[0].key.not_after_ms)
    stolen = endorse_kem(AGENCY, KemPrivate.generate(), window, road.world.lab.pair(AGENCY))
    put_member(road, dataclasses.replace(before, kem=(*before.kem, stolen)))
    yield "RefbusKeyNotOurs"
    put_member(road, before)


def listed(road: Road, org_id: OrgId) -> MemberFile:
    """Return what the directory has of a member."""
    return changes.load_parts(road.world.lab.publication(road.world.clock()), org_id)[0]


def put_member(road: Road, member: MemberFile) -> None:
    """Publish a file of a member as it is, with the key of its country alone, and send it."""
    publication = road.world.lab.publication(road.world.clock())
    country = member.organisation.country
    publication.put(country, f"{country}/{member.organisation.org_id}.json", member.encode())
    road.world.lab.publish(publication)
    road.world.publish()


def test_keys_of_others(road: Road) -> None:
    """They ring as long as the directory lists such a key."""
    road.play(a_key_that_nobody_signed, a_key_that_was_never_ours)


def suspended(lab: Lab, now_ms: int, org_id: OrgId) -> list[tuple[str, bytes]]:
    """Publish that an organisation is suspended; return what is published."""
    publication = lab.publication(now_ms)
    changes.set_status(publication, org_id, OrgStatus.SUSPENDED)
    lab.publish(publication)
    return lab.files()


def a_person_who_does_not_arrive(road: Road) -> Fault:
    """Let a person depart for home, and nobody say for a day that they arrived."""
    Homecoming(cast(Any, road.world), "does not arrive").prepare().leave()
    yield "RefbusPersonNotArrived"


def test_a_person_on_the_way(road: Road) -> None:
    """It rings when a person did not arrive in time."""
    road.play(a_person_who_does_not_arrive, hours=25)


def an_auditor_that_is_away(road: Road) -> Fault:
    """Stop the auditor, then decide something and publish a directory: nothing is proven."""
    road.auditor.stop()
    road.refer("nobody proves it")
    road.world.lab.republish(road.world.clock())
    road.world.publish()
    yield "RefbusEntryUnproven", "RefbusCheckpointOld", "RefbusDirectoryUnlogged"
    road.auditor.start()


def a_recipient_that_does_not_answer(road: Road) -> Fault:
    """Withdraw a consent while the gateway of the recipient does not run."""
    case, number = road.refer("withdrawn")
    road.world.settle()
    road.shelter.syncs = False
    withdraw_all(road.world.kz, case)
    yield "RefbusWithdrawalUnanswered", "RefbusWithdrawalBurns", "RefbusWithdrawalBurnsSlowly"
    road.shelter.syncs = True
    road.world.settle()
    uz = road.world.uz
    with uz.store.write() as tx:
        referral_steps.acknowledge(uz, tx, incoming(uz, id_of(road.world.kz, number)), "STOPPED", None)


def a_directory_that_nobody_publishes(road: Road) -> Fault:
    """Publish nothing for three days."""
    yield "RefbusDirectoryOld"
    road.world.lab.republish(road.world.clock())
    road.world.publish()


def a_clock_that_was_set_wrong(road: Road) -> Fault:
    """Set the clock of the machine back by four days: it is behind what the directory signed."""
    road.world.clock.set_wrong(hours=-96)
    yield "RefbusClockSkew", "RefbusClockJumped"
    road.world.clock.set_wrong(hours=0)


def test_days_of_silence(road: Road) -> None:
    """They ring for an auditor, a publisher and a recipient that are away for three days."""
    road.play(
        a_recipient_that_does_not_answer,
        an_auditor_that_is_away,
        a_directory_that_nobody_publishes,
        hours=72,
    )


def test_a_clock_that_was_set_wrong(road: Road) -> None:
    """They ring as long as it is wrong."""
    road.play(a_clock_that_was_set_wrong)


def a_member_that_writes_too_much(road: Road) -> Fault:
    """Let an office write more to the log than it may: of ten thousand entries a day, it may write five here."""
    with pytest.MonkeyPatch.context() as small:
        small.setattr(quotas, "IN_A_DAY", Amount(5, 1 << 30, 10))
        for number in range(8):
            road.refer(f"one of many {number}")
        yield "RefbusAuditQuota"
    road.world.pass_time(hours=25)


def test_a_member_that_writes_too_much(road: Road) -> None:
    """It rings while entries wait for room."""
    road.play(a_member_that_writes_too_much)


def test_two_histories(road: Road) -> None:
    """They ring for a log or a directory with two faces, whoever sees it, and for a key that is not ours."""
    road.play(
        a_log_of_a_neighbour_with_two_faces,
        a_log_that_shows_an_office_another_face,
        a_directory_for_one_office_alone,
    )
