"""The catalogue of all metrics. `docs/reference/metrics.md` is made from it, and alert rules may use nothing else.

Units are base units (seconds, records). Which organisation, country pair or case is behind a number is in no label.
"""

from __future__ import annotations

from refbus.core.courses.deadlines import DeadlineKind
from refbus.errors import Code
from refbus.telemetry.labels import (
    DeadlineStep,
    Destination,
    Direction,
    EntryResult,
    InboxResult,
    NoticeKind,
    Outcome,
    PingResult,
    WitnessResult,
)
from refbus.telemetry.metric import Kind, Metric, Service

_GATE = (Service.GATE,)
_GATEWAY = (Service.GATEWAY,)
_BOTH = (Service.GATE, Service.GATEWAY)
_AUDITOR = (Service.AUDITOR,)
_ALL = (*_BOTH, Service.AUDITOR)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RECORDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)

GATE_DECISIONS = Metric(
    "refbus_gate_decisions_total",
    Kind.COUNTER,
    _GATE,
    "Records decided, by direction and outcome.",
    {"direction": Direction, "outcome": Outcome},
)
GATE_REFUSALS = Metric(
    "refbus_gate_refusals_total",
    Kind.COUNTER,
    _GATE,
    "Reasons of refusals; a refusal with three reasons counts once under each.",
    {"direction": Direction, "code": Code},
)
GATE_EMERGENCIES = Metric(
    "refbus_gate_emergencies_total",
    Kind.COUNTER,
    _GATE,
    "Disclosures without consent that were let through, and their reviews: each is to be looked at by a person.",
    {"direction": Direction, "code": Code},
)
GATE_DEADLINES = Metric(
    "refbus_gate_deadlines_total",
    Kind.COUNTER,
    _GATE,
    "Steps of deadlines that were told, by what is waited for and how far up the ladder.",
    {"deadline": DeadlineKind, "step": DeadlineStep},
)
GATE_DEADLINE_AGE = Metric(
    "refbus_gate_deadline_untold_age_seconds",
    Kind.AGE,
    _GATE,
    "Since when a step of a deadline should have been told; 0 when none waits.",
)
GATE_PINGS = Metric(
    "refbus_gate_pings_total",
    Kind.COUNTER,
    _GATE,
    "Mails and webhook calls that say only: look into your inbox.",
    {"result": PingResult},
)
GATE_BATCH_SECONDS = Metric(
    "refbus_gate_batch_seconds",
    Kind.HISTOGRAM,
    _GATE,
    "Time from taking a batch to its committed transaction.",
    {"direction": Direction},
    _SECONDS,
)
GATE_BATCH_RECORDS = Metric(
    "refbus_gate_batch_records",
    Kind.HISTOGRAM,
    _GATE,
    "Records in a batch.",
    {"direction": Direction},
    _RECORDS,
)
GATE_POSITION = Metric(
    "refbus_gate_position_records",
    Kind.GAUGE,
    _GATE,
    "Records that committed transactions have passed, summed over the topics of the direction.",
    {"direction": Direction},
)
GATE_LAG = Metric(
    "refbus_gate_lag_records",
    Kind.GAUGE,
    _GATE,
    "Records that wait on the broker to be decided.",
    {"direction": Direction},
)
GATE_OUTGOING_WAITING = Metric(
    "refbus_gate_outgoing_waiting_records",
    Kind.GAUGE,
    _GATE,
    "Rows that no broker has confirmed yet, by kind of destination.",
    {"destination": Destination},
)
GATE_OUTGOING_AGE = Metric(
    "refbus_gate_outgoing_oldest_age_seconds",
    Kind.AGE,
    _GATE,
    "Age of the oldest row that no broker has confirmed; 0 when none waits.",
    {"destination": Destination},
)
GATE_DELIVERED = Metric(
    "refbus_gate_delivered_total",
    Kind.COUNTER,
    _GATE,
    "Rows that a broker confirmed; a row that is sent again counts again.",
    {"destination": Destination},
)
GATE_DELIVERY_FAILURES = Metric(
    "refbus_gate_delivery_failures_total",
    Kind.COUNTER,
    _GATE,
    "Failed attempts to write to a broker, by code. The row is kept and tried again.",
    {"code": Code},
)
GATE_AWAITING_RECEIPT = Metric(
    "refbus_gate_awaiting_receipt_records",
    Kind.GAUGE,
    _GATE,
    "Events at another country's broker whose gate has not yet signed for them.",
)
GATE_AWAITING_RECEIPT_AGE = Metric(
    "refbus_gate_awaiting_receipt_oldest_age_seconds",
    Kind.AGE,
    _GATE,
    "Age of the oldest event without a hop receipt; 0 when none waits.",
)
GATE_HELD = Metric(
    "refbus_gate_held_records",
    Kind.GAUGE,
    _GATE,
    "Events that wait, by the first reason.",
    {"code": Code},
)
GATE_HELD_AGE = Metric(
    "refbus_gate_held_oldest_age_seconds",
    Kind.AGE,
    _GATE,
    "Age of the oldest event that waits; 0 when none does.",
)
GATE_FULLEST_QUOTA = Metric(
    "refbus_gate_fullest_quota_ratio",
    Kind.GAUGE,
    _GATE,
    "How full the room of the one whose events take most of theirs is: 1 is full, and more of theirs is not kept.",
)
GATE_DROPPED = Metric(
    "refbus_gate_dropped_total",
    Kind.COUNTER,
    _GATE,
    "Records of nobody that is verified, or of a sender that had too much refused: counted by range of offsets.",
    {"direction": Direction},
)
GATE_UNVERIFIED = Metric(
    "refbus_gate_unverified_total",
    Kind.COUNTER,
    _GATE,
    "Records stopped before anybody's signature was verified, kept or not, by each reason: nobody else hears of it.",
    {"direction": Direction, "code": Code},
)
GATE_UNKEPT = Metric(
    "refbus_gate_unkept_total",
    Kind.COUNTER,
    _GATE,
    "Stopped records whose sender was told and whose bytes were not kept for want of room: no replay of them.",
    {"direction": Direction},
)
GATE_RECEIVED = Metric(
    "refbus_gate_received_records",
    Kind.GAUGE,
    _GATE,
    "Records read since the store was made: the left side of the balance.",
    {"direction": Direction},
)
GATE_ACCOUNTED = Metric(
    "refbus_gate_accounted_records",
    Kind.GAUGE,
    _GATE,
    "Records by what became of them, since the store was made: the right side of the balance.",
    {"direction": Direction, "outcome": Outcome},
)
GATE_IMBALANCE = Metric(
    "refbus_gate_imbalance_records",
    Kind.GAUGE,
    _GATE,
    "Received less accounted for. Anything but 0 is an alarm.",
    {"direction": Direction},
)
GATE_PROGRESS_AGE = Metric(
    "refbus_gate_progress_age_seconds",
    Kind.AGE,
    _GATE,
    "Time since a position last moved, or since nothing was left to do: what the watchdog looks at.",
)
GATE_RESTORED = Metric(
    "refbus_gate_restored",
    Kind.GAUGE,
    _GATE,
    "1 for a day after this gate has seen that its store goes on from a copy (GATE_RESTORED), else 0.",
)
LOG_LOST_END = Metric(
    "refbus_log_lost_end",
    Kind.GAUGE,
    (Service.GATE, Service.AUDITOR),
    "1 for a day after the broker was seen to have lost the end of a topic that was decided (LOG_TRUNCATED), else 0.",
)
GATE_DAMAGED_ROWS = Metric(
    "refbus_gate_damaged_rows",
    Kind.GAUGE,
    _GATE,
    "Rows of the gate's store, and audit keys, that were found damaged since its start; the log names each.",
)
CERTIFICATE_LEFT = Metric(
    "refbus_certificate_left_seconds",
    Kind.GAUGE,
    (Service.GATE, Service.AUDITOR),
    "Time until the first of the certificates ends with which brokers are reached; infinite without any.",
)
GATE_KEY_LEFT = Metric(
    "refbus_gate_key_left_seconds",
    Kind.GAUGE,
    _GATE,
    "Time until the first of the keys ends that the directory has for this gate now; 0 when it has none.",
)
LEADS = Metric(
    "refbus_leads",
    Kind.GAUGE,
    (Service.GATE, Service.AUDITOR, Service.STANDBY),
    "1 where this process works with the store, 0 where it stands by.",
)
DISK_FREE = Metric(
    "refbus_disk_free_ratio",
    Kind.GAUGE,
    (Service.GATE, Service.AUDITOR),
    "Free share of the disk that the home of this service is on.",
)
GATE_QUARANTINED = Metric(
    "refbus_gate_quarantined_records",
    Kind.GAUGE,
    _GATE,
    "Records in quarantine that nobody has dealt with.",
)
UNREADABLE_BATCHES = Metric(
    "refbus_unreadable_batches_total",
    Kind.COUNTER,
    (Service.GATE, Service.AUDITOR),
    "Batches on the broker that could not be read and were set aside or passed over; the log names their offsets.",
)
WATCH_AGE = Metric(
    "refbus_watch_age_seconds",
    Kind.AGE,
    (Service.GATE, Service.AUDITOR),
    "Time since the watchdog last looked at all topics and the store; while it grows nobody knows what waits.",
)
OPEN_TRANSACTION_AGE = Metric(
    "refbus_open_transaction_age_seconds",
    Kind.AGE,
    (Service.GATE, Service.AUDITOR),
    "Since when a writer's open transaction keeps records from being read; 0 when none does.",
)
GATE_CLOCK_AGE = Metric(
    "refbus_gate_clock_work_age_seconds",
    Kind.AGE,
    _GATE,
    "Time since all deadlines that were due were last told: the work that is done by the clock ran to its end.",
)
STORE_COMMIT_SECONDS = Metric(
    "refbus_store_commit_seconds",
    Kind.HISTOGRAM,
    _GATE,
    "Time of a transaction of the node store, with its write to disk.",
    {},
    _SECONDS,
)
DIRECTORY_VERSION = Metric(
    "refbus_directory_version",
    Kind.GAUGE,
    _ALL,
    "Newest verified version of the directory; 0 before the first.",
)
DIRECTORY_AGE = Metric(
    "refbus_directory_age_seconds",
    Kind.AGE,
    _ALL,
    "Time since the newest verified version of the directory was published.",
)
GATE_KEYS_NOT_ENDORSED = Metric(
    "refbus_gate_directory_not_endorsed_files",
    Kind.GAUGE,
    _GATE,
    "Files of the directory in force that are left out: they list a key that its organisation did not sign.",
)
CLOCK_SKEW = Metric(
    "refbus_clock_skew_seconds",
    Kind.GAUGE,
    _ALL,
    "How far the clock of this machine is behind what the directory or the own gate signed; 0 when it is not.",
)
CLOCK_JUMP = Metric(
    "refbus_clock_jump_seconds",
    Kind.GAUGE,
    _ALL,
    "How far the clock of this machine is from the time that counts, either way; 0 while it is followed.",
)
CLOCK_FORGETTING_HELD = Metric(
    "refbus_clock_forgetting_held",
    Kind.GAUGE,
    _ALL,
    "1 while nothing is forgotten, because the clock jumped or started less than a day ago, or the directory expired.",
)
GATE_FORGOTTEN = Metric(
    "refbus_gate_forgotten_rows_total",
    Kind.COUNTER,
    _GATE,
    "Rows that the gate deleted because their time is over: at most a twentieth of a table in an hour.",
)
GATE_EMERGENCIES_HELD = Metric(
    "refbus_gate_emergencies_held_total",
    Kind.COUNTER,
    _GATE,
    "Urgent events, of priority EMERGENCY or a disclosure in an emergency, that were held: call their sender.",
    {"direction": Direction},
)
GATEWAY_OUTBOX_WAITING = Metric(
    "refbus_gateway_outbox_waiting_records",
    Kind.GAUGE,
    _GATEWAY,
    "Events for which the gate has not yet signed.",
)
GATEWAY_OUTBOX_AGE = Metric(
    "refbus_gateway_outbox_oldest_age_seconds",
    Kind.AGE,
    _GATEWAY,
    "Age of the oldest event for which the gate has not yet signed; 0 when none waits.",
)
GATEWAY_INBOX = Metric(
    "refbus_gateway_inbox_records_total",
    Kind.COUNTER,
    _GATEWAY,
    "Records read from the inbox, by what became of them.",
    {"result": InboxResult},
)
GATEWAY_REFUSALS = Metric(
    "refbus_gateway_refusals_total",
    Kind.COUNTER,
    _GATEWAY,
    "Reasons for which an event was not sealed or not shown, and reasons in refusals by gates.",
    {"code": Code},
)
GATEWAY_WITHDRAWALS = Metric(
    "refbus_gateway_withdrawals_unacknowledged",
    Kind.GAUGE,
    _GATEWAY,
    "Recipients that have not yet answered a withdrawal of consent.",
)
GATEWAY_WITHDRAWALS_AGE = Metric(
    "refbus_gateway_withdrawals_oldest_age_seconds",
    Kind.AGE,
    _GATEWAY,
    "Age of the oldest withdrawal without an answer; 0 when none waits.",
)
GATEWAY_INBOX_GAPS = Metric(
    "refbus_gateway_inbox_gaps_total",
    Kind.COUNTER,
    _GATEWAY,
    "Holes found in the inbox by count or running hash.",
)
GATEWAY_HEARTBEAT_AGE = Metric(
    "refbus_gateway_heartbeat_age_seconds",
    Kind.AGE,
    _GATEWAY,
    "Time since the last heartbeat of the gate in the inbox.",
)
GATEWAY_NOTICES = Metric(
    "refbus_gateway_notices_total",
    Kind.COUNTER,
    _GATEWAY,
    "Notices of the gate read, by kind.",
    {"kind": NoticeKind},
)
GATEWAY_UNPROVEN = Metric(
    "refbus_gateway_unproven_entries",
    Kind.GAUGE,
    _GATEWAY,
    "Entries of the audit log, own and those of the gate about own events, for which no proof is here yet.",
)
GATEWAY_UNPROVEN_AGE = Metric(
    "refbus_gateway_unproven_oldest_age_seconds",
    Kind.AGE,
    _GATEWAY,
    "Age of the oldest of those entries without a proof; 0 when none waits.",
)
GATEWAY_CHECKPOINT_AGE = Metric(
    "refbus_gateway_checkpoint_age_seconds",
    Kind.AGE,
    _GATEWAY,
    "Time since the newest checkpoint of the country's audit log was cosigned by its quorum.",
)
GATEWAY_LOG_FORKS = Metric(
    "refbus_gateway_log_forks_total",
    Kind.COUNTER,
    _GATEWAY,
    "Checkpoints that contradict an earlier one of the same log. Anything but 0 is an alarm.",
)
GATEWAY_DIRECTORY_WAITING = Metric(
    "refbus_gateway_directory_waiting_age_seconds", Kind.AGE, _GATEWAY, "Time that a newer directory waits for the log."
)
GATEWAY_DIRECTORY_UNCONFIRMED = Metric(
    "refbus_gateway_directory_unconfirmed_files", Kind.GAUGE, _GATEWAY, "Files in force that the log has not shown."
)
GATEWAY_CERTIFICATE_LEFT = Metric(
    "refbus_gateway_certificate_left_seconds",
    Kind.GAUGE,
    _GATEWAY,
    "Time until the certificate ends with which the broker is reached; infinite without one.",
)
GATEWAY_DIRECTORY_FORKS = Metric(
    "refbus_gateway_directory_forks_total", Kind.COUNTER, _GATEWAY, "Files under one version with two contents."
)
GATEWAY_FOREIGN_KEYS = Metric(
    "refbus_gateway_foreign_keys",
    Kind.GAUGE,
    _GATEWAY,
    "Keys that the directory lists under the name of this organisation and that never were in its home.",
)

