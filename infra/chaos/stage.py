"""How a scenario against the product is run: set up, events and faults together, settle, judge, clear away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaos.cases import Mix, Road, scripts
from chaos.evidence import examine
from chaos.ground import Ground
from chaos.load import Load
from chaos.result import Result
from chaos.sealing import Sealer
from chaos.timeline import Fault, Timeline
from refbus.core.ids import CountryCode

KZ, UZ = CountryCode("kz"), CountryCode("uz")
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
    """One of our own scenarios. `share` is its part of all events, relative to the others."""

    name: str
    share: int
    faults: Prepare
    mix: Mix = field(default_factory=Mix)
    countries: tuple[str, ...] = ("kz", "uz")
    federated: bool = False
    again: float = 0.02
    sabotage: Callable[[random.Random], Sabotage] = lambda _rng: {}
    during: Callable[[Ground], Mapping[str, int]] = lambda _ground: {}

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running; what went wrong outside the product is `stuck`."""
        began = time.monotonic()
        ground = Ground.open(cast.folder, federated=self.federated)
        try:
            played = time.monotonic()
            stuck, sent = _play(self, ground, cast)
            ground.collect()
            measured = {**self.during(ground), "seconds_under_way": round(time.monotonic() - played)}
            for service in ground.stack.services.values():
                service.signal_stop()
            for service in ground.stack.services.values():
                service.stop()
            tally = examine(ground, [CountryCode(country) for country in self.countries])
        finally:
            ground.close()
        return Result(self.name, False, sent, ground.faults, tally, time.monotonic() - began, stuck, measured)


def _play(scenario: Scenario, ground: Ground, cast: Cast) -> tuple[str, int]:
    ground.start_gates(scenario.countries, scenario.sabotage(cast.rng))
    timeline = Timeline(cast.rng, scenario.faults(ground, cast), cast.events)
    addresses = {
        country: ground.world.address(CountryCode(country), f"{country}-operator") for country in scenario.countries
    }
    load = Load(addresses, ground.journal, cast.rng, again=scenario.again, progress=timeline.advance)
    stuck = ""
    try:
        cases = scripts(cast.rng, roads(ground, scenario.countries), cast.events, scenario.mix)
        load.run(cast.sealer.seal(ground.world.paths, cases))
        timeline.finish()
    except Exception as error:  # noqa: BLE001 - what cannot go on is judged as it stands, and reported
        stuck = f"{type(error).__name__}: {error}"
    finally:
        load.close()
    ground.count("sent again", load.repeats)
    if not ground.settle([CountryCode(country) for country in scenario.countries]) and not stuck:
        stuck = "the gates did not come to rest"
    return stuck, load.sent


def roads(ground: Ground, countries: Sequence[str]) -> list[Road]:
    """Return who sends to whom: across each border both ways, and within the first country."""
    agencies = {country: ground.member(country, "NATIONAL_AGENCY") for country in countries}
    shelters = {country: ground.member(country, "NGO") for country in countries}
    first = countries[0]
    abroad = [(agencies[first], shelters[other]) for other in countries[1:]]
    back = [(agencies[other], shelters[first]) for other in countries[1:]]
    return [*abroad, *back, (agencies[first], shelters[first])]
