from __future__ import annotations

import io
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from refbus.audit.fsck import MOST_FINDINGS, Report, check_log
from refbus.audit.published_log import Finding
from refbus.audit.sources import FolderSource
from refbus.core.bounds import COUNT
from refbus.errors import Code
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.policy import Policy
from support.logs import (
    ORIGIN,
    audit_entries,
    checkpoint_note,
    directory_entry,
    log_key,
    log_policy,
    mth,
    witness_key,
    write_log,
    write_tree,
)

POLICY = log_policy()
SIZE = 65_536 + 259
DATA = audit_entries(SIZE)
"""Enough for tiles of three levels, full and partial ones, and for three sorted runs of entries."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log of three levels."""
    return write_log(tmp_path_factory.mktemp("large"), DATA)


@pytest.fixture
def log(large: Path, tmp_path: Path) -> Path:
    """Return a copy of the large log that a test may change."""
    return Path(shutil.copytree(large, tmp_path / "log"))


def check(folder: Path, policy: Policy = POLICY, now_s: int | None = None) -> Report:
    """Return the report on a folder."""
    return check_log(FolderSource(folder), policy, io.BytesIO(), now_s)


def found(folder: Path, policy: Policy = POLICY) -> list[tuple[Code, str]]:
    """Return what is wrong with a folder, without the words for people."""
    return [(finding.code, finding.place) for finding in check(folder, policy).findings]


def change(path: Path, at: int, new: bytes = b"") -> None:
    """Overwrite bytes of a file; without `new` flip a bit."""
    data = bytearray(path.read_bytes())
    data[at : at + (len(new) or 1)] = new or bytes([data[at] ^ 1])
    path.write_bytes(data)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_539])
def test_a_whole_log_holds(tmp_path: Path, size: int) -> None:
    """Nothing is found in a log of any size that another writer wrote."""
    report = check(write_log(tmp_path, DATA[:size]))
    assert (report.findings, report.complete) == ((), True)
    assert report.checkpoint is not None
    assert (report.checkpoint.size, report.checkpoint.origin) == (size, ORIGIN)


def test_directory_entries_hold(tmp_path: Path) -> None:
    """Versions of the directory stand among the decisions, and may stand twice."""
    entry = directory_entry("metadata/12.snapshot.json", b"{}")
    assert found(write_log(tmp_path, [DATA[0], entry, DATA[1], entry])) == []


# what an attacker changes, and exactly what is found: (path, offset in it), findings
EDITED = [
    (("tile/entries/007", 49 * 20 + 30), [(Code.LOG_INCONSISTENT, "tile/0/007[20]")]),
    (
        ("tile/0/007", 32 * 20),
        [(Code.LOG_INCONSISTENT, "tile/0/007[20]"), (Code.LOG_INCONSISTENT, "tile/1/000[7]")],
    ),
    (
        ("tile/1/000", 32 * 7),
        [(Code.LOG_INCONSISTENT, "tile/1/000[7]"), (Code.LOG_INCONSISTENT, "tile/2/000.p/1[0]")],
    ),
    (
        ("tile/0/257.p/3", 32 * 2),
        [(Code.LOG_INCONSISTENT, "tile/0/257.p/3[2]"), (Code.LOG_INCONSISTENT, "checkpoint")],
    ),
    (
        ("tile/1/001.p/1", 0),
        [(Code.LOG_INCONSISTENT, "tile/1/001.p/1[0]"), (Code.LOG_INCONSISTENT, "checkpoint")],
    ),
    (
        ("tile/2/000.p/1", 0),
        [(Code.LOG_INCONSISTENT, "tile/2/000.p/1[0]"), (Code.LOG_INCONSISTENT, "checkpoint")],
    ),
    (("tile/entries/000", 2), [(Code.LOG_ENTRY_UNKNOWN, "entry 0"), (Code.LOG_INCONSISTENT, "tile/0/000[0]")]),
    (("tile/entries/000", 1), [(Code.LOG_DAMAGED, "tile/entries/000")]),
]


