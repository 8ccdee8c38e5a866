from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.audit import entry as entries
from refbus.audit import leaf_of, open_entry, opening_of, verify_entry
from refbus.audit.entry import make_entry
from refbus.audit.record import AuditOutcome, AuditRecord, Stage
from refbus.audit.statement import RECORD_TYPE
from refbus.core.directory import Organisation
from refbus.crypto.framing import lp
from refbus.crypto.kem import KemPublic
from refbus.crypto.padding import pad_exact
from refbus.crypto.sealed import seal_for
from refbus.crypto.stanza import Box
from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.wire.transport import AuditEntry
from support.audit import AUDIT_KEY, DECISION_ID, audit_entry, audit_record
from support.directories import NOW_MS, federation, gate, inspector, kem_private, signing_pair

FED = federation()
WRITER = FED.directory.organisations[gate("kz")]
INSPECTOR = (kem_private(inspector("kz")),)


def code_of(entry: AuditEntry, writer: Organisation = WRITER, logged_at_ms: int = NOW_MS) -> Code:
    """Return the code with which an entry fails its check."""
    with pytest.raises((UntrustedError, UncheckableError)) as caught:
        verify_entry(entry, writer, logged_at_ms)
    return caught.value.code


def resealed(plaintext: bytes, entry: AuditEntry) -> AuditEntry:
    """Return `entry` with other sealed contents, as a hostile writer could make them."""
    bound = entries._bound(entry.decision_id, entry.writer, entry.leaf)
    sealed = seal_for(Box.AUDIT, KemPublic.parse(INSPECTOR[0].public), bound, plaintext)
    return dataclasses.replace(entry, sealed_record=sealed.stanza + sealed.box)


def test_inspector_reads_the_record() -> None:
    """What the gate decided is what the inspector reads, over the wire and back."""
    entry = AuditEntry.parse(audit_entry().encode())
    verify_entry(entry, WRITER, NOW_MS)
    assert open_entry(entry, INSPECTOR) == audit_record()


def test_record_without_a_readable_event() -> None:
    """A quarantined record has an entry too, with nothing known of the event."""
    record = audit_record(
        outcome=AuditOutcome.QUARANTINED, event_type=None, event_id=None, consent_id=None, consent_version=None
    )
    assert open_entry(audit_entry(record), INSPECTOR) == record


def test_repeated_decision_has_the_same_leaf() -> None:
    """A transaction that runs twice gives one leaf, though the sealed bytes differ."""
    first, second = audit_entry(), audit_entry()
    assert first.leaf == second.leaf
    assert first.sealed_record != second.sealed_record


def test_order_of_codes_does_not_matter() -> None:
    """The same reasons found in another order give the same leaf."""
    assert audit_entry(audit_record(codes=(Code.NO_CONSENT, Code.EXPIRED, Code.EXPIRED))).leaf == audit_entry().leaf


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": AuditOutcome.FORWARDED},
        {"stage": Stage.INGRESS},
        {"codes": (Code.EXPIRED,)},
        {"event_id": None},
        {"message_sha256": bytes(32)},
        {"consent_version": 3},
        {"at_ms": NOW_MS + 1},
    ],
)
def test_leaf_commits_to_every_field(change: dict[str, object]) -> None:
    """No fact of the decision can change under the same leaf."""
    assert audit_entry(audit_record(**change)).leaf != audit_entry().leaf


def test_sizes_hide_the_contents() -> None:
    """A short and a usual record have the same size on the wire; only very many reasons take the larger class."""
    short = audit_record(codes=(), event_type=None, event_id=None, message_sha256=None, consent_id=None)
    assert len(audit_entry(short).sealed_record) == len(audit_entry().sealed_record)
    assert len(audit_entry(audit_record(codes=tuple(Code))).sealed_record) > len(audit_entry().sealed_record)


def test_entry_shows_nothing_of_the_record() -> None:
    """Neither event nor consent id nor a reason can be read from the entry."""
    encoded = audit_entry().encode()
    assert not any(secret in encoded for secret in (b"e" * 16, b"m" * 32, b"c" * 16, b"NO_CONSENT", b"REFUSED"))


@pytest.mark.parametrize("field", ["decision_id", "leaf", "at_ms", "sealed_record", "ed25519"])
def test_every_field_is_signed(field: str) -> None:
    """A change of any field breaks the signature."""
    entry = audit_entry()
    value = getattr(entry, field)
    changed: Any = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    assert code_of(dataclasses.replace(entry, **{field: changed})) is Code.SIGNATURE_INVALID


def test_writer_cannot_be_renamed() -> None:
    """An entry is refused under the name of another member, even with the key listed there."""
    other = dataclasses.replace(WRITER, org_id=gate("uz"))
    assert code_of(audit_entry(), other) is Code.AUDIT_INVALID
    assert code_of(dataclasses.replace(audit_entry(), writer=gate("uz")), other) is Code.SIGNATURE_INVALID


def test_unknown_key_cannot_be_checked() -> None:
    """A key that the writer does not have is uncheckable, not false."""
    assert code_of(audit_entry(), FED.directory.organisations[gate("uz")]) is Code.KEY_UNKNOWN


