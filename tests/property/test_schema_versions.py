"""An event is written in the oldest version of its schema that can say it, and comes back as the same event."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.vocabulary import EventType
from refbus.resources import data_dir
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.payload import decode_payload, encode_payload, identity_of, payload_fields, write_payload
from refbus.wire.schema import Codec, load_codec
from support.payloads import full, least

SCHEMAS = data_dir("schemas")
KEPT = sorted((SCHEMAS / "history" / "events").glob("*.avsc"))
CHANGED = sorted({EventType(path.name.partition(".")[0]) for path in KEPT})
Place = tuple[str | int, ...]


@cache
def codecs(event_type: EventType) -> list[Codec]:
    """Return every version of the payload of an event: the one with the fewest fields first, today's last."""
    kept = [load_codec(path) for path in KEPT if path.name.startswith(f"{event_type.value}.")]
    newest = load_codec(SCHEMAS / "events" / f"{event_type.value}.avsc")
    return [*sorted(kept, key=lambda codec: len(list(names(codec.document)))), newest]


def names(kind: Any) -> Iterator[str]:
    """Yield the name of every field that a schema defines, those of records in it too."""
    for part in kind if isinstance(kind, list) else [kind]:
        if isinstance(part, dict):
            for item in part.get("fields", ()):
                yield item["name"]
                yield from names(item["type"])
            yield from names(part.get("items", []))


def can_say(codec: Codec, newest: Codec, value: dict[str, Any]) -> bool:
    """Whether a version says all of a value: written in it and read as today's, it is the same."""
    return codec.resolve(codec.encode_checked(value), newest) == value


def optional(specs: tuple[FieldSpec, ...], value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield the place of every part of a payload that may be left out, and what it is then."""
    for spec in specs:
        here, content = (*at, spec.name), value[spec.name]
        if not spec.required and not spec.computed and "hash_of" not in spec.attributes:
            yield here, [] if spec.many else spec.attributes.get("default")
        if spec.kind is Kind.RECORD:
            for number, item in enumerate(content) if spec.many else [(None, content)]:
                if item is not None:
                    yield from optional(spec.fields, item, here if number is None else (*here, number))


def without(value: dict[str, Any], places: list[tuple[Place, Any]]) -> dict[str, Any]:
    """Return a payload without these parts."""
    made = copy.deepcopy(value)
    for (*above, name), empty in sorted(places, key=lambda place: -len(place[0])):
        record: Any = made
        for step in above:
            record = record[step]
        record[name] = empty
    return made


def check(event_type: EventType, value: dict[str, Any]) -> None:
    """Assert that a payload is written in the oldest version that can say it, and comes back."""
    *older, newest = codecs(event_type)
    wanted = next((codec for codec in older if can_say(codec, newest, value)), newest)
    written = write_payload(event_type, value)
    assert written.fingerprint == wanted.fingerprint
    assert (event_type, written.fingerprint, written.schema_sha256) == identity_of(written.data)
    assert decode_payload(written.data) == (event_type, value)


@pytest.mark.parametrize("event_type", CHANGED)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_oldest_version_that_can_say_it_is_written(event_type: EventType, data: st.DataObject) -> None:
    """Whatever is left out of an event with everything in it."""
    everything = full(event_type)
    places = list(optional(payload_fields(event_type), everything))
    left_out = data.draw(st.lists(st.sampled_from(places), unique_by=lambda place: place[0]))
    check(event_type, without(everything, left_out))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_every_pair_of_versions_finds_the_oldest(path: Path) -> None:
    """What a version can say at most, and what it has in common with each other one."""
    event_type = EventType(path.name.partition(".")[0])
    versions = codecs(event_type)
    own, newest = load_codec(path), versions[-1]
    said = own.resolve(own.encode_checked(full(event_type)), newest)
    for other in versions:
        check(event_type, other.resolve(other.encode_checked(said), newest))


@pytest.mark.parametrize("event_type", EventType)
def test_an_event_with_the_least_in_it_is_read_by_the_oldest_program(event_type: EventType) -> None:
    """Whether parts are left out, or there and empty."""
    value = least(event_type)
    check(event_type, value)
    bare = {name: content for name, content in value.items() if content not in (None, [])}
    assert encode_payload(event_type, bare) == encode_payload(event_type, value)
