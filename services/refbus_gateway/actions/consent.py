"""Asking about what a person said: an empty form, a form that was filled in, less than before, a no, all versions.

A no needs no permission but STOP, which every role has, and counts whatever else is on its form. A yes, and what
permits more or longer than before, needs TAKE_CONSENT; which of the two a form is, is computed from what it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from refbus.core.consent.change import ConsentChange, change_between, follows
from refbus.core.consent.record import ConsentRecord, ConsentState, Effect, Provision
from refbus.core.ids import ConsentId, OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.cases import CaseName, named
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.cases import casework
from refbus_gateway.consent import amendments, refusal, versions, withdrawals
from refbus_gateway.consent.refusal import FormNo, Taken
from refbus_gateway.consent.versions import Version
from refbus_gateway.forms.consent_template import categories, form, of_answers
from refbus_gateway.forms.consentfile import ConsentForm, parse_consent
from refbus_gateway.forms.problems import Problem
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import age_check, permission
from refbus_gateway.store import cases, consents
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Questions:
    """What has to be asked about a case, and what may be answered.

    `organisation`: the one that the case file names, None when somebody must choose; `latest_until_ms`: the longest
    that a consent may be valid, ms UTC; `notices`: the texts of this country, each with its languages; `majority`:
    nobody knows from the case when the child comes of age; `of_answers`: what only an answer may speak of.
    """

    case: int
    organisation: str | None
    purpose: Purpose
    categories: tuple[DataCategory, ...]
    latest_until_ms: int
    notices: Mapping[str, tuple[str, ...]]
    majority: bool
    of_answers: tuple[DataCategory, ...]


@dataclass(frozen=True, slots=True)
class VersionTaken:
    """A version that was signed and kept. `change`, `widened`: against the one before; empty for the first.

    `told`: word of it is queued; `not_told`: why it is not yet; `taken_back`: how many events that waited will not be
    sent; `delivery`: what became of the word, None without any. Times in ms UTC.
    """

    case: int
    organisation: OrgId
    consent_id: ConsentId
    version: int
    state: ConsentState
    change: ConsentChange | None
    widened: bool
    told: bool
    not_told: Code | None
    taken_back: int
    valid_until_ms: int
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class RefusalKept:
    """A no that counts although the rest of its form could not be taken. `left_out`: what is wrong with the rest.

    `consent_id` and `version`: of the withdrawal that was signed, None where there was nothing to sign yet. The others
    as in `VersionTaken`.
    """

    case: int
    organisation: OrgId
    consent_id: ConsentId | None
    version: int | None
    state: ConsentState
    complete: bool
    left_out: tuple[Problem, ...]
    told: bool
    not_told: Code | None
    taken_back: int
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class OrganisationWithdrawn:
    """A withdrawal towards one organisation. `notified`: it has something to stop using, and word of it is queued.

    `version`: of the signed record, None while it could not be signed; `not_told` and `taken_back` as above.
    """

    organisation: OrgId
    version: int | None
    notified: bool
    not_told: Code | None
    taken_back: int


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """A withdrawal that counts here, towards each organisation, and the other cases with the same content."""

    case: int
    withdrawn: tuple[OrganisationWithdrawn, ...]
    delivery: Delivery
    same_content_as_cases: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RuleShown:
    """One thing that the person permits or denies."""

    effect: Effect
    purposes: tuple[Purpose, ...]
    actions: tuple[Action, ...]
    data: tuple[DataCategory, ...]


@dataclass(frozen=True, slots=True)
class VersionShown:
    """One version of one consent, and what it changed. Times in ms UTC."""

    organisation: OrgId
    collected_by: OrgId
    consent_id: ConsentId
    version: int
    state: ConsentState
    change: ConsentChange | None
    said_at_ms: int
    valid_until_ms: int
    rules: tuple[RuleShown, ...]


@dataclass(frozen=True, slots=True)
class ConsentBeside:
    """What the person said about the organisation of a referral that receives: the newest word of it. Times in ms UTC.

    `withdrawal_contact`: where the person can take it back; `until_ms` and `erase_by_ms`: how long it may be used and
    kept; `collected_by`: who took it down; `actions`: what they may do with it, `withheld` what they may never get.
    """

    organisation: OrgId
    state: ConsentState
    purposes: tuple[Purpose, ...]
    categories: tuple[DataCategory, ...]
    withheld: tuple[DataCategory, ...]
    until_ms: int
    erase_by_ms: int
    withdrawal_contact: str
    collected_by: OrgId
    actions: tuple[Action, ...]


class FormRefusedError(RefbusError):
    """A form was not taken. `error`: why, as a person is told. `unread`: it cannot be read of whom it speaks.

    `denied`: organisations on it that must never know of the case; they were taken down all the same.
    """

    def __init__(self, case: int, denied: tuple[OrgId, ...], error: RefbusError) -> None:
        super().__init__(error.code, error.detail)
        self.case = case
        self.denied = denied
        self.error = error
        self.problems: tuple[Problem, ...] = getattr(error, "problems", ())
        self.unread = any(not each.path for each in self.problems)


def new_form(desk: Desk, actor: Actor, case: CaseName, to: str | None = None) -> Mapping[str, Any]:
    """Return a consent form for a case with the answers left open. Raises RuleError, UncheckableError."""
    actor.require(Permission.READ_CASES)
    with desk.write() as tx:
        found = named(desk, actor, tx, case)
        file = casework.file_of(desk.gateway, tx, found)
        age = age_check.age_in_case(desk.gateway, tx, found)
    return form(desk.gateway, file, to, age)


def questions(desk: Desk, actor: Actor, case: CaseName) -> Questions:
    """Return what has to be asked about a case. Raises RuleError, UncheckableError without a directory."""
    actor.require(Permission.READ_CASES)
    with desk.write() as tx:
        found = named(desk, actor, tx, case)
        file = casework.file_of(desk.gateway, tx, found)
        age = age_check.age_in_case(desk.gateway, tx, found)
    policy = desk.gateway.rules()
    return Questions(
        found.id,
        file.recipient if isinstance(file.recipient, str) else None,
        file.purpose,
        tuple(categories(file)),
        desk.gateway.now_ms() + policy.consent_max_days * DAY_MS,
        {each: policy.notices[each].languages for each in sorted(policy.notices)},
        age.child and age.majority_ms is None,
        tuple(of_answers(file)),
    )


def take_down(
    desk: Desk,
    actor: Actor,
    case: CaseName,
    content: bytes,
    *,
    to: OrgId | None = None,
    change: str | None = None,
    later: bool = False,
) -> VersionTaken | RefusalKept:
    """Take a filled-in form down: its nos first, for good, then the rest. A no stays where the rest is refused.

    `change`: what the form has to change, one of `amendments.CHANGES`; None for any answer. Raises SetupError USAGE for
    a form about another organisation than `to`, RuleError CONSENT_FORM_OLD; FormRefusedError for everything that
    `parse_consent`, `versions.grant` and `amendments.amend` refuse, and NOT_PERMITTED, unless the form says no.
    """
    actor.require(Permission.STOP)
    with desk.write() as tx:
        number = named(desk, actor, tx, case, Permission.STOP).id
    offset_min = age_check.rules_here(desk.gateway).utc_offset_min
    no = refusal.read_no(content, to, utc_offset_min=offset_min)
    _require_about(no.org, to)
    taken_back = refusal.note(desk.gateway, number, no)
    try:
        said = parse_consent(content, now_ms=desk.gateway.now_ms(), utc_offset_min=offset_min)
        _require_about(said.organisation, to)
        done = _sign(desk, actor, number, said, change)
    except StoreError:
        raise
    except RefbusError as error:
        return _keep_no(desk, number, no, taken_back, error, later=later)
    return _taken(desk, number, done, taken_back, later=later)


def stop_categories(
    desk: Desk,
    actor: Actor,
    case: CaseName,
    org: OrgId,
    stopped: Collection[DataCategory],
    *,
    counting: bool = False,
    later: bool = False,
) -> VersionTaken:
    """Take categories out of what an organisation may receive, from now on; `counting`: and being counted.

    Raises ConsentError NO_CONSENT, WITHDRAWN, REFUSED; RuleError CONSENT_CHANGE_DIFFERS when none was permitted.
    """
    actor.require(Permission.STOP)
    with desk.write() as tx:
        found = named(desk, actor, tx, case, Permission.STOP)
        done = amendments.stop(desk.gateway, tx, found, org, stopped, counting=counting)
    return _taken(desk, found.id, done, 0, later=later)


def withdraw(
    desk: Desk, actor: Actor, case: CaseName, only: OrgId | None = None, *, later: bool = False
) -> ConsentWithdrawn:
    """Take down that the person withdrew, towards one organisation or all. It counts here at once, whatever fails.

    Raises ConsentError NO_CONSENT when nobody is named and there is nothing to withdraw, RuleError.
    """
    actor.require(Permission.STOP)
    with desk.write() as tx:
        found = named(desk, actor, tx, case, Permission.STOP)
    done = withdrawals.stop(desk.gateway, found.id, only)
    with desk.read() as tx:
        copies = casework.copies_of(desk.gateway, tx, found)
    told = any(each.notified for each in done)
    delivery = desk.deliver(later=later) if told else Delivery.SENT
    lines = tuple(
        OrganisationWithdrawn(each.org, each.version, each.notified, each.code, each.taken_back) for each in done
    )
    return ConsentWithdrawn(found.id, lines, delivery, tuple(copies))


def shown(desk: Desk, actor: Actor, case: CaseName) -> tuple[VersionShown, ...]:
    """Return every version of every consent of a case, in the order in which they were kept. Raises RuleError."""
    actor.require(Permission.READ_CASES)
    with desk.write() as tx:
        kept = consents.of_case(tx, named(desk, actor, tx, case))
    records = [each.signed.record for each in kept]
    return tuple(_shown(record, records) for record in records)


def _sign(desk: Desk, actor: Actor, number: int, said: ConsentForm, change: str | None) -> Version:
    """Sign and keep an answer. Nothing is kept when it permits more than before and the actor may not take that down.

    A no is no change to be compared with what the form was meant for.
    """
    with desk.write() as tx:
        found = cases.get(tx, number)
        if change is None or said.state is ConsentState.REFUSED:
            done = versions.grant(desk.gateway, found, tx, said.organisation, said)
        else:
            done = amendments.amend(desk.gateway, tx, found, said, change)
        less = done.change is ConsentChange.NARROWED and not done.widened
        if done.record.state is ConsentState.GIVEN and not less:
            actor.require(Permission.TAKE_CONSENT)
    return done


def _require_about(org: OrgId | None, to: OrgId | None) -> None:
    if to is not None and org not in {None, to}:
        raise SetupError(Code.USAGE, said("the form is about %(organisation)s", organisation=org))


def _keep_no(desk: Desk, number: int, no: FormNo, taken_back: int, error: RefbusError, *, later: bool) -> RefusalKept:
    kept: Taken | None = refusal.keep(desk.gateway, number, no, taken_back, error)
    if kept is None:
        raise FormRefusedError(number, no.denied, error) from error
    told = kept.told
    return RefusalKept(
        number,
        told.org,
        told.consent_id,
        told.version,
        ConsentState.REFUSED,
        complete=False,
        left_out=kept.left_out,
        told=told.notified,
        not_told=told.code,
        taken_back=told.taken_back,
        delivery=desk.deliver(later=later) if told.notified else None,
    )


def _taken(desk: Desk, number: int, done: Version, taken_back: int, *, later: bool) -> VersionTaken:
    record = done.record
    return VersionTaken(
        number,
        record.party,
        record.consent_id,
        record.version,
        record.state,
        done.change,
        done.widened,
        done.told,
        done.code,
        done.taken_back + taken_back,
        record.valid_until_ms,
        desk.deliver(later=later) if done.told else None,
    )


def _shown(record: ConsentRecord, records: Collection[ConsentRecord]) -> VersionShown:
    before = next((each for each in records if follows(each, record)), None)
    return VersionShown(
        record.party,
        record.collected_by,
        record.consent_id,
        record.version,
        record.state,
        change_between(before, record) if before else None,
        record.event_time_ms,
        record.valid_until_ms,
        tuple(map(_rule, record.provisions)),
    )


def _rule(rule: Provision) -> RuleShown:
    return RuleShown(rule.effect, rule.purposes, rule.actions, rule.data_categories)


def beside_value(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> ConsentBeside | None:
    """Return the newest word of the person about this organisation and another in a case, None without any."""
    kept = permission.between(tx, case, gateway.me, org)
    if not kept:
        return None
    record = max((each.signed.record for each in kept), key=lambda each: (each.event_time_ms, each.version))
    permits = [each for each in record.provisions if each.effect is Effect.PERMIT]
    denied = {category for each in record.provisions if each.effect is Effect.DENY for category in each.data_categories}
    permitted = {category for each in permits for category in each.data_categories} - denied
    return ConsentBeside(
        record.party,
        record.state,
        tuple(sorted({purpose for each in permits for purpose in each.purposes})),
        tuple(sorted(permitted)),
        tuple(sorted(denied)),
        record.valid_until_ms,
        record.retain_until_ms,
        record.withdrawal_contact,
        record.collected_by,
        tuple(sorted({action for each in permits for action in each.actions})),
    )