def test_key_counts_when_it_was_logged() -> None:
    """The broker's time decides on validity and revocation; what was logged before stays evidence."""
    key = dataclasses.replace(WRITER.signing_keys[0], compromised_since_ms=NOW_MS)
    revoked = dataclasses.replace(WRITER, signing_keys=(key,))
    verify_entry(audit_entry(), revoked, NOW_MS - 1)
    assert code_of(audit_entry(), revoked, NOW_MS) is Code.KEY_REVOKED
    assert code_of(audit_entry(), WRITER, key.not_after_ms) is Code.KEY_EXPIRED
    assert code_of(audit_entry(), WRITER, key.not_before_ms - 1) is Code.KEY_EXPIRED


def test_impossible_size_is_refused() -> None:
    """A sealed record of a size that no writer makes could carry a message; it is refused unopened."""
    entry = audit_entry()
    assert code_of(dataclasses.replace(entry, sealed_record=entry.sealed_record + b"x")) is Code.AUDIT_INVALID


def test_other_keys_do_not_open() -> None:
    """The gate that wrote it, or another country's inspector, cannot read it; one right key among several does."""
    wrong = (kem_private(gate("kz")), kem_private(inspector("uz")))
    with pytest.raises(UntrustedError) as caught:
        open_entry(audit_entry(), wrong)
    assert caught.value.code is Code.OPEN_FAILED
    assert open_entry(audit_entry(), wrong + INSPECTOR) == audit_record()


@pytest.mark.parametrize("size", [0, 1, 1167, 1168, 1200])
def test_cut_record_does_not_open(size: int) -> None:
    """A shortened sealed record gives our error, never another."""
    entry = audit_entry()
    with pytest.raises(UntrustedError) as caught:
        open_entry(dataclasses.replace(entry, sealed_record=entry.sealed_record[:size]), INSPECTOR)
    assert caught.value.code is Code.OPEN_FAILED


def test_sealed_record_cannot_move_to_another_entry() -> None:
    """The sealed bytes of one decision do not open inside another entry."""
    donor = audit_entry(audit_record(decision_id=b"d" * 16))
    with pytest.raises(UntrustedError) as caught:
        open_entry(dataclasses.replace(audit_entry(), sealed_record=donor.sealed_record), INSPECTOR)
    assert caught.value.code is Code.OPEN_FAILED


def _inside(record: AuditRecord, *, kind: str = RECORD_TYPE, opening: bytes | None = None) -> bytes:
    """Return the plaintext that a writer seals, unpadded."""
    return lp(opening or opening_of(AUDIT_KEY, DECISION_ID)) + lp(kind.encode()) + lp(record.encode())


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(pad_exact(_inside(audit_record(codes=())), 1024), id="another record than the leaf commits to"),
        pytest.param(pad_exact(_inside(audit_record(), opening=bytes(32)), 1024), id="another opening"),
        pytest.param(pad_exact(_inside(audit_record(), opening=b"short"), 1024), id="a short opening"),
        pytest.param(pad_exact(_inside(audit_record(), kind="other"), 1024), id="another type"),
        pytest.param(pad_exact(_inside(audit_record()), 4096), id="a larger class than needed"),
        pytest.param(pad_exact(_inside(audit_record()), 2048), id="a size that is no class"),
        pytest.param(pad_exact(_inside(audit_record()) + b"x", 1024), id="trailing bytes"),
        pytest.param(pad_exact(_inside(audit_record()), 1024)[:-1] + b"x", id="padding that is not zeros"),
        pytest.param(pad_exact(_inside(audit_record(), kind="x" * 5000), 8192), id="larger than the largest class"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_writer_cannot_lie_inside(plaintext: bytes) -> None:
    """What is sealed must be exactly what the leaf commits to."""
    with pytest.raises(UntrustedError) as caught:
        open_entry(resealed(plaintext, audit_entry()), INSPECTOR)
    assert caught.value.code is Code.AUDIT_INVALID


def test_record_must_name_the_writer_of_the_entry() -> None:
    """A record that says another writer decided is refused, though leaf and seal agree with it."""
    lying = audit_record(writer=gate("uz"))
    honest = audit_entry()
    leaf = leaf_of(opening_of(AUDIT_KEY, DECISION_ID), RECORD_TYPE, lying.encode())
    entry = resealed(pad_exact(_inside(lying), 1024), dataclasses.replace(honest, leaf=leaf))
    with pytest.raises(UntrustedError) as caught:
        open_entry(entry, INSPECTOR)
    assert caught.value.code is Code.AUDIT_INVALID


@pytest.mark.parametrize(
    "change", [{"at_ms": -1}, {"decision_id": b"x"}, {"codes": ("NOT_A_CODE",)}, {"writer": "Somebody"}]
)
def test_bad_records_are_not_made(change: dict[str, object]) -> None:
    """A field outside its form is refused before anything is signed."""
    with pytest.raises(MalformedError):
        audit_entry(audit_record(**change))


def test_bad_inspector_key_is_refused() -> None:
    """An entry is not sealed to a key that fails the key checks."""
    with pytest.raises(RefbusError) as caught:
        make_entry(audit_record(), audit_key=AUDIT_KEY, signer=signing_pair(gate("kz")), inspector=bytes(1216))
    assert caught.value.code is Code.KEY_INVALID
