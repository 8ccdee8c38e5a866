"""A timer rests while nothing is written: for a while after each write, and now and then, all is done."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from refbus.errors import Code, StoreError
from refbus.node.rest import AWAKE_MS, LONGEST_MS, Rest


@dataclass
class Store:
    """A store that says how often it was written to, and a clock."""

    mark: int = 1
    now_ms: int = 0

    def change_mark(self) -> int:
        """Return what the store says."""
        return self.mark

    def steady_ms(self) -> int:
        """Return the time."""
        return self.now_ms


@pytest.fixture
def store() -> Store:
    """Give a store."""
    return Store()


@pytest.fixture
def rest(store: Store) -> Rest:
    """Give a timer that has nothing to do since long."""
    rest = Rest(store.change_mark, store.steady_ms)
    assert not rest.allows()
    store.now_ms += AWAKE_MS + LONGEST_MS
    assert not rest.allows()
    assert rest.allows()
    return rest


def test_everything_is_done_for_a_while_after_a_write(rest: Rest, store: Store) -> None:
    """The write of a batch, of the timer's own work or of another process: its second step follows a second later."""
    store.mark += 1
    for _ in range(AWAKE_MS // 1_000):
        assert not rest.allows()
        store.now_ms += 1_000
    assert rest.allows()


def test_what_is_due_by_time_alone_is_done_a_few_seconds_late_at_most(rest: Rest, store: Store) -> None:
    """In an hour without a write the work is done every five seconds."""
    done = 0
    for _ in range(3_600):
        store.now_ms += 1_000
        done += not rest.allows()
    assert done == 3_600_000 // LONGEST_MS


def test_a_directory_that_moved_is_looked_at_at_once(rest: Rest) -> None:
    """Whatever the store says."""
    assert not rest.allows(moved=True)


def test_a_store_that_does_not_answer_is_told(store: Store) -> None:
    """It is no reason to rest."""

    def failing() -> int:
        raise StoreError(Code.STORE_FAILED)

    with pytest.raises(StoreError):
        Rest(failing, store.steady_ms).allows()
