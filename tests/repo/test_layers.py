from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

from support.tree import ROOT

PACKAGES = ("refbus", "refbus_gate", "refbus_gateway", "refbus_auditor", "refbus_ops")


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the import contracts on the checkout or a copy of it."""
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache", "--config", str(root / "pyproject.toml")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "services")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the code, to plant forbidden imports in."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "services", root / "services", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def test_contracts_hold() -> None:
    """The layers of the project are as declared."""
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("refbus_gate/planted.py", "import refbus.envelope.content", "Only the gateway can open a content box"),
        ("refbus/core/planted.py", "import time", "The core is pure"),
        ("refbus/core/planted.py", "import refbus.wire.schema", "The library stands on its core"),
        ("refbus/notify/planted.py", "import refbus_gateway", "Services stand on the library"),
        ("refbus/explain/planted.py", "import refbus.database.engine", "The library stands on its core"),
        ("refbus/in_no_layer.py", "import refbus.errors", "The library stands on its core"),
        ("refbus/audit/planted.py", "import refbus.database.engine", "What a third party checks with"),
        ("refbus_gate/planted.py", "import refbus_gateway", "Services stand on the library"),
        ("refbus_gate/planted.py", "import confluent_kafka", "confluent-kafka has one door"),
        ("refbus_gate/planted.py", "from refbus.bus import confluent", "One port to a cluster"),
        ("refbus_gateway/planted.py", "import faust", "Faust has one door"),
    ],
)
def test_contract_breaks_on_a_planted_import(copy: Path, module: str, planted: str, contract: str) -> None:
    """Each contract is alive: a forbidden import breaks it by name."""
    path = copy / "services" / module
    path.write_text(f'"""Planted."""\n\n{planted}\n', encoding="utf-8")
    try:
        result = lint_imports(copy)
    finally:
        path.unlink()
    assert result.returncode == 1
    broken = [line for line in result.stdout.splitlines() if line.rstrip().endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), result.stdout


def test_every_package_of_the_services_is_checked() -> None:
    """A package beside the others is in the import contracts, in the types that are checked, and typed for others."""
    found = {path.name for path in (ROOT / "services").iterdir() if (path / "__init__.py").is_file()}
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert found == set(PACKAGES)
    assert found == set(config["importlinter"]["root_packages"])
    assert "services" in config["mypy"]["files"]
    assert all((ROOT / "services" / name / "py.typed").is_file() for name in found)


def test_no_import_cycles() -> None:
    """No module imports itself by way of others, imports for type checking included."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    cyclic = [
        module
        for module in sorted(graph.modules)
        if any(
            graph.chain_exists(importer=found, imported=module)
            for found in graph.find_modules_directly_imported_by(module)
        )
    ]
    assert cyclic == []
