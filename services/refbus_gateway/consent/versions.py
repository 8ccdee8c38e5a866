"""Taking down what a person agreed to, and that they changed their mind. Every version is signed and chained.

A record names one organisation. From the moment of a no the decision here refuses; `withdrawals` says how it is kept
and told. A yes needs a fresh directory; a no, and what only takes something away, needs none.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from typing import Final

from refbus.clock import CLOCK_SKEW_MS
from refbus.core.consent.change import ConsentChange, change_between, widens
from refbus.core.consent.record import MAX_VERSION, Assent, ConsentRecord, ConsentState
from refbus.core.consent.rules import Setting, record_problems
from refbus.core.ids import ConsentId, OrgId
from refbus.crypto.framing import sha256
from refbus.errors import Code, ConsentError, RuleError, UncheckableError
from refbus.said import said
from refbus_gateway.consent import audience, endings
from refbus_gateway.consent.withdrawals import advance, sign, unsigned
from refbus_gateway.forms.consentfile import ConsentForm
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import age_check, permission
from refbus_gateway.store import cases, consents, tellings
from refbus_gateway.store.cases import Case
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.tellings import Kind

MOST_AHEAD: Final = 1_000
"""How many versions the other side may be ahead of what was signed here. A number beyond that is not followed."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version that was signed and kept. `change` and `widened` against the one before; both empty for the first.

    `told`: word of it is on the way to the organisation; `code`: why it is not yet. `taken_back` as in `Withdrawn`.
    """

    record: ConsentRecord
    change: ConsentChange | None = None
    widened: bool = False
    told: bool = False
    taken_back: int = 0
    code: Code | None = None


def grant(
    gateway: Gateway,
    case: Case,
    tx: Transaction,
    org: OrgId,
    form: ConsentForm,
    *,
    only: frozenset[ConsentChange] | None = None,
) -> Version:
    """Sign and keep what the person said about one organisation; a later version when there is one already.

    A no, and what only takes something away, needs no fresh directory. Raises UncheckableError ORGANISATION_UNKNOWN,
    DIRECTORY_EXPIRED; ConsentError with all that sending would refuse; CaseInvalidError when form and case do not speak
    of the same age; MalformedError; RuleError CONSENT_FORM_OLD for what was said before the newest version: it cannot
    be used a second time; CONSENT_CHANGE_DIFFERS for a later version that is none of `only`.
    """
    case.require_live()
    require_newer(gateway, tx, case, org, form)
    found = gateway.view().find(org)
    if found is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, org)
    record = form.record(gateway, cases.counterpart(tx, case, org), found.country)
    record = age_check.with_majority(gateway, tx, case, record)
    _require_usable(gateway, record)
    if record.state is ConsentState.GIVEN:
        _sign_earlier(gateway, tx, case, org)
    last = endings.newest(gateway, tx, case, org)
    if _permits_more(last, record):
        gateway.directory()
    if last is None:
        record = dataclasses.replace(record, consent_id=ConsentId(secrets.token_bytes(16)), version=1)
        consents.keep(tx, case, sign(gateway, record), gateway.now_ms())
        _forget_unsigned(tx, case, org)
        return Version(record)
    if only is not None:
        _require_change(last.signed.record, record, only)
    return follow(gateway, tx, case, last, record)


def _require_usable(gateway: Gateway, record: ConsentRecord) -> None:
    """Refuse now, while the person is here, a yes that sending, gates or the recipient would refuse later.

    A no is never refused, that of a child beside its guardian neither. Raises ConsentError with every reason.
    """
    if record.state is not ConsentState.GIVEN or record.assent is Assent.REFUSED:
        return
    setting = Setting(gateway.view(), gateway.rules(), gateway.now_ms())
    reasons = record_problems(dataclasses.replace(record, version=1), setting)
    if reasons:
        raise ConsentError(tuple(sorted(reasons)), said("nothing was signed: correct the form with the person"))


def require_newer(gateway: Gateway, tx: Transaction, case: Case, org: OrgId, form: ConsentForm) -> None:
    """Raise RuleError CONSENT_FORM_OLD when something newer than this form was said about `org`."""
    now_ms = gateway.now_ms()
    _require_after(gateway, endings.newest(gateway, tx, case, org), form.said_at_ms)
    no_ms = max((row.made_ms for row in unsigned(tx, case, org)), default=0)
    if form.state is ConsentState.GIVEN and form.said_at_ms < min(no_ms, now_ms):
        raise RuleError(Code.CONSENT_FORM_OLD, said("said_at is before a no"))


def _require_after(gateway: Gateway, last: Kept | None, said_ms: int) -> None:
    if last is not None and said_ms < min(last.signed.record.event_time_ms, gateway.now_ms()):
        raise RuleError(
            Code.CONSENT_FORM_OLD, said("said_at is before version %(version)s", version=last.signed.record.version)
        )


def _sign_earlier(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> None:
    """Sign the no that a yes follows, if it could not be signed when it was said. Raises UncheckableError if not."""
    for row in unsigned(tx, case, org):
        done = advance(gateway, tx, case, row)
        if row.kind is Kind.WITHDRAWN and not done.signed:
            raise UncheckableError(done.code or Code.KEY_UNKNOWN, said("the no before it is not signed yet"))


def _permits_more(last: Kept | None, record: ConsentRecord) -> bool:
    if record.state is not ConsentState.GIVEN:
        return False
    before = None if last is None else last.signed.record
    less = {None, ConsentChange.NARROWED}
    return before is None or before.state is not ConsentState.GIVEN or change_between(before, record) not in less


def _require_change(before: ConsentRecord, record: ConsentRecord, only: frozenset[ConsentChange]) -> None:
    change = change_between(before, record)
    if change not in only:
        raise RuleError(
            Code.CONSENT_CHANGE_DIFFERS,
            said("the form is %(change)s", change=change) if change else said("the form is the same as before"),
        )


def follow(gateway: Gateway, tx: Transaction, case: Case, last: Kept, record: ConsentRecord) -> Version:
    """Sign and keep `record` as the version after `last`, take back what it forbids, and tell the organisation.

    Where the other side signed a version that cannot be followed, a new consent begins.
    """
    case.require_live()
    before = last.signed.record
    if _is_followed(gateway, tx, case, last):
        record = dataclasses.replace(
            record,
            consent_id=before.consent_id,
            version=before.version + 1,
            prev_hash=sha256(last.signed.record_bytes),
            event_time_ms=max(record.event_time_ms, before.event_time_ms + 1),
        )
    else:
        record = dataclasses.replace(record, consent_id=ConsentId(secrets.token_bytes(16)), version=1, prev_hash=None)
    signed = sign(gateway, record)
    consents.keep(tx, case, signed, gateway.now_ms())
    _forget_unsigned(tx, case, record.party)
    taken_back = audience.take_back(gateway, tx, case, record.party)
    now_ms = gateway.now_ms()
    row = tellings.add(
        tx, case, record.party, Kind.VERSION, now_ms=now_ms, signed=signed, before=last.signed.record_bytes
    )
    done = advance(gateway, tx, case, row)
    told = done.courses > 0
    if before.state is not ConsentState.GIVEN:
        return Version(record, None, widened=True, told=told, taken_back=taken_back, code=done.code)
    change = change_between(before, record)
    return Version(record, change, widens(before, record), told, taken_back, done.code)


def _is_followed(gateway: Gateway, tx: Transaction, case: Case, last: Kept) -> bool:
    """Whether a version may be made after `last`: not when its number or its time is absurd, whoever made it."""
    record = last.signed.record
    chain = permission.between(tx, case, gateway.me, record.party)
    own = [kept.signed.record for kept in chain if kept.signed.signer == gateway.me]
    top = max((each.version for each in own if each.consent_id == record.consent_id), default=0)
    if record.event_time_ms > gateway.now_ms() + CLOCK_SKEW_MS:
        return False  # said by a clock that ran ahead: what follows it would not be valid before it is
    return record.version < MAX_VERSION if last.signed.signer == gateway.me else record.version <= top + MOST_AHEAD


def note_refusal(gateway: Gateway, tx: Transaction, case: Case, org: OrgId, said_ms: int | None) -> int:
    """Write down that the person said no to one organisation; return how much that waited is taken back unsent.

    It counts from now on, before anything is signed. `said_ms`: when it was said, None for now.

    Raises RuleError CONSENT_FORM_OLD, KEY_DESTROYED.
    """
    case.require_live()
    if said_ms is not None and len(consents.readable(tx, case)) == consents.count(tx, case):  # else nobody can say
        _require_after(gateway, endings.newest(gateway, tx, case, org), said_ms)
    if not unsigned(tx, case, org):
        tellings.add(tx, case, org, Kind.REFUSED, now_ms=gateway.now_ms())
    return audience.take_back(gateway, tx, case, org)


def _forget_unsigned(tx: Transaction, case: Case, org: OrgId) -> None:
    """Forget a no that a signed answer has taken the place of."""
    for row in unsigned(tx, case, org):
        tellings.done(tx, row.id)
