"""Part 8: what a directory costs that has many organisations: its size, how long it takes to read, and in memory.

Members are enrolled as in the ceremony, with keys of their own. A gate and a desk each read the directory in a fresh
process; what the process had before is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Final

from bench.events import ORIGIN, Federation
from bench.pinned import in_child
from bench.report import Measure
from bench.trips import Hands, Office
from bench.usage import resident_mb
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.directory import OrgRole
from refbus.core.ids import OrgId
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.errors import UntrustedError
from refbus.resources import data_dir
from refbus.trust.homes import Home
from refbus.trust.layout import is_metadata, list_files
from refbus.trust.member.enrolment import (
    answer_challenge,
    check_answer,
    make_challenge,
    make_request,
    new_org_id,
)
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import FederationPaths, Passphrases, publish_for_development
from refbus.trust.publisher.description import read_description
from refbus.trust.publisher.repository import Publication, Repository
from refbus_gateway.home.folder import Home as DeskHome
from refbus_gateway.home.gateway import open_gateway

SIZES: Final = (100, 1_000, 3_500)


@dataclass(frozen=True, slots=True)
class Costs:
    """What one directory costs: MB and kB published, processor seconds of two readings, MB in memory."""

    published_mb: float
    list_kb: float
    first_s: float
    again_s: float
    gate_mb: float
    desk_mb: float


def measure(folder: Path, sizes: Sequence[int] = SIZES) -> list[Measure]:
    """Return the costs of each size against the smallest. One that readers do not take is a measure of its own."""
    found: dict[int, Costs | None] = {size: costs(folder / str(size), size) for size in sizes}
    first = found[sizes[0]]
    if first is None:
        raise ValueError("the smallest directory must be readable")
    least = f"{sizes[0]:,} organisations"
    made = list[Measure]()
    for size in sizes:
        now = found[size]
        if now is None:
            made.append(Measure(f"directory, {size:,} organisations, taken by readers", 0, "of 1", least, 1))
            continue
        for name, unit, value, before in (
            ("published", "MB", now.published_mb, first.published_mb),
            ("largest list", "kB", now.list_kb, first.list_kb),
            ("first reading", "s", now.first_s, first.first_s),
            ("reading at a start", "s", now.again_s, first.again_s),
            ("memory of a gate", "MB", now.gate_mb, first.gate_mb),
            ("memory of a desk", "MB", now.desk_mb, first.desk_mb),
        ):
            made.append(Measure(f"directory, {size:,} organisations, {name}", value, unit, least, before))
    return made


def costs(folder: Path, size: int) -> Costs | None:
    """Return what a directory of `size` organisations costs; None when it may not be published."""
    try:
        paths = enrolled(folder, size)
    except UntrustedError:
        return None
    files = list_files(paths.repository)
    published = sum(len(content) for _, content in files) / 1e6
    longest = max(len(content) for path, content in files if is_metadata(path)) / 1e3
    first_s, org = in_child(first_read, folder)
    again_s, gate_mb = in_child(gate_starts, folder)
    return Costs(published, longest, first_s, again_s, gate_mb, in_child(desk_starts, folder, org))


def enrolled(folder: Path, size: int) -> FederationPaths:
    """Make a federation of `size` organisations in four countries. Raises UntrustedError when that is too many."""
    paths = Federation.create(folder).paths
    description = read_description(data_dir("keys") / "development.toml")
    model = next(each for each in description.members if each.role is OrgRole.NGO)
    now_ms = machine_ms()
    publication = Publication(Repository(paths.repository), now_ms)
    for country, _ in zip(cycle(sorted(description.policies)), range(size - len(description.members)), strict=False):
        pair, kem = SigningPair.generate(), KemPrivate.generate()
        profile = replace(model, org_id=new_org_id(country), country=country)
        request = make_request(profile, pair, kem, now_ms)
        challenge, pending = make_challenge(request)
        changes.enrol(publication, check_answer(pending, answer_challenge(challenge, request, kem), request))
    publish_for_development(paths, publication, Passphrases.same(PASSPHRASE))
    return paths


def first_read(folder: Path) -> tuple[float, OrgId]:
    """Let a gate read it for the first time, and a desk from its broker; return processor seconds and whose desk."""
    paths, now_ms = FederationPaths(folder), machine_ms()
    files = list_files(paths.repository)
    began = time.process_time()
    Home(paths.gate(ORIGIN)).trust_store().refresh_from(files, now_ms)
    took = time.process_time() - began
    federation = Federation.of(paths, now_ms)
    Office.at(paths, federation.sender, federation.recipient, Hands(now_ms))
    return took, federation.sender


def gate_starts(folder: Path) -> tuple[float, float]:
    """Let a gate read what it has, as at a start; return processor seconds, and the memory that it takes in MB."""
    store = Home(FederationPaths(folder).gate(ORIGIN)).trust_store()
    before_mb, began = resident_mb(), time.process_time()
    store.load(machine_ms())
    return time.process_time() - began, resident_mb() - before_mb


def desk_starts(folder: Path, org: OrgId) -> float:
    """Open the home of a desk that has read it, with all members; return the memory that it takes in MB."""
    before_mb = resident_mb()
    gateway = open_gateway(DeskHome(FederationPaths(folder).home(org)), PASSPHRASE, machine_ms)
    members = len(gateway.view().organisations)
    took = resident_mb() - before_mb
    gateway.close()
    if not members:
        raise LookupError("the desk knows no member")
    return took
