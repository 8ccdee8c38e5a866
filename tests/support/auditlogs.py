"""The audit log of one country as its auditor keeps it, in memory: a naive tree under the real keys of a federation.

log = CountryLog(world, KZ)
log.take()      # every new leaf that stands in the country's audit topic
log.publish()   # a cosigned checkpoint, with a proof for each entry that has none yet, on the country's topic
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from refbus.audit.shapes import directory_leaf
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.custody import LogSecret
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy
from refbus.tlog.proofs import inclusion_proof
from refbus.tlog.shards import origin_of, shard_at
from refbus.tlog.tiles import Tile, encode_bundle, tiles_after
from refbus.trust.reader.log_policy import auditor_of, log_name, log_policy, policy_text
from refbus.wire.logs import LogProof, LogProofs
from refbus.wire.transport import AuditEntry
from support.audit import entries_in
from support.ceremonies import KG, PASSPHRASE, TM, UZ
from support.firstread import store_of
from support.gateways import World
from support.logs import NaiveTrees, mth

_FIRST: Final[dict[tuple[CountryCode, int, tuple[bytes, ...]], LogProofs]] = {}
"""What the log of a country says first about these entries at a moment: signatures differ each time."""


@dataclass
class CountryLog:
    """One log. `entries` may be changed by a test that wants a log to lie."""

    world: World
    country: CountryCode
    entries: list[bytes] = field(default_factory=list)
    exported: list[tuple[int, AuditEntry, int]] = field(default_factory=list)
    _taken: int = 0
    _published: int = 0

    def __post_init__(self) -> None:
        self._reader = store_of(self.world)
        self._secrets: dict[CountryCode, LogSecret] = {}
        self.world.logs[self.country] = self

    @property
    def origin(self) -> str:
        """The origin of the shard of today."""
        return origin_of(log_name(self._reader.history.latest, self.country), shard_at(self.world.clock.now_ms))

    @property
    def policy(self) -> Policy:
        """The policy over this log."""
        return log_policy(self._reader.history.latest, self.country)

    @property
    def policy_text(self) -> str:
        """The policy as a file."""
        return policy_text(self._reader.history.latest, self.country)

    def take(self) -> int:
        """Append what is new in the audit topic; return how much."""
        records = self.world.bus.records(f"{self.country}.audit")[self._taken :]
        for record in records:
            for entry in entries_in([record.value]):
                self.exported.append((len(self.entries), entry, record.timestamp_ms))
                self.entries.append(entry.leaf)
        self._taken += len(records)
        return len(records)

    def checkpoint(
        self,
        entries: Sequence[bytes] | None = None,
        witnesses: Sequence[CountryCode] | None = None,
        at_s: int | None = None,
    ) -> Note:
        """Return a checkpoint over `entries` (all there are), cosigned at `at_s` (now) by `witnesses` (two others)."""
        cosigners = [each for each in (KG, UZ, TM) if each != self.country][:2] if witnesses is None else witnesses
        leaves = self.entries if entries is None else entries
        checkpoint = Checkpoint(self.origin, len(leaves), mth(leaves))
        note = sign_checkpoint(checkpoint, self._secret(self.country).log_key(self.origin))
        time_s = self.world.clock.now_ms // 1000 if at_s is None else at_s
        keys = [key for each in cosigners for key in self._secret(each).witness_keys(self._name(each))]
        return note.with_signatures(cosign(checkpoint, key, time_s) for key in keys)

    def proofs(self, note: Note, indices: Sequence[int], entries: Sequence[bytes] | None = None) -> LogProofs:
        """Return the record that proves these entries under a checkpoint."""
        leaves = self.entries if entries is None else entries
        trees, size = NaiveTrees(leaves), len(leaves)
        made = (LogProof(each, leaves[each], inclusion_proof(trees, each, size)) for each in indices)
        return LogProofs(note.encode(), tuple(made))

    def put(self, record: LogProofs) -> None:
        """Put a record on the country's topic of proofs."""
        self.world.bus.put(f"{self.country}.proofs", record.encode())

    def publish(self) -> None:
        """Prove every entry that has not been proven."""
        self.put(self.proofs(self.checkpoint(), range(self._published, len(self.entries))))
        self._published = len(self.entries)

    def show(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Log the metadata among the files of a directory and prove all of it, as an auditor does."""
        leaves = [directory_leaf(path, content) for path, content in files if path.startswith("metadata/")]
        is_first = not self.entries
        self.entries += [leaf for leaf in leaves if leaf not in self.entries]
        said = (self.country, self.world.clock.now_ms, tuple(self.entries))
        record = _FIRST.get(said) if is_first else None
        if record is None:
            record = self.proofs(self.checkpoint(), sorted(self.entries.index(leaf) for leaf in leaves))
        if is_first:
            _FIRST[said] = record
        self.put(record)

    def write(self, folder: Path) -> Path:
        """Write the log as files, in a folder of the shard's name; return the folder above it."""
        shard = folder / self.origin.rpartition("/")[2]
        for tile in tiles_after(0, len(self.entries)):
            path = shard / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._tile(tile))
        (shard / "checkpoint").write_bytes(self.checkpoint().encode())
        return folder

    def _tile(self, tile: Tile) -> bytes:
        first = tile.index * 256
        if tile.level is None:
            return encode_bundle(self.entries[first : first + tile.width])
        trees, level = NaiveTrees(self.entries), 8 * tile.level
        return b"".join(trees.subtree(level, first + at) for at in range(tile.width))

    def _secret(self, country: CountryCode) -> LogSecret:
        if country not in self._secrets:
            self._secrets[country] = self.world.lab.home(self.auditor(country)).log_secret(PASSPHRASE)
        return self._secrets[country]

    def _name(self, country: CountryCode) -> str:
        return log_name(self._reader.history.latest, country)

    def auditor(self, country: CountryCode) -> OrgId:
        """Return the id of a country's auditor."""
        return auditor_of(self._reader.history.latest, country).org_id

    def inspector(self, country: CountryCode) -> OrgId:
        """Return the id of a country's inspector."""
        members = self._reader.history.latest.organisations.values()
        return next(each.org_id for each in members if each.country == country and each.role is OrgRole.INSPECTOR)
