"""A home: settings, keys from the first request to their end, backups, one process at a time, pings."""

from __future__ import annotations

import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kafka.patience import wait
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.crypto import keyfile
from refbus.errors import Code, RefbusError, SetupError, StoreError, UntrustedError
from refbus.files import TEMPORARY, alone_in, read_limited
from refbus.telemetry import serve
from refbus.trust.member.enrolment import Profile, check_answer, make_challenge
from refbus.trust.publisher import changes
from refbus_gateway.home import key_changes
from refbus_gateway.home.folder import Config, Home
from refbus_gateway.home.gateway import open_gateway
from refbus_gateway.home.keyring import Keyring, store_label
from refbus_gateway.sync.daemon import Daemon, Pinger
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.gateways import Pair, World, case_file, new_case, sent

NEWCOMER = Profile(OrgId("uz-newc0mer"), CountryCode("uz"), OrgRole.NGO, "Fictional newcomer", ("Legal",), ("uz",))


def code_of(error: pytest.ExceptionInfo[Any]) -> Code:
    """Return the code of an error that was caught."""
    assert isinstance(error.value, RefbusError)
    return error.value.code


def test_settings_of_a_home_come_back(tmp_path: Path) -> None:
    """What was kept is read again; a home without settings has the defaults."""
    kept = Home(tmp_path)
    assert kept.config() == Config()
    config = Config("127.0.0.1:9092", "/etc/tls", ("notify-send", "Хабар"), 60)
    kept.save_config(config)
    assert Home(tmp_path).config() == config
    assert (tmp_path / "gateway.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"bootstrap": 7}', '{"nonsense": "x"}', '{"notify_command": [7]}', '{"notify_interval_s": true}'],
)
def test_damaged_settings_are_told(tmp_path: Path, content: str) -> None:
    """SETTINGS_INVALID names the file and the field, never a value."""
    (tmp_path / "gateway.json").write_text(content)
    with pytest.raises(SetupError) as refused:
        Home(tmp_path).config()
    assert code_of(refused) is Code.SETTINGS_INVALID


def test_a_file_is_judged_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    """TOO_LARGE for a sparse gigabyte; FILE_UNREADABLE for a folder and for nothing."""
    with (tmp_path / "huge").open("wb") as handle:
        handle.truncate(1 << 30)
    for path, code in (("huge", Code.TOO_LARGE), ("none", Code.FILE_UNREADABLE), (".", Code.FILE_UNREADABLE)):
        with pytest.raises(SetupError) as refused:
            read_limited(tmp_path / path, 1000)
        assert code_of(refused) is code


def test_a_file_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    """STORE_FAILED, and the file that was there is untouched."""
    (tmp_path / "gateway.json").mkdir()
    with pytest.raises(StoreError) as refused:
        Home(tmp_path).save_config(Config())
    assert code_of(refused) is Code.STORE_FAILED


def test_an_organisation_comes_in_with_keys_of_its_own(tmp_path: Path) -> None:
    """Request, challenge, answer, root, directory: the ceremony never sees a private key, and the home works."""
    world = World(tmp_path)
    fresh = Home(tmp_path / "newcomer")
    request = key_changes.init(fresh, NEWCOMER, PASSPHRASE, world.clock())
    with pytest.raises(SetupError):
        key_changes.init(fresh, NEWCOMER, PASSPHRASE, world.clock())
    challenge, pending = make_challenge(request)
    (tmp_path / "challenge.json").write_bytes(challenge)
    answer = key_changes.answer(fresh, (tmp_path / "challenge.json").read_bytes(), PASSPHRASE)
    publication = world.lab.publication(world.clock())
    changes.enrol(publication, check_answer(pending, answer, request))
    world.lab.publish(publication)
    fresh.member.pin_root(world.lab.paths.root.read_bytes())
    gateway = open_gateway(fresh, PASSPHRASE, world.clock)
    gateway.trust.refresh_from(world.lab.files(), world.clock())
    assert [line.usable for line in key_changes.key_lines(gateway)] == [True, True]
    assert gateway.organisation(NEWCOMER.org_id).label == "Fictional newcomer"
    gateway.close()


def test_a_challenge_for_another_is_not_answered(tmp_path: Path) -> None:
    """OPEN_FAILED when the challenge was made for another request."""
    for name in ("one", "two"):
        key_changes.init(Home(tmp_path / name), NEWCOMER, PASSPHRASE, 1_790_000_000_000)
    challenge, _ = make_challenge((tmp_path / "two" / key_changes.REQUEST_FILE).read_bytes())
    (tmp_path / "challenge.json").write_bytes(challenge)
    with pytest.raises(UntrustedError) as refused:
        key_changes.answer(Home(tmp_path / "one"), (tmp_path / "challenge.json").read_bytes(), PASSPHRASE)
    assert code_of(refused) is Code.OPEN_FAILED


