"""Proof files for people: what was stated about a referral, where it stands in the log, the policy to check it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from refbus.audit.lookup import LogLookup
from refbus.audit.proven import Proven, check_proof, with_statement
from refbus.audit.sources import source_of
from refbus.audit.statement import Statement
from refbus.clock import CLOCK_SKEW_MS
from refbus.core.ids import CountryCode
from refbus.each import each
from refbus.errors import RefbusError, SetupError, UncheckableError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.policy import Policy
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.shards import origin_of, shards_from
from refbus.trust.member.audit_keys import SHARDS_LISTED
from refbus.trust.reader.log_policy import log_name, log_policy, policy_text
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import statements
from refbus_gateway.store.referrals import Referral
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.statements import Stated

SKEW_S: Final = CLOCK_SKEW_MS // 1000


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


def country_of(statement: Statement) -> CountryCode:
    """Return the country whose log has a statement: that of its writer."""
    return CountryCode(statement.record.writer.partition("-")[0])


def policy_files(gateway: Gateway, held: Iterable[Held]) -> dict[str, bytes]:
    """Return the policy files, by name, with which the proofs of these statements and of this country are checked.

    Raises UncheckableError KEY_UNKNOWN when the directory has no auditor with keys.
    """
    countries = sorted({gateway.country, *(country_of(one.statement) for one in held if one.file is not None)})
    return {f"{name}.tlog-policy": policy_text(gateway.directory(), name).encode() for name in countries}


def look_up(gateway: Gateway, place: str, held: Iterable[Held]) -> int:
    """Look in the published log at `place` for statements without a proof, keep what is proven; return how many.

    Reads the shards of the half-year of each statement and of those after it, as far ahead as keys are listed: a log
    that ends early goes on in one of them. A statement that cannot be looked up keeps no other from it; when none was
    found, raises as `LogLookup` does.
    """
    errors: list[RefbusError] = []

    def look(one: Held) -> int:
        proof = None if one.file is not None else _found(gateway, place, one.statement)
        if proof is None:
            return 0
        with gateway.store.write() as tx:
            statements.prove(tx, one.stated.id, proof, gateway.now_ms())
        return 1

    found = sum(each(held, look, lambda _, error: errors.append(error)))
    if errors and not found:
        raise errors[0]
    return found


def _found(gateway: Gateway, place: str, statement: Statement) -> bytes | None:
    """Return the proof of a statement, None when the shards at this place have no such entry or are of another log."""
    directory, country = gateway.directory(), country_of(statement)
    policy, name = log_policy(directory, country), log_name(directory, country)
    for shard in shards_from(statement.record.at_ms, SHARDS_LISTED):
        try:
            lookup = LogLookup(source_of(f"{place.rstrip('/')}/{shard}"), policy, gateway.now_ms() // 1000 + SKEW_S)
        except (SetupError, UncheckableError):
            continue  # no such shard here, or the log of another country
        index = lookup.find(statement.leaf) if lookup.origin == origin_of(name, shard) else None
        if index is not None:
            return lookup.proof(statement.leaf, index).encode()
    return None


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
