"""What a clock believed, kept in the home across starts: evidence for the next start, and never a reason to stop.

clock.json        the belief, and the start of the machine that its steady times count from
clock.accepted    a person's word that the machine's clock was right, with the same; read by whoever runs

A file that is missing, damaged or from the future is as good as none.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from refbus.clock.judge import LATEST_MS, Belief, Line
from refbus.errors import StoreError
from refbus.files import write_whole

_MOST: Final = 4096


def read_belief(path: Path) -> tuple[str, Belief, int] | None:
    """Return the start of the machine, what was believed then, and the time at which it was written down."""
    try:
        with path.open("rb") as file:
            return _parsed(json.loads(file.read(_MOST)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def write_belief(path: Path, boot: str, belief: Belief, now_ms: int) -> None:
    """Write a belief down (mode 0600). A disk that does not take it only makes the next start know less."""
    text = json.dumps(
        {
            "boot": boot,
            "now_ms": now_ms,
            "line": [belief.line.at_ms, belief.line.steady_ms],
            "confirmed": belief.confirmed,
            "other": None if belief.other is None else [belief.other.at_ms, belief.other.steady_ms],
            "unquiet_ms": belief.unquiet_ms,
        }
    )
    with suppress(StoreError):
        write_whole(path, text.encode(), flush=False)


def _parsed(values: dict[str, Any]) -> tuple[str, Belief, int]:
    boot, confirmed, unquiet_ms = values["boot"], values["confirmed"], values["unquiet_ms"]
    line, other = _line(values["line"]), None if values["other"] is None else _line(values["other"])
    if not isinstance(boot, str) or not isinstance(confirmed, bool):
        raise TypeError
    unquiet = None if unquiet_ms is None else _time(unquiet_ms)
    return boot, Belief(line, confirmed, other, unquiet), _time(values["now_ms"])


def _line(values: list[Any]) -> Line:
    at_ms, steady_ms = values
    return Line(_time(at_ms), _time(steady_ms))


def _time(value: object) -> int:
    if type(value) is not int or not 0 <= value < LATEST_MS:
        raise ValueError
    return value
