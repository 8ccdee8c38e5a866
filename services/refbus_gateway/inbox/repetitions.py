"""What this office sends again to an organisation that goes on from a backup: what it may have forgotten.

First what stops and what was answered to a stop, then the other answers; nothing that discloses, and nothing that may
not go today. Each event goes in a fresh envelope under its old id, so whoever still has it recognises it. Work is
bounded: so many rows in a turn, so many restores of one organisation in a day; what is beyond waits as one request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import PERMITS_NOTHING, STOPS, EventType
from refbus.each import each
from refbus.errors import Code, ConsentError, RefbusError, UncheckableError
from refbus.said import named, placed, said
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import answers, envelopes
from refbus_gateway.outbox.announcements import REPEATED
from refbus_gateway.outbox.envelopes import Draft
from refbus_gateway.store import alarms, outbox, referrals
from refbus_gateway.store.outbox import OutboxRow, RowState
from refbus_gateway.store.referrals import Event, EventStatus
from refbus_gateway.store.session import Transaction

MARGIN_MS: Final = DAY_MS
"""What was said so long before the backup is sent again too: the backup's clock is not ours."""
MOST_IN_A_DAY: Final = 4
"""Restores of one organisation that are answered in a day; later ones wait."""
ROWS_IN_A_SLICE: Final = 50
SLICES_IN_A_TURN: Final = 10
"""Of each organisation; between two slices others may write."""
_MOST_KNOWN: Final = 32
NAME: Final = "repetitions"
_NOS: Final = STOPS | {EventType.WITHDRAWAL_ACKNOWLEDGED}
_OF_ENVELOPES: Final = frozenset({EventType.UNDECRYPTABLE, EventType.INTAKE_REPORTED, EventType.OFFICE_RESTORED})
_ANSWERS_OF_SOURCE: Final = PERMITS_NOTHING - _NOS - _OF_ENVELOPES


@dataclass(frozen=True, slots=True)
class Asked:
    """One restore that is answered. `course`: where it was said; `others`: the nos are done; `row`: the last event."""

    restore_id: str
    since_ms: int
    course: int
    others: bool = False
    row: int = 0


@dataclass(frozen=True, slots=True)
class Peer:
    """What an organisation asked for. `known`: restores by id and time; `begun`: when answers began, UTC ms."""

    known: tuple[str, ...] = ()
    begun: tuple[int, ...] = ()
    now: Asked | None = None
    later: Asked | None = None


@dataclass(frozen=True, slots=True)
class Requests:
    """What every organisation asked for."""

    of: dict[OrgId, Peer] = field(default_factory=dict)


def note(gateway: Gateway, tx: Transaction, stored: Event, word: dict[str, Any]) -> None:
    """Note that the sender of an event goes on from a backup. The same restore again changes nothing."""
    org, now_ms = stored.block.sender, gateway.now_ms()
    restore_id, since_ms = word["restore_id"].hex(), word["since_ms"]
    requests = _find(tx)
    peer = requests.of.get(org, Peer())
    name = f"{restore_id}/{since_ms}"
    if name in peer.known:
        return
    asked = Asked(restore_id, since_ms, stored.referral)
    if peer.later is not None:
        asked = replace(asked, since_ms=min(since_ms, peer.later.since_ms))
    peer = _begin(replace(peer, known=(*peer.known, name)[-_MOST_KNOWN:], later=asked), now_ms)
    _keep(tx, requests, org, peer)
    told = placed(org, said("a backup of %(time)s", time=gateway.local_time(since_ms)))
    alarms.raise_of_many(tx, Code.PEER_RESTORED, org, told, now_ms)
    if peer.later is not None and _is_full(peer, now_ms):
        alarms.raise_alarm(tx, Code.RESTORES_TOO_OFTEN, named(org), now_ms)


def repeat(gateway: Gateway) -> None:
    """Send again the next slices for each organisation that asked. Raises StoreError."""
    with gateway.store.read() as tx:
        open_ones = open_requests(tx)

    def go_on(org: OrgId) -> None:
        slices = 0
        while slices < SLICES_IN_A_TURN and _repeat_slice(gateway, org):
            slices += 1

    each(open_ones, go_on, lambda org, error: _tell(gateway, org, error))


def open_requests(tx: Transaction) -> list[OrgId]:
    """Return the organisations for which something is still to be sent again."""
    return sorted(org for org, peer in _find(tx).of.items() if peer.now or peer.later)


def _repeat_slice(gateway: Gateway, org: OrgId) -> bool:
    """Send the next slice again; False when there is nothing more, or no more today."""
    with gateway.store.write() as tx:
        requests, now_ms = _find(tx), gateway.now_ms()
        before = requests.of[org]
        peer = _begin(before, now_ms)
        if peer.now is None:
            return False
        if peer != before:
            _keep(tx, requests, org, peer)
        asked = peer.now
        since_ms = min(asked.since_ms, now_ms) - MARGIN_MS
        rows = referrals.said_since(tx, since_ms, asked.row, ROWS_IN_A_SLICE)
    wanted = _is_other if asked.others else _is_no
    each(rows, lambda row: _again(gateway, org, row, wanted), lambda row, error: _failed(gateway, org, row, error))
    after = replace(asked, row=rows[-1]) if rows else replace(asked, others=True, row=0)
    done = not rows and asked.others
    with gateway.store.write() as tx:
        requests = _find(tx)
        _keep(tx, requests, org, replace(requests.of[org], now=None if done else after))
        if done:
            _answer(gateway, tx, asked)
    return True


