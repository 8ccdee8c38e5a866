"""Recovery sheets: what is printed, what may be typed, and what is told of wrong sheets."""

from __future__ import annotations

import pytest

from refbus.errors import Code, SetupError
from refbus_gateway.home import sheets
from support.refusals import refused

SECRET = bytes(range(32))
VECTOR = (
    "theory painting academic academic armed sweater year military elder discuss acne wildlife boring employer fused "
    "large satoshi bundle carbon diagnose anatomy hamster leaves tracks paces beyond phantom capital marvel lips brave "
    "detect luck"
)
"""The valid mnemonic without sharing for 256 bits of the test vectors of SLIP-0039."""


def texts_of(made: sheets.Sheets) -> list[str]:
    """Return the words of each sheet as they are printed."""
    return [" ".join(sheet.words) for sheet in made.sheets]


def test_enough_sheets_hold_the_secret_and_fewer_do_not() -> None:
    """33 words for each of three keepers, any two of whom are enough, in any order."""
    made = sheets.split(SECRET, 2, 3)
    assert [len(each.words) for each in made.sheets] == [sheets.WORDS] * 3
    first, second, third = texts_of(made)
    for some in ([first, second], [third, first], [second, third], [first, second, third], [first, first, third]):
        assert sheets.join(some) == SECRET
    assert refused(lambda: sheets.join([second])) is Code.RECOVERY_TOO_FEW
    assert refused(lambda: sheets.join([second, second])) is Code.RECOVERY_TOO_FEW
    assert refused(lambda: sheets.join([])) is Code.RECOVERY_TOO_FEW


def test_words_may_be_typed_as_people_type() -> None:
    """Four letters, capitals, numbers, commas and line breaks."""
    first, second, _ = texts_of(sheets.split(SECRET, 2, 3))
    short = "\n".join(f"{at}. {word[:4].upper()}," for at, word in enumerate(first.split(), start=1))
    assert sheets.join([short, second]) == SECRET


def test_wrong_words_are_named_by_their_numbers() -> None:
    """Never by what was typed: an error may end in a log."""
    first, second, _ = texts_of(sheets.split(SECRET, 2, 3))
    words = second.split()
    with pytest.raises(SetupError) as raised:
        sheets.join([first, " ".join(["zzzz", *words[1:]])])
    assert raised.value.code is Code.RECOVERY_WORDS
    assert raised.value.detail == "sheet 2: word 1"
    longer = " ".join([*words[:4], words[4] + "x", *words[5:]])
    assert refused(lambda: sheets.join([first, longer])) is Code.RECOVERY_WORDS
    swapped = " ".join([*words[:4], words[5], words[4], *words[6:]]) if words[4] != words[5] else " ".join(words[1:])
    for text in (swapped, " ".join(words[:-1]), "", "x" * 10_000):
        assert refused(lambda text=text: sheets.join([first, text])) is Code.RECOVERY_WORDS  # type: ignore[misc]


def test_sheets_of_two_series_are_not_mixed() -> None:
    """Nor sheets of another program: a single share without sharing is not one of ours."""
    mine, other = (texts_of(sheets.split(SECRET, 2, 3)) for _ in range(2))
    assert refused(lambda: sheets.join([mine[0], other[1]])) is Code.RECOVERY_MIXED
    assert refused(lambda: sheets.join([VECTOR])) is Code.RECOVERY_MIXED


@pytest.mark.parametrize(("needed", "keepers"), [(1, 3), (4, 3), (2, 10), (0, 0), (1, 1)])
def test_a_division_that_protects_nothing_is_refused(needed: int, keepers: int) -> None:
    """One sheet never opens an office."""
    assert refused(lambda: sheets.split(SECRET, needed, keepers)) is Code.USAGE
    assert refused(lambda: sheets.split(SECRET[1:], 2, 3)) is Code.USAGE
