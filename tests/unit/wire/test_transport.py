"""Records of the node topics: each comes back equal, and each refuses what its form forbids."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.ids import CountryCode, EventId, KeyId, OrgId, ReferralId
from refbus.errors import Code, MalformedError
from refbus.resources import data_dir
from refbus.wire import schema, transport
from refbus.wire.schema import codec, load_codec
from refbus.wire.transport import (
    AuditEntry,
    BorderKind,
    BorderRecord,
    DirectoryFile,
    ErasureOrder,
    GateNotice,
    HopOutcome,
    HopReceipt,
    InboxKind,
    InboxRecord,
    NoticeKind,
    NoticeOutcome,
    Passed,
    RelayedNotice,
    SealedNotice,
    StoppedRecord,
    WireRecord,
)
from support.extremes import as_written

SOME_MS = 1_800_000_000_000
KID, HASH, SIGNATURE, ID = KeyId(b"k" * 16), b"h" * 32, b"s" * 64, b"d" * 16
KZ, UZ = CountryCode("kz"), CountryCode("uz")
NOTICE = GateNotice(
    from_gate=OrgId("kz-gate"),
    kid=KID,
    kind=NoticeKind.REFUSAL,
    envelope_sha256=HASH,
    event_id=EventId(ID),
    outcome=NoticeOutcome.REFUSED,
    codes=("EXPIRED", "NO_CONSENT"),
    at_ms=SOME_MS,
    inbox_count=2,
    inbox_hash=HASH,
    decision_id=ID,
)
RECORDS: tuple[WireRecord, ...] = (
    Passed(b"envelope", 500_000, KZ, UZ, KID, SIGNATURE, b"m" * 3309),
    Passed(b"envelope", 500_000, KZ, UZ, KID, SIGNATURE, None),
    HopReceipt(HASH, KZ, UZ, HopOutcome.TAKEN, 500_000, KID, SIGNATURE),
    SealedNotice(b"t" * 1168, b"box"),
    NOTICE,
    dataclasses.replace(NOTICE, kind=NoticeKind.HEARTBEAT, outcome=NoticeOutcome.NONE, event_id=None, codes=()),
    dataclasses.replace(
        NOTICE,
        kind=NoticeKind.ESCALATION,
        outcome=NoticeOutcome.NONE,
        referral_id=ReferralId(ID),
        deadline="DECIDE",
        level=2,
        due_ms=SOME_MS + 3,
    ),
    dataclasses.replace(NOTICE, kind=NoticeKind.RECEIPT, outcome=NoticeOutcome.TAKEN, codes=(), receipt=b"receipt"),
    InboxRecord(InboxKind.EVENT, 1, b"body"),
    BorderRecord(BorderKind.HOP, b"body"),
    RelayedNotice(HASH, b"notice"),
    DirectoryFile("kz/organisations.json", b"{}"),
    AuditEntry(ID, OrgId("kz-gate"), KID, b"l" * 47, SOME_MS, b"sealed", SIGNATURE),
    ErasureOrder(OrgId("kz-gate"), KID, (ID, b"e" * 16), SOME_MS, SIGNATURE),
    StoppedRecord(ID, "kz.outbox", 7, ("MALFORMED",), b"record"),
)
WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Passed", {"hour": -1}),
    ("Passed", {"from": "KZ"}),
    ("Passed", {"mldsa65": b"short"}),
    ("HopReceipt", {"outcome": "LOST"}),
    ("GateNotice", {"kind": "RUMOUR"}),
    ("GateNotice", {"outcome": "FORGOTTEN"}),
    ("GateNotice", {"inbox_count": -1}),
    ("GateNotice", {"level": -1}),
    ("GateNotice", {"due_ms": -1}),
    ("InboxRecord", {"sequence": 0}),
    ("BorderRecord", {"kind": "OTHER"}),
    ("DirectoryFile", {"path": "../root.json"}),
    ("DirectoryFile", {"path": "/root.json"}),
    ("DirectoryFile", {"path": "a\\b"}),
    ("DirectoryFile", {"path": ""}),
    ("AuditEntry", {"leaf": b"l" * 46}),
    ("AuditEntry", {"writer": "somebody"}),
    ("ErasureOrder", {"writer": "somebody"}),
    ("ErasureOrder", {"at_ms": -1}),
    ("ErasureOrder", {"decision_ids": []}),
    ("ErasureOrder", {"decision_ids": [ID, ID]}),
    ("ErasureOrder", {"decision_ids": [b"e" * 16, ID]}),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_round_trip(record: WireRecord) -> None:
    """What is encoded parses to an equal value, of the same types."""
    again = type(record).parse(record.encode())
    assert again == record
    assert repr(again) == repr(record)


@pytest.mark.parametrize(("name", "change"), WRONG, ids=[f"{name} {next(iter(change))}" for name, change in WRONG])
def test_wrong_forms_are_refused(name: str, change: dict[str, Any]) -> None:
    """A record that Avro can say and our rules forbid is a MalformedError."""
    kind: type[WireRecord] = getattr(transport, name)
    good = next(record for record in RECORDS if type(record) is kind)
    data = as_written(name, {**schema.decode(name, good.encode()), **change})
    with pytest.raises(MalformedError):
        kind.parse(data)


_KEPT = [load_codec(path) for path in (data_dir("schemas") / "history" / "wire").glob("GateNotice.*.avsc")]
OLDER = min(_KEPT, key=lambda form: len(form.document["fields"]))


def test_a_notice_of_an_older_release_is_read() -> None:
    """What is new in a record has its default there."""
    said = schema.decode("GateNotice", NOTICE.encode())
    known = {field["name"] for field in OLDER.document["fields"]}
    older = OLDER.encode({key: each for key, each in said.items() if key in known})
    assert GateNotice.parse(older) == NOTICE


def test_an_older_release_reads_what_says_nothing_new() -> None:
    """A record is written in the oldest form that can say it, so that readers may be updated later than writers."""
    assert OLDER.decode(NOTICE.encode())["from_gate"] == NOTICE.from_gate
    with pytest.raises(MalformedError):
        OLDER.decode(dataclasses.replace(NOTICE, receipt=b"receipt").encode())


def test_a_record_has_one_encoding_over_all_its_forms() -> None:
    """NOT_CANONICAL for the newer form with nothing new in it: the same value would have two encodings."""
    with pytest.raises(MalformedError) as found:
        GateNotice.parse(codec("GateNotice").encode(schema.decode("GateNotice", NOTICE.encode())))
    assert found.value.code is Code.NOT_CANONICAL


def test_writing_checks_too() -> None:
    """A record of a wrong form is refused before it is sent."""
    with pytest.raises(MalformedError):
        InboxRecord(InboxKind.EVENT, 0, b"body").encode()


def test_every_record_class_has_its_schema_and_its_test() -> None:
    """No class without an example here, and each finds its schema file by its name."""
    classes = {kind for kind in vars(transport).values() if isinstance(kind, type) and issubclass(kind, WireRecord)}
    assert {type(record) for record in RECORDS} == classes - {WireRecord}
