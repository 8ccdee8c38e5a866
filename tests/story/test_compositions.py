"""The services as they run, put together from their settings, on a bus in memory: only Faust and Kafka are left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from refbus import verify
from refbus.audit.statement import Statement
from refbus.bus.port import TopicState
from refbus.bus.topicset import wanted
from refbus.clock import machine_ms
from refbus.core.vocabulary import EventType
from refbus.files import write_whole
from refbus.node import replay
from refbus.node.replay import Order, Person, Request
from refbus.node.store.accounting import Stopped, stopped
from refbus.settings import AuditorSettings, GateSettings, OpsSettings, from_environment
from refbus.telemetry.labels import EntryResult
from refbus.trust.reader.log_policy import auditor_of
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_auditor.auditor import Auditor
from refbus_gate.gate import Gate
from refbus_ops.context import Operator
from refbus_ops.refused import replays
from support.ceremonies import AGENCY, KZ, PASSPHRASE, SHELTER, UZ
from support.gateways import World, id_of, incoming, open_at, sent

NODES = (KZ, UZ)
Service = Gate | Auditor


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a federation, and on its bus all topics of two countries as they are declared."""
    made = World(tmp_path)
    (tmp_path / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    (tmp_path / "passphrase").chmod(0o600)
    (tmp_path / "clock").write_text(f"0 {made.clock() - machine_ms()}", encoding="ascii")
    for topic in topics(made):
        made.bus.create_topic(topic)
        made.bus.set_state(topic)
    return made


def topics(world: World) -> Iterator[TopicState]:
    """Yield what the clusters of the two countries must have."""
    gateway = world.gateway(AGENCY)
    directory = gateway.directory()
    gateway.close()
    for country in NODES:
        yield from wanted(directory, country, production=False).topics


@pytest.fixture
def services(world: World) -> Iterator[list[Service]]:
    """Give gates and auditors of both countries, running; a service that ends itself fails the test."""
    clusters = dict.fromkeys(NODES, world.bus)
    made: list[Service] = []
    for country in NODES:
        gate = GateSettings(
            country=country,
            home=world.lab.paths.gate(country),
            passphrase_file=world.folder / "passphrase",
            clock_file=world.folder / "clock",
            threads=1,
        )
        made.append(Gate.open(gate, clusters, pytest.fail))
        directory = made[-1].follower.history().latest
        auditor = AuditorSettings(
            country=country,
            home=world.lab.paths.home(auditor_of(directory, country).org_id),
            passphrase_file=world.folder / "passphrase",
            clock_file=world.folder / "clock",
        )
        made.append(Auditor.open(auditor, clusters, pytest.fail))
    for service in made:
        service.start()
    yield made
    for service in made:
        service.stop()


def test_a_gate_decides_again_what_two_persons_order(world: World, services: list[Service]) -> None:
    """It keeps who asked, why, who approved and what became of it; an order of one person is nothing."""
    gate = next(service for service in services if isinstance(service, Gate))
    country = gate.settings.country
    world.bus.put(f"{country}.outbox", b"garbage")

    def quarantined() -> list[Stopped]:
        with gate.home.store.database.reading() as connection:
            return stopped(connection)

    work(world, services, lambda: len(quarantined()) == 1)
    (before,) = quarantined()
    anna, boris = Person("Anna Example", "anna", world.clock()), Person("Boris Example", "boris", world.clock())
    request = Request(before.decision_id.hex(), "a corrected version runs now", anna)
    for second in (anna, boris):
        order = Order(request, second)
        write_whole(gate.settings.home / "replay" / request.decision, json.dumps(asdict(order)).encode())
        gate.tick()
        assert list(replay.waiting(gate.settings.home)) == []
        assert (gate.settings.home / replay.JOURNAL).exists() is (second is boris)
    lines = [json.loads(line) for line in (gate.settings.home / replay.JOURNAL).read_text().splitlines()]
    assert [(each["approved"]["name"], each["outcome"]) for each in lines] == [
        ("Boris Example", "BEGUN"),
        ("Boris Example", "QUARANTINED"),
    ]
    (after,) = quarantined()
    assert after.decision_id != before.decision_id
    require_proven(world, services, gate, Statement.parse(bytes.fromhex(lines[1]["statement"])))
    order = Order(replace(request, decision=after.decision_id.hex()), boris)
    write_whole(gate.settings.home / "replay" / order.request.decision, json.dumps(asdict(order)).encode())
    (gate.settings.home / replay.JOURNAL).unlink()
    (gate.settings.home / replay.JOURNAL).mkdir()  # it cannot be written: nothing is decided that nobody can prove
    gate.tick()
    assert quarantined() == [after]
    assert [each.name for each in replay.waiting(gate.settings.home)] == [order.request.decision]


def require_proven(world: World, services: list[Service], gate: Gate, statement: Statement) -> None:
    """Require that the order is in the country's published log, and that what `refbus-ops` writes proves it."""
    country, log, out = gate.settings.country, world.log(gate.settings.country), world.folder / "proofs"
    work(world, services, lambda: bool(log.take()) or statement.leaf in log.entries)
    policy = world.folder / "policy"
    policy.write_text(log.policy_text, encoding="utf-8")
    given = ["--log", str(log.write(world.folder / "log")), "--policy", str(policy), "--out", str(out)]
    operator = Operator(from_environment(OpsSettings, {}), country, gate.settings.home)
    told = CliRunner().invoke(replays, given, obj=operator)
    assert told.exit_code == 0, told.exception
    assert "in the log" in told.output
    assert "Anna Example (anna, " in told.output
    assert "asked: a corrected version runs now" in told.output
    (file,) = out.iterdir()
    proven = verify.check_proof(file.read_bytes(), verify.read_policy(policy.read_bytes()))
    assert proven.statement is not None
    record = proven.statement.record
    assert isinstance(record, verify.ReplayRecord)
    assert (record.approved_by, record.outcome) == ("Boris Example", "QUARANTINED")
    assert b"garbage" not in file.read_bytes()


def work(world: World, services: list[Service], until: Callable[[], bool]) -> None:
    """Do what Faust does, hand over records and tick, until something is so; threads of the services work beside it."""
    while not until():
        for service in services:
            for topic, consumer in service.consumers.items():
                consumer.handle(world.bus.records(topic))
                world.bus.group_offsets[service.group, topic] = consumer.next_offset
            service.tick()


def test_an_event_and_its_entry_pass_whole_services(world: World, services: list[Service]) -> None:
    """What an organisation sends is opened by the other, and the auditors log both gates' entries."""
    kz, uz = world.gateway(AGENCY), world.gateway(SHELTER)
    _, number = sent(kz)
    world.sync(kz)

    def arrived() -> bool:
        records = [InboxRecord.parse(each.value) for each in world.bus.records(f"uz.inbox.{SHELTER}")]
        return any(record.kind is InboxKind.EVENT for record in records)

    def logged() -> bool:
        entries = sum(len(world.bus.records(f"{country}.audit")) for country in NODES)
        accounts = [service.core.account() for service in services if isinstance(service, Auditor)]
        return 0 < sum(account.results.get(EntryResult.LOGGED, 0) for account in accounts) == entries

    work(world, services, lambda: arrived() and logged())
    world.sync(uz)
    opened = open_at(uz, incoming(uz, id_of(kz, number)))
    assert opened.events[0].event.block.event_type is EventType.REFERRAL_REQUESTED
    kz.close()
    uz.close()
