"""docs/operators/capacity.md: what one node can carry, from the figures of the bench and a simulation of its queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from refbus.trust.layout import MAX_COUNTRIES, MAX_METADATA_BYTES
from tools.pages.markdown import document, table
from tools.queueing import Service, simulate

ROOT: Final = Path(__file__).resolve().parents[3]
KEPT: Final = ROOT / "infra" / "trials" / "bench" / "measured.json"
SIZES: Final = (100, 1_000, 3_500)
FURTHER: Final = 10_000
DAYS: Final = (1_000, 10_000, 100_000, 1_000_000, 3_000_000)
BUSIEST: Final = 0.2
"""The part of a day's events that comes in its busiest hour."""
_HOUR_S: Final = 3_600
_ENTRY_KB: Final = 3.6
_COSTS: Final = (
    ("published", "MB"),
    ("largest list", "kB"),
    ("first reading", "s"),
    ("reading at a start", "s"),
    ("memory of a gate", "MB"),
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
        " setting. These stand in the way:"
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
        "**What would be needed:** a part in the gate's id, and an outbox and border topics for each. The directory"
        " would have to say to which part an organisation belongs, and a border between the parts would need rules. The"
        " order in which a withdrawal counts would then hold within a part"
        " ([1](../adr/0001-one-partition-per-topic.md)), as it now holds within a country. A country code for a region"
        " is no way round it: a code has its own policy, log and inspectors, and law goes by it."
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
        f"Measured on: {kept['machine']}.",
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
        " nodes, [which is not built](#several-nodes-in-one-country).",
        *_SEVERAL,
        "## The directory",
        "Measured in a federation of four countries, each enrolment in a file of its own, by the version that kept all"
        " members in memory. The last column is a straight line through the two largest (extrapolated).",
        f"Readers now take {MAX_COUNTRIES} countries, and read an organisation when they deal with it"
        " ([98](../adr/0098-who-is-asked-for-is-read.md)). A list ends at"
        f" {MAX_METADATA_BYTES / 1000:,.0f} kB, which is {_most(measures):,} enrolments (extrapolated). In bins they"
        " are 256 lines, and the bound is that of the list of one country.",
        table(("", *(f"{size:,} organisations" for size in SIZES), f"{FURTHER:,}, extrapolated"), costs),
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
    values = [measures[f"directory, {size:,} organisations, {name}"] for size in SIZES]
    yield from map(_short, values)
    slope = (values[-1] - values[-2]) / (SIZES[-1] - SIZES[-2])
    yield _short(values[-1] + slope * (FURTHER - SIZES[-1]))


def _most(measures: Mapping[str, float]) -> int:
    """Return how many organisations the largest list can have, rounded down to hundreds."""
    lists = [1000 * measures[f"directory, {size:,} organisations, largest list"] for size in SIZES]
    slope = (lists[-1] - lists[-2]) / (SIZES[-1] - SIZES[-2])
    return int(SIZES[-1] + (MAX_METADATA_BYTES - lists[-1]) / slope) // 100 * 100


def _disk(day: int) -> int:
    """Return the GB of a year, in which each event leaves two entries."""
    return round(day * 2 * _ENTRY_KB * 365 / 1e6)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2g}" if seconds < 0.01 else f"{1000 * seconds:,.0f}"
