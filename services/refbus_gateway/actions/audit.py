"""Asking for what was decided and its proof: own statements, contradicting logs, accounts, what the inspector opens.

`check_proof` and `check_log` need public data alone: anybody may, so they take neither desk nor actor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from refbus import verify
from refbus.audit.erasure import OrderAnswer
from refbus.audit.record import AnyRecord, AuditOutcome, Stage
from refbus.core.ids import ConsentId, EventId, OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.audit import inspector, proof_files
from refbus_gateway.audit.proof_files import Held
from refbus_gateway.reports import accounts
from refbus_gateway.reports.accounts import Account
from refbus_gateway.store import cases, logheads, referrals
from refbus_gateway.words.statements import Words

__all__ = [
    "Account",
    "EntryInspected",
    "Evidence",
    "Exhibits",
    "Export",
    "LogChecked",
    "LogPlace",
    "OwnStatement",
    "ProofChecked",
    "Proofs",
    "Statements",
    "Subject",
    "account_of_case",
    "account_of_export",
    "account_of_period",
    "check_log",
    "check_proof",
    "evidence",
    "inspect",
    "proofs",
]


@dataclass(frozen=True, slots=True)
class OwnStatement:
    """A statement about a referral and its proof. `file`: the name of its proof file, None while the proof is missing.

    `awaited`: the proof comes by itself; another country's log has it otherwise. `own`: this gateway decided it. The
    rest are the fields of its record. Times in ms UTC.
    """

    file: str | None
    proven_ms: int | None
    logged_ms: int | None
    awaited: bool
    own: bool
    decision_id: bytes
    writer: OrgId
    stage: Stage
    outcome: AuditOutcome
    codes: tuple[Code, ...]
    event_type: EventType | None
    event_id: EventId | None
    message_sha256: bytes | None
    consent_id: ConsentId | None
    consent_version: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Statements:
    """What was stated about a referral, and the names of the policy files to check the proofs with."""

    statements: tuple[OwnStatement, ...]
    policy: str
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proofs:
    """What was stated about a referral, and the files that prove it, by name: proofs and policies."""

    shown: Statements
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two checkpoints of one log that contradict each other, and when the second came (ms UTC)."""

    evidence: int
    origin: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Exhibits:
    """Evidence that logs contradict themselves, and the checkpoints as the logs signed them, by file name."""

    found: tuple[Evidence, ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class ProofChecked:
    """What a proof file proves. `record` is None when the entry stays closed. Times of witnesses in seconds."""

    proven: bool
    origin: str
    index: int
    size: int
    entry: bytes
    witnesses: Mapping[str, int]
    quorum_at_s: int | None
    record: AnyRecord | None


@dataclass(frozen=True, slots=True)
class LogChecked:
    """What was found in one shard of a log. `quorum` is None when the witnesses stand behind it."""

    origin: str | None
    size: int | None
    root: bytes | None
    quorum_at_s: int | None
    quorum: Code | None
    findings: tuple[verify.Finding, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class EntryInspected:
    """One exported entry, opened and checked. `problems`: codes of what was not shown; empty when all was.

    `refuted`: one of them was checked and is false; else what is there only cannot be judged with what is at hand.
    `in_log` is None when nobody looked. `order`: the decisions that an order to erase names, `answer` what became of
    it by the log. Time in ms UTC.
    """

    origin: str
    index: int
    logged_at_ms: int
    writer: OrgId | None
    record: AnyRecord | None
    in_log: bool | None
    problems: tuple[Code, ...]
    refuted: bool
    order: tuple[bytes, ...] | None
    answer: OrderAnswer | None


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where the shards of a published log lie, the policy it is checked with, the last moment of a cosignature (s)."""

    place: str
    policy: verify.Policy
    now_s: int


@dataclass(frozen=True, slots=True)
class Export:
    """A file of exported entries, what opens the inspector's keys, the time (ms UTC), and where to look entries up."""

    file: Path
    passphrase: str = field(repr=False)
    now_ms: int
    log: LogPlace | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What an account of an export is about: `event`, or all that was logged from `start_ms` until before `end_ms`."""

    words: str
    event: str | None
    start_ms: int
    end_ms: int

    def has(self, each: inspector.Inspected) -> bool:
        """Whether an entry is told: with an event chosen, one that does not open is not known to be about it."""
        if not self.start_ms <= each.logged_at_ms < self.end_ms:
            return False
        if self.event is None:
            return True
        record = each.record
        return record is not None and record.event_id is not None and record.event_id.hex() == self.event.lower()


def proofs(desk: Desk, actor: Actor, number: int, place: str | None = None) -> Proofs:
    """Return the proofs of one referral, after a look into the published log at `place` for those that are missing.

    Raises RuleError, UncheckableError KEY_UNKNOWN, and as `proof_files.look_up` does.
    """
    actor.require(Permission.INSPECT)
    with desk.read() as tx:
        referral = referrals.get(tx, number)
        held = proof_files.of_referral(tx, referral)
    if place is not None and proof_files.look_up(desk.gateway, place, held):
        with desk.read() as tx:
            held = proof_files.of_referral(tx, referral)
    names = [proof_files.file_name(referral, at, each) for at, each in enumerate(held, start=1)]
    policies = proof_files.policy_files(desk.gateway, held)
    ready = {file: each.file for file, each in zip(names, held, strict=True) if each.file is not None}
    found = tuple(_own(file, each) for file, each in zip(names, held, strict=True))
    shown = Statements(found, f"{desk.gateway.country}.tlog-policy", tuple(policies))
    return Proofs(shown, {**ready, **policies})


def evidence(desk: Desk, actor: Actor) -> Exhibits:
    """Return checkpoints that contradict each other: two histories of one log."""
    actor.require(Permission.INSPECT)
    with desk.read() as tx:
        found = logheads.evidence(tx)
    sides = ((each.id, side, data) for each in found for side, data in (("first", each.against), ("second", each.note)))
    files = {f"fork-{number}-{side}": data for number, side, data in sides}
    return Exhibits(tuple(Evidence(each.id, each.origin, each.at_ms) for each in found), files)


def inspect(desk: Desk, actor: Actor, export: Export) -> tuple[EntryInspected, ...]:
    """Return the entries of an export as the inspector of this home reads them. The gateway stays closed.

    Raises SetupError ROLE_NOT_ALLOWED for the home of anyone else, FILE_UNREADABLE; MalformedError at damage.
    """
    actor.require(Permission.INSPECT)
    return tuple(
        EntryInspected(
            each.origin,
            each.index,
            each.logged_at_ms,
            each.writer,
            each.record,
            each.in_log,
            each.problems,
            each.refuted,
            None if each.order is None else tuple(each.order.decision_ids),
            each.answer,
        )
        for each in _inspected(desk, export)
    )


def account_of_case(desk: Desk, actor: Actor, number: int, language: str) -> Account:
    """Return every step of one case; of an erased one, what is left of it. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.INSPECT)
    words = Words(language, desk.gateway.newest_directory())
    with desk.read() as tx:
        return accounts.of_case(desk.gateway, tx, cases.get(tx, number), words)


def account_of_period(desk: Desk, actor: Actor, start_ms: int, end_ms: int, language: str) -> Account:
    """Return what this gateway decided from `start_ms` until before `end_ms` (ms UTC)."""
    actor.require(Permission.INSPECT)
    words = Words(language, desk.gateway.newest_directory())
    with desk.read() as tx:
        return accounts.of_period(desk.gateway, tx, start_ms, end_ms, words)


def account_of_export(desk: Desk, actor: Actor, export: Export, subject: Subject, language: str) -> Account:
    """Return the inspector's account of exported entries. Raises as `inspect` does."""
    actor.require(Permission.INSPECT)
    found = [each for each in _inspected(desk, export) if subject.has(each)]
    words = Words(language, inspector.directory_of(desk.home, export.now_ms))
    return accounts.of_export(found, words, subject.words, export.now_ms)


def check_proof(content: bytes, policy: verify.Policy, *, entry: bytes | None, now_s: int) -> ProofChecked:
    """Return what a proof file proves under a policy. Raises as `refbus.verify.check_proof` does."""
    proven = verify.check_proof(content, policy, entry=entry, now_s=now_s)
    said = proven.statement
    return ProofChecked(
        True,
        proven.origin,
        proven.index,
        proven.size,
        proven.entry,
        dict(proven.witnesses),
        proven.quorum_at_s,
        None if said is None else said.record,
    )


def check_log(place: str, policy: verify.Policy, *, older: bytes | None, now_s: int) -> LogChecked:
    """Check one shard of a log, and that it continues the checkpoint `older`. Raises as `refbus.verify.check_log`."""
    report = verify.check_log(place, policy, now_s=now_s)
    more = () if older is None else verify.check_continues(place, policy, older)
    head, seen = report.checkpoint, report.seen
    return LogChecked(
        None if head is None else head.origin,
        None if head is None else head.size,
        None if head is None else head.root,
        None if seen is None else seen.quorum_at_s,
        report.quorum,
        (*report.findings, *more),
        report.complete,
    )


def _inspected(desk: Desk, export: Export) -> tuple[inspector.Inspected, ...]:
    keys, history = inspector.open_home(desk.home, export.passphrase, export.now_ms)
    log = export.log
    logs = None if log is None else inspector.Logs(log.place, log.policy, log.now_s)
    return tuple(inspector.inspect_file(inspector.Inspector(keys, history, logs), export.file))


def _own(file: str, held: Held) -> OwnStatement:
    stated, record = held.stated, held.statement.record
    said = {each.name: getattr(record, each.name) for each in fields(record)}
    name = None if held.file is None else file
    return OwnStatement(name, stated.proven_ms, stated.logged_ms, stated.awaited, stated.own, **said)
