"""The directory of a node as it is followed, file by file."""

from __future__ import annotations

import pytest

from refbus.bus.memory import MemoryBus, MemoryReader
from refbus.errors import Code, MalformedError, SetupError, StoreError
from refbus.node.directory_follower import DirectoryFollower
from refbus.wire.transport import DirectoryFile


class Trust:
    """Stands for the trust store: takes files, and has a new version when told so."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def add_file(self, path: str, content: bytes, now_ms: int) -> object:
        """Refuse "bad.json"; come into force with "timestamp.json"."""
        if path == "bad.json":
            raise MalformedError(Code.MALFORMED)
        if path == "strange.json":
            raise RecursionError
        if path == "full.json":
            raise StoreError(Code.STORE_FULL)
        self.taken.append(path)
        return type("Newer", (), {"version": now_ms})() if path == "timestamp.json" else None


def follower(*paths: str) -> tuple[DirectoryFollower, Trust]:
    """Return a follower of a topic with files of these names."""
    bus, trust = MemoryBus(["kz.directory"]), Trust()
    for path in paths:
        bus.put("kz.directory", b"garbage" if path == "garbage" else DirectoryFile(path, b"{}").encode())
    return DirectoryFollower(trust, lambda: bus.reader("kz.directory"), lambda: 7), trust  # type: ignore[arg-type]


def test_files_of_the_directory_are_taken_in_order() -> None:
    """Every file goes to the trust store; a new version is announced."""
    made, trust = follower("a.json", "timestamp.json")
    made.turn(0)
    assert trust.taken == ["a.json", "timestamp.json"]
    assert made.moved.is_set()
    assert not made.caught_up.is_set()
    made.turn(0)
    assert made.caught_up.is_set()


def test_a_broker_that_is_away_has_shown_no_directory() -> None:
    """Nothing comes from it, as from one that has shown all: heartbeats and answers wait for what is unread."""
    bus = MemoryBus(["kz.directory"])
    bus.put("kz.directory", DirectoryFile("timestamp.json", b"{}").encode())
    made = DirectoryFollower(Trust(), lambda: bus.reader("kz.directory"), lambda: 7)  # type: ignore[arg-type]
    bus.down = True
    made.turn(0)
    assert not made.caught_up.is_set()
    bus.down = False
    made.turn(0)
    assert not made.caught_up.is_set()
    made.turn(0)
    assert made.caught_up.is_set()


def test_a_broker_that_forgot_the_topic_ends_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a stall it may say so: whoever reads the topic waits for it, and who asks for its end too."""
    bus = MemoryBus(["kz.directory"])
    made = DirectoryFollower(Trust(), lambda: bus.reader("kz.directory"), lambda: 7)  # type: ignore[arg-type]

    def forgotten(_: MemoryReader) -> int:
        raise SetupError(Code.TOPIC_MISSING)

    with monkeypatch.context() as stall:
        stall.setattr(MemoryReader, "end_offset", forgotten)
        made.turn(0)
    assert not made.caught_up.is_set()
    made.turn(0)
    assert made.caught_up.is_set()


def test_a_file_that_breaks_the_reader_keeps_no_later_one_out() -> None:
    """An error that nobody raised on purpose, too: the file is left out and the directory goes on."""
    made, trust = follower("strange.json", "bad.json", "timestamp.json")
    made.turn(0)
    assert trust.taken == ["timestamp.json"]
    assert made.moved.is_set()


def test_a_wrong_file_stops_nothing() -> None:
    """Garbage and refused files are left out; later ones count."""
    made, trust = follower("garbage", "bad.json", "timestamp.json")
    made.turn(0)
    assert trust.taken == ["timestamp.json"]


def test_a_full_disk_stops_the_follower() -> None:
    """A store fault is not a wrong file."""
    made, _ = follower("full.json")
    with pytest.raises(StoreError):
        made.turn(0)
