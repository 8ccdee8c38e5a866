"""A person from before stated ages is read with none, and a program from before reads a newer person without them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from refbus.core.vocabulary import EventType
from refbus.resources import data_dir
from refbus.wire.payload import decode_payload, payload_fields
from refbus.wire.schema import Codec, load_codec
from refbus_gateway.forms.ages import facts_of
from support.payloads import least

STATED = ("stated_age", "stated_age_to", "stated_age_on", "stated_age_estimated")
PERSONS = [event for event in EventType if any(spec.name == "person" for spec in payload_fields(event))]


def older(event: EventType) -> Iterator[Codec]:
    """Yield each kept version of an event that knows no stated age."""
    for path in sorted((data_dir("schemas") / "history" / "events").glob(f"{event.value}.*.avsc")):
        if STATED[0] not in path.read_text(encoding="utf-8"):
            yield load_codec(path)


@pytest.mark.parametrize("event", PERSONS)
def test_persons_of_every_version_are_read_both_ways(event: EventType) -> None:
    """Whatever else was said of the age stands, and nothing is made of what was not."""
    current = load_codec(data_dir("schemas") / "events" / f"{event.value}.avsc")
    versions = list(older(event))
    assert versions
    said = least(event, person={"prs_Birthdate": "2011-02", "is_minor": True})
    newer = least(event, person={"is_minor": True, "stated_age": 15, "stated_age_on": "2026-09-01"})
    for before in versions:
        known = {field["name"] for field in before.document["fields"]}
        content = before.encode({name: value for name, value in said.items() if name in known})
        read = decode_payload(b"\xc3\x01" + before.fingerprint + content)[1]
        assert [read["person"][name] for name in STATED] == [None] * 4
        assert (facts_of(read).stated, facts_of(read).birthdate) == (None, "2011-02")
        there = current.resolve(current.encode(newer), before)
        assert there["person"]["is_minor"] is True
        assert not set(STATED) & there["person"].keys()
