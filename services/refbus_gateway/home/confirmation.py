"""A store that goes on from a backup does not know what was said since, above all what people refused.

So nothing that is a yes leaves it before the inbox and the directory were read to their ends, the person in charge has
confirmed, and for each case that the backup had somebody has asked again whether the consents in it still stand. What
is a no, a receipt or an acknowledgement goes out as always. What others say about things that are not known here any
more becomes one alarm, with the time and the organisations.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import func, select

from refbus.clock import CLOCK_SKEW_MS
from refbus.core.documents import read_json
from refbus.core.ids import OrgId
from refbus.core.message import RoutingBlock
from refbus.core.times import show_time
from refbus.core.vocabulary import CONTROL_EVENTS, EventType
from refbus.errors import Code, ConsentError, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.said import placed, said, some_of
from refbus_gateway.store import alarms, cases, outbox, referrals, schema
from refbus_gateway.store.cases import Case, Unread
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.session import Transaction

_STATE: Final = "restored"
_UNKNOWN: Final = "restored-unknown"
_CASE: Final = "restored-case/"
_NO: Final = "restored-no/"
_AGAIN: Final = "restored-again/"
ANNOUNCED: Final = "restored-announced"
"""What was said to others of this restore (`outbox.announcements`); it goes with the restore."""
_NOS: Final = CONTROL_EVENTS - {EventType.CONSENT_GRANTED, EventType.CONSENT_AMENDED}
"""What goes out all the same: closed forms, none of which permits anything."""
_SLACK_MS: Final = CLOCK_SKEW_MS
Shown = Callable[[int], str]
"""Writes a time (ms UTC) for people (`Gateway.local_time`)."""


@dataclass(frozen=True, slots=True)
class State:
    """Since when this store is one that goes on from a backup. Times in UTC ms, None: not yet.

    `last_case`, `last_consent`: the newest rows that the backup had. `inbox_lost`: the broker no longer had everything
    that came since the backup.
    """

    made_ms: int
    restored_ms: int
    last_case: int
    last_consent: int
    drained_ms: int | None = None
    confirmed_ms: int | None = None
    inbox_lost: bool = False


_LOST: Final = State(0, 0, 1 << 62, 1 << 62)
"""What holds while the state cannot be read: nothing is confirmed, and every own case may be one of the backup."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """What others have said about things that are not known here: when, how much, who. Times in UTC ms."""

    first_ms: int
    last_ms: int
    count: int
    orgs: tuple[str, ...]


class UnknownHereError(UntrustedError):
    """It is about something of ours that is not in this store. `at_ms`: when it was said, UTC."""

    def __init__(self, detail: str, org: OrgId, at_ms: int) -> None:
        super().__init__(Code.NOT_A_PARTY, detail)
        self.org = org
        self.at_ms = at_ms


def mark(tx: Transaction, made_ms: int, now_ms: int) -> None:
    """Note that this store is that of a backup made at `made_ms`; what waited in it is looked at before it goes out."""
    for name in [
        _UNKNOWN,
        ANNOUNCED,
        *tx.names(_CASE),
        *tx.names(_AGAIN),
    ]:  # a no stays, however often a store comes back
        tx.drop(name)
    newest = [tx.connection.execute(select(func.max(table.c.id))).scalar() or 0 for table in _TABLES]
    _put(tx, State(made_ms, now_ms, newest[0], newest[1]))
    for row in outbox.open_events(tx):
        if row.event_id is not None and _is_yes_of(tx, row.event_id):
            outbox.set_state(tx, row.id, RowState.STALE)
    told = said("the backup is of %(time)s", time=show_time(made_ms))
    alarms.raise_alarm(tx, Code.RESTORE_UNCONFIRMED, told, now_ms)


def find(tx: Transaction) -> State | None:
    """Return the state of a store that goes on from a backup, None for one that never did.

    Of a damaged one it is not known what was confirmed: nothing is, until a person confirms it again (`note_drained`).
    """
    kept = tx.get(_STATE)
    if kept is None:
        return None
    values = _object(kept)
    try:
        state = State(**values)
        times = (state.made_ms, state.restored_ms, state.last_case, state.last_consent)
        later = (state.drained_ms, state.confirmed_ms)
        sound = all(type(each) is int for each in (*times, *(each for each in later if each is not None)))
    except TypeError:
        return _LOST
    return state if sound and isinstance(state.inbox_lost, bool) else _LOST


def unknown(tx: Transaction) -> Unknown | None:
    """Return what others have said about things that are not known here."""
    kept = tx.get(_UNKNOWN)
    values = {} if kept is None else _object(kept)
    try:
        first_ms, last_ms, count = (int(values[name]) for name in ("first_ms", "last_ms", "count"))
        return Unknown(first_ms, last_ms, count, tuple(str(org) for org in values["orgs"]))
    except (KeyError, TypeError, ValueError, OverflowError):  # damaged: it is counted anew
        return None


def require(tx: Transaction, case: Case, block: RoutingBlock, shown: Shown) -> None:
    """Refuse a yes that this store cannot stand for yet; `shown` writes times as the home shows them.

    Raises UncheckableError RESTORE_UNCONFIRMED, CONSENT_UNCONFIRMED_AFTER_RESTORE; ConsentError WITHDRAWN when the
    recipient has answered a withdrawal that is not known here.
    """
    state = find(tx)
    if state is None or block.event_type in _NOS:
        return
    if state.confirmed_ms is None:
        raise UncheckableError(Code.RESTORE_UNCONFIRMED, said("the backup is of %(time)s", time=shown(state.made_ms)))
    newest_consent = _newest_consent(tx, case)
    if has_answered_no(tx, case, block.recipient):
        raise ConsentError(
            (Code.WITHDRAWN,), said("%(organisation)s has answered a withdrawal", organisation=block.recipient)
        )
    if _is_open(tx, state, case) and (newest_consent <= state.last_consent or _is_again(tx, case)):
        detail = f"refbus consent confirm {case.id}"
        raise UncheckableError(Code.CONSENT_UNCONFIRMED_AFTER_RESTORE, detail)


def note_drained(tx: Transaction, now_ms: int) -> None:
    """Note that the directory and the inbox were read to their ends since the restore."""
    state = find(tx)
    if state == _LOST:
        state = replace(_LOST, restored_ms=now_ms)
        told = said("what was confirmed after the restore cannot be read: every case is to be confirmed again")
        alarms.raise_alarm(tx, Code.RESTORE_UNCONFIRMED, placed("store.db", told), now_ms)
    if state is not None and state.drained_ms is None:
        _put(tx, replace(state, drained_ms=now_ms))


def note_lost(tx: Transaction) -> None:
    """Note that the broker no longer has all of the inbox since the backup."""
    state = find(tx)
    if state is not None and state.drained_ms is None:
        _put(tx, replace(state, inbox_lost=True))


def explains(tx: Transaction, error: RefbusError, now_ms: int, shown: Shown) -> bool:
    """Add to the one alarm of what is not known here any more; False when no restore explains the error.

    `shown` writes times as the home shows them.
    """
    state = find(tx) if isinstance(error, UnknownHereError) else None
    if state is None or not isinstance(error, UnknownHereError) or error.at_ms < since_ms(state):
        return False
    org, at_ms = error.org, error.at_ms
    before = unknown(tx) or Unknown(at_ms, at_ms, 0, ())
    orgs = tuple(sorted({*before.orgs, org}))
    found = Unknown(min(before.first_ms, at_ms), max(before.last_ms, at_ms), before.count + 1, orgs)
    tx.put(_UNKNOWN, json.dumps(asdict(found)).encode())
    for alarm in alarms.standing_alarms(tx):
        if alarm.code == Code.RESTORED_UNKNOWN:
            alarms.clear_alarm(tx, alarm.id, now_ms)
    span = said(
        "%(count)s from %(first)s to %(last)s",
        count=found.count,
        first=shown(found.first_ms),
        last=shown(found.last_ms),
    )
    detail = placed(span, some_of(orgs))
    alarms.raise_alarm(tx, Code.RESTORED_UNKNOWN, detail, now_ms)
    return True


def since_ms(state: State) -> int:
    """Return from when on things may be unknown here. A backup of a clock that was ahead says nothing of that."""
    return state.made_ms - _SLACK_MS if state.made_ms <= state.restored_ms else 0


def note_known_again(tx: Transaction, case: Case, org: OrgId, now_ms: int) -> None:
    """Note a case that was begun after the backup; a person is told how a no is said in it."""
    tx.put_int(f"{_AGAIN}{case.id}", now_ms)
    detail = said(
        "case %(case)s waits: sent to %(organisation)s after the backup. A no of the person: refbus consent withdraw "
        "%(case)s",
        case=case.id,
        organisation=org,
    )
    alarms.raise_alarm(tx, Code.CONSENT_UNCONFIRMED_AFTER_RESTORE, detail, now_ms)


def note_no(tx: Transaction, case: Case, org: OrgId, now_ms: int) -> None:
    """Note that an organisation answered a withdrawal that is not known here: it counts until the person is asked."""
    if find(tx) is not None:
        tx.put_int(_no_name(tx, case, org), _newest_consent(tx, case))
        source = said("%(organisation)s has answered a withdrawal", organisation=org)
        detail = said("%(organisation)s has answered a withdrawal in case %(case)s", organisation=org, case=case.id)
        alarms.raise_of_many(tx, Code.WITHDRAWN, source, detail, now_ms)


def has_answered_no(tx: Transaction, case: Case, org: OrgId) -> bool:
    """Whether an organisation has answered a withdrawal that is not known here, and nobody asked the person since."""
    told = tx.get(_no_name(tx, case, org))
    return told is not None and _newest_consent(tx, case) <= int.from_bytes(told, "big")


def confirm(tx: Transaction, now_ms: int) -> list[int]:
    """Let yeses go out again; return the numbers of cases with something waiting that must be confirmed one by one.

    Raises UncheckableError NOT_SYNCHRONISED while not everything was read since the restore.
    """
    state = find(tx)
    if state is None or state.confirmed_ms is not None:
        return []
    if state.drained_ms is None:
        raise UncheckableError(Code.NOT_SYNCHRONISED, said("not everything was read since the restore"))
    state = replace(state, confirmed_ms=now_ms)
    _put(tx, state)
    for alarm in alarms.standing_alarms(tx):
        if alarm.code == Code.RESTORE_UNCONFIRMED:
            alarms.clear_alarm(tx, alarm.id, now_ms)
    open_rows = [row.referral for row in outbox.open_events(tx) if row.referral is not None]
    waiting = {number for row in open_rows if (number := referrals.number_of_case(tx, row)) is not None}
    found = sorted(number for number in waiting if _is_open(tx, state, cases.without_key(tx, number)))
    for number in found:
        detail = said("case %(case)s waits", case=number)
        alarms.raise_alarm(tx, Code.CONSENT_UNCONFIRMED_AFTER_RESTORE, detail, now_ms)
    return found


def confirm_case(tx: Transaction, case: Case, now_ms: int) -> None:
    """Note that somebody has made sure that the consents of a case, and its list of denied recipients, still stand."""
    tx.put_int(f"{_CASE}{case.id}", now_ms)
    for alarm in alarms.standing_alarms(tx):
        if alarm.code == Code.CONSENT_UNCONFIRMED_AFTER_RESTORE and alarm.detail.startswith(f"case {case.id} waits"):
            alarms.clear_alarm(tx, alarm.id, now_ms)


def to_confirm(tx: Transaction, unread: Unread | None = None) -> list[Case]:
    """Return the cases that must be confirmed before anything of them is sent; what cannot be read is in `unread`."""
    state = find(tx)
    return (
        [] if state is None else [case for case in cases.every(tx, unread) if case.live and _is_open(tx, state, case)]
    )


_TABLES: Final = (schema.cases, schema.consents)


def _is_open(tx: Transaction, state: State, case: Case) -> bool:
    """Whether a case of the backup was not confirmed since. What was received is known again from the inbox."""
    of_backup = case.id <= state.last_case and (case.own or state.inbox_lost)
    return (of_backup or _is_again(tx, case)) and tx.get(f"{_CASE}{case.id}") is None


def _is_again(tx: Transaction, case: Case) -> bool:
    """Whether a case was begun after the backup and is known by what its recipient says of it."""
    return tx.get(f"{_AGAIN}{case.id}") is not None


def _is_yes_of(tx: Transaction, event_row: int) -> bool:
    try:
        return referrals.event(tx, event_row).block.event_type not in _NOS
    except RefbusError:  # of a case that was erased
        return True


def _newest_consent(tx: Transaction, case: Case) -> int:
    query = select(func.max(schema.consents.c.id)).where(schema.consents.c.case_id == case.id)
    return int(tx.connection.execute(query).scalar() or 0)


def _no_name(tx: Transaction, case: Case, org: OrgId) -> str:
    return f"{_NO}{tx.vault.hash('restored-no', str(case.id).encode(), org.encode()).hex()}"


def _object(kept: bytes) -> dict[str, Any]:
    """Return the JSON object that is kept, an empty one for what is damaged."""
    try:
        found = read_json(kept.decode())
    except (UnicodeDecodeError, MalformedError):
        return {}
    return found if isinstance(found, dict) else {}


def _put(tx: Transaction, state: State) -> None:
    tx.put(_STATE, json.dumps(asdict(state)).encode())
