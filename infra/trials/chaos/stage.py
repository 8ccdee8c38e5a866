"""How a scenario against the product is run: set up, events and faults together, settle, judge, clear away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from chaos.cases import Mix, Road, scripts
from chaos.crashes import crashes
from chaos.evidence import examine
from chaos.ground import Ground
from chaos.judging import Tally
from chaos.load import Load
from chaos.result import Result
from chaos.sealing import Sealer
from chaos.timeline import Fault, Timeline
from refbus.core.ids import CountryCode

KG, KZ, UZ = CountryCode("kg"), CountryCode("kz"), CountryCode("uz")
Sabotage = Mapping[str, Sequence[tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class Cast:
    """What a scenario is given: where to work, how many events, its own randomness, the sealing processes."""

    folder: Path
    events: int
    rng: random.Random
    sealer: Sealer


Prepare = Callable[[Ground, Cast], Sequence[Fault]]
"""Returns the faults of a scenario, in order, once its ground stands."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One of our own scenarios. `share` is its part of all events, relative to the others; `least` is what it needs.

    `brokers` has how many a country's cluster has where it is not one.
    `acks` is whose word senders wait for. Without `lists` brokers do not look who was withdrawn.
    A `control` must be found out: something of it is wrong on purpose.
    `requires` names the faults that must truly have been injected; without one of them the scenario shows nothing.
    """

    name: str
    share: int
    faults: Prepare
    mix: Mix = field(default_factory=Mix)
    countries: tuple[CountryCode, ...] = (KZ, UZ)
    federated: bool = False
    brokers: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    sabotage: Callable[[random.Random], Sabotage] = lambda _rng: {}
    roads: Callable[[Ground], list[Road]] | None = None
    requires: tuple[str, ...] = ()
    judge: Callable[[Ground, Tally], None] | None = None
    server: bool = False
    acks: str = "all"
    lists: bool = True
    control: bool = False
    least: int = 0

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running; what went wrong outside the product is `stuck`."""
        began = time.monotonic()
        cast = replace(cast, events=max(cast.events, self.least))
        ground = Ground.open(
            cast.folder,
            federated=self.federated,
            settings=self.settings,
            server=self.server,
            brokers=self.brokers,
            lists=self.lists,
        )
        try:
            played = time.monotonic()
            stuck, sent = _play(self, ground, cast)
            ground.measured["seconds under way"] = round(time.monotonic() - played)
            ground.measured["services started again"] = sum(each.restarts for each in ground.stack.services.values())
            more = Tally()
            if self.judge is not None:
                self.judge(ground, more)
            ground.stop_services()
            ground.collect()
            tally = examine(ground, self.countries)
            tally.join(more)
            failed = [] if self.control else crashes(ground.world.folder / "log")
            ground.measured["services that failed"] = len(failed)
        finally:
            ground.close()
        missing = [name for name in self.requires if not ground.faults[name]]
        if missing and not stuck:
            stuck = f"not injected: {', '.join(missing)}"
        if failed and not stuck:
            stuck = f"a service failed without a code: {failed[0]}"
        seconds = time.monotonic() - began
        return Result(self.name, self.control, sent, ground.faults, tally, seconds, stuck, ground.measured)


def _play(scenario: Scenario, ground: Ground, cast: Cast) -> tuple[str, int]:
    ground.start_gates(scenario.countries, scenario.sabotage(cast.rng))
    timeline = Timeline(cast.rng, scenario.faults(ground, cast), cast.events)
    outboxes = {
        country: partial(ground.world.address, country, f"{country}-operator") for country in scenario.countries
    }
    load = Load(outboxes, ground.journal, cast.rng, acks=scenario.acks, progress=timeline.advance)
    stuck = ""
    try:
        chosen = scenario.roads(ground) if scenario.roads else roads(ground, scenario.countries)
        cases = scripts(cast.rng, chosen, cast.events, scenario.mix)
        load.run(cast.sealer.seal(ground.world.paths, cases))
        timeline.finish()
    except Exception as error:  # noqa: BLE001 - what cannot go on is judged as it stands, and reported
        stuck = f"{type(error).__name__}: {error}"
    finally:
        load.close()
    for name, times in load.counted().items():
        ground.count(name, times)
    if not ground.settle(scenario.countries) and not stuck:
        stuck = "the gates did not come to rest"
    return stuck, load.sent


def send_beside(ground: Ground, cast: Cast, road: Road, name: str, acks: str = "all") -> int:
    """Send some events along a road, beside those of the scenario, and return how many: a fault needs them now."""
    drawn = (replace(each, name=f"{name}, {each.name}") for each in scripts(cast.rng, [road], 20, Mix(steps=2)))
    origin = CountryCode(road[0][:2])
    outbox = {origin: partial(ground.world.address, origin, f"{origin}-operator")}
    load = Load(outbox, ground.journal, cast.rng, again=0.0, acks=acks)
    try:
        load.run(cast.sealer.seal(ground.world.paths, drawn))
    finally:
        load.close()
    return load.sent


def roads(ground: Ground, countries: Sequence[str]) -> list[Road]:
    """Return who sends to whom: across each border both ways, and within the first country."""
    agencies = {country: ground.member(country, "NATIONAL_AGENCY") for country in countries}
    shelters = {country: ground.member(country, "NGO") for country in countries}
    first = countries[0]
    abroad = [(agencies[first], shelters[other]) for other in countries[1:]]
    back = [(agencies[other], shelters[first]) for other in countries[1:]]
    return [*abroad, *back, (agencies[first], shelters[first])]
