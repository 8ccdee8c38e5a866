"""The officers of an office: a list that was lost is not begun anew, and a restore brings nobody back unseen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.errors import Code, RefbusError
from refbus_gateway.home import backups
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import open_gateway
from refbus_gateway.home.restore import restore
from refbus_gateway.people import officers
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import Pair

CHEAP = 64


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Give an office with two officers."""
    made = Pair(tmp_path / "pair")
    for number in range(2):
        officers.add(made.kz, made.kz.home, "DUTY_OFFICER", f"own {number}", CHEAP)
    yield made
    made.close()


def names(home: Home) -> set[str]:
    """Return the key ids of the officers of a home."""
    return {each.officer.kid.hex() for each in officers.listed(home, 0)}


@pytest.mark.parametrize("content", [None, b""])
def test_a_list_that_was_lost_is_not_begun_anew(pair: Pair, content: bytes | None) -> None:
    """HOME_DAMAGED: a new officer would stand alone on a new roll, and nobody would miss the others."""
    path = pair.kz.home.officers / "officers.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for call in (
        lambda: officers.add(pair.kz, pair.kz.home, "DUTY_OFFICER", "own 2", CHEAP),
        lambda: officers.renew(pair.kz, pair.kz.home),
        lambda: officers.listed(pair.kz.home, 0),
    ):
        with pytest.raises(RefbusError) as caught:
            call()
        assert caught.value.code is Code.HOME_DAMAGED


@pytest.mark.parametrize("content", ['{"officers": [{"kid": "zz"}]}', '{"officers": 1}', "{}"])
def test_a_damaged_list_has_a_code(pair: Pair, content: str) -> None:
    """FILE_UNREADABLE, and no officer counts: who may answer for an emergency is never guessed."""
    (pair.kz.home.officers / "officers.json").write_text(content)
    with pytest.raises(RefbusError) as caught:
        officers.listed(pair.kz.home, 0)
    assert caught.value.code is Code.FILE_UNREADABLE


def test_on_a_clean_computer_somebody_looks_at_the_list_first(pair: Pair, tmp_path: Path) -> None:
    """The officers of the backup decide nothing before the organisation vouches for them again."""
    backups.back_up(pair.kz, tmp_path / "backup")
    home = Home(tmp_path / "elsewhere")
    restore(tmp_path / "backup", home, PASSPHRASE, pair.world.clock)
    assert names(home) == names(pair.kz.home)
    with pytest.raises(RefbusError) as caught:
        officers.roll_of(home)
    assert caught.value.code is Code.USAGE
    gateway = open_gateway(home, PASSPHRASE, pair.world.clock)
    officers.renew(gateway, home)
    assert all(each.endorsed for each in officers.listed(home, pair.world.clock()))
    gateway.close()


def test_a_second_restore_vouches_for_nobody_either(pair: Pair, tmp_path: Path) -> None:
    """The list that the first one brought is the home's now, its roll is not: a removed officer decides nothing."""
    backups.back_up(pair.kz, tmp_path / "backup")
    officers.remove(pair.kz, pair.kz.home, sorted(names(pair.kz.home))[0])
    home = Home(tmp_path / "elsewhere")
    for _ in range(2):  # a restore that was cut after it took its place is given once more
        restore(tmp_path / "backup", home, PASSPHRASE, pair.world.clock)
        assert not any(each.endorsed for each in officers.listed(home, pair.world.clock()))


@pytest.mark.parametrize("lost", ["nothing", "the store", "the list", "the folder"])
def test_a_removed_officer_does_not_come_back_with_an_older_backup(pair: Pair, tmp_path: Path, lost: str) -> None:
    """Where the home has its list, that stays and the key is gone; where it has none, nobody is vouched for."""
    backups.back_up(pair.kz, tmp_path / "backup")
    gone = officers.remove(pair.kz, pair.kz.home, sorted(names(pair.kz.home))[0])
    home = pair.world.home(AGENCY)
    pair.kz.close()
    match lost:
        case "the store":
            home.store_path.write_bytes(b"no database")
        case "the list":
            (home.officers / "officers.json").unlink()
        case "the folder":
            shutil.rmtree(home.officers)
        case _:
            pass
    restore(tmp_path / "backup", home, PASSPHRASE, pair.world.clock)
    own = lost in {"nothing", "the store"}
    assert (gone.kid.hex() in names(home)) is not own
    assert (home.officers / f"{gone.kid.hex()}.key").exists() is not own
    assert (home.officers / "roll").exists() is own
