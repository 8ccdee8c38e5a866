"""What a person does about each alert: where to look, what to do, what not to do, and how it clears.

`docs/reference/alerts.md` is made from it, and `refbus-ops health` says the second of it as the next step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """The page of one rule. Each is one or more whole sentences, with commands in backquotes."""

    look: str
    do: str
    never: str
    clears: str


_HOUR: Final = "By itself an hour after the last one."
_ITSELF: Final = "By itself, when nothing waits so long any more."
_NO_LOWER_QUORUM: Final = "Do not lower `audit_quorum`: fewer neighbours could then help to show two histories."
_NO_DELETE: Final = "Do not delete topics, databases or files of the home."
_NO_NAMES: Final = (
    "Do not send names or record contents in a report: the code and the number of the decision are enough."
)
_ATTACK: Final = "Treat it as an attack: ask the organisation by telephone, and suspend it if need be."
_AUDITOR_LOG: Final = "The log of the auditor, and `refbus-ops broker status`."
_GATE_LOG: Final = "The log of the gate, and `refbus-ops broker status`."

RUNBOOK: Final[Mapping[str, Entry]] = {
    "RefbusGateGone": Entry(
        "Does the process run? What does the end of its log say? Does Prometheus ask it, under `job_name:"
        " refbus-gate`?",
        "Start it. If it ends again, the log names a code; its next step is in the list of error codes.",
        "Do not start a second gate on a copy of its home: that would be two histories.",
        "By itself, when Prometheus reaches a gate again.",
    ),
    "RefbusAuditorGone": Entry(
        "Does the process run? What does the end of its log say? Does Prometheus ask it, under `job_name:"
        " refbus-auditor`?",
        "Start it. Entries wait on the broker for ninety days, so nothing is lost yet.",
        "Do not start an auditor on a copy of its home while the first may run: two of them sign two histories.",
        "By itself, when Prometheus reaches an auditor again.",
    ),
    "RefbusPersonNotArrived": Entry(
        "Which offices: the gate has told both of them. The time of the alert is within minutes of the deadline.",
        "Call the focal points of both countries: do their offices look for the person? Stay with it until one"
        " says so.",
        "Do not wait for the next step of the deadline, and do not restart anything: the software works.",
        _HOUR,
    ),
    "RefbusDeadlineUntold": Entry(
        "The log of the gate: CLOCK_WORK_LATE says what waits. Then `refbus-ops broker status` and `refbus-ops lag`.",
        "People wait for a word that is not sent: call the offices whose deadlines are near. Then mend broker or disk.",
        "Do not set the clock of the machine forward to have them told.",
        "By itself, when the gate has read its inputs to their end and has told what is due.",
    ),
    "RefbusClockWorkLate": Entry(
        "The log of the gate: CLOCK_WORK_LATE says what waits. Then `refbus-ops broker status` and `refbus-ops lag`.",
        "Call the offices whose deadlines are near. Then look at the broker, then at what the gate waits for.",
        "Do not set the clock of the machine forward to have them told.",
        "By itself, when all deadlines that were due are told.",
    ),
    "RefbusNotWatching": Entry(
        "The log: `not watching: CODE`. Then `refbus-ops broker status` and the disk.",
        "Mend what does not answer. If both answer and the age still grows, start the service again and report it.",
        "Do not trust other numbers of this service meanwhile: they may be old.",
        "By itself within seconds, when broker and store answer.",
    ),
    "RefbusTransactionOpen": Entry(
        "The log: TRANSACTION_OPEN names topic, offset and the number of the writer.",
        "Follow TRANSACTION_OPEN in the operators' guide: find the certificate, end the transaction, take the"
        " right away.",
        "Do not skip the offsets: what is behind them is not lost, it only waits.",
        "By itself, when the broker has ended the transaction.",
    ),
    "RefbusImbalance": Entry(
        "`refbus_gate_received_records` and `refbus_gate_accounted_records`, and the log of the gate.",
        "Order no replay, copy the home folder of the gate, and report it: it is a fault of the software.",
        _NO_DELETE,
        "When the numbers agree again. A restart does not clear it: they are read from the store.",
    ),
    "RefbusQuarantine": Entry(
        "`refbus-ops quarantine list`, then `quarantine show` with the decision id; `python -m refbus_gate stopped`.",
        "INTERNAL_ERROR: report it, then replay with the corrected version. BATCH_UNREADABLE: see the operators'"
        " guide. Any"
        " other code: somebody writes unreadable data; the broker's own log says which certificate.",
        _NO_NAMES,
        "When the record was replayed and decided otherwise, or after 120 days. A restart does not clear it.",
    ),
    "RefbusBatchUnreadable": Entry(
        "The log of gate or auditor: topic, offsets and what is wrong with the batch.",
        "Follow BATCH_UNREADABLE in the operators' guide. What is in it has reached nobody: ask its writer to"
        " send again.",
        "Do not replace the disk of a broker before the other replicas were looked at.",
        _HOUR,
    ),
    "RefbusGateStalled": Entry(
        "The log of the gate: what does its last start say? `refbus-ops broker status`, the disk.",
        "It ends and is started again by itself. If it ends again and again, the log names a code: mend that.",
        _NO_DELETE,
        "By itself, when a position moves. That the gate is gone does not clear the trouble: RefbusGateGone follows.",
    ),
    "RefbusBorderWaits": Entry(
        "`refbus-ops broker status` for the other country; is its gate up? Ask its operator.",
        "Call the operator of that country. Nothing is lost; it goes on by itself. Urgent cases: offices telephone.",
        "Do not send anything again by another road without the consent that it went out with.",
        _ITSELF,
    ),
    "RefbusOutgoingWaits": Entry(
        "`refbus_gate_outgoing_waiting_records` by destination, `refbus-ops broker status`.",
        "Mend the broker that does not take it, or call the operator whose broker it is. Nothing is lost, help is"
        " late.",
        _NO_DELETE,
        _ITSELF,
    ),
    "RefbusHeldLong": Entry(
        "`refbus_gate_held_records` by code, `python -m refbus_gate stopped`.",
        "DIRECTORY_NEWER: let the directory arrive. CLOCK_SKEW: set the clock. CASE_HELD: it waits behind another.",
        "Do not restart the gate: what waits is in its store and waits on.",
        "By itself, when the event goes on or its life ends; its sender is told then.",
    ),
    "RefbusRoomRunsOut": Entry(
        "`python -m refbus_gate waiting`, with the settings of the gate: who has how much, and since when.",
        "Call that organisation. Its clock is wrong: it sets it, and all goes on. It did not send these: suspend it.",
        "Do not raise the bounds: they keep the room of the others.",
        "By itself, when less than half of its room is taken.",
    ),
    "RefbusRecordsDropped": Entry(
        "`python -m refbus_gate waiting`: topic, offsets and bytes of what was dropped.",
        "The broker's own log says which certificate wrote them: stop that certificate on the broker.",
        "Do not replay from the topic in bulk: what was dropped had no verified sender, or had been refused.",
        _HOUR,
    ),
    "RefbusUnverifiedStopped": Entry(
        "`refbus-ops refused list` and `quarantine list`: code and topic. `<cc>.border.<from>` names the gate"
        " that wrote it.",
        "A single one is damage, or a program that is older or newer: ask whoever wrote it. Many are an attempt.",
        "Do not take the name in a record for its sender: nobody has signed it.",
        _HOUR,
    ),
    "RefbusEventIdReused": Entry(
        "The log of the gate: EVENT_ID_REUSED names topic and offset. The broker's log says whose certificate it was.",
        _ATTACK,
        _NO_NAMES,
        _HOUR,
    ),
    "RefbusEmergencyDisclosure": Entry(
        "`refbus emergency` at the offices concerned: which disclosure, by which two officers, when.",
        "See to it that a third officer reviews it in time, and that the person is told as the procedure says.",
        "Do not stop it: the life of a person may depend on it. The review comes after.",
        _HOUR,
    ),
    "RefbusEmergencyNotUpheld": Entry(
        "The office that disclosed: its list of emergencies has the review and its reasons.",
        "Tell the supervisor of that organisation, and that the recipient must not use what it was given.",
        "Do not delete entries: they are the proof for the person concerned.",
        _HOUR,
    ),
    "RefbusKeyNotEndorsed": Entry(
        "`refbus-ops directory verify` names each file that is left out, and why.",
        _ATTACK,
        _NO_NAMES,
        "By itself, when a directory is in force in which no such key is listed.",
    ),
    "RefbusDirectoryOld": Entry(
        "The timer that publishes, and `refbus_directory_version` here and in the other countries.",
        "Publish and send: `refbus-ops directory publish`, `refbus-ops directory send`.",
        "Do not copy a directory by hand into a home.",
        "By itself, when a version arrives that was published within two days.",
    ),
    "RefbusClockSkew": Entry(
        "`python -m refbus_gate clock` (or `refbus_auditor`), and the time synchronisation of the machine.",
        "Compare it with a clock outside, and set whichever is wrong.",
        "Do not delete `clock.json` to end the alert.",
        "By itself, when the clock is no longer behind.",
    ),
    "RefbusEmergencyHeld": Entry(
        "The log of the gate names the sender and the reason.",
        "Call that organisation: its clock is wrong. Help by telephone meanwhile: a person may be in danger.",
        "Do not wait for it to go on by itself.",
        _HOUR,
    ),
    "RefbusClockJumped": Entry(
        "`python -m refbus_gate clock` (or `refbus_auditor`): both times.",
        "The machine is wrong: set it. It is right now: `clock accept`, or wait for the next directory.",
        "Do not restart the service to have the new time believed.",
        "By itself, when both times agree.",
    ),
    "RefbusWithdrawalUnanswered": Entry(
        "At the office: its page of today, or `refbus status`, names the recipients that have not answered.",
        "Call them, and ask whether they have stopped using what they were given.",
        "Do not send the withdrawal anew: it is sent again by itself.",
        "By itself, when every recipient has answered.",
    ),
    "RefbusInboxGap": Entry(
        "`refbus alarms` at the office; the inbox topic on the broker.",
        "Ask the operator of the country: a record that the gate wrote is not on the broker, or was withheld.",
        _NO_DELETE,
        _HOUR,
    ),
    "RefbusInboxSilent": Entry(
        "Is the gate up? `refbus status` at the office: does it reach the broker?",
        "Call the operator of the country if other offices hear nothing either; else mend the line of this office.",
        "Do not take silence for quiet: something may wait.",
        "By itself, with the next heartbeat.",
    ),
    "RefbusOutboxWaits": Entry(
        "`refbus status` at the office: what waits, and whether it reaches the broker.",
        "Call the operator of the country: does the gate run? Urgent cases: telephone.",
        "Do not send the same again under a new number.",
        _ITSELF,
    ),
    "RefbusLogForked": Entry(
        "`evidence/` in the home of the auditor, and LOG_FORKED in the operators' guide.",
        "Copy the evidence away, stop relying on that log, and call the operator of that country.",
        "Do not delete the evidence, and do not start the auditor anew to end the alert.",
        "An hour after the last one. The evidence stays.",
    ),
    "RefbusLogNotCosigned": Entry(
        _AUDITOR_LOG + " Which other countries' auditors answer?",
        "Call the auditors of the other countries: fewer than `audit_quorum` answer. No referral waits for it.",
        "Do not lower the quorum.",
        "By itself, with the next quorum.",
    ),
    "RefbusAuditEntriesRefused": Entry(
        "`refbus_auditor_refusals_total` by code.",
        "SIGNATURE_INVALID, WRONG_COUNTRY, AUDIT_INVALID: somebody writes what is not its own; the broker's log"
        " says which"
        " certificate. KEY_EXPIRED: that member must rotate.",
        _NO_NAMES,
        _HOUR,
    ),
    "RefbusAuditQuota": Entry(
        "`python -m refbus_auditor waiting`, with the settings of the auditor.",
        "Call that organisation: a fault of its software, or somebody has its keys.",
        "Do not raise the bounds: its entries are logged in order as there is room.",
        "By itself, when its entries are logged.",
    ),
    "RefbusAuditUnbalanced": Entry(
        _AUDITOR_LOG,
        "Copy the home of the auditor and report it: it is a fault of the software.",
        _NO_DELETE,
        "When the numbers agree again. A restart does not clear it.",
    ),
    "RefbusAuditorStandsStill": Entry(
        _AUDITOR_LOG,
        "It ends and is started again by itself. If it ends again and again, the log names a code: mend that.",
        _NO_DELETE,
        "By itself, when entries are logged again.",
    ),
    "RefbusInspectorKeyEnds": Entry(
        "`refbus_auditor_inspector_key_left_seconds`.",
        "Remind the inspector: `refbus keys rotate --kem`, and hand the update to the ceremony.",
        "Do not revoke the old key: records are sealed to it until there is a new one.",
        "By itself, when the directory has its next key.",
    ),
    "RefbusLogKeysEnd": Entry(
        "`refbus-ops audit keys show`.",
        "Renew them: `refbus-ops audit keys renew`, and hand the update to the ceremony.",
        "Do not make a new auditor for it.",
        "By itself, when the directory lists keys for two more half-years.",
    ),
    "RefbusEntryUnproven": Entry(
        "Is the auditor up? Does its log have a quorum?",
        "Mend the auditor, or call its witnesses. Nothing is lost, and no referral waits.",
        "Do not write the entry again.",
        "By itself, when the proof has come.",
    ),
    "RefbusCheckpointOld": Entry(
        "Is the auditor up? Does its log have a quorum?",
        "Mend the auditor, or call its witnesses.",
        "Do not lower the quorum.",
        "By itself, with the next checkpoint.",
    ),
    "RefbusForkSeen": Entry(
        "`refbus audit evidence` at the office, and LOG_FORKED in the operators' guide.",
        "Keep the store of the gateway, and call the inspector.",
        "Do not restore the gateway from a backup to end the alert.",
        _HOUR,
    ),
    "RefbusCertificateEnds": Entry(
        "`refbus status` at the office: until when its certificate runs.",
        "Issue a new certificate with the same common name, and put it in the folder of the office.",
        "Do not send a private key by mail: make it where it is used.",
        "By itself, when the new certificate is in place.",
    ),
    "RefbusNodeCertificateEnds": Entry(
        "The log of the service names the country of the cluster.",
        "Issue a new certificate with the same common name, put it in `REFBUS_TLS_<CC>`, and start the service again.",
        "Do not send a private key by mail: make it where it is used.",
        "By itself, when the service runs with the new certificate.",
    ),
    "RefbusNodeCertificateEndsSoon": Entry(
        "The log of the service names the country of the cluster.",
        "Issue a new certificate today, put it in `REFBUS_TLS_<CC>`, and start the service again.",
        "Do not set the clock of the machine back.",
        "By itself, when the service runs with the new certificate.",
    ),
    "RefbusGateKeyEnds": Entry(
        "`refbus_gate_key_left_seconds`, and the keys of the gate in the directory.",
        "Make the next key (`refbus keys rotate` in the home of the gate), and hand the update to the ceremony.",
        "Do not delete the old key: what was sealed to it must still be opened.",
        "By itself, when the directory has the next key. The gate takes it by itself.",
    ),
    "RefbusDiskFills": Entry(
        "`df` on the disk of the home; which folder has grown?",
        "Make room: old logs of the machine and old copies first, then a larger disk.",
        "Do not delete files of the home: all of them are needed.",
        "By itself, when more than 15 % are free.",
    ),
    "RefbusDiskFull": Entry(
        "`df` on the disk of the home; which folder has grown?",
        "Make room now. The service ends with STORE_FULL when there is none, and goes on when there is; nothing"
        " is lost.",
        "Do not delete files of the home, above all not those that end in `-wal`: they have the newest decisions.",
        "By itself, when more than 5 % are free.",
    ),
    "RefbusGateRestored": Entry(
        _GATE_LOG,
        "If it was restored on purpose, nothing is to be done. If not, somebody put an old copy in its place:"
        " find out who.",
        "Do not restore another copy over it.",
        "By itself after a day.",
    ),
    "RefbusLogLostEnd": Entry(
        "The log of the service names the topic, and which offset it was decided up to. What does the log of the broker"
        " say of that topic, of its disks and of elections?",
        "Find out why the broker lost records, and which other topics it lost records of. Tell the organisations of the"
        " country: an inbox may have lost notices. What to do in which order: operate.md, section The log was cut.",
        "Do not put back an older copy of the store, and do not delete the topic: everything was read again already.",
        "By itself after a day.",
    ),
    "RefbusGateRowsDamaged": Entry(
        "The log of the gate names each row.",
        "Copy the home, look at the disk, and restore the store from the newest copy: `python -m refbus_gate restore`.",
        "Do not edit the database.",
        "With a start after which no damaged row was met.",
    ),
    "RefbusDirectoryUnlogged": Entry(
        _AUDITOR_LOG + " Does the country's log have a quorum?",
        "Mend the auditor, or call its witnesses: the version waits until the log shows it.",
        "Do not make the office take it without the log.",
        "By itself, when the log shows the version.",
    ),
    "RefbusDirectoryUnconfirmed": Entry(
        _AUDITOR_LOG,
        "Mend the auditor: the first directory of an office must be found in the log within the hour.",
        "Do not enrol the office again.",
        "By itself, when the log shows the files.",
    ),
    "RefbusDirectoryForked": Entry(
        "`evidence/` in the home of the gateway, and `refbus-ops directory log-check`.",
        "Treat it as an attack on the keys of the directory: call the anchors, replace the key that signed the"
        " version that nobody knows.",
        "Do not delete the evidence.",
        _HOUR,
    ),
    "RefbusKeyNotOurs": Entry(
        "`refbus alarms` at the office.",
        "Treat it as an attack: call the ceremony, and have that key revoked now.",
        "Do not answer through the bus: whoever made the key may read it.",
        "By itself, when the directory does not list the key any more.",
    ),
    "RefbusDeliveryBurns": Entry(
        "`refbus_gate_awaiting_receipt_oldest_age_seconds` over the last hours: one long wait, or many short ones? The"
        " log of the gate names the border; `refbus-ops broker status` looks at the brokers of that country.",
        "Many short waits are a line or a broker that comes and goes: call the operator of that country with the times."
        " For one long wait do what is said at RefbusBorderWaits.",
        _NO_DELETE,
        "By itself, five to thirty minutes after events are signed for in time again.",
    ),
    "RefbusDeliveryBurnsSlowly": Entry(
        "The dashboard of borders over three days: at which hours do events wait?",
        "Agree with the operator of that country on what is done before it becomes a page: line, disk, number of"
        " brokers.",
        "Do not raise the threshold: an event that waits is a person who waits.",
        "By itself, six hours after the last bad time.",
    ),
    "RefbusWithdrawalBurns": Entry(
        "`refbus status` at the office: which withdrawals have no answer, and of whom.",
        "Call the recipient: does its gateway run? If nobody answers, call the focal point of its country.",
        "Do not record an answer that nobody gave, and do not close the case.",
        "By itself, soon after the recipient has answered.",
    ),
    "RefbusWithdrawalBurnsSlowly": Entry(
        "`refbus status` at the office over some days: is it always the same recipient?",
        "Speak with that organisation, and with its focal point, about a gateway that runs every day.",
        "Do not wait for the next withdrawal to see whether it was chance.",
        "By itself, six hours after the last bad time.",
    ),
    "RefbusProofBurns": Entry(
        "The log of the auditor: which witnesses are silent? Does `refbus_auditor_cosigned_age_seconds` grow without"
        " end, or come and go?",
        "Call the operators of the silent witnesses. As many as `audit_quorum` are needed, never all.",
        _NO_LOWER_QUORUM,
        "By itself, five to thirty minutes after a quorum cosigns again.",
    ),
    "RefbusProofBurnsSlowly": Entry(
        "The log of the auditor over three days: which witnesses are silent, and at which hours?",
        "Agree with their operators on what is done. One witness more gives room.",
        _NO_LOWER_QUORUM,
        "By itself, six hours after the last bad time.",
    ),
}
"""The page of each rule, by its name."""