@pytest.mark.parametrize(("where", "expected"), EDITED, ids=[where[0] for where, _ in EDITED])
def test_one_bit(log: Path, where: tuple[str, int], expected: list[tuple[Code, str]]) -> None:
    """One bit that was changed in an entry or a tile of any level is found where it is."""
    change(log / where[0], where[1])
    assert found(log) == expected


FILES = ["tile/entries/007", "tile/entries/257.p/3", "tile/0/007", "tile/0/257.p/3"]
FILES += ["tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"]


@pytest.mark.parametrize("path", FILES)
def test_a_missing_file(log: Path, path: str) -> None:
    """A file that is missing is named; what is above it is checked against what is below it."""
    (log / path).unlink()
    assert found(log) == [(Code.LOG_INCOMPLETE, path)]


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_was_cut(log: Path, path: str) -> None:
    """A file that lost its last byte is named."""
    (log / path).write_bytes((log / path).read_bytes()[:-1])
    assert found(log) == [(Code.LOG_DAMAGED, path)]


@pytest.mark.parametrize("path", ["tile/entries/000.p/3", "tile/0/000.p/3"])
@pytest.mark.parametrize("change", [lambda data: data + b"\0", lambda data: data * 2, lambda _: b""])
def test_a_file_of_another_size(tmp_path: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    """A file that grew, or is empty, is named."""
    place = write_log(tmp_path, DATA[:3]) / path
    place.write_bytes(change(place.read_bytes()))
    assert found(tmp_path) == [(Code.LOG_DAMAGED, path)]


def test_bundle_and_tile_missing(log: Path) -> None:
    """Without entries and tile the part is not known; the rest is checked, and no other finding is made up."""
    (log / "tile/entries/007").unlink()
    (log / "tile/0/007").unlink()
    (log / "tile/1/000").unlink()
    (log / "tile/2/000.p/1").unlink()
    missing = ["tile/entries/007", "tile/0/007", "tile/1/000", "tile/2/000.p/1"]
    assert found(log) == [(Code.LOG_INCOMPLETE, path) for path in missing]


REWRITES: list[tuple[str, list[bytes]]] = [
    ("edited", [*DATA[:5], b"refbus-audit/v1" + bytes(32), *DATA[6:300]]),
    ("reordered", [DATA[1], DATA[0], *DATA[2:300]]),
    ("deleted and replaced", [*DATA[:5], *DATA[6:300], DATA[300]]),
    ("inserted and cut", [DATA[300], *DATA[:299]]),
]


@pytest.mark.parametrize("entries", [entries for _, entries in REWRITES], ids=[name for name, _ in REWRITES])
def test_a_rewritten_history(tmp_path: Path, entries: list[bytes]) -> None:
    """Whoever rewrites entries and all tiles over them still cannot have the root that the log signed."""
    write_tree(tmp_path, entries)
    (tmp_path / "checkpoint").write_bytes(checkpoint_note(DATA[:300]))
    assert found(tmp_path) == [(Code.LOG_INCONSISTENT, "checkpoint")]


def test_a_leaf_taken_out_of_the_bundle_alone(tmp_path: Path) -> None:
    """A bundle with an entry less, two exchanged or one more does not pass for what its tile says."""
    write_log(tmp_path, DATA[:4])
    bundle = tmp_path / "tile/entries/000.p/4"
    rows = [entry_bytes(entry) for entry in DATA[:5]]
    for changed, expected in [
        (rows[:3], [(Code.LOG_DAMAGED, "tile/entries/000.p/4")]),
        (rows[:5], [(Code.LOG_DAMAGED, "tile/entries/000.p/4")]),
        ([rows[1], rows[0], *rows[2:4]], [(Code.LOG_INCONSISTENT, f"tile/0/000.p/4[{at}]") for at in (0, 1)]),
    ]:
        bundle.write_bytes(b"".join(changed))
        assert found(tmp_path) == expected


def entry_bytes(entry: bytes) -> bytes:
    """Return an entry as it stands in a bundle."""
    return len(entry).to_bytes(2, "big") + entry


def test_the_same_decision_twice(tmp_path: Path) -> None:
    """A decision that stands twice is found, however far apart, and named with where it stood before."""
    report = check(write_log(tmp_path, [*DATA[:400], DATA[3], DATA[3]]))
    assert report.findings == (
        Finding(Code.LOG_ENTRY_TWICE, "entry 400", "the same as entry 3"),
        Finding(Code.LOG_ENTRY_TWICE, "entry 401", "the same as entry 400"),
    )


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        DATA[0][:-1],
        DATA[0] + b"\0",
        b"refbus-audit/v2" + bytes(32),
        directory_entry("metadata/root.json", b"")[:-1],
        directory_entry("metadata/root.json", b"") + b"\0",
        directory_entry("metadata/root.json", b"").replace(b"root", b"roo"),
        directory_entry("targets/root.json", b""),
        directory_entry("metadata/../root.json", b""),
        directory_entry("metadata/root", b""),
        directory_entry("metadata/.json", b""),
    ],
)
def test_a_third_kind_of_entry(tmp_path: Path, entry: bytes) -> None:
    """An entry that is neither a decision nor a version of the directory is named, though every hash is right."""
    assert found(write_log(tmp_path, [DATA[0], entry])) == [(Code.LOG_ENTRY_UNKNOWN, "entry 1")]


