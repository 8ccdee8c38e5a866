"""What a failure says of the store that was looked at."""

from __future__ import annotations

import pytest

from refbus.database.failures import require_lasting
from refbus.errors import Code, SetupError, StoreError


@pytest.mark.parametrize(
    "code", [Code.STORE_BUSY, Code.STORE_FULL, Code.STORE_UNREACHABLE, Code.STORE_TAKEN_OVER], ids=str
)
def test_no_answer_is_not_the_answer_that_there_is_nothing(code: Code) -> None:
    """Whoever wants to take the place of a store ends when it cannot be asked what it has."""
    with pytest.raises(StoreError, match=code):
        require_lasting(StoreError(code))


@pytest.mark.parametrize("error", [SetupError(Code.HOME_NOT_FOUND), StoreError(Code.STORE_FAILED)], ids=str)
def test_a_store_that_is_not_there_or_broken_keeps_nobody(error: StoreError) -> None:
    """That is why something takes its place."""
    require_lasting(error)
