"""From the durable outbox to the broker: rows in order, again until a gate confirms them, fresh envelopes in time.

A withdrawal goes before everything else that waits, and waits behind nothing.

A row is noted as produced only in its own error-free delivery report. A crash anywhere sends the same bytes again,
which the gate recognises. Within a referral nothing overtakes: a later event waits until the broker has the earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from refbus.backoff import BackOff
from refbus.bus.port import OnDelivery, Producer
from refbus.core.courses.referral import State
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.each import each
from refbus.envelope.format import Envelope
from refbus.errors import Code, ConsentError, RefbusError, RuleError, StoreError, TransportError, UncheckableError
from refbus.said import Said, said
from refbus_gateway.cases import companions
from refbus_gateway.consent import withdrawals
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.inbox import notices, repetitions, reversals
from refbus_gateway.outbox import announced, announcements, envelopes
from refbus_gateway.rules import course_state
from refbus_gateway.store import alarms, cases, consents, outbox, referrals, sendable
from refbus_gateway.store.outbox import OutboxRow, RowState
from refbus_gateway.store.sendable import NO_KEY
from refbus_gateway.store.session import Transaction

FIRST_RESEND_MS: Final = 30_000
LONGEST_RESEND_MS: Final = HOUR_MS
RETRY_MS: Final = 1_000
"""After the broker did not take a row."""
WITHDRAWAL_AGAIN_MS: Final = DAY_MS
"""What nobody answered goes out in a fresh envelope every day: a withdrawal without end, word of a restore 30 days."""


class Outgoing:
    """Moves rows of one home to the broker. One instance at a time: the holder of the home's lock."""

    def __init__(self, gateway: Gateway, producer: Producer, resend_ms: int = FIRST_RESEND_MS) -> None:
        self._gateway = gateway
        self._producer = producer
        self._waits = BackOff(resend_ms, LONGEST_RESEND_MS)
        self._in_flight: dict[int, OutboxRow] = {}
        self._reports: list[tuple[OutboxRow, RefbusError | None]] = []
        self.last_error: RefbusError | None = None

    def push(self, timeout_s: float = 0.0, *, nos_only: bool = False, early: bool = False) -> bool:
        """Produce what is due and note what the broker reported; True when something was confirmed by the broker.

        `nos_only`: only withdrawals; `early`: also what waits for its moment (`home.pace`). Waits at most
        `timeout_s` seconds for reports. Raises StoreError; a broker that is away is `last_error`.
        """
        for row in self._due(nos_only=nos_only, early=early):
            if row.id not in self._in_flight:
                self._produce(row)
        self._producer.poll(timeout_s if self._in_flight else 0.0)
        return self.note()

    def _due(self, *, nos_only: bool, early: bool) -> list[OutboxRow]:
        """Return what is due. An event is written down as handed over first: from then on nobody takes it back.

        What tells of somebody who said no since it was written stays here until `tend` has corrected it.
        """
        now_ms, store = self._gateway.now_ms(), self._gateway.store
        with store.read() as tx:
            rows = outbox.due(tx, now_ms, nos_only=nos_only, early=early)
        fresh = {row.id: row.event_id for row in rows if row.handed_ms is None and row.event_id is not None}
        if not fresh:
            return rows
        with store.write() as tx:
            held = companions.unsaid(tx, fresh.values())
            as_read = outbox.hand_over(tx, [row for row, event in fresh.items() if event not in held], now_ms)
            if as_read and not held and all(row.handed_ms is None for row in rows):
                return rows
            # What was taken back or stopped meanwhile is not among them; what another process added waits for its turn.
            due = outbox.due(tx, now_ms, nos_only=nos_only, early=early)
            return [row for row in due if row.handed_ms is not None or row.event_id is None]

    def next_ms(self, after_ms: int) -> int:
        """Return when the first of the rows that are due after `after_ms` is to be sent (UTC ms), or a far moment."""
        with self._gateway.store.read() as tx:
            found = sendable.next_due(RowState.READY).once(tx.connection, {"after": after_ms}).scalar()
        return after_ms + outbox.FAR_MS if found is None else int(found)

    def idle(self) -> bool:
        """Whether nothing is with the broker's client right now."""
        return not self._in_flight

    def _produce(self, row: OutboxRow) -> None:
        if row.value is None:
            return
        self._in_flight[row.id] = row
        try:
            self._producer.produce(row.topic, row.value, self._report(row))
        except TransportError as error:
            self._reports.append((row, error))

    def _report(self, row: OutboxRow) -> OnDelivery:
        return lambda error: self._reports.append((row, error))

    def note(self) -> bool:
        """Write down what the broker reported so far; True when it took something. Raises StoreError."""
        if not self._reports:
            return False
        reports, self._reports = self._reports, []
        now_ms = self._gateway.now_ms()
        with self._gateway.store.write() as tx:
            for row, error in reports:
                if error is None:
                    wait_ms = self._waits.wait_ms(row.attempts)
                    outbox.produced(tx, row, now_ms=now_ms, next_ms=now_ms + wait_ms)
                else:
                    outbox.postpone(tx, row.id, now_ms + RETRY_MS)
        for row, error in reports:
            self._in_flight.pop(row.id, None)
            self.last_error = error
        return any(error is None for _, error in reports)


