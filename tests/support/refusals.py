"""The refusal that a call ends with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from refbus.errors import Code, RefbusError


def refused(call: Callable[[], Any]) -> Code:
    """Return the code of the refusal that a call ends with."""
    with pytest.raises(RefbusError) as raised:
        call()
    return raised.value.code
