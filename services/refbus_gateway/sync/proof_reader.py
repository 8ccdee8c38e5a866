"""Reading what the auditor of this country proves: a cosigned checkpoint, and where in its log our entries are.

A checkpoint counts when a log of the directory signed it and the quorum of the country's policy cosigned it. One that
cannot be the same history as the newest one seen here is kept as evidence and told loudly. Nothing here stands in the
way of the inbox: a topic that is missing, an auditor that is silent or a broker that is away is tried again later.
"""

from __future__ import annotations

from typing import Final

from refbus.audit.shapes import Shape, shape_of
from refbus.backoff import BackOff
from refbus.bus.cluster import Cluster
from refbus.bus.port import Reader, Record
from refbus.clock import CLOCK_SKEW_MS
from refbus.core.units import HOUR_MS
from refbus.errors import Code, MalformedError, RefbusError, StoreError, UncheckableError, UntrustedError
from refbus.said import placed, said
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy, Seen
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import verify_inclusion
from refbus.trust.reader.log_policy import log_policy
from refbus.wire.logs import LogProof, LogProofs
from refbus_gateway.audit import orders
from refbus_gateway.directory import door
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, logheads, positions, statements
from refbus_gateway.store.logheads import LogHead
from refbus_gateway.store.session import Transaction
from refbus_gateway.sync.reader import place

BATCH: Final = 20
PATIENCE_MS: Final = HOUR_MS
"""So long a checkpoint may wait for a directory that knows its keys, by the broker's time; then it is passed over."""
_WAITS: Final = BackOff(first_ms=1_000, longest_ms=60_000)
"""So long the topic is left alone after failures."""


