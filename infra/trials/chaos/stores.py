"""The other stores come back: an auditor's, a gate's across versions, the publisher's of the directory.

While a country's audit log grows, its auditor is stopped and brought back from copies of every age: the newest over a
sound store, the whole home on a clean machine, the same on another path, and an old copy, which must not sign. Each
restore is killed at several moments and given again. Between, the repository of the directory comes back from copies of
every age and must publish nothing lower than members have seen, and a gate's store comes back from an older and a newer
program. Somebody reads the published checkpoint all the time, as in the scenario of logs. The negative control plays an
auditor that takes an emptied store for a new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chaos import programs
from chaos.auditing import start_auditor
from chaos.auditors import COUNTRIES, Watcher, hand_out_directory, judge_log, log_folder, proven, write
from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.result import Result
from chaos.stage import KG, KZ, Cast
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.errors import Code, RefbusError
from refbus.node.store import migrations
from refbus.trust.publisher import recovery
from refbus.trust.publisher.ceremony import Passphrases, publish_for_development
from refbus.trust.publisher.published import mark_of
from refbus.trust.publisher.repository import Publication, Repository
from refbus_auditor.store import migrations as auditor_migrations

NAME = "stores of auditor, gate and directory brought back"
CONTROL = "stores emptied, the auditor begins anew"
_BATCH = 40
_END_S = 150.0
_CUTS_S = (0.15, 0.45, 0.9)
_OLD_S = 8.0
"""So long an auditor with an old store may try to start before it must have said LOG_ROLLED_BACK."""


@dataclass(frozen=True, slots=True)
class StoresScenario:
    """The scenario of the other stores, in the shape of the others. `unmarked`: the negative control."""

    unmarked: bool = False
    share: int = 1

    @property
    def name(self) -> str:
        """The name in the report."""
        return CONTROL if self.unmarked else NAME

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground, tally, stuck = Ground.open(cast.folder), Tally(), ""
        watcher = Watcher(log_folder(ground))
        play = _Play(ground, cast, tally, watcher)
        try:
            try:
                play.emptied() if self.unmarked else play.all()
            except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
                stuck = f"{type(error).__name__}: {error}"
            watcher.end()
            ground.stop_services()
            if not stuck and not self.unmarked:
                judge_log(ground, play.leaves, watcher.seen, play.home / "log" / log_folder(ground).name, tally)
        finally:
            watcher.end()
            ground.close()
        seconds = time.monotonic() - began
        return Result(self.name, self.unmarked, len(play.leaves), ground.faults, tally, seconds, stuck, ground.measured)


@dataclass(slots=True)
class _Play:
    """The auditor of kz, where its home is now, and the copies that were made of it, oldest first."""

    ground: Ground
    cast: Cast
    tally: Tally
    watcher: Watcher
    leaves: list[bytes] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    home: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home = self.ground.world.paths.home(self.ground.stack.auditor(KZ))

    def emptied(self) -> None:
        """Play an auditor that takes an emptied store for a new one."""
        self._begin()
        self.ground.stack.services[f"auditor-{KZ}"].stop()
        self.ground.around = "chaos.unmarked"
        self._empty()

    def all(self) -> None:
        """Play every way of coming back, with entries flowing between."""
        ground = self.ground
        self._begin()
        for way in (
            self._sound,
            self._clean,
            self._elsewhere,
            self._old,
            self._emptied,
            self._older_program,
            self._newer_program,
        ):
            self._live()
            ground.stack.services[f"auditor-{KZ}"].stop()
            way()
            self._live()
        self._directory()
        ground.start_gates((KG,))
        self._versions()
        if not wait(lambda: proven(ground) >= len(self.leaves), _END_S):
            raise RuntimeError(f"only {proven(ground)} of {len(self.leaves)} entries were proven")
        ground.measured["checkpoints seen"] = len(self.watcher.seen)

    def _begin(self) -> None:
        ground = self.ground
        hand_out_directory(ground)
        for country in COUNTRIES:
            start_auditor(ground, country)
        ground.stack.wait_ready([f"auditor-{country}" for country in COUNTRIES])
        self._live()

    def _live(self) -> None:
        """Let entries come, be logged and proven, and copy the home as an operator does."""
        self.leaves += write(self.ground, _BATCH)
        if not wait(lambda: proven(self.ground) >= len(self.leaves), _END_S):
            raise RuntimeError(f"only {proven(self.ground)} of {len(self.leaves)} entries were proven")
        copy = self.ground.folder / "copies" / str(len(self.copies))
        for name in ("org.json", "root.json", "erased", "auditor.db.made"):
            if (self.home / name).is_file():
                copy.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.home / name, copy / name)
        shutil.copytree(self.home / "keys", copy / "keys")
        _copy_database(self.home / "store" / "auditor.db", copy / "store" / "auditor.db")
        self.copies.append(copy)

    def _sound(self) -> None:
        """Give the newest copy beside a sound store that has signed no more."""
        self._restore(self.copies[-1])
        self._start("restored: over a sound store")

    def _clean(self) -> None:
        """Lose the machine: nothing is left but a copy."""
        shutil.rmtree(self.home)
        self._restore(self.copies[-1])
        self._start("restored: clean machine")

    def _elsewhere(self) -> None:
        """Lose the machine, and come back on another path."""
        shutil.rmtree(self.home)
        self.home = self.ground.folder / "another-place" / "auditor"
        self._restore(self.copies[-1])
        self._start("restored: another path")
        self.watcher.move(self.home / "log" / self.watcher.folder.name)

    def _old(self) -> None:
        """Put the oldest copy in place: it must not sign, and what was there before comes back."""
        refused = self._command(self.copies[0], ())
        self.tally.add(
            "unaccounted", int(Code.BACKUP_OLDER not in refused), f"an older copy was taken: {refused[-90:]}"
        )
        self._restore(self.copies[0], "--older")
        name = f"auditor-{KZ}"
        log = self.ground.folder / "log" / f"{name}.log"
        before = log.stat().st_size if log.exists() else 0
        self.ground.start(name, ("refbus_auditor",), self._environment(service=True))
        self.ground.count("restored: an old copy")

        def told() -> bool:
            with log.open("rb") as file:
                file.seek(before)
                return b"LOG_ROLLED_BACK" in file.read()

        self.tally.add("unaccounted", int(not wait(told, _OLD_S * 4)), "an old copy did not say LOG_ROLLED_BACK")
        self.ground.stack.services[name].stop()
        kept = sorted((self.home / "store").glob("auditor.db.before-*"), key=lambda path: path.stat().st_mtime)
        newest = max(kept, key=_signed_size)
        self._restore(newest)
        self._start("restored: the newest that was put aside")

    def _emptied(self) -> None:
        """Empty the store, and bring the newest copy back."""
        self._empty()
        self._restore(self.copies[-1])
        self._start("restored: over an emptied store")

    def _older_program(self) -> None:
        """Give the copy of a newer program to this one: it is refused, and the store that is there goes on."""
        copy = self.ground.folder / "copies" / "newer"
        shutil.copytree(self.copies[-1], copy)
        programs.make_newer(copy / "store" / "auditor.db")
        store = self.home / "store" / "auditor.db"
        before = hashlib.sha256(store.read_bytes()).digest()
        said = self._command(copy, ("--older",))
        same = hashlib.sha256(store.read_bytes()).digest() == before
        self.tally.add("unaccounted", int(Code.STORE_NEWER not in said or not same), f"a newer log: {said[-90:]}")
        self._start("restored: by an older program")

    def _newer_program(self) -> None:
        """Lose the machine; the copy that is left is of an older program, and is migrated."""
        copy = self.ground.folder / "copies" / "older"
        shutil.copytree(self.copies[-1], copy)
        store = copy / "store" / "auditor.db"
        programs.make_older(store, auditor_migrations)
        before = programs.version_of(store)
        shutil.rmtree(self.home)
        self._restore(copy)
        self._start("restored: by a newer program")
        same = programs.version_of(self.home / "store" / "auditor.db") in {before, ""}
        self.tally.add("unaccounted", int(same), "an older store of an auditor was not migrated")

    def _empty(self) -> None:
        """Empty the store and lose the files of the log: the auditor must not begin anew."""
        store = self.home / "store" / "auditor.db"
        for each in store.parent.glob("auditor.db*"):
            if each.suffix != ".lock" and "before" not in each.name:
                each.unlink()
        store.touch(0o600)
        shutil.rmtree(self.home / "log")
        name = f"auditor-{KZ}"
        log = self.ground.folder / "log" / f"{name}.log"
        before = log.stat().st_size
        self.ground.start(name, ("refbus_auditor",), self._environment(service=True))
        self.ground.count("store emptied")

        def told() -> bool:
            with log.open("rb") as file:
                file.seek(before)
                return b"HOME_DAMAGED" in file.read()

        self.tally.add("unaccounted", int(not wait(told, _OLD_S * 4)), "an emptied store was taken for a new one")
        self.ground.stack.services[name].stop()

    def _directory(self) -> None:
        """Bring the publisher's repository back from copies of every age; each member's word is what counts."""
        paths, passphrases = self.ground.world.paths, Passphrases.same(PASSPHRASE)
        backups = list[Path]()
        for number in range(3):
            backups.append(self.ground.folder / f"repository-{number}")
            shutil.copytree(paths.repository, backups[-1])
            publish_for_development(paths, Publication(Repository(paths.repository), machine_ms()), passphrases)
        seen = self.ground.folder / "seen"
        shutil.copytree(paths.repository, seen)
        for number, backup in enumerate(reversed(backups)):
            highest = _version(seen)
            shutil.rmtree(paths.repository)
            shutil.copytree(backup, paths.repository)
            if number % 2:  # the mark came from the backup too
                mark_of(paths.repository).unlink()
            self.ground.count("repository brought back")
            refused = ""
            try:
                recovery.require_newest(paths, [seen], machine_ms())
                publish_for_development(paths, Publication(Repository(paths.repository), machine_ms()), passphrases)
            except RefbusError as error:
                refused = error.code
            self.tally.add("unaccounted", int(refused != Code.DIRECTORY_BEHIND), "a lower version was published")
            self._cut_recovery(paths.out, seen)
            publish_for_development(paths, Publication(Repository(paths.repository), machine_ms()), passphrases)
            lower = _version(paths.repository) <= highest
            self.tally.add("unaccounted", int(lower), "a version that members have seen was published again")
            shutil.rmtree(seen)
            shutil.copytree(paths.repository, seen)
        hand_out_directory(self.ground)

    def _cut_recovery(self, federation: Path, seen: Path) -> None:
        call = "import sys; from refbus_ops.cli import main; sys.exit(main())"
        words = ("directory", "--federation", str(federation), "restore", "--seen", str(seen))
        for seconds in (*self.cast.rng.sample(_CUTS_S, 2), 0):
            _run((sys.executable, "-c", call, *words), dict(os.environ), self.ground, seconds)

    def _versions(self) -> None:
        """Bring a gate's store back from a newer and from an older program."""
        ground, gate = self.ground, self.ground.world.paths.gate(KG)
        store, copy = gate / "store" / "node.db", ground.folder / "node-copy.db"
        ground.stack.services[f"gate-{KG}"].stop()
        _copy_database(store, copy)
        before = hashlib.sha256(store.read_bytes()).digest()
        programs.make_newer(copy)
        said = self._gate_restore(copy)
        same = hashlib.sha256(store.read_bytes()).digest() == before
        self.tally.add("unaccounted", int(Code.STORE_NEWER not in said or not same), f"a newer store: {said[-90:]}")
        ground.count("restored: by an older program")
        copy.unlink()
        _copy_database(store, copy)
        programs.make_older(copy, migrations, "0004")
        programs.change(copy, "PRAGMA user_version = 0")
        for seconds in (*self.cast.rng.sample(_CUTS_S, 2), 0):
            words = (sys.executable, "-m", "refbus_gate", "restore", str(copy), "--older")
            _run(words, {**os.environ, **ground.stack.gate_environment(KG)}, ground, seconds)
        ground.count("restored: by a newer program")
        ground.start_gate(KG, f"gate-{KG}")
        ground.stack.wait_ready([f"gate-{KG}"])
        migrated = ground.query(KG, "SELECT count(*) FROM sqlite_master WHERE name = 'delivered'")[0][0]
        self.tally.add("unaccounted", int(migrated != 1), "an older store was not migrated")

    def _gate_restore(self, copy: Path) -> str:
        words = (sys.executable, "-m", "refbus_gate", "restore", str(copy), "--older")
        environment = {**os.environ, **self.ground.stack.gate_environment(KG)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stderr

    def _restore(self, copy: Path, *words: str) -> None:
        """Give a restore, killed at several moments, and once to its end."""
        argv = (sys.executable, "-m", "refbus_auditor", "restore", str(copy), *words)
        for seconds in (*self.cast.rng.sample(_CUTS_S, len(_CUTS_S)), 0):
            _run(argv, self._environment(), self.ground, seconds)

    def _command(self, copy: Path, words: Sequence[str]) -> str:
        argv = (sys.executable, "-m", "refbus_auditor", "restore", str(copy), *words)
        done = subprocess.run(argv, env=self._environment(), capture_output=True, text=True, check=False)
        return done.stderr

    def _environment(self, *, service: bool = False) -> dict[str, str]:
        own = dict(self.ground.stack.auditor_environment(KZ))
        if not service:
            own = {**os.environ, **own}
        return own | {"REFBUS_AUDITOR_HOME": str(self.home)}

    def _start(self, fault: str) -> None:
        name = f"auditor-{KZ}"
        self.ground.start(name, ("refbus_auditor",), self._environment(service=True))
        self.ground.count(fault)
        self.ground.stack.wait_ready([name])


def _run(argv: Sequence[str], environment: dict[str, str], ground: Ground, kill_after_s: float) -> None:
    """Run a command; kill it after a while, or with 0 let it end. Raises RuntimeError when it does not end well."""
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=kill_after_s or _END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        ground.count("kill -9 of a restore")
        return
    if process.returncode != 0:
        raise RuntimeError(f"{argv[2]} ended with {process.returncode}: {said[-200:]}")


def _copy_database(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(source, timeout=10)) as opened, closing(sqlite3.connect(target)) as copy:
        opened.backup(copy)


def _signed_size(path: Path) -> int:
    with closing(sqlite3.connect(path)) as opened:
        return int(opened.execute("SELECT coalesce(sum(signed_size), 0) FROM shard").fetchone()[0])


def _version(repository: Path) -> tuple[int, int]:
    found = Repository(repository)
    return found.snapshot().version, found.timestamp().version