def tend(gateway: Gateway, *, patient: bool = False) -> None:
    """Look after what time and keys do to waiting envelopes: each of them gets a fresh one, or a reason why not.

    A person's no comes first, and needs no fresh directory. Each envelope has a transaction of its own. `patient`: what
    could not be told lately is not tried again. Raises StoreError.
    """
    if gateway.newest_directory() is None:
        return
    withdrawals.retry(gateway, patient=patient)
    companions.settle(gateway)
    announcements.announce(gateway)
    repetitions.repeat(gateway)
    now_ms = gateway.now_ms()
    with gateway.store.read() as tx:
        told = consents.unacknowledged(tx, outgoing=True)
        open_rows = [row.event_row for row in told if cases.has_key(tx, row.case_id)]
        unheard = announced.unanswered(tx, now_ms)
        half_ms = gateway.rules().directory_grace_hours * HOUR_MS // 2
        perishable = outbox.perishable(
            tx, now_ms // HOUR_MS, range(now_ms - half_ms + 1, now_ms + half_ms), gateway.view().revoked_keys()
        )
        ageing = [row.id for row in perishable if _may_be_stale(gateway, tx, row, now_ms)]
    _each_alone(gateway, open_rows, _again, _withdrawal_waits)
    _each_alone(gateway, unheard, _again)
    _each_alone(gateway, ageing, _ask_for_fresh)
    _seal(gateway, lambda _: True)


def seal_owed(gateway: Gateway) -> None:
    """Seal what waits for its first envelope: an answer that a request caused. Raises StoreError.

    Each in a transaction of its own, after the one that owes it; whatever stops this process, `tend` does it. What else
    waits for a fresh envelope is left to `tend`: many that cannot be sealed now would keep back each that arrives.
    """
    _seal(gateway, lambda row: row.recipient_kid == NO_KEY)


def _seal(gateway: Gateway, wanted: Callable[[OutboxRow], bool]) -> None:
    with gateway.store.read() as tx:
        stale = [row.id for row in outbox.stale(tx, gateway.now_ms()) if wanted(row)]
    _each_alone(gateway, stale, _renew)


def _withdrawal_waits(number: int) -> Said:
    return said("a withdrawal waits for keys or the directory: call them, event %(number)s", number=number)


def _not_again(number: int) -> Said:
    return said("not sent again: outbox %(number)s", number=number)


def _each_alone(
    gateway: Gateway,
    numbers: Iterable[int],
    step: Callable[[Gateway, Transaction, int], None],
    waits: Callable[[int], Said] | None = None,
) -> None:
    """Do a step for each in a transaction of its own; what fails is told and tried again by the next round.

    `waits`: what a person is told of one that waits for a directory or a key; without it nothing, it is not urgent.
    """

    def do(number: int) -> None:
        with gateway.store.write() as tx:
            step(gateway, tx, number)

    def failed(number: int, error: RefbusError) -> None:
        tell = waits if isinstance(error, UncheckableError) else _not_again
        if tell is not None:
            with gateway.store.write() as tx:
                alarms.raise_alarm(tx, error.code, tell(number), gateway.now_ms())

    each(numbers, do, failed)


