"""Proofs for the members of the country, on `<cc>.proofs`: one for each new entry, once a quorum stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import update

from refbus.database.port import Database
from refbus.tlog.proofs import inclusion_proof
from refbus.tlog.tiles import TileTrees
from refbus.wire.logs import LogProof, LogProofs
from refbus_auditor import ledger
from refbus_auditor.files import LogFolder
from refbus_auditor.ledger import Shard
from refbus_auditor.store.tables import shard

AT_ONCE = 200
"""Entries in one record: with the longest proofs and entries of our kinds it stays below 500 kB."""


@dataclass(slots=True)
class Prover:
    """Publishes proofs. `publish` returns when the broker has the values, or raises TransportError."""

    database: Database
    files: LogFolder
    publish: Callable[[Sequence[bytes]], None]
    again: tuple[bytes, ...] = ()
    """Entries about the directory in force that are to be proven again."""

    def prove(self, log: Shard) -> int:
        """Publish what the newest cosigned checkpoint of a log proves and was not published yet; return how many.

        A stop in between publishes some of it again. Raises TransportError, StoreError.
        """
        if log.cosigned is None:
            return 0
        size = log.cosigned_size
        for start in range(log.proven, size, AT_ONCE):
            end = min(size, start + AT_ONCE)
            proofs = tuple(self._proofs(log.origin, start, end, size))
            self.publish([LogProofs(log.cosigned, proofs).encode()])
            self._note(log.origin, end)
        return max(0, size - log.proven)

    def prove_again(self, log: Shard) -> int:
        """Publish proofs of the entries in `again` that a cosigned checkpoint of this log has; return how many.

        Raises TransportError, StoreError.
        """
        if not self.again or log.cosigned is None:
            return 0
        size = log.cosigned_size
        with self.database.reading() as connection:
            places = ledger.places(connection, log.origin, self.again)
        found = {place: leaf for place, leaf in sorted(places.items()) if place < size}
        trees = TileTrees(self.files.reader(log.origin), size)
        proofs = [LogProof(place, leaf, inclusion_proof(trees, place, size)) for place, leaf in found.items()]
        for start in range(0, len(proofs), AT_ONCE):
            self.publish([LogProofs(log.cosigned, tuple(proofs[start : start + AT_ONCE])).encode()])
        self.again = tuple(leaf for leaf in self.again if leaf not in found.values())
        return len(proofs)

    def _proofs(self, origin: str, start: int, end: int, size: int) -> Iterator[LogProof]:
        trees = TileTrees(self.files.reader(origin), size)
        with self.database.reading() as connection:
            entries = ledger.leaves(connection, origin, start, end)
        for index, entry in enumerate(entries, start):
            yield LogProof(index, entry, inclusion_proof(trees, index, size))

    def _note(self, origin: str, end: int) -> None:
        with self.database.writing() as connection:
            connection.execute(update(shard).where(shard.c.origin == origin).values(proven_size=end))
