"""Questions that a broker keeps for a while, and the one client that asks where topics end; without a broker."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest
from aiokafka.protocol.fetch import FetchRequest

from refbus.bus import driver
from refbus.bus.address import BrokerAddress
from refbus.bus.batchreader import BatchReader
from refbus.bus.confluent_offsets import TopicOffsets, asker
from refbus.bus.driver import Fetched, Line
from refbus.errors import Code, SetupError, TransportError

SHORT_S = 0.05
PATIENCE_S = 60.0


class Silent:
    """Takes every connection and never says a word: a broker that keeps all questions."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = BrokerAddress(f"127.0.0.1:{self._listening.getsockname()[1]}")
        self.ended: list[threading.Event] = []
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._listening.close()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.ended.append(threading.Event())
            threading.Thread(target=self._read, args=(connection, self.ended[-1]), daemon=True).start()

    def _read(self, connection: socket.socket, ended: threading.Event) -> None:
        with connection:
            while connection.recv(4096):
                pass
        ended.set()


@pytest.fixture
def silent() -> Iterator[Silent]:
    """Give such a broker."""
    broker = Silent()
    yield broker
    broker.close()


def ask_elsewhere(line: Line) -> None:
    """Ask for another offset."""
    assert line.ask(7, SHORT_S) is None


def ask_otherwise(line: Line) -> None:
    """Ask something that does not wait; here it is not answered either."""
    with pytest.raises(TransportError) as refused:
        line.fetch(7, 0.0)
    assert refused.value.code is Code.BROKER_UNREACHABLE


