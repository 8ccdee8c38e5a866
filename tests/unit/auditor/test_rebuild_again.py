"""A store is lost again after its log has ended, or differs where nothing was signed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.note import Note
from refbus.tlog.witness import origin_hash
from refbus_auditor.known import keep_newer
from refbus_auditor.ledger import PUBLISHED_WRITER, Standing
from support.directories import gate
from support.disasters import COUNT, Disaster, records
from support.logs import mth

LOST = 10


def end_with_a_loss(lost: Disaster) -> Path:
    """Let the log end because entries that it signed are nowhere; return a copy of the store from before."""
    old = Path(shutil.copy(lost.store_copy(), lost.folder / "before.db"))
    lost.grow(LOST)
    keep_newer(lost.node.home.evidence, lost.node.note())
    lost.lose_store()
    lost.lose_log()
    shutil.copytree(lost.mirror, lost.node.folder / "log")
    lost.node.bus.lose_end("kz.audit", COUNT)
    lost.rebuild(end=True)
    lost.start()
    return old


def shards(lost: Disaster) -> list[str]:
    """Return which half-years have a log."""
    return [log.origin.rpartition("/")[2] for log in lost.node.core.shards()]


@pytest.mark.parametrize("what", ["gone", "older than the end", "gone before anything was added"])
def test_a_store_is_lost_again_after_an_end(lost: Disaster, what: str) -> None:
    """The log comes back as it ended, with what its end says, and the log after it goes on."""
    before = end_with_a_loss(lost)
    folder = lost.node.home.log_folder
    signed_end = (folder / "2026b" / "end").read_bytes()
    if what != "gone before anything was added":
        lost.world.log(7)
        lost.world.settle(12)
    (newer,) = (log for log in lost.node.core.shards() if log.origin.endswith("2027a"))
    lost.lose_store(before if what == "older than the end" else None)
    told = lost.rebuild()
    assert f"It has ended. {LOST} entries that it signed are lost." in told
    lost.start()
    assert (folder / "2026b" / "end").read_bytes() == signed_end
    lost.require_ended(COUNT, more=newer.head.size)
    lost.node.restart()
    lost.require_one_history()


def test_a_store_from_before_an_end_signs_nothing(lost: Disaster) -> None:
    """Nothing is missing in it, and yet its log is over: the start refuses it, and the order brings the end back."""
    old = lost.store_copy()
    lost.lose_store()
    lost.rebuild(end=True)
    lost.start()
    lost.lose_store(old)
    with pytest.raises(RefbusError) as caught:
        lost.node.open()
    assert caught.value.code is Code.LOG_ROLLED_BACK
    lost.node.home.close()
    lost.rebuild()
    lost.start()
    lost.require_ended(COUNT, more=0)


def test_after_an_end_that_only_others_know_the_next_log_is_passed_over(lost: Disaster) -> None:
    """Something may have been signed in it that nobody shows: refused, and with `--end` the one after it begins."""
    end_with_a_loss(lost)
    mirror = shutil.copytree(lost.node.home.log_folder, lost.folder / "ended")
    shutil.rmtree(mirror / "2027a")
    lost.lose_store()
    lost.lose_log()
    lost.refuses(Code.LOG_ROLLED_BACK, mirror)
    told = lost.rebuild(mirror, end=True)
    assert told[-4].endswith("/2027b has begun.")
    lost.start()
    assert shards(lost) == ["2026b", "2027b"]
    lost.require_one_history()


def test_an_end_that_another_key_signed_ends_nothing(lost: Disaster) -> None:
    """It says nothing of this log, as a checkpoint of another key says nothing."""
    end_with_a_loss(lost)
    shard = lost.node.home.log_folder / "2026b"
    note = Note.parse((shard / "end").read_bytes())
    (shard / "end").write_bytes(Note(note.text, Note.parse((shard / "checkpoint").read_bytes()).signatures).encode())
    lost.lose_store()
    lost.refuses(Code.LOG_INCOMPLETE)


def other_tails(lost: Disaster) -> tuple[Path, list[bytes]]:
    """Let a backup have three entries that were never signed, the log others in their place; return backup, leaves."""
    entries = [lost.world.entry_of(gate("kz"), decision_id=bytes([9, each]) * 8) for each in range(4)]
    before = Path(shutil.copy(lost.store_copy(), lost.folder / "before.db"))
    for each in (entries[3], *entries[:2]):
        lost.node.bus.put("kz.audit", each.encode())
    lost.node.consume()
    (log,) = lost.node.core.shards()
    assert (log.head.size, log.signed.size) == (COUNT + 3, COUNT)
    tail = Path(shutil.copy(lost.store_copy(), lost.folder / "tail.db"))
    lost.lose_store(before)
    lost.node.bus.lose_end("kz.audit", COUNT)
    lost.node.open()
    for each in (entries[1], entries[0], entries[2]):
        lost.node.bus.put("kz.audit", each.encode())
    lost.world.settle(12)
    lost.leaves += [entries[each].leaf for each in (1, 0, 2)]
    lost.signed[len(lost.leaves)] = mth(lost.leaves)
    assert lost.node.leaves() == lost.leaves
    return tail, [each.leaf for each in entries]


@pytest.mark.parametrize("end", [False, True])
def test_entries_that_were_never_signed_are_no_other_history(lost: Disaster, end: bool) -> None:
    """What was signed takes their places; they keep their records, and what was signed nowhere is logged behind."""
    tail, leaves = other_tails(lost)
    lost.lose_store(tail)
    lost.rebuild(end=end)
    own, gone = (gate("kz"), True), (PUBLISHED_WRITER, False)
    assert records(lost.node)[COUNT:] == [own, own, gone, own]
    lost.start()
    if end:
        lost.require_ended(len(lost.leaves), more=1)
    else:
        lost.leaves.append(leaves[3])
        lost.signed[len(lost.leaves)] = mth(lost.leaves)
        lost.require_goes_on()


def test_what_a_store_signed_is_another_history(lost: Disaster) -> None:
    """Entries that differ below what it has signed: nothing is put together, also where the sizes are others."""
    _files, store = lost.another_history(COUNT - 2)
    lost.lose_store(store)
    lost.refuses(Code.LOG_FORKED)


def test_a_log_that_the_calendar_has_begun_is_passed_over(lost: Disaster) -> None:
    """A copy shows the half-year before; what was signed in the present one nobody shows: nothing is signed there."""
    lost.world.now_ms += 120 * DAY_MS
    lost.world.log(3)
    lost.world.settle(12)
    begun, node = lost.node.origin(), lost.node
    before = Checkpoint.parse(node.note().text)
    assert (shards(lost), before.origin, before.size) == (["2026b", "2027a"], begun, 3)
    lost.lose_store()
    lost.lose_log()
    lost.refuses(Code.LOG_ROLLED_BACK, lost.mirror)
    told = lost.rebuild(lost.mirror, end=True)
    assert told[-4].endswith("/2027b has begun.")
    lost.start()
    lost.world.log(2)
    lost.world.settle(12)
    logs = node.core.shards()
    assert shards(lost) == ["2026b", "2027b"]
    assert logs[1].head.size == logs[1].cosigned_size == 5
    lost.require_one_history()
    for other in ("kg", "uz"):
        witnessed = lost.world.nodes[other].core.witness.newest(origin_hash(begun))
        assert witnessed is not None
        assert Checkpoint.parse(Note.parse(witnessed).text) == before


def two_logs(lost: Disaster) -> Path:
    """Let a second half-year begin; return a copy of both logs."""
    lost.world.now_ms += 120 * DAY_MS
    lost.world.log(5)
    lost.world.settle(12)
    assert shards(lost) == ["2026b", "2027a"]
    return shutil.copytree(lost.node.home.log_folder, lost.folder / "both")


def standings(lost: Disaster) -> list[tuple[str, int, Standing]]:
    """Return what is signed of each log, and how it stands."""
    return [(log.origin[-5:], log.signed.size, log.standing) for log in lost.node.core.shards()]


def test_two_logs_that_are_lost_wholly_both_end(lost: Disaster) -> None:
    """Of neither it is known what was signed last: the one before the newest is no reason to refuse the order."""
    both = two_logs(lost)
    lost.lose_store()
    lost.lose_log()
    lost.refuses(Code.LOG_ROLLED_BACK, both)
    lost.rebuild(both, end=True)
    lost.start()
    lost.world.log(2)
    lost.world.settle(12)
    ended = [("2026b", COUNT, Standing.ENDED), ("2027a", 5, Standing.ENDED)]
    assert standings(lost) == [*ended, ("2027b", 2, Standing.GROWS)]
    assert (lost.node.home.log_folder / "2026b" / "end").is_file()
    lost.require_one_history()
    lost.node.restart()
    lost.require_one_history()
    lost.lose_store()
    lost.rebuild()
    lost.start()
    assert standings(lost) == [*ended, ("2027b", 2, Standing.GROWS)]


@pytest.mark.parametrize("lacks", [True, False], ids=["a bundle", "nothing"])
def test_an_older_log_ends_only_where_something_is_lost(lost: Disaster, lacks: bool) -> None:
    """With a bundle that nobody has it ends and says what is lost, by order alone; a whole one goes on as it was."""
    two_logs(lost)
    lost.lose_store()
    if lacks:
        (lost.node.folder / "log" / "2026b" / "tile/entries/000").unlink()
        lost.refuses(Code.LOG_INCOMPLETE)
    told = lost.rebuild(end=True)
    assert any(f" {COUNT} entries that it signed are lost." in line for line in told) is lacks
    lost.start()
    older = ("2026b", 0, Standing.ENDED) if lacks else ("2026b", COUNT, Standing.GROWS)
    assert standings(lost)[:2] == [older, ("2027a", 5, Standing.ENDED)]
    assert standings(lost)[2][0] == "2027b"
    lost.require_one_history()
