"""The judge of time: what a clock that jumps, a directory and the own gate make it believe."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.clock import CLOCK_SKEW_MS
from refbus.clock.judge import EARLIEST_MS, LATEST_MS, QUIET_MS, SETTLE_MS
from refbus.core.bounds import TIME_MS
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.errors import Code
from support.clocks import Machine

YEARS = 5 * 365


def test_the_judge_believes_no_time_that_the_bus_cannot_carry() -> None:
    """The first and last time of the judge are those of every record."""
    assert (TIME_MS.low, TIME_MS.high) == (EARLIEST_MS, LATEST_MS)
    assert Machine(off_ms=-(10**13)).clock.now_ms() == EARLIEST_MS
    assert Machine(off_ms=10**13).clock.now_ms() == LATEST_MS


def machine(folder: Path | None = None) -> Machine:
    """Return a machine that has run quietly for two days, under a directory of today."""
    made = Machine(folder)
    made.clock.now_ms()
    made.pass_time(hours=48)
    made.publish()
    made.clock.now_ms()
    return made


@pytest.mark.parametrize("days", [0.01, 1, 20, YEARS, -0.01, -1, -20, -YEARS])
def test_a_jump_is_told_once_with_both_times_and_changes_nothing(days: float) -> None:
    """A clock that jumps is told once, with both times named, and the time that counts goes on as before."""
    one = machine()
    one.jump(days=days)
    assert one.error_ms() == 0
    one.pass_time(seconds=10)
    assert one.error_ms() == 0
    (standing,) = one.heard
    assert standing.codes == (Code.CLOCK_JUMPED,)
    assert (standing.now_ms, standing.wall_ms) == (one.true_ms - 10_000, one.wall_ms() - 10_000)
    assert "this computer says" in standing.detail
    assert "work goes on at" in standing.detail
    one.jump(days=-days)
    assert one.error_ms() == 0
    assert [each.codes for each in one.heard] == [(Code.CLOCK_JUMPED,), ()]


def test_a_jump_that_nobody_contradicts_is_believed_after_an_hour_of_steady_running() -> None:
    """A clock that was set and stays within the directory's time is followed an hour later, not before."""
    one = machine()
    one.jump(days=2)
    one.clock.now_ms()
    one.pass_time(seconds=SETTLE_MS / 1000 - 1)
    assert one.error_ms() == 0
    one.pass_time(seconds=1)
    assert one.error_ms() == 2 * DAY_MS


@pytest.mark.parametrize("days", [0.01, -0.01, YEARS, -YEARS])
def test_looks_one_after_the_other_miss_no_jump(days: float) -> None:
    """A jump between two looks in the same moment is told; so is that the clock is back."""
    one = machine()
    one.clock.now_ms()
    one.jump(days=days)
    assert (one.error_ms(), len(one.heard)) == (0, 1)
    one.jump(days=-days)
    assert (one.error_ms(), [each.codes for each in one.heard]) == (0, [(Code.CLOCK_JUMPED,), ()])


def test_evidence_counts_at_the_look_that_follows_it() -> None:
    """What a directory and the own gate say is taken into account in the same moment in which it came."""
    one = Machine(off_ms=-2 * DAY_MS)
    before = one.error_ms()
    one.publish()
    one.clock.hear_own_gate(one.true_ms)
    assert (before, one.error_ms()) == (-2 * DAY_MS, 0)


@pytest.mark.parametrize("days", [YEARS, -YEARS])
def test_a_jump_outside_the_time_of_the_directory_is_never_believed(days: int) -> None:
    """However long a clock stays before the directory was published or past its end, it is not followed."""
    one = machine()
    one.jump(days=days)
    for _ in range(6):
        one.pass_time(hours=24)
        assert one.error_ms() == 0


def test_a_new_directory_confirms_a_clock_that_was_set_right() -> None:
    """A clock that was years behind and is set right is followed as soon as a directory of today is there."""
    one = Machine(off_ms=-YEARS * DAY_MS)
    assert one.error_ms() == -YEARS * DAY_MS
    one.publish()
    assert one.clock.standing().codes == (Code.CLOCK_SKEW,)
    one.jump(days=YEARS)
    assert one.error_ms() == 0
    assert one.clock.standing().codes == ()


def test_the_own_gate_confirms_a_clock_that_was_set_right() -> None:
    """A signed time of the own gate makes a clock that agrees with it followed at once, and one that does not never."""
    one = Machine(off_ms=-5 * HOUR_MS)
    one.clock.now_ms()
    one.jump(seconds=5 * 3600)
    one.clock.hear_own_gate(one.true_ms - 20_000)
    assert one.error_ms() == 0
    one.jump(days=1)
    one.clock.now_ms()
    one.pass_time(seconds=SETTLE_MS / 1000)
    one.clock.hear_own_gate(one.true_ms)
    one.pass_time(seconds=60)
    assert one.error_ms() == 0


