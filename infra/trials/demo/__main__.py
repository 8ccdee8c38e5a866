"""`python -m demo`: the whole road with real processes, told as a story, judged, in var/demo/report.json."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from demo.border import Border
from demo.gauges import wait_for
from demo.homecoming import CHANGES_HER_MIND, CHILD, GOES_HOME, IS_MISSING, Ended, Homecomings
from demo.office import CommandFailedError, Office
from demo.plan import planned_cases
from demo.processes import leaving_nothing
from demo.proving import Proofs, Proven, summary
from demo.stack import Stack, StackError, up
from demo.story import Story
from demo.verdict import FAILED, PASSED, Report, courses, percentile, unaccounted
from demo.watching import watched
from demo.world import ROOT
from kafka import BrokerFailedError
from kafka.artifacts import ArtifactError
from prometheus import NoPrometheusError
from refbus.clock import machine_ms
from refbus.errors import RefbusError
from refbus.explain.report import as_lines

DEMO = ROOT / "var" / "demo"
AT_THE_DESK = Counter(
    {
        "NO_CONSENT": 1,
        "RECIPIENT_NOT_COVERED": 1,
        "CATEGORY_NOT_COVERED": 1,
        "RESIDENCY_FORBIDDEN": 1,
        "EXPIRED": 1,
        "WITHDRAWN": 1,
    }
)
"""The code of each refusal that the story must meet in an office."""
RETURNS = {GOES_HOME: "MONITORING", IS_MISSING: "ABORTED", CHANGES_HER_MIND: "SUSPENDED", CHILD: "DEPARTURE_AUTHORISED"}
"""Where each return must stand at the end."""


def tell(line: str) -> None:
    """Print one line of the story."""
    print(line, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; return 0 when its verdict is "passed"."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--federated", type=int, choices=[0, 1], default=0, help="one TLS cluster for each country")
    parser.add_argument(
        "--dashboards", action="store_true", help="Prometheus looks on; keep what the dashboards show of the run"
    )
    given = parser.parse_args(arguments)
    try:
        with leaving_nothing():
            return _run(federated=bool(given.federated), beside=watched if given.dashboards else _alone)
    except RefbusError as failed:
        problem = "\n".join(as_lines(failed))
    except NoPrometheusError as missing:
        problem = f"error: {missing}"
    except (StackError, BrokerFailedError, ArtifactError, CommandFailedError, TimeoutError, AssertionError) as failed:
        problem = f"error: {failed}\nhint: the logs of all processes are in var/demo/world/log"
    print(problem, file=sys.stderr)
    return 1


@contextmanager
def _alone(_stack: Stack) -> Iterator[None]:
    """Nobody looks on."""
    yield


def _run(*, federated: bool, beside: Callable[[Stack], AbstractContextManager[None]]) -> int:
    began = time.monotonic()
    tell("Everything here is fictional: persons, cases, organisations.")
    stack = up(DEMO / "world", federated=federated, say=tell)
    try:
        told = _tell_all(stack, beside(stack))
        report = _judge(stack, told, time.monotonic() - began)
    finally:
        stack.stop()
    report.write(DEMO / "report.json")
    tell("")
    tell(f"Verdict: {report.verdict}")
    for line in report.lines():
        tell(line)
    tell("  nothing is left running; the report is var/demo/report.json")
    tell("  to see one referral in two windows: `make up`, then open the desk of each side as it says")
    return 0 if report.verdict == PASSED else 1


@dataclass(frozen=True, slots=True)
class _Told:
    """What the acts left behind for the verdict."""

    story: Story
    border: Border
    ended: Ended
    proven: Proven


def _tell_all(stack: Stack, beside: AbstractContextManager[None]) -> _Told:
    """Tell every act. Who looks on leaves before the clocks are moved by months: ages would show nothing else then."""
    directory = stack.world.directory(machine_ms())
    offices = {org: Office(org, stack.gateway_environment(org), DEMO / "desks" / org) for org in stack.homes}
    cases = planned_cases(directory)
    story = Story(offices, cases, tell)
    border = Border(stack, directory, tell)
    with beside:
        story.first_referral()
        story.all_referrals()
        story.refusals_at_the_desk()
        story.withdrawal()
        border.attack()
        border.replay()
        border.poison()
    ended = Homecomings(stack.world, offices, cases, tell).tell_all()
    case = next(case for case in cases if case.name == GOES_HOME)
    proven = Proofs(stack, offices, DEMO / "desks" / "proofs", tell).tell_all(case.sender, story.told.sent[GOES_HOME])
    return _Told(story, border, ended, proven)


def _judge(stack: Stack, told: _Told, seconds: float) -> Report:
    story, border, ended = told.story, told.border, told.ended
    wait_for("every record is accounted for", lambda: unaccounted(stack) == 0)
    sent = courses(stack)
    desk = Counter(story.told.refused_here)
    lost = sum(1 for each in sent if not each.delivered and not each.refused)
    left = unaccounted(stack)
    latencies = [each.latency_ms for each in sent if each.latency_ms is not None]
    answered = sum(each.answered for each in sent)
    complete = len(sent) == len(story.told.sent) and all(each.delivered for each in sent) and answered == story.expected
    good = complete and lost == 0 and left == 0 and desk == AT_THE_DESK
    good = good and ended.states == RETURNS and all(ended.alarms.values()) and len(ended.departures_refused) > 1
    good = good and ended.emergency.startswith("OFFICERS_MISSING") and told.proven.good
    return Report(
        verdict=PASSED if good else FAILED,
        topology="one TLS cluster for each country" if stack.world.federated else "one broker for all countries",
        seconds=round(seconds, 1),
        published=len(sent),
        delivered=sum(each.delivered for each in sent),
        opened=sum(each.opened for each in sent),
        answered=answered,
        refused=dict(sorted((desk + border.refused).items())),
        duplicates_dropped=border.duplicates,
        quarantined=border.quarantined,
        lost=lost,
        unaccounted=left,
        returns=ended.states,
        departure_refused_for=ended.departures_refused,
        not_arrived_alarms=ended.alarms,
        emergency=ended.emergency,
        audit=summary(told.proven),
        latency_ms={"p50": percentile(latencies, 0.5), "p99": percentile(latencies, 0.99)},
    )


if __name__ == "__main__":
    sys.exit(main())
