"""Events wake a running gateway: a commit of another process rings, and a record ends the wait. No look is needed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refbus.bell import Bell, ring
from refbus.bus.memory import MemoryBus, MemoryReader
from refbus.bus.port import Record
from refbus.errors import Code, SetupError
from refbus_gateway.home import backups
from refbus_gateway.home.folder import Config
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.store import referrals
from refbus_gateway.sync import listener, synchroniser
from refbus_gateway.sync.daemon import Daemon
from refbus_gateway.sync.listener import Listener
from refbus_gateway.sync.synchroniser import Synchroniser
from refbus_gateway.sync.writer import FIRST_RESEND_MS
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import Pair, sent

LONG_S = 3_600.0
"""No test waits so long: whatever ends the wait has rung."""
PATIENCE_S = 60.0


@pytest.fixture
def bell(tmp_path: Path) -> Iterator[Bell]:
    """Give a bell that is taken away in the end."""
    made = Bell(tmp_path / "bell")
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> Callable[[], bool]:
    """Return what says to stop once something holds, or after a long time."""
    deadline = time.monotonic() + PATIENCE_S
    return lambda: holds() or time.monotonic() > deadline


def test_a_ring_from_anywhere_ends_the_wait(bell: Bell, tmp_path: Path) -> None:
    """Rings before the wait count once; after it nothing is left of them."""
    ring(tmp_path / "bell")
    assert bell.wait(PATIENCE_S)
    bell.ring()
    bell.ring()
    assert bell.wait(PATIENCE_S)
    assert not bell.wait(0)


def test_ringing_where_nobody_hears_is_no_failure(tmp_path: Path) -> None:
    """There is no bell, one of a process that was killed, or something else under its name."""
    path = tmp_path / "bell"
    ring(path)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(path))
    dead.close()
    ring(path)
    path.unlink()
    path.write_bytes(b"")
    ring(path)
    ring(tmp_path / ("long" * 60) / "bell")


def test_a_bell_takes_the_place_of_one_whose_process_was_killed(tmp_path: Path) -> None:
    """The socket of before is in the way of nobody, and goes with its process."""
    path = tmp_path / "bell"
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(path))
    dead.close()
    bell = Bell(path)
    ring(path)
    assert bell.wait(PATIENCE_S)
    bell.close()
    assert not path.exists()


def test_a_bell_in_a_folder_with_a_long_name_is_heard(tmp_path: Path) -> None:
    """A name that is too long for a socket is shortened."""
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    bell = Bell(folder / "bell")
    assert bell.hears
    ring(folder / "bell")
    assert bell.wait(PATIENCE_S)
    bell.close()


def test_where_no_bell_can_be_made_nobody_hears_and_nothing_stops(tmp_path: Path) -> None:
    """The folder is not there: whoever waits looks again by itself."""
    bell = Bell(tmp_path / "missing" / "bell")
    assert not bell.hears
    assert not bell.wait(0)
    bell.close()


def test_a_commit_of_another_process_is_sent_without_a_look(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway waits for an hour; a command writes, and what it wrote is with the broker."""
    monkeypatch.setattr(synchroniser, "_REST_S", LONG_S)
    own.kz.close()
    running = open_gateway(own.world.home(AGENCY), PASSPHRASE, own.world.clock)
    waiting, own.kz = threading.Event(), open_gateway(own.world.home(AGENCY), PASSPHRASE, own.world.clock)
    daemon = Daemon(running, own.world.bus, Config(), waiting.set)
    work = threading.Thread(
        target=daemon.run, args=(until(lambda: bool(own.world.bus.records("kz.outbox"))),), daemon=True
    )
    work.start()
    assert waiting.wait(PATIENCE_S)  # its first turn is over
    sent(own.kz)
    work.join(PATIENCE_S)
    assert not work.is_alive()
    assert len(own.world.bus.records("kz.outbox")) == 1
    daemon.close()
    running.close()


