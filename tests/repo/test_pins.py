from __future__ import annotations

import re
import tomllib

import pytest

from support.tree import ROOT

LOCKS = ("requirements/dev.txt", "requirements/postgresql.txt", "requirements/run.txt")
PEERS = "requirements/peers.txt"
"""What the bench measures beside ours, in an interpreter of its own: pinned, and in no other lock file."""
_PEERS_WANTED = ROOT / "infra" / "trials" / "bench" / "peers" / "requirements.in"
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[a-z,]+\])?==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return the version of each package in a lock file."""
    return {canonical(match[1]): match[3] for match in _PIN.finditer((ROOT / name).read_text(encoding="utf-8"))}


def canonical(name: str) -> str:
    """Return a package name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(name: str) -> list[str]:
    """Return the requirements of a lock file, each with its continuation lines."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", [*LOCKS, PEERS])
def test_every_package_is_pinned_by_hash(name: str) -> None:
    """Each requirement has one exact version and at least one SHA-256, and no address of its own."""
    lines = entries(name)
    assert lines
    for line in lines:
        assert _PIN.match(line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line
        assert "://" not in line, line


def test_declared_packages_are_locked() -> None:
    """Everything that pyproject.toml asks for is in the lock files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    run, extra = project["dependencies"], project["optional-dependencies"]
    wanted = {
        "requirements/run.txt": run,
        "requirements/postgresql.txt": run + extra["postgresql"],
        "requirements/dev.txt": run + extra["dev"] + extra["broker"] + extra["postgresql"],
        PEERS: [line for line in _PEERS_WANTED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")],
    }
    for name, requirements in wanted.items():
        locked = {canonical(match[1]) for match in _PIN.finditer((ROOT / name).read_text(encoding="utf-8"))}
        asked = {canonical(re.match(r"[A-Za-z0-9._-]+", text)[0]) for text in requirements}  # type: ignore[index]
        assert asked <= locked, name


def test_run_lock_is_part_of_the_development_lock() -> None:
    """What is tested is what runs: all files pin the same versions."""
    dev, *others = map(pins, LOCKS)
    for run in others:
        assert {name: version for name, version in run.items() if dev.get(name) != version} == {}


def test_peers_do_the_same_cryptography() -> None:
    """The library that a measured peer calls is the very one that we call."""
    assert pins(PEERS)["cryptography"] == pins("requirements/run.txt")["cryptography"]
