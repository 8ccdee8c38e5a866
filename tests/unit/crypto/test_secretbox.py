"""Values at rest: each opens in its own place, under its own key."""

from __future__ import annotations

import pickle

import pytest

from refbus.crypto.secretbox import OVERHEAD, StateKey
from refbus.errors import Code, MalformedError, UntrustedError

KEY = StateKey(b"s" * 32)


def _fails(key: StateKey, context: bytes, sealed: bytes) -> None:
    with pytest.raises(UntrustedError) as caught:
        key.open(context, sealed)
    assert (caught.value.code, caught.value.detail) == (Code.OPEN_FAILED, "")


@pytest.mark.parametrize("value", [b"", b"x", bytes(10_000)])
def test_values_come_back(value: bytes) -> None:
    """A sealed value is 33 bytes longer, opens to the same bytes, and never looks the same twice."""
    sealed = KEY.seal(b"cases.name", value)
    assert len(sealed) == len(value) + OVERHEAD
    assert KEY.open(b"cases.name", sealed) == value
    assert KEY.seal(b"cases.name", value) != sealed


def test_nothing_else_opens_them() -> None:
    """Another key, another column, a changed, cut or longer value and another format all fail alike."""
    sealed = KEY.seal(b"cases.name", b"value")
    _fails(StateKey(b"t" * 32), b"cases.name", sealed)
    _fails(KEY, b"cases.note", sealed)
    for broken in (b"", b"\1", sealed[:-1], sealed + b"\0", b"\2" + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        _fails(KEY, b"cases.name", broken)


def test_lookups_are_stable_and_apart() -> None:
    """A value is found again under the same key and context only; context and value cannot run into each other."""
    assert KEY.lookup(b"events", b"id") == StateKey(b"s" * 32).lookup(b"events", b"id")
    others = [KEY.lookup(b"event", b"sid"), KEY.lookup(b"cases", b"id"), StateKey(b"t" * 32).lookup(b"events", b"id")]
    assert len({KEY.lookup(b"events", b"id"), *others}) == 4
    assert len(others[0]) == 32


def test_keys_are_32_bytes() -> None:
    """A state key of another size is refused; a generated one is new each time."""
    with pytest.raises(MalformedError) as caught:
        StateKey(bytes(31))
    assert caught.value.code is Code.KEY_INVALID
    assert StateKey.generate().secret != StateKey.generate().secret


def test_state_keys_do_not_leak() -> None:
    """The repr shows nothing, and pickling is refused."""
    assert repr(KEY) == "StateKey(***)"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