@pytest.mark.parametrize("ahead_ms", [400 * DAY_MS, 20 * DAY_MS, 2**62, 2**63])
def test_no_signed_time_moves_a_clock_that_runs_steadily(ahead_ms: int) -> None:
    """A gate or a directory from the future is told to a person and moves nothing, now or after a new start."""
    one = machine()
    one.clock.hear_own_gate(one.true_ms + ahead_ms)
    one.publish(ahead_ms=min(ahead_ms, 400 * DAY_MS))
    assert one.error_ms() == 0
    assert one.clock.standing().codes == (Code.CLOCK_SKEW,)
    one.pass_time(hours=3)
    one.publish()
    assert one.clock.standing().codes == ()


def test_a_dead_battery_starts_behind_what_was_left_and_goes_on_from_there(tmp_path: Path) -> None:
    """A machine that wakes in 1970 goes on where it was left, and the gate and the directory bring it to now."""
    one = machine(tmp_path)
    one.pass_time(hours=30)
    one.boot_anew(off_ms=-one.true_ms)
    assert one.error_ms() == -30 * HOUR_MS
    assert one.clock.standing().codes == (Code.CLOCK_JUMPED,)
    one.publish()
    one.clock.hear_own_gate(one.true_ms)
    assert abs(one.error_ms()) <= CLOCK_SKEW_MS
    one.jump(seconds=one.true_ms / 1000)
    assert one.error_ms() == 0


def test_a_process_that_starts_after_the_jump_knows_it(tmp_path: Path) -> None:
    """A command or a restarted service on the same start of the machine goes on with the time from before."""
    one = machine(tmp_path)
    one.jump(days=YEARS)
    one.start()
    assert one.error_ms() == 0
    assert one.clock.standing().codes == (Code.CLOCK_JUMPED,)


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"now_ms": 4611686018427387904}', b"\xff" * 9999])
def test_a_memory_that_says_nothing_true_is_none(tmp_path: Path, left: bytes) -> None:
    """A damaged or impossible clock.json is as good as none: the clock starts."""
    (tmp_path / "clock.json").write_bytes(left)
    assert Machine(tmp_path).error_ms() == 0


def test_a_time_left_in_the_future_stops_nobody(tmp_path: Path) -> None:
    """A home that was used in 2032 by mistake works by the clock that was set right, at once under a directory."""
    one = Machine(tmp_path, off_ms=YEARS * DAY_MS)
    one.clock.now_ms()
    one.boot_anew()
    one.publish()
    assert one.error_ms() == 0


@pytest.mark.parametrize("days", [-1.5, -4, -8])
def test_a_clock_that_falls_back_into_the_time_of_an_old_directory_is_not_followed_at_once(days: float) -> None:
    """A node that was cut off for days knows by its monotonic clock that the directory ended."""
    one = machine()
    for _ in range(9):
        one.pass_time(hours=24)
        assert one.error_ms() == 0
    one.jump(days=days)
    assert one.error_ms() == 0
    one.publish()
    one.pass_time(hours=2)
    assert one.error_ms() == 0


def test_a_person_sets_it_right_in_every_process(tmp_path: Path) -> None:
    """One command makes the machine's clock count at once, in the process that runs too, whatever the evidence says."""
    one = machine(tmp_path)
    one.jump(days=YEARS)
    one.clock.now_ms()
    running = one.clock
    one.start()
    one.clock.accept()
    one.pass_time(seconds=2)
    assert running.now_ms() == one.clock.now_ms() == one.wall_ms()
    one.jump(days=-YEARS)
    one.pass_time(seconds=2)
    assert one.error_ms() == 0  # back where the directory is; the older word of the person is not taken again


def test_forgetting_waits_after_a_jump_and_for_a_fresh_directory() -> None:
    """Nothing is forgotten for a day after a jump, even one that was undone, nor under an expired directory."""
    one = machine()
    assert one.clock.may_forget()
    one.jump(days=YEARS)
    assert not one.clock.may_forget()
    one.jump(days=-YEARS)
    assert not one.clock.may_forget()
    one.pass_time(seconds=QUIET_MS / 1000)
    assert one.clock.may_forget()
    one.pass_time(hours=24 * 8)
    assert not one.clock.may_forget()


def test_forgetting_waits_after_a_start_of_which_nothing_is_known(tmp_path: Path) -> None:
    """A first start and one after a long pause wait a day before anything is forgotten; a short pause does not."""
    one = Machine(tmp_path)
    one.publish()
    assert not one.clock.may_forget()
    one.pass_time(hours=24)
    assert one.clock.may_forget()
    one.pass_time(hours=1)
    one.boot_anew()
    assert one.clock.may_forget()
    one.pass_time(hours=48)
    one.boot_anew()
    assert not one.clock.may_forget()
