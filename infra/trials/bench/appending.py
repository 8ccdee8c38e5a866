"""Part 5: leaves a second that an auditor appends to its log on one core, beside two logs that others made.

Ours is the real ledger, a SQLite transaction with fsync for each batch, every entry with the sealed record behind it,
and the real publisher once a second: tiles and bundles, each synchronised, the signed state, the checkpoint. At the end
the whole log is checked. No Kafka, and entries are not verified here: that is one Ed25519 signature each, on any core.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from pymerkle import SqliteTree

from bench.gatework import BATCH
from bench.pinned import in_child
from bench.report import Aim, Measure
from refbus.audit.fsck import check_log
from refbus.audit.leaf import PREFIX
from refbus.audit.sources import FolderSource
from refbus.crypto.framing import sha256
from refbus.database.engine import FileDatabase
from refbus.tlog.custody import LogSecret
from refbus.tlog.policy import Policy
from refbus.tlog.shards import origin_of, shard_at
from refbus_auditor import ledger
from refbus_auditor.files import LogFolder
from refbus_auditor.home import KIND
from refbus_auditor.ledger import Ledger, NewEntry
from refbus_auditor.publication import Publisher

LEAVES = 50_000
NAME = "bench.example"
NOW_MS = 1_800_000_000_000
RECORD_BYTES = 2_400
"""About the size of an audit entry as the auditor keeps it: sealed record, signature, ids."""
PYMERKLE = "pymerkle, SQLite tree, leaves alone"
TESSERA = "tessera, POSIX driver, leaves alone"
AIM = Aim("value", ">=", 5_000)
Say = Callable[[str], None]
_GOLANG = Path(__file__).parent / "golang"
_TURN_S = 1.0
_BUILD_S = 600


class Log(Protocol):
    """Something that leaves are appended to."""

    def append(self, leaves: Sequence[bytes]) -> None:
        """Have a batch on the disk."""
        ...

    def publish(self) -> None:
        """Show what there is: the root at least."""
        ...

    def close(self) -> None:
        """Finish, and check what was written if that can be done."""
        ...


def measure(folder: Path, say: Say) -> list[Measure]:
    """Return the rate of our log against each of the others that is there."""
    folder.mkdir(parents=True)
    ours = in_child(rate, AuditorLog, folder / "ours")
    against = {PYMERKLE: in_child(rate, PymerkleLog, folder / "pymerkle"), TESSERA: tessera(folder, say)}
    return [
        Measure("log append, store and files, one core", ours, "leaves/s", name, other, AIM)
        for name, other in against.items()
        if other is not None
    ]


def rate(make: Callable[[Path], Log], folder: Path) -> float:
    """Append all leaves in batches, publish every second and at the end, and return leaves a second."""
    folder.mkdir(parents=True)
    leaves = [PREFIX + sha256(b"%d" % number) for number in range(LEAVES)]
    log = make(folder)
    began = published = time.perf_counter()
    for start in range(0, LEAVES, BATCH):
        log.append(leaves[start : start + BATCH])
        if time.perf_counter() - published >= _TURN_S:
            log.publish()
            published = time.perf_counter()
    log.publish()
    took = time.perf_counter() - began
    log.close()
    return LEAVES / took


class AuditorLog:
    """The log of an auditor, without what fills it."""

    def __init__(self, folder: Path) -> None:
        self._database = FileDatabase(folder / "auditor.db", KIND)
        self._ledger = Ledger(NAME)
        self._secret = LogSecret.generate()
        self._folder = folder / "log"
        self._publisher = Publisher(
            self._database, LogFolder(self._folder, NAME), self._secret.log_key, self._folder / "evidence"
        )
        self._records = [os.urandom(RECORD_BYTES) for _ in range(BATCH)]
        self._count = 0

    def append(self, leaves: Sequence[bytes]) -> None:
        """Add a batch in one transaction."""
        batch = [
            NewEntry(number.to_bytes(16, "big"), leaf, "bench", NOW_MS, record)
            for number, (leaf, record) in enumerate(zip(leaves, self._records, strict=True), self._count)
        ]
        self._count += len(batch)
        with self._database.writing() as connection:
            self._ledger.add(connection, batch, NOW_MS)

    def publish(self) -> None:
        """Write tiles and checkpoint."""
        with self._database.reading() as connection:
            logs = ledger.shards(connection)
        for log in logs:
            self._publisher.publish(log)

    def close(self) -> None:
        """Check the whole log."""
        self._database.close()
        shard = shard_at(NOW_MS)
        key = self._secret.log_key(origin_of(NAME, shard)).verifier
        policy = Policy.parse(f"log {key.vkey}\nquorum none\n".encode())
        report = check_log(FolderSource(self._folder / shard), policy, io.BytesIO())
        if report.findings or report.checkpoint is None or report.checkpoint.size != LEAVES:
            raise ValueError(f"the log does not hold: {report.findings[:3]}")


class PymerkleLog:
    """The persistent tree of pymerkle."""

    def __init__(self, folder: Path) -> None:
        self._tree = SqliteTree(str(folder / "tree.db"))

    def append(self, leaves: Sequence[bytes]) -> None:
        """Add a batch in one transaction."""
        self._tree.append_entries(leaves)

    def publish(self) -> None:
        """Compute the root."""
        self._tree.get_root()

    def close(self) -> None:
        """Close the file."""
        self._tree.close()


def tessera(folder: Path, say: Say) -> float | None:
    """Return the rate of tessera on the same core; None, with a word, where it cannot be built."""
    if shutil.which("go") is None:
        say("no go on this machine: tessera is not measured")
        return None
    program = folder / "tessera"
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    build = ["go", "build", "-o", str(program), "."]
    built = subprocess.run(
        build, cwd=_GOLANG, env=environment, capture_output=True, text=True, check=False, timeout=_BUILD_S
    )
    if built.returncode:
        say(f"tessera is not measured: {built.stderr.strip().splitlines()[-1]}")
        return None
    run = [str(program), str(folder / "tessera-log"), str(LEAVES), str(BATCH)]
    return float(in_child(_output, run, {**os.environ, "GOMAXPROCS": "1"}))


def _output(argv: list[str], environment: dict[str, str]) -> str:
    """Run a program on the core that this process stays on."""
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout
