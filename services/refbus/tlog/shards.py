"""Shards: a log ends every half-year and a new one begins, so that none grows for ever and old ones can be put away.

A log has a name without scheme, such as "audit.kz.example"; the origin of a shard is the name, a slash and the half of
the year ("audit.kz.example/2026b"), which is also the folder that its files are served from.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from refbus.tlog.keys import check_name

WITNESS: Final = "witness"
"""Last part of the name under which the owner of a log cosigns the logs of others."""


def shard_at(now_ms: int) -> str:
    """Return the half-year in which `now_ms` (UTC) lies: "2026a" ends with June, "2026b" with December."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{day.year:04d}{'a' if day.month <= 6 else 'b'}"


def next_shard(shard: str) -> str:
    """Return the half-year after `shard`."""
    year, half = int(shard[:4]), shard[4]
    return f"{year:04d}b" if half == "a" else f"{year + 1:04d}a"


def shards_from(now_ms: int, count: int) -> list[str]:
    """Return the half-year of `now_ms` (UTC) and those after it, `count` in all."""
    found = [shard_at(now_ms)]
    while len(found) < count:
        found.append(next_shard(found[-1]))
    return found


def origin_of(name: str, shard: str) -> str:
    """Return the origin of a shard of the log `name`. Raises MalformedError KEY_INVALID for an impossible name."""
    origin = f"{name}/{shard}"
    check_name(origin)
    return origin


def witness_name(name: str) -> str:
    """Return the name under which the owner of the log `name` cosigns."""
    return f"{name}/{WITNESS}"
