"""Alerts for what is damaged, restored, lost, full, or ends: stores, logs, certificates and disks."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Table, update

from alerts.conftest import Watched
from refbus.core.directory import Organisation, OrgRole
from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.node import replay
from refbus.node.replay import Person, Request
from refbus.node.store.tables import hold, tally
from refbus.trust.member.audit_keys import AuditKeys
from refbus.trust.member.enrolment import make_audit_update, make_update, next_kem, next_signing
from refbus.trust.publisher import changes
from refbus.wire.transport import StoppedRecord
from refbus_auditor.store import tables as audit_tables
from refbus_gate.decide.batch import GateCore
from refbus_ops.authority import Holder, create_authority, issue_certificate, make_request
from support.ceremonies import PASSPHRASE as CEREMONY
from support.gateways import case_file, sent
from support.live import LiveNode, LiveOffice
from support.liveroad import Road
from support.liveroad import road as roads
from support.plays import Fault
from unit.gate.test_damaged_rows import spoil

PASSPHRASE = "fictional passphrase of an authority"
DISK_BYTES = 64 << 20
JULY_MS = 1_814_400_000_000
"""In July of 2027."""


@pytest.fixture(scope="module")
def road(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give a road of its own, over which something has gone."""
    folder = tmp_path_factory.mktemp("damage") / "world"
    with roads(watched.watchers, "damage", watched.ports["damage"], folder) as made:
        made.refer("the first")
        made.world.settle()
        yield made


def copy_of(file: Path) -> Path:
    """Copy a store while it is open, as an operator does; return the copy."""
    copy = file.with_suffix(".copy")
    with closing(sqlite3.connect(file)) as store, closing(sqlite3.connect(copy)) as target:
        store.backup(target)
    return copy


def a_store_put_back(road: Road) -> Fault:
    """Put a copy of its store in the place of the gate's, from before it decided something."""
    file = road.kz.home / "store" / "node.db"
    copy = copy_of(file)
    road.refer("after the copy")
    road.world.settle()
    road.kz.stop()
    for each in file.parent.glob("node.db*"):
        each.unlink()
    shutil.move(copy, file)
    file.chmod(0o600)
    road.kz.start()
    yield "RefbusGateRestored"
    road.world.pass_time(days=1.1)


def a_topic_that_lost_its_end(road: Road) -> Fault:
    """Let the broker lose the newest entries of the audit topic: the auditor notices, ends, and reads it again."""
    road.world.bus.lose_end("kz.audit", 1)
    yield "RefbusLogLostEnd"
    road.world.pass_time(days=1.1)


def test_what_was_before(road: Road) -> None:
    """They ring for a day."""
    road.play(a_store_put_back, a_topic_that_lost_its_end)


def a_count_that_is_wrong(road: Road) -> Fault:
    """Change a count in the store of the gate: a record is not accounted for."""
    database = road.kz.gate.home.store.database
    with database.writing() as connection:
        connection.execute(more(tally, 1))
    yield "RefbusImbalance"
    with database.writing() as connection:
        connection.execute(more(tally, -1))


def a_count_of_the_log_that_is_wrong(road: Road) -> Fault:
    """Change a count in the store of the auditor: an entry is not accounted for."""
    database = road.auditor.auditor.home.database
    with database.writing() as connection:
        connection.execute(more(audit_tables.tally, 1))
    yield "RefbusAuditUnbalanced"
    with database.writing() as connection:
        connection.execute(more(audit_tables.tally, -1))


def more(counts: Table, number: int):  # type: ignore[no-untyped-def]
    """Return what adds to every count."""
    return update(counts).values(records=counts.c.records + number)


def test_what_does_not_add_up(road: Road) -> None:
    """They ring as long as it does not."""
    road.play(a_count_that_is_wrong, a_count_of_the_log_that_is_wrong)


def a_row_that_is_damaged(road: Road) -> Fault:
    """Write other bytes over an event that is held: when its time comes, it cannot be read."""
    late_ms = road.world.clock() - road.neighbour.clock()  # time passes for those alone who have the world's clock
    road.neighbour.clock.move(hours=late_ms / HOUR_MS)
    sent(road.neighbour.gateway, case_file(about="Fictional: from tomorrow"))
    road.world.settle()
    with road.kz.gate.home.store.database.writing() as connection:
        assert spoil(connection, hold, "sealed_record") == 1
    yield "RefbusGateRowsDamaged"
    road.kz.stop()
    road.kz.start()


