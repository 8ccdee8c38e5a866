"""A reader checks what changed, and reads a member when somebody asks for it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import DelegatedRole

from bench.counting import counting
from refbus.core.directory import OrgRole, OrgStatus
from refbus.core.ids import CountryCode, KeyId
from refbus.errors import Code, StoreError, UntrustedError
from refbus.recent import Recent
from refbus.trust.layout import MAX_COUNTRIES
from refbus.trust.member import endorsement
from refbus.trust.publisher.repository import Publication
from refbus.trust.reader.loader import TrustStore
from refbus.trust.reader.members import Members
from support.ceremonies import AGENCY, KZ, SHELTER, Lab, later, read
from support.directories import NOW_MS
from support.readers import MEMBERS, suspend

CHECKS = ("refbus/trust/member/endorsement.py", "check_member")


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a fresh process: what other tests checked is not known."""
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))


def _members(store: TrustStore) -> Members:
    found = store.history.latest.organisations
    assert isinstance(found, Members)
    return found


def test_only_what_changed_is_checked_again(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first version checks everybody, a suspension one member, a fresh timestamp nobody; so after a start."""
    with counting() as counts:
        read(store, fed.files())
    assert counts.calls[CHECKS] == MEMBERS
    suspend(fed, now_ms=later(1))
    again = TrustStore(tmp_path / "reader")
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))
    with counting() as counts:
        read(again, fed.files(), later(1))
    assert counts.calls[CHECKS] == 1
    fed.republish(later(2))
    with counting() as counts:
        read(again, fed.files(), later(2))
    assert counts.calls[CHECKS] == 0


def test_a_member_is_read_when_it_is_asked_for(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start reads nobody; who deals with one reads one; what is asked of all reads nobody either."""
    read(store, fed.files())
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))
    again = TrustStore(tmp_path / "reader")
    with counting() as counts:
        again.resume(NOW_MS, lambda _: True, lambda _root: None)
        directory = again.history.latest
        assert (len(directory.organisations), AGENCY in directory.organisations) == (MEMBERS, True)
        assert len(directory.briefs()) == MEMBERS
    assert counts.calls[CHECKS] == 0
    with counting() as counts:
        assert directory.find(AGENCY) == store.history.latest.find(AGENCY)
        assert directory.find(AGENCY) is directory.find(AGENCY)
        assert [each.role for each in directory.members_of(KZ, OrgRole.GATE)] == [OrgRole.GATE]
    assert counts.calls[CHECKS] == 2


def test_the_index_says_what_the_members_say(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Read from the disk and made of everybody: the same."""
    read(store, fed.files())
    again = TrustStore(tmp_path / "reader")
    again.load(NOW_MS)
    directory = again.history.latest
    plain = dataclasses.replace(directory, organisations=dict(directory.organisations))
    assert directory.briefs() == plain.briefs()
    assert directory.revoked_keys() == plain.revoked_keys()
    kid = directory.organisations[AGENCY].kem_keys[0].kid
    assert directory.holder_of(kid) == plain.holder_of(kid) == directory.organisations[AGENCY]
    assert directory.holder_of(KeyId(bytes(16))) is None
    assert list(directory.members_of(KZ)) == list(plain.members_of(KZ))


def _contents(folder: Path) -> Path:
    return folder / "versions" / "contents"


def test_a_member_damaged_in_one_place_is_read_from_the_other(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """What was verified lies beside the versions and among what arrived; the damaged copy is written again later."""
    read(store, fed.files())
    folder = tmp_path / "reader"
    for path in _contents(folder).iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    again = TrustStore(folder)
    again.load(NOW_MS)
    assert len(dict(again.history.latest.organisations)) == MEMBERS
    suspend(fed, now_ms=later(1))
    read(again, fed.files(), later(1))
    named = {path.name for path in _contents(folder).iterdir()}
    assert named >= set(_members(again).contents.names.values())


def test_a_member_damaged_everywhere_is_no_stranger(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the disk that failed, not the member; the next start asks for the file, and has it when it comes again."""
    read(store, fed.files())
    folder = tmp_path / "reader"
    digest = _members(store).index[SHELTER].file
    for path in (_contents(folder) / digest, *folder.glob(f"incoming/targets/uz/{digest}.*")):
        path.write_bytes(b"")
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))
    again = TrustStore(folder)
    again.resume(NOW_MS, lambda _: True, lambda _root: None)
    with pytest.raises(StoreError) as caught:
        again.history.latest.find(SHELTER)
    assert caught.value.code is Code.STORE_FAILED
    assert again.history.latest.find(AGENCY) is not None
    next_start = TrustStore(folder)
    next_start.load(NOW_MS)
    assert next_start.wants_files
    assert read(next_start, fed.files()).find(SHELTER) is not None


