"""A file becomes records, one for each person: pairs of a place in the file and a plain value, in its order.

A place is a heading, or a path as "services_section[0].service_type". Where a format says by which facts an element
is known, they stand in place of its number: "Patient.telecom[phone/mobile].value".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from refbus.core.bounds import MOST_PERSONS, MOST_PLACES
from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.said import Said, said
from refbus_gateway.exchange.spreadsheets import (
    ARCHIVE,
    FORMULA,
    OLD_OR_LOCKED,
    Book,
    read_table,
    read_workbook,
    text_of,
)
from refbus_gateway.exchange.tables import BUNDLE, TABLE, Format, formats
from refbus_gateway.words.losses import Loss, Lost

_HEADINGS_WITHIN: Final = 10
"""Rows at the top of a sheet among which its headings are."""
_LEAST_KNOWN: Final = 2
_PERSON: Final = "Patient"
_POINTS_AT: Final = ("subject", "patient", "for")
_LABELLED: Final = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in a file about one person. `place`: where in the file; `lost`: columns that say two things."""

    place: Said
    cells: tuple[tuple[str, Any], ...]
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its format, its persons, and what of it is not opened."""

    format: Format
    records: tuple[Record, ...]
    lost: tuple[Lost, ...] = ()


def read_source(content: bytes, wanted: Format | None) -> Source:
    """Return the records of a file; its format is `wanted`, or recognised by its fields.

    Raises SetupError FILE_UNREADABLE, TOO_LARGE; UNKNOWN_VALUE for a format that nobody knows here.
    """
    begin = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if content.startswith((ARCHIVE, OLD_OR_LOCKED)):
        return _of_book(read_workbook(content), wanted)
    if begin in {b"{", b"["}:
        return _of_tree(_json(content), wanted)
    return _of_book(read_table(content), wanted)


def _json(content: bytes) -> Any:
    try:
        return read_json(text_of(content))
    except MalformedError as error:
        raise SetupError(Code.FILE_UNREADABLE, error.detail) from None


# Tables


def _of_book(book: Book, wanted: Format | None) -> Source:
    """Return the records of the first sheet that has the headings of a format."""
    tried = [wanted] if wanted is not None else [each for each in formats().values() if each.reads == TABLE]
    for sheet in book.sheets:
        for one in tried:
            found = _headed(sheet.rows, one)
            if found is None:
                continue
            headings, first = found
            others = [other for other in book.sheets if other is not sheet and other.title not in one.sheets]
            lost = [Lost(other.title, Loss.SHEET) for other in others if any(other.rows)]
            return Source(one, tuple(_rows(sheet.rows, headings, first)), (*book.lost, *lost))
    raise _unknown()


def _headed(rows: Sequence[Sequence[Any]], one: Format) -> tuple[list[tuple[str, bool]], int] | None:
    """Return the heading of each column and whether it says one thing, and the first row of facts; None for none.

    Headings may stand in several rows above each other.
    """
    seen: list[int] = []
    for number, row in enumerate(rows[:_HEADINGS_WITHIN]):
        known = [each for each in row if isinstance(each, str) and one.rule(each) is not None]
        filled = [each for each in row if each is not None]
        is_heading = len(known) >= min(_LEAST_KNOWN, len(one.rules)) and 2 * len(known) >= len(filled)
        if is_heading:
            seen.append(number)
        elif seen:
            break
    if not seen:
        return None
    width = max(len(rows[number]) for number in seen)
    columns = [[str(rows[n][at]) for n in seen if at < len(rows[n]) and rows[n][at] is not None] for at in range(width)]
    named = {rule.name for each in columns for text in each if (rule := one.rule(text)) is not None}
    return ([_heading(each, one) for each in columns], seen[-1] + 1) if one.signs <= named else None


def _heading(texts: list[str], one: Format) -> tuple[str, bool]:
    """Return what a column is called, empty for nothing, and whether its headings name no more than one field."""
    meant = {rule.name: text for text in texts if (rule := one.rule(text)) is not None}
    if len(meant) > 1:
        return " / ".join(texts), False
    return next(iter(meant.values()), texts[-1] if texts else ""), True


def _rows(rows: Sequence[Sequence[Any]], columns: list[tuple[str, bool]], first: int) -> Iterator[Record]:
    """Return a record for each row that has something below a heading."""
    found = 0
    for number, row in enumerate(rows[first:], first + 1):
        below = [(columns[at], value) for at, value in enumerate(row[: len(columns)]) if value is not None]
        cells = [(name, clear, value) for (name, clear), value in below if name]
        if not cells:
            continue
        found += 1
        if found > MOST_PERSONS:
            _too_many()
        formulas = [Lost(name, Loss.FORMULA) for name, _, value in cells if value is FORMULA]
        differ = [
            Lost(name, Loss.HEADINGS_DIFFER) for name, clear, value in cells if not clear and value is not FORMULA
        ]
        plain = [(name, value) for name, clear, value in cells if clear and value is not FORMULA]
        yield Record(said("row %(number)s", number=number), tuple(plain), (*formulas, *differ))


# Trees


def _of_tree(document: Any, wanted: Format | None) -> Source:
    """Return the records of a JSON document; one whose fields are those of a table is read as that."""
    known = sorted(formats().values(), key=lambda one: one.reads == TABLE)
    for one in known if wanted is None else [wanted]:
        persons, lost = _persons(document, one)
        if len(persons) > MOST_PERSONS:
            _too_many()
        records = [_record(number, person, one) for number, person in enumerate(persons, 1)]
        names = {rule.name for each in records for place, _ in each.cells if (rule := one.rule(place)) is not None}
        if records and (one.signs <= names if one.signs else wanted is not None):
            return Source(one, tuple(records), lost)
    raise _unknown()


def _persons(document: Any, one: Format) -> tuple[list[Any], tuple[Lost, ...]]:
    """Return what a document says of each person, and what of it is about none."""
    if one.reads == BUNDLE:
        return _of_bundle(document)
    if isinstance(document, dict):
        held = next((document[name] for name in one.records if isinstance(document.get(name), list)), None)
        document = [document] if held is None else held
    return ([each for each in document if isinstance(each, dict)] if isinstance(document, list) else []), ()


def _of_bundle(document: Any) -> tuple[list[Any], tuple[Lost, ...]]:
    """Return each patient of a FHIR Bundle with the resources that point at it."""
    if not isinstance(document, dict):
        return [], ()
    entries = document.get("entry") if document.get("resourceType") == "Bundle" else [{"resource": document}]
    held = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    resources = [(each.get("fullUrl"), each["resource"]) for each in held if isinstance(each.get("resource"), dict)]
    persons: list[Any] = []
    used: set[int] = set()
    for url, patient in resources:
        if patient.get("resourceType") == _PERSON:
            names = {url, f"{_PERSON}/{patient.get('id')}"}
            own = [number for number, (_, each) in enumerate(resources) if _points_at(each) in names - {None}]
            used.update(own)
            grouped: dict[str, Any] = {_PERSON: patient}
            for number in own:
                grouped.setdefault(str(resources[number][1].get("resourceType")), []).append(resources[number][1])
            persons.append(grouped)
    rest = {str(each.get("resourceType")) for number, (_, each) in enumerate(resources) if number not in used}
    return persons, tuple(Lost(name, Loss.NOT_KNOWN) for name in sorted(rest - {_PERSON}))


def _points_at(resource: Mapping[str, Any]) -> Any:
    """Return the reference to a patient that a resource has, None for none."""
    for name in () if resource.get("resourceType") == _PERSON else _POINTS_AT:
        held = resource.get(name)
        if isinstance(held, dict) and isinstance(held.get("reference"), str):
            return held["reference"]
    return None


def _record(number: int, person: Any, one: Format) -> Record:
    cells: list[tuple[str, Any]] = []
    for each in flat(person, "", one.keys):
        cells.append(each)
        if len(cells) > MOST_PLACES:
            raise SetupError(Code.TOO_LARGE, said("at most %(most)s facts of one person", most=MOST_PLACES))
    return Record(said("person %(number)s", number=number), tuple(cells))


def flat(value: Any, path: str, keys: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, Any]]:
    """Return every value in a tree with its path. The depth was bounded when the JSON was read."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from flat(below, f"{path}.{name}" if path else str(name), keys)
    elif isinstance(value, list):
        names = keys.get(_LABELLED.sub("[]", path), ())
        for number, below in enumerate(value):
            rest = {k: v for k, v in below.items() if k not in names} if isinstance(below, dict) else below
            yield from flat(rest, f"{path}[{_label(below, number, names)}]", keys)
    elif value not in (None, ""):
        yield path, value


def _label(value: Any, number: int, names: Iterable[str]) -> str:
    """Return how an element of a list is named: by its own facts, else by its number."""
    told = [str(value[name]) for name in names if isinstance(value, dict) and isinstance(value.get(name), str)]
    return "/".join(told) or str(number)


def _unknown() -> SetupError:
    return SetupError(
        Code.UNKNOWN_VALUE,
        said("no format that is known here (%(codes)s): describe it with --mapping", codes=", ".join(formats())),
    )


def _too_many() -> NoReturn:
    raise SetupError(Code.TOO_LARGE, said("at most %(most)s persons in one file: divide it", most=MOST_PERSONS))
