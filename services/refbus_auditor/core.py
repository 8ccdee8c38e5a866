"""The heart of the auditor: from entries in the store to files, signature, cosignatures and proofs. It knows no Kafka.

Entries are logged when their batch is committed; `turn` does the rest. Nothing of it is waited for by anybody who sends
a referral. Specification: docs/spec/audit-log.md; the road through the code: docs/design/auditor.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from refbus.audit.shapes import directory_leaf
from refbus.bus.port import Producer, Reader
from refbus.clock import Clock
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError, TransportError, UncheckableError
from refbus.tlog.policy import Policy
from refbus.trust.member.audit_keys import AuditKeys
from refbus.trust.reader.log_policy import audit_keys, log_name, log_policy
from refbus_auditor import ledger
from refbus_auditor.cosignatures import Cosigning
from refbus_auditor.entries import Account, Counted, Entries, account
from refbus_auditor.erasure import Erasures
from refbus_auditor.files import LogFolder
from refbus_auditor.home import AuditorHome
from refbus_auditor.known import keep_newer
from refbus_auditor.ledger import Ledger, Shard, Standing
from refbus_auditor.mail import Inbound, Outbound
from refbus_auditor.proofs import Prover
from refbus_auditor.publication import Publisher
from refbus_auditor.witness import Told, Witness

_log = logging.getLogger("refbus.auditor")
_METADATA = "metadata/"


@dataclass(frozen=True, slots=True)
class Lines:
    """The ways out of an auditor. `publish` returns when the broker has the values, or raises TransportError."""

    federation: Callable[[], Reader]
    others: Mapping[CountryCode, Callable[[], Producer]]
    publish: Callable[[Sequence[bytes]], None]


@dataclass(frozen=True, slots=True)
class Hearers:
    """Who hears what happened: of entries, of requests to the witness, of what others sent that does not count."""

    counted: Counted = lambda _result, _code, _number: None
    witnessed: Told = lambda _result, _code: None
    alarm: Callable[[Code], None] = lambda _code: None


@dataclass(slots=True)
class AuditorCore:
    """The auditor of `country`. `directory` gives the newest version each time, `clock` the time that counts."""

    country: CountryCode
    home: AuditorHome
    directory: Callable[[], Directory]
    clock: Clock
    lines: Lines
    hearers: Hearers = field(default_factory=Hearers)
    entries: Entries = field(init=False)
    publisher: Publisher = field(init=False)
    witness: Witness = field(init=False)
    inbound: Inbound = field(init=False)
    outbound: Outbound = field(init=False)
    _cosigning: Cosigning = field(init=False)
    _prover: Prover = field(init=False)

    def __post_init__(self) -> None:
        """Put the parts together. Raises UncheckableError KEY_UNKNOWN without an auditor in the directory."""
        home, database, name = self.home, self.home.database, log_name(self.directory(), self.country)
        files, key_of = LogFolder(home.log_folder, name), home.secret.log_key
        erasures = Erasures(self.home.erased, database)
        erasures.again()
        self.entries = Entries(
            self.topic,
            database,
            Ledger(name, self._is_listed),
            erasures,
            self.directory,
            self.clock,
            counted=self.hearers.counted,
            aside=self.home.keep_unread,
        )
        self.publisher = Publisher(database, files, key_of, home.evidence)
        self.witness = Witness(
            self.country,
            database,
            home.secret.witness_keys(name),
            self.directory,
            home.evidence,
            self.clock.now_ms,
            told=self.hearers.witnessed,
        )
        self.outbound = Outbound(self.lines.others)
        self._cosigning = Cosigning(
            self.country,
            database,
            files,
            key_of,
            self.policy,
            self.outbound.send,
            self.clock,
            lambda note: keep_newer(home.evidence, note),
        )
        self.inbound = Inbound(
            self.country,
            self.witness,
            self._cosigning,
            self.outbound,
            self.lines.federation,
            self.publisher.add_cosignatures,
            self.hearers.alarm,
        )
        self._prover = Prover(database, files, self.lines.publish)

    @property
    def topic(self) -> str:
        """The topic whose records are logged."""
        return f"{self.country}.audit"

    def policy(self) -> Policy:
        """Return what others demand of this country's log. Raises UncheckableError KEY_UNKNOWN, QUORUM_MISSING."""
        return log_policy(self.directory(), self.country)

    def log_directory(self, files: Iterable[tuple[str, bytes]]) -> int:
        """Log the metadata among the files of a directory, given as (path, content); return how many are new.

        Those that are not new are proven again: who begins today finds no older proofs, and lets no version in without.
        """
        leaves = [directory_leaf(path, content) for path, content in files if path.startswith(_METADATA)]
        with self.home.database.reading() as connection:
            self._prover.again = ledger.logged(connection, leaves)
        return self.entries.add_directory(leaves)

    def turn(self) -> None:
        """Bring files, cosignatures and proofs up to date with the store. Raises StoreError."""
        logs, changed = self.shards(), False
        for log in logs:
            if log.standing is not Standing.ENDED and self._confirmed(log):
                if log.standing is Standing.REBUILT:
                    self._settle(log)
                published = self.publisher.publish(log) is not None
                changed |= published or log.standing is Standing.REBUILT
        self._cosign(self.shards() if changed else logs)
        self._prove()
        self.outbound.poll()
        self.publisher.look(self.shards, self.clock.steady_ms())

    def shards(self) -> list[Shard]:
        """Return all logs, oldest first."""
        with self.home.database.reading() as connection:
            return ledger.shards(connection)

    def shards_ahead(self) -> int:
        """Return for how many half-years after this one the directory has keys of this log; 0 while it has none."""
        keys = self._keys()
        return 0 if keys is None else keys.shards_ahead(self.clock.now_ms())

    def account(self) -> Account:
        """Return what became of the records of the audit topic."""
        with self.home.database.reading() as connection:
            return account(connection, self.topic)

    def _confirmed(self, log: Shard) -> bool:
        try:
            return self._cosigning.confirmed(log)
        except UncheckableError as error:  # no quorum can be had: it is told when the log is to be cosigned
            _log.debug("a log is not signed: %s", error.code)
            return False

    def _settle(self, log: Shard) -> None:
        """Let a log that was rebuilt be one like any other: every witness knows it as it is."""
        with self.home.database.writing() as connection:
            ledger.settle(connection, log.origin)

    def _keys(self) -> AuditKeys | None:
        """Return the keys of this log that others know, None while the directory has no auditor here."""
        try:
            return audit_keys(self.directory(), self.country)
        except UncheckableError:
            return None

    def _is_listed(self, half_year: str) -> bool:
        keys = self._keys()
        return keys is not None and half_year in keys.logs

    def _cosign(self, logs: Sequence[Shard]) -> None:
        witnesses = [each for each in self.directory().countries() if each != self.country]
        for log in (each for each in logs if each.standing is not Standing.ENDED):
            try:
                note = self._cosigning.ask(log, witnesses, grows=log is logs[-1])
            except RefbusError as error:
                if error.code not in {Code.KEY_UNKNOWN, Code.QUORUM_MISSING}:
                    raise
                self.hearers.alarm(error.code)
            else:
                if note is not None:
                    self.publisher.add_cosignatures(note)

    def _prove(self) -> None:
        for log in self.shards():
            try:
                self._prover.prove(log)
                self._prover.prove_again(log)
            except TransportError as error:
                _log.warning("proofs could not be handed out yet: %s", error.code)
                return