def test_contents_that_no_version_names_go(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """The suspended member's former file stays for one message life, as its version does."""
    read(store, fed.files())
    folder = _contents(tmp_path / "reader")
    former = _members(store).index[SHELTER].file
    suspend(fed, now_ms=later(1))
    read(store, fed.files(), later(1))
    assert (folder / former).is_file()
    fed.republish(later(35))
    read(store, fed.files(), later(35))
    assert store.history.at(1) is None
    assert not (folder / former).exists()
    assert len(dict(store.history.latest.organisations)) == MEMBERS


def test_a_version_that_an_older_program_kept_is_read(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its contents inside; the next version is compared with it like any other."""
    read(store, fed.files())
    path = tmp_path / "reader" / "versions" / "1.json"
    head = json.loads(path.read_bytes().split(b"\n")[1])
    contents = _members(store).contents
    del head["policies"], head["index"]
    targets = {name: base64.b64encode(contents[name]).decode() for name in contents}
    body = json.dumps({**head, "format": "refbus/verified-directory/1", "targets": targets}, sort_keys=True).encode()
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    again = TrustStore(tmp_path / "reader")
    again.load(NOW_MS)
    assert dict(again.history.latest.organisations) == dict(store.history.latest.organisations)
    suspend(fed, now_ms=later(1))
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))
    with counting() as counts:
        found = read(again, fed.files(), later(1)).organisations
    assert found[SHELTER].status is OrgStatus.SUSPENDED
    assert counts.calls[CHECKS] == 1


@pytest.mark.parametrize("name", ["../../root", "x" * 64, "AB" * 32])
def test_an_index_names_contents_by_their_hash_alone(fed: Lab, store: TrustStore, tmp_path: Path, name: str) -> None:
    """Whoever wrote it, nothing else of it is ever joined to a folder."""
    read(store, fed.files())
    path = tmp_path / "reader" / "versions" / "1.json"
    _, head, index = path.read_bytes().split(b"\n")
    changed = json.loads(index)
    changed["members"][SHELTER][0] = name
    index = json.dumps(changed).encode()
    body = json.dumps({**json.loads(head), "index": hashlib.sha256(index).hexdigest()}).encode() + b"\n" + index
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    again = TrustStore(tmp_path / "reader")
    again.catch_up(lambda: NOW_MS)
    with pytest.raises(StoreError):
        again.history.latest.find(SHELTER)


def test_an_index_that_was_changed_under_a_reader_is_not_believed(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Who opened a version reads its index later: one that another wrote meanwhile, with a right checksum, is none."""
    read(store, fed.files())
    again = TrustStore(tmp_path / "reader")
    again.catch_up(lambda: NOW_MS)
    path = tmp_path / "reader" / "versions" / "1.json"
    _, head, index = path.read_bytes().split(b"\n")
    changed = json.loads(index)
    del changed["members"][SHELTER]
    index = json.dumps(changed).encode()
    body = json.dumps({**json.loads(head), "index": hashlib.sha256(index).hexdigest()}).encode() + b"\n" + index
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    with pytest.raises(StoreError):
        again.history.latest.find(SHELTER)


def test_the_countries_of_a_directory_are_bounded(fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the bound is refused whoever signed it, and what was in force stays."""
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    read(store, fed.files())
    publication = fed.publication(later(1))
    targets: Any = publication._edited("targets").signed
    keyids = targets.delegations.roles["uz"].keyids
    names = [CountryCode(one + other) for one in "abcdef" for other in "abcdefghijklmnopqrst"]
    for name in names[: MAX_COUNTRIES - 3]:
        targets.delegations.roles[name] = DelegatedRole(name, keyids, 1, terminating=True, paths=[f"{name}/*"])
    assert len(targets.delegations.roles) == MAX_COUNTRIES + 1
    fed.publish(publication)
    with pytest.raises(UntrustedError) as caught:
        store.refresh_from(fed.files(), later(1))
    assert caught.value.code is Code.DIRECTORY_INVALID
    assert store.history.latest.version == 1
