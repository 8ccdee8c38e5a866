"""Files that somebody made to do harm: a code at most, within bounds, and nothing in them is run or followed."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile

import pytest
from openpyxl import Workbook

from refbus.core.bounds import MOST_COLUMNS, MOST_PERSONS, MOST_PLACES, MOST_ROWS, MOST_UNPACKED
from refbus.errors import Code, SetupError
from refbus_gateway.exchange import records
from refbus_gateway.exchange.tables import read_mapping
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.words.losses import Loss
from support.imported import FILES, SERVICES, drafts_of

HEADINGS = ["cas_CaseOwner", "prs_FirstName", "prs_SecondName", "vic_TypeOfExploitation"]
BOOK = (FILES / "htcds-plain.xlsx").read_bytes()


def book(*rows: list[object]) -> bytes:
    """Return a workbook with these rows below the headings."""
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for row in (HEADINGS, *rows):
        sheet.append(row)
    held = io.BytesIO()
    made.save(held)
    return held.getvalue()


def repacked(content: bytes, **parts: bytes) -> bytes:
    """Return a workbook with parts put in place of its own, or added; `__` stands for a slash, `_dot_` for a point."""
    held = io.BytesIO()
    named = {name.replace("__", "/").replace("_dot_", "."): part for name, part in parts.items()}
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as target:
        for each in source.infolist():
            if each.filename not in named:
                target.writestr(each, source.read(each))
        for name, part in named.items():
            target.writestr(name, part)
    return held.getvalue()


def code_of(content: bytes) -> Code:
    """Return why a file is refused."""
    with pytest.raises(SetupError) as refused:
        records.read_source(content, None)
    return refused.value.code


def test_an_archive_that_swells_is_weighed_first() -> None:
    """Sixty-five megabytes of nothing in a small file are refused before they are unpacked."""
    bomb = repacked(BOOK, xl__media__a_dot_xml=b"\0" * (MOST_UNPACKED + 1))
    tracemalloc.start()
    assert code_of(bomb) is Code.TOO_LARGE
    assert tracemalloc.get_traced_memory()[1] < MOST_UNPACKED // 4
    tracemalloc.stop()


def test_many_parts_are_refused() -> None:
    """A thousand parts and more are no workbook."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for number in range(1_001):
            archive.writestr(f"xl/{number}.xml", b"")
    assert code_of(held.getvalue()) is Code.TOO_LARGE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(encoding: str) -> None:
    """What XML would expand, or fetch, is refused before XML is read."""
    lol = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><sst>&b;</sst>'
    assert code_of(repacked(BOOK, xl__sharedStrings_dot_xml=lol.encode(encoding))) is Code.FILE_UNREADABLE


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        BOOK[: len(BOOK) // 2],
        repacked(BOOK, xl__workbook_dot_xml=b"<workbook"),
        repacked(BOOK, xl__worksheets__sheet1_dot_xml=b"<a/>"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        b"{",
        b"[" * 100_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'{"name_first": ' + b"9" * 5_000 + b"}",
        "Имя;Фамилия\nАн;Би\n".encode("cp1251"),
        b'prs_FirstName,cas_CaseOwner\n"never closed',
        b"a\0b,c\n1,2\n",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_cannot_be_read_has_a_code(content: bytes) -> None:
    """Torn, empty, deep or in another encoding: it is told, with nothing of the program in it."""
    assert code_of(content) in {Code.FILE_UNREADABLE, Code.UNKNOWN_VALUE}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b"\xef\xbb\xbf", b"a,b\n1,2\n", b'{"a": 1}', b"\n\n\n"]
)
def test_an_unknown_format_is_told(content: bytes) -> None:
    """What has no format of ours is not guessed at."""
    assert code_of(content) is Code.UNKNOWN_VALUE


def test_rows_columns_persons_and_facts_are_bounded() -> None:
    """More than a person could read a report of is refused."""
    rows = "\n".join([",".join(HEADINGS), *["w,Намуна,Тўқима,ForcedLabour"] * (MOST_PERSONS + 1)])
    assert code_of(rows.encode()) is Code.TOO_LARGE
    assert code_of(("\n" * MOST_ROWS + "a").encode()) is Code.TOO_LARGE
    assert code_of(("," * MOST_COLUMNS + "a").encode()) is Code.TOO_LARGE
    assert code_of(json.dumps([{"name_first": "a"}] * (MOST_PERSONS + 1)).encode()) is Code.TOO_LARGE
    assert code_of(json.dumps({"name_first": ["a"] * (MOST_PLACES + 1)}).encode()) is Code.TOO_LARGE


def test_a_sheet_that_says_it_is_large_is_not_believed() -> None:
    """A cell in the last row that Excel has does not make a million rows."""
    far = b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>a</t></is></c></row></sheetData>'
    with zipfile.ZipFile(io.BytesIO(BOOK)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").replace(b"</sheetData>", far)
    assert code_of(repacked(BOOK, xl__worksheets__sheet1_dot_xml=sheet)) is Code.TOO_LARGE


def test_a_formula_is_lost_and_its_text_with_it() -> None:
    """Neither its result nor its words come over: it may call something else than it shows."""
    (one,) = drafts_of(book(["w", '=HYPERLINK("http://a.example","Намуна")', "Тўқима", "ForcedLabour"]), None, SERVICES)
    assert ("prs_FirstName", Loss.FORMULA) in {(lost.source, lost.reason) for lost in one.lost}
    assert b"a.example" not in one.content


def test_programs_and_links_inside_are_told_and_not_opened() -> None:
    """A macro, a link to another file and a picture are named as lost."""
    inside = repacked(BOOK, xl__vbaProject_dot_bin=b"x", xl__externalLinks__externalLink1_dot_xml=b"<a/>")
    source = records.read_source(inside, None)
    assert {lost.source for lost in source.lost if lost.reason is Loss.EMBEDDED} == {
        "xl/vbaProject.bin",
        "xl/externalLinks/externalLink1.xml",
    }


def test_hidden_marks_and_huge_cells_are_left_out() -> None:
    """A name with a mark that turns its direction, and a text longer than any field, are refused one by one."""
    (one,) = drafts_of(book(["w", "Намуна\u202e", "я" * 30_000, "ForcedLabour"]), None, SERVICES)
    assert {each.to for each in one.refused} == {"person.prs_FirstName", "person.prs_SecondName"}
    assert one.problems == ()


@pytest.mark.parametrize(
    "mapping",
    [
        b"{}",
        b"not",
        b'{"format": "refbus-mapping/1"}',
        b'{"format": "refbus-mapping/1", "fields": {"a": "person.no_such"}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"to": "person.prs_Gender", "codes": {"m": "Male"}}}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"lost": "BORED"}}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"to": "reason", "lost": "CONSENT"}}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"to": "revision"}}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"to": ["reason", 7]}}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"to": 7}}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"to": "reason", "split": 7, "codes": []}}}',
        b'{"format": "refbus-mapping/1", "fields": {}, "signs": 7, "keys": [], "records": 3, "other": 1}',
        b'{"format": "refbus-mapping/1", "fields": {}, "keys": {"a": 7}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": null, "b": [], "c": {"to": ["reason"], "also": [1]}}}',
        b'{"format": "refbus-mapping/1", "fields": {"a": {"to": "person.prs_Gender", "codes": {"m": []}}}}',
    ],
)
def test_a_mapping_that_is_none_is_refused(mapping: bytes) -> None:
    """A field or code that there is not is named before any file is read with it."""
    with pytest.raises(CaseInvalidError):
        read_mapping(mapping)
