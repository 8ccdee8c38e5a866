"""The work of a batch: spread over threads, and numbered from what the last decision left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.counting import counting
from refbus.crypto.secretbox import StateKey
from refbus.node.store.commit import commit
from refbus.node.store.node import NodeStore
from refbus.node.store.rows import Changes, InboxRow
from refbus_gate.decide.inboxes import Inboxes
from refbus_gate.decide.work import Workers

NOW_MS = 1_790_000_000_000
TOPIC = "uz.inbox.a"


@pytest.fixture(params=[1, 2, 4])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    """Return workers on one or more threads."""
    made = Workers(request.param)
    yield made
    made.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_results_are_in_order(workers: Workers, count: int) -> None:
    """Whoever took which value."""
    assert workers.spread(lambda value: value * 2, range(count)) == [2 * value for value in range(count)]


def test_the_first_failure_is_raised_and_the_rest_is_done(workers: Workers) -> None:
    """As if one had worked alone; the next batch goes on."""
    done = list[int]()

    def one(value: int) -> None:
        if value in {3, 5}:
            raise ValueError(f"{value}")
        done.append(value)

    with pytest.raises(ValueError, match="3"):
        workers.spread(one, range(8))
    assert {0, 1, 2} <= set(done)
    assert workers.spread(str, range(3)) == ["0", "1", "2"]


def test_whoever_asks_works_too() -> None:
    """Two things that wait for each other need two threads, and one of them is the one that asked."""
    workers, both, seen = Workers(2), threading.Barrier(2), set[str]()

    def one(_: int) -> None:
        both.wait(60)
        seen.add(threading.current_thread().name)

    workers.spread(one, range(2))
    workers.close()
    assert threading.current_thread().name in seen
    assert len(seen) == 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NodeStore]:
    """Return an empty store."""
    made = NodeStore.open(tmp_path / "node.db", StateKey(bytes(32)))
    yield made
    made.close()


def write(store: NodeStore, fence: int, sequence: int) -> dict[str, InboxRow]:
    """Write the number of an inbox in a deciding transaction; return what was written."""
    rows = {TOPIC: InboxRow(TOPIC, sequence, bytes(32))}
    commit(store, Changes(inboxes=rows), fence, None, NOW_MS)
    return rows


def test_what_was_just_written_is_not_read_again(store: NodeStore) -> None:
    """Nobody else writes it, and the fence says so."""
    inboxes = Inboxes(store)
    assert inboxes.at(0, {TOPIC}) == {}
    inboxes.wrote(0, write(store, 0, 1))
    with counting() as counts:
        assert inboxes.at(1, {TOPIC})[TOPIC].sequence == 1
    assert counts.statements == 0


def test_nothing_is_believed_at_another_number_of_the_fence(store: NodeStore) -> None:
    """Whatever moved it may have given numbers: what the store says counts."""
    inboxes = Inboxes(store)
    inboxes.at(0, {TOPIC})
    inboxes.wrote(0, write(store, 0, 1))
    write(store, 1, 7)
    assert inboxes.at(2, {TOPIC})[TOPIC].sequence == 7


def test_what_was_not_written_is_not_taken_up(store: NodeStore) -> None:
    """A transaction that fails leaves the numbers as they were."""
    inboxes = Inboxes(store)
    inboxes.wrote(0, write(store, 0, 1))  # of a decision that asked for none: nothing is known of others then
    write(store, 1, 5)
    assert inboxes.at(2, {TOPIC})[TOPIC].sequence == 5
    assert inboxes.at(2, {TOPIC})[TOPIC].sequence == 5