def _may_be_stale(gateway: Gateway, tx: Transaction, row: OutboxRow, now_ms: int) -> bool:
    """Whether an envelope is useless, or cannot be judged: the step of its own says so to a person."""
    judged = each([row], lambda one: _why_stale(gateway, tx, one, now_ms) is not None, lambda *_: None)
    return judged != [False]


def _ask_for_fresh(gateway: Gateway, tx: Transaction, row_id: int) -> None:
    row = outbox.get(tx, row_id)
    code = None if row is None else _why_stale(gateway, tx, row, gateway.now_ms())
    if row is not None and code is not None:
        notices.request_renewal(gateway, tx, row, code)


def _why_stale(gateway: Gateway, tx: Transaction, row: OutboxRow, now_ms: int) -> Code | None:
    """Find what makes an envelope useless: its term, or a key that was revoked before a gate took it.

    Once our gate has passed it on, the gate watches over it (DELIVERY_FAILED). A request has an answer of its own, so
    one that nobody has answered when its term ends is sealed again, wherever it was lost.
    """
    expired = row.expires_at_hour is not None and row.expires_at_hour * HOUR_MS <= now_ms
    if row.state is RowState.READY:
        revoked = {row.recipient_kid, row.signer_kid} & gateway.view().revoked_keys()
        old = Code.DIRECTORY_TOO_OLD if _is_under_an_old_view(gateway, row, now_ms) else None
        return Code.MESSAGE_EXPIRED if expired else Code.KEY_REVOKED if revoked else old
    unanswered = expired and row.state is RowState.FORWARDED and _is_unanswered_request(tx, row)
    return Code.MESSAGE_EXPIRED if unanswered else None


def _is_under_an_old_view(gateway: Gateway, row: OutboxRow, now_ms: int) -> bool:
    """Whether an envelope names a version of the directory that gates will soon not accept, and a newer one is here.

    How long a version was in force cannot be known here after a time without a line, so half the grace must do.
    """
    half_ms = gateway.rules().directory_grace_hours * HOUR_MS // 2
    if row.value is None or abs(now_ms - row.created_ms) < half_ms:
        return False
    return Envelope.parse(row.value).header.directory_version < gateway.view().version


def _is_unanswered_request(tx: Transaction, row: OutboxRow) -> bool:
    if row.referral is None or row.event_id is None or not referrals.case_of(tx, row.referral).live:
        return False
    event = referrals.event(tx, row.event_id)
    if event.block.event_type is not EventType.REFERRAL_REQUESTED:
        return False
    return course_state.view_of(tx, referrals.get(tx, row.referral)).state is State.REQUESTED


def _renew(gateway: Gateway, tx: Transaction, row_id: int) -> None:
    """Make the fresh envelope. What may no longer be sent ends here with the reason; what cannot be checked waits.

    So does what a consent permits that begins later, by a clock that was set right meanwhile.

    A withdrawal never ends here: what keeps it from being sealed now is told, and it waits.
    """
    row = outbox.get(tx, row_id)
    if row is None or row.event_id is None or row.state is not RowState.STALE:
        return
    try:
        with tx.savepoint():
            envelopes.renew(gateway, tx, referrals.event(tx, row.event_id))
    except (StoreError, UncheckableError):
        raise
    except (ConsentError, RuleError, RefbusError) as error:
        if isinstance(error, ConsentError) and set(error.reasons) == {Code.NOT_YET_VALID}:
            notices.wait_for_consent(gateway, tx, row)
            return
        if not consents.is_withdrawal(tx, row.event_id):
            reversals.end(tx, row)
        alarms.raise_alarm(tx, error.code, said("outbox %(number)s: not sent again", number=row.id), gateway.now_ms())


def _again(gateway: Gateway, tx: Transaction, event_row: int) -> None:
    newest = outbox.of_event(tx, event_row)[-1]
    fresh = 0 <= gateway.now_ms() - newest.created_ms < WITHDRAWAL_AGAIN_MS  # one from the future says nothing
    if newest.state not in {RowState.READY, RowState.STALE} and not fresh:
        envelopes.renew(gateway, tx, referrals.event(tx, event_row))
