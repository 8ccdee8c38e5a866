"""What a stack is made of: brokers, a federation with its keys, topics, the directory on them. No service runs yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kafka import Brokers, Certificates, patience
from refbus.bus import topicplan, topicset
from refbus.bus.address import BrokerAddress
from refbus.bus.bundle import write_all
from refbus.bus.cluster import KafkaCluster
from refbus.clock import clock_from, machine_ms
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.errors import Code, TransportError
from refbus.files import write_whole
from refbus.resources import data_dir
from refbus.trust.homes import Home
from refbus.trust.layout import list_files
from refbus.trust.member.policy import compile_policy
from refbus.trust.member.target_file import MemberFile
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import (
    FederationPaths,
    Passphrases,
    create_development_federation,
    publish_for_development,
)
from refbus.trust.publisher.description import read_description
from refbus.trust.publisher.repository import Publication, Repository
from refbus.trust.reader.history import History
from refbus.wire.transport import DirectoryFile

ROOT = Path(__file__).resolve().parents[3]
TOOLS_PATH = f"{ROOT / 'infra'}:{ROOT / 'infra' / 'trials'}"
"""Where processes that a trial starts find the packages of `infra` and of the trials."""
PASSPHRASE = "fictional demonstration passphrase"  # noqa: S105  opens keys of fictional organisations only
Say = Callable[[str], None]
EPOCH_MS = 190 * 86_400_000
"""First KEM keys that outlive the months of the story."""
_Item = TypeVar("_Item")
ALONE: Mapping[str, int] = {}
HA: Mapping[str, int] = {"kz": 3}
"""How many brokers a country's cluster has, where it is not one."""
PROFILES: Mapping[str, tuple[bool, Mapping[str, int]]] = {
    "shared": (False, ALONE),
    "federated": (True, ALONE),
    "ha": (True, HA),
}
"""Whether each country has a TLS cluster of its own, and how many brokers where it is not one."""


@dataclass(frozen=True, slots=True)
class World:
    """Where everything of one stack is. `brokers` has one entry per country, all the same when not federated."""

    folder: Path
    federated: bool
    paths: FederationPaths
    passphrase_file: Path
    brokers: dict[CountryCode, Brokers]
    countries: tuple[CountryCode, ...]

    def address(self, country: CountryCode, principal: str) -> BrokerAddress:
        """Return how `principal` reaches the cluster of `country`."""
        return self.brokers[country].address(principal)

    def is_production(self, country: CountryCode) -> bool:
        """Whether the node of `country` runs as in production: its cluster loses nothing when a broker is gone."""
        return len(self.brokers[country].each) >= 3

    def tls_folder(self, principal: str) -> Path | None:
        """Return the folder that REFBUS_TLS_<CC> names for `principal`, or None without TLS."""
        if not self.federated:
            return None
        certificates = Certificates(self.folder / "tls")
        certificates.issue(principal)
        return certificates.folder(principal)

    def home(self, org: OrgId) -> Home:
        """Return the home of a member."""
        return Home(self.paths.home(org))

    def directory(self, now_ms: int) -> Directory:
        """Return the newest published directory, verified as every reader does it."""
        return self.directories(now_ms).latest

    def directories(self, now_ms: int) -> History:
        """Return all versions of the directory that a reader has who took each one, verified as every reader does."""
        store = self.home(gate_id(self.countries[0])).trust_store()
        store.load(now_ms)
        store.refresh_from(list_files(self.paths.repository), now_ms)
        return store.history

    @property
    def clock_file(self) -> Path:
        """The file that moves the clock of every service of this world: wrong by how many ms, how many have passed."""
        return self.folder / "clock"

    def now_ms(self) -> int:
        """Return the time of this world, UTC ms."""
        return clock_from(self.clock_file)()

    def true_ms(self) -> int:
        """Return the time of this world by a clock that nobody set wrong, UTC ms."""
        return machine_ms() + self._moved_ms()[1]

    def move_clock(self, days: float) -> None:
        """Set the clock of every service wrong, in one step: one that reads half a number must not run on."""
        wrong_ms, passed_ms = self._moved_ms()
        self._set_clock(wrong_ms + int(days * 86_400_000), passed_ms)

    def right_clock(self) -> None:
        """Set the clock of every service right again."""
        self._set_clock(0, self._moved_ms()[1])

    def moment(self, at_ms: int) -> int:
        """Return what the clock of this world said when the machine's said `at_ms`; both UTC ms."""
        moves = self._moves.read_text(encoding="ascii").splitlines() if self._moves.exists() else []
        moved = [(int(when), int(by)) for when, by in (line.split() for line in moves)]
        return at_ms + next((by for when, by in reversed(moved) if when <= at_ms), 0)

    @property
    def _moves(self) -> Path:
        return self.folder / "clock.moves"

    def _set_clock(self, wrong_ms: int, passed_ms: int) -> None:
        with self._moves.open("a", encoding="ascii") as file:
            file.write(f"{machine_ms()} {wrong_ms + passed_ms}\n")
        write_whole(self.clock_file, f"{wrong_ms} {passed_ms}\n".encode())

    def _moved_ms(self) -> tuple[int, int]:
        wrong_ms, passed_ms = map(int, self.clock_file.read_text(encoding="ascii").split())
        return wrong_ms, passed_ms

    def neglect(self, days: float) -> None:
        """Let time pass, in which nobody publishes the directory."""
        wrong_ms, passed_ms = self._moved_ms()
        self._set_clock(wrong_ms, passed_ms + int(days * 86_400_000))

    def pass_time(self, days: float) -> None:
        """Let time pass, and publish the directory anew, as its keepers would have done meanwhile."""
        self.neglect(days)
        self._publish(Publication(Repository(self.paths.repository), self.true_ms()))

    def allow_emergencies(self, country: CountryCode) -> None:
        """Publish a new version of a country's policy that allows emergency disclosures."""
        text = (data_dir("keys") / "policies" / f"{country}.toml").read_text(encoding="utf-8")
        text = text.replace("emergency_disclosure = false", "emergency_disclosure = true")
        publication = Publication(Repository(self.paths.repository), self.now_ms())
        changes.put_policy(publication, country, compile_policy(text.replace("version = 1\n", "version = 2\n")))
        self._publish(publication)

    def enrol(self, member: MemberFile) -> None:
        """Take a new member into the federation, as the ceremony does after its answer: directory and topics."""
        publication = Publication(Repository(self.paths.repository), self.now_ms())
        changes.enrol(publication, member)
        publish_for_development(self.paths, publication, Passphrases.same(PASSPHRASE))
        _apply_topics(self, self.now_ms())
        self.publish_directory()

    def _publish(self, publication: Publication) -> None:
        publish_for_development(self.paths, publication, Passphrases.same(PASSPHRASE))
        self.publish_directory()

    def publish_directory(self) -> None:
        """Write the published directory where it reaches everybody. Raises TransportError.

        The first country's operator publishes to its own gateways; the other countries' gates hand it on to theirs.
        """
        files = [DirectoryFile(path, content).encode() for path, content in list_files(self.paths.repository)]

        def publish(country: CountryCode) -> None:
            kind = "directory" if country == self.countries[0] else "federation"
            produce_all(self.brokers[country].address(), f"{country}.{kind}", files)

        _for_all(publish, self.countries)

    def stop_brokers(self) -> None:
        """Stop every broker."""
        for broker in set(self.brokers.values()):
            broker.stop()