def test_a_row_that_is_damaged(road: Road) -> None:
    """It rings until a start at which no such row is met."""
    road.play(a_row_that_is_damaged, hours=30)


def a_version_that_fails(road: Road) -> Fault:
    """Let the gate fail over one record three times: it is set aside. A better version and two persons mend it."""
    decide = GateCore.decide
    with pytest.MonkeyPatch.context() as broken:

        def fails(core: GateCore, source: object, records: object, *more: object) -> object:
            """Fail where this country sends."""
            raise ZeroDivisionError

        broken.setattr(GateCore, "decide", fails)
        road.refer("a version that fails")
        while not road.world.bus.records("kz.quarantine"):
            road.turn()
    assert GateCore.decide is decide
    yield "RefbusQuarantine"
    stopped = StoppedRecord.parse(road.world.bus.records("kz.quarantine")[-1].value)
    asked = Request(stopped.decision_id.hex(), "the better version", Person("Anna Example", "anna", road.world.clock()))
    replay.approve(road.kz.home, asked, Person("Boris Example", "boris", road.world.clock()), accounts=True)


def certificate(folder: Path, name: str, now_ms: int, days: float) -> Path:
    """Let the authority beside `folder` issue a certificate, as `refbus-ops ca` does; return the folder."""
    authority = folder.parent / "authority"
    if not authority.exists():
        create_authority(authority, "kz", PASSPHRASE, now_ms)
    folder.mkdir()
    asked = make_request(folder, name)
    signed, _ = issue_certificate(authority, asked, Holder(name), PASSPHRASE, now_ms, days=days)
    (folder / "ca.pem").write_bytes((authority / "trusted.pem").read_bytes())
    (folder / "certificate.pem").write_bytes(signed)
    return folder


def a_certificate_of_a_gate_that_ends(road: Road) -> Fault:
    """Give the gate a certificate that ends in two days; then issue the next one, and start the gate with it."""
    folder, now_ms = road.world.folder, road.world.clock()
    road.kz.line.tls = certificate(folder / "gate-1", "kz-gate", now_ms, 2)
    yield "RefbusNodeCertificateEnds", "RefbusNodeCertificateEndsSoon"
    road.kz.line.tls = certificate(folder / "gate-2", "kz-gate", now_ms, 300)
    road.kz.stop()
    road.kz.start()


def a_certificate_of_an_office_that_ends(road: Road) -> Fault:
    """Give the office a certificate that ends in twenty days; then issue the next one."""
    folder, now_ms = road.world.folder, road.world.clock()
    road.agency.line.tls = certificate(folder / "office-1", "kz-agency01", now_ms, 20)
    yield "RefbusCertificateEnds"
    road.agency.line.tls = certificate(folder / "office-2", "kz-agency01", now_ms, 300)


def a_first_directory_that_the_log_does_not_show(road: Road) -> Fault:
    """Begin with an office to which its broker shows no proof of the directory."""
    office = LiveOffice(road.world, OrgId("uz-1ega1a1d"), road.ports["gateway-2"])
    office.line.alone("uz.proofs", empty=True)
    road.world.add(office)
    yield "RefbusDirectoryUnconfirmed"
    office.line = road.world.bus.line()


def test_what_ends_or_was_not_shown(road: Road) -> None:
    """They ring until there is a new certificate, or the proof."""
    road.play(
        a_certificate_of_a_gate_that_ends,
        a_certificate_of_an_office_that_ends,
        a_first_directory_that_the_log_does_not_show,
        a_version_that_fails,
    )


