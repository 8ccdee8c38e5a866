"""Failed attempts to sign in: counted in the home, slowed, told to the person who signs in next. The one such brake.

After FREE attempts each failure doubles the pause, from one second to PAUSE_MS. Within a run the pause is measured on
the monotonic clock; after a start by the clock, and one that was set back begins the pause anew. What comes over the
network is also counted by its address, whatever names were tried: after FREE_FROM it waits as well. That count is in
memory alone, so no address is on the disk.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from refbus.backoff import BackOff
from refbus.clock import Clock
from refbus.errors import Code, RefbusError, RuleError
from refbus.files import alone_in, write_whole
from refbus.said import said
from refbus_gateway.home.folder import ATTEMPTS, Home, read_json_object

FREE: Final = 3
"""Failures before the first pause."""
FREE_FROM: Final = 20
"""Failures from one address of the network before its first pause."""
PAUSE_MS: Final = 300_000
"""The longest pause."""
NOBODY: Final = "nobody"
"""What failures with a name that nobody has are counted under."""
_LIMIT: Final = 65_536
_PAUSES: Final = BackOff(1000, PAUSE_MS)
_MOST: Final = 128
_MOST_ADDRESSES: Final = 2_000
_failed_at: dict[tuple[str, str], int] = {}  # of this run: home and who to the monotonic clock, ms
_failed_from: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()  # home and address to how often, and when


class SlowedError(RuleError):
    """Code SIGN_IN_SLOWED. `wait_s`: how many seconds are left of the pause."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(Code.SIGN_IN_SLOWED, said("wait %(seconds)s seconds", seconds=wait_s))


@contextmanager
def one_at_a_time(home: Home) -> Iterator[None]:
    """Hold off other attempts from the look at the pause until a failure is counted: many at once are no way around it.

    Raises StoreError.
    """
    with alone_in(home.path):
        yield


def require_no_pause(home: Home, who: str, clock: Clock, address: str = "") -> None:
    """Raise SlowedError while a pause runs for this person, or for this address of the network."""
    count, at_ms = _failed_from.get((str(home.path), address), (0, 0))
    _require_passed(clock.steady_ms() - at_ms, _pause_ms(count, FREE_FROM))
    failed, last_ms = _read(home).get(who, (0, 0))
    pause_ms = _pause_ms(failed, FREE)
    steady_ms = _failed_at.get((str(home.path), who))
    passed_ms = clock.now_ms() - last_ms if steady_ms is None else clock.steady_ms() - steady_ms
    if passed_ms < 0:
        _failed_at[str(home.path), who] = clock.steady_ms()
        passed_ms = 0
    _require_passed(passed_ms, pause_ms)


def failed(home: Home, who: str, clock: Clock, address: str = "") -> None:
    """Count a failure. The caller holds `one_at_a_time`. Raises StoreError."""
    if address:
        _failed_from[str(home.path), address] = (_forgive(home, address) + 1, clock.steady_ms())
        while len(_failed_from) > _MOST_ADDRESSES:
            _failed_from.popitem(last=False)
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


def was_right(home: Home, address: str) -> None:
    """Count from nothing again what failed from this address: somebody there knew a passphrase."""
    _forgive(home, address)


def _forgive(home: Home, address: str) -> int:
    return _failed_from.pop((str(home.path), address), (0, 0))[0]


def _require_passed(passed_ms: int, pause_ms: int) -> None:
    if passed_ms < pause_ms:
        raise SlowedError((pause_ms - passed_ms + 999) // 1000)


def _pause_ms(failed_before: int, free: int) -> int:
    return 0 if failed_before < free else _PAUSES.wait_ms(failed_before - free)


def _read(home: Home) -> dict[str, tuple[int, int]]:
    found: dict[str, Any] = {}
    with suppress(RefbusError):  # damaged or missing: it counts from nothing
        found = dict(read_json_object(home.path / ATTEMPTS, _LIMIT, Code.FILE_UNREADABLE))
    with suppress(TypeError, ValueError, OverflowError):
        return {str(who): (int(count), int(at_ms)) for who, (count, at_ms) in found.items()}
    return {}


def _write(home: Home, known: dict[str, tuple[int, int]]) -> None:
    write_whole(home.path / ATTEMPTS, json.dumps(known).encode())
