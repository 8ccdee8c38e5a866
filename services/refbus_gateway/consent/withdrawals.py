"""A person's no: written down first, then signed, then told to each organisation in a step of its own.

`note_no` needs nothing but the store: from then on it counts here. What comes after may fail (no key of ours in force,
no usable key of theirs, no directory, no line); it is noted why, and `retry` does it as soon as it can be done. In
fresh envelopes, until they say what they did.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from refbus.clock import CLOCK_SKEW_MS
from refbus.core.consent.record import MAX_VERSION, ConsentRecord, ConsentState, SignedConsent
from refbus.core.ids import ConsentId, OrgId
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_CONSENT
from refbus.each import alone, each
from refbus.errors import Code, ConsentError, RefbusError, UncheckableError
from refbus.said import said
from refbus.wire.consent import decode_signed, encode_record, encode_signed
from refbus_gateway.consent import audience
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, cases, consents, disclosures, tellings
from refbus_gateway.store.cases import Case, Counterpart
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.tellings import Kind, Telling

_TRY_AGAIN_MS: Final = 10 * 60_000
"""How long a running gateway waits before it tries again to tell what could not be told."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A withdrawal that was recorded: for which organisation, and whether it had received anything to stop using.

    `consent_id` and `version` are those of the signed record, None while it could not be signed. `taken_back`: how many
    events waited here to be sent and will not be. `code`: why the organisation has not been told yet.
    """

    org: OrgId
    consent_id: ConsentId | None
    version: int | None
    notified: bool
    taken_back: int = 0
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Advanced:
    """How far an answer has come: the signed records, how many courses got word now, and why it goes no further."""

    signed: tuple[ConsentRecord, ...]
    courses: int
    code: Code | None


def stop(gateway: Gateway, number: int, only: OrgId | None) -> list[Withdrawn]:
    """Take down that the person withdrew, for good, and then tell each organisation in a transaction of its own.

    A no to one organisation (`only`) that has no consent and nothing of the case is kept as well: what is said before
    it permits nothing any more. Raises ConsentError NO_CONSENT when nobody is named and there is nothing to withdraw,
    RuleError, StoreError. Nothing else: what could not be told is in the answer and is tried again.
    """
    with gateway.store.write() as tx:
        case = cases.get(tx, number)
        try:
            noted = note_no(gateway, tx, case, only)
        except ConsentError:
            if only is None:
                raise
            case.require_live()
            if not unsigned(tx, case, only):
                tellings.add(tx, case, only, Kind.REFUSED, now_ms=gateway.now_ms())
            return [Withdrawn(only, None, None, notified=False)]
    return tell_noted(gateway, number, noted)


def tell_refusal(gateway: Gateway, number: int, org: OrgId, taken_back: int) -> Withdrawn:
    """Sign and tell a no that was noted without the rest of its form, as a withdrawal of the consent that there is.

    Without one there is nobody to tell; the no counts here. Raises StoreError only.
    """
    told: list[Withdrawn] = []

    def tell(one: OrgId) -> None:
        with gateway.store.write() as tx:
            told.append(_tell_one(gateway, tx, cases.get(tx, number), one, taken_back, kind=Kind.REFUSED))

    each([org], tell, lambda one, error: told.append(Withdrawn(one, None, None, False, taken_back, error.code)))
    (done,) = told
    return dataclasses.replace(done, code=None) if done.code is Code.NO_CONSENT else done


def tell_noted(gateway: Gateway, number: int, noted: dict[OrgId, int]) -> list[Withdrawn]:
    """Tell each of these organisations of a no that was noted, in a transaction of its own. Raises StoreError."""
    failed: list[Withdrawn] = []

    def tell(org: OrgId) -> Withdrawn:
        with gateway.store.write() as tx:
            return _tell_one(gateway, tx, cases.get(tx, number), org, noted[org])

    def keep(org: OrgId, error: RefbusError) -> None:
        failed.append(Withdrawn(org, None, None, False, noted[org], error.code))

    return [*each(noted, tell, keep), *failed]


def withdraw(gateway: Gateway, tx: Transaction, case: Case, only: OrgId | None) -> list[Withdrawn]:
    """Do what `stop` does inside one transaction."""
    noted = note_no(gateway, tx, case, only)
    return [_tell_one(gateway, tx, case, org, taken_back) for org, taken_back in noted.items()]


def note_no(
    gateway: Gateway, tx: Transaction, case: Case, only: OrgId | None, orgs: Collection[OrgId] | None = None
) -> dict[OrgId, int]:
    """Write down the person's no towards one organisation or all (`orgs`: of these); return what was taken back unsent.

    It counts from now on, where a record of the case cannot be read too. Works at either side of a consent. An
    organisation that received something in an emergency, without consent, is among them. Raises ConsentError NO_CONSENT
    when there is nothing to withdraw.
    """
    readable = cases.readable_parties(tx, case, lambda error: _tell_unnamed(gateway, tx, case, error))
    parties = [party for party in readable if only in {None, party.org}]
    named = [party for party in parties if orgs is None or party.org in orgs]
    unread = len(consents.readable(tx, case)) < consents.count(tx, case)
    found = [party.org for party in named if unread or _nos_to(gateway, tx, case, party)]
    if not found and orgs is None:
        raise ConsentError((Code.NO_CONSENT,), said("nothing to withdraw"))
    waiting = {row.org for row in tellings.of_case(tx, case) if row.kind is Kind.WITHDRAWN}
    for org in found:
        if org not in waiting:
            tellings.add(tx, case, org, Kind.WITHDRAWN, now_ms=gateway.now_ms())
    return {org: audience.take_back(gateway, tx, case, org) for org in found}


def advance(gateway: Gateway, tx: Transaction, case: Case, row: Telling) -> Advanced:
    """Sign what is not signed, and queue word for every course without; what cannot be done is noted and stays.

    Raises StoreError only.
    """
    errors: list[RefbusError] = []
    rows = [row] if row.signed else []
    if not rows:
        with alone(row, lambda _, error: errors.append(error), inside=tx.savepoint):
            rows = _sign(gateway, tx, case, row)
    courses = 0
    for signed in rows:
        told = audience.word(gateway, tx, case, signed)
        courses += told.courses
        if told.error is None:
            tellings.done(tx, signed.id)
        else:
            errors.append(told.error)
            tellings.failed(tx, signed.id, told.error.code, gateway.now_ms())
    if not rows and errors:
        tellings.failed(tx, row.id, errors[0].code, gateway.now_ms())
    records = tuple(decode_signed(done.signed).record for done in rows)
    return Advanced(records, courses, errors[-1].code if errors else None)


def retry(gateway: Gateway, *, patient: bool) -> None:
    """Try again to sign and to tell what could not be told; `patient`: only what was not tried lately.

    Each organisation in a transaction of its own. Raises StoreError only.
    """
    now_ms, newest_directory = gateway.now_ms(), gateway.newest_directory()
    since_ms = 0 if newest_directory is None else newest_directory.published_at_ms
    unread: dict[int, RefbusError] = {}
    with gateway.store.read() as tx:
        rows = tellings.every(tx, lambda number, error: unread.update({number: error}))
    each(unread, lambda number: _tell_unread(gateway, number, unread[number]), lambda *_: None)
    due = [row for row in rows if not patient or _is_due(row, since_ms, now_ms)]

    def try_again(row: Telling) -> None:
        with gateway.store.write() as tx:
            found = tellings.find(tx, row.id)
            if found is not None:
                advance(gateway, tx, cases.get(tx, found.case_id), found)

    each(due, try_again, lambda row, error: _note_failure(gateway, row, error))


def _is_due(row: Telling, directory_ms: int, now_ms: int) -> bool:
    """Whether it is time: never tried, a directory since then, or long ago by a clock that may have been set back."""
    return row.tried_ms is None or row.tried_ms < directory_ms or abs(now_ms - row.tried_ms) >= _TRY_AGAIN_MS


def _tell_unread(gateway: Gateway, number: int, error: RefbusError) -> None:
    with gateway.store.write() as tx:
        told = said("case %(case)s: a no cannot be read here", case=number)
        alarms.raise_alarm(tx, error.code, told, gateway.now_ms())


def _tell_unnamed(gateway: Gateway, tx: Transaction, case: Case, error: RefbusError) -> None:
    detail = said(
        "case %(case)s: an organisation cannot be named here any more: tell it of the no yourself", case=case.id
    )
    alarms.raise_alarm(tx, error.code, detail, gateway.now_ms())


def _note_failure(gateway: Gateway, row: Telling, error: RefbusError) -> None:
    with gateway.store.write() as tx:
        tellings.failed(tx, row.id, error.code, gateway.now_ms())
        told = said("case %(case)s: somebody was not told of a no", case=row.case_id)
        alarms.raise_alarm(tx, error.code, told, gateway.now_ms())


def _sign(gateway: Gateway, tx: Transaction, case: Case, row: Telling) -> list[Telling]:
    """Sign a no, one record for each consent that it closes. Raises ConsentError NO_CONSENT, UncheckableError."""
    parties = cases.readable_parties(tx, case, lambda _: None)
    records = [record for party in parties if party.org == row.org for record in _nos_to(gateway, tx, case, party)]
    if not records:
        raise ConsentError((Code.NO_CONSENT,), said("nothing to withdraw"))
    rows = [row, *(tellings.add(tx, case, row.org, Kind.WITHDRAWN, now_ms=row.made_ms) for _ in records[1:])]
    signed = [sign(gateway, record) for record in records]
    for content in signed:
        consents.keep(tx, case, content, gateway.now_ms())
    for earlier in tellings.of_case(tx, case):
        if earlier.org == row.org and earlier.kind is Kind.VERSION:  # the no has overtaken it
            tellings.done(tx, earlier.id)
    return [tellings.sign(tx, case, one, content, b"") for one, content in zip(rows, signed, strict=True)]


def _nos_to(gateway: Gateway, tx: Transaction, case: Case, party: Counterpart) -> list[ConsentRecord]:
    """Return the person's no to one organisation, for every consent that stands; the newest one in any case.

    Nothing for an organisation that has neither a consent nor anything of the case.
    """
    kept_here, pair = consents.readable(tx, case), {gateway.me, party.org}
    between = [one for one in kept_here if {one.signed.record.party, one.signed.record.collected_by} == pair]
    chains: defaultdict[tuple[ConsentId, OrgId], list[Kept]] = defaultdict(list)
    for kept in between:
        chains[kept.signed.record.consent_id, kept.signed.record.collected_by].append(kept)
    if chains:
        newest_id = max(chains, key=lambda name: max(map(_number, chains[name])))
        found = [name for name in chains if name == newest_id or not _is_withdrawn(chains[name])]
        return [_no_after(gateway, chains[name]) for name in found]
    said = [kept.signed.record for kept in kept_here if _ours(gateway, kept)]
    if not said or not disclosures.may_reach(tx, case, party.org):
        return []
    fresh = dataclasses.replace(
        said[-1],
        consent_id=ConsentId(secrets.token_bytes(16)),
        version=1,
        prev_hash=None,
        subject_ref=party.subject_ref,
        party=party.org,
        state=ConsentState.WITHDRAWN,
        event_time_ms=_no_ms(gateway),
        provisions=(),
    )
    return [fresh]


def _no_after(gateway: Gateway, chain: list[Kept]) -> ConsentRecord:
    """Return the no that closes a chain. It counts on from what its collector or we signed, and from nothing else.

    A withdrawal covers what it is not younger than, so a number that the other side made up need not be exceeded.
    """
    trusted = {gateway.me, chain[0].signed.record.collected_by}
    counted = [kept for kept in chain if kept.signed.signer in trusted] or chain
    last = max(counted, key=lambda kept: kept.signed.record.version)
    before, now_ms = last.signed.record, _no_ms(gateway)
    version = min(before.version + 1, MAX_VERSION)
    in_order = version == before.version or before.event_time_ms <= now_ms + CLOCK_SKEW_MS
    return dataclasses.replace(
        before,
        version=version,
        prev_hash=sha256(last.signed.record_bytes),
        state=ConsentState.WITHDRAWN,
        event_time_ms=max(now_ms, before.event_time_ms + 1) if in_order else now_ms,
        provisions=(),
    )


def _no_ms(gateway: Gateway) -> int:
    """Return the time of a no: now, or when the key that signs it is in force: nobody believes it else.

    Without such a key it is this clock's; the no is kept all the same, and signed when there is one.
    """
    try:
        return gateway.keys.nearest_ms(gateway.view(), gateway.me, gateway.now_ms())
    except UncheckableError:
        return gateway.now_ms()


def _is_withdrawn(chain: list[Kept]) -> bool:
    """Whether a withdrawal in a chain covers all of it."""
    nos = [kept.signed.record for kept in chain if kept.signed.record.state is ConsentState.WITHDRAWN]
    yeses = [kept.signed.record for kept in chain if kept.signed.record.state is ConsentState.GIVEN]
    return all(any(yes.version <= no.version or yes.event_time_ms <= no.event_time_ms for no in nos) for yes in yeses)


def _tell_one(
    gateway: Gateway, tx: Transaction, case: Case, org: OrgId, taken_back: int, *, kind: Kind = Kind.WITHDRAWN
) -> Withdrawn:
    """Sign and tell the no that was noted for one organisation."""
    rows = [row for row in tellings.of_case(tx, case) if row.org == org and row.kind is kind]
    done = [advance(gateway, tx, case, row) for row in rows]
    records = [record for one in done for record in one.signed]
    codes = [one.code for one in done if one.code is not None]
    newest_no = records[-1] if records else None
    return Withdrawn(
        org,
        newest_no.consent_id if newest_no else None,
        newest_no.version if newest_no else None,
        any(one.courses for one in done),
        taken_back,
        codes[-1] if codes else None,
    )


def unsigned(tx: Transaction, case: Case, org: OrgId) -> list[Telling]:
    """Return the nos towards one organisation that count here and are not signed yet."""
    return [row for row in tellings.of_case(tx, case) if row.org == org and not row.signed]


def sign(gateway: Gateway, record: ConsentRecord) -> bytes:
    """Return the signed bytes of a record as it travels. Raises UncheckableError KEY_UNKNOWN, MalformedError."""
    pair = gateway.keys.signer(gateway.view(), gateway.me, gateway.now_ms())
    encoded = encode_record(record)
    signatures = pair.sign(LABEL_CONSENT, encoded)
    return encode_signed(SignedConsent(encoded, record, gateway.me, pair.kid, signatures.ed25519, signatures.mldsa65))


def _ours(gateway: Gateway, kept: Kept) -> bool:
    return kept.signed.record.collected_by == gateway.me


def _number(kept: Kept) -> int:
    return kept.number
