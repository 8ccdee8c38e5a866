"""Getting the own log cosigned: one candidate at a time goes to every witness until the quorum stands behind it.

After a start the first candidate is what was signed last. Only when the witnesses know it is anything new signed.

Requests and answers are the bodies of c2sp.org/tlog-witness, in records on `<cc>.federation`, so a border that is down
delays a cosignature and loses nothing. What is remembered here can all be lost: it is asked for again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import update

from refbus.backoff import BackOff
from refbus.clock import CLOCK_SKEW_MS, Clock
from refbus.core.ids import CountryCode
from refbus.core.units import HOUR_MS
from refbus.database.port import Database
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.hashing import tree_root
from refbus.tlog.keys import SignerKey, decimal
from refbus.tlog.note import MOST_SIGNATURES, Note, Signature, verified
from refbus.tlog.policy import NONE, Policy
from refbus.tlog.proofs import consistency_proof
from refbus.tlog.tiles import TileTrees
from refbus.tlog.witness import AddCheckpoint
from refbus.wire.logs import MailKind, WitnessMail
from refbus_auditor import ledger
from refbus_auditor.files import LogFolder
from refbus_auditor.ledger import Shard, Standing
from refbus_auditor.store.tables import shard

WAITS = BackOff(first_ms=2_000, longest_ms=300_000)
"""How long the answer of a witness is waited for."""
MOVE_ON_MS = 60_000
"""After so long without a quorum the newest checkpoint takes the place of the candidate."""
REFRESH_MS = HOUR_MS
"""How old the last quorum may become before it is asked for again although nothing was added."""


@dataclass(slots=True)
class _Asked:
    """What is known of one witness: the size it has, when it is asked next, how often it was asked for a candidate.

    Anybody can claim a `size` in its name; `proven` is the largest that it has signed.
    """

    size: int = 0
    proven: int = 0
    next_ms: int | None = None
    times: int = 0


@dataclass(slots=True)
class _Candidate:
    """A checkpoint on its way to a quorum, or, where `every` is set, to all witnesses that there are."""

    note: Note
    checkpoint: Checkpoint
    since_ms: int
    since_steady_ms: int
    every: bool
    asked: dict[CountryCode, _Asked] = field(default_factory=dict)
    answered: set[CountryCode] = field(default_factory=set)


@dataclass(slots=True)
class Cosigning:
    """Asks the witnesses. `policy` gives the quorum in force, `send` puts a mail on its way without waiting.

    `keep` is told of what a witness has cosigned and this log has not.
    """

    country: CountryCode
    database: Database
    files: LogFolder
    key_of: Callable[[str], SignerKey]
    policy: Callable[[], Policy]
    send: Callable[[CountryCode, WitnessMail], None]
    clock: Clock
    keep: Callable[[Note], None]
    _candidates: dict[str, _Candidate] = field(default_factory=dict)
    _heard: dict[str, set[CountryCode]] = field(default_factory=dict)
    _sizes: dict[tuple[str, CountryCode], int] = field(default_factory=dict)
    _proven: dict[tuple[str, CountryCode], int] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def confirmed(self, log: Shard) -> bool:
        """Whether as many witnesses as must cosign have done so, since this start, with what was signed last.

        Before that nothing new is signed: on an old copy of the store it would be a second history. Nothing is lost by
        waiting, since without these witnesses there is no quorum either. A log that was rebuilt or restored needs every
        witness: the one that is silent may be the only one that knows what is lost. Raises UncheckableError as `policy`
        does.
        """
        with self._turn:
            return self._is_confirmed(log)

    def ask(self, log: Shard, witnesses: Sequence[CountryCode], *, grows: bool) -> Note | None:
        """Do what is due for a log; return a checkpoint that stands without any witness because none is demanded.

        A log that still `grows` is cosigned again from time to time although nothing was added. Raises StoreError,
        UncheckableError when the directory has no quorum for it.
        """
        with self._turn:
            return self._ask_all(log, witnesses) if self._is_due(log, grows=grows) else None

    def take(self, mail: WitnessMail) -> Note | None:
        """Take the answer of a witness; return the checkpoint if the quorum stands behind it now.

        Raises MalformedError, UntrustedError (SIGNATURE_INVALID; LOG_ROLLED_BACK when a witness has cosigned more of
        this log than there is), UncheckableError.
        """
        with self._turn:
            if mail.kind is MailKind.CONFLICT:
                self._other_size(mail)
                return None
            return self._cosigned(Note.parse(mail.body))

    def _ask_all(self, log: Shard, witnesses: Sequence[CountryCode]) -> Note | None:
        candidate = self._candidate(log)
        if self.policy().quorum == NONE:
            return self._settle(candidate)
        steady_ms = self.clock.steady_ms()
        for country in witnesses:
            place = log.origin, country
            asked = candidate.asked.setdefault(country, _Asked(self._sizes.get(place, 0), self._proven.get(place, 0)))
            if country not in candidate.answered and (asked.next_ms is None or steady_ms >= asked.next_ms):
                self._ask(candidate, country, asked)
        return None

    def _cosigned(self, note: Note) -> Note | None:
        checkpoint = Checkpoint.parse(note.text)
        candidate = self._candidates.get(checkpoint.origin)
        if candidate is None or candidate.note.text != note.text:
            return None
        policy = self.policy()
        # A cosignature from later than clocks differ does not count, nor one that is so much older than the candidate:
        # whoever kept it could otherwise show that witnesses answer which are long silent.
        first_s = (candidate.since_ms - CLOCK_SKEW_MS) // 1000
        latest_s = (self.clock.now_ms() + CLOCK_SKEW_MS) // 1000
        times_s = policy.cosigned(note, checkpoint)
        good = {name for name, at_s in times_s.items() if first_s <= at_s <= latest_s}
        keys = [policy.witnesses[name].key for name in good]
        lines = [line for line in (*candidate.note.signatures, *note.signatures) if any(line.of(key) for key in keys)]
        candidate.note = candidate.note.with_signatures(sorted(lines, key=_time))
        for name in (name for name, group in policy.groups.items() if good.issuperset(group.members)):
            candidate.answered.add(country := CountryCode(name.decode()))
            place = checkpoint.origin, country
            self._sizes[place] = self._proven[place] = checkpoint.size
            self._heard.setdefault(checkpoint.origin, set()).add(country)
        if candidate.every and len(candidate.answered) < _witnesses(policy):
            return None
        try:
            policy.check(candidate.note, latest_s)
        except UntrustedError as error:
            if error.code is Code.QUORUM_MISSING:
                return None
            raise
        return self._settle(candidate)

    def _is_confirmed(self, log: Shard) -> bool:
        policy, heard = self.policy(), len(self._heard.get(log.origin, ()))
        if log.standing is Standing.REBUILT:
            return heard >= _witnesses(policy) > 0
        return policy.quorum == NONE or heard >= policy.groups[policy.quorum].needed

    def _is_due(self, log: Shard, *, grows: bool) -> bool:
        unsigned = log.head.size > log.signed.size
        rebuilt = log.standing is Standing.REBUILT and self.policy().quorum != NONE
        if (grows or unsigned or rebuilt) and not self._is_confirmed(log):
            return True
        if log.origin in self._candidates or log.cosigned is None or log.cosigned_ms is None:
            return True
        grown = log.cosigned_size < log.signed.size
        fresh = 0 <= self.clock.now_ms() - log.cosigned_ms < REFRESH_MS  # one in the future says nothing
        return grown or (grows and not fresh)

    def _candidate(self, log: Shard) -> _Candidate:
        """Return the checkpoint to be cosigned now: the one under way, or the newest if that takes too long."""
        steady_ms = self.clock.steady_ms()
        present = self._candidates.get(log.origin)
        if present is not None and (
            present.checkpoint.size == log.signed.size or steady_ms - present.since_steady_ms < MOVE_ON_MS
        ):
            return present
        checkpoint = Checkpoint(log.origin, log.signed.size, log.signed.root)
        note = sign_checkpoint(checkpoint, self.key_of(log.origin))
        self._candidates[log.origin] = _Candidate(
            note, checkpoint, self.clock.now_ms(), steady_ms, log.standing is Standing.REBUILT
        )
        return self._candidates[log.origin]

    def _ask(self, candidate: _Candidate, country: CountryCode, asked: _Asked) -> None:
        checkpoint = candidate.checkpoint
        trees = TileTrees(self.files.reader(checkpoint.origin), checkpoint.size)
        # By turns: false claims would otherwise have this witness asked from a wrong size for ever.
        old_size = min(asked.proven if asked.times % 2 else asked.size, checkpoint.size)
        proof = consistency_proof(trees, old_size, checkpoint.size)
        request = AddCheckpoint(old_size, proof, sign_checkpoint(checkpoint, self.key_of(checkpoint.origin)))
        asked.next_ms = self.clock.steady_ms() + WAITS.wait_ms(asked.times)
        asked.times += 1
        self.send(country, WitnessMail(self.country, MailKind.ADD_CHECKPOINT, request.encode()))

    def _other_size(self, mail: WitnessMail) -> None:
        """Ask from the size that a witness has. One that is ahead of us convicts us, if we signed what it has.

        It does so too when the quorum did without it: an answer may be late.
        """
        origin, size, newest = parse_conflict(mail.body)
        if newest is not None and not self._is_beginning(self._signed_by_us(origin, newest)):
            self.keep(newest)
            raise UntrustedError(Code.LOG_ROLLED_BACK, "a witness has cosigned what is not in this log")
        candidate = self._candidates.get(origin)
        if size > (self._signed_size(origin) if candidate is None else candidate.checkpoint.size):
            return
        place = origin, mail.country
        self._sizes[place] = size  # nobody signs this: it says where to ask from, and confirms nothing
        signed = 0 if newest is None else self._signed_by(mail.country, newest)
        self._proven[place] = max(signed, self._proven.get(place, 0))
        if candidate is None:
            return
        asked = candidate.asked.setdefault(mail.country, _Asked())
        asked.proven = max(signed, asked.proven)
        if asked.size != size:
            asked.size, asked.next_ms = size, None

    def _signed_by(self, country: CountryCode, note: Note) -> int:
        """Return the size of a checkpoint that the witness of a country has cosigned, 0 when it has not."""
        policy, checkpoint = self.policy(), Checkpoint.parse(note.text)
        group = policy.groups.get(country.encode())
        whole = group is not None and policy.cosigned(note, checkpoint).keys() >= set(group.members)
        return checkpoint.size if whole else 0

    def _is_beginning(self, older: Checkpoint) -> bool:
        """Whether a checkpoint that we signed is a beginning, by the tiles: who asks often costs few reads."""
        with self.database.reading() as connection:
            logs = ledger.shards(connection)

        def root_of(log: Shard, size: int) -> bytes:
            return tree_root(TileTrees(self.files.reader(log.origin), log.signed.size), size)

        return ledger.begins_nothing_new(logs, older, root_of)

    def _signed_size(self, origin: str) -> int:
        """Return how much is signed of a log, -1 when there is none."""
        with self.database.reading() as connection:
            log = ledger.find(connection, origin)
        return -1 if log is None else log.signed.size

    def _signed_by_us(self, origin: str, note: Note) -> Checkpoint:
        """Return the checkpoint if our own key signed it. Raises MalformedError, UncheckableError."""
        verified(note, [self.key_of(origin).verifier])
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != origin:
            raise MalformedError(Code.MALFORMED, "origin of a conflict")
        return checkpoint

    def _settle(self, candidate: _Candidate) -> Note:
        """Keep a checkpoint that its quorum stands behind; the next candidate is free."""
        candidate.note = readable(candidate.note, self.policy())
        same = shard.c.origin == candidate.checkpoint.origin
        values = {"cosigned": candidate.note.encode(), "cosigned_ms": self.clock.now_ms()}
        with self.database.writing() as connection:
            connection.execute(update(shard).where(same).values(**values))
        self._candidates.pop(candidate.checkpoint.origin, None)
        return candidate.note


def _witnesses(policy: Policy) -> int:
    """Return how many countries can witness: 0 where none is demanded."""
    return 0 if policy.quorum == NONE else len(policy.groups[policy.quorum].members)


def readable(note: Note, policy: Policy) -> Note:
    """Return a checkpoint with no more signatures than a note may have; a country's cosignatures stay or go together.

    Where every witness has to answer they can be more. Countries of which both cosignatures are there come first: a
    quorum is at most 16 of them, and always fits.
    """
    if len(note.signatures) <= MOST_SIGNATURES:
        return note
    keys = [
        [policy.witnesses[name].key for name in group.members if name in policy.witnesses]
        for group in policy.groups.values()
    ]
    by_country = [[line for line in note.signatures if any(line.of(key) for key in held)] for held in keys]
    kept = [line for line in note.signatures if not any(line in lines for lines in by_country)]
    for lines in sorted(by_country, key=len, reverse=True):
        kept += lines if len(kept) + len(lines) <= MOST_SIGNATURES else []
    return Note(note.text, tuple(kept))


def _time(line: Signature) -> bytes:
    """Return when a cosignature was made: 8 bytes, as they are compared."""
    return line.data[:8]


def conflict(country: CountryCode, origin: str, size: int, newest: bytes | None) -> WitnessMail:
    """Return the answer of a witness that has another size of a log: origin, size, and what it has."""
    return WitnessMail(country, MailKind.CONFLICT, f"{origin}\n{size}\n\n".encode() + (newest or b""))


def parse_conflict(body: bytes) -> tuple[str, int, Note | None]:
    """Return origin, size and newest checkpoint of such an answer. Raises MalformedError."""
    head, gap, newest = body.partition(b"\n\n")
    try:
        origin, size = head.decode("utf-8").split("\n")
    except ValueError:
        raise MalformedError(Code.NOT_CANONICAL, "conflict") from None
    if not gap:
        raise MalformedError(Code.NOT_CANONICAL, "conflict")
    return origin, decimal(size), Note.parse(newest) if newest else None
