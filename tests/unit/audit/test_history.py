from __future__ import annotations

from pathlib import Path

import pytest

from refbus.audit.history import compare
from refbus.audit.published_log import Finding
from refbus.audit.sources import FolderSource
from refbus.errors import Code
from refbus.tlog.policy import Policy
from support.logs import audit_entries, checkpoint_note, log_key, log_policy, mth, witness_key, write_log

DATA = audit_entries(700)
POLICY = log_policy()


def found(folder: Path, older: bytes, policy: Policy = POLICY) -> list[tuple[Code, str]]:
    """Return why the log in a folder does not follow from the older checkpoint."""
    return [(finding.code, finding.place) for finding in compare(FolderSource(folder), policy, older)]


@pytest.mark.parametrize("old", [0, 1, 255, 256, 257, 512, 699, 700])
def test_a_log_that_only_grew(tmp_path: Path, old: int) -> None:
    """Every checkpoint that the log ever signed is followed by the present one."""
    write_log(tmp_path, DATA)
    assert found(tmp_path, checkpoint_note(DATA[:old])) == []


@pytest.mark.parametrize(
    "entries",
    [
        [DATA[1], DATA[0], *DATA[2:]],
        [*DATA[:5], *DATA[6:]],
        [*DATA[:299], DATA[699], *DATA[300:]],
        [DATA[699], *DATA[:699]],
    ],
)
def test_a_rewritten_history(tmp_path: Path, entries: list[bytes]) -> None:
    """A log that was rewritten, and signed again, contradicts the checkpoint that somebody kept."""
    older = checkpoint_note(DATA[:300])
    assert found(write_log(tmp_path, entries), older) == [(Code.LOG_INCONSISTENT, "checkpoint")]


def test_a_log_that_went_back(tmp_path: Path) -> None:
    """Fewer entries than there were: an older copy of the files, or rolled back when they were cosigned later."""
    findings = compare(FolderSource(write_log(tmp_path, DATA[:299])), POLICY, checkpoint_note(DATA[:300]))
    assert findings == (Finding(Code.LOG_NOT_PUBLISHED, "checkpoint", "299 entries where there were 300"),)
    witness = witness_key("uz.example/witness")
    policy, at_s = log_policy(None, witness), 1_800_000_000
    older = checkpoint_note(DATA[:300], None, [witness], at_s)
    for later_s, code in ((-5, Code.LOG_NOT_PUBLISHED), (0, Code.LOG_NOT_PUBLISHED), (5, Code.LOG_INCONSISTENT)):
        note = checkpoint_note(DATA[:299], None, [witness], at_s + later_s)
        (tmp_path / "checkpoint").write_bytes(note)
        assert found(tmp_path, older, policy) == [(code, "checkpoint")]


def test_two_histories_of_one_size(tmp_path: Path) -> None:
    """Two checkpoints of one size with different roots prove a fork, of an empty log too."""
    for size in (0, 300):
        folder = tmp_path / str(size)
        folder.mkdir()
        older = checkpoint_note(DATA[:size], root=mth(DATA[1:9]))
        assert found(write_log(folder, DATA[:size]), older) == [(Code.LOG_INCONSISTENT, "checkpoint")]


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    """A note that the log did not sign says nothing about it, nor does a log without checkpoint or tiles."""
    write_log(tmp_path, DATA)
    good = checkpoint_note(DATA[:300])
    older = "older checkpoint"
    assert found(tmp_path, b"") == [(Code.NOT_CANONICAL, older)]
    assert found(tmp_path, checkpoint_note(DATA[:300], log_key(seed=9))) == [(Code.KEY_UNKNOWN, older)]
    assert found(tmp_path, good.replace(b"\n300\n", b"\n299\n")) == [(Code.SIGNATURE_INVALID, older)]
    (tmp_path / "tile/1/000.p/2").write_bytes(b"")
    assert found(tmp_path, good) == [(Code.LOG_DAMAGED, "tile/1/000.p/2")]
    (tmp_path / "tile/1/000.p/2").unlink()
    assert found(tmp_path, good) == [(Code.LOG_INCOMPLETE, "tile/1/000.p/2")]
    (tmp_path / "checkpoint").unlink()
    assert found(tmp_path, good) == [(Code.LOG_INCOMPLETE, "checkpoint")]


def test_the_checkpoint_of_another_log(tmp_path: Path) -> None:
    """Two shards, both known to the policy, are two logs: neither follows from the other."""
    other = log_key("audit.kz.example/2027a", seed=5)
    lines = "".join(f"log {key.verifier.vkey}\n" for key in (log_key(), other))
    policy = Policy.parse(f"{lines}quorum none\n".encode())
    write_log(tmp_path, DATA)
    assert found(tmp_path, checkpoint_note(DATA[:9], other), policy) == [(Code.LOG_UNEXPECTED, "checkpoint")]
