"""Run the fast tests on each supported version of Python that this machine has, and name those that it has not.

Versions are those of the classifiers in pyproject.toml, and the next one, so that it can be claimed once it passes.
Each gets a virtual environment of its own under var/pythons, from the same pinned packages. Ends with 0 when every
version that was found passed and there was one; else with 1.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINNED = ROOT / "requirements" / "dev.txt"
TESTS = ("tests/unit", "tests/property", "tests/conformance")
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "loadfile")  # as `make test-fast`
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def main(arguments: Sequence[str]) -> int:
    """Try every supported version with the tests that are named, else with the fast ones; returns the exit status."""
    tests = tuple(arguments) or TESTS
    passed: list[str] = []
    failed: list[str] = []
    missing: list[str] = []
    for version in (*supported(), following()):
        interpreter = find(version)
        if interpreter is None:
            missing.append(version)
            continue
        print(f"pythons: {version} is {interpreter}", flush=True)
        (passed if _tried(version, interpreter, tests) else failed).append(version)
    for said, versions in (("passed", passed), ("FAILED", failed), ("not found on this machine", missing)):
        if versions:
            print(f"pythons: {said}: {', '.join(versions)}")
    return 0 if passed and not failed else 1


def supported(root: Path = ROOT) -> list[str]:
    """Return the versions that pyproject.toml claims, in its order."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [found[1] for line in project["classifiers"] if (found := _CLASSIFIER.fullmatch(line))]


def following() -> str:
    """Return the version after the newest that is claimed."""
    major, minor = supported()[-1].split(".")
    return f"{major}.{int(minor) + 1}"


def find(version: str) -> Path | None:
    """Return an interpreter that says that it is `version`, or None."""
    return next((path for path in _candidates(version) if _says(path) == version), None)


def _candidates(version: str) -> Iterator[Path]:
    """Yield where an interpreter may be: on the search path, and where pyenv keeps its versions."""
    name = f"python{version}"
    for folder in os.get_exec_path():
        if (Path(folder) / name).is_file():
            yield Path(folder) / name
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"))


def _says(interpreter: Path) -> str:
    """Return the version that an interpreter tells of itself; nothing when it does not run."""
    asked = [str(interpreter), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() if told.returncode == 0 else ""


def _tried(version: str, interpreter: Path, tests: Sequence[str]) -> bool:
    """Say whether set-up and tests passed on this version."""
    folder = ROOT / "var" / "pythons" / version
    own = str(folder / "bin" / "python")
    pip = (own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    ready, pinned = folder / ".ready", hashlib.sha256(PINNED.read_bytes()).hexdigest()
    if not ready.is_file() or ready.read_text(encoding="utf-8") != pinned:
        shutil.rmtree(folder, ignore_errors=True)
        steps = (
            (str(interpreter), "-m", "venv", str(folder)),
            (*pip, "--require-hashes", "-r", str(PINNED)),
            (*pip, "--no-build-isolation", "-e", str(ROOT)),
        )
        if not all(_done(step) for step in steps):
            return False
        ready.write_text(pinned, encoding="utf-8")
    return _done((own, *_PYTEST, *tests))


def _done(step: Sequence[str]) -> bool:
    """Say whether a command ended with 0, run at the top of the checkout."""
    return subprocess.run(step, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
