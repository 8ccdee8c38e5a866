"""Every error that a person or a metric can meet: one stable code each, what it means, what to do next.

The code is the metric label, the reason in a refusal, the exit line of the command and a heading in
`docs/reference/errors.md` (made from this catalogue). No message names a person or quotes a payload.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, NamedTuple


class Code(StrEnum):
    """Stable names of everything that can go wrong. A code is never reused and never renamed."""

    # bytes
    MALFORMED = "MALFORMED"
    NOT_CANONICAL = "NOT_CANONICAL"
    TOO_LARGE = "TOO_LARGE"
    UNKNOWN_VALUE = "UNKNOWN_VALUE"
    UNKNOWN_SCHEMA = "UNKNOWN_SCHEMA"
    # envelope
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION"
    UNSUPPORTED_SUITE = "UNSUPPORTED_SUITE"
    MESSAGE_EXPIRED = "MESSAGE_EXPIRED"
    MESSAGE_LIFE_TOO_LONG = "MESSAGE_LIFE_TOO_LONG"
    OPEN_FAILED = "OPEN_FAILED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    NOT_THE_RECIPIENT = "NOT_THE_RECIPIENT"
    REPLAY = "REPLAY"
    EVENT_ID_REUSED = "EVENT_ID_REUSED"
    DECLARATION_MISMATCH = "DECLARATION_MISMATCH"
    UNDECRYPTABLE = "UNDECRYPTABLE"
    # keys and directory
    DIRECTORY_INVALID = "DIRECTORY_INVALID"
    DIRECTORY_INCOMPLETE = "DIRECTORY_INCOMPLETE"
    DIRECTORY_EXPIRED = "DIRECTORY_EXPIRED"
    DIRECTORY_NEWER = "DIRECTORY_NEWER"
    DIRECTORY_TOO_OLD = "DIRECTORY_TOO_OLD"
    DIRECTORY_UNLOGGED = "DIRECTORY_UNLOGGED"
    DIRECTORY_FORKED = "DIRECTORY_FORKED"
    DIRECTORY_BEHIND = "DIRECTORY_BEHIND"
    ORGANISATION_UNKNOWN = "ORGANISATION_UNKNOWN"
    ORGANISATION_SUSPENDED = "ORGANISATION_SUSPENDED"
    WRONG_COUNTRY = "WRONG_COUNTRY"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_REVOKED = "KEY_REVOKED"
    KEY_EXPIRED = "KEY_EXPIRED"
    KEY_INVALID = "KEY_INVALID"
    KEY_NOT_ENDORSED = "KEY_NOT_ENDORSED"
    KEYFILE_WRONG_PASSPHRASE = "KEYFILE_WRONG_PASSPHRASE"  # noqa: S105
    KEYFILE_DAMAGED = "KEYFILE_DAMAGED"
    KEYFILE_UNSAFE = "KEYFILE_UNSAFE"
    KEY_DESTROYED = "KEY_DESTROYED"
    # consent (domain.md section 5)
    NO_CONSENT = "NO_CONSENT"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    SUBJECT_MISMATCH = "SUBJECT_MISMATCH"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    NOT_YET_VALID = "NOT_YET_VALID"
    EXPIRED = "EXPIRED"
    LIFETIME_EXCEEDS_POLICY = "LIFETIME_EXCEEDS_POLICY"
    GRANTOR_NOT_ENTITLED = "GRANTOR_NOT_ENTITLED"
    GUARDIAN_AUTHORITY_EXPIRED = "GUARDIAN_AUTHORITY_EXPIRED"
    ASSENT_MISSING = "ASSENT_MISSING"
    AGE_CONTRADICTS = "AGE_CONTRADICTS"
    AGE_UNKNOWN = "AGE_UNKNOWN"
    NOTICE_UNKNOWN = "NOTICE_UNKNOWN"
    PURPOSE_NOT_COVERED = "PURPOSE_NOT_COVERED"
    ACTION_NOT_COVERED = "ACTION_NOT_COVERED"
    RECIPIENT_NOT_COVERED = "RECIPIENT_NOT_COVERED"
    COUNTRY_NOT_COVERED = "COUNTRY_NOT_COVERED"
    CATEGORY_NOT_COVERED = "CATEGORY_NOT_COVERED"
    ONWARD_NOT_COVERED = "ONWARD_NOT_COVERED"
    EXPLICIT_DENY = "EXPLICIT_DENY"
    RECIPIENT_REVOKED = "RECIPIENT_REVOKED"
    VIEW_STALE = "VIEW_STALE"
    LEGAL_BASIS_REQUIRED = "LEGAL_BASIS_REQUIRED"
    # gate
    RESIDENCY_FORBIDDEN = "RESIDENCY_FORBIDDEN"
    STATE_NOT_ALLOWED = "STATE_NOT_ALLOWED"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    REASON_REQUIRED = "REASON_REQUIRED"
    NOT_A_PARTY = "NOT_A_PARTY"
    PURPOSE_MISMATCH = "PURPOSE_MISMATCH"
    CASE_HELD = "CASE_HELD"
    TOO_MANY_WAITING = "TOO_MANY_WAITING"
    TOO_MANY_EVENTS = "TOO_MANY_EVENTS"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    CLOCK_SKEW = "CLOCK_SKEW"
    CLOCK_JUMPED = "CLOCK_JUMPED"
    HOLD_EXPIRED = "HOLD_EXPIRED"
    PASS_INVALID = "PASS_INVALID"  # noqa: S105
    DELIVERY_FAILED = "DELIVERY_FAILED"
    NOT_TAKEN_IN = "NOT_TAKEN_IN"
    SET_ASIDE_THERE = "SET_ASIDE_THERE"
    RECEIPT_INVALID = "RECEIPT_INVALID"
    LOG_TRUNCATED = "LOG_TRUNCATED"
    BATCH_UNREADABLE = "BATCH_UNREADABLE"
    TRANSACTION_OPEN = "TRANSACTION_OPEN"
    CLOCK_WORK_LATE = "CLOCK_WORK_LATE"
    POSITION_CONFLICT = "POSITION_CONFLICT"
    WATCHDOG_STALLED = "WATCHDOG_STALLED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    DEADLINE_NEAR = "DEADLINE_NEAR"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    REFERRAL_EXPIRED = "REFERRAL_EXPIRED"
    PERSON_NOT_ARRIVED = "PERSON_NOT_ARRIVED"
    # return home (domain.md 4.4)
    GUARD_WISH = "GUARD_WISH"
    GUARD_NOT_INFORMED = "GUARD_NOT_INFORMED"
    GUARD_CONSENT = "GUARD_CONSENT"
    GUARD_RISK_ASSESSMENT = "GUARD_RISK_ASSESSMENT"
    GUARD_RISK_DIFFERS = "GUARD_RISK_DIFFERS"
    GUARD_RISK_OUT_OF_DATE = "GUARD_RISK_OUT_OF_DATE"
    GUARD_RISK_HIGH = "GUARD_RISK_HIGH"
    GUARD_LEGAL_STATUS = "GUARD_LEGAL_STATUS"
    GUARD_NATIONALITY = "GUARD_NATIONALITY"
    GUARD_DOCUMENTS = "GUARD_DOCUMENTS"
    GUARD_DOCUMENTS_OUT_OF_DATE = "GUARD_DOCUMENTS_OUT_OF_DATE"
    GUARD_RECEPTION = "GUARD_RECEPTION"
    GUARD_PLAN = "GUARD_PLAN"
    GUARD_NOT_FIT = "GUARD_NOT_FIT"
    GUARD_PROTECTED = "GUARD_PROTECTED"
    GUARD_FAMILY_ASSESSMENT = "GUARD_FAMILY_ASSESSMENT"
    GUARD_BEST_INTERESTS = "GUARD_BEST_INTERESTS"
    GUARD_AGAINST_BEST_INTERESTS = "GUARD_AGAINST_BEST_INTERESTS"
    GUARD_ESCORT = "GUARD_ESCORT"
    PROTECTED_FROM_EMBASSY = "PROTECTED_FROM_EMBASSY"
    EXPECTED_TIME_INVALID = "EXPECTED_TIME_INVALID"
    # emergency disclosure (domain.md 2.4)
    EMERGENCY_OFF = "EMERGENCY_OFF"
    OFFICERS_MISSING = "OFFICERS_MISSING"
    OFFICER_NOT_ENDORSED = "OFFICER_NOT_ENDORSED"
    OFFICER_SIGNATURE_INVALID = "OFFICER_SIGNATURE_INVALID"
    INCAPACITY_MISSING = "INCAPACITY_MISSING"
    DENIED_BY_PERSON = "DENIED_BY_PERSON"
    EMERGENCY_NOT_MINIMUM = "EMERGENCY_NOT_MINIMUM"
    EMERGENCY_TOO_LONG = "EMERGENCY_TOO_LONG"
    EMERGENCY_OVER = "EMERGENCY_OVER"
    REVIEW_NOT_PLANNED = "REVIEW_NOT_PLANNED"
    REVIEW_MISSING = "REVIEW_MISSING"
    REVIEWER_NOT_INDEPENDENT = "REVIEWER_NOT_INDEPENDENT"
    EMERGENCY_DISCLOSED = "EMERGENCY_DISCLOSED"
    EMERGENCY_UPHELD = "EMERGENCY_UPHELD"
    EMERGENCY_NOT_UPHELD = "EMERGENCY_NOT_UPHELD"
    # gateway
    CASE_INVALID = "CASE_INVALID"
    REPLY_BY_PAST = "REPLY_BY_PAST"
    CASE_CHANGED = "CASE_CHANGED"
    NOT_PERMITTED = "NOT_PERMITTED"
    CASE_UNKNOWN = "CASE_UNKNOWN"
    REFERRAL_UNKNOWN = "REFERRAL_UNKNOWN"
    CODE_PARKED = "CODE_PARKED"
    CONSENT_CHANGE_DIFFERS = "CONSENT_CHANGE_DIFFERS"
    CONSENT_FORM_OLD = "CONSENT_FORM_OLD"
    CONSENT_ENDING = "CONSENT_ENDING"
    ERASE_DUE = "ERASE_DUE"
    NOT_SYNCHRONISED = "NOT_SYNCHRONISED"
    INBOX_GAP = "INBOX_GAP"
    INBOX_COUNT_BACK = "INBOX_COUNT_BACK"
    GATE_RESTORED = "GATE_RESTORED"
    HOME_IN_USE = "HOME_IN_USE"
    HOME_NOT_FOUND = "HOME_NOT_FOUND"
    HOME_DAMAGED = "HOME_DAMAGED"
    BACKUP_INVALID = "BACKUP_INVALID"
    BACKUP_UNPROVEN = "BACKUP_UNPROVEN"
    BACKUP_OLDER = "BACKUP_OLDER"
    RESTORE_UNCONFIRMED = "RESTORE_UNCONFIRMED"
    CONSENT_UNCONFIRMED_AFTER_RESTORE = "CONSENT_UNCONFIRMED_AFTER_RESTORE"
    RESTORED_UNKNOWN = "RESTORED_UNKNOWN"
    PEER_RESTORED = "PEER_RESTORED"
    RESTORES_TOO_OFTEN = "RESTORES_TOO_OFTEN"
    USAGE = "USAGE"
    # machine
    SETTINGS_INVALID = "SETTINGS_INVALID"
    UNSAFE_SETTING = "UNSAFE_SETTING"
    BROKER_UNREACHABLE = "BROKER_UNREACHABLE"
    BROKER_REFUSED = "BROKER_REFUSED"
    TLS_REFUSED = "TLS_REFUSED"
    TLS_CERTIFICATE_ENDING = "TLS_CERTIFICATE_ENDING"
    PING_FAILED = "PING_FAILED"
    TOPIC_MISSING = "TOPIC_MISSING"
    TOPIC_DRIFT = "TOPIC_DRIFT"
    STORE_FAILED = "STORE_FAILED"
    STORE_BUSY = "STORE_BUSY"
    STORE_FULL = "STORE_FULL"
    STORE_NEWER = "STORE_NEWER"
    FILE_UNREADABLE = "FILE_UNREADABLE"
    AUDIT_INVALID = "AUDIT_INVALID"
    EVIDENCE_STAYS = "EVIDENCE_STAYS"
    EVIDENCE_UNMARKED = "EVIDENCE_UNMARKED"
    # audit log
    PROOF_INVALID = "PROOF_INVALID"
    LOG_FORKED = "LOG_FORKED"
    LOG_OTHER_SIZE = "LOG_OTHER_SIZE"
    LOG_ROLLED_BACK = "LOG_ROLLED_BACK"
    LOG_STORE_DAMAGED = "LOG_STORE_DAMAGED"
    QUORUM_MISSING = "QUORUM_MISSING"
    LOG_INCOMPLETE = "LOG_INCOMPLETE"
    LOG_DAMAGED = "LOG_DAMAGED"
    LOG_INCONSISTENT = "LOG_INCONSISTENT"
    LOG_ENTRY_UNKNOWN = "LOG_ENTRY_UNKNOWN"
    LOG_ENTRY_TWICE = "LOG_ENTRY_TWICE"
    LOG_UNEXPECTED = "LOG_UNEXPECTED"
    LOG_UNREACHABLE = "LOG_UNREACHABLE"
    KEY_NOT_OURS = "KEY_NOT_OURS"


class Explanation(NamedTuple):
    """What a code means and what the reader does next, in plain words."""

    meaning: str
    next_step: str


class RefbusError(Exception):
    """Root of all errors raised on purpose.

    `code` is stable; `detail` may name a field, a size or a code-list entry, never a person and never payload text.
    """

    retriable: ClassVar[bool] = False

    def __init__(self, code: Code, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}" if detail else str(code))


class MalformedError(RefbusError):
    """The bytes or the fields are not what the format says."""


class UntrustedError(RefbusError):
    """It was checked and it is false: a signature, a key, a chain, a declaration."""


class UncheckableError(RefbusError):
    """It could not be checked: the key, schema or directory version is not known here."""


class RowError(UncheckableError):
    """A value in our own database is damaged. It is about this row only, and what needs it waits until it is mended."""

    def __init__(self, detail: str = "a stored value is damaged") -> None:
        super().__init__(Code.HOME_DAMAGED, detail)


class ConsentError(RefbusError):
    """The consent decision was DENY. `reasons` has every reason, sorted."""

    def __init__(self, reasons: tuple[Code, ...], detail: str = "") -> None:
        self.reasons = reasons
        super().__init__(reasons[0], detail)


class RuleError(RefbusError):
    """A rule of the course of help forbids it: role, state, residency, a missing reason. `reasons` has every one."""

    def __init__(self, code: Code, detail: str = "", reasons: tuple[Code, ...] = ()) -> None:
        self.reasons = reasons or (code,)
        super().__init__(code, detail)


class TransportError(RefbusError):
    """The broker could not be reached or refused for now; the same call may succeed later."""

    retriable: ClassVar[bool] = True


class StoreError(RefbusError):
    """The local database or disk failed; nothing was recorded, so the same call may be repeated."""

    retriable: ClassVar[bool] = True


class SetupError(RefbusError):
    """Settings, key files, topics or arguments are wrong; a person must change something first."""
