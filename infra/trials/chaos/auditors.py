"""Thousands of audit entries while a log's auditor and its witnesses are killed at every step: one history, all of it.

Somebody reads the published checkpoint all the time and keeps what was seen. In the end the log must hold by its format
alone, have each entry once and in order, have proven each, and every checkpoint that was ever seen must be a beginning
of it.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from chaos.auditing import start_auditor
from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.logs import read_topic
from chaos.result import Result
from chaos.stage import KG, KZ, UZ, Cast
from demo.world import PASSPHRASE, produce_all
from refbus.audit import AuditOutcome, AuditRecord, Stage, make_entry
from refbus.audit.fsck import check_log
from refbus.audit.leaf import PREFIX
from refbus.audit.sources import FolderSource
from refbus.clock import machine_ms
from refbus.core.directory import Directory, OrgRole
from refbus.core.ids import CountryCode, gate_id
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.hashing import tree_root
from refbus.tlog.note import Note
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.shards import shard_at
from refbus.tlog.tiles import Tile, TileTrees, split_bundle, tile_of
from refbus.trust.layout import list_files
from refbus.trust.reader.log_policy import auditor_of, log_policy
from refbus.wire.logs import LogProofs
from refbus.wire.transport import DirectoryFile

NAME = "logs and witnesses killed"
COUNTRIES = tuple(CountryCode(each) for each in ("kg", "kz", "tm", "uz"))
POINTS = (
    "log before its transaction",
    "log inside its transaction",
    "log after its transaction",
    "tiles before the signed state",
    "signed state before the signature",
    "signature before the proofs",
    "proofs before they are noted",
)
_BATCHES = 32
_LEAST = 3_200
"""Entries at least: enough for a dozen tiles."""
_STRIKES_S = 180.0
_END_S = 240.0


@dataclass(frozen=True, slots=True)
class AuditorsScenario:
    """The scenario of logs, in the shape of the others."""

    name: str = NAME
    share: int = 1

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground = Ground.open(cast.folder)
        watcher = Watcher(log_folder(ground))
        try:
            stuck, leaves = _play(ground, cast, watcher)
            watcher.end()
            ground.collect()
            ground.stop_services()
            tally = Tally()
            if not stuck:
                judge_log(ground, leaves, watcher.seen, log_folder(ground), tally)
        finally:
            watcher.end()
            ground.close()
        return Result(NAME, False, len(leaves), ground.faults, tally, time.monotonic() - began, stuck, ground.measured)


@dataclass(slots=True)
class Watcher:
    """A reader of the published checkpoint who keeps everything that it saw."""

    folder: Path
    seen: dict[str, Checkpoint] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> dict[str, Checkpoint]:
        """Look no more; return what was seen, by its text."""
        self._stop.set()
        self._thread.join()
        return self.seen

    def move(self, folder: Path) -> None:
        """Look at another folder from now on."""
        self.folder = folder

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            with suppress(OSError):
                text = Note.parse((self.folder / "checkpoint").read_bytes()).text
                self.seen.setdefault(text, Checkpoint.parse(text))


def _play(ground: Ground, cast: Cast, watcher: Watcher) -> tuple[str, list[bytes]]:
    leaves: list[bytes] = []
    plan = [(point, cast.rng.randint(1, 2)) for point in cast.rng.sample(POINTS, len(POINTS))]
    try:
        hand_out_directory(ground)
        for country in COUNTRIES:
            start_auditor(
                ground, country, plan if country == KZ else [("witness before it answers", 2)] * (country == UZ)
            )
        ground.stack.wait_ready([f"auditor-{country}" for country in COUNTRIES])
        deadline = time.monotonic() + _STRIKES_S
        number = 0
        while number < _BATCHES or (_struck(ground) < len(POINTS) and time.monotonic() < deadline):
            leaves += write(ground, max(_LEAST, cast.events) // _BATCHES)
            if number % 8 == 5:
                _kill(ground, cast.rng.choice((KZ, KG)))
            if number == _BATCHES // 2:
                _freeze(ground, CountryCode("tm"))
            time.sleep(cast.rng.uniform(0.2, 1.2))
            number += 1
        if not wait(lambda: proven(ground) >= len(leaves), _END_S):
            return f"only {proven(ground)} of {len(leaves)} entries were proven", leaves
    except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
        return f"{type(error).__name__}: {error}", leaves
    ground.measured["checkpoints seen"] = len(watcher.seen)
    return "", leaves


def hand_out_directory(ground: Ground) -> None:
    """Give every country its directory, as its gate would have done."""
    files = [DirectoryFile(path, content).encode() for path, content in list_files(ground.world.paths.repository)]
    for country in COUNTRIES:
        produce_all(ground.world.brokers[country].address(), f"{country}.directory", files)


def write(ground: Ground, count: int) -> list[bytes]:
    """Write entries of the gate of kz into its audit topic, every tenth of them twice; return their leaves."""
    directory = _directory(ground)
    home = ground.world.home(gate_id(KZ))
    (pair,) = home.signing_pairs(PASSPHRASE).values()
    inspector = next(
        each.kem_keys[0].public
        for each in directory.organisations.values()
        if each.role is OrgRole.INSPECTOR and each.country == KZ
    )
    entries = [
        make_entry(_record(), audit_key=secrets.token_bytes(32), signer=pair, inspector=inspector) for _ in range(count)
    ]
    values = [entry.encode() for entry in entries]
    again = values[::10]
    produce_all(ground.world.brokers[KZ].address(), f"{KZ}.audit", values + again)
    ground.measured["repeated records"] += len(again)
    return [entry.leaf for entry in entries]


def _record() -> AuditRecord:
    return AuditRecord(
        decision_id=secrets.token_bytes(16),
        writer=gate_id(KZ),
        stage=Stage.EGRESS,
        outcome=AuditOutcome.FORWARDED,
        codes=(),
        event_type=None,
        event_id=None,
        message_sha256=None,
        consent_id=None,
        consent_version=None,
        at_ms=machine_ms(),
    )


def _struck(ground: Ground) -> int:
    """Return how often the auditor of kz has died at a named point."""
    path = ground.plans[f"auditor-{KZ}"]
    return len(path.read_text(encoding="ascii").splitlines()) if path.exists() else 0


def _kill(ground: Ground, country: CountryCode) -> None:
    ground.stack.services[f"auditor-{country}"].signal(signal.SIGKILL)
    ground.count("kill -9 of an auditor")


def _freeze(ground: Ground, country: CountryCode) -> None:
    """Stop a witness for a while: the quorum must do without it."""
    pid = ground.stack.services[f"auditor-{country}"].pid
    os.kill(pid, signal.SIGSTOP)
    ground.count("SIGSTOP of a witness")

    def go_on() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    threading.Timer(10.0, go_on).start()


def proven(ground: Ground) -> int:
    """Return of how many audit entries somebody was given a proof."""
    return len({proof.entry for given in _proofs(ground) for proof in given.proofs if proof.entry.startswith(PREFIX)})


def _proofs(ground: Ground) -> list[LogProofs]:
    topic = f"{KZ}.proofs"
    return [LogProofs.parse(line.value) for line in read_topic(ground.world.brokers[KZ].address(), topic)]


def _directory(ground: Ground) -> Directory:
    return ground.world.directory(ground.world.now_ms())


def log_folder(ground: Ground) -> Path:
    """Return the folder of the log of kz of this half-year."""
    home = ground.world.paths.home(auditor_of(_directory(ground), KZ).org_id)
    return home / "log" / shard_at(ground.world.now_ms())


def judge_log(
    ground: Ground, written: Sequence[bytes], seen: dict[str, Checkpoint], folder: Path, tally: Tally
) -> None:
    """Count what is wrong with the log in `folder`: by its format, by what was written, by what was ever seen of it."""
    policy = log_policy(_directory(ground), KZ)
    with tempfile.TemporaryFile() as scratch:
        report = check_log(FolderSource(folder), policy, scratch, machine_ms() // 1000 + 600)
    for finding in report.findings:
        tally.add("unaccounted", 1, f"{finding.code} at {finding.place}")
    if report.checkpoint is None:
        tally.add("lost", len(written), "no checkpoint holds")
        return
    size = report.checkpoint.size
    logged = [entry for entry in _entries(folder, size) if entry.startswith(PREFIX)]
    _compare(tally, written, logged)
    trees = TileTrees(lambda tile: _read(folder, tile), size)
    signed = dict(seen)
    for given in _proofs(ground):
        note = Note.parse(given.checkpoint)
        signed.setdefault(note.text, Checkpoint.parse(note.text))
        for proof in given.proofs:
            TlogProof(proof.index, proof.hashes, note).verify(proof.entry, policy, machine_ms() // 1000 + 600)
    for checkpoint in signed.values():
        same = checkpoint.size <= size and tree_root(trees, checkpoint.size) == checkpoint.root
        tally.add("unaccounted", int(not same), f"a checkpoint of {checkpoint.size} entries is no beginning of the log")
    ground.measured["entries in the log"] = size


def _compare(tally: Tally, written: Sequence[bytes], logged: Sequence[bytes]) -> None:
    times = Counter(logged)
    for leaf in written:
        tally.add("lost", int(times[leaf] == 0), f"leaf {leaf[-4:].hex()} is not in the log")
        tally.add("duplicate_effects", max(0, times[leaf] - 1), f"leaf {leaf[-4:].hex()} is {times[leaf]} times in it")
    tally.add("unaccounted", len(set(logged) - set(written)), "leaves that nobody wrote")
    places = {leaf: place for place, leaf in enumerate(written)}
    order = [places[leaf] for leaf in logged if leaf in places]
    tally.add("reordered", sum(one > other for one, other in pairwise(order)), "leaves out of order")


def _entries(folder: Path, size: int) -> list[bytes]:
    found: list[bytes] = []
    for index in range(-(-size // 256)):
        tile = tile_of(0, index, size)
        found += split_bundle(_read(folder, Tile(None, index, tile.width)), tile.width)
    return found


def _read(folder: Path, tile: Tile) -> bytes:
    return (folder / tile.path).read_bytes()
