"""What an office has said of the backup that it goes on from, to whom, and who has answered. It says nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus_gateway.home.confirmation import ANNOUNCED
from refbus_gateway.store import referrals
from refbus_gateway.store.session import Transaction

_AGAIN_FOR_MS: Final = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Said:
    """One organisation that was told, by which event (its row), and when it answered. Times in UTC ms."""

    event_row: int
    said_ms: int
    answered_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """What was said of one restore. `restore_id`: 32 hexadecimal digits; `looked`: the newest event at the last try."""

    restore_id: str
    looked: int = -1
    to: dict[OrgId, Said] = field(default_factory=dict)


def find(tx: Transaction) -> Announcement | None:
    """Return what was said of the restore that this store goes on from, None when nothing was.

    A damaged value is none: everybody is told once more, which changes nothing for who has answered.
    """
    values = tx.get_sealed(ANNOUNCED)
    if values is None:
        return None
    return Announcement(**{**values, "to": {OrgId(org): Said(**said) for org, said in values["to"].items()}})


def unanswered(tx: Transaction, now_ms: int) -> list[int]:
    """Return the rows of the events that nobody has answered and that are said again; none of an erased case."""
    known = find(tx)
    open_ones = [] if known is None else [each for each in known.to.values() if each.answered_ms is None]
    fresh = [one.event_row for one in open_ones if abs(now_ms - one.said_ms) < _AGAIN_FOR_MS]
    return [row for row in fresh if referrals.is_readable(tx, row)]
