from __future__ import annotations

import hashlib
import hmac

import pytest

from refbus.audit.leaf import COMMITMENT_KEY, leaf_of, opening_of
from refbus.errors import Code, MalformedError

KEY = bytes(range(32))
DECISION = bytes(range(16))


def test_constants_are_frozen() -> None:
    """The public constant is the hash of its label; the value is in the specification."""
    assert hashlib.sha256(b"refbus/v1/audit-leaf\0").digest() == COMMITMENT_KEY
    assert COMMITMENT_KEY.hex() == "d77a7997cbdca52184a8b15fbd72be769c68cbf3dc13d70d64f73387259cdd88"


def test_vector() -> None:
    """A leaf made once stays the same for ever; the specification prints this one."""
    opening = opening_of(KEY, DECISION)
    assert opening.hex() == "d6a3ed56db6469e04d85eda311df5397188a81b539dfc17fa53d3a695ace2a20"
    assert (
        leaf_of(opening, "refbus.v1.AuditRecord", b"event").hex()
        == "7265666275732d61756469742f76311bff9c146c0a3bfdeade66a2129bbd1cabcd4b73c7674f49fc026c740ac32338"
    )


def test_leaf_is_what_the_specification_says() -> None:
    """An independent computation from the formula gives the same leaf."""
    opening = b"o" * 32
    kind, event = b"t", b"event"
    framed = opening + len(kind).to_bytes(4, "big") + kind + len(event).to_bytes(4, "big") + event
    expected = b"refbus-audit/v1" + hmac.new(COMMITMENT_KEY, framed, hashlib.sha256).digest()
    assert leaf_of(opening, "t", event) == expected
    assert len(expected) == 47


def test_type_and_event_cannot_trade_bytes() -> None:
    """Moving a byte from the type to the event changes the leaf."""
    opening = b"o" * 32
    assert leaf_of(opening, "ab", b"c") != leaf_of(opening, "a", b"bc")


def test_opening_needs_key_and_decision() -> None:
    """Another case key or another decision gives another opening."""
    openings = {opening_of(KEY, DECISION), opening_of(bytes(32), DECISION), opening_of(KEY, bytes(16))}
    assert len(openings) == 3


@pytest.mark.parametrize(("key", "decision"), [(b"", DECISION), (KEY + b"x", DECISION), (KEY, b""), (KEY, KEY)])
def test_sizes_are_exact(key: bytes, decision: bytes) -> None:
    """A short or long key or id is refused, never stretched."""
    with pytest.raises(MalformedError) as caught:
        opening_of(key, decision)
    assert caught.value.code is Code.MALFORMED


def test_opening_size_is_exact() -> None:
    """A leaf is made of a 32-byte opening only."""
    with pytest.raises(MalformedError):
        leaf_of(b"short", "t", b"event")
