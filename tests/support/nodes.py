"""Two or more gates and gateways on one bus in memory: the whole road with production parts but Faust and Kafka.

road = Road(tmp_path)
kz, uz = road.gateway(AGENCY), road.gateway(SHELTER)
road.settle(kz, uz)          # gateways, gates and pumps work until nothing moves
"""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from refbus.bus.port import TopicState
from refbus.bus.topicset import gate_group
from refbus.clock import Clock
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.node.directory_follower import DirectoryFollower
from refbus.node.topic_reader import start_together
from refbus.resources import data_dir
from refbus.trust.member.policy import compile_policy
from refbus.trust.member.target_file import MemberFile
from refbus.trust.publisher import changes
from refbus.wire.transport import AuditEntry
from refbus_gate.clock.deadlines import Timekeeper
from refbus_gate.clock.holds import Redecider
from refbus_gate.clock.upkeep import Upkeep
from refbus_gate.decide.batch import GateCore, GateParts, sources_of
from refbus_gate.decide.work import Workers
from refbus_gate.deliver.directory_relay import DirectoryRelay
from refbus_gate.deliver.profile_relay import ProfileRelay
from refbus_gate.deliver.pump import Pump
from refbus_gate.home import GateHome
from refbus_gate.restored import recognise
from refbus_gate.source import consumer_of
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.people import officers
from support.audit import entries_in
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.clocks import steady_clock
from support.firstread import put_directory
from support.gateways import World
from support.rounds import Rounds


class Node:
    """The gate of one country, from its home folder."""

    def __init__(self, road: Road, country: str) -> None:
        bus, clock = road.bus, road.clock
        self.country = CountryCode(country)
        directory = road.lab.paths.gate(self.country) / "directory"
        if not directory.exists():
            put_directory(road, directory)
        self.home = GateHome.open(road.lab.paths.gate(self.country), PASSPHRASE)
        self.home.trust.load(clock())
        self.follower = DirectoryFollower(self.home.trust, lambda: bus.reader(f"{country}.directory"), clock)
        self.follower.turn(0)
        keys = self.home.gate_keys(self.home.trust.history.latest, clock())
        parts = GateParts(keys, self.home.store, self.home.audit_keys, self.follower.history, clock, Workers(1))
        self.core = GateCore(parts)
        sources = {source.topic: source for source in sources_of(self.country, road.gate_countries)}
        self.bus = bus
        self.consumers = {
            topic: consumer_of(self.core, source, partial(bus.reader, topic), patience_s=0)
            for topic, source in sources.items()
        }
        self.pumps = [Pump(self.home.store, other, bus.producer, Clock.of(clock)) for other in road.gate_countries]
        self.profiles = ProfileRelay(
            self.country,
            self.home.store,
            self.follower.newest,
            lambda: road.gate_countries,
            lambda: bus.reader(f"{country}.profiles"),
            road.lab.paths.gate(self.country) / "profiles",
            Clock.of(clock),
        )
        self.relay = DirectoryRelay(
            self.home.trust,
            self.follower.take,
            lambda: bus.reader(f"{country}.federation"),
            lambda _files: None,  # `World.publish` puts the directory into every topic
            road.lab.paths.gate(self.country) / "handed-on",
            profiles=self.profiles,
        )
        self.upkeep = Upkeep(self.core, sources[f"{country}.outbox"], steady_clock(clock))
        self.redecider = Redecider(self.core, sources, slice_s=60)
        self.timekeeper = Timekeeper(self.core, sources[f"{country}.outbox"], clock)
        admin, group = bus.admin(), gate_group(self.country)
        read = {topic: admin.group_offset(group, topic) for topic in sources}
        if recognise(self.home.store, admin.ends(f"{country}.inbox."), read, clock()):
            self.upkeep.heartbeats()
        start_together(self.consumers.values(), read)

    def work(self) -> bool:
        """Read the directory, every source to its end, and let all pumps work; True when something moved."""
        self.follower.turn(0)
        self.relay.turn()
        before = sum(consumer.next_offset for consumer in self.consumers.values())
        for topic, consumer in self.consumers.items():
            consumer.handle(self.bus.records(topic))
            self.bus.group_offsets[gate_group(self.country), topic] = consumer.next_offset - consumer.shift
        self.redecider.holds()
        self.upkeep.undelivered()
        pumped = False
        for pump in self.pumps:
            while pump.turn():
                pumped = True
        return pumped or sum(consumer.next_offset for consumer in self.consumers.values()) != before

    def copy(self, folder: Path) -> Path:
        """Copy the node store while it is open, as an operator does; return the copy."""
        copy = folder / f"{self.country}-{uuid.uuid4().hex}.db"
        with closing(sqlite3.connect(self.store_file)) as store, closing(sqlite3.connect(copy)) as target:
            store.backup(target)
        return copy

    @property
    def store_file(self) -> Path:
        """The file of the node store."""
        return self.home.home.folder / "store" / "node.db"

    def close(self) -> None:
        """Close the stores."""
        self.core.parts.workers.close()
        self.home.close()


