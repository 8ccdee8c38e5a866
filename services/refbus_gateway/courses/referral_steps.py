"""What a person does with a referral: answer it, ask, report, cancel, acknowledge a withdrawal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from refbus.core.consent.record import ConsentState
from refbus.core.vocabulary import PURPOSE_OF, EventType
from refbus.each import each
from refbus.errors import Code, RefbusError, RuleError, UncheckableError
from refbus.said import said
from refbus.wire.consent import decode_signed
from refbus_gateway.courses import returns
from refbus_gateway.forms.ages import check_dates
from refbus_gateway.forms.asked import written_fields
from refbus_gateway.forms.dates import as_forms_have_it
from refbus_gateway.forms.plausible import check_event
from refbus_gateway.forms.problems import Problem, Problems
from refbus_gateway.forms.values import read_record
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft, Terms, terms_of
from refbus_gateway.rules import age_check, certificates, papers
from refbus_gateway.store import alarms, cases, consents, lookups, referrals
from refbus_gateway.store.consents import WithdrawalRow
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction

_DECISIONS: Final = frozenset({EventType.REFERRAL_ACCEPTED, EventType.REFERRAL_IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person wants to say. `document` has plain codes and texts; `events` are local numbers of named events.

    `codes_checked`: a person has looked at codes that no list here knows and decided what they mean.
    """

    event_type: EventType
    document: Mapping[str, Any] = field(repr=False)
    events: Mapping[str, int] = field(default_factory=dict)
    codes_checked: bool = False


