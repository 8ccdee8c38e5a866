from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import appending, proving
from refbus.audit.published_log import LogFiles
from refbus.audit.sources import FolderSource
from refbus.tlog.hashing import complete_root
from refbus.tlog.tiles import Tile, split_hashes, tiles_after

SIZE = 65_536 + 300


def test_the_long_log_is_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick writer leaves just the tiles that a log of this size has, and each hash is that of the tile below."""
    monkeypatch.setattr(proving, "PROOFS", 10)
    source = FolderSource(proving.write_log(tmp_path, SIZE))
    tiles = [tile for tile in tiles_after(0, SIZE) if tile.level is not None]
    assert sorted(source.paths()) == sorted(tile.path for tile in tiles)
    files = LogFiles(source)
    for tile in (tile for tile in tiles if tile.level):
        hashes = split_hashes(files.tile(tile), tile.width)
        below = [Tile(tile.level - 1, tile.index * 256 + at) for at in range(tile.width)]  # type: ignore[operator]
        assert hashes == [complete_root(split_hashes(files.tile(each), 256)) for each in below]
    assert len(proving.prove(tmp_path, SIZE).took.seconds) == 10


@pytest.mark.parametrize("make", [appending.AuditorLog, appending.PymerkleLog])
def test_logs_that_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: type[appending.AuditorLog]
) -> None:
    """Each log takes all leaves; ours is checked whole at the end, and a run that lost some would fail."""
    monkeypatch.setattr(appending, "LEAVES", 600)
    assert appending.rate(make, tmp_path / "log") > 0


def test_a_log_that_lost_leaves_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figure counts only when every leaf is in the log."""
    monkeypatch.setattr(appending, "LEAVES", 600)
    whole = appending.AuditorLog.append

    def lossy(log: appending.AuditorLog, leaves: list[bytes]) -> None:
        if log._count < 400:
            whole(log, leaves)

    monkeypatch.setattr(appending.AuditorLog, "append", lossy)
    with pytest.raises(ValueError, match="does not hold"):
        appending.rate(appending.AuditorLog, tmp_path / "log")


def test_tessera_is_left_out_without_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no Go the report says so and the rest is measured."""
    said: list[str] = []
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert appending.tessera(tmp_path, said.append) is None
    assert said == ["no go on this machine: tessera is not measured"]