@contextmanager
def own_disk(node: LiveNode) -> Iterator[None]:
    """Put a small disk in memory under the home of a service, with all that is in it."""
    node.stop()
    aside = node.home.with_name(f"{node.home.name}-aside")
    shutil.copytree(node.home, aside)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "none", str(node.home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        node.start()
        pytest.skip("no disk of its own can be mounted here: that takes root")
    try:
        shutil.copytree(aside, node.home, dirs_exist_ok=True)
        node.start()
        yield
    finally:
        node.stop()
        shutil.rmtree(aside)
        shutil.copytree(node.home, aside)
        subprocess.run(["umount", str(node.home)], check=True)
        shutil.rmtree(node.home)
        aside.rename(node.home)  # what it did meanwhile too: an older home would be a store put back
        node.start()


def a_disk_that_is_full(road: Road) -> Fault:
    """Fill the disk of the auditor's home but for a fiftieth."""
    usage = shutil.disk_usage(road.auditor.home)
    filler = road.auditor.home / "filler"
    filler.write_bytes(bytes(usage.free - usage.total // 50))
    yield "RefbusDiskFills", "RefbusDiskFull"
    filler.unlink()


def test_a_disk_that_is_full(road: Road) -> None:
    """They ring until there is room again: a disk of its own, which only an administrator may mount."""
    with own_disk(road.auditor):
        road.play(a_disk_that_is_full)


def own_file(road: Road, org_id: OrgId) -> Organisation:
    """Return what the directory says of a member."""
    return road.world.kz.view().organisations[org_id]


def hand_over(road: Road, org_id: OrgId, update: bytes) -> None:
    """Publish the keys that a member hands to the ceremony."""
    publication = road.world.lab.publication(road.world.clock())
    changes.update_keys(publication, update, org_id)
    road.world.lab.publish(publication)
    road.world.publish()


def rotated(road: Road, org_id: OrgId) -> bytes:
    """Make the next keys in the home of a member, as `refbus keys rotate` does; return the update."""
    own, home, now_ms = own_file(road, org_id), road.world.lab.home(org_id), road.world.clock()
    signer = next(iter(home.signing_pairs(CEREMONY).values()))
    pair, private = SigningPair.generate(), KemPrivate.generate()
    home.save_signing(pair, CEREMONY, memory_kib=64)
    home.save_kem(private, CEREMONY, memory_kib=64)
    signing, kem = next_signing(own, pair, signer, now_ms), next_kem(own, private, signer, now_ms)
    return make_update(org_id, (signing,), (kem,))


def keys_of_a_gate_that_end(road: Road) -> Fault:
    """Let months pass until five days before the keys of the gate end; then a ceremony publishes its next ones."""
    ends_ms = min(key.not_after_ms for key in own_file(road, OrgId("kz-gate")).kem_keys)
    road.world.pass_time(days=(ends_ms - road.world.clock()) / DAY_MS - 5)
    road.world.settle()
    yield "RefbusGateKeyEnds"
    hand_over(road, OrgId("kz-gate"), rotated(road, OrgId("kz-gate")))


def a_key_of_an_inspector_that_ends(road: Road) -> Fault:
    """Let months pass until five days before the key of the inspector ends; then a ceremony publishes its next one."""
    yield "RefbusInspectorKeyEnds"
    inspector = next(
        each
        for each, member in road.world.kz.view().organisations.items()
        if member.role is OrgRole.INSPECTOR and member.country == "kz"
    )
    hand_over(road, inspector, rotated(road, inspector))


def keys_of_a_log_that_nobody_renews(road: Road) -> Fault:
    """Renew no key of the log until July of the next year; then renew them, as `refbus-ops audit keys renew` does."""
    road.kz.stop()  # what becomes of gates without keys is not looked at
    road.uz.stop()
    road.world.pass_time(days=(JULY_MS - road.world.clock()) / DAY_MS)
    yield "RefbusLogKeysEnd"
    home = road.world.lab.home(road.auditor.auditor.home.identity.org_id)
    own = own_file(road, home.identity().org_id)
    name = AuditKeys.of(own.audit_keys).name
    signer = next(iter(home.signing_pairs(CEREMONY).values()))
    secret = home.log_secret(CEREMONY)
    hand_over(road, own.org_id, make_audit_update(own, secret, (name, None), signer, road.world.clock()))


def test_keys_that_end(road: Road) -> None:
    """They ring until the directory has the next keys."""
    road.play(keys_of_a_gate_that_end, a_key_of_an_inspector_that_ends)
    road.play(keys_of_a_log_that_nobody_renews, leaves=None)  # other keys have ended meanwhile