class Proving:
    """The reader of the proofs of one home. One instance at a time: the holder of the home's lock."""

    def __init__(self, gateway: Gateway, bus: Cluster) -> None:
        self._gateway = gateway
        self._bus = bus
        self._reader: Reader | None = None
        self._again_at_ms = 0
        self._failures = 0
        self.last_error: RefbusError | None = None
        """Why nothing could be read, None when all is well."""

    def read(self, most: int, wait_s: float = 0.0) -> int:
        """Take at most `most` records and return how many. Raises StoreError.

        Without `wait_s` it takes what the client has fetched meanwhile; with it, it reads to the end that the topic has
        now, waiting so many seconds at most for each batch: a connection that is new has fetched nothing yet.
        """
        if self._gateway.steady_ms() < self._again_at_ms or self._gateway.newest_directory() is None:
            return 0  # before the first directory there is no key to check with, and no failure
        try:
            taken = self._read(most, wait_s)
        except StoreError:
            self._forget()
            raise
        except RefbusError as error:
            self._forget()
            wait_ms = _WAITS.wait_ms(self._failures)
            self.last_error, self._again_at_ms = error, self._gateway.steady_ms() + wait_ms
            self._failures += 1
            return 0
        self.last_error, self._failures = None, 0
        return taken

    def close(self) -> None:
        """Free the connection."""
        self._forget()

    def _read(self, most: int, wait_s: float) -> int:
        reader, taken = self._placed(), 0
        end = reader.end_offset() if wait_s else None
        while taken < most and (end is None or reader.position() < end):
            records = reader.read(min(BATCH, most - taken), wait_s)
            if not records:
                break
            # Also when the directory has expired: what the log shows is how a newer one comes in.
            policy = log_policy(self._gateway.history.latest, self._gateway.country)
            for record in records:
                take_in(self._gateway, policy, record)
            taken += len(records)
        if taken:
            door.release(self._gateway)
        return taken

    def _placed(self) -> Reader:
        if self._reader is None:
            reader = self._bus.reader(self._gateway.proofs_topic)
            try:
                place(self._gateway, reader, self._gateway.proofs_topic)
            except RefbusError:
                reader.close()
                raise
            self._reader = reader
        return self._reader

    def _forget(self) -> None:
        """Give the reader up: the next one begins where the store says."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def take_in(gateway: Gateway, policy: Policy, record: Record) -> None:
    """Take one record in and move on. What is false is told and passed over.

    Raises UncheckableError while a newer directory may still bring the key that is missing, StoreError.
    """
    alarm: RefbusError | None = None
    try:
        _take(gateway, policy, LogProofs.parse(record.content()))
    except StoreError:
        raise
    except UncheckableError as error:
        if abs(gateway.now_ms() - record.timestamp_ms) < PATIENCE_MS:
            raise
        alarm = error
    except RefbusError as error:
        alarm = error
    with gateway.store.write() as tx:
        if alarm is not None:
            source = said("proofs of the audit log")
            alarms.raise_of_many(tx, alarm.code, source, placed(source, alarm.detail), gateway.now_ms())
        position = positions.position(tx, gateway.proofs_topic)
        if position is not None:
            positions.set_position(tx, gateway.proofs_topic, positions.Position(position.topic_id, record.offset + 1))


def _take(gateway: Gateway, policy: Policy, record: LogProofs) -> None:
    note = Note.parse(record.checkpoint)
    checkpoint = policy.signed(note)
    with gateway.store.read() as tx:
        known = logheads.head(tx, checkpoint.origin)
    if known is not None and _contradicts(known, checkpoint, policy, note):
        _fork(gateway, known, checkpoint, record.checkpoint)
    seen = _seen(gateway, policy, note)
    with gateway.store.write() as tx:
        quorum_ms = None if seen.quorum_at_s is None else seen.quorum_at_s * 1000
        if known is None or checkpoint.size >= known.checkpoint.size:
            logheads.keep_head(tx, LogHead(checkpoint, record.checkpoint, quorum_ms, gateway.now_ms()))
        _prove(gateway, tx, checkpoint, note, record.proofs)


def _seen(gateway: Gateway, policy: Policy, note: Note) -> Seen:
    """Return the checkpoint as the policy sees it; a cosignature from the future says that a clock is wrong."""
    seen = policy.check(note)
    if any(at_s * 1000 > gateway.now_ms() + CLOCK_SKEW_MS for at_s in seen.times_s.values()):
        raise UncheckableError(Code.CLOCK_SKEW, said("a checkpoint from the future"))
    return seen


def _contradicts(known: LogHead, checkpoint: Checkpoint, policy: Policy, note: Note) -> bool:
    """Whether both cannot be one history: another root for the same size, or cosigned later and yet smaller."""
    if checkpoint.size == known.checkpoint.size:
        return checkpoint.root != known.checkpoint.root
    if checkpoint.size > known.checkpoint.size or known.quorum_ms is None:
        return False
    times_s = policy.cosigned(note, checkpoint).values()
    return bool(times_s) and min(times_s) * 1000 > known.quorum_ms


def _fork(gateway: Gateway, known: LogHead, checkpoint: Checkpoint, note: bytes) -> None:
    """Keep both checkpoints and tell a person. Raises UntrustedError LOG_FORKED."""
    detail = f"{checkpoint.origin} at sizes {known.checkpoint.size} and {checkpoint.size}"
    with gateway.store.write() as tx:
        logheads.keep_evidence(tx, checkpoint.origin, note, known.note, gateway.now_ms())
    gateway.observer.fork()
    raise UntrustedError(Code.LOG_FORKED, detail)


def _prove(gateway: Gateway, tx: Transaction, checkpoint: Checkpoint, note: Note, proofs: tuple[LogProof, ...]) -> None:
    """Keep the proof of each entry that is ours, and word of the directory; what is false is told, the others stand."""
    rows = statements.unproven(tx, (each.entry for each in proofs))
    for each in proofs:
        awaited = each.entry in rows or orders.is_awaited(tx, each.entry)
        if not awaited and shape_of(each.entry) is not Shape.DIRECTORY:
            continue
        try:
            verify_inclusion(leaf_hash(each.entry), each.index, checkpoint.head, each.hashes)
        except (UntrustedError, MalformedError) as error:
            told = said("%(log)s, entry %(number)s", log=checkpoint.origin, number=each.index)
            alarms.raise_of_many(tx, error.code, f"{checkpoint.origin}, ", told, gateway.now_ms())
            continue
        door.prove(gateway, tx, each.entry)
        orders.take_answer(tx, each.entry, gateway.now_ms())
        if each.entry in rows:
            statements.prove(tx, rows[each.entry], TlogProof(each.index, each.hashes, note).encode(), gateway.now_ms())
