"""Stanzas give a box key to one reader, for one purpose and one header."""

from __future__ import annotations

import pytest

from refbus.crypto.kem import KemPublic
from refbus.crypto.stanza import STANZA_SIZE, Box, open_stanza, seal_decoy, seal_stanza
from support.directories import kem_private

HEADER = bytes(range(32))
KEY = b"k" * 32
READER = kem_private("reader")
PUBLIC = KemPublic.parse(READER.public)


def test_the_reader_gets_the_key() -> None:
    """A stanza is 1168 bytes and opens with the private key alone."""
    stanza = seal_stanza(Box.ROUTING, PUBLIC, HEADER, KEY)
    assert len(stanza) == STANZA_SIZE
    assert open_stanza(Box.ROUTING, READER, HEADER, stanza) == KEY


def test_nothing_else_opens_it() -> None:
    """Another key, another purpose, another header and another stanza all give None."""
    stanza = seal_stanza(Box.ROUTING, PUBLIC, HEADER, KEY)
    assert open_stanza(Box.ROUTING, kem_private("other"), HEADER, stanza) is None
    assert open_stanza(Box.CONTENT, READER, HEADER, stanza) is None
    assert open_stanza(Box.ROUTING, READER, bytes(32), stanza) is None
    assert open_stanza(Box.ROUTING, READER, HEADER, stanza[:-1] + bytes([stanza[-1] ^ 1])) is None


@pytest.mark.parametrize("stanza", [b"", bytes(16), bytes(STANZA_SIZE), bytes(STANZA_SIZE + 1)])
def test_any_bytes_are_survived(stanza: bytes) -> None:
    """Bytes that are no stanza give None, whatever their size."""
    assert open_stanza(Box.ROUTING, READER, HEADER, stanza) is None


def test_a_key_of_another_size_is_no_key() -> None:
    """A sender that wraps 31 or 33 bytes has wrapped nothing."""
    for size in (31, 33):
        assert open_stanza(Box.ROUTING, READER, HEADER, seal_stanza(Box.ROUTING, PUBLIC, HEADER, bytes(size))) is None


def test_a_decoy_looks_real_and_opens_for_nobody() -> None:
    """A decoy has the size of a stanza and no reader."""
    decoy = seal_decoy(Box.ROUTING, HEADER, KEY)
    assert len(decoy) == STANZA_SIZE
    assert open_stanza(Box.ROUTING, READER, HEADER, decoy) is None


def test_labels_are_prefix_free() -> None:
    """No purpose's label begins another's, so no context can be read as two purposes."""
    labels = [box.value for box in Box]
    assert all(label.endswith(b"\0") and label.count(b"\0") == 1 for label in labels)
    assert len(set(labels)) == len(labels)
