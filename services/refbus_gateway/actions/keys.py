"""Asking about the keys of this organisation: first ones, the next ones, what is due, the end of old ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.errors import Code, SetupError
from refbus.files import write_whole
from refbus.said import said
from refbus.trust.member.enrolment import Profile, new_org_id
from refbus.trust.member.loss import parse_report
from refbus.trust.member.rotation import Task
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.home import founding, key_changes
from refbus_gateway.home.folder import Home
from refbus_gateway.home.key_changes import KeyLine


@dataclass(frozen=True, slots=True)
class Said:
    """What an organisation says of itself when it enrols. `label` is a plain name, never a person's."""

    country: CountryCode
    role: OrgRole
    label: str
    services: Sequence[str]
    languages: Sequence[str]


@dataclass(frozen=True, slots=True)
class HomeBegun:
    """A home with first keys; `request`: the file to hand to the ceremony of the country.

    `fingerprint`: 64 hexadecimal digits, compared with the ceremony by telephone.
    """

    org_id: OrgId
    request: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Enrolling:
    """What an organisation that enrols hands over: its request, the fingerprint of its key, its answer if it was made.

    `answer` is empty before the challenge came.
    """

    org_id: OrgId
    fingerprint: str
    request: bytes = field(repr=False)
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChallengeAnswered:
    """The file with the answer to the ceremony's challenge."""

    answer: str


@dataclass(frozen=True, slots=True)
class KeyDuty:
    """Something to be done about keys, and by when (ms UTC)."""

    task: Task
    due_ms: int


@dataclass(frozen=True, slots=True)
class KeysShown:
    """The keys of a home, as the directory has them, and what there is to do about them."""

    keys: tuple[KeyLine, ...]
    duties: tuple[KeyDuty, ...]


@dataclass(frozen=True, slots=True)
class KeysRotated:
    """The file with the update for the ceremony: the next keys count once the directory lists them."""

    update: str


@dataclass(frozen=True, slots=True)
class LossReported:
    """The report that a computer is lost, a signed file: since when (ms UTC), and how many keys it names."""

    since_ms: int
    keys: int
    report: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LossWritten:
    """The file with the report, since when (ms UTC), and how many keys it names."""

    report: str
    since_ms: int
    keys: int


@dataclass(frozen=True, slots=True)
class KeysPruned:
    """The keys that were destroyed."""

    destroyed: tuple[KeyId, ...]


def begin(folder: Path, actor: Actor, named: Said, passphrase: str, now_ms: int, *, out: Path | None) -> HomeBegun:
    """Make a home in `folder` with first keys and an enrolment request, also written to `out`; whole or not at all.

    Raises SetupError USAGE when the folder is a home with keys already, StoreError.
    """
    actor.require(Permission.MANAGE_HOME)
    profile = _profile(named)
    request = founding.found(Home(folder), profile, passphrase, now_ms)
    if out is not None:
        write_whole(out, request)
    return _begun(folder, profile, request)


def found(folder: Path, actor: Actor, named: Said, passphrase: str, now_ms: int) -> HomeBegun:
    """Make a home in an empty or missing folder, whole or not at all. Raises SetupError USAGE, StoreError."""
    actor.require(Permission.MANAGE_HOME)
    if not founding.is_new(Home(folder)):
        raise SetupError(Code.USAGE, said("the folder is not empty"))
    profile = _profile(named)
    return _begun(folder, profile, founding.found(Home(folder), profile, passphrase, now_ms))


def enrolling(desk: Desk, actor: Actor) -> Enrolling:
    """Return what this organisation hands over to be enrolled. The gateway stays closed.

    Raises SetupError FILE_UNREADABLE where no request was kept, UntrustedError for one that was changed.
    """
    actor.require(Permission.READ_STATUS)
    request = key_changes.request_of(desk.home)
    answer_path = desk.home.path / key_changes.ANSWER_FILE
    answered = key_changes.read_challenge(answer_path) if answer_path.is_file() else b""
    return Enrolling(desk.home.member.identity().org_id, key_changes.fingerprint_of(request), request, answered)


def answer_sent(desk: Desk, actor: Actor, challenge: bytes) -> ChallengeAnswered:
    """Keep the answer to a challenge that was handed over, in the home, which is open: it is asked for again there.

    Raises UntrustedError OPEN_FAILED, SetupError, MalformedError, StoreError.
    """
    actor.require(Permission.MANAGE_HOME)
    path = desk.home.path / key_changes.ANSWER_FILE
    write_whole(path, key_changes.answer(desk.home, challenge, desk.secret))
    return ChallengeAnswered(str(path))


def answer(desk: Desk, actor: Actor, challenge: Path, passphrase: str, out: Path) -> ChallengeAnswered:
    """Write the answer to the ceremony's challenge: it shows that the private key is here. The gateway stays closed.

    Raises UntrustedError OPEN_FAILED, SetupError, MalformedError.
    """
    actor.require(Permission.MANAGE_HOME)
    write_whole(out, key_changes.answer(desk.home, key_changes.read_challenge(challenge), passphrase))
    return ChallengeAnswered(str(out))


def show(desk: Desk, actor: Actor) -> KeysShown:
    """Return the keys of this home, and what is to be done about them."""
    actor.require(Permission.READ_STATUS)
    duties = (KeyDuty(duty.task, duty.due_ms) for duty in key_changes.due(desk.gateway))
    return KeysShown(tuple(key_changes.key_lines(desk.gateway)), tuple(duties))


def rotate(desk: Desk, actor: Actor, passphrase: str, out: Path, *, signing: bool, kem: bool) -> KeysRotated:
    """Make the next keys and write an update for the ceremony. Raises SetupError, UncheckableError."""
    actor.require(Permission.MANAGE_HOME)
    write_whole(out, key_changes.rotate(desk.gateway, passphrase, signing=signing, kem=kem))
    return KeysRotated(str(out))


def report_lost(desk: Desk, actor: Actor, since_ms: int | None = None) -> LossReported:
    """Return the report for the national node that a computer of this office is lost, since then or since now.

    Everybody may: it takes keys away and gives none. Raises SetupError USAGE for a time that is still to come,
    UncheckableError where the directory knows no key of this home.
    """
    actor.require(Permission.STOP)
    now_ms = desk.gateway.now_ms()
    told_ms = now_ms if since_ms is None else since_ms
    if not 0 <= told_ms <= now_ms:
        raise SetupError(Code.USAGE, said("since when it is gone: a time that has passed"))
    desk.note()
    report = key_changes.report_lost(desk.gateway, told_ms)
    return LossReported(told_ms, len(parse_report(report).kids), report)


def prune(desk: Desk, actor: Actor) -> KeysPruned:
    """Destroy private keys that no message can need any more. Raises UncheckableError CLOCK_JUMPED, CLOCK_SKEW."""
    actor.require(Permission.MANAGE_HOME, again=True)
    return KeysPruned(tuple(key_changes.prune(desk.gateway)))


def _profile(named: Said) -> Profile:
    org_id = new_org_id(named.country)
    return Profile(org_id, named.country, named.role, named.label, tuple(named.services), tuple(named.languages))


def _begun(folder: Path, profile: Profile, request: bytes) -> HomeBegun:
    return HomeBegun(profile.org_id, str(folder / key_changes.REQUEST_FILE), key_changes.fingerprint_of(request))
