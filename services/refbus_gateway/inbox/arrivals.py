"""Taking in one inbox record: verified and stored, or held to be tried again, or refused and kept as evidence.

Nothing is ever dropped. A repeat has no second effect. What cannot be checked yet (a newer directory, a clock) is held;
what was checked and is false is refused with an alarm, and its sender is told (`intake`).
"""

from __future__ import annotations

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from refbus.core.consent.legal_basis import BASIS_EVENTS
from refbus.core.courses.course import rule_in, rule_of
from refbus.core.courses.machine import Role
from refbus.core.ids import OrgId, SubjectRef
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import TECHNICAL_EVENTS, EventType
from refbus.envelope.consent import evidence_of
from refbus.envelope.legal_basis import basis_of
from refbus.envelope.routing import Authenticated
from refbus.errors import Code, ConsentError, RefbusError, RuleError, StoreError, UncheckableError, UntrustedError
from refbus.said import said
from refbus.telemetry.labels import InboxResult
from refbus.wire.consent import decode_signed
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.home import confirmation
from refbus_gateway.home.confirmation import UnknownHereError
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.inbox import effects, notices, refusals
from refbus_gateway.inbox.refusals import Failure
from refbus_gateway.outbox import answers
from refbus_gateway.rules import age_check, course_state, legality, permission, practice
from refbus_gateway.rules.verification import Verified, authenticated, require_present, verified
from refbus_gateway.store import cases, consents, positions, referrals, set_aside
from refbus_gateway.store.cases import Case
from refbus_gateway.store.referrals import EventStatus, Referral
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.set_aside import AsideState


def take_in(gateway: Gateway, tx: Transaction, record: InboxRecord, position: positions.Position) -> bool:
    """Take in one record and return whether a person has something new to look at. Raises StoreError only.

    `position` is where the inbox stood before this record.
    """
    sender: Authenticated | None = None
    try:
        with tx.savepoint():
            before = set_aside.take_back(tx, record.body)
            if record.kind is InboxKind.NOTICE:
                notices.take_in(gateway, tx, record.body, position)
                gateway.observer.inbox(InboxResult.NOTICE)
                return False
            sender = authenticated(gateway, record.body)
            news = _event(gateway, tx, sender)
            refusals.taken_in(gateway, tx, before, sender)
            return news
    except (DataError, IntegrityError) as error:  # about one row, not about the disk: the others go on
        return _mistake(gateway, tx, record, error, sender)
    except (StoreError, SQLAlchemyError):
        raise
    except UncheckableError as error:
        state = AsideState.REFUSED if error.code is Code.KEY_DESTROYED else AsideState.HELD
        return refusals.put_aside(gateway, tx, record, Failure(state, error, sender))
    except RefbusError as error:
        return refusals.put_aside(gateway, tx, record, Failure(AsideState.REFUSED, error, sender))
    except Exception as error:  # noqa: BLE001 - a mistake of ours must not stop an inbox: kept, told, tried again
        return _mistake(gateway, tx, record, error, sender)


def _mistake(
    gateway: Gateway, tx: Transaction, record: InboxRecord, error: Exception, sender: Authenticated | None
) -> bool:
    cause = RefbusError(Code.INTERNAL_ERROR, type(error).__name__)
    return refusals.put_aside(gateway, tx, record, Failure(AsideState.HELD, cause, sender))


def _event(gateway: Gateway, tx: Transaction, opened: Authenticated) -> bool:
    require_present(gateway, opened)
    block = opened.opened.block
    where = _where_a_no_counts(gateway, tx, block)
    known_case = where or cases.case_of_handle(tx, block.sender, block.case_handle)
    if known_case is not None and not _is_open_to(known_case, block.event_type):
        return answers.after_erasure(gateway, tx, opened, known_case)
    event = verified(gateway, opened)
    row_id = referrals.event_row_id(tx, block.sender, block.event_id)
    if row_id is not None:
        if not referrals.same_content(tx, row_id, block, event.encoded):
            raise UntrustedError(Code.EVENT_ID_REUSED, block.sender)
        gateway.observer.inbox(InboxResult.DUPLICATE)
        answers.repeated(gateway, tx, row_id, block)
        return False
    if referrals.event_row_id(tx, block.recipient, block.event_id) is not None:  # it would take our event's place
        raise UntrustedError(Code.EVENT_ID_REUSED, block.sender)
    referral = (where and _course_with(tx, where, block.sender)) or _referral(gateway, tx, block)
    _check_role(tx, referral, block)
    _check_consent(gateway, tx, referral, event)
    practice.require_fictional(gateway, block, event.payload)
    status = EventStatus.PARKED if event.unknown else EventStatus.VERIFIED
    gateway.observer.inbox(InboxResult.PARKED if event.unknown else InboxResult.OPENED)
    stored = referrals.add_event(tx, referral, block, event.encoded, status=status, now_ms=gateway.now_ms())
    effects.apply(gateway, tx, referral, stored, event)
    return block.event_type not in TECHNICAL_EVENTS


def _is_open_to(case: Case, event_type: EventType) -> bool:
    """Whether an event of a known case is taken in: while it is being erased, only what says how others do with it."""
    return case.live or (case.key is not None and event_type in _WHILE_ERASING)


_WHILE_ERASING = TECHNICAL_EVENTS | {EventType.WITHDRAWAL_ACKNOWLEDGED}


