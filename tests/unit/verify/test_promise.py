"""The interface that is promised to third parties: what it does, and that it loses nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import re
from pathlib import Path

import pytest

from refbus import verify
from support.directories import NOW_MS
from support.logs import ORIGIN, audit_entries, log_policy, write_log
from support.speclog import FILES, INDEX, POLICY, PROOF
from support.tree import ROOT

PAGE = (ROOT / "docs" / "integrators" / "verify.md").read_text(encoding="utf-8")
FUNCTIONS = {
    "check_continues": "(place: 'str', policy: 'Policy', older: 'bytes') -> 'tuple[Finding, ...]'",
    "check_log": "(place: 'str', policy: 'Policy', *, now_s: 'int | None' = None) -> 'Report'",
    "check_proof": "(proof: 'bytes', policy: 'Policy', *, entry: 'bytes | None' = None,"
    " now_s: 'int | None' = None) -> 'Proven'",
    "read_outside": "(envelope: 'bytes') -> 'Outside'",
    "read_policy": "(data: 'bytes') -> 'Policy'",
}
VALUES = {
    "AuditRecord": "decision_id writer stage outcome codes event_type event_id message_sha256 consent_id"
    " consent_version at_ms",
    "Checkpoint": "origin size root extensions",
    "Finding": "code place detail",
    "Group": "needed members",
    "Member": "key url",
    "Outside": "sha256 size version suite message_id expires_at_ms directory_version",
    "Policy": "logs witnesses groups quorum",
    "Proven": "entry statement origin index size witnesses quorum_at_s",
    "ReplayRecord": "decision_id writer stage outcome replaced became reason asked_by asked_account asked_ms"
    " approved_by approved_account approved_ms at_ms",
    "Report": "checkpoint seen quorum findings complete",
    "Seen": "checkpoint times_s quorum_at_s",
    "Statement": "opening raw record",
}
ERRORS = {"MalformedError", "RefbusError", "SetupError", "TransportError", "UncheckableError", "UntrustedError"}
OTHERS = {"AuditOutcome", "Code", "MOST_POLICY_BYTES", "MOST_PROOF_BYTES", "Stage"}


def test_the_names_are_these() -> None:
    """A name is added here when it is added there; one that is gone breaks somebody's program."""
    assert set(verify.__all__) == {*FUNCTIONS, *VALUES, *ERRORS, *OTHERS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_signatures_are_these(name: str) -> None:
    """A promised function takes what it took, under the same names."""
    assert str(inspect.signature(getattr(verify, name))) == FUNCTIONS[name]


@pytest.mark.parametrize("name", VALUES)
def test_the_values_are_frozen_and_have_these_fields(name: str) -> None:
    """A promised value cannot be changed by its reader, and keeps its fields in their order."""
    kind = getattr(verify, name)
    assert " ".join(field.name for field in dataclasses.fields(kind)) == VALUES[name]
    assert kind.__dataclass_params__.frozen
    assert kind.__doc__


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_every_failure_has_a_code(name: str) -> None:
    """Whoever catches a RefbusError catches all of them, each with its code."""
    assert issubclass(getattr(verify, name), verify.RefbusError)


def test_the_example_of_the_page_runs_and_prints_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of docs/integrators/verify.md works as it stands there."""
    monkeypatch.chdir(ROOT)
    program, printed = re.findall(r"```(?:python)?\n(.*?)```", PAGE, re.DOTALL)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program, {})
    assert out.getvalue() == printed


def test_a_proof_is_checked_to_the_bit() -> None:
    """The example proves its entry; another entry, another policy or a changed bit proves nothing."""
    policy = verify.read_policy((FILES / POLICY).read_bytes())
    proof = (FILES / PROOF).read_bytes()
    proven = verify.check_proof(proof, policy, now_s=NOW_MS // 1000)
    assert (proven.index, len(proven.witnesses)) == (INDEX, 2)
    with pytest.raises(verify.RefbusError) as caught:
        verify.check_proof(proof, policy, entry=b"another entry")
    assert caught.value.code is verify.Code.PROOF_INVALID
    with pytest.raises(verify.UntrustedError) as caught:
        verify.check_proof(proof, policy, now_s=NOW_MS // 1000 - 1)
    assert caught.value.code is verify.Code.SIGNATURE_INVALID
    with pytest.raises(verify.UncheckableError) as caught:
        verify.check_proof(proof, log_policy())
    assert caught.value.code is verify.Code.KEY_UNKNOWN


def test_a_log_is_checked_from_its_folder(tmp_path: Path) -> None:
    """A whole log holds, and one changed entry is a finding where it is."""
    write_log(tmp_path, audit_entries(300))
    whole = verify.check_log(str(tmp_path), log_policy())
    assert (whole.complete, whole.findings, whole.checkpoint and whole.checkpoint.origin) == (True, (), ORIGIN)
    assert verify.check_continues(str(tmp_path), log_policy(), (tmp_path / "checkpoint").read_bytes()) == ()
    bundle = next(path for path in sorted(tmp_path.rglob("*")) if path.is_file() and "entries" in path.parts)
    content = bytearray(bundle.read_bytes())
    content[-1] ^= 1
    bundle.write_bytes(content)
    assert verify.check_log(str(tmp_path), log_policy()).findings


def test_the_outside_of_an_envelope_says_no_more_than_its_header() -> None:
    """Its hash, size, version, suite, random id, end and directory version, and nothing of who or what."""
    vector = (ROOT / "tests" / "vectors" / "envelope" / "valid-other.vector").read_bytes()
    raw = vector.partition(b"\n\n")[2]
    outside = verify.read_outside(raw)
    assert (outside.size, outside.version, outside.suite) == (len(raw), 1, 1)
    assert outside.expires_at_ms % 3_600_000 == 0
    assert (len(outside.sha256), len(outside.message_id)) == (32, 16)
    with pytest.raises(verify.MalformedError):
        verify.read_outside(raw[:-1])