AUDITOR_ENTRIES = Metric(
    "refbus_auditor_entries_total",
    Kind.COUNTER,
    _AUDITOR,
    "Records read from the audit topic, by what became of them.",
    {"result": EntryResult},
)
AUDITOR_REFUSALS = Metric(
    "refbus_auditor_refusals_total",
    Kind.COUNTER,
    _AUDITOR,
    "Reasons for which a record was not logged. The record itself is not kept.",
    {"code": Code},
)
AUDITOR_WAITING = Metric(
    "refbus_auditor_waiting_records",
    Kind.GAUGE,
    _AUDITOR,
    "Entries that wait: for the key of their writer in the directory, or for room under its quota.",
)
AUDITOR_OVER_QUOTA = Metric(
    "refbus_auditor_over_quota_records",
    Kind.GAUGE,
    _AUDITOR,
    "Entries that wait because their writer has written more than one may in an hour or a day.",
)
AUDITOR_IMBALANCE = Metric(
    "refbus_auditor_imbalance_records",
    Kind.GAUGE,
    _AUDITOR,
    "Records read less accounted for. Anything but 0 is an alarm.",
)
AUDITOR_LOG_SIZE = Metric(
    "refbus_auditor_log_entries",
    Kind.GAUGE,
    _AUDITOR,
    "Entries in the log of this half-year.",
)
AUDITOR_UNPROVEN = Metric(
    "refbus_auditor_unproven_entries",
    Kind.GAUGE,
    _AUDITOR,
    "Entries of which no member has a proof yet, since no quorum stands behind them.",
)
AUDITOR_COSIGNED_AGE = Metric(
    "refbus_auditor_cosigned_age_seconds",
    Kind.AGE,
    _AUDITOR,
    "Time since a quorum of witnesses last cosigned this country's log.",
)
AUDITOR_WITNESSED = Metric(
    "refbus_auditor_witnessed_total",
    Kind.COUNTER,
    _AUDITOR,
    "Requests of other countries' logs to this witness, by what it answered.",
    {"result": WitnessResult},
)
AUDITOR_ALARMS = Metric(
    "refbus_auditor_alarms_total",
    Kind.COUNTER,
    _AUDITOR,
    "What other logs and witnesses sent that does not count, by code. LOG_FORKED convicts a log.",
    {"code": Code},
)
AUDITOR_SHARDS_AHEAD = Metric(
    "refbus_auditor_shards_ahead",
    Kind.GAUGE,
    _AUDITOR,
    "Half-years after this one for which the directory has the key of this country's log.",
)
AUDITOR_INSPECTOR_KEY = Metric(
    "refbus_auditor_inspector_key_left_seconds",
    Kind.GAUGE,
    _AUDITOR,
    "For how long the inspector's newest key still runs; records are sealed to it also when it has ended.",
)
AUDITOR_LAG = Metric(
    "refbus_auditor_lag_records",
    Kind.GAUGE,
    _AUDITOR,
    "Records that wait on the broker to be logged.",
)
AUDITOR_PROGRESS_AGE = Metric(
    "refbus_auditor_progress_age_seconds",
    Kind.AGE,
    _AUDITOR,
    "Time since a position last moved, or since nothing was left to do: what the watchdog looks at.",
)

CATALOGUE: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""Every metric, in the order of this module."""
