"""Boxes open whole, under one key and one context, or not at all."""

from __future__ import annotations

import pytest

from refbus.crypto.box import box_size, new_key, open_, seal
from refbus.crypto.kem import KemPublic
from refbus.crypto.sealed import Sealed, open_sealed, seal_for
from refbus.crypto.stanza import Box
from refbus.errors import Code, UntrustedError
from support.directories import kem_private

KEY = b"k" * 32


def _fails(key: bytes, context: bytes, box: bytes) -> None:
    with pytest.raises(UntrustedError) as caught:
        open_(key, context, box)
    assert (caught.value.code, caught.value.detail) == (Code.OPEN_FAILED, "")


@pytest.mark.parametrize("size", [0, 1, 2048, 16_383, 16_384, 16_385, 40_000])
def test_sizes_and_round_trips(size: int) -> None:
    """The box over n bytes has the size that `box_size` tells, and gives the n bytes back."""
    box = seal(KEY, b"context", bytes(size))
    assert len(box) == box_size(size)
    assert open_(KEY, b"context", box) == bytes(size)


def test_every_failure_looks_the_same() -> None:
    """A wrong or short key, context, length or bit: OPEN_FAILED without a detail."""
    box = seal(KEY, b"context", bytes(20_000))
    _fails(b"x" * 32, b"context", box)
    _fails(KEY, b"contexT", box)
    _fails(KEY[:-1], b"context", box)
    for broken in (b"", box[:10], box[:-1], box + b"\0", box[: 16_384 + 56], bytes([box[0] ^ 1]) + box[1:]):
        _fails(KEY, b"context", broken)


def test_keys_are_fresh() -> None:
    """Each box has its own 32 random bytes."""
    assert len(new_key()) == 32
    assert new_key() != new_key()


def test_sealed_for_one_reader() -> None:
    """Stanza and box together: opened by the reader, for the same purpose and the same bound bytes only."""
    reader = kem_private("reader")
    sealed = seal_for(Box.AUDIT, KemPublic.parse(reader.public), bytes(32), b"record")
    assert open_sealed(Box.AUDIT, reader, bytes(32), sealed) == b"record"
    attempts = [
        (Box.NOTICE, reader, bytes(32), sealed),
        (Box.AUDIT, kem_private("other"), bytes(32), sealed),
        (Box.AUDIT, reader, b"\1" * 32, sealed),
        (Box.AUDIT, reader, bytes(32), Sealed(sealed.stanza, sealed.box[:-1])),
    ]
    for attempt in attempts:
        with pytest.raises(UntrustedError) as caught:
            open_sealed(*attempt)
        assert caught.value.code is Code.OPEN_FAILED
