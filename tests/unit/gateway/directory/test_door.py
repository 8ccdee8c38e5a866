"""A newer version of the directory comes into force when this country's audit log shows every file of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.audit.shapes import directory_leaf
from refbus.core.directory import OrgStatus
from refbus.core.ids import OrgId
from refbus.crypto.framing import sha256
from refbus.errors import Code, UncheckableError, UntrustedError
from refbus.telemetry import Metrics, Service
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import inclusion_proof
from refbus.trust.layout import TIMESTAMP
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.trust.reader.manifest import Named
from refbus.wire.transport import DirectoryFile
from refbus_gateway.directory import door
from refbus_gateway.directory.door import PATIENCE_MS, Waiting
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.store import directoryfiles
from refbus_gateway.sync.meters import Counting
from refbus_gateway.sync.proof_reader import Proving
from support.ceremonies import AGENCY, KG, KZ, PASSPHRASE, SHELTER, UZ, Lab
from support.gateways import World, alarm_codes, home_health
from support.logs import NaiveTrees

NEIGHBOUR = OrgId("kz-she1ter1")
Files = list[tuple[str, bytes]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a federation whose first version everybody may take on the root alone."""
    return World(tmp_path)


@pytest.fixture
def kz(world: World) -> Iterator[Gateway]:
    """Give the agency's gateway, whose first version the log has confirmed."""
    gateway = world.gateway(AGENCY)
    world.log(KZ).show(world.lab.files())
    world.sync(gateway)
    yield gateway
    gateway.close()


def _suspend(world: World, org_id: OrgId = SHELTER, lab: Lab | None = None) -> Files:
    """Publish, in the folder only, that an organisation is suspended."""
    where = lab or world.lab
    publication = where.publication(world.clock())
    changes.set_status(publication, org_id, OrgStatus.SUSPENDED)
    where.publish(publication)
    return where.files()


def _twin(world: World) -> Lab:
    """Return a second folder with the same keys: whoever holds them can publish something else from it."""
    shutil.copytree(world.folder / "federation", world.folder / "twin")
    return Lab(FederationPaths(world.folder / "twin"))


def _bring(world: World, files: Files) -> None:
    for path, content in files:
        world.bus.put("kz.directory", DirectoryFile(path, content).encode())


def _status(gateway: Gateway, org_id: OrgId = SHELTER) -> OrgStatus:
    return gateway.history.latest.organisations[org_id].status


def test_a_version_that_the_log_shows_comes_into_force(world: World, kz: Gateway) -> None:
    """With the proofs of all its files there, one round is enough."""
    _suspend(world)
    world.publish()
    world.sync(kz)
    assert _status(kz) is OrgStatus.SUSPENDED
    assert home_health(kz).directory == Waiting(None, 0, None)
    assert alarm_codes(kz) == []


def test_without_proofs_a_version_waits_and_the_one_before_stays(world: World, kz: Gateway) -> None:
    """Silent auditors stop no work: status says since when it waits, after a day an alarm does."""
    _suspend(world)
    world.publish(logged=False)
    since_ms = world.clock()
    world.sync(kz)
    assert _status(kz) is OrgStatus.ACTIVE
    assert home_health(kz).directory.since_ms == since_ms
    assert alarm_codes(kz) == []
    world.clock.now_ms += PATIENCE_MS
    world.sync(kz)
    assert alarm_codes(kz) == [Code.DIRECTORY_UNLOGGED]


def test_the_alarm_goes_when_the_version_comes_in(world: World, kz: Gateway) -> None:
    """Nobody has to clear what has solved itself."""
    files = _suspend(world)
    world.publish(logged=False)
    world.sync(kz)
    world.clock.now_ms += PATIENCE_MS
    world.sync(kz)
    world.log(KZ).show(files)
    world.sync(kz)
    assert _status(kz) is OrgStatus.SUSPENDED
    assert alarm_codes(kz) == []


@pytest.mark.parametrize("left_out", ["timestamp", "snapshot", "uz"])
def test_every_file_must_be_shown(world: World, kz: Gateway, left_out: str) -> None:
    """One file of a version that the log does not show keeps all of it out."""
    files = _suspend(world)
    world.publish(logged=False)
    world.log(KZ).show((path, content) for path, content in files if f"{left_out}.json" not in path)
    world.sync(kz)
    assert _status(kz) is OrgStatus.ACTIVE
    world.log(KZ).show(files)
    world.sync(kz)
    assert _status(kz) is OrgStatus.SUSPENDED


def test_proofs_may_come_before_the_files(world: World, kz: Gateway) -> None:
    """The log's word waits for the file as well."""
    files = _suspend(world)
    world.log(KZ).show(files)
    world.sync(kz)
    assert home_health(kz).directory.since_ms is None
    world.publish(logged=False)
    world.sync(kz)
    assert _status(kz) is OrgStatus.SUSPENDED


