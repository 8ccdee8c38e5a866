"""Whoever publishes, delays or mixes files puts nothing in force that the anchors and the key rules do not accept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.errors import Code, SetupError, UncheckableError, UntrustedError
from refbus.trust.layout import TIMESTAMP
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import Passphrases, create_development_federation
from refbus.trust.publisher.description import parse_description
from refbus.trust.publisher.repository import Publication
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import AGENCY, SHELTER, Lab, later, read
from support.directories import NOW_MS
from support.readers import refused, suspend


def test_rollback_is_refused(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """An older, validly signed publication comes again.

    Refused, also after a restart, also when the updater's state is lost.
    """
    old = fed.files()
    read(store, old)
    suspend(fed)
    read(store, fed.files())
    refused(store, old, Code.DIRECTORY_INVALID)
    again = fed.store(tmp_path / "reader")
    again.load(NOW_MS)
    refused(again, old, Code.DIRECTORY_INVALID)
    for path in (tmp_path / "reader" / "tuf").glob("*.json"):
        path.unlink()
    refused(again, old, Code.DIRECTORY_INVALID)


def test_freeze_ends_by_expiry(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Somebody who holds updates back cannot keep an old view in use: it expires, and says so."""
    read(store, fed.files())
    assert store.history.require_fresh(later(7) - 1).version == 1
    with pytest.raises(UncheckableError) as caught:
        store.history.require_fresh(later(7))
    assert caught.value.code is Code.DIRECTORY_EXPIRED
    refused(store, fed.files(), Code.DIRECTORY_EXPIRED, later(8))
    again = fed.store(tmp_path / "reader")
    history = again.load(later(8))
    assert history == store.history
    assert again.last_error is not None
    assert again.last_error.code is Code.DIRECTORY_EXPIRED


def test_the_caller_s_clock_counts(fed: Lab, store: TrustStore) -> None:
    """Expiry is judged at the time passed in: an expired publication is refused, whatever the machine's clock says."""
    with pytest.raises(UncheckableError) as caught:
        store.refresh_from(fed.files(), later(7))
    assert caught.value.code is Code.DIRECTORY_EXPIRED
    assert read(store, fed.files(), later(7) - 1_000).version == 1


def test_a_mix_of_two_versions_is_refused(fed: Lab, store: TrustStore) -> None:
    """An old snapshot under the new one's name: the hash in the timestamp says no."""
    read(store, fed.files())
    suspend(fed)
    new = dict(fed.files())
    refused(
        store,
        list({**new, "metadata/2.snapshot.json": new["metadata/1.snapshot.json"]}.items()),
        Code.DIRECTORY_INVALID,
    )


@pytest.mark.parametrize("edit", [lambda new, old: old, lambda new, old: new + b" ", lambda new, old: b""])
def test_a_country_s_part_that_the_snapshot_does_not_name_is_waited_for(
    fed: Lab, store: TrustStore, edit: Callable[[bytes, bytes], bytes]
) -> None:
    """Another file under its name, older or garbled, takes nobody out: the right one is still to come."""
    read(store, fed.files())
    suspend(fed)
    new = dict(fed.files())
    right = new["metadata/2.uz.json"]
    refused(
        store,
        list({**new, "metadata/2.uz.json": edit(right, new["metadata/1.uz.json"])}.items()),
        Code.DIRECTORY_INCOMPLETE,
    )
    assert store.add_file("metadata/2.uz.json", right, NOW_MS) is not None
    assert store.history.latest.organisations[SHELTER].status is OrgStatus.SUSPENDED


def test_a_country_s_part_without_its_signature_leaves_that_country_out(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The online keys published what the delegation never signed: that country is out, the others go on."""
    publication = fed.publication()
    changes.set_status(publication, SHELTER, OrgStatus.REMOVED)
    monkeypatch.setattr(Publication, "missing", lambda _self: {})
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    monkeypatch.setattr(Publication, "sign", lambda _self, _signer: ())
    fed.publish(publication)
    directory = read(store, fed.files())
    assert SHELTER not in directory.organisations
    assert AGENCY in directory.organisations
    assert [(item.path, item.code) for item in store.problems] == [("uz", Code.DIRECTORY_INVALID)]


@pytest.mark.parametrize("name", [TIMESTAMP, "metadata/1.snapshot.json", "metadata/1.targets.json"])
def test_edited_metadata_is_refused(fed: Lab, store: TrustStore, name: str) -> None:
    """A later expiry written in by hand has no signature."""
    edited = [
        (path, content.replace(b'"expires":"20', b'"expires":"21') if path == name else content)
        for path, content in fed.files()
    ]
    assert edited != fed.files()
    with pytest.raises(UntrustedError) as caught:
        store.refresh_from(edited, NOW_MS)
    assert caught.value.code is Code.DIRECTORY_INVALID


def test_two_anchors_of_four_are_not_enough(fed: Lab, store: TrustStore) -> None:
    """The targets role with two good signatures is refused; the threshold is three."""
    files = dict(fed.files())
    targets = json.loads(files["metadata/1.targets.json"])
    targets["signatures"] = targets["signatures"][:2]
    with pytest.raises(UntrustedError):
        store.refresh_from(
            [
                (path, json.dumps(targets).encode() if "1.targets" in path else content)
                for path, content in files.items()
            ],
            NOW_MS,
        )


def test_another_federation_is_not_believed(fed: Lab, tmp_path: Path) -> None:
    """A publication under another root, however well signed, is nothing to a store with this root pinned."""
    other = _another(tmp_path)
    with pytest.raises(UntrustedError):
        fed.store(tmp_path / "reader").refresh_from(other.files(), NOW_MS)
    with pytest.raises(SetupError) as caught:
        TrustStore.create(tmp_path / "reader", other.paths.root.read_bytes())
    assert caught.value.code is Code.DIRECTORY_INVALID


def _another(tmp_path: Path) -> Lab:
    description = parse_description('[[country]]\ncode = "kz"\n', tmp_path)
    return Lab(create_development_federation(tmp_path / "another", description, Passphrases.same("x"), NOW_MS))