@pytest.mark.parametrize("next_question", [ask_elsewhere, ask_otherwise])
def test_no_question_waits_behind_one_that_the_broker_keeps(
    silent: Silent, next_question: Callable[[Line], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker answers a connection in order: whoever has something else to ask leaves it and takes a new one."""
    monkeypatch.setattr("refbus.bus.driver._PATIENCE_S", SHORT_S)
    line = Line(silent.address, "kz.outbox")
    while not silent.ended:
        assert line.ask(3, SHORT_S) is None
    next_question(line)
    assert silent.ended[0].wait(PATIENCE_S)
    line.close()


def test_short_waits_go_on_with_the_same_question(silent: Silent) -> None:
    """However often is asked, the broker has one question, on one connection."""
    line = Line(silent.address, "kz.outbox")
    for _ in range(5):
        assert line.ask(3, SHORT_S) is None
    assert len(silent.ended) <= 1
    assert not any(each.is_set() for each in silent.ended)
    line.close()


def test_one_client_asks_for_all_topics_of_a_cluster() -> None:
    """It is made when it is needed, shared by whoever asks there, and freed with the last of them."""
    address, other = BrokerAddress("127.0.0.1:1"), BrokerAddress("127.0.0.1:2")
    first, second = TopicOffsets(address, "kz.outbox"), TopicOffsets(address, "kz.audit")
    kept = weakref.ref(asker(address, "kz.profiles"))
    assert first._asker is second._asker is kept()
    assert TopicOffsets(other, "kz.outbox")._asker is not kept()
    assert TopicOffsets(address, "uz.outbox")._asker is not kept()  # readers name a group of their country
    assert first._asker._client is None
    first.close()
    assert kept() is not None
    del first, second
    gc.collect()
    assert kept() is None


def test_a_client_that_is_not_believed_is_replaced_once() -> None:
    """Two that doubt the same client get the same new one; who still asks by the old one is not disturbed."""
    one = asker(BrokerAddress("127.0.0.1:1"), "kz.outbox")
    old = one._other_than(None)
    assert one._other_than(None) is old
    new = one._other_than(old)
    assert new is not old
    assert one._other_than(old) is new


@pytest.mark.parametrize("made", [TopicOffsets, BatchReader])
def test_nobody_is_made_who_would_ask_in_clear_beyond_this_machine(made: type[TopicOffsets]) -> None:
    """The client that asks ends is made late and looks at the address; a reader connects without it."""
    with pytest.raises(SetupError) as refused:
        made(BrokerAddress("192.0.2.1:9092"), "kz.outbox")
    assert refused.value.code is Code.UNSAFE_SETTING


class SlowToCome:
    """The driver's client where a connection takes a while; it must not be broken off, and is closed."""

    made: ClassVar[list[SlowToCome]] = []

    def __init__(self, **_settings: object) -> None:
        self._conns: dict[object, object] = {}
        self.said: list[str] = []
        self.made.append(self)

    async def bootstrap(self) -> None:
        """Come after a while."""
        loop = asyncio.get_running_loop()
        here = loop.create_future()
        loop.call_later(SHORT_S, here.set_result, None)
        try:
            await here
            self.said.append("came")
        except asyncio.CancelledError:
            self.said.append("broken off")
            raise

    async def set_topics(self, _topics: list[str]) -> None:
        """Take the topic."""

    async def close(self) -> None:
        """Close what came."""
        self.said.append("closed")


def test_a_connection_in_the_making_is_not_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver closes only what has come: a socket that was broken off would stay open."""
    monkeypatch.setattr(driver, "AIOKafkaClient", SlowToCome)
    line = Line(BrokerAddress("127.0.0.1:9"), "kz.outbox")
    assert line.ask(0, 0.0) is None
    line.close()
    assert [each.said for each in SlowToCome.made] == [["came", "closed"]]


class Told:
    """An answer of a broker."""

    API_VERSION = 4
    throttle_time_ms = 1

    def __init__(self, *topics: object) -> None:
        self.topics = topics


class Telling(SlowToCome):
    """The driver's client of a broker that gives these answers, one after the other."""

    answers: ClassVar[list[Told]] = []

    @property
    def cluster(self) -> Telling:
        """Return itself, which knows where the topic is."""
        return self

    def leader_for_partition(self, _place: object) -> int:
        """Return the one broker."""
        return 1

    async def send(self, _node: int, _question: object) -> Told:
        """Return the next answer."""
        return self.answers.pop(0)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Return a line to it."""
    monkeypatch.setattr(driver, "AIOKafkaClient", Telling)
    line = Line(BrokerAddress("127.0.0.1:9"), "kz.outbox")
    yield line
    line.close()


def test_a_broker_that_slows_somebody_is_asked_again(told: Line) -> None:
    """It answers with no topic at all; before, that ended the process of whoever asked."""
    Telling.answers[:] = [Told(), Told(), Told(("kz.outbox", [(0, 0, 7, 5, [], b"batch")]))]
    assert told.fetch(3, 0.0) == Fetched(b"batch", (), 5, 7)
    Telling.answers[:] = [Told(), Told(("kz.outbox", [(0, 0, 7, 5, [], b"batch")]))]
    assert told.ask(3, PATIENCE_S) == Fetched(b"batch", (), 5, 7)


@pytest.mark.parametrize(
    "topics",
    [
        [("kz.outbox", [])],
        [("kz.outbox", [(0,)])],
        [("kz.outbox", [(0, 0, 7, b"batch")])],  # as brokers said it before there were transactions
        [("kz.outbox", None)],
        [(), ()],
        ["kz.outbox"],
    ],
)
@pytest.mark.parametrize("question", [lambda line: line.fetch(3, 0.0), lambda line: line.ask(3, PATIENCE_S)])
def test_an_answer_to_another_question_is_a_broker_that_is_away(
    told: Line, question: Callable[[Line], None], topics: list[object]
) -> None:
    """Whatever a broker says ends no process; the connection is left, as nothing on it can be believed."""
    Telling.answers[:] = [Told(*topics)]
    with pytest.raises(TransportError) as refused:
        question(told)
    assert refused.value.code is Code.BROKER_UNREACHABLE
    assert Telling.made[-1].said[-1] == "closed"


@pytest.mark.parametrize("question", [lambda line: line.fetch(3, 0.0), lambda line: line.ask(3, PATIENCE_S)])
def test_a_broker_whose_words_the_driver_does_not_know_is_away(
    told: Line, question: Callable[[Line], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver gives up with errors of its own at versions of questions that nobody has."""

    async def send(_self: Telling, _node: int, asked: FetchRequest) -> Told:
        return Told(asked.prepare({FetchRequest.API_KEY: (99, 99)}))

    monkeypatch.setattr(Telling, "send", send)
    with pytest.raises(TransportError) as refused:
        question(told)
    assert refused.value.code is Code.BROKER_UNREACHABLE


def test_a_line_that_asked_nothing_is_closed_inside_of_another_loop() -> None:
    """A command may run where a loop runs already, and make a reader of which it asks the ends alone."""

    async def close() -> None:
        Line(BrokerAddress("127.0.0.1:9"), "kz.outbox").close()

    asyncio.run(close())
