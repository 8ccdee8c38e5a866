"""A number that a person typed: one reader for command and pages, with a bound."""

from __future__ import annotations

import pytest

from refbus_gateway.forms.values import whole_number


@pytest.mark.parametrize(("text", "found"), [("0", 0), ("12", 12), ("007", 7), ("999999999", 999_999_999)])
def test_digits_are_a_number(text: str, found: int) -> None:
    """Up to nine ASCII digits, zeros before them too."""
    assert whole_number(text) == found


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1 ", "²", "١٢", "1e3", "1234567890", "1" * 5000])
def test_anything_else_is_none(text: str) -> None:
    """No sign, no blank, no digits of other scripts, and nothing longer, whatever size."""
    assert whole_number(text) is None


def test_a_longer_one_is_taken_where_it_is_asked_for() -> None:
    """The bound can be given."""
    assert whole_number("123456789012345", 15) == 123_456_789_012_345
    assert whole_number("1234567890123456", 15) is None
