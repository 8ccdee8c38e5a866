"""Free TCP ports on the loopback address, below the range from which the kernel takes ports for outgoing connections.

A port of that range is not safe for a broker: while it is down, a client that keeps trying to reach it can be given
that very port as its own, connect to itself, and hold the port against the broker's return.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

FIRST = 20_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """Return `count` ports that could be bound just now. Another process may still take one: then try others."""
    held: list[socket.socket] = []
    try:
        for port in random.sample(range(FIRST, _last()), k=500):
            if len(held) == count:
                break
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", port))
                held.append(candidate)
            except OSError:
                candidate.close()
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def _last() -> int:
    try:
        return max(FIRST + 1_000, int(_RANGE.read_text().split()[0]))
    except (OSError, ValueError, IndexError):
        return 32_768
