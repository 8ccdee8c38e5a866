"""Talking to the broker from a short command: after something was queued, and before something is shown."""

from __future__ import annotations

from refbus_gateway.cli.session import Session


def try_to_send(session: Session, *, later: bool = False) -> str:
    """Send what waits; return what became of it. For commands that do not ask `actions` yet."""
    return session.desk.deliver(later=later)


SENT_TEXT = {
    "sent": "It is on its way. See `refbus status`.",
    "running": "It is queued; `refbus run` sends it now. See `refbus status`.",
    "later": "It is kept and goes out when the broker is reachable (`refbus sync` or `refbus run`).",
}
"""What a person is told after something was queued."""


def synchronised(session: Session) -> None:
    """Read everything that waits before something is shown. Raises UncheckableError NOT_SYNCHRONISED."""
    session.desk.require_synchronised()
