"""Talking to the broker from a short command: after something was queued, and before something is shown."""

from __future__ import annotations

from refbus.errors import Code, RefbusError, TransportError
from refbus_gateway.cli.session import Session
from refbus_gateway.sync.synchroniser import Synchroniser, require_synchronised


def try_to_send(session: Session, *, later: bool = False) -> str:
    """Send what waits, if the broker is there and `refbus run` does not do it already; return what became of it.

    "sent", "running" (the other process does it), "later" (kept, goes out by itself).
    """
    if later:
        return "later"
    try:
        with session.home.exclusive():
            synchroniser = Synchroniser(session.gateway, session.connect())
            try:
                return "later" if synchroniser.once().waiting else "sent"
            finally:
                synchroniser.close()
    except TransportError:
        return "later"
    except RefbusError as error:
        if error.code is Code.HOME_IN_USE:
            return "running"
        if error.code in {Code.SETTINGS_INVALID, Code.TOPIC_MISSING}:
            return "later"
        raise


SENT_TEXT = {
    "sent": "It is on its way. See `refbus status`.",
    "running": "It is queued; `refbus run` sends it now. See `refbus status`.",
    "later": "It is kept and goes out when the broker is reachable (`refbus sync` or `refbus run`).",
}
"""What a person is told after something was queued."""


def synchronised(session: Session) -> None:
    """Read everything that waits before something is shown. Raises UncheckableError NOT_SYNCHRONISED."""
    require_synchronised(session.gateway, session.connect())