def test_a_record_of_the_inbox_ends_the_wait(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway waits for an hour; a referral arrives, and a person can see it."""
    monkeypatch.setattr(synchroniser, "_REST_S", LONG_S)
    waiting = threading.Event()
    daemon = Daemon(own.uz, own.world.bus, Config(), waiting.set)
    work = threading.Thread(target=daemon.run, args=(until(lambda: _received(own.uz) == 1),), daemon=True)
    work.start()
    assert waiting.wait(PATIENCE_S)
    sent(own.kz)
    own.world.sync(own.kz)
    own.world.carry()
    work.join(PATIENCE_S)
    assert not work.is_alive()
    assert _received(own.uz) == 1
    daemon.close()


def test_a_row_that_is_due_again_is_work_at_its_moment(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody confirmed it: until its moment nothing is looked for, and no wait goes beyond it."""
    monkeypatch.setattr(synchroniser, "_LOOK_MS", 10**12)
    sent(own.kz)
    at_work = Synchroniser(own.kz, own.world.bus)
    while at_work._has_work():
        at_work._outgoing.push()
    assert at_work._rest_s() == synchroniser._REST_S
    own.world.clock.now_ms += FIRST_RESEND_MS - 500
    assert not at_work._has_work()
    assert at_work._rest_s() == 0.5
    own.world.clock.now_ms += 500
    assert at_work._has_work()
    at_work.close()


def _received(gateway: Gateway) -> int:
    with gateway.store.read() as tx:
        return len(referrals.every(tx))


def test_what_was_heard_and_not_taken_in_is_read_again(own: Pair) -> None:
    """The work ends between the arrival of a record and its transaction: the next one begins where the store is."""
    sent(own.kz)
    own.world.sync(own.kz)
    own.world.carry()
    daemon = Daemon(own.uz, own.world.bus, Config())
    draining = daemon._synchroniser._draining
    with_bell = Bell(own.uz.home.bell_path)
    draining._place(draining._inbox, own.uz.inbox_topic)
    draining._listening = Listener(draining._inbox, with_bell, 50)
    draining._listening.ask()
    assert with_bell.wait(PATIENCE_S)
    draining.stop_hearing()
    assert _received(own.uz) == 0
    assert draining.read_some(0) == 1
    with_bell.close()
    daemon.close()


class _Refusing(MemoryReader):
    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        raise SetupError(Code.TOPIC_MISSING, "uz.inbox")


class _Silent(MemoryReader):
    asked = 0

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        self.asked += 1
        return []


def test_what_keeps_a_reader_from_reading_is_told_to_who_takes(bell: Bell) -> None:
    """The error of the thread is the error of the turn, once; then it can be asked again."""
    heard = Listener(_Refusing(MemoryBus(["uz.inbox"]), "uz.inbox"), bell, 50)
    for _ in range(2):
        heard.ask()
        assert bell.wait(PATIENCE_S)
        with pytest.raises(SetupError):
            heard.take()
        assert not heard.is_asking
    heard.close()


def test_a_reader_is_free_after_the_rest(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    """No question is under way any more, and a reader that does not wait is not asked without end."""
    monkeypatch.setattr(listener, "_SLICE_S", LONG_S)
    reader = _Silent(MemoryBus(["uz.inbox"]), "uz.inbox")
    heard = Listener(reader, bell, 50)
    heard.ask()
    heard.ask()
    heard.rest()
    assert heard.take() == []
    assert not heard.is_asking
    assert reader.asked <= 1
    heard.close()


def test_a_backup_leaves_the_bell_out(own: Pair, tmp_path: Path) -> None:
    """It is no file, and a home that is copied while its gateway runs is whole all the same."""
    bell = Bell(own.kz.home.bell_path)
    backups.back_up(own.kz, tmp_path / "copy")
    bell.close()
    assert not (tmp_path / "copy" / "bell").exists()


def test_a_home_with_a_bell_that_was_left_is_a_home(own: Pair) -> None:
    """The process that made it was killed: the home opens, and writes."""
    path = own.kz.home.bell_path
    own.kz.close()
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(path))
    dead.close()
    own.kz = own.world.gateway(AGENCY)
    sent(own.kz)
    assert own.kz.store.bell == path
