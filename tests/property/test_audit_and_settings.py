from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.audit import AuditOutcome, AuditRecord, Stage, leaf_of, open_entry, opening_of, verify_entry
from refbus.audit.statement import RECORD_TYPE
from refbus.core.bounds import TIME_MS, VERSION
from refbus.core.vocabulary import EventType
from refbus.errors import Code, ConsentError, RefbusError, SetupError
from refbus.explain import as_lines
from refbus.settings import ALL_SETTINGS, GateSettings, from_environment
from refbus.settings.fields import declared_settings
from refbus.wire.transport import AuditEntry
from support.audit import AUDIT_KEY, audit_entry, audit_record
from support.directories import NOW_MS, federation, gate, inspector, kem_private

WRITER = federation().directory.organisations[gate("kz")]
INSPECTOR = (kem_private(inspector("kz")),)
ENTRY = audit_entry()
ENCODED = ENTRY.encode()
GATE = {"REFBUS_COUNTRY": "kz", "REFBUS_GATE_HOME": "/srv/g", "REFBUS_GATE_PASSPHRASE_FILE": "/srv/p"}
NAMES = [item.name for cls in ALL_SETTINGS for item, _ in declared_settings(cls).values() if not item.per_country]

records = st.builds(
    AuditRecord,
    decision_id=st.binary(min_size=16, max_size=16),
    writer=st.just(gate("kz")),
    stage=st.sampled_from(Stage),
    outcome=st.sampled_from(AuditOutcome),
    codes=st.sets(st.sampled_from(Code), max_size=12).map(lambda codes: tuple(sorted(codes))),
    event_type=st.none() | st.sampled_from(EventType),
    event_id=st.none() | st.binary(min_size=16, max_size=16),
    message_sha256=st.none() | st.binary(min_size=32, max_size=32),
    consent_id=st.none() | st.binary(min_size=16, max_size=16),
    consent_version=st.none() | st.integers(VERSION.low, VERSION.high),
    at_ms=st.integers(TIME_MS.low, TIME_MS.high),
)


@given(records)
@settings(max_examples=50, deadline=None)
def test_every_record_comes_back(record: AuditRecord) -> None:
    """Whatever was decided, the inspector reads exactly that."""
    entry = AuditEntry.parse(audit_entry(record).encode())
    verify_entry(entry, WRITER, NOW_MS)
    assert open_entry(entry, INSPECTOR) == record


@given(records, records)
@settings(max_examples=50, deadline=None)
def test_leaves_are_equal_exactly_for_equal_records(one: AuditRecord, other: AuditRecord) -> None:
    """Two decisions have one leaf only if they are the same decision."""
    leaves = [leaf_of(opening_of(AUDIT_KEY, r.decision_id), RECORD_TYPE, r.encode()) for r in (one, other)]
    assert (leaves[0] == leaves[1]) == (one == other)


@given(st.integers(0, len(ENCODED) * 8 - 1))
@settings(max_examples=150, deadline=None)
def test_every_bit_of_an_entry_counts(bit: int) -> None:
    """An entry with one bit changed is refused somewhere on the way."""
    changed = bytearray(ENCODED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RefbusError):
        verify_entry(AuditEntry.parse(bytes(changed)), WRITER, NOW_MS)


@given(st.binary(max_size=3000))
@settings(deadline=None)
def test_any_bytes_give_a_value_or_our_error(data: bytes) -> None:
    """Parsing or opening whatever comes never raises anything foreign."""
    for attempt in (
        lambda: AuditRecord.parse(data),
        lambda: AuditEntry.parse(data),
        lambda: open_entry(dataclasses.replace(ENTRY, sealed_record=data), INSPECTOR),
        lambda: verify_entry(dataclasses.replace(ENTRY, sealed_record=data, ed25519=data[:64]), WRITER, NOW_MS),
    ):
        with pytest.raises(RefbusError):
            attempt()


@given(st.sampled_from(NAMES), st.text(max_size=40))
def test_any_text_gives_settings_or_our_error(name: str, text: str) -> None:
    """A setting with whatever text is a value or SETTINGS_INVALID, and the error does not quote the text."""
    refusal = None
    try:
        from_environment(GateSettings, {**GATE, name: text})
    except SetupError as error:
        refusal = (error.code, error.detail.split(" must be: ")[0])
    assert refusal in {None, (Code.SETTINGS_INVALID, name)}


@given(st.text(max_size=60))
def test_any_unknown_name_is_refused(suffix: str) -> None:
    """No REFBUS_ name passes unless it is declared."""
    name = "REFBUS_" + suffix
    if name in NAMES or name.startswith(("REFBUS_BOOTSTRAP_", "REFBUS_TLS_")):
        return
    with pytest.raises(SetupError):
        from_environment(GateSettings, {**GATE, name: "x"})


@given(st.sampled_from(Code), st.text(max_size=300))
def test_a_report_has_only_its_own_lines(code: Code, detail: str) -> None:
    """A detail with line ends or control characters cannot add a line or steer the terminal."""
    lines = as_lines(ConsentError((code,), detail))
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_the_entry_of_this_module_is_good() -> None:
    """The entry that the tests above change is accepted as it is."""
    verify_entry(AuditEntry.parse(ENCODED), WRITER, NOW_MS)
    assert open_entry(ENTRY, INSPECTOR) == audit_record()