def test_another_root(tmp_path: Path) -> None:
    """A checkpoint that the log signed over another root is found, in an empty log too."""
    for size in (0, 3, 256):
        folder = tmp_path / str(size)
        folder.mkdir()
        write_log(folder, DATA[:size])
        (folder / "checkpoint").write_bytes(checkpoint_note(DATA[:size], root=mth(DATA[:7])))
        assert found(folder) == [(Code.LOG_INCONSISTENT, "checkpoint")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, Code.LOG_INCOMPLETE),
        (b"", Code.NOT_CANONICAL),
        (b"x" * ((1 << 20) + 1), Code.TOO_LARGE),
        (checkpoint_note(DATA[:3])[:-1], Code.NOT_CANONICAL),
        (checkpoint_note(DATA[:3], log_key(seed=9)), Code.KEY_UNKNOWN),
        (checkpoint_note(DATA[:3], log_key("elsewhere.example")), Code.KEY_UNKNOWN),
        (checkpoint_note(DATA[:3]).replace(b"\n3\n", b"\n2\n"), Code.SIGNATURE_INVALID),
    ],
)
def test_no_checkpoint_that_holds(tmp_path: Path, content: bytes | None, code: Code) -> None:
    """Without a checkpoint that the log signed nothing else is looked at: its size is what the rest is checked by."""
    write_log(tmp_path, DATA[:2])
    if content is None:
        (tmp_path / "checkpoint").unlink()
    else:
        (tmp_path / "checkpoint").write_bytes(content)
    report = check(tmp_path)
    assert [(each.code, each.place) for each in report.findings] == [(code, "checkpoint")]
    assert (report.checkpoint, report.complete) == (None, False)


