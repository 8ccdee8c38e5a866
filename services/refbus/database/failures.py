"""What a database raises, as errors of ours. Its text may quote values, so it is not repeated."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from refbus.errors import Code, StoreError
from refbus.files import is_full
from refbus.said import said

_CODES = {"SQLITE_FULL": Code.STORE_FULL, "SQLITE_BUSY": Code.STORE_BUSY}


@contextmanager
def as_store_errors() -> Iterator[None]:
    """Turn what a database or its disk raises into StoreError.

    STORE_FULL when the disk is full, STORE_BUSY when another writer did not end in time, INTERNAL_ERROR when a row
    contradicts the others, STORE_FAILED otherwise.
    """
    try:
        yield
    except IntegrityError as error:  # a mistake of the program, not of the disk
        raise StoreError(Code.INTERNAL_ERROR, said("the database refused a row")) from error
    except SQLAlchemyError as error:
        raise _store_error(getattr(error, "orig", None) or error) from None
    except (sqlite3.Error, OSError) as error:
        raise _store_error(error) from None


def _store_error(cause: BaseException) -> StoreError:
    name = getattr(cause, "sqlite_errorname", "") or type(cause).__name__
    code = Code.STORE_FULL if isinstance(cause, OSError) and is_full(cause) else _CODES.get(name, Code.STORE_FAILED)
    return StoreError(code, name.lower())
