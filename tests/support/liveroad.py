"""A live world with all that alerts look at: two gates, three auditors, an office on each side, and a neighbour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from refbus.core.ids import OrgId
from refbus_gate.decide import quotas
from refbus_gate.decide.quotas import Quota
from support.ceremonies import AGENCY, KG, KZ, SHELTER, UZ
from support.gateways import case_file, sent
from support.live import FileClock, LiveAuditor, LiveGate, LiveOffice, LiveWorld
from support.plays import Scene
from support.watchers import Watchers

NEIGHBOUR = OrgId("kz-she1ter1")
_ROOMY = 1 << 30
_PATIENT = {"REFBUS_GATE_WATCHDOG_SECONDS": "3600"}


@dataclass(slots=True)
class Road(Scene):
    """The services; those of Kazakhstan, but the neighbour, have pages that are watched."""

    kz: LiveGate
    uz: LiveGate
    auditor: LiveAuditor
    witnesses: list[LiveAuditor]
    agency: LiveOffice
    shelter: LiveOffice
    neighbour: LiveOffice
    ports: Mapping[str, int]

    def refer(self, what: str) -> tuple[int, int]:
        """Send a case of its own from the agency to the shelter; return the numbers of case and referral."""
        return sent(self.agency.gateway, case_file(about=f"Fictional: {what}"))


@contextmanager
def road(watchers: Watchers, name: str, ports: Mapping[str, int], folder: Path) -> Iterator[Road]:
    """Start everything, and let the directory be logged everywhere. The neighbour's clock is a day ahead.

    Of one sender four events may be held, and two stopped ones are kept; else it is a thousand of each.
    """
    world = LiveWorld(folder)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(quotas, "HELD", Quota(4, _ROOMY))
        small.setattr(quotas, "KEPT", Quota(2, _ROOMY))
        try:
            gates = world.add(LiveGate(world, KZ, ports["gate"], **_PATIENT)), world.add(LiveGate(world, UZ, 0))
            auditor = world.add(LiveAuditor(world, KZ, ports["auditor"], REFBUS_AUDITOR_WATCHDOG_SECONDS="3600"))
            witnesses = [world.add(LiveAuditor(world, country, 0)) for country in (KG, UZ)]
            offices = world.add(LiveOffice(world, AGENCY, ports["gateway"])), world.add(LiveOffice(world, SHELTER, 0))
            ahead = FileClock(folder / "neighbour", ahead_hours=24)
            neighbour = world.add(LiveOffice(world, NEIGHBOUR, 0, ahead))
            world.settle()
            yield Road(world, watchers, name, *gates, auditor, witnesses, *offices, neighbour, ports)
        finally:
            world.close()
