"""What comes from outside is parsed in one place for each format, where depth and numbers are bounded."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support.tree import ROOT, every, parsed, project_files, walked

SERVICES = [path for path in project_files("services", suffix=".py") if "versions" not in path.parts]
PARSERS = {
    ("json", "load"),
    ("json", "loads"),
    ("json", "JSONDecoder"),
    ("tomllib", "load"),
    ("tomllib", "loads"),
    ("fastavro", "schemaless_reader"),
    ("fastavro", "reader"),
    ("pickle", "loads"),
    ("pickle", "load"),
    ("Metadata", "from_bytes"),
}
READERS = {
    "refbus/core/documents.py": "the reader of JSON and TOML",
    "refbus/wire/avro.py": "the reader of Avro, for `refbus/wire/schema.py` alone",
    "refbus/wire/schema.py": "our own schema files",
    "refbus_gateway/forms/text.py": "case files: depth and size are judged before, and each fault has its line",
    "refbus/trust/reader/client.py": "python-tuf's metadata, whose versions are bounded before it is kept",
    "refbus/trust/reader/manifest.py": "python-tuf's metadata, whose versions are bounded here",
    "refbus/trust/publisher/repository.py": "metadata that this publisher wrote",
}
OWN = {
    "refbus/bus/families.py": "topic families of the installation",
    "refbus/bus/quotas.py": "quotas of the installation",
    "refbus/clock/memory.py": "what this process wrote down of its clock",
    "refbus/trust/reader/versions.py": "verified versions that this process wrote, with a checksum",
    "refbus/wire/codelists.py": "code lists of the installation",
    "refbus_gate/decide/remembered.py": "the gate's own state, sealed",
    "refbus_gate/decide/timetable.py": "the gate's own state, sealed",
    "refbus_ops/authority.py": "the register of the own authority; a request is parsed by a library",
    "refbus_gateway/rules/age_check.py": "a case file that was read strictly before it was kept, sealed",
    "refbus_gateway/cases/onward.py": "a case file that was read strictly before it was kept, sealed",
    "refbus_gateway/store/cases.py": "the home's own store, sealed",
    "refbus_gateway/store/disclosures.py": "the home's own store, sealed",
    "refbus_gateway/store/referrals.py": "the home's own store",
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT / "services"))


def _parsers(path: Path) -> set[str]:
    """Return the parsers that a module calls, by the name that it calls them by."""
    found = set()
    for node in walked(parsed(path)):
        if isinstance(node, ast.Attribute):
            owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            if isinstance(owner, ast.Name) and (owner.id, node.attr) in PARSERS:
                found.add(f"{owner.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{each.name}" for each in node.names if (node.module, each.name) in PARSERS}
    return found


@every(SERVICES)
def test_foreign_bytes_have_one_reader_for_each_format(path: Path) -> None:
    """A module that parses by itself is listed above, with whose bytes it reads; a new one asks the reader."""
    assert not _parsers(path) or _name(path) in READERS | OWN


@pytest.mark.parametrize("name", sorted(READERS | OWN))
def test_the_list_of_readers_is_current(name: str) -> None:
    """Who no longer parses is no longer listed."""
    assert _parsers(ROOT / "services" / name)
