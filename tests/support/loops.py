"""One event loop for the requests of all browsers of a process, in a thread of its own, from the first request on.

Starlette's test client starts a loop and two threads for each request else: half of what a small page costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from anyio.from_thread import BlockingPortal, start_blocking_portal

_running: list[tuple[ExitStack, list[BlockingPortal]]] = []


@contextmanager
def one_loop() -> Iterator[None]:
    """Let requests share a loop; it is started by the first that asks."""
    with ExitStack() as stack:
        _running.append((stack, []))
        try:
            yield
        finally:
            _running.pop()


def shared_loop() -> BlockingPortal | None:
    """Return the loop that runs for all, None where nobody would stop it."""
    if not _running:
        return None
    stack, started = _running[-1]
    if not started:
        started.append(stack.enter_context(start_blocking_portal()))
    return started[0]
