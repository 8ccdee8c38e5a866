"""The parts around the core: watchdog, home, harness settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.harness import WorkerSettings, create_app
from refbus.clock import Clock
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.crypto.keyfile import MEMORY_KIB
from refbus.errors import Code, SetupError, StoreError
from refbus.node.statekey import state_key
from refbus.node.watchdog import ALIVE_MS, LOOK_S, READY_MS, REST_MS, TEST_MS, Watchdog
from refbus.trust.homes import Home, Identity
from refbus_gate.clock.lateness import Lateness
from refbus_gate.home import GateHome
from support.gates import World

LOCAL = BrokerAddress("127.0.0.1:9092")


def watchdog(world: World) -> Watchdog:
    """Return the watchdog of kz with a patience of ten seconds."""
    kz = world.nodes["kz"]
    readers = {topic: kz.bus.reader(topic) for topic in kz.consumers}
    return Watchdog(list(kz.consumers.values()), readers, kz.store, 10_000, Clock.of(world.now))


def test_the_watchdog_ends_a_gate_that_stands_still(world: World) -> None:
    """Records wait, broker and store answer, nothing moves for the whole patience."""
    dog = watchdog(world)
    world.outbox("kz", b"garbage")
    assert not dog.look()
    assert dog.lag["kz.outbox"] == 1
    world.now_ms += 9_999
    assert not dog.look()
    world.now_ms += 1
    assert dog.look()


def test_the_watchdog_is_patient_with_progress_and_idleness(world: World) -> None:
    """A position that moves, or nothing to do, starts the patience anew."""
    dog = watchdog(world)
    for _ in range(3):
        world.now_ms += 9_000
        world.outbox("kz", world.event(str(world.now_ms)))
        world.outbox("kz", b"waits" + bytes(world.now_ms % 7))
        world.nodes["kz"].consumers["kz.outbox"].handle(world.nodes["kz"].bus.records("kz.outbox")[:-1])
        assert not dog.look()
    world.settle()
    for _ in range(3):
        world.now_ms += 20_000
        assert not dog.look()


def test_the_watchdog_does_not_blame_the_gate_for_the_broker(world: World) -> None:
    """While the broker does not answer the patience does not run."""
    dog = watchdog(world)
    world.outbox("kz", b"garbage")
    assert not dog.look()
    world.nodes["kz"].bus.down = True
    world.now_ms += 60_000
    assert not dog.look()
    world.nodes["kz"].bus.down = False
    assert not dog.look()


def test_the_watchdog_writes_while_records_wait_and_now_and_then(world: World) -> None:
    """An idle store is left alone; one that must take records shows at each look that it can."""
    dog, database = watchdog(world), world.nodes["kz"].store.database
    dog.look()
    mark = database.change_mark()
    for _ in range(9):
        world.now_ms += TEST_MS // 10
        dog.look()
    assert database.change_mark() == mark
    world.now_ms += TEST_MS // 10
    dog.look()
    assert database.change_mark() != mark
    world.outbox("kz", b"garbage")
    for _ in range(3):
        mark = database.change_mark()
        dog.look()
        assert database.change_mark() != mark


def test_a_store_that_failed_is_tested_until_it_works(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service is not called ready on the word of a test that was made before the failure."""
    dog = watchdog(world)
    dog.look()
    world.now_ms += TEST_MS
    with monkeypatch.context() as patch:
        patch.setattr(type(dog.store), "self_test", _fails)
        dog.look()
        world.now_ms += READY_MS
        dog.look()
        assert not dog.is_ready()
    dog.look()
    assert dog.is_ready()


def _fails(_store: object) -> None:
    raise StoreError(Code.STORE_FAILED)


def test_a_watchdog_that_cannot_look_says_since_when(world: World) -> None:
    """The moment of its last whole look stays while the broker is away, and the first look afterwards moves it."""
    dog = watchdog(world)
    dog.look()
    seen_ms = world.now_ms
    world.nodes["kz"].bus.down = True
    world.now_ms += 300_000
    dog.look()
    assert dog.seen_ms == seen_ms
    assert "not answered for 300 s" in dog.behind()
    world.nodes["kz"].bus.down = False
    dog.look()
    assert dog.seen_ms == world.now_ms