def test_witnesses_are_reported_apart(tmp_path: Path) -> None:
    """A log without its quorum, or with a false cosignature, is whole all the same, and the report says both."""
    kg, tm = (witness_key(f"{cc}.audit.example/witness", seed=seed) for cc, seed in (("kg", 3), ("tm", 4)))
    policy = log_policy(None, kg, tm)
    write_log(tmp_path, DATA[:3])
    place = tmp_path / "checkpoint"
    other = witness_key("kg.audit.example/witness", seed=5)
    for note, now_s, quorum in [
        (checkpoint_note(DATA[:3], None, (kg, tm)), None, None),
        (checkpoint_note(DATA[:3], None, (kg, tm)), 1_800_000_000, None),
        (checkpoint_note(DATA[:3], None, (kg, tm)), 1_799_999_999, Code.SIGNATURE_INVALID),
        (checkpoint_note(DATA[:3], None, (kg,)), None, Code.QUORUM_MISSING),
        (checkpoint_note(DATA[:3], None, (other, tm)), None, Code.QUORUM_MISSING),
    ]:
        place.write_bytes(note)
        report = check(tmp_path, policy, now_s)
        assert (report.findings, report.complete, report.quorum) == ((), True, quorum)
        assert (report.seen is None) is (quorum is not None)


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "tile/0/002",
        "tile/0/001.p/45",
        "tile/1/000",
        "tile/1/000.p/2",
        "tile/2/000.p/1",
        "tile/entries/002.p/1",
        "tile/entries/001",
        "tile/0/x000/000",
        "tile/0/000.p/256",
        "tile/0/001.p/044",
        "tile/63/000",
    ],
)
def test_files_that_do_not_belong(tmp_path: Path, path: str) -> None:
    """A file that a log of this size does not have is named."""
    write_log(tmp_path, DATA[:300])
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_bytes(b"x")
    assert found(tmp_path) == [(Code.LOG_UNEXPECTED, path)]


def test_older_partial_tiles(tmp_path: Path) -> None:
    """Partial tiles of earlier sizes may stay; one that the present tile does not begin with shows a rewrite."""
    for size in (3, 200, 300):
        write_log(tmp_path, DATA[:size])
    assert found(tmp_path) == []
    write_tree(tmp_path, [DATA[9], *DATA[1:5]])
    expected = ["tile/0/000.p/5", "tile/entries/000.p/5"]
    assert found(tmp_path) == [(Code.LOG_INCONSISTENT, path) for path in expected]
    (tmp_path / "tile/0/000").unlink()
    (tmp_path / "tile/0/000.p/5").write_bytes(b"")
    expected = ["tile/0/000.p/5", "tile/entries/000.p/5"]
    assert [place for _, place in found(tmp_path)] == ["tile/0/000", *expected]


def test_a_partial_tile_that_became_full(tmp_path: Path) -> None:
    """A partial tile that the log removed is cut out of the full one; what lies beyond the checkpoint is named."""
    write_log(tmp_path, DATA[:300])
    for level in ("0", "entries"):
        (tmp_path / "tile" / level / "001.p/44").unlink()
    write_tree(tmp_path, DATA[:512])
    beyond = ["tile/0/001", "tile/1/000.p/2", "tile/entries/001"]
    assert found(tmp_path) == [(Code.LOG_UNEXPECTED, path) for path in beyond]
    change(tmp_path / "tile/0/001", 32 * 43)
    assert found(tmp_path)[:2] == [
        (Code.LOG_INCONSISTENT, "tile/0/001.p/44[43]"),
        (Code.LOG_INCONSISTENT, "checkpoint"),
    ]
    (tmp_path / "tile/0/001").write_bytes(bytes(32 * 44))
    assert found(tmp_path)[0] == (Code.LOG_DAMAGED, "tile/0/001.p/44")


def test_the_check_ends_after_many_findings(tmp_path: Path) -> None:
    """A checkpoint that claims a log without end, of which nothing is there, does not keep the check busy for ever."""
    endless = Checkpoint(ORIGIN, COUNT.high, bytes(32))
    (tmp_path / "checkpoint").write_bytes(sign_checkpoint(endless, log_key()).encode())
    report = check(tmp_path)
    assert (len(report.findings), report.complete) == (MOST_FINDINGS, False)


def test_memory_does_not_grow(large: Path, tmp_path: Path) -> None:
    """Twice the entries take no more memory: what is kept is one run that is sorted, and a tile of each level."""
    half = write_log(tmp_path / "log", DATA[: SIZE // 2 + 1_000])
    peaks = []
    for folder in (half, large):
        with (tmp_path / f"scratch-{folder.name}").open("w+b") as scratch:
            tracemalloc.start()
            assert check_log(FolderSource(folder), POLICY, scratch).findings == ()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
