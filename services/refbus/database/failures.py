"""What a database raises, as errors of ours. Its text may quote values, so it is not repeated."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, cast

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from refbus.errors import Code, RefbusError, StoreError
from refbus.files import is_full
from refbus.said import said

BUSY: Final = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_RECOVERY"})
"""What SQLite says where others work with the file, also one that reads the log again because a writer was killed."""
_CODES: Final = {"SQLITE_FULL": Code.STORE_FULL, **dict.fromkeys(BUSY, Code.STORE_BUSY)}
_STATES: Final[Mapping[str, Code]] = {  # SQLSTATE of a server, the longest that fits first
    "53100": Code.STORE_FULL,
    "55P03": Code.STORE_BUSY,
    "57014": Code.STORE_BUSY,
    "08": Code.STORE_UNREACHABLE,
    "28": Code.STORE_UNREACHABLE,
    "3D": Code.STORE_UNREACHABLE,
    "53": Code.STORE_UNREACHABLE,
    "57P": Code.STORE_UNREACHABLE,
    "25P03": Code.STORE_UNREACHABLE,
}
_PASSING: Final = frozenset({Code.STORE_BUSY, Code.STORE_FULL, Code.STORE_UNREACHABLE, Code.STORE_TAKEN_OVER})


def require_lasting(error: RefbusError) -> None:
    """Raise an error that says nothing of the store that was looked at: it is busy, out of reach, or a disk is full.

    Whoever takes the place of a store asks it first what it has; no answer is not the answer that it has nothing.
    """
    if error.code in _PASSING:
        raise error


def as_usual(error: sqlite3.Error) -> DBAPIError:
    """Return an error of the driver as SQLAlchemy raises it: by these callers tell a bad row from a bad disk."""
    found = DBAPIError.instance("a statement on the driver", (), error, sqlite3.Error, hide_parameters=True)
    return cast("DBAPIError", found)


@contextmanager
def as_store_errors() -> Iterator[None]:
    """Turn what a database, its server or its disk raises into StoreError (`require_other`)."""
    try:
        yield
    except Exception as error:
        require_other(error)
        raise


def require_other(error: BaseException) -> None:
    """Raise StoreError for what a database, its server or its disk has raised; nothing for anything else.

    STORE_FULL when the disk is full, STORE_BUSY when another writer did not end in time, STORE_UNREACHABLE when the
    server does not answer or lets nobody in, INTERNAL_ERROR when a row contradicts the others, STORE_FAILED otherwise.
    """
    if isinstance(error, IntegrityError):  # a mistake of the program, not of the disk
        raise StoreError(Code.INTERNAL_ERROR, said("the database refused a row")) from error
    if isinstance(error, SQLAlchemyError):
        raise _store_error(getattr(error, "orig", None) or error) from None
    if isinstance(error, (sqlite3.Error, OSError)) or hasattr(error, "sqlstate"):  # of a server: it is not imported
        raise _store_error(error) from None


def _store_error(cause: BaseException) -> StoreError:
    if hasattr(cause, "sqlstate"):
        return _of_server(cause.sqlstate)
    name = getattr(cause, "sqlite_errorname", "") or type(cause).__name__
    code = Code.STORE_FULL if isinstance(cause, OSError) and is_full(cause) else _CODES.get(name, Code.STORE_FAILED)
    return StoreError(code, name.lower())


def _of_server(state: str | None) -> StoreError:
    """Return the error for what a server said; one that says nothing any more is out of reach."""
    if state is None:
        return StoreError(Code.STORE_UNREACHABLE)
    found = next((code for length in (5, 3, 2) if (code := _STATES.get(state[:length]))), Code.STORE_FAILED)
    return StoreError(found, state)
