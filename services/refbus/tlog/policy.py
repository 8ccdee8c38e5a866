"""Trust policies: which logs count, which witnesses, and how many of them (c2sp.org/tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

Every line is checked; a file that breaks a rule is refused whole. No public key stands in it twice, not under another
name nor another type, so nobody counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.cosignature import cosigned_at
from refbus.tlog.keys import SigType, VerifierKey, decimal
from refbus.tlog.note import Note, verified

MOST_BYTES: Final = 1 << 20
NONE: Final = b"none"
_STRANGE: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
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


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was checked in full: read from a file (`parse`), or put together from keys (`Making`)."""

    logs: tuple[Member, ...]
    witnesses: Mapping[bytes, Member]
    groups: Mapping[bytes, Group]
    quorum: bytes

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Return the policy in a file. Raises MalformedError, UntrustedError KEY_INVALID."""
        if len(data) > MOST_BYTES or _STRANGE.search(data):
            raise MalformedError(Code.NOT_CANONICAL, "characters of a policy")
        making = Making()
        for line in data.split(b"\n"):
            words = line.replace(b"\t", b" ").split(b" ")
            _take(making, [word for word in words if word])
        if data and not data.endswith(b"\n"):
            raise MalformedError(Code.NOT_CANONICAL, "last line of a policy")
        return making.done()

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


class Making:
    """A policy that is put together line by line, in the order of its file. What breaks a rule is refused at once."""

    def __init__(self) -> None:
        self._logs: list[Member] = []
        self._witnesses: dict[bytes, Member] = {}
        self._groups: dict[bytes, Group] = {}
        self._quorum = b""
        self._placed: set[bytes] = set()
        self._publics: set[bytes] = set()

    def add_log(self, log: Member) -> None:
        """Add a log. Raises MalformedError KEY_INVALID, UntrustedError KEY_INVALID."""
        self._new_key(log.key)
        if log.key.type is SigType.ED25519_COSIGNATURE:
            raise MalformedError(Code.KEY_INVALID, "type of a log's key")
        self._logs.append(log)

    def add_witness(self, name: bytes, witness: Member) -> None:
        """Add a witness. Raises MalformedError KEY_INVALID, NOT_CANONICAL; UntrustedError KEY_INVALID."""
        self._new_key(witness.key)
        if witness.key.type not in _COSIGNERS:
            raise MalformedError(Code.KEY_INVALID, "type of a witness key")
        self._new_name(name)
        self._witnesses[name] = witness

    def add_group(self, name: bytes, needed: int, members: tuple[bytes, ...]) -> None:
        """Add a group of known members. Raises MalformedError UNKNOWN_VALUE, NOT_CANONICAL."""
        self._new_name(name)
        if not all(map(self._known, members)):
            raise MalformedError(Code.UNKNOWN_VALUE, "member of a group")
        if len(set(members)) != len(members) or self._placed & set(members):
            raise MalformedError(Code.NOT_CANONICAL, "a member of two groups")
        if not 1 <= needed <= len(members):
            raise MalformedError(Code.NOT_CANONICAL, "threshold of a group")
        self._placed |= set(members)
        self._groups[name] = Group(needed, members)

    def set_quorum(self, name: bytes) -> None:
        """Say what must stand behind a checkpoint, once. Raises MalformedError NOT_CANONICAL."""
        if self._quorum or not (name == NONE or self._known(name)):
            raise MalformedError(Code.NOT_CANONICAL, "line of a policy")
        self._quorum = name

    def done(self) -> Policy:
        """Return the policy. Raises MalformedError NOT_CANONICAL when nothing was said of its quorum."""
        if not self._quorum:
            raise MalformedError(Code.NOT_CANONICAL, "a policy without quorum")
        return Policy(tuple(self._logs), dict(self._witnesses), dict(self._groups), self._quorum)

    def _new_key(self, key: VerifierKey) -> None:
        if key.public in self._publics:
            raise UntrustedError(Code.KEY_INVALID, "one public key twice in a policy")
        self._publics.add(key.public)

    def _known(self, name: bytes) -> bool:
        return name in self._witnesses or name in self._groups

    def _new_name(self, name: bytes) -> None:
        if name == NONE or self._known(name):
            raise MalformedError(Code.NOT_CANONICAL, "a name twice in a policy")


def _take(making: Making, words: list[bytes]) -> None:
    match words:
        case []:
            pass
        case [first, *_] if first.startswith(b"#"):
            pass
        case [b"log", vkey, *url] if len(url) <= 1:
            making.add_log(_member(vkey, url))
        case [b"witness", name, vkey, *url] if len(url) <= 1:
            making.add_witness(name, _member(vkey, url))
        case [b"group", name, needed, *members] if members:
            making.add_group(name, _needed(needed, len(members)), tuple(members))
        case [b"quorum", name]:
            making.set_quorum(name)
        case _:
            raise MalformedError(Code.NOT_CANONICAL, "line of a policy")


def _needed(text: bytes, members: int) -> int:
    words = {b"any": 1, b"all": members}
    return words[text] if text in words else decimal(text.decode("latin-1"))


def _member(vkey: bytes, url: list[bytes]) -> Member:
    return Member(VerifierKey.parse(_text(vkey)), _url(url))


def _url(words: list[bytes]) -> str:
    return _text(words[0]) if words else ""


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(Code.NOT_CANONICAL, "UTF-8 in a policy") from None