def _again(gateway: Gateway, org: OrgId, row: int, wanted: Callable[[Event, bool], bool]) -> None:
    with gateway.store.write() as tx:
        if not referrals.is_readable(tx, row):
            return
        event = referrals.event(tx, row)
        own = referrals.get(tx, event.referral).own
        newest = outbox.of_event(tx, row)[-1:]
        goes_anyway = any(each.state is RowState.STALE or _is_unsent(each) for each in newest)
        if event.block.recipient != org or event.status is EventStatus.REFUSED or goes_anyway:
            return
        if wanted(event, own):
            envelopes.renew(gateway, tx, event)


def _is_unsent(row: OutboxRow) -> bool:
    """Whether an envelope waits and was never handed over: what may have arrived may have been forgotten too."""
    return row.state is RowState.READY and row.handed_ms is None


def _is_no(event: Event, _own: bool) -> bool:
    return event.block.event_type in _NOS


def _is_other(event: Event, own: bool) -> bool:
    """Whether an event answers: what TARGET says does, of SOURCE's only what permits nothing."""
    kind = event.block.event_type
    return kind in _ANSWERS_OF_SOURCE if own else kind not in _NOS | _OF_ENVELOPES


def _failed(gateway: Gateway, org: OrgId, row: int, error: RefbusError) -> None:
    """Let what permits nothing wait for keys and directory; of the rest a person hears, unless consent has ended."""
    if isinstance(error, ConsentError):
        return
    with gateway.store.write() as tx:
        newest = outbox.of_event(tx, row)[-1:]
        if isinstance(error, UncheckableError) and newest and _permits_nothing(tx, row):
            outbox.set_state(tx, newest[0].id, RowState.STALE)
            outbox.postpone(tx, newest[0].id, gateway.now_ms())
            return
        detail = placed(org, said("event %(number)s was not sent again after its restore", number=row))
        alarms.raise_of_many(tx, error.code, f"{org}: ", detail, gateway.now_ms())


def _permits_nothing(tx: Transaction, row: int) -> bool:
    read = each([row], lambda one: referrals.event(tx, one).block.event_type, lambda *_: None)
    return any(kind in PERMITS_NOTHING for kind in read)


def _answer(gateway: Gateway, tx: Transaction, asked: Asked) -> None:
    fields = {"word": REPEATED, "restore_id": bytes.fromhex(asked.restore_id), "since_ms": asked.since_ms}

    def say() -> None:
        course = referrals.get(tx, asked.course)
        draft = Draft(EventType.OFFICE_RESTORED, fields, envelopes.terms_of(tx, course))
        try:
            with tx.savepoint():
                envelopes.send(gateway, tx, course, draft)
        except UncheckableError:
            envelopes.keep(gateway, tx, course, draft)

    answers.best_effort(gateway, tx, say)


def _begin(peer: Peer, now_ms: int) -> Peer:
    """Return the peer with its next request begun, unless one is open or as many as are answered in a day were."""
    if peer.now is not None or peer.later is None or _is_full(peer, now_ms):
        return peer
    return replace(peer, now=peer.later, later=None, begun=(*_lately(peer, now_ms), now_ms))


def _is_full(peer: Peer, now_ms: int) -> bool:
    return len(_lately(peer, now_ms)) >= MOST_IN_A_DAY


def _lately(peer: Peer, now_ms: int) -> tuple[int, ...]:
    """Return when answers began in the last day; one of a clock that was ahead does not count."""
    return tuple(at_ms for at_ms in peer.begun if 0 <= now_ms - at_ms < DAY_MS)


def _tell(gateway: Gateway, org: OrgId, error: RefbusError) -> None:
    with gateway.store.write() as tx:
        detail = said("%(organisation)s goes on from a backup: nothing could be sent again", organisation=org)
        alarms.raise_alarm(tx, error.code, detail, gateway.now_ms())


def _find(tx: Transaction) -> Requests:
    """Return what was asked for. A damaged value is nothing: who has no answer asks again on the next day."""
    values = tx.get_sealed(NAME) or {}
    return Requests({OrgId(org): _peer(peer) for org, peer in values.items()})


def _peer(values: dict[str, Any]) -> Peer:
    now, later = (None if values[name] is None else Asked(**values[name]) for name in ("now", "later"))
    return Peer(tuple(values["known"]), tuple(values["begun"]), now, later)


def _keep(tx: Transaction, requests: Requests, org: OrgId, peer: Peer) -> None:
    values = {str(name): asdict(one) for name, one in {**requests.of, org: peer}.items()}
    tx.put_sealed(NAME, values)
