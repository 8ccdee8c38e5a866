"""Loops over what came from others, or goes to others: one bad element neither undoes nor delays the rest.

`each` does one step for each element, `alone` wraps the step of a loop that is written out, `async` ones too. What a
step raises is told and the loop goes on: errors on purpose as they are, a mistake of ours as INTERNAL_ERROR with its
cause. What would stop every other element too ends the loop at once: the store or its disk, no memory, whatever the
caller names.

A step that writes needs a transaction of its own, or `inside=tx.savepoint`: what it did before it failed is undone
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias, TypeVar, cast

from refbus.errors import Code, RefbusError, StoreError

_E = TypeVar("_E")
_T = TypeVar("_T")
Inside: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Makes what one step runs in: a savepoint, a transaction."""


def each(
    elements: Iterable[_E],
    step: Callable[[_E], _T],
    failed: Callable[[_E, RefbusError], object],
    *,
    inside: Inside = nullcontext,
    stops: tuple[type[Exception], ...] = (),
) -> list[_T]:
    """Do `step` for each element and return what came of those that went well, in order.

    `failed` hears of every other one. Raises StoreError, MemoryError, errors of the database that are not about one
    row, and `stops`; what `failed` raises.
    """
    done: list[_T] = []
    for element in elements:
        try:
            with inside():
                came = step(element)
        except Exception as error:
            if _ends_all(error, stops):
                raise
            failed(element, _told(error))
        else:
            done.append(came)
    return done


def alone(
    element: _E,
    failed: Callable[[_E, RefbusError], object],
    *,
    inside: Inside = nullcontext,
    stops: tuple[type[Exception], ...] = (),
) -> AbstractContextManager[None, bool]:
    """Run the body of a loop so that its failure ends this element only. Arguments and errors as in `each`."""
    # A type checker learns from `bool` that what comes after the body is reached without its end.
    return cast("AbstractContextManager[None, bool]", _alone(element, failed, inside, stops))


@contextmanager
def _alone(
    element: _E,
    failed: Callable[[_E, RefbusError], object],
    inside: Inside,
    stops: tuple[type[Exception], ...],
) -> Iterator[None]:
    try:
        with inside():
            yield
    except Exception as error:
        if _ends_all(error, stops):
            raise
        failed(element, _told(error))


def _ends_all(error: Exception, stops: tuple[type[Exception], ...]) -> bool:
    return isinstance(error, (MemoryError, *stops)) or _is_of_the_store(error)


def _told(error: Exception) -> RefbusError:
    if isinstance(error, RefbusError):
        return error
    mistake = RefbusError(Code.INTERNAL_ERROR, type(error).__name__)
    mistake.__cause__ = error
    return mistake


def _is_of_the_store(error: Exception) -> bool:
    """Whether the database or its disk is in trouble, as against one row that it does not take."""
    if isinstance(error, StoreError):
        return error.code is not Code.INTERNAL_ERROR  # that is a row which contradicts itself
    from sqlalchemy import exc  # late: only when something failed

    of_a_row = (exc.DataError, exc.IntegrityError, exc.NoResultFound, exc.MultipleResultsFound)
    return isinstance(error, exc.SQLAlchemyError) and not isinstance(error, of_a_row)
