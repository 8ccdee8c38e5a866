"""Padding hides lengths and has one form for each length."""

from __future__ import annotations

import pytest

from refbus.crypto.padding import pad_exact, pad_padme, padme, padme_size, unpad_exact, unpad_padme
from refbus.errors import Code, MalformedError


def _code(call: object) -> Code:
    assert callable(call)
    with pytest.raises(MalformedError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize(
    ("length", "size"),
    [(2, 2), (8, 8), (9, 10), (100, 104), (1000, 1024), (2049, 2176), (65_537, 67_584), (800_000, 802_816)],
)
def test_padme_sizes(length: int, size: int) -> None:
    """PADMÉ keeps about log2(log2 n) leading bits of the length (values worked out from the paper's algorithm 1)."""
    assert padme(length) == size


def test_padme_never_costs_more_than_twelve_percent() -> None:
    """The size holds the data, never shrinks with more of it, and wastes at most 12 %."""
    sizes = [padme(length) for length in range(2, 20_000)]
    assert sizes == sorted(sizes)
    assert all(length <= size <= length * 1.12 for length, size in enumerate(sizes, start=2))


def test_short_texts_have_one_size() -> None:
    """Everything up to the minimum looks alike from outside."""
    assert {len(pad_padme(bytes(n), 2048)) for n in (0, 1, 500, 2044)} == {2048}
    assert len(pad_padme(bytes(2045), 2048)) == padme_size(2045, 2048) > 2048


@pytest.mark.parametrize("data", [b"", b"x", b"\0\0", bytes(3000), b"\xff" * 2044])
def test_data_comes_back(data: bytes) -> None:
    """Padding and unpadding give the same bytes, those that end in zeros too."""
    assert unpad_padme(pad_padme(data, 2048), 2048) == data
    assert unpad_exact(pad_exact(data, 4000), 4000) == data


def test_what_does_not_fit_is_refused() -> None:
    """One byte too many for an exact size is TOO_LARGE, one byte fewer fits."""
    assert len(pad_exact(bytes(96), 100)) == 100
    assert _code(lambda: pad_exact(bytes(97), 100)) is Code.TOO_LARGE


def test_only_the_exact_size_is_taken() -> None:
    """A larger box of the same data is not canonical, nor is a PADMÉ box of a size that its length does not have."""
    assert _code(lambda: unpad_exact(pad_exact(b"x", 101), 100)) is Code.NOT_CANONICAL
    assert _code(lambda: unpad_padme(pad_exact(b"x", 2112), 2048)) is Code.NOT_CANONICAL


@pytest.mark.parametrize("position", [5, 50, 99])
def test_padding_must_be_zeros(position: int) -> None:
    """A byte hidden in the padding is refused wherever it is."""
    padded = bytearray(pad_exact(b"x", 100))
    padded[position] = 1
    assert _code(lambda: unpad_exact(bytes(padded), 100)) is Code.NOT_CANONICAL


@pytest.mark.parametrize("padded", [b"", b"\0\0", b"\0\0\0\5abcd", b"\xff" * 100])
def test_a_length_past_the_end_is_refused(padded: bytes) -> None:
    """A length prefix that promises more than there is, or is cut short, is malformed."""
    assert _code(lambda: unpad_exact(padded, len(padded))) is Code.MALFORMED
