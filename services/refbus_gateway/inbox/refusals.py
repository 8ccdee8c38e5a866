"""What becomes of an inbox record that cannot be taken in: kept, and told to a person here and to whoever sent it.

Who hears of which code: refbus.explain.hearing. What waits is tried again when what it waits for has changed, and of
one sender only so much waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from refbus.audit.record import AuditOutcome, Stage
from refbus.backoff import BackOff
from refbus.core.message import is_urgent
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import STOPS, TECHNICAL_EVENTS
from refbus.envelope.routing import Authenticated
from refbus.errors import Code, ConsentError, RefbusError
from refbus.said import Said, placed, said
from refbus.telemetry.labels import InboxResult
from refbus.wire.payload import schemas_known
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.audit import entries
from refbus_gateway.audit.entries import Decided
from refbus_gateway.home import confirmation
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import answers
from refbus_gateway.rules.verification import UndecryptableError
from refbus_gateway.store import alarms, referrals, set_aside
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.set_aside import AsideState, Setting

MOST_RECORDS: Final = 200
MOST_BYTES: Final = 20_000_000
"""So much of one sender waits here, and so much is kept as evidence. What is beyond does not wait, and of it only the
hash is kept; its sender is told. As much evidence is kept of all together from whom it is not known: what of that waits
has no bound, for it may be anybody's no."""
WAITS: Final = BackOff(first_ms=2_000, longest_ms=10 * 60_000)
TOLD_AFTER_MS: Final = DAY_MS
"""What waits for something that comes by itself is told after a day; what needs somebody's help is told at once."""
_TOLD_AT_ONCE: Final = frozenset({Code.UNKNOWN_SCHEMA})
_OURS: Final = frozenset({Code.INTERNAL_ERROR, Code.HOME_DAMAGED})
_ALARMED_AT_ONCE: Final = _TOLD_AT_ONCE | _OURS | {Code.CLOCK_SKEW}
_BY_THE_CLOCK: Final = _OURS | {Code.CLOCK_SKEW, Code.DIRECTORY_EXPIRED, Code.VIEW_STALE}
_MOST_ALARMS: Final = 20
_NOTICE: Final = ", a notice"
"""What the English of each alarm about a notice has."""
_FROM_NOBODY: Final = said("from whom it is cannot be known")


class Heard(StrEnum):
    """Who hears of a record that was not taken in, beside a person here."""

    SENDER = "the sender is told"
    NOBODY = "nobody else is told"
    LATER = ""  # it may still be taken in by itself


