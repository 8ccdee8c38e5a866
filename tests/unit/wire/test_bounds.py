"""Every integer of every record from outside has a bound, and what lies beyond it is refused with a code."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from refbus import clock
from refbus.core import bounds
from refbus.core.vocabulary import EventType
from refbus.errors import Code, MalformedError, SetupError
from refbus.resources import data_dir
from refbus.wire import logs, transport
from refbus.wire.compat import sample
from refbus.wire.limits import integers
from refbus.wire.payload import MARKER, decode_payload
from refbus.wire.schema import Codec, load_codec
from support.extremes import NUMBERS, as_written, changed, places
from support.payloads import full, newest_fingerprint

FILES = sorted(data_dir("schemas").rglob("*.avsc"))
BOUNDS = {name: value for name, value in vars(bounds).items() if isinstance(value, bounds.Bound)}


def _bound_at(codec: Codec, place: tuple[str | int, ...]) -> bounds.Bound:
    path = tuple(step for step in place if isinstance(step, str))
    return next(each.bound for each in integers(codec.document) if each.path == path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_integer_of_every_record_is_bounded(path: Path) -> None:
    """Each integer field refuses each extreme that is outside its bound, both ways, and takes what is inside."""
    codec = load_codec(path)
    value = sample(codec.document)
    assert {tuple(step for step in place if isinstance(step, str)) for place in places(value)} == {
        each.path for each in integers(codec.document)
    }
    for place in places(value):
        bound = _bound_at(codec, place)
        for number in (*NUMBERS, bound.low, bound.high):
            extreme = changed(value, place, number)
            if bound.holds(number):
                assert codec.decode(codec.encode(extreme)) == extreme
                continue
            with pytest.raises(MalformedError):
                codec.decode(as_written(codec, extreme))
            with pytest.raises(MalformedError):
                codec.encode(extreme)


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "wire"], ids=lambda path: path.stem)
def test_parsers_of_topics_refuse_extremes_with_a_code(path: Path) -> None:
    """The typed reader of a topic's record ends an extreme number as a value or as our own error."""
    reader: Any = getattr(transport, path.stem, None) or getattr(logs, path.stem, None)
    codec = load_codec(path)
    for place in places(sample(codec.document)) if reader is not None else ():
        for number in NUMBERS:
            with suppress(MalformedError):
                reader.parse(as_written(codec, changed(sample(codec.document), place, number)))


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_safe_to_compute_with_and_to_keep(name: str) -> None:
    """Both ends fit JSON, the store and `datetime`, also a hundred years off; 0 counts only where it says nothing."""
    bound = BOUNDS[name]
    assert bound.low < bound.high
    for end in (bound.low, bound.high):
        assert abs(end) < 2**53
        unit = {"MS": 1000, "S": 1, "HOUR": 1 / 3600}.get(name.rsplit("_", 1)[-1])
        if unit is not None:
            assert 1800 <= datetime.fromtimestamp(end / unit, UTC).year <= 2200


def test_a_field_without_a_bound_cannot_be_loaded() -> None:
    """A new integer must be declared: its schema is refused until it is."""
    document = {"type": "record", "name": "New", "max_bytes": 9, "fields": [{"name": "shoe_size", "type": "long"}]}
    with pytest.raises(SetupError, match="shoe_size"):
        Codec(document)
    for within in ({"type": ["null", "long"]}, {"type": {"type": "array", "items": "int"}}):
        with pytest.raises(SetupError, match="shoe_size"):
            Codec({**document, "fields": [{"name": "shoe_size", **within}]})


def test_what_every_file_counts_on_is_in_the_table() -> None:
    """The table of names has no entry that no schema uses."""
    used = {(record, item) for path in FILES for record, item in _integer_names(json.loads(path.read_text("utf-8")))}
    assert set(bounds.FIELDS) <= {name for _, name in used}
    assert set(bounds.RECORD_FIELDS) <= used


def _integer_names(kind: Any, record: str = "") -> list[tuple[str, str]]:
    if isinstance(kind, list):
        return [found for each in kind for found in _integer_names(each, record)]
    if not isinstance(kind, dict):
        return []
    found = [(kind["name"], item["name"]) for item in kind.get("fields", ())]
    inner = [each for item in kind.get("fields", ()) for each in _integer_names(item["type"])]
    return found + inner + _integer_names(kind.get("items"))


def test_a_flood_of_tiny_list_elements_is_refused_before_it_is_in_memory() -> None:
    """860 kB of empty codes would become tens of megabytes; they are counted in their bytes and refused."""
    event = EventType.REFERRAL_REQUESTED
    payload = full(event)
    payload["services_requested"] = [{"code": "", "code_list": "", "code_list_version": ""}] * 285_000
    codec = load_codec(data_dir("schemas") / "events" / f"{event.value}.avsc")
    data = MARKER + newest_fingerprint(event) + as_written(codec, payload)
    del payload
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError) as caught:
            decode_payload(data)
        assert caught.value.code is Code.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_large_attachments_are_no_flood() -> None:
    """An honest referral with an attachment of 700 kB is counted and comes through."""
    event = EventType.REFERRAL_REQUESTED
    payload = full(event)
    payload["attachments"] = [{**payload["attachments"][0]}]
    payload["attachments"][0]["content"] = b"x" * 700_000
    codec = load_codec(data_dir("schemas") / "events" / f"{event.value}.avsc")
    assert codec.decode(codec.encode(payload)) == payload


def test_a_machine_that_forgot_its_time_can_still_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a dead battery the clock says 1970; what is dated by it is within the bounds, so that "no" can be sent."""
    for machine_ns in (0, 2**63 - 1):
        monkeypatch.setattr(time, "time_ns", lambda said=machine_ns: said)
        assert bounds.TIME_MS.holds(clock.machine_ms())
