"""What a proof file proves: checked offline, with a trust policy and nothing else.

The file says where in which log an entry stands; what the entry says is in its `extra` (a statement), or is handed in.
The leaf is computed again from that, so not one bit of it can differ from what was logged. Specification:
docs/spec/audit-log.md §9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from refbus.audit.statement import Statement
from refbus.errors import Code, MalformedError, UncheckableError
from refbus.said import said
from refbus.tlog.policy import Policy, Seen
from refbus.tlog.prooffile import TlogProof


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that is in a log. `statement` is what it says, None when only its bytes were handed in.

    `witnesses`: names of those who cosigned, with the time (seconds since the epoch); `quorum_at_s` as in `Seen`.
    """

    entry: bytes
    statement: Statement | None
    origin: str
    index: int
    size: int
    witnesses: Mapping[str, int]
    quorum_at_s: int | None


def check_proof(data: bytes, policy: Policy, entry: bytes | None = None, now_s: int | None = None) -> Proven:
    """Check a proof file. `entry`: the log entry itself, or a statement, when the file has no `extra` or to compare.

    With `now_s` (seconds since the epoch) a cosignature from the future is refused. Raises MalformedError;
    UncheckableError KEY_UNKNOWN (a log that the policy does not name), PROOF_INVALID (nothing says what was logged);
    UntrustedError PROOF_INVALID, SIGNATURE_INVALID, QUORUM_MISSING.
    """
    proof = TlogProof.parse(data)
    statement = None if proof.extra is None else Statement.parse(proof.extra)
    given = None if entry is None else _as_entry(entry)
    if given is not None and statement is None:
        statement = _as_statement(entry or b"")
    leaf = given if given is not None else statement.leaf if statement else None
    if leaf is None:
        raise UncheckableError(Code.PROOF_INVALID, said("neither the proof nor an entry file says what was logged"))
    if statement is not None and statement.leaf != leaf:
        raise MalformedError(Code.PROOF_INVALID, said("the proof is about another entry"))
    seen = proof.verify(leaf, policy, now_s)
    checkpoint = seen.checkpoint
    witnesses = _names(policy, seen)
    return Proven(leaf, statement, checkpoint.origin, proof.index, checkpoint.size, witnesses, seen.quorum_at_s)


def with_statement(proof: bytes, statement: Statement) -> bytes:
    """Return a proof file that carries what was logged, for whoever may know it. Raises MalformedError."""
    return replace(TlogProof.parse(proof), extra=statement.encode()).encode()


def _names(policy: Policy, seen: Seen) -> dict[str, int]:
    """Return when each witness cosigned with every key that the policy has of it, by its name."""
    keys: dict[str, set[bytes]] = {}
    for name, witness in policy.witnesses.items():
        keys.setdefault(witness.key.name, set()).add(name)
    whole = {name: parts for name, parts in sorted(keys.items()) if parts <= seen.times_s.keys()}
    return {name: max(seen.times_s[part] for part in parts) for name, parts in whole.items()}


def _as_statement(data: bytes) -> Statement | None:
    try:
        return Statement.parse(data)
    except MalformedError:
        return None


def _as_entry(data: bytes) -> bytes:
    statement = _as_statement(data)
    return data if statement is None else statement.leaf
