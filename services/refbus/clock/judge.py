"""What time to believe: pure functions from a machine's clock, its monotonic clock and evidence to one belief.

The believed time runs on the monotonic clock. The machine's clock is followed while it runs with it; when it moves
otherwise, by more than JUMP_MS, that is a jump: the belief goes on undisturbed until evidence, SETTLE_MS of steady
running or a person says that the new time is right (docs/adr/0036-a-clock-is-evidence.md).

Nothing here is a ratchet: evidence is the newest directory, whichever that is, and what the own gate signed in the last
GATE_MS. All times are UTC ms; steady times are ms of the monotonic clock, from any start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from refbus.core.units import DAY_MS, HOUR_MS

CLOCK_SKEW_MS: Final = 600_000
"""Ten minutes: how far two honest clocks may be apart. A larger difference is told to a person."""
JUMP_MS: Final = 120_000
"""Two minutes: a clock that moves otherwise than the monotonic one by more has jumped."""
DRIFT: Final = 1000
"""The belief follows smaller differences by one ms in so many: what walks in small steps gains 3.6 s in an hour."""
SETTLE_MS: Final = HOUR_MS
"""An hour: so long a jump that no evidence speaks for must stand before it is believed."""
QUIET_MS: Final = DAY_MS
"""A day: so long nothing is forgotten after a jump, or after a start of which nothing is known."""
ABSURD_MS: Final = 90 * DAY_MS
"""Ninety days: nobody is believed to have been without a directory for so long and to work on."""
GATE_MS: Final = 2 * HOUR_MS
"""Two hours (two heartbeats): how long a time that the own gate signed counts."""
EARLIEST_MS: Final = 1_577_836_800_000
LATEST_MS: Final = 7_258_118_400_000
"""2020 to 2200: no time of the bus is outside (`refbus.core.bounds`), so no clock is believed there."""


@dataclass(frozen=True, slots=True)
class Line:
    """A time that runs on the monotonic clock: it was `at_ms` when that was `steady_ms`."""

    at_ms: int
    steady_ms: int

    def time(self, steady_ms: int) -> int:
        """Return the time on this line."""
        return self.at_ms + steady_ms - self.steady_ms


@dataclass(frozen=True, slots=True)
class Evidence:
    """What others signed: when the newest directory was published and ends, and the newest time of the own gate."""

    published_ms: int | None = None
    expires_ms: int | None = None
    gate: Line | None = None

    def early(self, at_ms: int) -> bool:
        """Whether `at_ms` is before the directory was published: that cannot be now."""
        return self.published_ms is not None and at_ms < self.published_ms - CLOCK_SKEW_MS

    def late(self, at_ms: int) -> bool:
        """Whether `at_ms` is past the end of the directory: a hint, since a line may be down for long."""
        return self.expires_ms is not None and at_ms >= self.expires_ms

    def refutes(self, at_ms: int) -> bool:
        """Whether the directory speaks against `at_ms`."""
        return self.early(at_ms) or self.late(at_ms)

    def excludes(self, at_ms: int) -> bool:
        """Whether `at_ms` cannot be now, however long a line may be down."""
        return self.early(at_ms) or (self.expires_ms is not None and at_ms >= self.expires_ms + ABSURD_MS)

    def supports(self, at_ms: int) -> bool:
        """Whether there is a directory and `at_ms` is within its time."""
        return self.published_ms is not None and not self.refutes(at_ms)

    def gate_ms(self, steady_ms: int) -> int | None:
        """Return what the own gate's clock says now at least, None when it said nothing of late."""
        fresh = self.gate is not None and steady_ms - self.gate.steady_ms <= GATE_MS
        return self.gate.time(steady_ms) if self.gate is not None and fresh else None


@dataclass(frozen=True, slots=True)
class Belief:
    """The time that is believed, and what speaks for it.

    `confirmed`: the directory has supported it, or a person. `other`: where the machine's clock went when it jumped;
    None while it runs with the belief. `unquiet_ms`: steady time of the last jump or unknown start, None for never.
    """

    line: Line
    confirmed: bool = False
    other: Line | None = None
    unquiet_ms: int | None = None

    def time(self, wall_ms: int, steady_ms: int) -> int:
        """Return the time that counts now: the machine's while it runs with the belief."""
        believed_ms = self.line.time(steady_ms)
        return wall_ms if abs(wall_ms - believed_ms) <= JUMP_MS else believed_ms

    def quiet(self, steady_ms: int) -> bool:
        """Whether the clock has run steadily for long enough to forget by it."""
        return self.other is None and (self.unquiet_ms is None or steady_ms - self.unquiet_ms >= QUIET_MS)


