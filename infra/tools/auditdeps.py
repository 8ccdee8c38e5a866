"""Ask for known vulnerabilities of the pinned packages, and say plainly how many packages could be asked about.

Ends with 0 only when every package was checked and none has a known vulnerability; with 1 when one has; with 2 when
something could not be checked, as without a network or where an index does not tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PINNED = ROOT / "requirements" / "dev.txt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking: packages that were checked, those that were not, and what was found, one line each."""

    checked: int
    unchecked: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def status(self) -> int:
        """The exit status."""
        if self.found:
            return 1
        return 0 if self.checked and not self.unchecked else 2

    def lines(self) -> list[str]:
        """Return what a person reads."""
        said = [f"vulnerable: {each}" for each in self.found]
        if not self.checked:
            return [*said, "NOTHING WAS CHECKED: no package could be asked about. This says nothing of their safety."]
        if self.unchecked:
            said.append(f"NOT CHECKED, {len(self.unchecked)}: {', '.join(self.unchecked)}")
        return [*said, f"{self.checked} packages checked, {len(self.found)} known vulnerabilities"]


def judge(report: str) -> Outcome:
    """Return what a JSON report of pip-audit says; one that is none says that nothing was checked."""
    try:
        packages: list[dict[str, Any]] = list(json.loads(report)["dependencies"])
    except (ValueError, KeyError, TypeError):
        return Outcome(0, (), ())
    checked = [each for each in packages if "skip_reason" not in each]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for each in checked
        for flaw in each["vulns"]
    ]
    unchecked = tuple(str(each["name"]) for each in packages if "skip_reason" in each)
    return Outcome(len(checked), unchecked, tuple(found))


def main(command: Sequence[str] = ("pip-audit",)) -> int:
    """Ask, say what came of it, and return the exit status."""
    tool = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    asked = [*tool, "--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json", "-r", str(PINNED)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    outcome = judge(done.stdout)
    if not outcome.checked and done.returncode and done.stderr.strip():
        print(done.stderr.strip().splitlines()[-1])
    for line in outcome.lines():
        print(line)
    return outcome.status


if __name__ == "__main__":
    sys.exit(main())