_HEARD: Final = {Heard.SENDER: said("the sender is told"), Heard.NOBODY: said("nobody else is told")}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record was not taken in, and from whom it is if that is known."""

    state: AsideState
    error: RefbusError
    sender: Authenticated | None = None


def put_aside(gateway: Gateway, tx: Transaction, record: InboxRecord, failure: Failure) -> bool:
    """Keep the record with its code; tell a person, the inspector and the sender. Return whether a person has news."""
    before = set_aside.found_aside(tx, record.body)
    setting = _setting(gateway, tx, record, failure, before)
    moved = before is None or (before.state, before.code) != (setting.state, setting.code)
    waited_ms = 0 if before is None else gateway.now_ms() - before.since_ms
    overdue = before is not None and not before.told and not 0 <= waited_ms < TOLD_AFTER_MS
    set_aside.put_aside(tx, record, setting, gateway.now_ms())
    _observe(gateway, setting, failure)
    if not moved and not overdue:
        return setting.state is AsideState.REFUSED
    heard = _tell_sender(gateway, tx, record, failure, setting, overdue=overdue)
    alarming = heard is not Heard.LATER or setting.code in _ALARMED_AT_ONCE
    if alarming and not confirmation.explains(tx, failure.error, gateway.now_ms(), gateway.local_time):
        alarms.raise_alarm(tx, setting.code, _words(tx, record, failure, setting, heard), gateway.now_ms())
    if heard is not Heard.LATER:
        set_aside.note_told(tx, record.body)
    if setting.state is AsideState.REFUSED and record.kind is InboxKind.EVENT:
        codes = failure.error.reasons if isinstance(failure.error, ConsentError) else (setting.code,)
        refusal = Decided(Stage.OPENED, AuditOutcome.REFUSED, codes)
        answers.best_effort(gateway, tx, lambda: entries.record(gateway, tx, None, refusal))
    return setting.state is AsideState.REFUSED


def taken_in(gateway: Gateway, tx: Transaction, before: set_aside.Found | None, sender: Authenticated) -> None:
    """Tell the sender that what it was told waits here is taken in now."""
    if before is not None and before.told and before.state is AsideState.HELD:
        answers.reported(gateway, tx, sender, "TAKEN_IN", before.code)


def basis(gateway: Gateway, tx: Transaction, code: Code | str) -> str:
    """Return what is here of what a code waits for; while that is the same, trying again gives the same."""
    if code == Code.UNKNOWN_SCHEMA:
        return schemas_known()
    if code == Code.REFERRAL_UNKNOWN:
        return str(referrals.newest_event(tx))
    newest = gateway.newest_directory()
    return "" if newest is None else f"{newest.version}/{newest.expires_at_ms}"


class Patience:
    """Which of the records that wait are worth another try now. One instance for each reader of an inbox.

    What needs another directory or another program is tried when that is here. What time or other events may bring is
    tried again after 2 s, 4, 8 ... up to ten minutes, counted by `monotonic` (seconds) and not by a clock that jumps.
    """

    def __init__(self, gateway: Gateway, monotonic: Callable[[], float]) -> None:
        self._gateway = gateway
        self._monotonic = monotonic
        self._next_s: dict[int, float] = {}

    def due(self, tx: Transaction, most: int, last: int | None = None) -> list[int]:
        """Return the rows up to `last` to try now, at most `most`: those that say stop first, then the least tried."""
        now_ms, here = self._gateway.now_ms(), dict[str, str]()
        found = []
        for each in set_aside.waiting(tx, last):
            if each.code not in here:
                here[each.code] = basis(self._gateway, tx, each.code)
            overdue = not each.told and not 0 <= now_ms - each.since_ms < TOLD_AFTER_MS
            if self._has_changed(each, here[each.code]) or overdue:
                found.append(each.id)
            if len(found) == most:
                break
        return found

    def tried(self, tx: Transaction, row_id: int) -> None:
        """Note that a record was tried; if it still waits, the next time is later."""
        attempts = set_aside.attempts(tx, row_id)
        if attempts is None:
            self._next_s.pop(row_id, None)
        else:
            wait_s = WAITS.wait_ms(attempts) / 1000
            self._next_s[row_id] = self._monotonic() + wait_s

    def _has_changed(self, each: set_aside.Found, here: str) -> bool:
        rested = self._monotonic() >= self._next_s.get(each.id, 0.0)
        if each.code in _BY_THE_CLOCK:
            return rested
        return each.basis != here and (rested or each.code != Code.REFERRAL_UNKNOWN)


def _setting(
    gateway: Gateway, tx: Transaction, record: InboxRecord, failure: Failure, before: set_aside.Found | None
) -> Setting:
    """Decide what is kept: within the limits of its sender everything, beyond them the hash."""
    state, code = failure.state, failure.error.code
    who, full = b"", False
    stop = failure.sender is not None and failure.sender.opened.block.event_type in STOPS
    if failure.sender is not None:
        who = tx.vault.hash("aside", failure.sender.opened.block.sender.encode())
        full = before is None and not stop and _is_full(tx, record, who, state)
    elif state is AsideState.REFUSED:
        who = tx.vault.hash("aside")
        full = before is None and _is_full(tx, record, who, state)
    if full and state is AsideState.HELD:
        state, code = AsideState.REFUSED, Code.TOO_MANY_WAITING
    keep = not full and code is not Code.KEY_DESTROYED
    here = basis(gateway, tx, code) if state is AsideState.HELD else ""
    return Setting(state, code, who, here, stop=stop, keep=keep)


def _is_full(tx: Transaction, record: InboxRecord, who: bytes, state: AsideState) -> bool:
    """Whether so much of `who` is kept in this state that the record is too much."""
    records, size = set_aside.kept_of(tx, who, state)
    return records >= MOST_RECORDS or size + len(record.body) > MOST_BYTES


def unreadable(gateway: Gateway, tx: Transaction, record: InboxRecord, code: Code, place: Said) -> None:
    """Keep what is no inbox record at all, or a batch that cannot be read, and tell a person where it is.

    Nobody can know from whom.
    """
    who = tx.vault.hash("aside")
    full = set_aside.found_aside(tx, record.body) is None and _is_full(tx, record, who, AsideState.REFUSED)
    set_aside.put_aside(tx, record, Setting(AsideState.REFUSED, code, who, keep=not full), gateway.now_ms())
    alarms.raise_alarm(tx, code, _told(_of_many(tx, code, place), Heard.NOBODY), gateway.now_ms())


def _of_many(tx: Transaction, code: Code, place: Said) -> Said:
    """Return the words of an alarm about something from nobody knows whom: many are one alarm in the end."""
    many = alarms.count_alarms(tx, code, _FROM_NOBODY) >= _MOST_ALARMS
    return placed(said("more inbox records") if many else place, _FROM_NOBODY)


def _observe(gateway: Gateway, setting: Setting, failure: Failure) -> None:
    error = failure.error
    undecryptable = isinstance(error, UndecryptableError)
    gateway.observer.inbox(InboxResult.UNDECRYPTABLE if undecryptable else InboxResult(setting.state.value))
    gateway.observer.refused(error.reasons if isinstance(error, ConsentError) else (setting.code,))


def _tell_sender(
    gateway: Gateway, tx: Transaction, record: InboxRecord, failure: Failure, setting: Setting, *, overdue: bool
) -> Heard:
    """Answer the sender, if it is known who that is and the event is not itself an answer that nobody waits for."""
    error, sender, held = failure.error, failure.sender, setting.state is AsideState.HELD
    if held and not overdue and setting.code not in _TOLD_AT_ONCE:
        return Heard.LATER
    if isinstance(error, UndecryptableError):
        return _heard(answers.undecryptable(gateway, tx, error))
    if setting.code is Code.MESSAGE_EXPIRED and record.kind is InboxKind.EVENT:
        return _heard(answers.expired(gateway, tx, record.body))
    if sender is None or sender.opened.block.event_type in TECHNICAL_EVENTS:
        return Heard.NOBODY
    return _heard(answers.reported(gateway, tx, sender, "WAITS" if held else "REFUSED", setting.code))


def _heard(told: bool) -> Heard:
    return Heard.SENDER if told else Heard.NOBODY


def _told(what: Said, heard: Heard) -> Said:
    """Add who else hears of it."""
    return Said("%(what)s; %(heard)s", None, what=what, heard=_HEARD[heard]) if heard in _HEARD else what


def _words(tx: Transaction, record: InboxRecord, failure: Failure, setting: Setting, heard: Heard) -> Said:
    """Name the sender and the event; of an erased case no event. Many of one sender are one alarm in the end."""
    if failure.sender is not None:
        return _told(_of_sender(tx, record, failure.sender, setting), heard)
    detail = failure.error.detail
    if record.kind is InboxKind.EVENT:
        place = said("inbox record %(number)s", number=record.sequence)
        return _told(_of_many(tx, setting.code, place), heard)
    if alarms.count_alarms(tx, setting.code, _NOTICE) >= _MOST_ALARMS:
        return _told(said("more records, a notice"), heard)
    notice = said("inbox record %(number)s, a notice", number=record.sequence)
    return _told(placed(notice, detail) if detail else notice, heard)


def _of_sender(tx: Transaction, record: InboxRecord, sender: Authenticated, setting: Setting) -> Said:
    block = sender.opened.block
    if alarms.count_alarms(tx, setting.code, str(block.sender)) >= _MOST_ALARMS:
        return said("more events of %(organisation)s", organisation=block.sender)
    told = said(
        "%(event)s of %(organisation)s (inbox record %(number)s)",
        event=block.event_type
        if setting.code is Code.KEY_DESTROYED
        else f"{block.event_type} {block.event_id.hex()[:8]}",
        organisation=block.sender,
        number=record.sequence,
    )
    return said("URGENT: %(what)s", what=told) if is_urgent(block) else told