def _where_a_no_counts(gateway: Gateway, tx: Transaction, block: RoutingBlock) -> Case | None:
    """Return the case whose consent a withdrawal closes, when its sender names another course or case.

    It counts wherever it comes: what it closes is said by the consent that it names, and by nothing else.
    """
    if block.event_type is not EventType.CONSENT_WITHDRAWN or block.consent_record is None:
        return None
    record = decode_signed(block.consent_record).record
    if {record.collected_by, record.party} != {block.sender, gateway.me}:
        return None
    here = [number for number in consents.cases_of(tx, record.consent_id) if cases.is_with(tx, number, block.sender)]
    if not here:
        return None
    named = cases.number_of_handle(tx, block.sender, block.case_handle)
    fits = named == here[0] and referrals.case_number(tx, block.referral_id) in {None, named}
    return None if fits else cases.get(tx, here[0])


def _course_with(tx: Transaction, case: Case, org: OrgId) -> Referral | None:
    """Return the newest course of a case with an organisation."""
    return next((found for found in reversed(referrals.of_case(tx, case)) if found.org == org), None)


def _referral(gateway: Gateway, tx: Transaction, block: RoutingBlock) -> Referral:
    """Find the referral of an incoming event; the first event of a new one brings its names with it.

    Raises UntrustedError NOT_A_PARTY when the referral is somebody else's, UncheckableError REFERRAL_UNKNOWN when the
    request has not come yet.
    """
    referral = referrals.find(tx, block.referral_id)
    if referral is None:
        return _new_referral(gateway, tx, block)
    case = cases.get(tx, referral.case_id)
    party = cases.counterpart(tx, case, referral.org)
    if (block.sender, block.case_handle) != (party.org, party.case_handle):
        raise UntrustedError(Code.NOT_A_PARTY, block.sender)
    return referral


def _new_referral(gateway: Gateway, tx: Transaction, block: RoutingBlock) -> Referral:
    if Role.SOURCE not in rule_of(block.event_type).emitters:
        again = _known_again(gateway, tx, block)
        if again is None:
            raise UnknownHereError(said("an answer to a referral that is not ours"), block.sender, block.occurred_at_ms)
        return again
    subject_ref = _subject_of(gateway, block)
    now_ms = gateway.now_ms()
    case = cases.case_of_handle(tx, block.sender, block.case_handle)
    if case is None:
        case = cases.create(tx, block.sender.encode() + block.case_handle, {}, own=False, now_ms=now_ms)
        party = cases.add_counterpart(tx, case, block.sender, block.case_handle, subject_ref)
    else:
        party = cases.counterpart(tx, case, block.sender)
    return referrals.create(tx, party, block.referral_id, own=False, now_ms=now_ms)


def _known_again(gateway: Gateway, tx: Transaction, block: RoutingBlock) -> Referral | None:
    """Return a referral that a restored office began after its backup, told by an answer under a consent it signed.

    Its case has no content here. It is kept so that the person's no can be said; a yes waits for `consent confirm`.
    What shows that it is ours is our signature: no clock, neither that of the backup nor the sender's, is asked.
    """
    if confirmation.find(tx) is None or block.consent_record is None:
        return None
    evidence = evidence_of(block.consent_record, gateway.view())
    record = evidence.record
    ours = evidence.signature_ok and (evidence.signer, record.collected_by) == (gateway.me, gateway.me)
    case, known = cases.case_of_handle(tx, block.sender, block.case_handle), consents.cases_of(tx, record.consent_id)
    if not ours or record.party != block.sender or (known and (case is None or case.id not in known)):
        return None
    now_ms = gateway.now_ms()
    if case is None:
        case = cases.create(tx, block.sender.encode() + block.case_handle, {}, own=False, now_ms=now_ms)
        party = cases.add_counterpart(tx, case, block.sender, block.case_handle, record.subject_ref)
    else:
        party = cases.counterpart(tx, case, block.sender)
    consents.keep(tx, case, block.consent_record, now_ms)
    confirmation.note_known_again(tx, case, block.sender, now_ms)
    return referrals.create(tx, party, block.referral_id, own=True, now_ms=now_ms)


def _subject_of(gateway: Gateway, block: RoutingBlock) -> SubjectRef:
    """Return the pseudonym of the person, from the consent or from the legal basis that came with the first event."""
    if block.event_type is EventType.EMERGENCY_INVOKED and block.legal_basis_record is not None:
        return basis_of(block.legal_basis_record, gateway.directory()).record.subject_ref
    if block.consent_record is None:
        raise UncheckableError(Code.REFERRAL_UNKNOWN, said("its request has not come yet"))
    record = decode_signed(block.consent_record).record
    if {record.collected_by, record.party} != {block.sender, gateway.me}:
        raise ConsentError((Code.RECIPIENT_NOT_COVERED,))
    return record.subject_ref


def _check_role(tx: Transaction, referral: Referral, block: RoutingBlock) -> None:
    """Refuse what the sender's side may never say. The state is not judged: events cross on the way (domain 4.7)."""
    role = Role.TARGET if referral.own else Role.SOURCE
    rule = rule_in(course_state.view_of(tx, referral), block.event_type)
    if rule is None or role not in rule.emitters:
        raise RuleError(Code.ROLE_NOT_ALLOWED, block.event_type)


def _check_consent(gateway: Gateway, tx: Transaction, referral: Referral, event: Verified) -> None:
    """Keep the record that came along and decide, on all records that are known here. Raises ConsentError."""
    case, block = cases.get(tx, referral.case_id), event.block
    if block.consent_record is not None:
        effects.check_record(gateway, tx, case, block)
        consents.keep(tx, case, block.consent_record, gateway.now_ms())
    if block.event_type in BASIS_EVENTS:
        legality.require_basis(gateway, tx, case, block)
    if permission.needs_permit(block):
        permission.require_permit(gateway, tx, case, block)
        age_check.require_true_age(block, event.payload, gateway.directory())
