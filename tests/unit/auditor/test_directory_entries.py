"""What an auditor tells of the directory: each metadata file once in the log, and a proof of all of them each time."""

from __future__ import annotations

from refbus.audit.shapes import directory_leaf
from support.auditors import Auditors

FILES = [("metadata/1.root.json", b"root"), ("targets/kz/00.policy.json", b"policy"), ("metadata/timestamp.json", b"1")]
LATER = [*FILES[:2], ("metadata/timestamp.json", b"2")]
DAYS_MS = 86_400_000


def _leaves(files: list[tuple[str, bytes]]) -> set[bytes]:
    return {directory_leaf(path, content) for path, content in files if path.startswith("metadata/")}


def test_metadata_is_logged_once_and_proven(world: Auditors) -> None:
    """Targets are named by the metadata and need no entry."""
    kz = world.nodes["kz"]
    assert kz.core.log_directory(FILES) == 2
    world.settle()
    assert {proof.entry for record in kz.proofs() for proof in record.proofs} == _leaves(FILES)
    assert kz.core.log_directory(FILES) == 0


def test_all_files_of_a_new_version_are_proven_again(world: Auditors) -> None:
    """A newcomer finds them together, also those that were logged long ago."""
    kz = world.nodes["kz"]
    kz.core.log_directory(FILES)
    world.settle()
    before = len(kz.proofs())
    assert kz.core.log_directory(LATER) == 1
    world.settle()
    assert {proof.entry for record in kz.proofs()[before:] for proof in record.proofs} == _leaves(LATER)


def test_what_stands_in_an_older_shard_is_proven_from_there(world: Auditors) -> None:
    """The log has a file once, whatever shard it stands in; the proof names that shard."""
    kz = world.nodes["kz"]
    kz.core.log_directory(FILES)
    world.settle()
    first, before = kz.origin(), len(kz.proofs())
    world.now_ms += 150 * DAYS_MS
    assert kz.core.log_directory(LATER) == 1
    world.settle()
    told = kz.proofs()[before:]
    assert {proof.entry for record in told for proof in record.proofs} == _leaves(LATER)
    assert {record.checkpoint.split(b"\n")[0].decode() for record in told} == {first, kz.origin()}