def test_a_process_that_runs_takes_up_new_keys_of_its_home(own: Pair) -> None:
    """What another process made is used without a restart; what it destroyed is gone here too; else nothing is read."""
    world, uz = own.world, own.uz
    reads: list[int] = []

    def reread() -> Keyring:
        reads.append(1)
        return Keyring.unlock(world.home(SHELTER), PASSPHRASE)

    uz.reread_keys = reread
    old = set(uz.keys.kem)
    other = open_gateway(world.home(SHELTER), PASSPHRASE, world.clock)
    key_changes.rotate(other, PASSPHRASE, signing=True, kem=True)
    other.close()
    world.sync(uz)
    assert (len(uz.keys.kem), len(uz.keys.signing)) == (2, 2)
    world.sync(uz)
    assert len(reads) == 1
    (gone,) = old
    assert uz.home.member.destroy(gone)
    world.sync(uz)
    assert gone not in uz.keys.kem


def test_keys_are_rotated_and_old_ones_destroyed(own: Pair) -> None:
    """The next epoch counts once the directory lists it; the old one goes when nothing can need it any more."""
    world, uz = own.world, own.uz
    old = set(uz.keys.kem)
    update = key_changes.rotate(uz, PASSPHRASE, signing=True, kem=True)
    again = open_gateway(world.home(SHELTER), PASSPHRASE, world.clock)
    assert sum(line.listed for line in key_changes.key_lines(again)) == 2
    publication = world.lab.publication(world.clock())
    changes.update_keys(publication, update, SHELTER)
    world.lab.publish(publication)
    world.publish()
    world.sync(again)
    assert all(line.listed for line in key_changes.key_lines(again))
    assert key_changes.prune(again) == []
    world.clock.move(days=120)
    publication = world.lab.publication(world.clock())
    world.lab.publish(publication)
    world.publish()
    world.sync(again)
    assert set(key_changes.prune(again)) == old
    assert old.isdisjoint(Keyring.unlock(world.home(SHELTER), PASSPHRASE).kem)
    again.close()


def test_two_first_commands_at_once_have_one_store_key(own: Pair) -> None:
    """The second one had found no key either: it goes on with the one that the first made meanwhile."""
    own.kz.close()
    home = own.world.home(AGENCY)
    for path in (home.store_key, home.store_path):
        path.unlink()
    planted = b"fictional key of the first one.."
    with ThreadPoolExecutor(1) as second:
        with alone_in(home.store_key.parent):
            opened = second.submit(Keyring.unlock, home, PASSPHRASE)
            wait("the second has made a key", lambda: any(home.store_key.parent.glob(f"{TEMPORARY}*")))
            keyfile.save(home.store_key, PASSPHRASE, store_label(AGENCY), planted, memory_kib=64)
        assert opened.result().store.secret == planted
    assert keyfile.load(home.store_key, PASSPHRASE)[1] == planted


def test_a_missing_store_key_is_not_replaced(own: Pair) -> None:
    """A store without its key is told, never sealed under a new one."""
    own.kz.close()
    own.world.home(AGENCY).store_key.unlink()
    with pytest.raises(SetupError) as refused:
        open_gateway(own.world.home(AGENCY), PASSPHRASE, own.world.clock)
    assert code_of(refused) is Code.FILE_UNREADABLE


def test_a_ping_says_how_many_and_not_too_often(tmp_path: Path) -> None:
    """The command gets a count alone; what comes in between adds up."""
    out = tmp_path / "pings"
    script = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.open('a').write(' '.join(sys.argv[2:]) + '\\n')"
    pinger = Pinger([sys.executable, "-c", script, str(out)], 60)
    assert not pinger.ping(0)
    pinger.add(2)
    assert pinger.ping(1_000)
    pinger.add(1)
    assert not pinger.ping(2_000)
    pinger.add(4)
    pinger.wait()
    assert pinger.ping(61_000)
    pinger.wait()
    assert out.read_text() == "2\n5\n"


def test_a_ping_that_cannot_be_started_stops_nothing() -> None:
    """A command that is not there is left at that."""
    pinger = Pinger(["/no/such/command"], 60)
    pinger.add(1)
    assert not pinger.ping(0)
    assert not Pinger([], 60).ping(0)


def test_the_daemon_sends_reads_and_measures(own: Pair) -> None:
    """It carries what other commands write; whoever reads its metrics gets what is so then, and no name or case."""
    world = own.world
    daemon = Daemon(own.kz, world.bus, Config())
    server = serve(daemon.metrics, 0, measure=daemon.measurement.now)
    sent(own.kz)
    deadline = time.monotonic() + 20
    daemon.run(lambda: bool(world.bus.records("kz.outbox")) or time.monotonic() > deadline)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as page:
        text = page.read().decode()
    server.close()
    daemon.close()
    assert len(world.bus.records("kz.outbox")) == 1
    assert "refbus_gateway_outbox_waiting_records 1.0" in text
    assert AGENCY not in text
    assert SHELTER not in text


def test_a_daemon_outlives_a_broker_that_is_away(own: Pair) -> None:
    """Errors are kept for the status, and the next turn tries again."""
    world = own.world
    world.bus.down = True
    daemon = Daemon(own.kz, world.bus, Config())
    turns = iter(range(3))
    daemon.run(lambda: next(turns, None) is None)
    world.bus.down = False
    new_case(own.kz, case_file(about="Fictional: daemon"))
    turns = iter(range(3))
    daemon.run(lambda: next(turns, None) is None)
    daemon.close()
