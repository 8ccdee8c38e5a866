"""Taking down what a person agreed to, and that they changed their mind. Every version is signed and chained.

A record names one organisation. Withdrawing makes a WITHDRAWN version and tells that organisation, in fresh envelopes
without end until it says what it did; from the moment of withdrawal the decision here refuses.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass

from refbus.core.consent import Assent, ConsentRecord, ConsentState, SignedConsent
from refbus.core.consent_change import ConsentChange, change_between, widens
from refbus.core.consent_rules import Setting, record_problems
from refbus.core.ids import ConsentId, OrgId
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_CONSENT
from refbus.errors import Code, ConsentError, RuleError
from refbus.wire.consent import encode_record, encode_signed
from refbus_gateway import agecheck, consenting, telling
from refbus_gateway.consentfile import ConsentForm
from refbus_gateway.gateway import Gateway
from refbus_gateway.store import cases, consents, disclosures
from refbus_gateway.store.cases import Case, Counterpart
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A withdrawal that was recorded: for which organisation, and whether it had received anything to stop using.

    `taken_back`: how many events waited here to be sent and will not be.
    """

    org: OrgId
    consent_id: ConsentId
    version: int
    notified: bool
    taken_back: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """A version that was signed and kept. `change` and `widened` against the one before; both empty for the first.

    `told`: word of it is on the way to the organisation. `taken_back` as in `Withdrawn`.
    """

    record: ConsentRecord
    change: ConsentChange | None = None
    widened: bool = False
    told: bool = False
    taken_back: int = 0


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

    Raises UncheckableError ORGANISATION_UNKNOWN; ConsentError with all that sending would refuse; CaseInvalidError when
    form and case do not speak of the same age; MalformedError; RuleError CONSENT_FORM_OLD for what was said before the
    newest version: it cannot be used a second time; CONSENT_CHANGE_DIFFERS for a later version that is none of `only`.
    """
    case.require_live()
    country = gateway.organisation(org).country
    record = form.record(gateway, cases.counterpart(tx, case, org), country)
    record = agecheck.with_majority(gateway, tx, case, record)
    _require_usable(gateway, record)
    last = newest(gateway, tx, case, org)
    if last is None:
        record = dataclasses.replace(record, consent_id=ConsentId(secrets.token_bytes(16)), version=1)
        consents.keep(tx, case, sign(gateway, record), gateway.now_ms())
        return Version(record)
    said_ms, last_said_ms = record.event_time_ms, last.signed.record.event_time_ms
    if said_ms < min(last_said_ms, gateway.now_ms()):
        raise RuleError(Code.CONSENT_FORM_OLD, f"said_at is before version {last.signed.record.version}")
    if only is not None:
        _require_change(last.signed.record, record, only)
    return follow(gateway, tx, case, last, record)


def _require_usable(gateway: Gateway, record: ConsentRecord) -> None:
    """Refuse now, while the person is here, a yes that sending, gates or the recipient would refuse later.

    A no is never refused, that of a child beside its guardian neither. Raises ConsentError with every reason.
    """
    if record.state is not ConsentState.GIVEN or record.assent is Assent.REFUSED:
        return
    setting = Setting(gateway.directory(), gateway.policy(), gateway.now_ms())
    reasons = record_problems(dataclasses.replace(record, version=1), setting)
    if reasons:
        raise ConsentError(tuple(sorted(reasons)), "nothing was signed: correct the form with the person")


def _require_change(before: ConsentRecord, record: ConsentRecord, only: frozenset[ConsentChange]) -> None:
    change = change_between(before, record)
    if change not in only:
        raise RuleError(Code.CONSENT_CHANGE_DIFFERS, f"the form is {change or 'the same as before'}")


def newest(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> Kept | None:
    """Return the newest version of the consent towards `org` that was taken down here."""
    chain = [kept for kept in consenting.between(tx, case, gateway.me, org) if _ours(gateway, kept)]
    return max(chain, key=lambda kept: kept.signed.record.version, default=None)


def follow(gateway: Gateway, tx: Transaction, case: Case, last: Kept, record: ConsentRecord) -> Version:
    """Sign and keep `record` as the version after `last`, take back what it forbids, and tell the organisation."""
    case.require_live()
    before = last.signed.record
    record = dataclasses.replace(
        record,
        consent_id=before.consent_id,
        version=before.version + 1,
        prev_hash=sha256(last.signed.record_bytes),
        event_time_ms=max(record.event_time_ms, before.event_time_ms + 1),
    )
    signed = sign(gateway, record)
    consents.keep(tx, case, signed, gateway.now_ms())
    taken_back = telling.take_back(gateway, tx, case, record.party)
    told = telling.version(gateway, tx, case, before, signed)
    if before.state is not ConsentState.GIVEN:
        return Version(record, None, widened=True, told=told, taken_back=taken_back)
    return Version(record, change_between(before, record), widens(before, record), told, taken_back)


def sign(gateway: Gateway, record: ConsentRecord) -> bytes:
    """Return the signed bytes of a record as it travels. Raises UncheckableError KEY_UNKNOWN, MalformedError."""
    pair = gateway.keys.signer(gateway.directory(), gateway.me, gateway.now_ms())
    encoded = encode_record(record)
    signatures = pair.sign(LABEL_CONSENT, encoded)
    return encode_signed(SignedConsent(encoded, record, gateway.me, pair.kid, signatures.ed25519, signatures.mldsa65))


def withdraw(gateway: Gateway, tx: Transaction, case: Case, only: OrgId | None) -> list[Withdrawn]:
    """Record that the person withdrew, towards one organisation or all, and tell each that received something.

    Works at either side of a consent. An organisation that received something in an emergency, without consent, is told
    the same in words of its own. Raises ConsentError NO_CONSENT when there is nothing to withdraw.
    """
    parties = [party for party in cases.counterparts_of(tx, case) if only in {None, party.org}]
    found = [record for party in parties if (record := _no_to(gateway, tx, case, party)) is not None]
    if not found:
        raise ConsentError((Code.NO_CONSENT,), "nothing to withdraw")
    return [_withdraw_one(gateway, tx, case, record) for record in found]


def _no_to(gateway: Gateway, tx: Transaction, case: Case, party: Counterpart) -> ConsentRecord | None:
    """Return the person's no to one organisation; None to one that has neither a consent nor anything of the case."""
    now_ms, given = gateway.now_ms(), consenting.between(tx, case, gateway.me, party.org)
    if given:
        kept = max(given, key=lambda each: each.signed.record.version)
        before = kept.signed.record
        return dataclasses.replace(
            before,
            version=before.version + 1,
            prev_hash=sha256(kept.signed.record_bytes),
            state=ConsentState.WITHDRAWN,
            event_time_ms=max(now_ms, before.event_time_ms + 1),
            provisions=(),
        )
    said = [each.signed.record for each in consents.of_case(tx, case) if _ours(gateway, each)]
    if not said or party.org not in disclosures.recipients(tx, case):
        return None
    return dataclasses.replace(
        said[-1],
        consent_id=ConsentId(secrets.token_bytes(16)),
        version=1,
        prev_hash=None,
        subject_ref=party.subject_ref,
        party=party.org,
        state=ConsentState.WITHDRAWN,
        event_time_ms=now_ms,
        provisions=(),
    )


def _withdraw_one(gateway: Gateway, tx: Transaction, case: Case, record: ConsentRecord) -> Withdrawn:
    org, signed = (record.party if record.collected_by == gateway.me else record.collected_by), sign(gateway, record)
    consents.keep(tx, case, signed, gateway.now_ms())
    taken_back = telling.take_back(gateway, tx, case, org)
    notified = telling.withdrawal(gateway, tx, case, signed)
    return Withdrawn(org, record.consent_id, record.version, notified, taken_back)


def _ours(gateway: Gateway, kept: Kept) -> bool:
    return kept.signed.record.collected_by == gateway.me