@dataclass
class Road(World):
    """Gateways and gates of one federation."""

    agency: OrgId = AGENCY
    shelter: OrgId = SHELTER
    gate_countries: tuple[CountryCode, ...] = (CountryCode("kz"), CountryCode("uz"))
    nodes: dict[str, Node] = field(init=False)
    opened: list[Gateway] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for country in self.gate_countries:
            self.log(country).show(self.lab.files())
        self.opened = []
        for country in self.gate_countries:
            for name in ("refused", "quarantine", "federation"):
                self.bus.create_topic(TopicState(f"{country}.{name}", 1, 1, {}))
            for other in self.gate_countries:
                if other != country:
                    self.bus.create_topic(TopicState(f"{country}.border.{other}", 1, 1, {}))
        self.nodes = {country: Node(self, country) for country in self.gate_countries}

    def put_back(self, country: str, copy: Path) -> None:
        """Stop a gate, put a copy in the place of its store, and start it."""
        node = self.nodes[CountryCode(country)]
        node.close()
        for each in node.store_file.parent.glob("node.db*"):
            each.unlink()
        shutil.copy(copy, node.store_file)
        node.store_file.chmod(0o600)
        self.nodes[CountryCode(country)] = Node(self, country)

    def gateway(self, org_id: OrgId) -> Gateway:
        """Open a member's gateway, in place of the one that was open."""
        for open_one in [each for each in self.opened if each.me == org_id]:
            open_one.close()
            self.opened.remove(open_one)
        gateway = super().gateway(org_id)
        self.opened.append(gateway)
        return gateway

    def of(self, org_id: OrgId) -> Gateway:
        """Return the open gateway of a member."""
        return next(each for each in self.opened if each.me == org_id)

    @property
    def kz(self) -> Gateway:
        """The agency's gateway."""
        return self.of(self.agency)

    @property
    def uz(self) -> Gateway:
        """The shelter's gateway."""
        return self.of(self.shelter)

    def settle(self, *gateways: Gateway, step_ms: int = 0) -> None:
        """Let gateways, gates and pumps work until nothing moves any more; each round takes `step_ms`."""
        moved = True
        with closing(Rounds(self.bus, gateways or self.opened)) as rounds:
            while moved:
                self.clock.now_ms += step_ms
                before = {name: len(self.bus.records(name)) for name in self.bus.states()}
                rounds.go()
                for node in self.nodes.values():
                    node.work()
                moved = before != {name: len(self.bus.records(name)) for name in self.bus.states()}

    def pass_time(self, *, hours: float = 0, days: float = 0) -> None:
        """Let time pass under a directory that is kept fresh, both gates look at what is due, and everything arrive."""
        self.clock.move(hours=hours, days=days)
        if days:
            self.lab.republish(self.clock())
            self.publish()
            self.settle()
        for node in self.nodes.values():
            node.timekeeper.tell()
        self.settle()

    def audit(self, country: str) -> list[AuditEntry]:
        """Return the audit entries of a country."""
        return entries_in(record.value for record in self.bus.records(f"{country}.audit"))

    def close(self) -> None:
        """Close all stores."""
        for gateway in self.opened:
            gateway.close()
        for node in self.nodes.values():
            node.close()


@contextmanager
def road(folder: Path) -> Iterator[Road]:
    """Give a road and close it at the end."""
    made = Road(folder)
    try:
        yield made
    finally:
        made.close()


def allow_emergencies(made: Road, country: str) -> None:
    """Let a country's policy allow emergency disclosures."""
    off, on = "emergency_disclosure = false", "emergency_disclosure = true"
    change_policy(made, country, lambda text: text.replace(off, on))


@contextmanager
def road_with_officers(folder: Path, memory_kib: int) -> Iterator[Road]:
    """Give a road whose first country allows emergencies, with three officers at the agency."""
    with road(folder) as made:
        made.gateway(made.agency)
        made.gateway(made.shelter)
        allow_emergencies(made, "kz")
        for number in range(3):
            officers.add(made.kz, made.home(made.agency), "DUTY_OFFICER", f"own {number}", memory_kib)
        yield made


def change_policy(made: Road, country: str, change: Callable[[str], str], version: int = 2) -> None:
    """Publish a changed policy of a country, as its file in keys/policies says it otherwise, under a higher version."""
    text = change((data_dir("keys") / "policies" / f"{country}.toml").read_text(encoding="utf-8"))
    changed = compile_policy(text.replace("version = 1\n", f"version = {version}\n"))
    publication = made.lab.publication(made.clock())
    changes.put_policy(publication, CountryCode(country), changed)
    made.lab.publish(publication)
    made.publish()
    made.settle()


def give_role(road: Road, org: OrgId, role: OrgRole) -> None:
    """Let the anchors enrol a member in another role, and publish it."""
    publication = road.lab.publication(road.clock())
    held, enrolment = changes.load_parts(publication, org)
    organisation = dataclasses.replace(held.organisation, role=role)
    member = MemberFile.of(organisation, held.signing, held.kem, held.audit)
    publication.put("targets", f"enrolment/{org}.json", dataclasses.replace(enrolment, role=role).encode())
    publication.put(organisation.country, f"{organisation.country}/{org}.json", member.encode())
    road.lab.publish(publication)
    road.publish()
    road.settle()
