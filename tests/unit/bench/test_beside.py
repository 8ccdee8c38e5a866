"""What others made does the very cryptography of a gate; where it is not there, a line says so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bench import beside
from bench.events import Federation, Sealer
from bench.peers.envelopes import KINDS, LACKS
from bench.peers.job import STAMP, Egress
from bench.statements import measure


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    """Make one federation on the disk."""
    return Federation.create(tmp_path_factory.mktemp("federation"))


def test_a_loop_has_the_cryptography_of_a_gate(federation: Federation, tmp_path: Path) -> None:
    """Keys and events go through a file, every bare call holds on them, and another event is not counted."""
    raw = Sealer(federation, federation.recipient).many(3)
    beside.job_of(federation, raw).write(tmp_path / "job")
    work = Egress(tmp_path / "job")
    assert [work(each) for each in raw[:2]] == [each + STAMP for each in raw[:2]]
    with pytest.raises(ValueError, match="another event"):
        work(raw[0])


def test_what_is_not_there_is_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A line says what is missing and how it is put there; nothing else is left out."""
    said: list[str] = []
    monkeypatch.setattr(beside, "INTERPRETER", tmp_path / "python")
    assert beside.envelopes(tmp_path, said.append) == []
    assert said == [f"no .venv/peers (`make peers`): {', '.join(LACKS)} are not measured"]


def test_each_envelope_has_what_it_lacks() -> None:
    """No figure of another's envelope stands without the column that says what it does not do."""
    assert set(KINDS) == set(LACKS)


@pytest.mark.skipif(not beside.INTERPRETER.is_file(), reason="no .venv/peers: `make peers`")
def test_the_envelopes_of_others_open_to_what_was_sealed() -> None:
    """Each is sealed and opened by its own library; something else would raise."""
    argv = [str(beside.INTERPRETER), "-W", "ignore", "-m", "bench.peers.envelopes", "100", "200", "2"]
    found = json.loads(subprocess.run(argv, env=beside.surroundings(), capture_output=True, check=True).stdout)
    assert {name: sorted(took) for name, took in found.items()} == {name: ["open", "seal"] for name in KINDS}


def test_statements_and_flushes_of_one_event(tmp_path: Path) -> None:
    """Counted and so the same everywhere. What comes in a batch asks less of a store than alone, by far."""
    found = {each.name: each.value for each in measure(tmp_path)}
    assert len(found) == 12
    for who in ("the gate of the sender's country", "the gate of the recipient's country"):
        assert found[f"{who}, batches of 1: statements"] <= 31
        assert found[f"{who}, batches of 1: flushes"] <= 3
    for name, value in found.items():
        if "batches of 10" in name:
            assert value <= found[name.replace("of 10", "of 1")] / 5
