"""The judge: from what must happen and what was seen at the effect to five numbers. Pure; it knows no broker.

The same judge is used for the product and for the agents that are broken on purpose.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_MOST_NOTES = 20


class Fate(StrEnum):
    """What must become of an event that is in the log."""

    DELIVERED = "DELIVERED"
    STOPPED = "STOPPED"  # refused or quarantined
    DENIED = "DENIED"  # refused because nobody consented, or no longer: to deliver it is the worst that can happen
    ANY = "ANY"  # nobody knows whether it was sent, or came in time: at most one effect


@dataclass(frozen=True, slots=True)
class Expected:
    """One event and its fate. `position` is its place in the log that its sender wrote."""

    event: str
    case: str
    position: int
    fate: Fate


@dataclass(slots=True)
class Tally:
    """What was found wrong, counted, with a few notes to begin looking."""

    lost: int = 0
    duplicate_effects: int = 0
    reordered: int = 0
    unaccounted: int = 0
    consent_violations: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The sum of all five: 0 is what the product must reach."""
        return self.lost + self.duplicate_effects + self.reordered + self.unaccounted + self.consent_violations

    def join(self, more: Tally) -> None:
        """Add what another judge counted."""
        for name in ("lost", "duplicate_effects", "reordered", "unaccounted", "consent_violations"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.notes += more.notes

    def add(self, what: str, count: int, note: str) -> None:
        """Count `what` and keep the note while there is room."""
        if count > 0:
            setattr(self, what, getattr(self, what) + count)
            if len(self.notes) < _MOST_NOTES:
                self.notes.append(f"{what}: {note}")


def judge(expected: Iterable[Expected], places: Iterable[Sequence[str]], stopped: Iterable[str]) -> Tally:
    """Compare.

    `places` has for each inbox the events that its reader sees, in order, after it skipped what it had; `stopped` has
    one entry for each decision that stopped an event.
    """
    tally = Tally()
    known = {each.event: each for each in expected}
    inboxes = [list(place) for place in places]
    delivered = Counter(event for inbox in inboxes for event in inbox)
    halted = Counter(stopped)
    for event in (delivered | halted).keys() - known.keys():
        tally.add("unaccounted", 1, f"{event}: an effect of something that was never sent")
    for each in known.values():
        _judge_one(tally, each, delivered[each.event], halted[each.event])
    for inbox in inboxes:
        _judge_order(tally, inbox, known)
    return tally


def _judge_one(tally: Tally, each: Expected, delivered: int, stopped: int) -> None:
    note = f"{each.event} of {each.case}: delivered {delivered}, stopped {stopped}, expected {each.fate}"
    if each.fate is Fate.DENIED:
        tally.add("consent_violations", delivered, note)
    elif each.fate is Fate.STOPPED:
        tally.add("unaccounted", delivered, note)
    wanted = delivered if each.fate is Fate.DELIVERED else stopped
    if each.fate is not Fate.ANY and wanted == 0:
        tally.add("lost", 1, note)
    tally.add("duplicate_effects", delivered + stopped - 1, note)


def _judge_order(tally: Tally, inbox: Sequence[str], known: dict[str, Expected]) -> None:
    """Count events that stand behind one which was sent after them, case by case; repeats are counted elsewhere."""
    furthest: dict[str, int] = defaultdict(lambda: -1)
    seen: set[str] = set()
    for event in inbox:
        each = known.get(event)
        if each is None or event in seen:
            continue
        seen.add(event)
        if each.position < furthest[each.case]:
            tally.add("reordered", 1, f"{event} of {each.case}")
        furthest[each.case] = max(furthest[each.case], each.position)
