"""An auditor that loses its store, and what must hold when it is made again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from refbus.audit.published_log import LogSource
from refbus.audit.sources import FolderSource
from refbus.database.lead import Lead
from refbus.errors import Code, RefbusError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.end import LogEnd
from refbus.tlog.note import Note
from refbus.tlog.witness import origin_hash
from refbus.wire.logs import LogProofs
from refbus_auditor.rebuild import Request, rebuild
from support.auditors import AuditNode, Auditors
from support.directories import auditor, gate, log_secret
from support.logs import mth

COUNT = 300
"""Entries of the log that is lost: more than one bundle."""


class Disaster:
    """The auditor of kz with a log of 300 entries, stopped; a copy of its published files somewhere else."""

    def __init__(self, world: Auditors, folder: Path) -> None:
        self.world = world
        self.node: AuditNode = world.nodes["kz"]
        self.folder = folder
        self.leaves = world.log(COUNT)
        world.settle()
        self.origin = self.node.origin()
        self.mirror = shutil.copytree(self.node.home.log_folder, folder / "mirror")
        self.signed = {COUNT: mth(self.leaves)}

    def store_copy(self) -> Path:
        """Return a copy of the store as it is now."""
        self.node.home.database.copy_to(self.folder / "old.db")
        return self.folder / "old.db"

    def another_history(self, shared: int) -> tuple[Path, Path]:
        """Let this log begin with `shared` entries and go on otherwise; return its files and a copy of its store."""
        world = Auditors(self.folder / "elsewhere", ("kz",), quorum=0)
        node, copy = world.nodes["kz"], self.folder / "other.db"
        world.log(shared)
        node.bus.put("kz.audit", world.entry_of(gate("kz"), decision_id=b"another" + bytes(9)).encode())
        world.settle()
        node.home.database.copy_to(copy)
        world.close()
        return node.home.log_folder, copy

    def grow(self, count: int = 10) -> None:
        """Let the log go on."""
        self.leaves += self.world.log(count)
        self.world.settle()
        self.signed[len(self.leaves)] = mth(self.leaves)

    def lose_store(self, old: Path | None = None) -> None:
        """Stop the auditor; its store is gone, or another copy is in its place."""
        self.node.home.close()
        shutil.rmtree(self.node.folder / "store")
        if old is not None:
            (self.node.folder / "store").mkdir(mode=0o700)
            shutil.copy(old, self.node.folder / "store" / "auditor.db")

    def lose_log(self) -> None:
        """Lose the published files of the home."""
        shutil.rmtree(self.node.folder / "log")

    def rebuild(
        self, *places: Path, end: bool = False, proofs: Iterable[LogProofs] = (), lead: Lead | None = None
    ) -> list[str]:
        """Give the order."""
        kz = auditor("kz")
        sources: list[LogSource] = [FolderSource(each) for each in places]
        directory = self.world.fed.directory
        request = Request(self.node.country, log_secret(kz), directory, sources, proofs, self.world.now_ms, end=end)
        return rebuild(self.node.folder, request, lead)

    def refuses(self, code: Code, *places: Path, end: bool = False) -> None:
        """Require that the order is refused with a code and that nothing of the home has changed."""
        before = self._files()
        with pytest.raises(RefbusError) as caught:
            self.rebuild(*places, end=end)
        assert (caught.value.code, self._files()) == (code, before)

    def start(self) -> None:
        """Start the auditor, and let everybody work."""
        self.node.open()
        self.world.settle(12)

    def require_one_history(self) -> None:
        """Require that whatever was signed at any size anywhere is what was signed before."""
        notes = [Note.parse((self.node.home.log_folder / self.origin.rpartition("/")[2] / "checkpoint").read_bytes())]
        for other in ("kg", "uz"):
            witnessed = self.world.nodes[other].core.witness.newest(origin_hash(self.origin))
            notes += [] if witnessed is None else [Note.parse(witnessed)]
            assert not list((self.world.nodes[other].folder / "evidence").glob("*-log_forked.txt"))
        for note in notes:
            checkpoint = Checkpoint.parse(note.text)
            assert self.signed.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root

    def require_goes_on(self) -> None:
        """Require that the log is exactly what it was, sound, and grows with its quorum."""
        assert self.node.leaves() == self.leaves
        self.grow(3)
        assert Checkpoint.parse(self.node.note().text).root == mth(self.leaves)
        self.require_one_history()
        self.node.require_sound()

    def require_ended(self, size: int, more: int) -> None:
        """Require that the log stands still at `size` and says so; the next one has `more` entries and goes on."""
        folder = self.node.home.log_folder / self.origin.rpartition("/")[2]
        end = LogEnd.parse(Note.parse((folder / "end").read_bytes()).text)
        assert (end.head.size, end.newest.size) == (size, max(self.signed))
        self.world.log(5)
        self.world.settle(12)
        assert Checkpoint.parse(Note.parse((folder / "checkpoint").read_bytes()).text).size == size
        self.require_one_history()
        logs = self.node.core.shards()
        assert [log.origin.rpartition("/")[2] for log in logs] == ["2026b", "2027a"]
        assert logs[1].cosigned_size == logs[1].head.size == more + 5

    def _files(self) -> set[tuple[str, bytes]]:
        names = {path for path in self.node.folder.rglob("*") if path.is_file() and path.suffix != ".lock"}
        return {(str(path), path.read_bytes()) for path in names}


def records(node: AuditNode) -> list[tuple[str, bool]]:
    """Return whose each entry of the store is, and whether its record is there."""
    with closing(sqlite3.connect(node.folder / "store" / "auditor.db")) as opened:
        rows = opened.execute("SELECT writer, raw IS NOT NULL FROM entry ORDER BY origin, place").fetchall()
    return [(writer, bool(there)) for writer, there in rows]
