"""The log of docs/spec/audit-log.md: five entries of kz, which kg and uz cosigned.

It is the same on each run but for the bytes of the ML-DSA signatures, which are random; so the files beside the page
are frozen. After a change of the format write them anew, `PYTHONPATH=tests .venv/bin/python -m support.speclog`, and
correct the page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refbus.audit.proven import with_statement
from refbus.audit.statement import Statement
from refbus.core.ids import CountryCode
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import inclusion_proof
from refbus.trust.reader.log_policy import policy_text
from refbus.wire.logs import LogProofs
from support.audit import AUDIT_KEY, audit_record
from support.auditors import Auditors
from support.logs import NaiveTrees
from support.tree import ROOT

FILES = ROOT / "docs" / "spec" / "audit-log"
PROOF, POLICY = "decision.tlog-proof", "kz.tlog-policy"
DIRECTORY_FILE = "metadata/1.root.json", b'{"fictional":"root"}'
INDEX = 2
KZ = CountryCode("kz")


@dataclass(frozen=True, slots=True)
class Example:
    """What came of the log: its entries, what members were given, the statement of entry INDEX, the policy."""

    entries: Sequence[bytes]
    proofs: LogProofs
    statement: Statement
    policy: str
    proof: bytes


def example() -> Example:
    """Run the auditors on buses in memory until the five entries are cosigned and proven."""
    with tempfile.TemporaryDirectory() as folder:
        world = Auditors(Path(folder))
        try:
            return _run(world)
        finally:
            world.close()


def _run(world: Auditors) -> Example:
    node = world.nodes["kz"]
    node.core.log_directory([DIRECTORY_FILE])
    world.log(4)
    world.settle()
    entries, (proofs,) = node.leaves(), node.proofs()
    statement = Statement.of(audit_record(decision_id=INDEX.to_bytes(16, "big")), AUDIT_KEY)
    proof = TlogProof(INDEX, inclusion_proof(NaiveTrees(entries), INDEX, len(entries)), node.note())
    file = with_statement(proof.encode(), statement)
    return Example(entries, proofs, statement, policy_text(world.fed.directory, KZ), file)


def write() -> None:
    """Write the files of the page anew."""
    made = example()
    FILES.mkdir(exist_ok=True)
    (FILES / PROOF).write_bytes(made.proof)
    (FILES / POLICY).write_text(made.policy, encoding="utf-8")


if __name__ == "__main__":
    write()
