"""`python -m bench`: measure everything, print a table, write var/bench/report.json. Nothing is left running."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import (
    appending,
    beside,
    cost,
    directory,
    gatework,
    growth,
    idle,
    killed,
    latency,
    memory,
    pages,
    pictures,
    proving,
    stamping,
    starts,
    statements,
    sustained,
    throughput,
    trips,
    whole,
)
from bench.events import DESTINATION, ORIGIN, Federation
from bench.pinned import in_child, measured_core, other_cores, pool
from bench.report import Measure, keep, machine, table, write
from bench.stage import EndedError, Stage, staged
from demo.processes import leaving_nothing
from demo.world import ROOT

OUT = ROOT / "var" / "bench"
KEPT = Path(__file__).with_name("measured.json")
"""What docs/operators/capacity.md is made from."""
PARTS = (
    "trips",
    "statements",
    "whole",
    "start",
    "pages",
    "growth",
    "directory",
    "cost",
    "envelopes",
    "gate",
    "stamps",
    "append",
    "prove",
    "kafka",
    "peers",
    "latency",
    "idle",
    "killed",
    "federated",
    "memory",
)
ASKED = ("sustained",)
"""Parts that are measured only when they are asked for: they take as long as a person likes."""
ROUNDS = 300
GATE_EVENTS = 2_400
KILLS = 3
MEMORY_EVENTS = 100_000


@dataclass(slots=True)
class Bench:
    """One run. Each part adds to the report, which is written again after each."""

    folder: Path
    parts: tuple[str, ...]
    memory_events: int
    log_leaves: int
    cases: int = trips.MANY
    referrals: int = pages.MANY
    minutes: int = sustained.MINUTES
    shapes: tuple[tuple[int, int], ...] = directory.SMALL
    measures: list[Measure] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Measure the chosen parts, the quick ones first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._part("trips", lambda: trips.measure(self.folder / "trips", many=self.cases))
        self._part("statements", lambda: in_child(statements.measure, self.folder / "statements"))
        self._part("whole", lambda: in_child(whole.measure, self.folder / "whole"))
        self._part("start", lambda: starts.measure(self.folder / "start"))
        self._part("pages", lambda: in_child(pages.measure, self.folder / "pages", self.referrals))
        self._part("growth", lambda: in_child(growth.measure, self.folder / "growth"))
        self._part("directory", lambda: directory.measure(self.folder / "directory", self.shapes))
        self._without_broker()
        if "stamps" in self.parts:
            folder = self._federation("stamps")
            raw = _sealed(folder, stamping.EVENTS)
            self._part("stamps", lambda: in_child(stamping.measure, folder, raw))
        self._part("append", lambda: appending.measure(self.folder / "append", self.say))
        self._part("prove", lambda: proving.measure(self.folder / "prove", self.log_leaves))
        if {"kafka", "peers", "latency", "idle", "killed"} & set(self.parts):
            with staged(self.folder / "shared", federated=False, say=self.say) as stage:
                self._one_broker(stage)
        if "federated" in self.parts:
            with staged(self.folder / "federated", federated=True, say=self.say) as stage:
                self._start_road(stage)
                self._part("federated", lambda: self._with_whole(latency.measure(stage)))
        if "sustained" in self.parts:
            with staged(self.folder / "sustained", federated=False, say=self.say) as stage:
                self._start_road(stage)
                self._part("sustained", lambda: sustained.measure(stage, self.minutes))
        if "memory" in self.parts:
            folder = self._federation("memory")
            self._part("memory", lambda: in_child(memory.measure, folder, self.memory_events, other_cores()))
        shutil.rmtree(self.folder, ignore_errors=True)

    def say(self, line: str) -> None:
        """Tell what happens."""
        print(f"[{time.monotonic() - self.began:4.0f} s] {line}", flush=True)

    def _without_broker(self) -> None:
        if not {"cost", "envelopes", "gate"} & set(self.parts):
            return
        folder = self._federation("core")
        self._part("cost", lambda: in_child(cost.measure, folder, ROUNDS))
        self._part("envelopes", lambda: beside.envelopes(folder, self.say))
        if "gate" in self.parts:
            raw = _sealed(folder, GATE_EVENTS)
            self._part("gate", lambda: in_child(gatework.measure, folder, raw))

    def _one_broker(self, stage: Stage) -> None:
        if {"latency", "idle", "killed"} & set(self.parts):
            self._start_road(stage)
            self._part("latency", lambda: self._with_whole(latency.measure(stage)))
            self._part("idle", lambda: _idle(stage))
            self._part("killed", lambda: killed.measure(stage, _sealed(stage.world.paths.out, KILLS)[:KILLS]))
            stage.stop()
        if "peers" in self.parts:
            events = _sealed(stage.world.paths.out, beside.WARM + beside.COUNT)
            self._part("peers", lambda: beside.peers(stage, events, self.say))
        if "kafka" in self.parts:
            raw = _sealed(stage.world.paths.out, GATE_EVENTS)
            self._part("kafka", lambda: throughput.measure(stage, raw, gatework.limits(self.measures)))

    def _with_whole(self, found: list[Measure]) -> list[Measure]:
        return [*found, *whole.of_system(found, self.measures)]

    def _start_road(self, stage: Stage) -> None:
        case = latency.road(stage)
        self.say("two gates, two gateways")
        for country in (ORIGIN, DESTINATION):
            stage.start_gate(country)
        for org in (case.sender, case.recipient):
            stage.start_gateway(org)

    def _federation(self, name: str) -> Path:
        return Federation.create(self.folder / name).paths.out

    def _part(self, name: str, measure: Callable[[], list[Measure]]) -> None:
        if name not in self.parts:
            return
        self.say(f"part {name}")
        try:
            found = measure()
        except (TimeoutError, EndedError) as error:
            late = " did not happen in time" if isinstance(error, TimeoutError) else ""
            self.failed.append(f"{name}: {error}{late}")
            self.say(f"part {name} FAILED: {error}")
            return
        self.measures += found
        write(OUT / "report.json", self.measures)
        print("\n".join(table(found)), flush=True)


def _sealed(folder: Path, count: int) -> list[bytes]:
    """Seal events on all cores."""
    on = sorted({*other_cores(), measured_core()})
    with pool(on, len(on)) as sealers:
        share = -(-count // len(on))
        made = [sealers.submit(gatework.seal_some, folder, share) for _ in on]
        return [raw for each in made for raw in each.result()]


def _idle(stage: Stage) -> list[Measure]:
    auditor = stage.start_auditor(ORIGIN)
    pids = {name: service.pid for name, service in stage.stack.services.items()}
    gateway = pids[f"gateway-{latency.road(stage).sender}"]
    chosen = {"gate": pids[f"gate-{ORIGIN}"], "gateway": gateway, "auditor": auditor.pid}
    with throughput.pass_through(stage, "idle") as bare:
        return idle.measure(chosen, bare.pid)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    every = (*PARTS, *ASKED)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=every, default=PARTS, metavar="PART", help=", ".join(every))
    parser.add_argument("--events", type=int, default=MEMORY_EVENTS, help="events of the memory part")
    parser.add_argument("--leaves", type=int, default=proving.LEAVES, help="leaves of the log that proofs come from")
    parser.add_argument("--cases", type=int, default=trips.MANY, help="cases of the larger home whose lists are read")
    parser.add_argument("--referrals", type=int, default=pages.MANY, help="referrals of the home whose pages are timed")
    parser.add_argument("--minutes", type=int, default=sustained.MINUTES, help="minutes of the part sustained")
    parser.add_argument("--keep", action="store_true", help=f"write {KEPT.name}, of which the page on capacity is made")
    parser.add_argument("--draw", action="store_true", help=f"keep in {pictures.KEPT.name} what pictures are made from")
    given = parser.parse_args(arguments)
    if given.referrals <= pages.OLD_PAGE * pages.PER_PAGE:
        parser.error(f"--referrals: more than {pages.OLD_PAGE * pages.PER_PAGE:,}")
    if given.cases <= trips.FEW:
        parser.error(f"--cases: more than {trips.FEW}")
    if not 0 < given.leaves <= proving.MOST_LEAVES:
        parser.error(f"--leaves: 1 to {proving.MOST_LEAVES:,}")
    if given.minutes < 1:
        parser.error("--minutes: 1 at least")
    print(machine())
    bench = Bench(
        OUT / "work", tuple(given.only), given.events, given.leaves, given.cases, given.referrals, given.minutes
    )
    bench.shapes = directory.SHAPES if given.keep else directory.SMALL
    with leaving_nothing():
        bench.run()
    print(f"\n{machine()}")
    print("\n".join(table(bench.measures)))
    if given.keep:
        keep(KEPT, bench.measures)
    if given.draw:
        pictures.keep([each.as_mapping() for each in bench.measures], machine())
    bench.say("report: var/bench/report.json")
    for line in bench.failed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
