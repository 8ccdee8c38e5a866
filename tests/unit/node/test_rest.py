"""A clock sleeps while nothing is written and nothing is due; a write, a wake or a due moment ends the sleep."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from refbus.clock import Clock, Sources
from refbus.core.units import HOUR_MS
from refbus.errors import Code, StoreError
from refbus.node.rest import AGAIN_MS, AWAKE_MS, GLANCE_MS, NET_MS, Rest

START_MS = 1_790_000_000_000


@dataclass
class Store:
    """A store that says how often it was written to and what is due in it, and two clocks."""

    mark: int = 1
    wall_ms: int = START_MS
    steady_ms: int = 0
    due: list[int] = field(default_factory=list)
    asked: int = 0

    def change_mark(self) -> int:
        """Return what the store says."""
        return self.mark

    def next_due(self) -> int | None:
        """Return the first due moment."""
        self.asked += 1
        return min(self.due, default=None)

    def pass_ms(self, some_ms: int) -> None:
        """Let time pass on both clocks."""
        self.wall_ms += some_ms
        self.steady_ms += some_ms

    def rest(self) -> Rest:
        """Return a clock that stands on this."""
        sources = Sources(lambda: self.wall_ms, lambda: self.steady_ms)
        return Rest(self.change_mark, Clock(sources), self.next_due)

    def sleep(self, rest: Rest, most_ms: int = HOUR_MS) -> int:
        """Glance each hundredth of a second until something is to be done; return after how many ms that was."""
        for passed_ms in range(0, most_ms, 10):
            if not rest.allows():
                return passed_ms
            self.pass_ms(10)
        return most_ms


@pytest.fixture
def store() -> Store:
    """Give a store."""
    return Store()


@pytest.fixture
def rest(store: Store) -> Rest:
    """Give a clock that has just done everything, a while after the last write."""
    rest = store.rest()
    assert not rest.allows()
    store.pass_ms(AWAKE_MS)
    assert rest.allows()
    store.pass_ms(NET_MS)
    assert not rest.allows()
    return rest


def test_everything_is_done_for_a_while_after_a_write(rest: Rest, store: Store) -> None:
    """The write of a batch, of the clock's own work or of another process: its second step follows a second later."""
    store.mark += 1
    for _ in range(AWAKE_MS // 1_000):
        assert not rest.allows()
        store.pass_ms(1_000)
    assert rest.allows()


def test_what_is_due_is_done_when_it_is_due(rest: Rest, store: Store) -> None:
    """Not at the next glance: the sleep ends at the moment itself, which is asked for once."""
    store.due = [store.wall_ms + 12_340]
    asked = store.asked
    assert store.sleep(rest) == 12_340
    assert store.asked == asked + 1


def test_of_two_moments_the_first_counts_and_then_the_second(rest: Rest, store: Store) -> None:
    """Two that are due at once are done at once; after the first the next is asked for."""
    first_ms = store.wall_ms + 7_000
    store.due = [first_ms + 2_000, first_ms, first_ms]
    assert store.sleep(rest) == 7_000
    store.due = [first_ms + 2_000]
    assert store.sleep(rest) == 2_000


def test_a_moment_that_moves_earlier_is_kept(rest: Rest, store: Store) -> None:
    """The write that moves it ends the rest, and the new moment is asked for when the writes have ceased."""
    store.due = [store.wall_ms + 29_000]
    assert rest.allows()
    store.mark += 1
    store.due = [store.wall_ms + AWAKE_MS + 3_000]
    assert not rest.allows()
    store.pass_ms(AWAKE_MS)
    assert store.sleep(rest) == 3_000


@pytest.mark.parametrize("steady_ms", [0, 10], ids=["the clock was set", "the machine slept"])
def test_a_clock_that_jumps_over_a_due_moment_is_noticed_at_the_next_glance(
    rest: Rest, store: Store, steady_ms: int
) -> None:
    """The monotonic clock may have stood still: what counts is compared, nothing is only waited for."""
    store.due = [store.wall_ms + 20_000]
    assert rest.allows()
    store.wall_ms += HOUR_MS
    store.steady_ms += steady_ms
    rest.clock.accept()
    assert not rest.allows()


def test_what_is_due_and_cannot_be_done_is_tried_again(rest: Rest, store: Store) -> None:
    """It waits for something that nobody writes: it is neither forgotten nor tried at each glance."""
    store.due = [store.wall_ms - 1]
    for _ in range(5):
        assert store.sleep(rest) == AGAIN_MS


def test_nothing_due_sleeps_within_the_net(rest: Rest, store: Store) -> None:
    """In an hour without a write and without a due moment all is done every half minute."""
    done = 0
    for _ in range(3_600):
        store.pass_ms(1_000)
        done += not rest.allows()
    assert done == HOUR_MS // NET_MS


def test_a_directory_that_moved_is_looked_at_at_once(rest: Rest) -> None:
    """Whatever the store says."""
    assert not rest.allows(moved=True)


def test_a_store_that_does_not_answer_is_told(store: Store) -> None:
    """It is no reason to rest."""

    def failing() -> int:
        raise StoreError(Code.STORE_FAILED)

    rest = store.rest()
    rest.change_mark = failing
    with pytest.raises(StoreError):
        rest.allows()


def test_a_sleeping_clock_is_woken_and_stopped(rest: Rest, store: Store) -> None:
    """A wake ends the wait for a glance, which is never longer than it may be; a stop with a wake ends the clock."""
    ticks, stop, slept = threading.Semaphore(0), threading.Event(), threading.Event()
    wait = rest._woken.wait

    def tick() -> None:
        rest.allows()
        ticks.release()

    def sleeping(timeout: float | None = None) -> bool:
        assert timeout is not None
        assert timeout <= GLANCE_MS / 1000
        slept.set()
        return wait()  # for ever: only a wake ends it

    rest._woken.wait = sleeping  # type: ignore[method-assign]
    running = threading.Thread(target=rest.run, args=(stop, tick))
    running.start()
    for _ in range(3):
        assert ticks.acquire(timeout=30)
        assert slept.wait(30)
        slept.clear()
        rest.wake()
    stop.set()
    rest.wake()
    running.join(30)
    assert not running.is_alive()
