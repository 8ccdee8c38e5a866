from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select
from sqlalchemy.exc import OperationalError

from refbus.each import alone, each
from refbus.errors import Code, RefbusError, RuleError, StoreError, TransportError


def step(number: int) -> int:
    """Refuse odd numbers on purpose, and break at 4."""
    if number % 2:
        raise RuleError(Code.CASE_UNKNOWN, str(number))
    return 8 // (number - 4)


def test_each_goes_on_after_an_element_that_fails() -> None:
    """What one element raises is told with the element, and every other element has its turn, in order."""
    told: list[tuple[int, Code, str]] = []
    done = each(range(7), step, lambda number, error: told.append((number, error.code, error.detail)))
    assert done == [-2, -4, 4]
    assert told == [
        (1, Code.CASE_UNKNOWN, "1"),
        (3, Code.CASE_UNKNOWN, "3"),
        (4, Code.INTERNAL_ERROR, "ZeroDivisionError"),
        (5, Code.CASE_UNKNOWN, "5"),
    ]


def test_a_mistake_keeps_its_cause() -> None:
    """An error that nobody raised on purpose is told as INTERNAL_ERROR, with what was raised as its cause."""
    told: list[RefbusError] = []
    each([4], step, lambda _, error: told.append(error))
    assert isinstance(told[0].__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    "cause",
    [StoreError(Code.STORE_FULL), MemoryError(), OperationalError("", None, Exception()), KeyboardInterrupt()],
    ids=lambda cause: type(cause).__name__,
)
def test_what_stops_everything_ends_the_loop(cause: BaseException) -> None:
    """A full disk, no memory, a database in trouble and an interrupt are no fault of one element: they are raised."""

    def fail(_: int) -> None:
        raise cause

    with pytest.raises(type(cause)):
        each([1, 2], fail, lambda *_: pytest.fail("it was told as the fault of one element"))


def test_the_caller_names_what_else_ends_the_loop() -> None:
    """A broker that is away ends a loop over records of that broker, and no loop over several brokers."""

    def fail(_: int) -> None:
        raise TransportError(Code.BROKER_UNREACHABLE)

    told: list[int] = []
    each([1, 2], fail, lambda number, _: told.append(number))
    assert told == [1, 2]
    with pytest.raises(TransportError):
        each([1, 2], fail, lambda *_: None, stops=(TransportError,))


def test_a_step_that_fails_leaves_nothing_behind() -> None:
    """Inside a savepoint, what a failed step wrote is undone, and what its neighbours wrote is kept."""
    engine, metadata = create_engine("sqlite://"), MetaData()
    numbers = Table("numbers", metadata, Column("n", Integer, primary_key=True))
    metadata.create_all(engine)
    told: list[tuple[int, Code]] = []
    with engine.begin() as connection:

        def note(number: int) -> None:
            connection.execute(insert(numbers).values(n=number))
            if number == 2:
                raise RuleError(Code.CASE_UNKNOWN)

        each([1, 2, 3, 3], note, lambda n, error: told.append((n, error.code)), inside=connection.begin_nested)
        assert list(connection.execute(select(numbers.c.n)).scalars()) == [1, 3]
    assert told == [(2, Code.CASE_UNKNOWN), (3, Code.INTERNAL_ERROR)]
    engine.dispose()


def test_each_step_gets_its_own_surroundings() -> None:
    """What a step runs in is made anew for it, and ended before its failure is told."""
    seen: list[str] = []

    @contextmanager
    def inside() -> Iterator[None]:
        seen.append("in")
        try:
            yield
        finally:
            seen.append("out")

    each([1, 2], step, lambda number, _: seen.append(f"told {number}"), inside=inside)
    assert seen == ["in", "out", "told 1", "in", "out"]


def test_alone_wraps_a_loop_that_waits() -> None:
    """The body of an asynchronous loop is kept apart from its neighbours in the same way."""
    told: list[int] = []

    async def run() -> list[int]:
        done = []
        for number in range(5):
            with alone(number, lambda n, _: told.append(n)):
                await asyncio.to_thread(step, 0)
                done.append(step(number))
        return done

    assert asyncio.run(run()) == [-2, -4]
    assert told == [1, 3, 4]
