"""Part 8: what a directory costs that has many organisations: its size, how long it takes to read, and in memory.

Members are enrolled with keys of their own, in bins. A gate and a desk each read the directory in a
fresh process; what the process had before is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import cycle, islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Final

from bench.events import DESTINATION, ORIGIN, Federation
from bench.pinned import in_child
from bench.report import Measure
from bench.trips import Hands, Office
from bench.usage import resident_mb
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.directory import OrgRole, OrgStatus
from refbus.core.ids import OrgId
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.resources import data_dir
from refbus.trust.homes import Home
from refbus.trust.layout import is_metadata, list_files
from refbus.trust.member.enrolment import first_file, new_org_id
from refbus.trust.publisher import changes
from refbus.trust.publisher.bins import use_bins
from refbus.trust.publisher.ceremony import (
    FederationPaths,
    Passphrases,
    create_development_federation,
    publish_for_development,
)
from refbus.trust.publisher.description import Description, parse_description
from refbus.trust.publisher.repository import Publication, Repository
from refbus_gateway.home.folder import Home as DeskHome
from refbus_gateway.home.gateway import open_gateway

SHAPES: Final = ((4, 1_000), (4, 10_000), (60, 1_000), (60, 10_000))
"""Countries and organisations. The large ones take five minutes of a processor, so they are measured with `--keep`."""
SMALL: Final = tuple(shape for shape in SHAPES if shape[1] == 1_000)
PARTNERS: Final = 10
"""With so many organisations a desk deals."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one directory costs; the unit is the last word of each name, seconds are of processor."""

    published_mb: float
    largest_list_kb: float
    change_sent_kb: float
    first_reading_s: float
    reading_a_change_s: float
    reading_at_a_start_s: float
    memory_of_a_gate_mb: float
    memory_of_a_gate_that_deals_with_all_mb: float
    memory_of_a_desk_mb: float

    def each(self) -> Iterator[tuple[str, str, float]]:
        """Yield name, unit and value of each."""
        for field in fields(self):
            name, _, unit = field.name.rpartition("_")
            yield name.replace("_", " "), {"mb": "MB", "kb": "kB"}.get(unit, unit), getattr(self, field.name)


def name_of(shape: tuple[int, int]) -> str:
    """Return how a directory of so many countries and organisations is called."""
    return f"directory, {shape[0]} countries, {shape[1]:,} organisations"


def measure(folder: Path, shapes: Sequence[tuple[int, int]] = SHAPES) -> list[Measure]:
    """Return the costs of each shape against the first."""
    found = {shape: costs(folder / f"{shape[0]}-{shape[1]}", *shape) for shape in shapes}
    least, first = name_of(shapes[0]).removeprefix("directory, "), found[shapes[0]]
    return [
        Measure(f"{name_of(shape)}, {name}", value, unit, least, before)
        for shape, now in found.items()
        for (name, unit, value), (_, _, before) in zip(now.each(), first.each(), strict=True)
    ]


def costs(folder: Path, countries: int, size: int) -> Costs:
    """Return what a directory of `size` organisations in so many countries costs."""
    paths = in_child(enrolled, folder, countries, size)
    files = list_files(paths.repository)
    longest = max(len(content) for path, content in files if is_metadata(path))
    first_s, org = in_child(first_read, folder)
    again_s, gate_mb, all_mb = in_child(gate_starts, folder)
    desk_mb = in_child(desk_starts, folder, org)
    sent = in_child(suspended, folder, org)
    return Costs(
        published_mb=sum(len(content) for _, content in files) / 1e6,
        largest_list_kb=longest / 1e3,
        change_sent_kb=sent / 1e3,
        first_reading_s=first_s,
        reading_a_change_s=in_child(reads_change, folder),
        reading_at_a_start_s=again_s,
        memory_of_a_gate_mb=gate_mb,
        memory_of_a_gate_that_deals_with_all_mb=all_mb,
        memory_of_a_desk_mb=desk_mb,
    )


