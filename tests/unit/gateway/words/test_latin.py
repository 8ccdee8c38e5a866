"""Names are found in any script, and many are folded as each of them is."""

from __future__ import annotations

from refbus_gateway.words.latin import all_folded, folded

NAMES = (
    "Жамшид",
    "Jamshid",
    "Zhamshid",
    "",
    " File-12 ",
    "Xurshida\nХуршида",
    "a\0b",
    "\0",
    "O'tkir\n\nЎткир",
    "aab",
    "baa",
)


def test_near_spellings_are_one() -> None:
    """By the letters that passports and people write for the same sound."""
    assert folded("Жамшид") == folded("Jamshid") == folded("Zhamshid")
    assert folded("Xurshida") == folded("Хуршида")


def test_many_are_folded_as_each_of_them() -> None:
    """No letter meets that of a neighbour, and a text with the mark between them is no two."""
    assert all_folded(NAMES) == [folded(each) for each in NAMES]
    assert len(all_folded(NAMES)) == len(NAMES)
    assert folded("a\0b") == "ab"
