"""Whether a log still begins as it did: an older checkpoint that somebody kept against the log as it is now.

Two checkpoints that the log signed and that do not agree prove to anyone that it showed two histories: keep both.
"""

from __future__ import annotations

from refbus.audit.published_log import CHECKPOINT, Finding, LogFiles, LogSource
from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy
from refbus.tlog.proofs import consistency_proof, verify_consistency
from refbus.tlog.tiles import TileTrees


def compare(source: LogSource, policy: Policy, older: bytes) -> tuple[Finding, ...]:
    """Return why the log is not a continuation of the checkpoint in the note `older`; empty when it is.

    LOG_INCONSISTENT: both are signed by the log and the later does not begin with the earlier. LOG_NOT_PUBLISHED: these
    files are shorter, and nothing says that they are newer. Anything else says that it could not be shown. Raises what
    the source raises when it cannot be read: TransportError, SetupError.
    """
    files, place = LogFiles(source), "older checkpoint"
    try:
        kept = Note.parse(older)
        before = policy.signed(kept)
        place = CHECKPOINT
        note = files.checkpoint()
        now = policy.signed(note)
    except (MalformedError, UncheckableError, UntrustedError) as error:
        return (Finding.of_checkpoint(error, place),)
    if before.origin == now.origin and before.size > now.size:
        later = _cosigned_later(policy, (kept, before), (note, now))
        code = Code.LOG_INCONSISTENT if later else Code.LOG_NOT_PUBLISHED
        return (Finding(code, CHECKPOINT, f"{now.size} entries where there were {before.size}"),)
    return tuple(_differences(files, before, now))


def _cosigned_later(policy: Policy, kept: tuple[Note, Checkpoint], found: tuple[Note, Checkpoint]) -> bool:
    """Whether every cosignature of `found` is later than those of `kept`: a witness signs no tree that is shorter."""
    before, now = policy.cosigned(*kept).values(), policy.cosigned(*found).values()
    return bool(before) and bool(now) and min(now) > max(before)


def _differences(files: LogFiles, before: Checkpoint, now: Checkpoint) -> list[Finding]:
    if before.origin != now.origin:
        return [Finding(Code.LOG_UNEXPECTED, CHECKPOINT, f"the older one is of {before.origin}")]
    try:
        proof = consistency_proof(TileTrees(files.tile, now.size), before.size, now.size)
        verify_consistency(before.head, now.head, proof)
    except (UncheckableError, UntrustedError) as error:
        return [_finding(error, before)]
    return []


def _finding(error: RefbusError, before: Checkpoint) -> Finding:
    if error.code is Code.PROOF_INVALID:
        return Finding(Code.LOG_INCONSISTENT, CHECKPOINT, f"its first {before.size} entries are others")
    return Finding.of_file(error)
