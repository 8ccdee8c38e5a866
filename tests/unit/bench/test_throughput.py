"""The rates of one gate: which of them the rates with Faust and Kafka are held against."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from bench import gatework, stamping
from bench.events import Federation
from bench.report import Measure


def measured(folder: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> list[Measure]:
    """Return what a part measures with batches as small as they can be."""
    monkeypatch.setattr(gatework, "BATCH", 2)
    monkeypatch.setattr(stamping, "SIZES", ((1, 2),))
    paths = Federation.create(folder / part).paths
    work = {"gate": gatework.measure, "stamps": stamping.measure}[part]
    return deepcopy(work(paths.out, gatework.seal_some(paths.out, 4)))  # as they come from a process of its own


@pytest.mark.usefixtures("postgres")
def test_kafka_is_held_against_the_gate_in_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other parts have the same baseline, also in another unit, and one gate of the part has its stores on a server."""
    gate = measured(tmp_path, "gate", monkeypatch)
    stamps = measured(tmp_path, "stamps", monkeypatch)
    assert {each.baseline for each in (*gate, *stamps)} == {gatework.BASELINE}
    egress, ingress, on_server = gate
    assert on_server.aim is None
    wanted = {"egress": egress.baseline_value, "ingress": ingress.baseline_value}
    assert gatework.limits([*gate, *stamps]) == wanted
    assert gatework.limits([*stamps, *gate]) == wanted
