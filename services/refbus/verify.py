"""The promised interface for third parties: check a proof, a log, and what the outside of an envelope says.

It needs public data only: no home, no keys, no store, no broker. What stands in `__all__`, with its signatures and the
fields of its values, is promised: it gains names and fields, loses none, and a test pins it. Values are frozen.
docs/integrators/verify.md shows how it is used.

Everything that is wrong is raised as a `RefbusError` with a stable `code` (docs/reference/errors.md): `MalformedError`
for bytes that are not what they should be, `UntrustedError` for what is false, `UncheckableError` for what cannot be
judged with what was given, `SetupError` and `TransportError` for places that cannot be read.

Sources: c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-proof@v1, tlog-tiles; RFC 6962 §2;
docs/spec/audit-log.md, docs/spec/audit-entry.md, docs/spec/envelope.md.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

from refbus.audit.fsck import Report
from refbus.audit.fsck import check_log as _check_log
from refbus.audit.history import compare
from refbus.audit.proven import Proven
from refbus.audit.proven import check_proof as _check_proof
from refbus.audit.published_log import Finding
from refbus.audit.record import AuditOutcome, AuditRecord, ReplayRecord, Stage
from refbus.audit.sources import source_of
from refbus.audit.statement import Statement
from refbus.core.units import HOUR_MS
from refbus.envelope.format import Envelope
from refbus.errors import (
    Code,
    MalformedError,
    RefbusError,
    SetupError,
    TransportError,
    UncheckableError,
    UntrustedError,
)
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.policy import MOST_BYTES as MOST_POLICY_BYTES
from refbus.tlog.policy import Group, Member, Policy, Seen
from refbus.tlog.prooffile import MOST_BYTES as MOST_PROOF_BYTES

__all__ = [
    "MOST_POLICY_BYTES",
    "MOST_PROOF_BYTES",
    "AuditOutcome",
    "AuditRecord",
    "Checkpoint",
    "Code",
    "Finding",
    "Group",
    "MalformedError",
    "Member",
    "Outside",
    "Policy",
    "Proven",
    "RefbusError",
    "ReplayRecord",
    "Report",
    "Seen",
    "SetupError",
    "Stage",
    "Statement",
    "TransportError",
    "UncheckableError",
    "UntrustedError",
    "check_continues",
    "check_log",
    "check_proof",
    "read_outside",
    "read_policy",
]


@dataclass(frozen=True, slots=True)
class Outside:
    """What anybody can read of an envelope without a key; nothing of it is signed by itself.

    `sha256` (32 bytes) names the envelope in receipts and audit entries. `message_id` is 16 random bytes, another for
    each envelope of one event. `expires_at_ms`: the end of its life, UTC ms, a whole hour. `size`: bytes of the whole.
    """

    sha256: bytes
    size: int
    version: int
    suite: int
    message_id: bytes
    expires_at_ms: int
    directory_version: int


def read_policy(data: bytes) -> Policy:
    """Return the trust policy in a file (c2sp.org/tlog-policy): which log counts, and whose cosignatures it needs.

    All trust rests on where the file is from: ask the country for it, and compare. Raises MalformedError,
    UntrustedError KEY_INVALID.
    """
    return Policy.parse(data)


def check_proof(proof: bytes, policy: Policy, *, entry: bytes | None = None, now_s: int | None = None) -> Proven:
    """Return what a proof file (c2sp.org/tlog-proof@v1) proves under a policy.

    `entry`: the logged entry or a statement, when the file does not carry it, or to compare. `now_s` (seconds since the
    epoch): cosignatures later than this are refused; leave room for a clock that is slow. Raises MalformedError;
    UncheckableError KEY_UNKNOWN (a log that the policy does not name), PROOF_INVALID (nothing says what was logged);
    UntrustedError PROOF_INVALID, SIGNATURE_INVALID, QUORUM_MISSING.
    """
    return _check_proof(proof, policy, entry, now_s)


def check_log(place: str, policy: Policy, *, now_s: int | None = None) -> Report:
    """Check every entry, hash and signature of one shard of a log (c2sp.org/tlog-tiles) and return what is wrong.

    `place` is a folder, or a web prefix (http, https) that is read without following redirects. The log holds when the
    report is `complete` without `findings`; `quorum` is None when the witnesses of the policy stand behind it. Takes 40
    bytes of temporary disk for each entry. Raises SetupError FILE_UNREADABLE, TransportError LOG_UNREACHABLE.
    """
    with tempfile.TemporaryFile() as scratch:
        return _check_log(source_of(place), policy, scratch, now_s)


def check_continues(place: str, policy: Policy, older: bytes) -> tuple[Finding, ...]:
    """Return what says that a log does not continue a checkpoint that was kept of it; nothing when it does.

    `place` as in `check_log`, `older`: the bytes of that checkpoint. Raises as `check_log` does.
    """
    return compare(source_of(place), policy, older)


def read_outside(envelope: bytes) -> Outside:
    """Return what the outside of an envelope says (docs/spec/envelope.md). No signature is checked: those are inside.

    Raises MalformedError: TOO_LARGE, MALFORMED, NOT_CANONICAL, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE.
    """
    read = Envelope.parse(envelope)
    header = read.header
    return Outside(
        read.sha256,
        len(envelope),
        header.version,
        header.suite,
        header.message_id,
        header.expires_at_hour * HOUR_MS,
        header.directory_version,
    )