def create(
    folder: Path,
    *,
    federated: bool,
    say: Say,
    now_ms: int | None = None,
    counts: Mapping[str, int] = ALONE,
    lists: bool = True,
    apart: Collection[str] | None = None,
) -> World:
    """Make a new world in the empty `folder`: brokers started, keys made, topics applied, directory published.

    In a federated world `counts` has the number of brokers of a country's cluster where it is not one, and `apart` the
    countries that have a cluster of their own (None: all); the others have their topics in that of the first of these.
    Several brokers of a cluster read the `lists` of withdrawn certificates.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    description = read_description(data_dir("keys") / "development.toml")
    countries = tuple(sorted(description.policies))
    passphrase_file = folder / "passphrase"
    passphrase_file.write_text(PASSPHRASE + "\n", encoding="utf-8")
    passphrase_file.chmod(0o600)
    say("keys: a fictional federation of four countries, its anchors, gates and organisations")
    now_ms = machine_ms() if now_ms is None else now_ms
    paths = create_development_federation(
        folder / "federation", description, Passphrases.same(PASSPHRASE), now_ms, EPOCH_MS
    )
    (folder / "clock").write_text("0 0\n", encoding="ascii")
    brokers = _brokers(folder, countries, counts, apart, lists=lists) if federated else _shared(folder, countries)
    world = World(folder, federated, paths, passphrase_file, brokers, countries)
    try:
        distinct = tuple(dict.fromkeys(brokers.values()))
        many = sum(len(each.each) for each in distinct)
        say(f"brokers: Apache Kafka, {many} of them" if federated else "broker: Apache Kafka, one for all")
        _for_all(Brokers.start, distinct)
        say("topics: declared in topics/, applied")
        _apply_topics(world, now_ms)
        world.publish_directory()
    except BaseException:
        world.stop_brokers()
        raise
    return world


def produce_all(address: BrokerAddress, topic: str, values: Iterable[bytes]) -> None:
    """Write `values` in order and wait until the broker has them all. Raises TransportError."""
    producer = KafkaCluster(address).producer()
    try:
        write_all(producer, topic, values)
    finally:
        producer.close()


def _shared(folder: Path, countries: tuple[CountryCode, ...]) -> dict[CountryCode, Brokers]:
    return dict.fromkeys(countries, Brokers(folder / "broker", "shared"))


def _brokers(
    folder: Path,
    countries: tuple[CountryCode, ...],
    counts: Mapping[str, int],
    apart: Collection[str] | None = None,
    *,
    lists: bool = True,
) -> dict[CountryCode, Brokers]:
    certificates = Certificates(folder / "tls", withdrawable=bool(counts) and lists)
    made = {
        country: Brokers(folder / f"broker-{country}", country, certificates, count=counts.get(country, 1))
        for country in countries
        if apart is None or country in apart
    }
    first = next(iter(made.values()))
    return {country: made.get(country, first) for country in countries}


def _apply_topics(world: World, now_ms: int) -> None:
    directory = world.directory(now_ms)

    def apply(country: CountryCode) -> None:
        admin = KafkaCluster(world.brokers[country].address()).admin()
        left = list[object]()

        def is_applied() -> bool:
            try:
                declared = topicset.wanted(directory, country, production=world.is_production(country))
                plan = topicplan.plan(declared, admin)
                left[:] = [len(plan.create), len(plan.add)]
                topicplan.apply(plan, admin)
            except TransportError as error:
                if error.code is not Code.BROKER_UNREACHABLE:
                    raise
                return False  # a busy machine: what was made stays, the rest is asked for again
            return True

        patience.wait(f"topics of {country}", is_applied, lambda: tuple(left))

    _for_all(apply, world.countries)


def _for_all(do: Callable[[_Item], object], items: Iterable[_Item]) -> None:
    """Do it for every item at the same time; the first failure is raised after all have ended."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(do, items))
