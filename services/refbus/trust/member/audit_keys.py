"""The keys of an auditor's log and witness as the directory lists them (docs/spec/directory.md §5).

    log key of one shard    type 01, name <log name>/<shard>       one for each half-year; old ones stay listed
    witness keys            types 04 and 06, name <log name>/witness

One log name for each auditor and one auditor for each log name; no public key stands twice, under no other name, type
or organisation. Who vouched for them is `endorsement`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from refbus.core.directory import Organisation
from refbus.core.ids import KeyId
from refbus.crypto.framing import lp, sha256
from refbus.errors import Code, MalformedError, SetupError, UntrustedError
from refbus.tlog.custody import LogSecret
from refbus.tlog.keys import SigType, VerifierKey
from refbus.tlog.shards import WITNESS, next_shard, origin_of, shard_at, shards_from

SHARDS_LISTED: Final = 4
"""The present half-year and the next three: what an auditor lists when it renews."""
LEAST_AHEAD: Final = 2
"""With fewer half-years ahead, a renewal is overdue."""
MAX_AUDIT_KEYS: Final = 40
"""More would not fit into a target file beside the other keys."""
MAX_SHARDS: Final = MAX_AUDIT_KEYS - 2
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
_SHARD: Final = re.compile(r"[0-9]{4}[ab]")


@dataclass(frozen=True, slots=True)
class AuditKeys:
    """The audit keys of one organisation: its log's name, the key of each shard, and its witness keys by type."""

    name: str
    logs: Mapping[str, VerifierKey]
    witness: Mapping[SigType, VerifierKey]

    @classmethod
    def of(cls, vkeys: Iterable[str]) -> AuditKeys:
        """Return what the vkeys are, of which there is one at least. Raises UntrustedError KEY_INVALID."""
        logs, witness, names = dict[str, VerifierKey](), dict[SigType, VerifierKey](), set[str]()
        for vkey in vkeys:
            key = parse_vkey(vkey)
            name, _, part = key.name.rpartition("/")
            names.add(name)
            if part in logs or (part == WITNESS and key.type in witness):
                raise UntrustedError(Code.KEY_INVALID, "two audit keys for one place")
            if part == WITNESS:
                witness[key.type] = key
            else:
                logs[part] = key
        if len(names) != 1:
            raise UntrustedError(Code.KEY_INVALID, "audit keys of one organisation have one log name")
        return cls(names.pop(), dict(sorted(logs.items())), witness)

    def shards_ahead(self, now_ms: int) -> int:
        """Return for how many half-years after that of `now_ms` there are keys without a gap from now on."""
        shard, count = shard_at(now_ms), 0
        while shard in self.logs:
            shard, count = next_shard(shard), count + 1
        return max(0, count - 1)


@lru_cache(maxsize=1_024)
def parse_vkey(vkey: str) -> VerifierKey:
    """Return the key in a vkey that an auditor may list. Raises UntrustedError KEY_INVALID."""
    try:
        key = VerifierKey.parse(vkey)
    except MalformedError:
        raise UntrustedError(Code.KEY_INVALID, "audit key") from None
    name, _, part = key.name.rpartition("/")
    fits = _SHARD.fullmatch(part) if key.type is SigType.ED25519 else part == WITNESS
    if not fits:
        raise UntrustedError(Code.KEY_INVALID, "name and type of an audit key")
    check_log_name(name)
    return key


def check_log_name(name: str) -> None:
    """Refuse a log name that is not like that of a host. Raises UntrustedError KEY_INVALID."""
    if not _NAME.fullmatch(name):
        raise UntrustedError(Code.KEY_INVALID, "log name: lower-case letters, digits, dots and hyphens")


def audit_key_id(public: bytes) -> KeyId:
    """Return the 16-byte id of a public key, whatever its name and type: by it a key is revoked and found twice."""
    return KeyId(sha256(b"refbus/v1/kid/audit\0" + lp(public))[:16])


def claims(member: Organisation) -> Iterator[KeyId]:
    """Return one id for each thing that no other organisation may list: the public keys, and the log's name.

    Ed25519 signing keys are among them, so that none is a log's or witness's key elsewhere.
    """
    yield from (audit_key_id(key.ed25519) for key in member.signing_keys)
    for vkey in member.audit_keys:
        key = VerifierKey.parse(vkey)
        yield audit_key_id(key.public)
        yield KeyId(sha256(b"refbus/v1/kid/log-name\0" + lp(key.name.rpartition("/")[0].encode()))[:16])


def shards_listed(first: str | None, now_ms: int) -> list[str]:
    """Return the half-years from `first` (None: that of `now_ms`) to the third after that of `now_ms`.

    Raises SetupError USAGE for a half-year that is none, has not begun, or lies too long ago.
    """
    present = shard_at(now_ms)
    found = [present if first is None else first]
    if not _SHARD.fullmatch(found[0]) or found[0] > present:
        raise SetupError(Code.USAGE, "a half-year such as 2026b, not one to come")
    last = shards_from(now_ms, SHARDS_LISTED)[-1]
    while found[-1] != last and len(found) <= MAX_SHARDS:
        found.append(next_shard(found[-1]))
    if len(found) > MAX_SHARDS:
        raise SetupError(Code.USAGE, "a half-year so long ago that not all keys since could be listed")
    return found


def keys_of(secret: LogSecret, name: str, shards: Iterable[str]) -> list[VerifierKey]:
    """Return what the auditor that holds `secret` lists for these shards of the log `name`, and its witness keys."""
    logs = [secret.log_key(origin_of(name, shard)) for shard in shards]
    return [key.verifier for key in (*logs, *secret.witness_keys(name))]
