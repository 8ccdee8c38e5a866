"""The directory crosses from the federation's topic to a country's own gateways."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from refbus.bus.memory import MemoryBus
from refbus.core.ids import CountryCode
from refbus.errors import Code, MalformedError, TransportError
from refbus.node.directory_follower import DirectoryFollower
from refbus.trust.homes import Home
from refbus.trust.reader.loader import TrustStore
from refbus.wire.logs import MailKind, WitnessMail
from refbus.wire.transport import DirectoryFile
from refbus_gate.deliver.directory_relay import DirectoryRelay
from support.ceremonies import KZ, Lab, lab
from support.directories import NOW_MS

FEDERATION, OWN = "kz.federation", "kz.directory"


class Node:
    """What a gate has for the directory, on a bus in memory; `broken` makes the own topic unreachable."""

    def __init__(self, fed: Lab, folder: Path) -> None:
        self.bus = MemoryBus([FEDERATION, OWN])
        self.trust: TrustStore = Home(fed.paths.gate(KZ)).trust_store()
        self.trust.load(NOW_MS)
        self.marker = folder / "handed-on"
        self.broken = False
        self.start()

    def start(self) -> None:
        """Begin as a process does, from the start of the topics."""
        self.follower = DirectoryFollower(self.trust, lambda: self.bus.reader(OWN), lambda: NOW_MS)
        self.relay = DirectoryRelay(
            self.trust, self.follower.take, lambda: self.bus.reader(FEDERATION), self._publish, self.marker
        )

    def receive(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Put files into the federation's topic."""
        for path, content in files:
            self.bus.put(FEDERATION, DirectoryFile(path, content).encode())

    def handed_on(self) -> list[str]:
        """Return the paths in the country's own topic."""
        return [DirectoryFile.parse(record.value).path for record in self.bus.records(OWN)]

    def _publish(self, values: Sequence[bytes]) -> None:
        if self.broken:
            raise TransportError(Code.BROKER_UNREACHABLE, OWN)
        for value in values:
            self.bus.put(OWN, value)


@pytest.fixture
def fed(tmp_path: Path) -> Lab:
    """Make a federation."""
    return lab(tmp_path / "fed")


@pytest.fixture
def node(fed: Lab, tmp_path: Path) -> Node:
    """Make a node that knows no directory yet."""
    return Node(fed, tmp_path)


def test_a_whole_version_is_handed_on_once(fed: Lab, node: Node) -> None:
    """Everything that a gateway needs is there, the timestamp last, and nothing is repeated without need."""
    node.receive(fed.files())
    node.relay.turn()
    assert node.handed_on() == [path for path, _ in fed.files()]
    assert node.follower.newest() is not None
    node.relay.turn()
    node.start()
    node.relay.turn()
    assert len(node.handed_on()) == len(fed.files())


def test_a_version_that_came_as_files_is_handed_on_too(fed: Lab, node: Node) -> None:
    """An operator brought it on a stick; the gateways get it from the topic all the same."""
    node.trust.refresh_from(fed.files(), NOW_MS)
    node.relay.turn()
    assert node.handed_on() == [path for path, _ in fed.files()]


def test_half_a_version_is_not_handed_on(fed: Lab, node: Node) -> None:
    """Without its timestamp nothing is in force, so nothing goes further."""
    node.receive(fed.files()[:-1])
    node.relay.turn()
    assert node.handed_on() == []


def test_garbage_and_forged_files_go_no_further(fed: Lab, node: Node) -> None:
    """What is not a file of the directory, or not signed, is left out."""
    node.bus.put(FEDERATION, b"garbage")
    node.receive([(path, content[:-1] + b"x") for path, content in fed.files()])
    node.relay.turn()
    assert node.handed_on() == []


def test_a_broker_that_is_away_delays_only(fed: Lab, node: Node) -> None:
    """The version is in force here at once, and handed on when the broker is back, also by the next process."""
    node.broken = True
    node.receive(fed.files())
    node.relay.turn()
    assert node.follower.newest() is not None
    assert node.handed_on() == []
    node.broken = False
    node.start()
    node.relay.turn()
    assert node.handed_on() == [path for path, _ in fed.files()]


def test_mails_of_auditors_are_left_to_the_auditor(fed: Lab, node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """What witnesses say to each other passes by in silence; the directory beside it is handed on."""
    node.bus.put(FEDERATION, WitnessMail(CountryCode("uz"), MailKind.CONFLICT, b"log.example/2026b\n1\n\n").encode())
    node.receive(fed.files())
    with caplog.at_level("INFO"):
        node.relay.turn()
    assert node.handed_on() == [path for path, _ in fed.files()]
    assert "does not count" not in caplog.text


def test_one_record_that_fails_here_keeps_no_version_from_the_country(fed: Lab, node: Node) -> None:
    """Whatever the code raises about one record, the others of the same fetch are taken and handed on."""
    take, broken = node.follower.take, DirectoryFile("targets/broken", b"x").encode()

    def taken(value: bytes) -> bool:
        if value == broken:
            raise MalformedError(Code.MALFORMED)
        return take(value)

    reader = lambda: node.bus.reader(FEDERATION)  # noqa: E731
    node.relay = DirectoryRelay(node.trust, taken, reader, node._publish, node.marker)
    node.bus.put(FEDERATION, broken)
    node.receive(fed.files())
    node.relay.turn()
    assert node.handed_on() == [path for path, _ in fed.files()]