def begin(wall_ms: int, steady_ms: int) -> Belief:
    """Return what to believe at a start of which nothing is known."""
    return Belief(Line(wall_ms, steady_ms), unquiet_ms=steady_ms)


def resume(left: Belief, left_ms: int, wall_ms: int, steady_ms: int) -> Belief:
    """Return what to believe when the machine was started anew since `left` was believed, at `left_ms`.

    A clock that is behind where it was left has jumped; how far it rightly went on meanwhile nobody knows.
    """
    if wall_ms < left_ms - JUMP_MS:
        return Belief(Line(left_ms, steady_ms), left.confirmed, Line(wall_ms, steady_ms), steady_ms)
    known = left.unquiet_ms is None and wall_ms - left_ms <= QUIET_MS
    return Belief(Line(wall_ms, steady_ms), unquiet_ms=None if known else steady_ms)


def accepted(wall_ms: int, steady_ms: int) -> Belief:
    """Return what to believe when a person has said that the machine's clock is right."""
    return Belief(Line(wall_ms, steady_ms), confirmed=True)


def consider(belief: Belief, wall_ms: int, steady_ms: int, evidence: Evidence) -> Belief:
    """Return what to believe after one look at both clocks and the evidence."""
    believed_ms = belief.line.time(steady_ms)
    if abs(wall_ms - believed_ms) > JUMP_MS:
        return _jumped(belief, wall_ms, steady_ms, evidence)
    if not belief.confirmed and evidence.early(believed_ms):
        gate_ms = evidence.gate_ms(steady_ms)
        if gate_ms is not None and evidence.supports(gate_ms):
            return Belief(Line(gate_ms, steady_ms), True, Line(wall_ms, steady_ms), steady_ms)
    line, confirmed = belief.line, belief.confirmed or evidence.supports(wall_ms)
    most_ms = (steady_ms - line.steady_ms) // DRIFT
    if most_ms > 0:  # towards the machine's clock, by no more than it may drift
        line = Line(believed_ms + max(-most_ms, min(most_ms, wall_ms - believed_ms)), steady_ms)
    unquiet_ms = belief.unquiet_ms
    if unquiet_ms is not None and belief.quiet(steady_ms):
        unquiet_ms = None
    return Belief(line, confirmed, None, unquiet_ms)


def _jumped(belief: Belief, wall_ms: int, steady_ms: int, evidence: Evidence) -> Belief:
    """Return what to believe while the machine's clock is somewhere else."""
    other, unquiet_ms = belief.other, belief.unquiet_ms
    if other is None or abs(other.time(steady_ms) - wall_ms) > JUMP_MS:
        other, unquiet_ms = Line(wall_ms, steady_ms), steady_ms
    believed_ms, gate_ms = belief.line.time(steady_ms), evidence.gate_ms(steady_ms)
    waited = steady_ms - other.steady_ms >= SETTLE_MS
    if _is_right(wall_ms, believed_ms, gate_ms, evidence, waited=waited):
        return Belief(Line(wall_ms, steady_ms), evidence.supports(wall_ms), None, unquiet_ms)
    both_wrong = evidence.early(believed_ms) and evidence.refutes(wall_ms)
    if both_wrong and gate_ms is not None and evidence.supports(gate_ms):
        return Belief(Line(gate_ms, steady_ms), True, other, unquiet_ms)
    return Belief(belief.line, belief.confirmed, other, unquiet_ms)


def _is_right(new_ms: int, old_ms: int, gate_ms: int | None, evidence: Evidence, *, waited: bool) -> bool:
    """Whether the time that the clock jumped to is to be believed rather than the one it left."""
    gate_for_new = gate_ms is not None and _near(gate_ms, new_ms)
    gate_for_old = gate_ms is not None and _near(gate_ms, old_ms)
    if evidence.refutes(new_ms):  # only when the time before is refuted too, and never back before the directory
        return waited and evidence.refutes(old_ms) and not evidence.early(new_ms)
    if evidence.supports(new_ms) and evidence.excludes(old_ms):
        return True
    return (gate_for_new and not gate_for_old) or (waited and (gate_for_new or not gate_for_old))


def _near(one_ms: int, other_ms: int) -> bool:
    return abs(one_ms - other_ms) <= CLOCK_SKEW_MS