def test_too_few_witnesses_show_nothing(world: World, kz: Gateway) -> None:
    """The quorum of the version in force decides about the next."""
    files = _suspend(world)
    world.publish(logged=False)
    log = world.log(KZ)
    log.entries += [directory_leaf(path, content) for path, content in files if path.startswith("metadata/")]
    log.put(log.proofs(log.checkpoint(witnesses=[KG]), range(len(log.entries))))
    world.sync(kz)
    assert _status(kz) is OrgStatus.ACTIVE
    assert Code.QUORUM_MISSING in alarm_codes(kz)


def test_what_waits_survives_a_restart(world: World, kz: Gateway) -> None:
    """The files are in the store, so the proofs may come after another start."""
    files = _suspend(world)
    world.publish(logged=False)
    world.sync(kz)
    kz.close()
    again = world.gateway(AGENCY)
    assert _status(again) is OrgStatus.ACTIVE
    world.log(KZ).show(files)
    world.sync(again)
    assert _status(again) is OrgStatus.SUSPENDED
    again.close()


def test_another_version_for_one_office_alone_is_not_taken(world: World, kz: Gateway) -> None:
    """The keys of the directory are not enough: the country's log shows the other one, and both are kept."""
    metrics = Metrics(Service.GATEWAY, world.clock)
    kz.observer = Counting(metrics)
    hostile = _suspend(world, NEIGHBOUR, _twin(world))
    _bring(world, hostile)
    world.sync(kz)
    assert _status(kz, NEIGHBOUR) is OrgStatus.ACTIVE
    honest = _suspend(world)
    world.publish()
    world.sync(kz)
    assert _status(kz, NEIGHBOUR) is OrgStatus.ACTIVE
    assert _status(kz) is OrgStatus.SUSPENDED
    assert Code.DIRECTORY_FORKED in alarm_codes(kz)
    kept = {path.read_bytes() for path in (kz.home.path / "evidence").iterdir()}
    assert {dict(hostile)[TIMESTAMP], dict(honest)[TIMESTAMP]} <= kept
    assert (metrics.registry.get_sample_value("refbus_gateway_directory_forks_total") or 0) > 0


def test_the_log_alone_convicts_a_version_that_came_first(world: World) -> None:
    """A first start believes the root; another hash in the log is an alarm although the file never arrives."""
    hostile = _suspend(world, NEIGHBOUR, _twin(world))
    _bring(world, hostile)
    kz = world.gateway(AGENCY)
    log = world.log(KZ)
    honest = _suspend(world)
    log.show(honest)
    world.sync(kz)
    assert Code.DIRECTORY_FORKED in alarm_codes(kz)
    kz.close()


def test_a_first_start_asks_for_the_proofs_afterwards(world: World) -> None:
    """Until they come the status says that the log has not confirmed it; after a day it is an alarm."""
    kz = world.gateway(AGENCY)
    assert home_health(kz).directory.unconfirmed > 0
    world.clock.now_ms += PATIENCE_MS
    world.sync(kz)
    assert alarm_codes(kz) == [Code.DIRECTORY_UNLOGGED]
    world.log(KZ).show(world.lab.files())
    world.sync(kz)
    assert home_health(kz).directory == Waiting(None, 0, None)
    assert alarm_codes(kz) == []
    kz.close()


def test_a_gateway_that_was_there_before_the_directory_is_confirmed_at_once(tmp_path: Path) -> None:
    """Without keys to check with there is nothing to read yet, and no pause after a failure either."""
    world = World(tmp_path)
    world.log(KZ).show(world.lab.files())
    kz = open_gateway(world.home(AGENCY), PASSPHRASE, world.clock)
    proving = Proving(kz, world.bus)
    assert proving.read(10) == 0
    for path, content in world.lab.files():
        door.take(kz, DirectoryFile(path, content))
    assert home_health(kz).directory.unconfirmed > 0
    assert proving.read(10) == 1
    assert home_health(kz).directory == Waiting(None, 0, None)
    proving.close()
    kz.close()


def test_an_expired_directory_still_lets_the_next_one_in(world: World, kz: Gateway) -> None:
    """An office that was closed for weeks catches up by itself."""
    world.clock.move(days=40)
    world.lab.republish(world.clock())
    world.publish()
    world.sync(kz)
    assert kz.directory().version == kz.history.latest.version


def test_where_no_witness_is_demanded_versions_come_as_they_always_did(world: World, kz: Gateway) -> None:
    """The rule is data: a country with an audit quorum of 0 has no door."""
    publication = world.lab.publication(world.clock())
    policy = publication.content("kz", "kz/policy.json")
    assert policy is not None
    quiet = policy.replace(b'"audit_quorum":2', b'"audit_quorum":0').replace(b'"version":1', b'"version":2')
    assert quiet != policy
    publication.put("kz", "kz/policy.json", quiet)
    world.lab.publish(publication)
    world.publish()
    world.sync(kz)
    assert kz.history.latest.policies[KZ].audit_quorum == 0
    _suspend(world)
    world.publish(logged=False)
    world.sync(kz)
    assert _status(kz) is OrgStatus.SUSPENDED


