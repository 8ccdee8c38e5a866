"""Proof files for people: what was stated about a referral, where it stands in the log, the policy to check it."""

from __future__ import annotations

from dataclasses import dataclass, field

from refbus.audit.proven import Proven, check_proof, with_statement
from refbus.audit.statement import Statement
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.policy import Policy
from refbus.tlog.proof import TlogProof
from refbus.trust.auditing import policy_text
from refbus_gateway.gateway import Gateway
from refbus_gateway.store import statements
from refbus_gateway.store.referrals import Referral
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.statements import Stated


@dataclass(frozen=True, slots=True)
class Held:
    """One statement, opened; `file` is its proof file with the statement in it, None while the proof is missing."""

    stated: Stated
    statement: Statement
    file: bytes | None = field(repr=False)

    def proven(self, policy: Policy) -> Proven | None:
        """Return what the file proves, checked now; None while the proof is missing. Raises RefbusError."""
        return None if self.file is None else check_proof(self.file, policy)


def of_referral(tx: Transaction, referral: Referral) -> list[Held]:
    """Return everything that was stated about a referral, oldest first. Raises RuleError KEY_DESTROYED."""
    return [held(tx, stated) for stated in statements.of_referral(tx, referral)]


def policy_file(gateway: Gateway) -> tuple[str, bytes]:
    """Return name and content of the policy file with which proofs of this country's log are checked.

    Raises UncheckableError KEY_UNKNOWN when the directory has no auditor with keys.
    """
    return f"{gateway.country}.tlog-policy", policy_text(gateway.directory(), gateway.country).encode()


def file_name(referral: Referral, number: int, one: Held) -> str:
    """Return the name of a proof file: it names no organisation and no person."""
    return f"referral-{referral.id}-{number:02d}-{one.statement.record.stage.lower()}.tlog-proof"


def held(tx: Transaction, stated: Stated) -> Held:
    """Return a statement opened, with its proof file. Raises KEY_DESTROYED when its case was erased."""
    statement = statements.opened(tx, stated)
    file = None if stated.proof is None else with_statement(stated.proof, statement)
    return Held(stated, statement, file)


def place_of(proof: bytes) -> tuple[str, int]:
    """Return origin and index of a stored proof."""
    parsed = TlogProof.parse(proof)
    return Checkpoint.parse(parsed.note.text).origin, parsed.index
