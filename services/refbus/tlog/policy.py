"""Trust policies: which logs count, which witnesses, and how many of them (c2sp.org/tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

Every line is checked; a file that breaks a rule is refused whole. No public key stands in it twice, not under another
name nor another type, so nobody counts twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.cosignature import cosigned_at
from refbus.tlog.keys import SigType, VerifierKey, decimal
from refbus.tlog.note import Note, verified

MOST_BYTES: Final = 1 << 20
NONE: Final = b"none"
_COSIGNERS = frozenset({SigType.ED25519_COSIGNATURE, SigType.MLDSA44_COSIGNATURE})


@dataclass(frozen=True, slots=True)
class Member:
    """A log or witness: its key and the address where it is met, if the file has one."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Witnessed when `needed` of `members` are."""

    needed: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that holds under a policy. `times_s`: when each witness cosigned, seconds since the epoch."""

    checkpoint: Checkpoint
    times_s: Mapping[bytes, int]
    quorum_at_s: int | None
    """Since when, at the latest, a whole quorum has stood behind it, seconds; None when none is demanded."""


@dataclass(slots=True)
class Policy:
    """A policy that was read in full."""

    logs: list[Member] = field(default_factory=list)
    witnesses: dict[bytes, Member] = field(default_factory=dict)
    groups: dict[bytes, Group] = field(default_factory=dict)
    quorum: bytes = b""
    _placed: set[bytes] = field(default_factory=set)

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Return the policy in a file. Raises MalformedError, UntrustedError KEY_INVALID."""
        if len(data) > MOST_BYTES or any((byte < 0x20 and byte not in b"\t\n") or byte == 0x7F for byte in data):
            raise MalformedError(Code.NOT_CANONICAL, "characters of a policy")
        policy = cls()
        for line in data.split(b"\n"):
            words = line.replace(b"\t", b" ").split(b" ")
            policy._take([word for word in words if word])
        if data and not data.endswith(b"\n"):
            raise MalformedError(Code.NOT_CANONICAL, "last line of a policy")
        if not policy.quorum:
            raise MalformedError(Code.NOT_CANONICAL, "a policy without quorum")
        return policy

    def log_keys(self, origin: str) -> list[VerifierKey]:
        """Return the keys of the log with this origin; empty when it is not known."""
        return [log.key for log in self.logs if log.key.name == origin]

    def check(self, note: Note, now_s: int | None = None) -> Seen:
        """Return the checkpoint of `note` if a log of the policy signed it and the quorum cosigned it.

        With `now_s` (seconds since the epoch) a cosignature from the future is refused too. Raises MalformedError,
        UncheckableError KEY_UNKNOWN, UntrustedError SIGNATURE_INVALID, QUORUM_MISSING.
        """
        checkpoint = self.signed(note)
        times = self.cosigned(note, checkpoint)
        if now_s is not None and any(at_s > now_s for at_s in times.values()):
            raise UntrustedError(Code.SIGNATURE_INVALID, "a cosignature from the future")
        if self.quorum == NONE:
            return Seen(checkpoint, times, None)
        at_s = self._since(self.quorum, times)
        if at_s is None:
            raise UntrustedError(Code.QUORUM_MISSING)
        return Seen(checkpoint, times, at_s)

    def signed(self, note: Note) -> Checkpoint:
        """Return the checkpoint of `note` if a log of the policy signed it; cosignatures are not looked at."""
        checkpoint = Checkpoint.parse(note.text)
        keys = self.log_keys(checkpoint.origin)
        if not keys:
            raise UncheckableError(Code.KEY_UNKNOWN, "a log that the policy does not name")
        plain = [key for key in keys if key.type is SigType.ED25519]
        timed = [key for key in keys if key.type is SigType.MLDSA44_COSIGNATURE]
        times = [cosigned_at(checkpoint, key, line) for key in timed for line in note.signatures if line.of(key)]
        if not times or any(line.of(key) for key in plain for line in note.signatures):
            verified(note, plain)
        return checkpoint

    def cosigned(self, note: Note, checkpoint: Checkpoint) -> dict[bytes, int]:
        """Return which witnesses cosigned, and when at the latest. Raises UntrustedError SIGNATURE_INVALID."""
        times = dict[bytes, int]()
        for name, witness in self.witnesses.items():
            found = [cosigned_at(checkpoint, witness.key, line) for line in note.signatures if line.of(witness.key)]
            if found:
                times[name] = max(found)
        return times

    def _since(self, name: bytes, times: Mapping[bytes, int]) -> int | None:
        """Return when `name` had witnessed the checkpoint, None if it has not."""
        group = self.groups.get(name)
        if group is None:
            return times.get(name)
        found = [at_s for at_s in (self._since(each, times) for each in group.members) if at_s is not None]
        return sorted(found, reverse=True)[group.needed - 1] if len(found) >= group.needed else None

    def _take(self, words: list[bytes]) -> None:
        match words:
            case []:
                pass
            case [first, *_] if first.startswith(b"#"):
                pass
            case [b"log", vkey, *url] if len(url) <= 1:
                self._add_log(Member(self._key(vkey), _url(url)))
            case [b"witness", name, vkey, *url] if len(url) <= 1:
                self._add_witness(name, Member(self._key(vkey), _url(url)))
            case [b"group", name, needed, *members] if members:
                self._add_group(name, needed, tuple(members))
            case [b"quorum", name] if not self.quorum and (name == NONE or self._known(name)):
                self.quorum = name
            case _:
                raise MalformedError(Code.NOT_CANONICAL, "line of a policy")

    def _add_log(self, log: Member) -> None:
        if log.key.type is SigType.ED25519_COSIGNATURE:
            raise MalformedError(Code.KEY_INVALID, "type of a log's key")
        self.logs.append(log)

    def _add_witness(self, name: bytes, witness: Member) -> None:
        if witness.key.type not in _COSIGNERS:
            raise MalformedError(Code.KEY_INVALID, "type of a witness key")
        self._new_name(name)
        self.witnesses[name] = witness

    def _add_group(self, name: bytes, needed: bytes, members: tuple[bytes, ...]) -> None:
        self._new_name(name)
        if not all(self._known(each) for each in members):
            raise MalformedError(Code.UNKNOWN_VALUE, "member of a group")
        if len(set(members)) != len(members) or self._placed & set(members):
            raise MalformedError(Code.NOT_CANONICAL, "a member of two groups")
        words = {b"any": 1, b"all": len(members)}
        number = words[needed] if needed in words else decimal(needed.decode("latin-1"))
        if not 1 <= number <= len(members):
            raise MalformedError(Code.NOT_CANONICAL, "threshold of a group")
        self._placed |= set(members)
        self.groups[name] = Group(number, members)

    def _key(self, text: bytes) -> VerifierKey:
        key = VerifierKey.parse(_text(text))
        if any(key.public == each.key.public for each in (*self.logs, *self.witnesses.values())):
            raise UntrustedError(Code.KEY_INVALID, "one public key twice in a policy")
        return key

    def _known(self, name: bytes) -> bool:
        return name in self.witnesses or name in self.groups

    def _new_name(self, name: bytes) -> None:
        if name == NONE or self._known(name):
            raise MalformedError(Code.NOT_CANONICAL, "a name twice in a policy")


def _url(words: list[bytes]) -> str:
    return _text(words[0]) if words else ""


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(Code.NOT_CANONICAL, "UTF-8 in a policy") from None