def test_a_watchdog_at_rest_looks_less_often(world: World) -> None:
    """Not before the first two looks agree; sooner again when a position moves, and always while something waits."""
    dog, kz = watchdog(world), world.nodes["kz"]
    for _ in range(2):
        assert dog.is_due()
        dog.look()
    assert not dog.is_due()
    world.outbox("kz", world.event("a"))
    assert not dog.is_due()  # nothing was taken yet
    kz.consumers["kz.outbox"].handle(kz.bus.records("kz.outbox"))
    assert dog.is_due()
    world.settle()
    dog.look()
    dog.look()
    world.now_ms += REST_MS - 1
    assert not dog.is_due()
    world.outbox("kz", b"garbage")  # and nobody takes it
    world.now_ms += 1
    assert dog.is_due()
    dog.look()
    assert dog.is_due()


@pytest.mark.parametrize("what", ["broker", "transaction", "topic"])
def test_a_watchdog_that_has_something_to_see_does_not_rest(world: World, what: str) -> None:
    """A broker that is away, a transaction that is open, and a topic that came are looked at as often as ever."""
    dog, kz = watchdog(world), world.nodes["kz"]
    dog.look()
    dog.look()
    assert not dog.is_due()
    if what == "broker":
        kz.bus.down = True
    elif what == "transaction":
        kz.bus.open_transaction("kz.outbox")
        world.outbox("kz", b"garbage")
    else:
        dog.unwatch("kz.outbox")
        assert dog.is_due()
        return
    dog.look()
    assert dog.is_due()


@pytest.mark.parametrize("slept_ms", [REST_MS, 3_600_000])
def test_patience_begins_when_something_is_seen_to_wait(world: World, slept_ms: int) -> None:
    """Not with the look before, which may be long ago: a watchdog rests, and a machine sleeps."""
    dog = watchdog(world)
    dog.patience_ms = 5_000
    dog.look()
    dog.look()
    world.now_ms += slept_ms
    world.outbox("kz", b"garbage")
    assert not dog.look()
    world.now_ms += 4_999
    assert not dog.look()
    world.now_ms += 1
    assert dog.look()


def test_a_watchdog_that_rests_is_not_blind(world: World) -> None:
    """Between two looks nobody says that the broker does not answer, and the service stays ready."""
    dog = watchdog(world)
    dog.look()
    dog.look()
    world.now_ms += REST_MS + int(LOOK_S * 1000)
    assert dog.behind() == "nothing is known to wait"
    assert dog.is_ready()


def test_inputs_are_read_up_to_a_moment_under_a_steady_flow(world: World) -> None:
    """What was there when it was asked first is waited for, and no later record: the end of now is never reached."""
    dog, kz = watchdog(world), world.nodes["kz"]
    asked_ms = world.now_ms
    world.outbox("kz", world.event("a"))
    assert dog.read_until_ms() is None
    for number in range(3):
        world.now_ms += 1_000
        world.outbox("kz", world.event(f"later {number}"))
        assert dog.read_until_ms() is None
    kz.consumers["kz.outbox"].handle(kz.bus.records("kz.outbox")[:1])
    assert dog.read_until_ms() == asked_ms
    assert dog.read_until_ms() is None


def test_inputs_are_not_read_while_something_waits_behind_a_transaction(world: World) -> None:
    """An answer may be among what is not shown: nothing counts as read until the transaction has ended."""
    dog, kz = watchdog(world), world.nodes["kz"]
    kz.bus.open_transaction("kz.outbox")
    assert dog.read_until_ms() == world.now_ms
    world.outbox("kz", world.event())
    assert dog.read_until_ms() is None
    kz.bus.end_transaction("kz.outbox")
    world.settle()
    assert dog.read_until_ms() == world.now_ms


def test_a_transaction_that_stays_open_is_named_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Topic, offset and writer are in the log after twenty seconds; its age runs from the first look that saw it."""
    dog, kz = watchdog(world), world.nodes["kz"]
    world.outbox("kz", world.event("a"))
    kz.bus.open_transaction("kz.outbox")
    world.outbox("kz", world.event("b"))
    dog.look()
    began_ms = world.now_ms
    for _ in range(4):
        world.now_ms += 10_000
        dog.look()
    named = [each.getMessage() for each in caplog.records if "TRANSACTION_OPEN" in each.getMessage()]
    assert named == ["TRANSACTION_OPEN: kz.outbox from offset 1 on, 1 offsets wait, producer 7 of the broker"]
    assert dog.open_since_ms == began_ms
    kz.bus.end_transaction("kz.outbox")
    dog.look()
    assert dog.open_since_ms is None


def test_work_by_the_clock_that_is_late_is_told_again_and_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Once a minute, with what keeps it; work that is never begun is late too, and work that is done is not."""
    lateness = Lateness(Clock.of(world.now))
    lateness.note(whole=False)
    assert not lateness.look(lambda: "why")
    told = 0
    for _ in range(12):
        world.now_ms += 15_000
        told += lateness.look(lambda: "kz.outbox 3 records")
    said = [each.getMessage() for each in caplog.records if "CLOCK_WORK_LATE" in each.getMessage()]
    assert len(said) == 3
    assert said[0] == "CLOCK_WORK_LATE: for 60 s deadlines were not looked at to the end: kz.outbox 3 records"
    lateness.note(whole=True)
    assert not lateness.look(lambda: "why")


