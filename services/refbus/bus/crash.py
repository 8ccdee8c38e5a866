"""How a worker ends that cannot go on: at once, with a coded line in the log and a status that is not zero.

It may end at any moment, because only commits to the store count; something outside starts it again.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import NoReturn

from refbus.bus.driver import failure_code

_log = logging.getLogger("refbus.bus.crash")
_PATIENCE_S = 10.0
"""So long Faust may take to stop after a crash; it has been seen to wait for ever."""


def die(reason: str) -> NoReturn:
    """End this process at once with exit code 1: safe at any moment, because only commits to the store count."""
    _log.critical("%s", reason)
    logging.shutdown()
    os._exit(1)


def die_of(error: BaseException) -> NoReturn:
    """End this process at once, because the client of the broker failed in a way from which it does not come back."""
    _log.error("the client of the broker failed", exc_info=error)
    die(f"{failure_code(error)}: the client of the broker failed; the restarter starts this worker again")


def die_later(error: BaseException, patience_s: float = _PATIENCE_S) -> threading.Timer:
    """End this process as `die` does, unless it has ended by itself within `patience_s` seconds."""
    why = f"{failure_code(error)}: the worker failed and did not stop; the restarter starts it again"
    timer = threading.Timer(patience_s, die, (why,))
    timer.daemon = True
    timer.start()
    return timer
