"""Properties of the wire: any bytes give a value or our error, values come back, each has one encoding."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import MalformedError, UncheckableError
from refbus.resources import data_dir
from refbus.wire import transport
from refbus.wire.codelists import code_list
from refbus.wire.consent import decode_record, decode_signed, encode_record, encode_signed
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.limits import integers
from refbus.wire.logs import LogProofs, WitnessMail
from refbus.wire.message import decode_block, decode_header, encode_block, encode_header
from refbus.wire.payload import (
    categories_of,
    decode_payload,
    encode_payload,
    payload_fields,
    unknown_codes,
)
from refbus.wire.schema import codec
from refbus.wire.transport import WireRecord
from support.extremes import as_written, changed, places
from support.payloads import EVENT_ID, REFERRAL_ID, full, newest_fingerprint

WIRE = sorted(path.stem for path in (data_dir("schemas") / "wire").glob("*.avsc"))
RECORDS = [kind for kind in vars(transport).values() if isinstance(kind, type) and issubclass(kind, WireRecord)]
LOGS = (WitnessMail, LogProofs)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
few, some = (settings(max_examples=count, deadline=None) for count in (30, 150))


_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "string": TEXT,
    "bytes": st.binary(max_size=20),
}


def _values(kind: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of an Avro type."""
    if isinstance(kind, list):
        return st.one_of([_values(part, named) for part in kind])
    if isinstance(kind, str):
        return _SCALARS[kind] if kind in _SCALARS else _values(named[kind], named)
    named[kind.get("name", "")] = kind
    match kind["type"]:
        case "fixed":
            return st.binary(min_size=kind["size"], max_size=kind["size"])
        case "array":
            return st.lists(_values(kind["items"], named), max_size=3)
        case _:
            return st.fixed_dictionaries({f["name"]: _values(f["type"], named) for f in kind["fields"]})


def _bounded(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a record schema whose integers are within their bounds."""
    return _values(kind, {}).map(lambda value: _brought_inside(value, kind))


def _brought_inside(value: Any, document: Any) -> Any:
    found = {each.path: each.bound for each in integers(document)}
    for place in list(places(value)):
        bound = found[tuple(step for step in place if isinstance(step, str))]
        value = changed(value, place, bound.nearest(bound.low + _at(value, place) % 2**31))
    return value


def _at(value: Any, place: tuple[str | int, ...]) -> int:
    for step in place:
        value = value[step]
    return int(value)


def _written(specs: tuple[FieldSpec, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for payloads whose forms are right, with any part left out."""
    return st.fixed_dictionaries({spec.name: _field(spec) for spec in specs})


def _field(spec: FieldSpec) -> st.SearchStrategy[Any]:
    if spec.many:
        return st.lists(_item(spec), min_size=spec.attributes.get("min_items", 0), max_size=2)
    return st.none() | _item(spec) if spec.optional else _item(spec)


def _item(spec: FieldSpec) -> st.SearchStrategy[Any]:
    match spec.kind:
        case Kind.RECORD if spec.name == "attachments":
            return st.just(full(EventType.REFERRAL_REQUESTED)["attachments"][0])
        case Kind.RECORD:
            return _written(spec.fields)
        case Kind.CODED:
            entry = code_list(spec.code_list)
            return st.sampled_from(sorted(entry.codes)).map(
                lambda code: {"code": code, "code_list": entry.name, "code_list_version": entry.version}
            )
        case Kind.NUMBER:
            assert spec.bound is not None
            return st.integers(spec.bound.low, spec.bound.high)
        case Kind.FLAG:
            return st.booleans()
        case Kind.ID:
            return st.binary(min_size=spec.size, max_size=spec.size)
        case _:
            return st.none() if "format" in spec.attributes else TEXT


@pytest.mark.parametrize("name", WIRE)
@few
@given(data=st.binary(max_size=300))
def test_any_bytes_give_a_value_or_our_error(name: str, data: bytes) -> None:
    """A wire record decodes to a value that encodes to the same bytes, or raises MalformedError."""
    try:
        value = codec(name).decode(data)
    except MalformedError:
        return
    assert codec(name).encode(value) == data


@pytest.mark.parametrize("name", WIRE)
@few
@given(data=st.data())
def test_values_come_back_and_no_bit_is_free(name: str, data: st.DataObject) -> None:
    """A value comes back equal, and every bit of its encoding means something or breaks it."""
    value = data.draw(_bounded(codec(name).document))
    raw = codec(name).encode(value)
    assert codec(name).decode(raw) == value
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    turned = bytearray(raw)
    turned[place // 8] ^= 1 << place % 8
    with suppress(MalformedError):
        assert codec(name).decode(bytes(turned)) != value


@pytest.mark.parametrize(
    "kind", [*(kind for kind in RECORDS if kind is not WireRecord), *LOGS], ids=lambda kind: kind.__name__
)
@few
@given(data=st.data())
def test_topic_records_parse_or_are_malformed(kind: type[WireRecord | LogProofs], data: st.DataObject) -> None:
    """A record of a topic that parses encodes to the same bytes; any other is a MalformedError."""
    value = data.draw(_values(codec(kind.__name__).document, {}))
    raw = as_written(kind.__name__, value)
    with suppress(MalformedError):
        assert kind.parse(raw).encode() == raw


@pytest.mark.parametrize(
    ("name", "decode", "encode"),
    [
        ("Header", decode_header, encode_header),
        ("RoutingBlock", decode_block, encode_block),
        ("ConsentRecord", decode_record, encode_record),
        ("SignedConsent", decode_signed, encode_signed),
    ],
)
@some
@given(data=st.data())
def test_decoded_messages_have_one_encoding(name: str, decode: Any, encode: Any, data: st.DataObject) -> None:
    """Header, routing block and consent: what is accepted encodes to the bytes that were received."""
    raw = data.draw(
        st.binary(max_size=200) | _values(codec(name).document, {}).map(lambda value: as_written(name, value))
    )
    with suppress(MalformedError):
        assert encode(decode(raw)) == raw


@some
@given(event_type=st.sampled_from(EventType), body=st.binary(max_size=200))
def test_any_payload_bytes_give_a_value_or_our_error(event_type: EventType, body: bytes) -> None:
    """A payload of any event decodes, or is malformed or of an unknown schema; nothing else happens."""
    for data in (body, b"\xc3\x01" + newest_fingerprint(event_type) + body):
        try:
            kind, payload = decode_payload(data)
        except (MalformedError, UncheckableError):
            continue
        assert encode_payload(kind, payload) == data


@some
@given(data=st.data())
def test_payloads_come_back_with_their_categories(data: st.DataObject) -> None:
    """Any well-formed request comes back equal; categories are those of its fields and only grow with them."""
    event_type = EventType.REFERRAL_REQUESTED
    payload = {
        **data.draw(_written(payload_fields(event_type))),
        "event_id": EVENT_ID,
        "referral_id": REFERRAL_ID,
    }
    kind, again = decode_payload(encode_payload(event_type, payload))
    assert (kind, again) == (event_type, payload)
    assert unknown_codes(kind, again) == ()
    found = categories_of(kind, again)
    assert found <= set(DataCategory)
    fewer = {**again, data.draw(st.sampled_from(["person", "health", "family", "trafficking"])): None}
    assert categories_of(kind, fewer) <= found
