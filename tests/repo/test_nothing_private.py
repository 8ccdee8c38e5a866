from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from support.tree import ROOT, project_files, texts

_PEM = re.compile("-----BEGIN [A-Z ]*PRIVATE " + "KEY-----")
_SECRET_FIELD = re.compile(r'"(seed|secret|private|private_key|passphrase)"\s*:', re.IGNORECASE)
_MACHINE_PATH = re.compile(r"(?<![\w.$}>)])/(home|root|Users|work|tmp/w)/[\w.]")
_URL = re.compile(r"https?://([A-Za-z0-9.-]+)")
_KNOWN_HOSTS = {
    "127.0.0.1",
    "localhost",
    "host",
    "broker",
    "prometheus",
    "www.apache.org",
    "creativecommons.org",
    "github.com",
    "c2sp.org",
    "keepachangelog.com",
    "semver.org",
    "hl7.org",
    "terminology.hl7.org",
    "snomed.info",
    "loinc.org",
    "www.w3.org",
}
"""Hosts that a file of the project may name: places to read, this machine, placeholders, and names of code systems."""


def pem_blocks() -> Iterator[str]:
    """Yield the files with a private key in PEM form."""
    return (name for name, text in texts() if _PEM.search(text))


def test_tree_holds_no_private_key() -> None:
    """No file has a private key in PEM form."""
    assert list(pem_blocks()) == []


def test_keys_hold_public_material_only() -> None:
    """Nothing under keys/ is a key file, binary, executable, or has a field that would hold a secret."""
    for path in project_files("keys"):
        text = path.read_text(encoding="utf-8")
        assert not _SECRET_FIELD.search(text), path.name
        assert path.suffix in {".md", ".json", ".toml", ".txt"}, path.name
        assert not path.stat().st_mode & 0o111, path.name


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (_PEM, "-----BEGIN EC PRIVATE " + "KEY-----"),
        (_SECRET_FIELD, '{"seed": "00"}'),
        (_MACHINE_PATH, "open('/home" + "/someone/x')"),
        (_MACHINE_PATH, "see /wo" + "rk/x"),
    ],
)
def test_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    """The patterns of this module match a planted example."""
    assert pattern.search(text)


def test_tree_names_no_place_of_a_machine() -> None:
    """No file names a home folder or a working folder of somebody's computer."""
    found = [
        f"{name}:{text[: match.start()].count(chr(10)) + 1}"
        for name, text in texts()
        for match in _MACHINE_PATH.finditer(text)
        if "fictional" not in text[match.start() : match.end() + 20]
    ]
    assert found == []


def test_tree_names_known_hosts_only() -> None:
    """No file names the address of a package index, a mirror or somebody's server."""
    found = {
        f"{name}: {host}"
        for name, text in texts()
        for host in _URL.findall(text)
        if host not in _KNOWN_HOSTS and not host.endswith((".example", ".invalid", ".test"))
    }
    assert found == set()


def test_nothing_large_is_committed() -> None:
    """No file is over a megabyte, but a catalogue of words (two) or what a release leaves behind (one and a half)."""
    most = {".po": 2_000_000, ".mo": 2_000_000, ".xz": 1_500_000}
    large = [path for path in project_files() if path.stat().st_size > most.get(path.suffix, 1_000_000)]
    assert [str(path.relative_to(ROOT)) for path in large] == []
