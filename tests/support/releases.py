"""What a release leaves behind, kept for the tests of later ones: stores, keys, directory and topics of two countries.

    PYTHONPATH=tests:infra .venv/bin/python -m support.releases      # tests/vectors/release/VERSION.tar.xz, once

Everything in it is fictional. An archive is never made anew: what an older version has written is the point.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from refbus.bus.memory import MemoryBus
from refbus.bus.port import TopicState
from refbus.core.vocabulary import EventType
from refbus.files import write_whole
from refbus.trust.publisher.ceremony import FederationPaths
from support.ceremonies import AGENCY, SHELTER, Lab
from support.gateways import case_file, id_of, incoming, open_at, say, sent, withdraw_all
from support.nodes import Node, Road
from support.roadauditors import RoadAuditors
from support.tree import ROOT

FOLDER = ROOT / "tests" / "vectors" / "release"
TOPICS = "topics.json"
COUNTRIES = ("kz", "uz")
KEPT = ("kz-agency01", "uz-she1ter1")
_LEFT_OUT = (".lock", "-shm", "-wal")


class Kept(Road):
    """The road of a release as its archive has it, in `folder`: nothing is made anew."""

    def __post_init__(self) -> None:
        kept: dict[str, Any] = json.loads((self.folder / TOPICS).read_text(encoding="utf-8"))
        self.clock.now_ms = kept["now_ms"]
        self.lab = Lab(FederationPaths(self.folder / "federation"))
        self.bus = _bus(self, kept)
        self.opened = []
        self.nodes = {country: Node(self, country) for country in self.gate_countries}
        for org_id in (AGENCY, SHELTER):
            self.gateway(org_id)

    @property
    def facts(self) -> dict[str, Any]:
        """What the release knew of itself when it was kept."""
        kept: dict[str, Any] = json.loads((self.folder / TOPICS).read_text(encoding="utf-8"))
        return dict(kept["facts"])


def unpack(archive: Path, folder: Path) -> Kept:
    """Unpack what a release has left, and open its gates and offices with the code of today."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return Kept(folder)


def _bus(road: Road, kept: dict[str, Any]) -> MemoryBus:
    bus = MemoryBus(clock=road.clock)
    for name, topic in kept["topics"].items():
        bus.create_topic(TopicState(name, 1, 1, {}))
        bus._logs[name].state = replace(bus._logs[name].state, topic_id=topic["id"])  # positions are bound to it
        for number, at_ms in enumerate(topic["times"]):
            road.clock.now_ms = at_ms
            bus.put(name, (road.folder / "topics" / name / f"{number:04}").read_bytes())
    road.clock.now_ms = kept["now_ms"]
    bus.group_offsets.update({(group, topic): offset for group, topic, offset in kept["groups"]})
    return bus


def make(folder: Path) -> None:
    """Play a story in `folder` and leave everything closed in it: one referral done, one new, one withdrawn."""
    made = Road(folder)
    made.gateway(AGENCY)
    made.gateway(SHELTER)
    auditors = RoadAuditors(made)
    numbers = [sent(made.kz, case_file(about=f"Fictional: {what}")) for what in ("done", "new", "withdrawn")]
    made.settle()
    there = [incoming(made.uz, id_of(made.kz, number)) for _, number in numbers]
    open_at(made.uz, there[0])
    for event_type, document in (
        (EventType.REFERRAL_ACCEPTED, {"responsible_worker_role": "SOCIAL_WORKER"}),
        (EventType.REFERRAL_IN_PROGRESS, {"services_started": ["SocialCare"]}),
        (EventType.REFERRAL_COMPLETED, {"outcome": "SERVICES_DELIVERED"}),
    ):
        say(made.uz, there[0], event_type, **document)
        made.settle()
    withdraw_all(made.kz, numbers[2][0])
    made.settle()
    auditors.settle()
    facts = {"here": [number for _, number in numbers], "there": there, "signed": _signed(auditors)}
    auditors.close()
    _keep_topics(made, facts)
    made.close()


def _signed(auditors: RoadAuditors) -> dict[str, int]:
    return {country: sum(auditor.results().values()) for country, auditor in auditors.of.items()}


def _keep_topics(made: Road, facts: dict[str, Any]) -> None:
    topics = {}
    for name, state in made.bus.states().items():
        if name[:2] in COUNTRIES:
            records = made.bus.records(name)
            topics[name] = {"id": state.topic_id, "times": [record.timestamp_ms for record in records]}
            for number, record in enumerate(records):
                write_whole(made.folder / "topics" / name / f"{number:04}", record.value, flush=False)
    groups = [[group, topic, offset] for (group, topic), offset in made.bus.group_offsets.items()]
    kept = {"now_ms": made.clock(), "facts": facts, "topics": topics, "groups": groups}
    (made.folder / TOPICS).write_text(json.dumps(kept), encoding="utf-8")


def pack(folder: Path, archive: Path) -> None:
    """Pack what is needed of a folder: both offices, gates and auditors of kz and uz, the publication, the topics."""
    for home in (folder / "federation" / "homes").iterdir():
        if home.name not in KEPT and not (home.name[:2] in COUNTRIES and (home / "keys" / "log.key").is_file()):
            shutil.rmtree(home)
    for gate in (folder / "federation" / "gates").iterdir():
        if gate.name not in COUNTRIES:
            shutil.rmtree(gate)
    parts = [folder / TOPICS, *(folder / "topics").rglob("*"), *(folder / "federation").rglob("*")]
    with tarfile.open(archive, "x:xz", preset=9) as packed:
        for path in sorted(parts, key=lambda path: (path.name, path)):  # what is alike is side by side
            if path.is_file() and not path.name.endswith(_LEFT_OUT):
                packed.add(path, path.relative_to(folder).as_posix(), filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    return member.replace(uid=0, gid=0, uname="", gname="", mtime=0, deep=False)


def main() -> None:
    """Keep the present version; an archive that is there is left alone."""
    version = importlib.metadata.version("refbus")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        pack(Path(folder), FOLDER / f"{version}.tar.xz")


if __name__ == "__main__":
    main()
