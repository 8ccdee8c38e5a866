"""docs/reference/alert-proofs.md: how it is known of each alert rule that it rings, and that it clears."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from refbus.telemetry.alerts import RULES
from tools.pages.markdown import document, table

ROOT: Final = Path(__file__).resolve().parents[3]
PLAYED: Final = "tests/broker/test_live_alerts.py"
_CEREMONY: Final = "It clears with new keys, by a ceremony, after months. When it is told is tried in"
_TLS: Final = "The brokers of this test have no TLS. When a certificate ends is told in"
_TWO_FACES: Final = "It takes a publisher or an auditor with two faces. Who finds it is tried in"
_EMERGENCY: Final = (
    "It takes two officers, a sealed disclosure and its review. What the gate counts comes from the course in"
)
_DISK: Final = "It takes a disk of its own that a test may fill. What is told of a full one is tried in"
_YET: Final = "No fault is injected yet. What it looks at is tried in"
NOT_PLAYED: Final[Mapping[str, str]] = {
    "RefbusPersonNotArrived": "It takes a return over two offices and its days. Who is told when is tried in"
    " `tests/story/test_deadlines.py`.",
    "RefbusGateStalled": "A gate that stands still ends itself before this rings. That it does is tried in"
    " `tests/unit/gate/test_services.py`.",
    "RefbusEmergencyDisclosure": f"{_EMERGENCY} `tests/story/test_emergency.py`.",
    "RefbusEmergencyNotUpheld": f"{_EMERGENCY} `tests/story/test_emergency.py`.",
    "RefbusEmergencyHeld": f"{_EMERGENCY} `tests/story/test_emergency.py`.",
    "RefbusKeyNotEndorsed": "It takes a directory with a key that its organisation never signed. That its events are"
    " refused is tried in `tests/unit/trust/member/test_endorsement.py`.",
    "RefbusLogForked": f"{_TWO_FACES} `tests/unit/auditor/test_witness.py`.",
    "RefbusForkSeen": f"{_TWO_FACES} `tests/unit/gateway/sync/test_proof_reader.py`.",
    "RefbusDirectoryForked": f"{_TWO_FACES} `tests/unit/gateway/directory/test_door.py`.",
    "RefbusKeyNotOurs": f"{_TWO_FACES} `tests/unit/gateway/directory/test_own_keys.py`.",
    "RefbusAuditQuota": "It takes more entries of one writer than one may write in a day. That they wait is tried in"
    " `tests/unit/auditor/test_quotas.py`.",
    "RefbusAuditorStandsStill": "An auditor that stands still ends itself before this rings: the same watchdog as the"
    " gate's, `tests/unit/gate/test_services.py`.",
    "RefbusInspectorKeyEnds": f"{_CEREMONY} `tests/unit/ops/test_health.py`.",
    "RefbusLogKeysEnd": f"{_CEREMONY} `tests/unit/ops/test_health.py`.",
    "RefbusGateKeyEnds": f"{_CEREMONY} `tests/unit/ops/test_health.py`.",
    "RefbusCertificateEnds": f"{_TLS} `tests/unit/gateway/sync/test_certificates.py`.",
    "RefbusNodeCertificateEnds": f"{_TLS} `tests/unit/ops/test_health.py`.",
    "RefbusNodeCertificateEndsSoon": f"{_TLS} `tests/unit/ops/test_health.py`.",
    "RefbusDiskFills": f"{_DISK} `tests/unit/ops/test_health.py`.",
    "RefbusDiskFull": f"{_DISK} `tests/unit/ops/test_health.py`.",
    "RefbusGateRowsDamaged": "What is damaged stays so until a restore. That it is found and refused alone is tried"
    " in `tests/unit/gate/test_damaged_rows.py`.",
    "RefbusDeadlineUntold": f"{_YET} `tests/unit/gate/clock/test_due.py`.",
    "RefbusClockWorkLate": f"{_YET} `tests/unit/gate/test_services.py`.",
    "RefbusNotWatching": f"{_YET} `tests/unit/gate/test_services.py`.",
    "RefbusTransactionOpen": f"{_YET} `tests/broker/test_odd_batches.py`.",
    "RefbusImbalance": f"{_YET} `tests/unit/gate/orders/test_gaps.py`.",
    "RefbusQuarantine": f"{_YET} `tests/unit/gate/orders/test_stopped_events.py`.",
    "RefbusBatchUnreadable": f"{_YET} `tests/broker/test_odd_batches.py`.",
    "RefbusBorderWaits": f"{_YET} `tests/unit/gate/deliver/test_pump.py`.",
    "RefbusOutgoingWaits": f"{_YET} `tests/unit/gate/deliver/test_pump.py`.",
    "RefbusHeldLong": f"{_YET} `tests/unit/gate/clock/test_holds.py`.",
    "RefbusRoomRunsOut": f"{_YET} `tests/unit/gate/decide/test_quotas.py`.",
    "RefbusRecordsDropped": f"{_YET} `tests/unit/gate/decide/test_quotas.py`.",
    "RefbusUnverifiedStopped": f"{_YET} `tests/unit/gate/decide/test_hostile_member.py`.",
    "RefbusEventIdReused": f"{_YET} `tests/unit/gate/decide/test_duplicates.py`.",
    "RefbusClockSkew": f"{_YET} `tests/unit/gate/test_clock.py`.",
    "RefbusWithdrawalUnanswered": f"{_YET} `tests/story/test_nos.py`.",
    "RefbusInboxGap": f"{_YET} `tests/story/test_refusals.py`.",
    "RefbusInboxSilent": f"{_YET} `tests/unit/gateway/inbox/test_gate_notices.py`.",
    "RefbusOutboxWaits": f"{_YET} `tests/story/test_trouble.py`.",
    "RefbusLogNotCosigned": f"{_YET} `tests/unit/auditor/test_cosignatures.py`.",
    "RefbusAuditEntriesRefused": f"{_YET} `tests/unit/auditor/test_logging.py`.",
    "RefbusAuditUnbalanced": f"{_YET} `tests/unit/auditor/test_logging.py`.",
    "RefbusEntryUnproven": f"{_YET} `tests/unit/gateway/sync/test_proof_reader.py`.",
    "RefbusCheckpointOld": f"{_YET} `tests/unit/gateway/sync/test_proof_reader.py`.",
    "RefbusGateRestored": f"{_YET} `tests/story/test_restored_gate.py`.",
    "RefbusLogLostEnd": f"{_YET} `tests/broker/test_lost_end.py`.",
    "RefbusDirectoryUnlogged": f"{_YET} `tests/unit/gateway/directory/test_door.py`.",
    "RefbusDirectoryUnconfirmed": f"{_YET} `tests/unit/gateway/directory/test_door.py`.",
    "RefbusDeliveryBurns": f"{_YET} `tests/repo/test_alert_rules.py`.",
    "RefbusDeliveryBurnsSlowly": f"{_YET} `tests/repo/test_alert_rules.py`.",
    "RefbusWithdrawalBurns": f"{_YET} `tests/repo/test_alert_rules.py`.",
    "RefbusWithdrawalBurnsSlowly": f"{_YET} `tests/repo/test_alert_rules.py`.",
    "RefbusProofBurns": f"{_YET} `tests/repo/test_alert_rules.py`.",
    "RefbusProofBurnsSlowly": f"{_YET} `tests/repo/test_alert_rules.py`.",
}
"""Why a rule has not rung over running services, in whole sentences, with the test that tries what it looks at."""


def page() -> str:
    """Return the page."""
    live = played((ROOT / PLAYED).read_text(encoding="utf-8"))
    rows = [(rule.name, "yes", *_proof(rule.name, live)) for rule in RULES]
    count = sum(rule.name in live for rule in RULES)
    return document(
        "Proofs of alerts",
        f"Each of the {len(RULES)} rules has a unit test with the tool of Prometheus: it fires at its edge and not"
        " before, waits as long as it says, and clears (`tests/repo/test_alert_rules.py`).\n"
        f"{count} have also rung and cleared over running services, with real Prometheus and Alertmanager, by a fault"
        f" that was injected (`{PLAYED}`).\nThere every `for` of the rules as they ship is"
        " 60 times shorter; what they compare is as it ships. A new rule is in this table with a fault or a reason,"
        " or the checks fail.",
        table(("rule", "unit", "live", "the fault, or why there is none"), rows),
    )


def _proof(name: str, live: Mapping[str, str]) -> tuple[str, str]:
    return ("yes", live[name]) if name in live else ("no", NOT_PLAYED.get(name, ""))


def played(source: str) -> dict[str, str]:
    """Return the rules that a test in `source` sees ring and clear, each with the words of its fault."""
    found = dict[str, str]()
    for each in ast.parse(source).body:
        if isinstance(each, ast.FunctionDef):
            fault = f"{each.name.removeprefix('test_').replace('_', ' ')}: {ast.get_docstring(each) or ''}"
            found |= dict.fromkeys(sorted(_named(each, "rings") & _named(each, "clears")), fault.strip())
    return found


def _named(test: ast.FunctionDef, method: str) -> set[str]:
    """Return the names that a test gives to a method of its scene."""
    calls = [each for each in ast.walk(test) if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)]
    given = [each.args for each in calls if isinstance(each.func, ast.Attribute) and each.func.attr == method]
    return {str(name.value) for names in given for name in names if isinstance(name, ast.Constant)}


def unproven(rules: Iterable[str], live: Iterable[str], reasons: Mapping[str, str]) -> list[str]:
    """Return the rules that have neither a fault nor a reason, or both; and names of either that no rule has."""
    known, faults = set(rules), set(live)
    wrong = {name for name in known if (name in faults) == bool(reasons.get(name))}
    return sorted(wrong | (faults - known) | (reasons.keys() - known))
