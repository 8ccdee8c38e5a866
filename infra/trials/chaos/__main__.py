"""`python -m chaos`: faults while events flow, and negative controls. Writes var/chaos/report.json."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from chaos.auditors import AuditorsScenario
from chaos.clocks import ClocksScenario
from chaos.clusters import THREE
from chaos.controls import CONTROLS, Control
from chaos.copies import CopiesScenario
from chaos.deadlines import DeadlinesScenario
from chaos.deputies import DeputiesScenario
from chaos.floods import FloodScenario
from chaos.ground import GivenUpError
from chaos.judging import Tally
from chaos.nos import NosScenario
from chaos.offices import OfficesScenario
from chaos.own import OWN
from chaos.renewals import RENEWALS
from chaos.restores import RestoresScenario
from chaos.result import Result, heading, verdict, write
from chaos.sealing import Sealer
from chaos.stage import Cast, Scenario
from chaos.standbys import STANDBYS
from chaos.stores import StoresScenario
from chaos.successors import SuccessorsScenario
from demo.processes import leaving_nothing
from demo.world import ROOT
from kafka import Broker

OUT = ROOT / "var" / "chaos"
Own = (
    Scenario
    | DeadlinesScenario
    | DeputiesScenario
    | OfficesScenario
    | AuditorsScenario
    | ClocksScenario
    | CopiesScenario
    | FloodScenario
    | NosScenario
    | RestoresScenario
    | StoresScenario
    | SuccessorsScenario
)
ALL: tuple[Own, ...] = (
    *OWN,
    *STANDBYS,
    *THREE,
    *RENEWALS,
    DeadlinesScenario(),
    OfficesScenario(),
    AuditorsScenario(),
    ClocksScenario(),
    ClocksScenario(believing=True),
    CopiesScenario(),
    CopiesScenario(unaware=True),
    FloodScenario(),
    NosScenario(),
    RestoresScenario(),
    RestoresScenario(forgetting=True),
    StoresScenario(),
    StoresScenario(unmarked=True),
    SuccessorsScenario(),
    SuccessorsScenario(alone=True),
    DeputiesScenario(),
)
EVENTS = 20_000
SEED = 20_260_501


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; return 0 only when each ended as it must."""
    given = _parser().parse_args(arguments)
    if given.list:
        print("\n".join(each.name for each in (*ALL, *CONTROLS)))
        return 0
    with leaving_nothing():
        return _run(given)


def _run(given: argparse.Namespace) -> int:
    began = time.monotonic()
    results: list[Result] = []
    print(heading(), flush=True)
    for result in _all(given):
        results.append(result)
        print("\n".join([result.line(), *result.figures()]), flush=True)
        for note in (result.stuck, *result.tally.notes[:3]) if not result.good else ():
            print(f"       {note}", flush=True)
        write(OUT / "report.json", given.seed, results, time.monotonic() - began)
    good = verdict(results)
    own = sum(each.events for each in results if not each.negative_control)
    print(f"{'PASS' if good else 'FAIL'}: {len(results)} scenarios, {own} events of ours, {OUT / 'report.json'}")
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the names of all scenarios and end")
    parser.add_argument("--seed", type=int, default=SEED, help="what is sent and where faults strike follows from it")
    parser.add_argument("--events", type=int, default=EVENTS, help="events over all own scenarios together")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="scenarios whose name contains NAME"
    )
    return parser


def _all(given: argparse.Namespace) -> Iterator[Result]:
    def wanted(each: Own | Control) -> bool:
        return not given.only or any(text in each.name for text in given.only)

    yield from _own([each for each in ALL if wanted(each)], given)
    yield from _controls([each for each in CONTROLS if wanted(each)], given.seed)


def _own(chosen: Sequence[Own], given: argparse.Namespace) -> Iterator[Result]:
    """Play our own scenarios one after the other: each has the machine for itself."""
    if not chosen:
        return
    shares = sum(each.share for each in ALL)
    parts = {each.name: given.events * each.share // shares for each in ALL}
    parts[OWN[0].name] += given.events - sum(parts.values())
    sealer = Sealer()
    try:
        for scenario in chosen:
            rng = random.Random(f"{given.seed}/{scenario.name}")  # noqa: S311  repeatable, not secret
            yield play(scenario, Cast(OUT / _slug(scenario.name), parts[scenario.name], rng, sealer))
    finally:
        sealer.close()


def play(scenario: Own, cast: Cast) -> Result:
    """Run a scenario; one that a service was given up in has failed, a negative control too."""
    began = time.monotonic()
    try:
        return scenario.run(cast)
    except GivenUpError as error:
        return Result(scenario.name, False, 0, {}, Tally(), time.monotonic() - began, str(error))


def _controls(chosen: Sequence[Control], seed: int) -> Iterator[Result]:
    """Play the negative controls, three at a time on one broker: they mostly wait."""
    if not chosen:
        return
    shutil.rmtree(OUT / "controls", ignore_errors=True)
    with Broker(OUT / "controls" / "broker", progress=lambda _text: None) as broker, ThreadPoolExecutor(3) as pool:
        address = broker.address()
        yield from pool.map(lambda each: each.run(address, OUT / "controls" / _slug(each.name), seed), chosen)


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).replace("--", "-")


if __name__ == "__main__":
    sys.exit(main())
