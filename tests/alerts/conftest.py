"""One Prometheus with its Alertmanager for all worlds of alerts, and the pages that it asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from kafka.ports import free_ports
from support.watchers import Target, Watchers, watching

WORLDS = ("waits", "stopped", "damage")
PAGES = ("gate", "auditor", "gateway", "gateway-2")


@dataclass(frozen=True, slots=True)
class Watched:
    """Who watches, and by world and service the port on which its page is asked for."""

    watchers: Watchers
    ports: Mapping[str, Mapping[str, int]]


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Start both once; a page that nobody serves yet costs nothing."""
    free = iter(free_ports(len(WORLDS) * len(PAGES)))
    ports = {world: {page: next(free) for page in PAGES} for world in WORLDS}
    targets = [
        Target(f"refbus-{page.removesuffix('-2')}", port, world)
        for world, of in ports.items()
        for page, port in of.items()
    ]
    with watching(tmp_path_factory.mktemp("watch"), targets) as watchers:
        yield Watched(watchers, ports)