@pytest.mark.parametrize(
    "changes",
    [
        {"address": BrokerAddress("broker.example:9092")},
        {"session_timeout_s": 60.0},
        {"commit_interval_s": 5.0},
        {"batch": 0},
    ],
    ids=["plaintext", "session", "commit", "batch"],
)
def test_unsafe_settings_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """A worker that could lose records or show them does not start."""
    settings = {"group": "g", "address": LOCAL, "data_dir": tmp_path, **changes}
    with pytest.raises(SetupError):
        create_app(WorkerSettings(**settings), {})  # type: ignore[arg-type]


def test_tls_without_files_is_refused(tmp_path: Path) -> None:
    """Mutual TLS needs all three files."""
    address = BrokerAddress("broker.example:9092", TlsFiles.in_folder(tmp_path))
    with pytest.raises(SetupError):
        create_app(WorkerSettings("g", address, tmp_path), {})


def test_the_worker_is_safe_by_construction(tmp_path: Path) -> None:
    """Raw bytes, one agent per topic with concurrency 1, the crashing supervisor, nothing declared, no web server."""
    app = create_app(WorkerSettings("g", LOCAL, tmp_path), {"kz.outbox": None, "kz.border.uz": None})  # type: ignore[dict-item]
    conf = app.conf
    assert {agent.concurrency for agent in app.agents.values()} == {1}
    assert len(app.agents) == 2
    assert conf.agent_supervisor.__name__ == "CrashingSupervisor"
    assert (conf.topic_allow_declare, conf.web_enabled, conf.stream_wait_empty) == (False, False, False)
    assert conf.topic_disable_leader
    assert (conf.processing_guarantee.value, conf.consumer_auto_offset_reset) == ("at_least_once", "earliest")


def test_the_organisation_of_a_gate_has_its_country_in_its_name(world: World) -> None:
    """The gate signs under the id that the directory knows."""
    assert world.nodes["kz"].core.parts.keys.org == OrgId("kz-gate")


def test_new_key_files_are_noticed(world: World, tmp_path: Path) -> None:
    """Once the directory names a key whose file is here, the gate starts anew; without the file it goes on."""
    home = Home.create(tmp_path / "home", Identity(OrgId("kz-gate"), CountryCode("kz"), OrgRole.GATE), None)
    node = world.nodes["kz"]
    opened = GateHome(home, node.store, node.audit_keys, None, {}, {})  # type: ignore[arg-type]
    used = node.core.parts.keys
    newer = world.with_new_gate_pair("kz").directory
    later_ms = world.now_ms + 1
    assert not opened.has_new_keys(world.fed.directory, used, later_ms)
    assert not opened.has_new_keys(newer, used, later_ms)
    home.save_signing(world.new_gate_pair("kz"), "fictional", memory_kib=MEMORY_KIB)
    current = newer.organisations[OrgId("kz-gate")].current_signing_key(later_ms)
    assert current is not None
    assert opened.has_new_keys(newer, used, later_ms) == (current.kid != used.pair.kid)


def test_the_state_key_is_made_once(tmp_path: Path) -> None:
    """It is sealed under the passphrase, the same at the next start, and belongs to one gate."""
    path = tmp_path / "state.key"
    made = state_key(path, "state kz-gate", "fictional", tmp_path / "no.made")
    assert state_key(path, "state kz-gate", "fictional", tmp_path / "no.made").secret == made.secret
    for label, passphrase in (("state kz-gate", "wrong"), ("state uz-gate", "fictional")):
        with pytest.raises(SetupError):
            state_key(path, label, passphrase, tmp_path / "no.made")


def test_a_gate_is_ready_while_broker_and_store_answer(world: World) -> None:
    """Not before the first look, nor when looks fail; it lives as long as somebody looks at all."""
    dog = watchdog(world)
    assert (dog.lives(), dog.is_ready()) == (True, False)
    dog.look()
    assert dog.is_ready()
    world.nodes["kz"].bus.down = True
    world.now_ms += READY_MS
    dog.look()
    assert (dog.lives(), dog.is_ready()) == (True, False)
    world.now_ms += ALIVE_MS
    assert not dog.lives()