def described(folder: Path, countries: int) -> Description:
    """Return the development federation with more countries, whose policies are that of kz under other names."""
    text = (data_dir("keys") / "development.toml").read_text("utf-8").replace("threshold = 3\n", "")
    model = (data_dir("keys") / "policies" / "kz.toml").read_text("utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    codes = ("".join(pair) for pair in product(ascii_lowercase, repeat=2))
    for code in islice((code for code in codes if f'code = "{code}"' not in text), max(0, countries - 4)):
        agency = f"{code}-agency01"
        policy = model.replace('country = "kz"', f'country = "{code}"').replace('"kz-agency01"', f'"{agency}"')
        (folder / f"{code}.toml").write_text(policy, "utf-8")
        text += f'\n[[country]]\ncode = "{code}"\npolicy = "{code}.toml"\n'
        text += f'\n[[organisation]]\nid = "{agency}"\ncountry = "{code}"\nrole = "NATIONAL_AGENCY"\n'
        text += 'label = "Fictional agency"\n'
    (folder / "federation.toml").write_text(text, "utf-8")
    return parse_description(text, folder)


def enrolled(folder: Path, countries: int, size: int) -> FederationPaths:
    """Make a federation of `size` organisations in so many countries, whose enrolments lie in bins."""
    description = described(folder / "description", countries)
    now_ms = machine_ms()
    paths = create_development_federation(folder, description, Passphrases.same(PASSPHRASE), now_ms)
    model = next(each for each in description.members if each.role is OrgRole.NGO)
    publication = Publication(Repository(paths.repository), now_ms)
    use_bins(publication)
    for country, _ in zip(cycle(sorted(description.policies)), range(size - len(description.members)), strict=False):
        pair, kem = SigningPair.generate(), KemPrivate.generate()
        profile = replace(model, org_id=new_org_id(country), country=country)
        changes.enrol(publication, first_file(profile, pair, kem, now_ms))
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


def suspended(folder: Path, org: OrgId) -> int:
    """Publish that another organisation of the country is suspended; return how many bytes are new."""
    paths = FederationPaths(folder)
    before = set(list_files(paths.repository))
    history = Home(paths.gate(ORIGIN)).trust_store().load(machine_ms())
    if history is None:
        raise LookupError("the gate knows no directory")
    other = next(each.org_id for each in history.latest.members_of(ORIGIN, OrgRole.NGO) if each.org_id != org)
    publication = Publication(Repository(paths.repository), machine_ms())
    changes.set_status(publication, other, OrgStatus.SUSPENDED)
    publish_for_development(paths, publication, Passphrases.same(PASSPHRASE))
    new = set(list_files(paths.repository)) - before
    (folder / "new").write_text("\n".join(path for path, _ in new), encoding="utf-8")
    return sum(len(content) for _, content in new)


def reads_change(folder: Path) -> float:
    """Let a gate that runs read the change; return processor seconds."""
    paths, now_ms = FederationPaths(folder), machine_ms()
    store = Home(paths.gate(ORIGIN)).trust_store()
    store.load(now_ms)
    names = set((folder / "new").read_text(encoding="utf-8").splitlines())
    files = [(path, content) for path, content in list_files(paths.repository) if path in names]
    began = time.process_time()
    if store.refresh_from(files, now_ms) is None:
        raise LookupError("the change did not come into force")
    return time.process_time() - began


def gate_starts(folder: Path) -> tuple[float, float, float]:
    """Let a gate start; return processor seconds, the memory that the directory takes, and that with all members read.

    Both in MB.
    """
    store = Home(FederationPaths(folder).gate(ORIGIN)).trust_store()
    before_mb, began = resident_mb(), time.process_time()
    history = store.load(machine_ms())
    took, at_rest_mb = time.process_time() - began, resident_mb() - before_mb
    if history is None or not all(history.latest.organisations.values()):
        raise LookupError("the gate knows no member")
    return took, at_rest_mb, resident_mb() - before_mb


def desk_starts(folder: Path, org: OrgId) -> float:
    """Open the home of a desk that has read it, and deal with a few members; return the memory that it takes in MB."""
    before_mb = resident_mb()
    gateway = open_gateway(DeskHome(FederationPaths(folder).home(org)), PASSPHRASE, machine_ms)
    members = list(islice(gateway.view().members_of(DESTINATION), PARTNERS))
    took = resident_mb() - before_mb
    gateway.close()
    if not members:
        raise LookupError("the desk knows no member")
    return took
