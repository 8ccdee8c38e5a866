"""docs/operators/capacity.md: what one node can carry, from the figures of the bench and a simulation of its queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from refbus.trust.layout import MAX_COUNTRIES, MAX_METADATA_BYTES
from refbus.trust.reader.client import MAX_TARGETS
from tools.pages.markdown import document, table
from tools.queueing import Service, simulate

ROOT: Final = Path(__file__).resolve().parents[3]
KEPT: Final = ROOT / "infra" / "trials" / "bench" / "measured.json"
SHAPES: Final = ((4, 1_000), (4, 10_000), (60, 1_000), (60, 10_000))
DAYS: Final = (1_000, 10_000, 100_000, 1_000_000, 3_000_000)
BUSIEST: Final = 0.2
"""The part of a day's events that comes in its busiest hour."""
_HOUR_S: Final = 3_600
_ENTRY_KB: Final = 3.6
_COSTS: Final = (
    ("published", "MB"),
    ("largest list", "kB"),
    ("change sent", "kB"),
    ("first reading", "s"),
    ("reading a change", "s"),
    ("reading at a start", "s"),
    ("memory of a gate", "MB"),
    ("memory of a gate that deals with all", "MB"),
    ("memory of a desk", "MB"),
)
_SEVERAL: Final = (
    "## Several nodes in one country",
    (
        "**What there is.** One gate of a country decides; others stand by, on the same home or on a"
        " [database server](database-server.md). They take over, they do not share the work. A machine with more cores"
        " opens a batch faster, since that is done on all of them; what is decided and written stays one line."
    ),
    (
        "**What there is not.** Two gates of one country, each for a part of its organisations, cannot be run by any"
        " setting. These would stand in the way:"
    ),
    (
        "- **One name.** The id of a gate is made from its country (`kz-gate`). Offices and other gates ask for it"
        " when they check a receipt, a notice or a confirmation. A second one with its own keys would be a stranger.\n"
        "- **One outbox.** All organisations of a country write to one topic, which one gate reads from beginning to"
        " end. No topic stands for a part of them, and the group of the gate gives the whole topic to one member.\n"
        "- **One topic for each border.** What comes from another country is in one topic, whoever it is for.\n"
        "- **One state.** Who was seen, what is withdrawn, which course stands where: one store, one transaction for a"
        " batch. A referral between two parts of a country would need a border between them, and there is none inside a"
        " country."
    ),
    (
        "**Why not.** The need is far below the limit, and a withdrawal must count in one order for all that a person's"
        " cases say: [decision 108](../adr/0108-one-gate-decides-for-a-country.md)."
    ),
)


def page() -> str:
    """Return the page."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    measures: Mapping[str, float] = kept["measures"]
    gate = gate_of(measures)
    loads = [_load(gate, day) for day in DAYS]
    costs = [(f"{name}, {unit}", *_row(measures, name)) for name, unit in _COSTS]
    return document(
        "Capacity",
        "For who plans a node. Every number says whether it was **measured** or **extrapolated**. Measured is what"
        " `python -m bench --only stamps directory --keep` found. Extrapolated is what a simulation of a queue says"
        " (`infra/tools/queueing.py`), or a straight line. Times are of processor: a busy machine changes them little.",
        *(f"Measured on ({kind}): {told}." for kind, told in sorted(kept["machines"].items())),
        "## One gate",
        f"Measured: an event alone takes {_ms(gate.per_event(1))} ms, in a batch of a hundred"
        f" {_ms(gate.per_event(100))} ms (the mean of the way out and the way in, one signature for a batch). Between"
        " them lies a straight line: for a batch of ten it says"
        f" {_ms(gate.per_event(10))} ms, measured are {_ms(_mean(measures, 10))}.",
        "Extrapolated: a gate on one core that takes all that waits at once, at most 200. Events come independently,"
        " a fifth of a day's in its busiest hour. A referral is several events: request, confirmation, answer."
        " What Kafka, disk and line add is not in it: [what was measured of them](../design/bench.md).",
        table(("events a day", "in the busiest hour, events/s", "of a core", "half done within", "99 of 100"), loads),
        f"The limit is {gate.limit:,.0f} events a second on one core (extrapolated),"
        f" {gate.limit * _HOUR_S / BUSIEST / 1e6:.0f} million a day of that shape. Beyond it a country needs several"
        " nodes, [which there are not](#several-nodes-in-one-country).",
        *_SEVERAL,
        "## The directory",
        f"Measured, with the enrolments in bins. Readers take {MAX_COUNTRIES} countries. A country's list ends at"
        f" {MAX_METADATA_BYTES / 1000:,.0f} kB, which is {_most(measures):,} organisations of one country (extrapolated"
        " from the two largest lists). With each enrolment in a file of its own that is the bound of all countries"
        " together ([how to move](../spec/directory.md)).",
        "A gate and a desk read an organisation when they deal with it: the desk here knows ten. The first reading"
        " checks everybody once. A change is one suspension: what is new is sent once more, what it says is checked,"
        " and the rest is compared by its hash.",
        table(("", *(f"{size:,} organisations, {lands} countries" for lands, size in SHAPES)), costs),
        "A publication is sent whole, every day, so that a newcomer needs no older record: a broker takes its size once"
        " a day for each topic of the directory, and keeps thirty.",
        "## The audit log",
        f"An event leaves two entries at a node. An entry takes {_ENTRY_KB} kB there"
        f" ([disk](operate.md#disk)). Extrapolated: {_disk(10_000)} GB a year for 10,000 events a day,"
        f" {_disk(1_000_000):,} GB for a million. Nothing is deleted by itself.",
    )


def gate_of(measures: Mapping[str, float]) -> Service:
    """Return a gate as the bench has measured it."""
    return Service.through(_mean(measures, 1), _mean(measures, 100), 100)


def _mean(measures: Mapping[str, float], size: int) -> float:
    """Return the seconds of one event in a batch, the mean of both ways."""
    names = [f"gate {way}, batches of {size}, one signature" for way in ("egress", "ingress")]
    return sum(measures[name] for name in names) / len(names) / 1e6


def _load(gate: Service, day: int) -> tuple[str, ...]:
    rate = day * BUSIEST / _HOUR_S
    if rate >= gate.limit:
        return (f"{day:,}", f"{rate:,.3g}", "more than one", "-", "-")
    waits = simulate(gate, rate)
    return (f"{day:,}", f"{rate:,.3g}", f"{100 * waits.busy:.2g} %", f"{_ms(waits.half)} ms", f"{_ms(waits.most)} ms")


def _row(measures: Mapping[str, float], name: str) -> Iterator[str]:
    yield from (_short(measures[f"{_name(shape)}, {name}"]) for shape in SHAPES)


def _name(shape: tuple[int, int]) -> str:
    return f"directory, {shape[0]} countries, {shape[1]:,} organisations"


def _most(measures: Mapping[str, float]) -> int:
    """Return how many organisations a country's list can have, rounded down to hundreds."""
    (lands, few), (_, many) = SHAPES[:2]
    less, more = (1000 * measures[f"{_name(shape)}, largest list"] for shape in SHAPES[:2])
    each = (more - less) / (many - few) * lands
    return min(MAX_TARGETS, int(many / lands + (MAX_METADATA_BYTES - more) / each)) // 100 * 100


def _disk(day: int) -> int:
    """Return the GB of a year, in which each event leaves two entries."""
    return round(day * 2 * _ENTRY_KB * 365 / 1e6)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2g}" if seconds < 0.01 else f"{1000 * seconds:,.0f}"
