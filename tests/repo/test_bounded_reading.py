"""Services to whom others write read within bounds, and every loop over records of the broker knows an unread batch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support.tree import ROOT, every, parsed, walked

SERVICES = ("refbus/node", "refbus_gate", "refbus_auditor", "refbus_gateway", "refbus_ops")
NODES = sorted(path for name in SERVICES for path in (ROOT / "services" / name).rglob("*.py"))
CLIENTS = ("batchreader", "confluent", "confluent_admin", "confluent_offsets", "driver")
"""Modules of `refbus.bus` that speak to a broker. Services have a `Cluster`, whose readers unpack within bounds."""


def clients(path: Path) -> set[str]:
    """Return which clients of a broker a module imports by name."""
    found = {each for node in walked(parsed(path)) for each in imported(node)}
    return found & {f"refbus.bus.{name}" for name in CLIENTS}


def imported(node: ast.AST) -> set[str]:
    """Return what an import may bind, each with its package."""
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module} | {f"{node.module}.{each.name}" for each in node.names}
    return {each.name for each in node.names} if isinstance(node, ast.Import) else set()


@every(NODES)
def test_services_read_within_bounds(path: Path) -> None:
    """They ask a `Cluster`: the client alone unpacks a megabyte of a stranger into a gigabyte."""
    assert clients(path) == set()


@pytest.mark.parametrize(
    "planted",
    ["from refbus.bus import confluent", "from refbus.bus.driver import Line", "import refbus.bus.batchreader"],
)
def test_a_client_of_a_service_is_found(tmp_path: Path, planted: str) -> None:
    """Whichever way it is imported, and wherever in the module."""
    path = tmp_path / "planted.py"
    path.write_text(f"def late():\n    {planted}\n", encoding="utf-8")
    assert len(clients(path)) == 1


def test_a_cluster_reads_within_bounds() -> None:
    """The one port to a cluster makes its readers of the bounded module."""
    tree = parsed(ROOT / "services/refbus/bus/cluster.py")
    (kafka,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "KafkaCluster"]
    (reader,) = [node for node in kafka.body if isinstance(node, ast.FunctionDef) and node.name == "reader"]
    calls = {ast.unparse(node.func) for node in walked(reader) if isinstance(node, ast.Call)}
    assert calls == {"batchreader.reader"}


@pytest.mark.parametrize("name", ["refbus_gate/gate.py", "refbus_auditor/auditor.py"])
def test_a_composition_takes_its_clusters(name: str) -> None:
    """It knows no address and makes no cluster: the same composition runs on a bus in memory."""
    found = {each for node in walked(parsed(ROOT / "services" / name)) for each in imported(node)}
    outside = {"refbus.bus.address", "refbus.node.addresses", "refbus.bus.cluster.KafkaCluster", "refbus.bus.memory"}
    assert found & outside == set()


def test_the_harness_puts_the_bounded_reading_in_place() -> None:
    """An application of Faust is made in one place, and that place installs it first."""
    tree = ast.parse((ROOT / "services/refbus/bus/harness.py").read_text(encoding="utf-8"))
    (create,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "create_app"]
    calls = [ast.unparse(node.func) for node in walked(create) if isinstance(node, ast.Call)]
    assert calls.index("driver.install") < calls.index("_App")
