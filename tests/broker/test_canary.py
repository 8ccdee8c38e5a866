"""A case with a canary goes the whole road of real services and is erased: its bytes are nowhere, before and after."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from chaos.logs import read_topic
from demo.gauges import total, wait_for
from demo.office import Office
from demo.stack import Stack, StackError, up
from kafka import BrokerFailedError
from kafka.artifacts import ArtifactError
from refbus.bus import confluent
from refbus.core.ids import CountryCode, OrgId
from refbus.trust.reader.log_policy import policy_text
from support.canaries import CANARY, files_below, found_in
from support.gateways import case_file, consent_file

AGENCY, SHELTER = OrgId("kz-agency01"), OrgId("uz-she1ter1")
KZ = CountryCode("kz")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Give a whole federation of real processes, and stop it at the end."""
    try:
        made = up(tmp_path / "world", federated=False, say=lambda _line: None)
    except (StackError, BrokerFailedError, ArtifactError) as failure:
        pytest.skip(f"no stack: {failure}")
    yield made
    made.stop()


@pytest.mark.slow
def test_an_erased_case_is_in_no_file_no_topic_no_log_and_no_metric(stack: Stack, tmp_path: Path) -> None:
    """Sent, opened, answered, proven, erased at both offices: readable before, unreadable after, never in clear."""
    agency, shelter = (Office(org, stack.gateway_environment(org), tmp_path / org) for org in (AGENCY, SHELTER))
    number, there = _crossed(agency, shelter, _canary_case())
    assert CANARY in json.dumps(shelter.do("inbox", "show", there), ensure_ascii=False)
    accepted = ("--responsible-worker-role", "SOCIAL_WORKER", "--file", shelter.file("answer.json", {"note": CANARY}))
    shelter.do("inbox", "accept", there, *accepted)
    agency.until(("inbox", "show", number), lambda value: CANARY in json.dumps(value, ensure_ascii=False))
    _proven(stack, agency, number, tmp_path)
    assert found_in(CANARY, files_below(tmp_path / AGENCY)), "the search finds it on the desk of the case-worker"
    assert _everywhere(stack) == []
    agency.do("erase", "--referral", number)
    shelter.until(("inbox", "list"), lambda value: any(row["withdrawal_to_answer"] for row in value["referrals"]))
    shelter.do("erase", "--referral", there)
    agency.until(("erase", "--status"), lambda value: value[0]["destroyed_ms"] is not None)
    assert agency.do("erase", "--status")[0]["organisations"][0]["answer"] == "ERASED"
    for office, referral in ((agency, number), (shelter, there)):
        assert office.ask("inbox", "show", referral).code == "KEY_DESTROYED"
    _sealed_records_deleted(stack)
    proof = next((tmp_path / "proofs").glob("*.tlog-proof"))
    agency.do("audit", "verify", str(proof), "--policy", str(tmp_path / "kz.tlog-policy"))
    assert _everywhere(stack) == []


def _crossed(agency: Office, shelter: Office, case: bytes) -> tuple[str, str]:
    """Send the case; return the number of the referral here and there."""
    path = agency.file("case.json", case)
    agency.do("consent", "grant", path, "--file", agency.file("consent.json", _consent()))
    number = str(agency.do("send", path)["referral"])
    came = shelter.until(("inbox", "list"), lambda value: value["referrals"])
    return number, str(came["referrals"][0]["referral"])


def _canary_case() -> bytes:
    document = json.loads(case_file())
    document["person"]["prs_FirstName"] = CANARY
    document["health"]["summary"] = CANARY
    letter = base64.b64encode(CANARY.encode()).decode()
    attachment = {"data_category": "HEALTH", "title": CANARY, "media_type": "text/plain", "content_base64": letter}
    return json.dumps({**document, "attachments": [attachment]}, ensure_ascii=False).encode()


def _consent() -> bytes:
    now = datetime.now(UTC)
    until, retain = ((now + timedelta(days=days)).date().isoformat() for days in (100, 200))
    return consent_file(valid_until=until, retain_until=retain)


def _proven(stack: Stack, agency: Office, number: str, folder: Path) -> None:
    """Wait for a proof of the referral and keep it with the policy."""
    agency.until(
        ("audit", "proof", number, "--out", str(folder / "proofs")),
        lambda value: any(row["proven_ms"] for row in value["statements"]),
    )
    policy = policy_text(stack.world.directory(stack.world.now_ms()), KZ)
    (folder / "kz.tlog-policy").write_text(policy, encoding="utf-8")


def _sealed_records_deleted(stack: Stack) -> None:
    """Wait until the auditors of both countries have counted an order."""
    for country in ("kz", "uz"):
        port = stack.ports[f"auditor-{country}"]
        wait_for(f"an erasure order in {country}", partial(_has_order, port))


def _has_order(port: int) -> bool:
    return _orders(port) > 0


def _orders(port: int) -> int:
    return total([port], "refbus_auditor_entries_total", "result")["ERASED"]


def _everywhere(stack: Stack) -> list[str]:
    """Return where the canary stands: every file of the world (brokers, homes, logs), every topic, every metric."""
    return found_in(CANARY, chain(files_below(stack.world.folder), _topics(stack), _metrics(stack)))


def _topics(stack: Stack) -> Iterator[tuple[str, bytes]]:
    address: Any = stack.world.address(KZ, "kz-operator")
    for name in confluent.admin(address).topics():
        yield name, b"\0".join(line.value for line in read_topic(address, name))


def _metrics(stack: Stack) -> Iterator[tuple[str, bytes]]:
    for name, port in stack.ports.items():
        if not name.startswith("log-"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                yield f"metrics of {name}", answer.read()