def test_junk_does_not_fill_the_door(world: World, kz: Gateway) -> None:
    """Of one path only a few contents wait; what the log has shown is never pushed out."""
    files = _suspend(world)
    world.publish(logged=False)
    world.log(KZ).show(files)
    world.sync(kz)
    for number in range(9):
        _bring(world, [("metadata/99.kz.json", b"junk %d" % number)])
    world.sync(kz)
    with kz.store.read() as tx:
        waiting = [row for row in directoryfiles.here(tx) if row.path == "metadata/99.kz.json"]
    assert len(waiting) == directoryfiles.MOST_OF_ONE_PATH
    assert _status(kz) is OrgStatus.SUSPENDED


def test_a_version_that_the_log_shows_and_the_keys_do_not_is_refused(world: World, kz: Gateway) -> None:
    """The log tells what was seen, never that it is right: signatures are checked as before."""
    files = dict(_suspend(world))
    files[TIMESTAMP] = files[TIMESTAMP].replace(b'"sig": "', b'"sig": "00').replace(b'"sig":"', b'"sig":"00')
    _bring(world, list(files.items()))
    world.log(KZ).show(files.items())
    world.sync(kz)
    assert _status(kz) is OrgStatus.ACTIVE
    assert Code.DIRECTORY_INVALID in alarm_codes(kz)


def test_entries_of_other_kinds_are_no_business_of_the_door(world: World, kz: Gateway) -> None:
    """An audit leaf changes nothing here."""
    with kz.store.write() as tx:
        door.prove(kz, tx, b"refbus-audit/v1" + bytes(32))
        before = home_health(kz).directory
    assert before == Waiting(None, 0, None)


def test_a_gateway_abroad_has_a_door_of_its_own(world: World) -> None:
    """Each country's log decides for its own offices."""
    uz = world.gateway(SHELTER)
    files = _suspend(world)
    world.publish(logged=False)
    world.log(KZ).show(files)
    world.sync(uz)
    assert _status(uz) is OrgStatus.ACTIVE
    world.log(UZ).show(files)
    world.sync(uz)
    assert _status(uz) is OrgStatus.SUSPENDED
    uz.close()


def _stick(world: World, files: Files, *, proofs: bool) -> Path:
    """Write a publication as files, with a proof beside each metadata file."""
    folder = world.folder / "stick"
    log = world.log(KZ)
    log.show(files)
    note, trees = log.checkpoint(), NaiveTrees(log.entries)
    for path, content in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        if proofs and path.startswith("metadata/"):
            index = log.entries.index(directory_leaf(path, content))
            proof = TlogProof(index, tuple(inclusion_proof(trees, index, len(log.entries))), note)
            (folder / f"{path}.tlog-proof").write_bytes(proof.encode())
    return folder


def _proofs(folder: Path) -> dict[str, bytes]:
    found = folder.rglob("*.tlog-proof")
    return {path.relative_to(folder).as_posix().removesuffix(".tlog-proof"): path.read_bytes() for path in found}


def test_files_with_their_proofs_come_in_without_a_line(world: World, kz: Gateway) -> None:
    """An import checks each proof against the quorum of the directory in force."""
    files = _suspend(world)
    door.take_proven(kz, files, _proofs(_stick(world, files, proofs=True)))
    assert _status(kz) is OrgStatus.SUSPENDED


def test_files_without_proofs_are_refused_unless_a_person_answers_for_them(world: World, kz: Gateway) -> None:
    """What came is kept at the door; --unlogged takes it on its signatures alone."""
    files = _suspend(world)
    with pytest.raises(UncheckableError) as refused:
        door.take_proven(kz, files, {})
    assert refused.value.code is Code.DIRECTORY_UNLOGGED
    assert _status(kz) is OrgStatus.ACTIVE
    door.take_unlogged(kz, files)
    assert _status(kz) is OrgStatus.SUSPENDED


def test_a_proof_of_another_file_proves_nothing(world: World, kz: Gateway) -> None:
    """A proof is about the content beside it."""
    files = _suspend(world)
    proofs = _proofs(_stick(world, files, proofs=True))
    proofs[TIMESTAMP] = next(proof for path, proof in proofs.items() if path.endswith("snapshot.json"))
    with pytest.raises(UntrustedError) as refused:
        door.take_proven(kz, files, proofs)
    assert refused.value.code is Code.PROOF_INVALID
    assert _status(kz) is OrgStatus.ACTIVE


def test_what_is_named_is_found_by_its_content(kz: Gateway) -> None:
    """Of two contents of one path the one that is asked for is found, and no other."""
    one, other = (sha256(content) for content in (b"one", b"other"))
    with kz.store.write() as tx:
        for content in (b"one", b"other"):
            directoryfiles.arrive(tx, "7.kz.json", content, kz.now_ms())
        asked = [Named("7.kz.json", other), Named("8.kz.json", one)]
        assert [row.content for row in directoryfiles.named(tx, asked)] == [b"other"]
