"""How fast a command starts: processor time of its process, the least of some, helps and what opens a home.

The home is at rest as a person has it: key files at full cost under one passphrase, a directory that was read before,
cases that were referred. What counts is user and system time of the process with all its threads. The first run of each
command compiles what it loads, as an installation does; it is not the least.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.report import Aim, Measure
from bench.trips import Office
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.crypto import keyfile

CASES: Final = 60
ROUNDS: Final = 7
HELP, OPEN = Aim("value", "<=", 120), Aim("value", "<=", 400)
HELPS: Final = ("", "inbox", "inbox list", "return", "emergency", "transfer", "audit", "status")
OPENS: Final = ("status", "inbox list --offline")
_BASELINE: Final = "python -c pass"
_RUN: Final = "from refbus_gateway.cli.main import main; raise SystemExit(main())"


def measure(folder: Path, cases: int = CASES) -> list[Measure]:
    """Return the processor time of each command, in milliseconds."""
    environ = made(folder, cases) | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    bare = _least(("-c", "pass"), {})
    found = [(f"refbus {words} --help".replace("  ", " "), f"{words} --help", HELP) for words in HELPS]
    found += [(f"refbus {words}, {cases} cases", words, OPEN) for words in OPENS]
    return [
        Measure(name, _least(("-c", _RUN, *words.split()), environ), "ms", _BASELINE, bare, aim)
        for name, words, aim in found
    ]


def made(folder: Path, cases: int) -> dict[str, str]:
    """Make a home in which so many cases were referred; return the surroundings of a command in it."""
    office = Office.create(folder, machine_ms())
    office.add_cases(0, cases)
    seal_alike(office, keyfile.MEMORY_KIB)
    return surroundings(office)


def seal_alike(office: Office, memory_kib: int) -> None:
    """Write the key files of an office again at one cost, as a home of today has them: with one salt."""
    paths = sorted((office.federation.home(office.org) / "keys").glob("*.key"))
    found = [keyfile.load(path, PASSPHRASE) for path in paths]
    for path in paths:
        path.unlink()
    for path, (label, secret) in zip(paths, found, strict=True):
        keyfile.save(path, PASSPHRASE, label, secret, memory_kib=memory_kib, own_salt=False)


def surroundings(office: Office) -> dict[str, str]:
    """Return the environment of a command in the home of an office."""
    home = office.federation.home(office.org)
    return {"REFBUS_HOME": str(home), "REFBUS_PASSPHRASE_FILE": str(office.passphrase())}


def _least(arguments: tuple[str, ...], environ: dict[str, str]) -> float:
    return min(_cpu_ms(arguments, environ) for _ in range(ROUNDS))


def _cpu_ms(arguments: tuple[str, ...], environ: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=environ, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
