"""Properties of the judge of time, under any sequence of jumps, steps, starts and evidence."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.clock.judge import CLOCK_SKEW_MS, JUMP_MS, SETTLE_MS
from refbus.core.units import DAY_MS, HOUR_MS
from support.clocks import Machine

YEAR_MS = 365 * DAY_MS
WAITS = st.integers(1, 6 * HOUR_MS)
STEPS = st.one_of(
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("jump"), st.integers(-50 * YEAR_MS, 50 * YEAR_MS)),
    st.tuples(st.just("jump"), st.integers(-JUMP_MS, JUMP_MS)),
    st.tuples(st.just("publish"), st.integers(-30 * DAY_MS, 30 * YEAR_MS)),
    st.tuples(st.just("gate"), st.integers(-(2**62), 2**63)),
    st.tuples(st.just("right"), st.just(0)),
)


def do(machine: Machine, what: str, ms: int) -> None:
    """Let one thing happen to the machine, and look at its clock."""
    match what:
        case "wait":
            machine.pass_time(seconds=ms / 1000)
        case "jump":
            machine.off_ms += ms
        case "publish":
            machine.publish(ahead_ms=ms)
        case "gate":
            machine.clock.hear_own_gate(machine.true_ms + ms)
        case "right":
            machine.off_ms = 0
    machine.clock.now_ms()


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_it_is_never_stuck(steps: list[tuple[str, int]]) -> None:
    """After anything at all, a clock that is set right is believed within an hour once the evidence is true."""
    one = Machine()
    for what, ms in steps:
        do(one, what, ms)
    one.off_ms = 0
    one.publish()
    one.clock.now_ms()
    one.pass_time(seconds=2 * HOUR_MS / 1000 + SETTLE_MS / 1000)  # what a gate signed ages
    one.clock.now_ms()
    one.pass_time(seconds=SETTLE_MS / 1000)
    assert abs(one.error_ms()) <= JUMP_MS


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_a_person_can_always_set_it_right(steps: list[tuple[str, int]]) -> None:
    """After anything at all, a person's word makes a right clock count at once, and it stays so."""
    one = Machine()
    for what, ms in steps:
        do(one, what, ms)
    one.off_ms = 0
    one.clock.accept()
    assert one.error_ms() == 0
    one.pass_time(hours=5)
    assert one.error_ms() == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-JUMP_MS, JUMP_MS), max_size=200))
def test_it_walks_in_no_number_of_small_steps(steps: list[int]) -> None:
    """Any number of small steps within an hour moves the time that counts by no more than one of them and 0.1 %."""
    one = Machine()
    one.publish()
    one.clock.now_ms()
    for step_ms in steps:
        one.off_ms += step_ms
        one.true_ms += SETTLE_MS // (len(steps) + 1)
        assert abs(one.error_ms()) <= JUMP_MS + SETTLE_MS // 1000


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-50 * YEAR_MS, 50 * YEAR_MS), st.integers(1, SETTLE_MS // 2)), max_size=20))
def test_short_jumps_leave_no_trace(jumps: list[tuple[int, int]]) -> None:
    """Jumps forth and back of seconds to years, each undone within half an hour, never move the time that counts."""
    one = Machine()
    one.publish()
    one.clock.now_ms()
    for off_ms, stay_ms in jumps:
        one.off_ms = off_ms
        assert abs(one.error_ms()) <= JUMP_MS
        one.true_ms += stay_ms
        one.publish()
        assert abs(one.error_ms()) <= JUMP_MS
        one.off_ms = 0
        assert one.error_ms() == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("publish", "gate")), st.integers(-(2**40), 2**62)), max_size=20), WAITS)
def test_no_evidence_alone_moves_a_steady_clock(told: list[tuple[str, int]], wait_ms: int) -> None:
    """Whatever others sign, a clock that the directory supported once and that runs steadily is what counts."""
    one = Machine()
    one.publish()
    one.clock.now_ms()
    for what, ms in told:
        do(one, what, ms)
        one.true_ms += wait_ms
        assert one.error_ms() == 0


@settings(max_examples=200, deadline=None)
@given(st.integers(-50 * YEAR_MS, -HOUR_MS), st.integers(-CLOCK_SKEW_MS, 0))
def test_a_machine_that_knows_nothing_is_brought_to_now_by_two_that_agree(off_ms: int, late_ms: int) -> None:
    """A first start far behind is corrected by directory and own gate together, within the bound of both."""
    one = Machine(off_ms=off_ms)
    one.publish()
    one.clock.hear_own_gate(one.true_ms + late_ms)
    assert abs(one.error_ms()) <= CLOCK_SKEW_MS
