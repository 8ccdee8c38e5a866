"""The publishing side: thresholds, staging on several machines, and refusing what readers would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.errors import Code, MalformedError, SetupError, UntrustedError
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import all_signers
from refbus.trust.publisher.custody import load_signer
from refbus.trust.publisher.repository import Publication, Repository
from support.ceremonies import KG, KZ, PASSPHRASE, SHELTER, TM, UZ, Lab, later, read
from support.directories import NOW_MS


def _revocation(fed: Lab) -> Publication:
    publication = fed.publication()
    changes.revoke(publication, SHELTER, fed.pair(SHELTER).kid, NOW_MS, by_anchors=True)
    return publication


def _online(fed: Lab) -> tuple[object, ...]:
    return tuple(load_signer(fed.paths.online(role), PASSPHRASE) for role in ("snapshot", "timestamp"))


def test_three_anchors_sign_on_three_machines(fed: Lab, tmp_path: Path) -> None:
    """The staged change travels as files; each machine adds one signature; the third makes it publishable."""
    staged = tmp_path / "staged"
    _revocation(fed).save(staged)
    for missing, country in ((2, KZ), (1, KG), (0, UZ)):
        publication = Publication.resume(Repository(fed.paths.repository), staged, NOW_MS)
        assert publication.sign(load_signer(fed.paths.anchor(country), PASSPHRASE)) == ("targets",)
        assert publication.missing() == ({"targets": missing} if missing else {})
        if missing:
            with pytest.raises(UntrustedError) as caught:
                publication.publish(*_online(fed))  # type: ignore[arg-type]
            assert caught.value.code is Code.SIGNATURE_INVALID
        publication.save(staged)
    final = Publication.resume(Repository(fed.paths.repository), staged, NOW_MS)
    assert final.publish(*_online(fed)) == ()  # type: ignore[arg-type]
    assert read(fed.store(tmp_path / "reader"), fed.files()).version == 2


def test_one_anchor_counts_once(fed: Lab) -> None:
    """Signing three times with one key is one signature; a key that is no anchor's signs nothing."""
    publication = _revocation(fed)
    for _ in range(3):
        publication.sign(load_signer(fed.paths.anchor(KZ), PASSPHRASE))
    assert publication.missing() == {"targets": 2}
    assert publication.sign(load_signer(fed.paths.delegation(TM), PASSPHRASE)) == ()


def test_an_edit_after_signing_needs_signatures_again(fed: Lab) -> None:
    """What was signed is what is published."""
    publication = _revocation(fed)
    for country in (KZ, KG, TM):
        publication.sign(load_signer(fed.paths.anchor(country), PASSPHRASE))
    assert publication.missing() == {}
    changes.revoke(publication, SHELTER, next(iter(fed.kems(SHELTER))), NOW_MS, by_anchors=True)
    assert publication.missing() == {"targets": 3}


def test_the_summary_says_what_is_signed(fed: Lab) -> None:
    """Each role and file that changes, for people."""
    publication = _revocation(fed)
    publication.put(UZ, "uz/uz-99999999.json", b"{}")
    publication.remove(UZ, f"uz/{SHELTER}.json")
    assert publication.summary() == (
        "targets version 2",
        f"  ~ enrolment/{SHELTER}.json",
        "uz version 2",
        "  + uz/uz-99999999.json",
        f"  - uz/{SHELTER}.json",
    )
    changed = fed.publication()
    changed.edit_root(lambda _root: None)
    assert changed.summary() == ("root version 2",)


def test_what_readers_would_leave_out_is_not_published(fed: Lab, tmp_path: Path) -> None:
    """A file with a mistake stops the publication, and nothing is written; known problems do not stop later ones."""
    before = fed.files()
    publication = fed.publication()
    publication.put(UZ, f"uz/{SHELTER}.json", b"{}")
    with pytest.raises(UntrustedError) as caught:
        fed.publish(publication)
    assert caught.value.code is Code.MALFORMED
    assert fed.files() == before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Publication, "_check", lambda _self, _files: ())
        fed.publish(publication)
    fed.republish(later(1))
    store = fed.store(tmp_path / "reader")
    assert SHELTER not in read(store, fed.files(), later(1)).organisations


def test_a_stale_change_is_not_published(fed: Lab, tmp_path: Path) -> None:
    """Staged on version 1 while version 2 came out: discard it and stage again; after publishing it is simply empty."""
    staged = tmp_path / "staged"
    repository = Repository(fed.paths.repository)
    mine = fed.publication()
    changes.set_status(mine, SHELTER, OrgStatus.REMOVED)
    mine.save(staged)
    fed.publish(mine)
    assert Publication.resume(repository, staged, NOW_MS).summary() == ()
    other = fed.publication()
    changes.revoke(other, SHELTER, next(iter(fed.kems(SHELTER))), NOW_MS)
    fed.publish(other)
    with pytest.raises(SetupError) as caught:
        Publication.resume(repository, staged, NOW_MS)
    assert caught.value.code is Code.USAGE


def test_the_snapshot_is_renewed_before_it_expires(fed: Lab, tmp_path: Path) -> None:
    """Daily republication needs the online keys only, and goes on past the snapshot's thirty days."""
    store = fed.store(tmp_path / "reader")
    read(store, fed.files())
    fed.republish(later(6))
    assert read(store, fed.files(), later(6)).version == 1
    fed.republish(later(25))
    assert read(store, fed.files(), later(25)).version == 2
    fed.republish(later(31))
    assert read(store, fed.files(), later(31)).expires_at_ms == later(38)


def test_damaged_or_missing_files_are_coded(fed: Lab) -> None:
    """The publishing side speaks the same errors."""
    with pytest.raises(SetupError) as caught:
        Repository(fed.paths.out / "nowhere").timestamp()
    assert caught.value.code is Code.FILE_UNREADABLE
    (fed.paths.repository / "metadata" / "timestamp.json").write_bytes(b"{}")
    with pytest.raises(MalformedError):
        Repository(fed.paths.repository).timestamp()
    source = fed.paths.repository / "metadata" / "1.snapshot.json"
    (fed.paths.repository / "metadata" / "timestamp.json").write_bytes(source.read_bytes())
    with pytest.raises(MalformedError):
        Repository(fed.paths.repository).timestamp()


def test_a_development_folder_has_every_key(fed: Lab) -> None:
    """Four anchors, four delegations, two online keys."""
    assert len(all_signers(fed.paths, fed.passphrases)) == 10
