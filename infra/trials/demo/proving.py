"""The last act: what happened can be proved years later, offline, and a history that was rewritten is found out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.office import Office
from demo.stack import Stack
from kafka.patience import wait
from refbus.audit.export import read_export
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.note import Note
from refbus.tlog.tiles import WIDTH, Tile
from refbus.trust.layout import list_files

KZ = CountryCode("kz")


@dataclass(slots=True)
class Proven:
    """What the act showed, for the report. Codes are those of what must be refused."""

    proofs: int = 0
    tampered: str = ""
    entries: int = 0
    opened: int = 0
    rewritten: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything that must hold held, and what was false was found out."""
        return (
            self.proofs > 1
            and self.tampered == "SIGNATURE_INVALID"
            and self.opened > 0
            and {"LOG_DAMAGED", "LOG_INCONSISTENT"} & set(self.rewritten) != set()
        )


class Proofs:
    """Tells the act. `desk` is a folder for what the lawyer and the inspector are given."""

    def __init__(self, stack: Stack, offices: dict[OrgId, Office], desk: Path, tell: Callable[[str], None]) -> None:
        self._stack = stack
        self._offices = offices
        self._desk = desk
        self._tell = tell
        self._lawyer = Office(OrgId("lawyer"), _without_home(stack), desk / "lawyer")
        self.proven = Proven()

    def tell_all(self, agency: OrgId, number: int) -> Proven:
        """Prove referral `number` of `agency`, check the whole log, let the inspector read; return what was shown."""
        self._tell("")
        self._tell("Everything can be proved later")
        policy = self._prove(self._offices[agency], number)
        self._check_log(policy)
        self._inspect(policy)
        return self.proven

    def _prove(self, office: Office, number: int) -> Path:
        """Let a lawyer check the proofs of one referral, with public keys alone, then with one byte changed."""
        folder = self._desk / "proofs"
        shutil.rmtree(folder, ignore_errors=True)  # those of an earlier demonstration are of another federation
        words = ("audit", "proof", str(number), "--out", str(folder))
        value = office.until(
            words, lambda found: all(each["file"] or not each["awaited"] for each in found["statements"]), seconds=90.0
        )
        policy = folder / str(value["policy"])
        files = sorted(folder.glob("*.tlog-proof"))
        self._tell(f"  {office.org} $ refbus audit proof {number} --out proofs")
        self._tell("  Years later a lawyer has these files and nothing else: no network, no keys, no account.")
        self._show(self._lawyer, "audit", "verify", str(files[0]), "--policy", str(policy))
        checked = self._lawyer.do("audit", "verify", *map(str, files), "--policy", str(policy))
        self.proven.proofs = sum(each["proven"] for each in checked)
        spoiled = self._desk / "spoiled.tlog-proof"
        lines = files[0].read_bytes().split(b"\n")
        root = lines.index(b"") + 3  # origin, size, root: the first lines behind the empty one
        lines[root] = lines[root][:9] + (b"B" if lines[root][9:10] == b"A" else b"A") + lines[root][10:]
        spoiled.write_bytes(b"\n".join(lines))
        answer = self._lawyer.ask("audit", "verify", str(spoiled), "--policy", str(policy))
        self.proven.tampered = answer.value[0]["code"] if answer.status else ""
        self._tell(f"  The same file with one letter changed: {self.proven.tampered}")
        return policy

    def _check_log(self, policy: Path) -> None:
        """Check every hash of a country's log over the web, then a copy in which one bit was turned over."""
        folder = self._log_folder()
        where = f"http://127.0.0.1:{self._stack.ports[f'log-{KZ}']}/{folder.name}"
        self._show(
            self._lawyer, "audit", "fsck", where, "--policy", str(policy), shown=("audit", "fsck", "…", "--policy", "…")
        )
        copy = self._desk / "rewritten" / folder.name
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        shutil.copy(folder / "checkpoint", copy)  # before the tiles: the log grows while it is copied
        shutil.copytree(folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoint"))
        bundle = copy / Tile(None, 0, min(WIDTH, _size(copy))).path
        content = bytearray(bundle.read_bytes())
        content[-1] ^= 1
        bundle.write_bytes(bytes(content))
        answer = self._lawyer.ask("audit", "fsck", str(copy), "--policy", str(policy))
        self.proven.rewritten = sorted({each["code"] for each in answer.value["findings"]}) if answer.status else []
        self._tell(f"  A copy with one bit of one entry turned over: {', '.join(self.proven.rewritten)}")

    def _inspect(self, policy: Path) -> None:
        """Let the inspector open the sealed entries, each checked against its leaf, and write a report to print."""
        export = self._desk / "kz.audit"
        export.unlink(missing_ok=True)
        auditor = self._stack.auditor_environment(KZ)
        subprocess.run([sys.executable, "-m", "refbus_auditor", "export", str(export)], env=auditor, check=True)
        self._until_published(export)
        inspector = self._inspector()
        held = ("--policy", str(policy), "--log", str(self._log_folder().parent))
        opened = inspector.do("audit", "open", str(export), *held)
        self.proven.entries = len(opened)
        self.proven.opened = sum(not each["problems"] for each in opened)
        self._tell("  The inspector, who alone can read the sealed entries, opens them: each is held against its leaf.")
        self._tell(f"    {self.proven.opened} of {self.proven.entries} entries opened, signed, and in the log")
        page = self._desk / "report.html"
        page.unlink(missing_ok=True)
        inspector.do("audit", "report", "--export", str(export), *held, "--out", str(page))
        self._tell("    the inspector's report to print: var/demo/desks/proofs/report.html")

    def _until_published(self, export: Path) -> None:
        """Wait until the published log has all of an export: what came a moment ago is not cosigned yet."""
        with export.open("rb") as file:
            newest = {each.origin: each.index for each in read_export(file.read)}
        logs = self._log_folder().parent

        def missing() -> list[str]:
            return [origin for origin, index in newest.items() if _size(logs / origin.rpartition("/")[2]) <= index]

        wait("what was exported, in the published log", lambda: not missing(), missing)

    def _inspector(self) -> Office:
        world = self._stack.world
        directory = world.directory(world.now_ms())
        org = next(
            each.org_id
            for each in directory.organisations.values()
            if each.role is OrgRole.INSPECTOR and each.country == KZ
        )
        world.home(org).trust_store().refresh_from(list_files(world.paths.repository), world.now_ms())
        return Office(org, self._stack.gateway_environment(org), self._desk / "inspector")

    def _log_folder(self) -> Path:
        """Return the folder of the newest half-year of the log of kz."""
        logs = self._stack.world.paths.home(self._stack.auditor(KZ)) / "log"
        return max(path for path in logs.iterdir() if path.is_dir())

    def _show(self, office: Office, *words: str, shown: Sequence[str] = (), most: int = 14) -> None:
        said = [word.rsplit("/", maxsplit=1)[-1] for word in shown or words]
        self._tell(f"  {office.org} $ refbus {' '.join(said)}")
        for line in office.say(*words)[:most]:
            self._tell(f"    {line}")


def _size(log: Path) -> int:
    """Return how many entries a published log has."""
    return Checkpoint.parse(Note.parse((log / "checkpoint").read_bytes()).text).size


def _without_home(stack: Stack) -> dict[str, str]:
    """Return the environment of somebody who has no part in the federation."""
    some = next(iter(stack.homes))
    return {
        name: value for name, value in stack.gateway_environment(some).items() if not name.startswith("REFBUS_HOME")
    }


def summary(proven: Proven) -> dict[str, Any]:
    """Return what the act showed, for the report file."""
    return {
        "proofs_verified_offline": proven.proofs,
        "tampered_proof": proven.tampered,
        "entries_opened": proven.opened,
        "rewritten_log": proven.rewritten,
    }
