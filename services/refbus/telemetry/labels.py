"""Everything that a metric label can say. Closed lists: no organisation, no corridor, no case, no free text."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Which of the two decisions of a gate."""

    EGRESS = "EGRESS"
    INGRESS = "INGRESS"


class Outcome(StrEnum):
    """What became of a record that a gate read; exactly one for each."""

    FORWARDED = "FORWARDED"
    HELD = "HELD"
    REFUSED = "REFUSED"
    DUPLICATE = "DUPLICATE"
    QUARANTINED = "QUARANTINED"


class Destination(StrEnum):
    """The kind of topic that a gate writes to; which country or organisation it is stays out of the metrics."""

    BORDER = "BORDER"
    INBOX = "INBOX"
    AUDIT = "AUDIT"
    REFUSED = "REFUSED"
    QUARANTINE = "QUARANTINE"
    DIRECTORY = "DIRECTORY"
    FEDERATION = "FEDERATION"


class NoticeKind(StrEnum):
    """What a gate tells an organisation."""

    RECEIPT = "RECEIPT"
    REFUSAL = "REFUSAL"
    HEARTBEAT = "HEARTBEAT"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    REMINDER = "REMINDER"
    ESCALATION = "ESCALATION"
    EXPIRED = "EXPIRED"
    ALARM = "ALARM"


class DeadlineStep(StrEnum):
    """How far up the ladder a deadline was told."""

    REMINDER = "REMINDER"
    ORGANISATION = "ORGANISATION"
    FOCAL_POINT = "FOCAL_POINT"
    PEER_FOCAL_POINT = "PEER_FOCAL_POINT"


class PingResult(StrEnum):
    """What became of an attempt to tell an organisation to look into its inbox."""

    SENT = "SENT"
    FAILED = "FAILED"
    GIVEN_UP = "GIVEN_UP"


class InboxResult(StrEnum):
    """What became of a record that a gateway read from its inbox."""

    OPENED = "OPENED"
    NOTICE = "NOTICE"
    DUPLICATE = "DUPLICATE"
    PARKED = "PARKED"
    HELD = "HELD"
    REFUSED = "REFUSED"
    UNDECRYPTABLE = "UNDECRYPTABLE"


class EntryResult(StrEnum):
    """What became of a record that an auditor read from the audit topic."""

    LOGGED = "LOGGED"
    DUPLICATE = "DUPLICATE"
    ERASED = "ERASED"
    REFUSED = "REFUSED"


class WitnessResult(StrEnum):
    """What a witness answered to a log."""

    COSIGNED = "COSIGNED"
    OTHER_SIZE = "OTHER_SIZE"
    REFUSED = "REFUSED"
