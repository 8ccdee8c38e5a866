"""Alert rules on the catalogue. `infra/prometheus/alerts.yml` is made from them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from refbus.core.units import DAY_S, HOUR_S
from refbus.telemetry import catalogue as metrics
from refbus.telemetry.metric import Metric, Service
from refbus.telemetry.rules import Alert, Burn, Gone, Rule, Severity

GONE: tuple[Gone, ...] = (
    Gone(
        "RefbusGateGone",
        Service.GATE,
        60,
        "The gate does not answer, or Prometheus does not ask it: no event passes, and nobody is told of deadlines.",
    ),
    Gone(
        "RefbusAuditorGone",
        Service.AUDITOR,
        300,
        "The auditor does not answer, or Prometheus does not ask it: nothing new can be proved, entries wait.",
    ),
)
"""Each node has a gate and an auditor: the directory demands both of a country."""

ALERTS: tuple[Alert, ...] = (
    Alert(
        "RefbusPersonNotArrived",
        metrics.GATE_DEADLINES,
        "> 0",
        0,
        Severity.PAGE,
        "A person on the way home did not arrive or was not taken over in time. Make sure that both offices answer.",
        selector='{deadline=~"LEG|ESCORT|HANDOVER",step="ORGANISATION"}',
        increase="1h",
    ),
    Alert(
        "RefbusDeadlineUntold",
        metrics.GATE_DEADLINE_AGE,
        "> 900",
        300,
        Severity.PAGE,
        "Deadlines have passed and nobody was told: the gate does not read its inputs to their end.",
    ),
    Alert(
        "RefbusClockWorkLate",
        metrics.GATE_CLOCK_AGE,
        "> 120",
        0,
        Severity.PAGE,
        "For two minutes deadlines were not looked at to the end: nobody is told of a person who did not arrive.",
    ),
    Alert(
        "RefbusNotWatching",
        metrics.WATCH_AGE,
        "> 120",
        0,
        Severity.PAGE,
        "The watchdog cannot look: broker or store do not answer it. Other numbers of this service may be old.",
    ),
    Alert(
        "RefbusTransactionOpen",
        metrics.OPEN_TRANSACTION_AGE,
        "> 120",
        0,
        Severity.PAGE,
        "A transaction is open for longer than the broker should allow, and what is behind it is not read.",
    ),
    Alert(
        "RefbusImbalance",
        metrics.GATE_IMBALANCE,
        "!= 0",
        0,
        Severity.PAGE,
        "A record was read and is not accounted for. Stop replays and copy the home folder of the gate.",
    ),
    Alert(
        "RefbusQuarantine",
        metrics.GATE_QUARANTINED,
        "> 0",
        0,
        Severity.PAGE,
        "A record could not be parsed or failed alone three times. Look at it with refbus-ops.",
    ),
    Alert(
        "RefbusBatchUnreadable",
        metrics.UNREADABLE_BATCHES,
        "> 0",
        0,
        Severity.PAGE,
        "A batch of records could not be read and was set aside: what is in it has reached nobody. Ask its writer.",
        increase="1h",
    ),
    Alert(
        "RefbusGateStalled",
        metrics.GATE_PROGRESS_AGE,
        "> 120",
        60,
        Severity.PAGE,
        "Records wait and the gate does not move.",
    ),
    Alert(
        "RefbusBorderWaits",
        metrics.GATE_AWAITING_RECEIPT_AGE,
        "> 900",
        60,
        Severity.PAGE,
        "An event has waited for a quarter of an hour for another country's gate to sign for it.",
    ),
    Alert(
        "RefbusOutgoingWaits",
        metrics.GATE_OUTGOING_AGE,
        "> 900",
        60,
        Severity.PAGE,
        "A row has waited for a quarter of an hour for a broker. Nothing is lost, help is late.",
    ),
    Alert(
        "RefbusHeldLong",
        metrics.GATE_HELD_AGE,
        f"> {HOUR_S}",
        0,
        Severity.TICKET,
        "An event has been held for an hour.",
    ),
    Alert(
        "RefbusRoomRunsOut",
        metrics.GATE_FULLEST_QUOTA,
        "> 0.5",
        60,
        Severity.PAGE,
        "One sender has so much waiting that its room runs out: a wrong clock, a fault, or a flood. See who it is.",
    ),
    Alert(
        "RefbusRecordsDropped",
        metrics.GATE_DROPPED,
        "> 0",
        0,
        Severity.PAGE,
        "Records that nobody signed, or that were refused, came in such numbers that they are only counted. See where.",
        increase="1h",
    ),
    Alert(
        "RefbusUnverifiedStopped",
        metrics.GATE_UNVERIFIED,
        "> 0",
        0,
        Severity.TICKET,
        "Records were stopped whose sender nobody could verify, so nobody else can hear of it. See which, and where.",
        increase="1h",
    ),
    Alert(
        "RefbusEventIdReused",
        metrics.GATE_REFUSALS,
        "> 0",
        0,
        Severity.PAGE,
        "Two different messages carry one event number: a broken or hostile sender.",
        '{code="EVENT_ID_REUSED"}',
        "1h",
    ),
    Alert(
        "RefbusEmergencyDisclosure",
        metrics.GATE_EMERGENCIES,
        "> 0",
        0,
        Severity.PAGE,
        "Something about a person was disclosed without consent. A third officer must review it in time.",
        '{code="EMERGENCY_DISCLOSED"}',
        "1h",
    ),
    Alert(
        "RefbusEmergencyNotUpheld",
        metrics.GATE_EMERGENCIES,
        "> 0",
        0,
        Severity.PAGE,
        "A review found a disclosure without consent wrong. The supervisor of that organisation must know.",
        '{code="EMERGENCY_NOT_UPHELD"}',
        "1h",
    ),
    Alert(
        "RefbusKeyNotEndorsed",
        metrics.GATE_KEYS_NOT_ENDORSED,
        "> 0",
        0,
        Severity.PAGE,
        "A key was published that its organisation did not sign.",
    ),
    Alert(
        "RefbusDirectoryOld",
        metrics.DIRECTORY_AGE,
        f"> {2 * DAY_S}",
        0,
        Severity.TICKET,
        "The directory is older than two days; it should be published daily.",
    ),
    Alert(
        "RefbusClockSkew",
        metrics.CLOCK_SKEW,
        "> 300",
        300,
        Severity.TICKET,
        "The clock of this machine is behind what the directory or the own gate signed: compare it with another.",
    ),
    Alert(
        "RefbusEmergencyHeld",
        metrics.GATE_EMERGENCIES_HELD,
        "> 0",
        0,
        Severity.PAGE,
        "An urgent event is held, mostly since its sender's clock is wrong: the log says whose. Call them.",
        "",
        "1h",
    ),
    Alert(
        "RefbusClockJumped",
        metrics.CLOCK_JUMP,
        "> 0",
        0,
        Severity.PAGE,
        "The clock of this machine was moved. Work goes on by the time from before; set the clock, or accept it.",
    ),
    Alert(
        "RefbusWithdrawalUnanswered",
        metrics.GATEWAY_WITHDRAWALS_AGE,
        f"> {DAY_S}",
        0,
        Severity.PAGE,
        "A recipient has not answered a withdrawal of consent for a day. Call them.",
    ),
    Alert(
        "RefbusInboxGap",
        metrics.GATEWAY_INBOX_GAPS,
        "> 0",
        0,
        Severity.PAGE,
        "A record that the gate sent is missing in the inbox.",
        "",
        "1h",
    ),
    Alert(
        "RefbusInboxSilent",
        metrics.GATEWAY_HEARTBEAT_AGE,
        f"> {3 * HOUR_S}",
        0,
        Severity.TICKET,
        "No heartbeat of the gate for three hours: the inbox may be cut off.",
    ),
    Alert(
        "RefbusOutboxWaits",
        metrics.GATEWAY_OUTBOX_AGE,
        f"> {HOUR_S}",
        0,
        Severity.TICKET,
        "The gate has not signed for an event for an hour.",
    ),
    Alert(
        "RefbusLogForked",
        metrics.AUDITOR_ALARMS,
        "> 0",
        0,
        Severity.PAGE,
        "A country's log has signed two histories: the evidence is in the auditor's home. Stop relying on that log.",
        selector='{code="LOG_FORKED"}',
        increase="1h",
    ),
    Alert(
        "RefbusLogNotCosigned",
        metrics.AUDITOR_COSIGNED_AGE,
        f"> {3 * HOUR_S}",
        0,
        Severity.TICKET,
        "No quorum of witnesses has cosigned the log for three hours. Entries are kept; nobody can prove new ones.",
    ),
    Alert(
        "RefbusAuditEntriesRefused",
        metrics.AUDITOR_REFUSALS,
        "> 0",
        0,
        Severity.TICKET,
        "Audit entries did not count: a broken or a lying writer.",
        increase="1h",
    ),
    Alert(
        "RefbusAuditQuota",
        metrics.AUDITOR_OVER_QUOTA,
        "> 0",
        300,
        Severity.TICKET,
        "Somebody writes more to the audit log than one may: its entries wait. See who it is.",
    ),
    Alert(
        "RefbusAuditUnbalanced",
        metrics.AUDITOR_IMBALANCE,
        "!= 0",
        300,
        Severity.PAGE,
        "Records of the audit topic are not accounted for.",
    ),
    Alert(
        "RefbusAuditorStandsStill",
        metrics.AUDITOR_PROGRESS_AGE,
        "> 900",
        0,
        Severity.TICKET,
        "Entries wait and the auditor does not log them.",
    ),
    Alert(
        "RefbusInspectorKeyEnds",
        metrics.AUDITOR_INSPECTOR_KEY,
        f"< {7 * DAY_S}",
        HOUR_S,
        Severity.TICKET,
        "The inspector's key ends within a week: it must publish its next one.",
    ),
    Alert(
        "RefbusLogKeysEnd",
        metrics.AUDITOR_SHARDS_AHEAD,
        "< 2",
        HOUR_S,
        Severity.TICKET,
        "Keys of the log are listed for less than two half-years ahead: the auditor must renew them.",
    ),
    Alert(
        "RefbusEntryUnproven",
        metrics.GATEWAY_UNPROVEN_AGE,
        f"> {DAY_S}",
        0,
        Severity.TICKET,
        "The audit log has not proven for a day that it holds an entry of this gateway.",
    ),
    Alert(
        "RefbusCheckpointOld",
        metrics.GATEWAY_CHECKPOINT_AGE,
        f"> {2 * DAY_S}",
        0,
        Severity.TICKET,
        "No checkpoint of the audit log with its quorum for two days: the auditor or its witnesses are silent.",
    ),
    Alert(
        "RefbusForkSeen",
        metrics.GATEWAY_LOG_FORKS,
        "> 0",
        0,
        Severity.PAGE,
        "The audit log of the country showed two histories. Keep the store of the gateway and call the inspector.",
        "",
        "1h",
    ),
    Alert(
        "RefbusCertificateEnds",
        metrics.GATEWAY_CERTIFICATE_LEFT,
        f"< {30 * DAY_S}",
        HOUR_S,
        Severity.TICKET,
        "The certificate of an office ends within thirty days; after that it reaches no broker: issue a new one.",
    ),
    Alert(
        "RefbusNodeCertificateEnds",
        metrics.CERTIFICATE_LEFT,
        f"< {30 * DAY_S}",
        HOUR_S,
        Severity.TICKET,
        "A certificate of this gate or auditor ends within thirty days; its log names the country: issue a new one.",
    ),
    Alert(
        "RefbusNodeCertificateEndsSoon",
        metrics.CERTIFICATE_LEFT,
        f"< {3 * DAY_S}",
        60,
        Severity.PAGE,
        "A certificate of this gate or auditor ends within three days; after that it reaches no broker.",
    ),
    Alert(
        "RefbusGateKeyEnds",
        metrics.GATE_KEY_LEFT,
        f"< {14 * DAY_S}",
        HOUR_S,
        Severity.TICKET,
        "A key of this gate ends within two weeks: after that other countries refuse what it signs.",
    ),
    Alert(
        "RefbusDiskFills",
        metrics.DISK_FREE,
        "< 0.15",
        300,
        Severity.TICKET,
        "Less than 15 % of the disk of a service's home are free.",
    ),
    Alert(
        "RefbusDiskFull",
        metrics.DISK_FREE,
        "< 0.05",
        60,
        Severity.PAGE,
        "Less than 5 % of the disk of a service's home are free: it stops when there is no more room.",
    ),
    Alert(
        "RefbusGateRestored",
        metrics.GATE_RESTORED,
        "> 0",
        0,
        Severity.PAGE,
        "The gate goes on from a copy of its store. Was it restored? If not, somebody put an old copy in its place.",
    ),
    Alert(
        "RefbusLogLostEnd",
        metrics.LOG_LOST_END,
        "> 0",
        0,
        Severity.PAGE,
        "A broker lost the end of a topic. All that it has is read again. What else it lost, and why: operate.md.",
    ),
    Alert(
        "RefbusGateRowsDamaged",
        metrics.GATE_DAMAGED_ROWS,
        "> 0",
        0,
        Severity.PAGE,
        "Rows of the gate's store are damaged: events that need one are refused. The log names each.",
    ),
    Alert(
        "RefbusDirectoryUnlogged",
        metrics.GATEWAY_DIRECTORY_WAITING,
        "> 900",
        300,
        Severity.PAGE,
        "A newer directory waits because the country's log does not show it: look at the auditor and its witnesses.",
    ),
    Alert(
        "RefbusDirectoryUnconfirmed",
        metrics.GATEWAY_DIRECTORY_UNCONFIRMED,
        "> 0",
        HOUR_S,
        Severity.TICKET,
        "A gateway took its first directory and the country's log does not show it: look at the auditor.",
    ),
    Alert(
        "RefbusDirectoryForked",
        metrics.GATEWAY_DIRECTORY_FORKS,
        "> 0",
        0,
        Severity.PAGE,
        "Two directories exist under one version number. Keep the gateway's folder evidence and call the anchors.",
        "",
        "1h",
    ),
    Alert(
        "RefbusKeyNotOurs",
        metrics.GATEWAY_FOREIGN_KEYS,
        "> 0",
        0,
        Severity.PAGE,
        "The directory lists a key under the name of this organisation that it never had. Call the ceremony.",
    ),
)


FAST = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
SLOW = (("3d", "6h", 1.0),)
_PROMISES: tuple[tuple[str, Metric, int, Severity, str], ...] = (
    (
        "Delivery",
        metrics.GATE_AWAITING_RECEIPT_AGE,
        300,
        Severity.PAGE,
        "events reach another country's gate, which signs for them, within five minutes",
    ),
    (
        "Withdrawal",
        metrics.GATEWAY_WITHDRAWALS_AGE,
        12 * HOUR_S,
        Severity.PAGE,
        "whoever received something answers a withdrawal of consent within half a day",
    ),
    (
        "Proof",
        metrics.AUDITOR_COSIGNED_AGE,
        HOUR_S,
        Severity.TICKET,
        "a decision can be proved within an hour: a quorum of witnesses stands behind the log",
    ),
)
"""What is promised: the metric that says whether it is kept, and from which value on it is not."""
BURNS: tuple[Burn, ...] = tuple(
    Burn(
        f"Refbus{name}{burn}",
        metric,
        edge,
        windows,
        severity if windows is FAST else Severity.TICKET,
        f"{words} {what}.",
    )
    for name, metric, edge, severity, what in _PROMISES
    for burn, windows, words in (
        ("Burns", FAST, "The promise is being broken now:"),
        ("BurnsSlowly", SLOW, "For three days the promise was broken too often:"),
    )
)

RULES: tuple[Rule, ...] = (*GONE, *ALERTS, *BURNS)
"""Every rule. What a person does about each stands in `refbus.telemetry.runbook`."""
KEPT: frozenset[str] = frozenset(alert.metric.name for alert in ALERTS if alert.increase)
"""Counters that a rule compares with before: a service keeps them over a restart."""
PAGE = "docs/reference/alerts.md"


def as_yaml(rules: Iterable[Rule]) -> str:
    """Return the rules as a Prometheus rule file (texts quoted as in JSON, which is YAML)."""
    lines = [
        "# Made from services/refbus/telemetry/alerts.py by `make reference`.",
        "groups:",
        "  - name: refbus",
        "    rules:",
    ]
    given = tuple(rules)
    kept = {rule.record: rule.recorded for rule in given if isinstance(rule, Burn)}
    for record, recorded in kept.items():
        lines += [f"      - record: {record}", f"        expr: {json.dumps(recorded)}"]
    for rule in given:
        lines += [
            f"      - alert: {rule.name}",
            f"        expr: {json.dumps(rule.expression)}",
            f"        for: {rule.for_s}s",
            "        labels:",
            f"          severity: {rule.severity}",
            "        annotations:",
            f"          summary: {json.dumps(rule.summary)}",
            f"          runbook: {PAGE}#{rule.name.lower()}",
        ]
    return "\n".join(lines) + "\n"
