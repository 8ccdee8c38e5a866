"""Failed attempts to sign in: counted in the home, slowed, told to the person who signs in next.

After FREE attempts each failure doubles the pause, from one second to PAUSE_MS. Within a run the pause is measured on
the monotonic clock; after a start by the clock, and one that was set back begins the pause anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from refbus.backoff import BackOff
from refbus.clock import Clock
from refbus.errors import Code, RefbusError, RuleError
from refbus.files import alone_in, write_whole
from refbus_gateway.home.folder import ATTEMPTS, Home, read_json_object

FREE: Final = 3
"""Failures before the first pause."""
PAUSE_MS: Final = 300_000
"""The longest pause."""
NOBODY: Final = "nobody"
"""What failures with a name that nobody has are counted under."""
_LIMIT: Final = 65_536
_PAUSES: Final = BackOff(1000, PAUSE_MS)
_MOST: Final = 128
_failed_at: dict[tuple[str, str], int] = {}  # of this run: home and who to the monotonic clock, ms


@contextmanager
def one_at_a_time(home: Home) -> Iterator[None]:
    """Hold off other attempts from the look at the pause until a failure is counted: many at once are no way around it.

    Raises StoreError.
    """
    with alone_in(home.path):
        yield


def require_no_pause(home: Home, who: str, clock: Clock) -> None:
    """Raise RuleError SIGN_IN_SLOWED while a pause runs."""
    failed, last_ms = _read(home).get(who, (0, 0))
    pause_ms = _pause_ms(failed)
    steady_ms = _failed_at.get((str(home.path), who))
    passed_ms = clock.now_ms() - last_ms if steady_ms is None else clock.steady_ms() - steady_ms
    if passed_ms < 0:
        _failed_at[str(home.path), who] = clock.steady_ms()
        passed_ms = 0
    if passed_ms < pause_ms:
        raise RuleError(Code.SIGN_IN_SLOWED, f"wait {(pause_ms - passed_ms + 999) // 1000} seconds")


def failed(home: Home, who: str, clock: Clock) -> None:
    """Count a failure. The caller holds `one_at_a_time`. Raises StoreError."""
    known = _read(home)
    known[who] = (known.get(who, (0, 0))[0] + 1, clock.now_ms())
    _failed_at[str(home.path), who] = clock.steady_ms()
    _write(home, dict(list(known.items())[-_MOST:]))


def succeeded(home: Home, who: str) -> int:
    """Return how many attempts failed before this one, and count from nothing again. Raises StoreError."""
    with one_at_a_time(home):
        known = _read(home)
        count, _ = known.pop(who, (0, 0))
        _failed_at.pop((str(home.path), who), None)
        if count:
            _write(home, known)
        return count


def _pause_ms(failed_before: int) -> int:
    return 0 if failed_before < FREE else _PAUSES.wait_ms(failed_before - FREE)


def _read(home: Home) -> dict[str, tuple[int, int]]:
    found: dict[str, Any] = {}
    with suppress(RefbusError):  # damaged or missing: it counts from nothing
        found = dict(read_json_object(home.path / ATTEMPTS, _LIMIT, Code.FILE_UNREADABLE))
    with suppress(TypeError, ValueError, OverflowError):
        return {str(who): (int(count), int(at_ms)) for who, (count, at_ms) in found.items()}
    return {}


def _write(home: Home, known: dict[str, tuple[int, int]]) -> None:
    write_whole(home.path / ATTEMPTS, json.dumps(known).encode())
