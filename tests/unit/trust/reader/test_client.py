"""Properly signed and still wrong.

What the threshold or the online keys could put out by mistake, a reader does not take.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import DelegatedRole, Snapshot, Timestamp
from tuf.ngclient import Updater

from refbus.core.bounds import VERSION
from refbus.errors import Code, MalformedError, SetupError, UntrustedError
from refbus.trust.publisher import repository
from refbus.trust.publisher.repository import Publication
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import AGENCY, SHELTER, UZ, Lab, lab, read
from support.directories import NOW_MS


@pytest.fixture
def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Make a federation whose publisher checks nothing."""
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    return lab(tmp_path)


@pytest.fixture
def store(store: TrustStore, fed: Lab) -> TrustStore:
    """Give a reader that has version 1."""
    read(store, fed.files())
    return store


def _publish(fed: Lab, role: str, edit: Callable[[Any], object]) -> None:
    publication = fed.publication()
    edit(publication._edited(role).signed)
    fed.publish(publication)


def _refused(store: TrustStore, fed: Lab) -> None:
    with pytest.raises(UntrustedError) as caught:
        store.refresh_from(fed.files(), NOW_MS)
    assert caught.value.code is Code.DIRECTORY_INVALID
    assert store.history.latest.version == 1


def test_a_country_s_file_comes_from_its_delegation_only(fed: Lab, store: TrustStore) -> None:
    """Anchors do not publish for a country: a policy listed by the targets role is refused."""
    publication = fed.publication()
    publication.put("targets", "uz/policy.json", b"{}")
    fed.publish(publication)
    _refused(store, fed)


@pytest.mark.parametrize(
    ("name", "paths"),
    [("uz", ["*"]), ("uz", ["kz/*"]), ("uz", ["uz/*", "kz/*"]), ("uzb", ["uzb/*"]), ("bin", ["bin/*"])],
)
def test_a_delegation_is_one_country_s_folder(fed: Lab, store: TrustStore, name: str, paths: list[str]) -> None:
    """Wider paths or other names are refused whoever signed them."""

    def edit(targets: Any) -> None:
        keyids = targets.delegations.roles["uz"].keyids
        targets.delegations.roles[name] = DelegatedRole(name, keyids, 1, terminating=True, paths=paths)

    _publish(fed, "targets", edit)
    _refused(store, fed)


def test_a_targets_role_without_delegations_has_no_countries(fed: Lab, store: TrustStore) -> None:
    """Nobody is a member then, and that is what is in force."""
    _publish(fed, "targets", lambda targets: setattr(targets, "delegations", None))
    assert read(store, fed.files()).organisations == {}


def test_other_top_level_files_are_not_read(fed: Lab, store: TrustStore) -> None:
    """Room for later kinds of file: a name that this version does not know changes nothing."""
    publication = fed.publication()
    publication.put("targets", "codelists/htcds.json", b"{}")
    fed.publish(publication)
    assert AGENCY in read(store, fed.files()).organisations


def test_a_target_without_sha256_is_left_out(fed: Lab, store: TrustStore) -> None:
    """A country lists a file by another hash only."""

    def edit(country: Any) -> None:
        held = country.targets[f"uz/{SHELTER}.json"]
        held.hashes = {"sha512": "0" * 128}

    _publish(fed, UZ, edit)
    assert SHELTER not in read(store, fed.files()).organisations
    assert [(item.path, item.code) for item in store.problems] == [(f"uz/{SHELTER}.json", Code.DIRECTORY_INVALID)]


@pytest.mark.parametrize("published", [None, "yesterday", -1, True, 0, 2**53, 2**63, 10**400])
def test_a_timestamp_says_when_it_was_published(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch, published: object
) -> None:
    """Without a number of milliseconds it is refused."""
    real = repository._signed

    def forge(signed: Any, signer: Any) -> bytes:
        if isinstance(signed, Timestamp):
            signed.unrecognized_fields["x-refbus-published-ms"] = published
        return real(signed, signer)

    monkeypatch.setattr(repository, "_signed", forge)
    fed.republish(NOW_MS)
    with pytest.raises(UntrustedError) as caught:
        store.refresh_from(fed.files(), NOW_MS)
    assert caught.value.code is Code.DIRECTORY_INVALID


def test_a_target_that_tuf_does_not_find_is_left_out(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library answers None for "no such target"; that is never taken for trust."""
    real = Updater.get_targetinfo

    def blind(self: Updater, path: str) -> object:
        return None if SHELTER in path and path.startswith("uz/") else real(self, path)

    monkeypatch.setattr(Updater, "get_targetinfo", blind)
    fed.republish(NOW_MS)
    assert SHELTER not in read(store, fed.files()).organisations
    assert [(item.path, item.code) for item in store.problems] == [(f"uz/{SHELTER}.json", Code.DIRECTORY_INVALID)]


def test_what_was_left_out_is_known_after_a_restart(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Operators see the same list again."""
    publication = fed.publication()
    publication.put(UZ, f"uz/{SHELTER}.json", b"{}")
    fed.publish(publication)
    read(store, fed.files())
    again = fed.store(tmp_path / "reader")
    assert again.load(NOW_MS) == store.history
    assert [(item.path, item.code) for item in again.problems] == [(f"uz/{SHELTER}.json", Code.MALFORMED)]


def test_nothing_is_delegated_without_delegations(fed: Lab) -> None:
    """A targets role that lost its delegations is an error at the ceremony, not a crash."""
    publication = fed.publication()
    publication._edited("targets").signed.delegations = None
    with pytest.raises(MalformedError):
        publication.end_delegation(UZ)


def test_an_oversize_pinned_root_is_refused(tmp_path: Path) -> None:
    """The one file that a person brings is bounded too."""
    with pytest.raises(Exception, match="too large"):
        TrustStore.create(tmp_path / "reader", b" " * 600_000).load(NOW_MS)


@pytest.mark.parametrize("version", [VERSION.high + 1, 2**53, 2**63, 10**400], ids=["bound", "2^53", "2^63", "10^400"])
@pytest.mark.parametrize("place", ["timestamp", "its snapshot", "a country in the snapshot"])
def test_a_version_out_of_bounds_is_never_kept(
    fed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, version: int
) -> None:
    """TUF takes no lower version after a higher one: a huge one is refused before it can be the last for ever."""
    real, store = repository._signed, fed.store(tmp_path / "reader")
    read(store, fed.files())

    def forge(signed: Any, signer: Any) -> bytes:
        if isinstance(signed, Timestamp) and place == "timestamp":
            signed.version = version
        elif isinstance(signed, Timestamp) and place == "its snapshot":
            signed.snapshot_meta.version = version
        elif isinstance(signed, Snapshot) and place == "a country in the snapshot":
            signed.meta["uz.json"].version = version
        return real(signed, signer)

    with monkeypatch.context() as forging:
        forging.setattr(repository, "_signed", forge)
        with suppress(SetupError):  # the publisher does not find again what it forged; it is in the folder
            _publish(fed, UZ, lambda country: country.targets.clear())
        _refused(store, fed)
    kept = [path.read_bytes() for path in (tmp_path / "reader" / "tuf").glob("*.json")]
    assert kept
    assert not any(str(version).encode() in content for content in kept)
