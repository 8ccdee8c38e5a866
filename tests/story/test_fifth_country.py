"""A fifth country joins two running gates, an event reaches it, and it leaves again: no gate is started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refbus.bus.port import TopicState
from refbus.bus.topicplan import apply, plan
from refbus.bus.topicset import wanted
from refbus.clock import machine_ms
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode, OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.settings import GateSettings
from refbus.wire.transport import DirectoryFile, InboxKind, InboxRecord
from refbus_gate.gate import Gate
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.reports.overview import Hop
from support.ceremonies import AGENCY, KZ, PASSPHRASE, UZ
from support.gateways import World, alarm_codes, case_file, consent_file, id_of, incoming, line, open_at, sent
from support.joining import TJ, Ceremony

ROUNDS = 5_000
"""Far more turns than the threads of the gates need beside them."""
Federation = dict[CountryCode, Gate]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a federation of four countries on one bus."""
    made = World(tmp_path)
    (tmp_path / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    (tmp_path / "passphrase").chmod(0o600)
    (tmp_path / "clock").write_text(f"0 {made.clock() - machine_ms()}", encoding="ascii")
    return made


@pytest.fixture
def gates(world: World) -> Iterator[Federation]:
    """Give the gates of kz and uz, running; one that ends itself fails the test."""
    made = Federation()
    gateway = world.gateway(AGENCY)
    for country in (KZ, UZ):
        declare(world, gateway.directory(), country)
        made[country] = gate_of(world, country, world.lab.paths.gate(country), (KZ, UZ))
    gateway.close()
    yield made
    for gate in made.values():
        gate.stop()


def declare(world: World, directory: Directory, country: CountryCode) -> None:
    """Make the topics of a country as its operator does."""
    apply(plan(wanted(directory, country, production=False), world.bus.admin()), world.bus.admin())


def gate_of(world: World, country: CountryCode, home: Path, known: tuple[CountryCode, ...]) -> Gate:
    """Return a gate that runs; it hears of the brokers of tj when there is a note in the world's folder."""
    settings = GateSettings(
        country=country,
        home=home,
        passphrase_file=world.folder / "passphrase",
        clock_file=world.folder / "clock",
        threads=1,
    )

    def meet() -> dict[CountryCode, World]:
        return dict.fromkeys([TJ] if (world.folder / "reached").exists() else [], world.bus)  # type: ignore[arg-type]

    gate = Gate.open(settings, dict.fromkeys(known, world.bus), pytest.fail, meet)  # type: ignore[arg-type]
    gate.start()
    return gate


def publish(world: World) -> None:
    """Give every country what is published, and show it in the log of kz."""
    for country in (KZ, UZ, TJ):
        for path, content in world.lab.files():
            world.bus.put(f"{country}.directory", DirectoryFile(path, content).encode())
    world.log(KZ).show(world.lab.files())


def work(world: World, gates: Federation, until: Callable[[], bool]) -> None:
    """Do what Faust does, hand over records and tick, until something is so; threads of the gates work beside it."""
    for _ in range(ROUNDS):
        if until():
            return
        for gate in gates.values():
            for topic, consumer in list(gate.consumers.items()):
                consumer.handle(world.bus.records(topic))
                world.bus.group_offsets[gate.group, topic] = consumer.next_offset
            gate.tick()
            gate.follower.moved.set()  # look at countries now, not in five seconds
    pytest.fail("nothing more happens")


def in_force(gates: Federation, world: World) -> bool:
    """Whether both old gates have the version that is published last."""
    newest = max(gate.follower.history().latest.version for gate in gates.values())
    return all(gate.follower.history().latest.version == newest > 1 for gate in gates.values())


def join(world: World, gates: Federation, ceremony: Ceremony) -> OrgId:
    """Let tj join by the commands of its operators, and start its gate; return its agency."""
    agency = ceremony.join()
    world.bus.create_topic(TopicState("tj.directory", 1, 1, {}))
    publish(world)
    work(world, gates, lambda: in_force(gates, world))
    directory = gates[KZ].follower.history().latest
    for country in (KZ, UZ, TJ):
        declare(world, directory, country)
    ceremony.ops("country", "pin", world.lab.paths.root, "--home", ceremony.kit / "gate")
    gates[TJ] = gate_of(world, TJ, ceremony.kit / "gate", (KZ, UZ, TJ))
    return agency


def tj_gateway(world: World, agency: OrgId) -> Gateway:
    """Open the gateway of the new agency and let it read the directory."""
    home = Home(world.folder / "tj-agency")
    home.member.pin_root(world.lab.paths.root.read_bytes())
    gateway = open_gateway(home, PASSPHRASE, world.clock)
    world.sync(gateway)
    assert gateway.me == agency
    return gateway


def referred(kz: Gateway, agency: OrgId, name: str = "Тўқима шахс") -> int:
    """Refer a fictional person from kz to the agency of tj; return the number of the referral."""
    person = {"prs_FirstName": name, "prs_Birthdate": "1991", "is_minor": False}
    return sent(kz, case_file(recipient={"organisation": agency}, person=person), consent_file(agency))[1]


def arrived(world: World, agency: OrgId) -> bool:
    """Whether an event stands in the inbox of tj."""
    records = [InboxRecord.parse(each.value) for each in world.bus.records(f"tj.inbox.{agency}")]
    return any(record.kind is InboxKind.EVENT for record in records)


def test_a_fifth_country_joins_and_leaves_running_gates(
    world: World, gates: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event waits for nothing but the way to tj; when tj has left, what waits goes back to its sender, coded."""
    ceremony = Ceremony(world, monkeypatch)
    agency = join(world, gates, ceremony)
    assert TJ not in gates[KZ].pumps
    (world.folder / "reached").touch()
    work(world, gates, lambda: all(TJ in gates[country].pumps for country in (KZ, UZ)))
    assert "kz.border.tj" in gates[KZ].consumers

    kz = world.gateway(AGENCY)
    number = referred(kz, agency)
    world.sync(kz)
    work(world, gates, lambda: arrived(world, agency))
    tj = tj_gateway(world, agency)
    opened = open_at(tj, incoming(tj, id_of(kz, number)))
    assert opened.events[0].event.block.event_type is EventType.REFERRAL_REQUESTED
    tj.close()

    gates.pop(TJ).stop()
    waiting = referred(kz, agency, "Тўқима шахс 2")
    world.sync(kz)
    work(world, gates, lambda: passed_on(world, kz, waiting))
    ceremony.leave()
    publish(world)
    work(world, gates, lambda: TJ not in gates[KZ].pumps and passed_on(world, kz, waiting, again=True))
    assert list(gates[KZ].pumps) == [KZ, UZ]
    kz.close()


def passed_on(world: World, kz: Gateway, number: int, *, again: bool = False) -> bool:
    """Whether the sender has heard that its gate passed a referral on, or, `again`, that nobody takes it in."""
    world.sync(kz)
    now = line(kz, number)
    if again:
        return now.hop is Hop.REFUSED and Code.ORGANISATION_UNKNOWN in alarm_codes(kz)
    return now.hop is Hop.BORDER
