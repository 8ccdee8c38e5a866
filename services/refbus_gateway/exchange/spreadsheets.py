"""Workbooks and tables of text as rows of plain values. Nothing in a file is run, followed or calculated.

A workbook is an archive that anybody may have packed: it is weighed before anything is unpacked (`core.bounds`), and
one whose parts declare entities is refused. A formula comes over as a mark, never as its text or its last result.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final, NoReturn

from refbus.core.bounds import MOST_COLUMNS, MOST_PARTS, MOST_ROWS, MOST_UNPACKED
from refbus.errors import Code, SetupError
from refbus.said import said
from refbus_gateway.words.losses import Loss, Lost

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

FORMULA: Final = object()
"""What stands in place of a formula, and of its error."""
ARCHIVE: Final = b"PK\x03\x04"
OLD_OR_LOCKED: Final = b"\xd0\xcf\x11\xe0"
"""How a workbook of before 2007 begins, and one behind a password."""
_INSIDE: Final = (
    "xl/vbaproject.bin",
    "xl/externallinks/",
    "xl/media/",
    "xl/embeddings/",
    "xl/activex/",
    "xl/connections",
)
_DECLARES: Final = (b"<!DOCTYPE", b"<!ENTITY")
_DELIMITERS: Final = ",;\t|"
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a program for tables takes for a formula."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: rows of texts, numbers, truths, None and FORMULA."""

    title: str
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Book:
    """All tables of a file, and what of it is not opened."""

    sheets: tuple[Sheet, ...]
    lost: tuple[Lost, ...] = ()


def read_workbook(content: bytes) -> Book:
    """Return the tables of an Excel file (xlsx, xlsm). Raises SetupError FILE_UNREADABLE, TOO_LARGE."""
    if content.startswith(OLD_OR_LOCKED):
        raise _unreadable(said("an old Excel file, or one with a password: save it as .xlsx without a password"))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            lost = _weigh(archive)
        return Book(tuple(_sheets(content)), lost)
    except _BROKEN:
        raise _unreadable(said("no Excel file that can be read: save it again as .xlsx")) from None


_BROKEN: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the library raises at a workbook that is none: it promises nothing."""


def _weigh(archive: zipfile.ZipFile) -> tuple[Lost, ...]:
    """Refuse an archive that is too large unpacked, or declares what XML would expand; tell what is not opened."""
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise SetupError(Code.TOO_LARGE, said("at most %(most)s bytes", most=MOST_UNPACKED))
    for part in parts:
        if part.filename.endswith((".xml", ".rels", ".vml")):
            plain = archive.read(part).replace(b"\0", b"")  # of UTF-16 too
            if any(mark in plain for mark in _DECLARES):
                raise _unreadable(said("no Excel file that can be read: save it again as .xlsx"))
    inside = [part.filename for part in parts if part.filename.lower().startswith(_INSIDE)]
    return tuple(Lost(name, Loss.EMBEDDED) for name in inside[:20])


def _sheets(content: bytes) -> Iterator[Sheet]:
    from openpyxl import load_workbook  # late: only who brings a workbook needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library says what of a workbook it would not write again
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        try:
            for sheet in book.worksheets:
                yield Sheet(str(sheet.title), tuple(_rows(sheet)))
        finally:
            book.close()


def _rows(sheet: Worksheet) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()  # what a sheet says of its own size decides nothing
    for number, row in enumerate(sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 1)):
        values = tuple(FORMULA if cell.data_type in {"f", "e"} else _plain(cell.value) for cell in row)
        while values and values[-1] is None:
            values = values[:-1]
        if number == MOST_ROWS or len(values) > MOST_COLUMNS:
            _too_large()
        yield values


def _plain(value: Any) -> Any:
    """Return a value of a cell: a day as 2026-03-31, a moment with its hour, a whole number without a point."""
    match value:
        case datetime() if value.time() == time.min:
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case str():
            return value.strip() or None
        case bool() | int() | None:
            return value
        case float() if value.is_integer():
            return int(value)
        case _:
            return str(value)


def read_table(content: bytes) -> Book:
    """Return the table in a text with commas, semicolons or tabs (CSV). Raises SetupError as `read_workbook`."""
    text = text_of(content)
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = list[tuple[Any, ...]]()
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True):
            if len(rows) == MOST_ROWS or len(row) > MOST_COLUMNS:
                _too_large()
            rows.append(tuple(each.strip() or None for each in row))
    except csv.Error:
        raise _unreadable(said("no table: save it as CSV in UTF-8")) from None
    return Book((Sheet("", tuple(rows)),))


def text_of(content: bytes) -> str:
    """Return the text in a file, UTF-8 or UTF-16 with its mark. Raises SetupError FILE_UNREADABLE."""
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unreadable(said("not UTF-8 at byte %(byte)s: save the file as UTF-8", byte=error.start)) from None


def write_workbook(rows: Iterable[Iterable[str]]) -> bytes:
    """Return an Excel file of texts; none of them is a formula, however it begins."""
    from openpyxl import Workbook  # late: see above
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Case Sheet")
    for row in rows:
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, value=text or None)
            if text:
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def write_table(rows: Iterable[Iterable[str]]) -> bytes:
    """Return a table as CSV in UTF-8, for programs for tables: a cell that looks like a formula has ' before it."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\r\n").writerows([[guarded(text) for text in row] for row in rows])
    return made.getvalue().encode("utf-8-sig")


def guarded(text: str) -> str:
    """Return a text that no program for tables takes for a formula."""
    return f"'{text}" if text.startswith((*_DANGEROUS, "'")) else text


def unguarded(text: str) -> str:
    """Return a text as it was before `guarded`."""
    return text[1:] if text.startswith("'") and text[1:].startswith((*_DANGEROUS, "'")) else text


def _too_large() -> NoReturn:
    raise SetupError(
        Code.TOO_LARGE, said("at most %(rows)s rows and %(columns)s columns", rows=MOST_ROWS, columns=MOST_COLUMNS)
    )


def _unreadable(advice: str) -> SetupError:
    return SetupError(Code.FILE_UNREADABLE, advice)