def act(gateway: Gateway, tx: Transaction, number: int, answer: Answer) -> Event:
    """Send an answer in referral `number`.

    Raises RuleError REFERRAL_UNKNOWN, STATE_NOT_ALLOWED, ROLE_NOT_ALLOWED, CODE_PARKED; ConsentError; CaseInvalidError
    with every problem of the fields.
    """
    referral = referrals.get(tx, number)
    events = referrals.events_of(tx, referral)
    if answer.event_type in _DECISIONS and not answer.codes_checked:
        _require_known_codes(events)
    problems = Problems(gateway.country)
    problems.refuse_placeholders(answer.document)
    specs = written_fields(answer.event_type)
    document = as_forms_have_it(specs, answer.document, gateway.utc_offset_min(), gateway.country)
    fields = read_record(specs, document, "", problems)
    problems.raise_if_any()
    check_dates(specs, fields, problems)
    check_event(fields, age_check.rules_here(gateway), gateway.now_ms(), problems)
    if answer.event_type is EventType.DOCUMENT_ISSUED:
        papers.check(gateway, referral.org, fields, problems)
    if answer.event_type is EventType.PLAN_AGREED:
        certificates.check(fields, gateway.rules(), problems)
    problems.raise_if_any()
    for name, local in answer.events.items():
        fields[name] = _named(events, local).block.event_id
    return say(gateway, tx, referral, answer.event_type, fields)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The event of a stop, and what was left out of its form. `waits`: why it is not sealed yet, None if it is."""

    event: Event
    left_out: tuple[Problem, ...]
    waits: Code | None


def stop(gateway: Gateway, tx: Transaction, number: int, answer: Answer) -> Stopped:
    """Send what stops a course, whatever is wrong with its fields: they are left out, and a reason becomes the other.

    It needs no fresh directory. Without a usable key of ours or theirs it is kept, counts here, and is told as soon as
    it can be. Raises RuleError REFERRAL_UNKNOWN, STATE_NOT_ALLOWED, ROLE_NOT_ALLOWED.
    """
    referral, problems = referrals.get(tx, number), Problems()
    (reason,) = specs = written_fields(answer.event_type)
    fields = read_record(specs, answer.document, "", problems)
    if fields.get(reason.name) not in reason.symbols:
        (other,) = (symbol for symbol in reason.symbols if symbol.startswith("OTHER"))
        problems.unknown(
            reason.name, said("%(other)s is told; it is one of %(codes)s", other=other, codes=", ".join(reason.symbols))
        )
        fields = {reason.name: other}
    draft = Draft(answer.event_type, fields, terms_of(tx, referral))
    try:
        with tx.savepoint():
            return Stopped(envelopes.send(gateway, tx, referral, draft), problems.found, None)
    except UncheckableError as error:
        kept = envelopes.keep(gateway, tx, referral, draft)
        told = said("referral %(number)s: a stop waits for keys or the directory: call them", number=number)
        alarms.raise_alarm(tx, error.code, told, gateway.now_ms())
        return Stopped(kept, problems.found, error.code)


def say(gateway: Gateway, tx: Transaction, referral: Referral, event_type: EventType, fields: dict[str, Any]) -> Event:
    """Send an event whose fields were read: computed ones are added, and what only its content shows is checked.

    Raises as `act` does, and RuleError with a guard of a departure, or PROTECTED_FROM_EMBASSY.
    """
    if event_type is EventType.RISK_ASSESSED:
        fields["assessment_sha256"] = returns.risk_text_sha256(fields)
    returns.require_safe(gateway, tx, referral, event_type, fields)
    told = age_check.of_known_adult(gateway, tx, cases.get(tx, referral.case_id), fields)
    terms = terms_of(tx, referral)
    terms = Terms(PURPOSE_OF.get(event_type, terms.purpose), terms.priority, fields.get("expected_ms"))
    return envelopes.send(gateway, tx, referral, Draft(event_type, told, terms))


def co_sign(gateway: Gateway, tx: Transaction, number: int) -> Event:
    """Record the other organisation's risk assessment of a return as it stands, so that both have signed one text.

    Raises RuleError REFERRAL_UNKNOWN, STATE_NOT_ALLOWED; ConsentError.
    """
    referral = referrals.get(tx, number)
    theirs = returns.other_assessment(tx, referral)
    fields = {name: theirs[name] for name in theirs if name not in {"event_id", "referral_id"}}
    return say(gateway, tx, referral, EventType.RISK_ASSESSED, fields)


def acknowledge(gateway: Gateway, tx: Transaction, number: int, result: str, reason: str | None) -> None:
    """Tell the other side what was done after a withdrawal; ERASED closes the case, and `erasing.settle` destroys it.

    What was done is kept even if it cannot be told now; it is told when the withdrawal comes again.

    Raises RuleError STATE_NOT_ALLOWED when no withdrawal waits, REASON_REQUIRED for RETAINED_LEGAL without a reason.
    """
    referral = referrals.get(tx, number)
    if (result == "RETAINED_LEGAL") != (reason is not None):
        raise RuleError(Code.REASON_REQUIRED, said("RETAINED_LEGAL, and only that, needs a reason"))
    case = cases.get(tx, referral.case_id)
    waiting = waiting_withdrawals(tx, referral)
    if not waiting:
        raise RuleError(Code.STATE_NOT_ALLOWED, said("no withdrawal waits for an answer here"))
    answer_withdrawals(gateway, tx, waiting, result, reason)
    if result == "ERASED":
        cases.order_erasure(tx, case, gateway.now_ms())


def answer_withdrawals(
    gateway: Gateway, tx: Transaction, rows: Iterable[WithdrawalRow], result: str, reason: str | None
) -> None:
    """Keep what was done after each of these incoming withdrawals, and queue the answer.

    One that cannot be queued is told to a person: it goes out when the withdrawal comes again, which it does every day.
    """

    def note(row: WithdrawalRow) -> WithdrawalRow:
        consents.acknowledge(tx, row.id, result, reason, gateway.now_ms())
        return row

    def failed(_: WithdrawalRow, error: RefbusError) -> None:
        told = said("an answer to a withdrawal could not be sent")
        alarms.raise_alarm(tx, error.code, told, gateway.now_ms())

    noted, savepoint = each(rows, note, failed), tx.savepoint
    each(noted, lambda row: _answer_withdrawal(gateway, tx, row, (result, reason)), failed, inside=savepoint)


def waiting_withdrawals(tx: Transaction, referral: Referral) -> list[WithdrawalRow]:
    """Return the incoming withdrawals of a referral's case that nobody here has finished with."""
    rows = consents.withdrawals_of_case(tx, referral.case_id, outgoing=False)
    return [row for row in rows if row.answer in {None, "STOPPED"}]


def cases_to_answer(tx: Transaction) -> set[int]:
    """Return the numbers of the cases with an incoming withdrawal that nobody here has finished with."""
    return lookups.to_answer(tx)


def _answer_withdrawal(gateway: Gateway, tx: Transaction, row: WithdrawalRow, answer: tuple[str, str | None]) -> None:
    """Answer in the course in which the withdrawal came: a person's no can be said in several."""
    told = referrals.event(tx, row.event_row)
    referral = referrals.get(tx, told.referral)
    record = decode_signed(told.block.consent_record or b"").record
    if record.state is not ConsentState.WITHDRAWN:
        raise RuleError(Code.STATE_NOT_ALLOWED)
    fields = {
        "consent_id": record.consent_id,
        "consent_version": record.version,
        "result": answer[0],
        "retention_reason": answer[1],
    }
    draft = Draft(EventType.WITHDRAWAL_ACKNOWLEDGED, fields, terms_of(tx, referral))
    envelopes.send(gateway, tx, referral, draft)


def _require_known_codes(events: list[Event]) -> None:
    if any(event.status is EventStatus.PARKED for event in events):
        raise RuleError(Code.CODE_PARKED, said("when a person has decided what it means: --codes-checked"))


def _named(events: list[Event], number: int) -> Event:
    found = next((event for event in events if event.id == number), None)
    if found is None:
        raise RuleError(Code.REFERRAL_UNKNOWN, said("event %(number)s", number=number))
    return found
