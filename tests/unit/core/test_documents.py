"""JSON and TOML from outside: deep, long or odd text is refused with a code, quickly and without an error of ours."""

from __future__ import annotations

import json

import pytest

from refbus.core.bounds import MOST_DEPTH
from refbus.core.documents import read_json, read_toml
from refbus.errors import Code, MalformedError, RefbusError
from refbus.trust.canonical import loads
from refbus.trust.member import policy
from refbus.trust.publisher import description

LEVELS = 30_000
DEEP_JSON = {
    "lists": "[" * LEVELS + "]" * LEVELS,
    "objects": '{"a":' * LEVELS + "1" + "}" * LEVELS,
    "open": "[" * LEVELS,
    "one too many": "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1),
    "digits": "9" * 10_000,
}
DEEP_TOML = {
    "dotted": ".".join(["a"] * LEVELS) + " = 1",
    "spaced": " . ".join(['"a"'] * LEVELS) + " = 1",
    "header": "[" + ".".join(["a"] * LEVELS) + "]",
    "lists": "a = " + "[" * LEVELS + "]" * LEVELS,
    "tables": "a = " + "{a=" * LEVELS + "1" + "}" * LEVELS,
    "hidden in strings": 'b = "\\""\na = ' + "[" * 200 + "]" * 200,
    "one too many": "a = " + "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1),
    "digits": "a = " + "9" * 10_000,
    "year 10000": "a = 10000-01-01",
}


@pytest.mark.parametrize("text", DEEP_JSON.values(), ids=DEEP_JSON)
def test_deep_json_is_malformed(text: str) -> None:
    """Whatever nests too deep is refused before anything recursive runs, by the plain and by the canonical reader."""
    for attempt in (read_json, lambda each: loads(each.encode())):
        with pytest.raises(MalformedError) as caught:
            attempt(text)
        assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("text", DEEP_TOML.values(), ids=DEEP_TOML)
def test_deep_toml_is_malformed(text: str) -> None:
    """Tables in tables, however they are written; for a policy and for a federation alike."""
    for attempt in (read_toml, policy.compile_policy):
        with pytest.raises(MalformedError):
            attempt(text)
    with pytest.raises(RefbusError):
        description.parse_description(text, policy.__file__)  # type: ignore[arg-type]


def test_what_is_not_too_deep_is_read() -> None:
    """At the bound a document is read, and brackets inside texts do not count."""
    assert read_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    assert read_json(json.dumps("[" * 100)) == "[" * 100
    assert read_toml('a = "' + "[{." * 100 + '"')["a"] == "[{." * 100
    assert read_toml(".".join(["a"] * MOST_DEPTH) + " = 1")["a"]
