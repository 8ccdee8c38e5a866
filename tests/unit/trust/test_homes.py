"""A member's home: keys under a passphrase, a pinned root, a directory of its own."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from refbus.core.directory import OrgRole
from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError, SetupError
from refbus.tlog.custody import LogSecret
from refbus.tlog.shards import shards_from
from refbus.trust.homes import Home, Identity
from refbus.trust.member.audit_keys import keys_of
from refbus.trust.publisher.ceremony import DEVELOPMENT_KIB
from refbus.trust.reader.log_policy import audit_keys, log_policy
from support.ceremonies import AGENCY, KZ, PASSPHRASE, SHELTER, UZ, lab
from support.directories import NOW_MS, kem_private, signing_pair

CHECKER = OrgId("kz-checker1")
ME = Identity(AGENCY, KZ, OrgRole.NATIONAL_AGENCY)


def _code(action: object) -> Code:
    with pytest.raises(RefbusError) as caught:
        action()  # type: ignore[operator]
    return caught.value.code


def test_a_home_keeps_keys_and_identity(tmp_path: Path) -> None:
    """What is saved comes back under its passphrase; files are the owner's alone."""
    home = Home.create(tmp_path / "home", ME, None)
    pair, kem = signing_pair("home"), kem_private("home")
    paths = [
        home.save_signing(pair, PASSPHRASE, memory_kib=DEVELOPMENT_KIB),
        home.save_kem(kem, PASSPHRASE, memory_kib=DEVELOPMENT_KIB),
    ]
    assert home.identity() == ME
    assert {kid: found.secret for kid, found in home.signing_pairs(PASSPHRASE).items()} == {pair.kid: pair.secret}
    assert {kid: found.seed for kid, found in home.kem_keys(PASSPHRASE).items()} == {kem.kid: kem.seed}
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    assert _code(lambda: home.kem_keys("wrong")) is Code.KEYFILE_WRONG_PASSPHRASE


def test_destroying_an_epoch_removes_its_file(tmp_path: Path) -> None:
    """The forward secrecy of old messages."""
    home = Home.create(tmp_path / "home", ME, None)
    kem = kem_private("home")
    path = home.save_kem(kem, PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    assert home.destroy(kem.kid)
    assert not path.exists()
    assert not home.destroy(kem.kid)


def test_another_member_s_key_file_is_refused(tmp_path: Path) -> None:
    """A key file carries its owner in its label."""
    one = Home.create(tmp_path / "one", ME, None)
    two = Home.create(tmp_path / "two", Identity(SHELTER, UZ, OrgRole.NGO), None)
    path = one.save_kem(kem_private("home"), PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    path.rename(two.keys / path.name)
    assert _code(lambda: two.kem_keys(PASSPHRASE)) is Code.KEYFILE_DAMAGED


def test_an_auditor_s_home_keeps_one_log_secret(tmp_path: Path) -> None:
    """Under its passphrase and its owner's label; a second one never takes its place."""
    home = Home.create(tmp_path / "home", Identity(CHECKER, KZ, OrgRole.AUDITOR), None)
    assert not home.has_log_secret()
    assert _code(lambda: home.log_secret(PASSPHRASE)) is Code.KEY_UNKNOWN
    secret = LogSecret.generate()
    path = home.save_log_secret(secret, PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    assert (path, stat.S_IMODE(path.stat().st_mode)) == (home.folder / "keys" / "log.key", 0o600)
    assert home.has_log_secret()
    assert home.log_secret(PASSPHRASE).secret == secret.secret
    assert home.signing_pairs(PASSPHRASE) == {}
    assert home.kem_keys(PASSPHRASE) == {}
    assert _code(lambda: home.log_secret("wrong")) is Code.KEYFILE_WRONG_PASSPHRASE
    assert _code(lambda: home.save_log_secret(LogSecret.generate(), PASSPHRASE)) is Code.KEYFILE_UNSAFE
    other = Home.create(tmp_path / "other", ME, None)
    path.rename(other.keys / path.name)
    assert _code(lambda: other.log_secret(PASSPHRASE)) is Code.KEYFILE_DAMAGED


def test_the_root_is_pinned_once(tmp_path: Path) -> None:
    """Another root is not swapped in; without one there is no directory."""
    home = Home.create(tmp_path / "home", ME, None)
    assert _code(home.trust_store) is Code.FILE_UNREADABLE
    (tmp_path / "federation").mkdir()
    root = lab(tmp_path / "federation").paths.root.read_bytes()
    home.pin_root(root)
    home.pin_root(root)
    assert _code(lambda: home.pin_root(json.dumps(json.loads(root), indent=2).encode())) is Code.DIRECTORY_INVALID


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 30_000, b"\xff", b'{"signed": 1}', b"another file"])
def test_a_wrong_file_is_not_pinned(tmp_path: Path, content: bytes) -> None:
    """A home is pinned once: the real root is taken after the mistake."""
    home = Home.create(tmp_path / "home", ME, None)
    assert _code(lambda: home.pin_root(content)) is Code.DIRECTORY_INVALID
    assert not home.is_pinned
    (tmp_path / "federation").mkdir()
    home.pin_root(lab(tmp_path / "federation").paths.root.read_bytes())


def test_no_home_says_so(tmp_path: Path) -> None:
    """A folder without org.json is no home."""
    with pytest.raises(SetupError) as caught:
        Home(tmp_path).identity()
    assert caught.value.code is Code.HOME_NOT_FOUND


def test_development_homes_are_complete(tmp_path: Path) -> None:
    """Every member of a development federation can unlock keys that the directory lists, and load that directory."""
    fed = lab(tmp_path)
    homes = fed.paths.homes()
    assert len(homes) == 22
    for org_id in (AGENCY, SHELTER, "kz-gate"):
        home = Home(homes[org_id])  # type: ignore[index]
        store = home.trust_store()
        store.refresh_from(fed.files(), NOW_MS)
        member = store.history.latest.organisations[home.identity().org_id]
        assert member.role is home.identity().role
        assert {key.kid for key in member.signing_keys} == set(home.signing_pairs(PASSPHRASE))
        assert {key.kid for key in member.kem_keys} == set(home.kem_keys(PASSPHRASE))


def test_every_country_of_a_development_federation_has_a_log(tmp_path: Path) -> None:
    """Each auditor holds the secret of the keys that it lists, for this half-year and three more; nobody else has one.

    Every policy can be met, and gives a file for offline use.
    """
    fed = lab(tmp_path)
    directory = fed.store(tmp_path / "reader")
    directory.refresh_from(fed.files(), NOW_MS)
    latest = directory.history.latest
    for org_id, member in latest.organisations.items():
        home = fed.home(org_id)
        assert home.has_log_secret() == (member.role is OrgRole.AUDITOR) == bool(member.audit_keys)
        if home.has_log_secret():
            name = f"{member.country}.audit.refbus.example"
            expected = keys_of(home.log_secret(PASSPHRASE), name, shards_from(NOW_MS, 4))
            assert member.audit_keys == tuple(sorted(key.vkey for key in expected))
    for country in latest.countries():
        assert len(log_policy(latest, country).groups) == 4
        assert audit_keys(latest, country).shards_ahead(NOW_MS) == 3
