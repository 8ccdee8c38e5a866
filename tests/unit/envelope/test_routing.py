"""Opening and authenticating: each rule of the directory has its own code, all cryptography has one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import STOPS, EventType
from refbus.crypto.framing import lp
from refbus.crypto.padding import pad_exact
from refbus.envelope.format import ROUTING_SIZE, Envelope
from refbus.envelope.routing import authenticate, open_routing, receive, signer_of
from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.wire.message import encode_block
from support.directories import NOW_MS, Federation, federation, gate, kem_private, signing_key, signing_pair
from support.envelopes import NOW_HOUR, SENDER, block_of, forged, header_of, sealed

FED = federation()
RAW = sealed(FED)
GATE = gate("kz")


def _code(kind: type[RefbusError], fed: Federation, raw: bytes = RAW, now_ms: int = NOW_MS) -> Code:
    with pytest.raises(kind) as caught:
        receive(Envelope.parse(raw), [fed.kems[GATE]], fed.history, now_ms)
    return caught.value.code


def _sender(fed: Federation, **changes: Any) -> Federation:
    return fed.changed(SENDER, **changes)


def _key(**changes: Any) -> tuple[Any, ...]:
    return (dataclasses.replace(signing_key(FED.pairs[SENDER]), **changes),)


def test_the_sender_is_returned_as_the_newest_directory_states_it() -> None:
    """An authenticated block comes with its sender and the key that signed."""
    later = _sender(FED, label="New label")
    authenticated = receive(Envelope.parse(RAW), [FED.kems[GATE]], later.history, NOW_MS)
    assert authenticated.sender.label == "New label"
    assert authenticated.signing_key.kid == authenticated.opened.block.sender_kid


def test_any_own_epoch_key_opens() -> None:
    """Stanzas carry no hint: a reader tries the keys that it holds."""
    keys = [kem_private("next epoch"), FED.kems[GATE]]
    assert open_routing(Envelope.parse(RAW), keys).block.sender == SENDER
    with pytest.raises(UntrustedError) as caught:
        open_routing(Envelope.parse(RAW), [])
    assert caught.value.code is Code.OPEN_FAILED


@pytest.mark.parametrize(
    ("hours", "code"), [(0, Code.MESSAGE_EXPIRED), (-100, Code.MESSAGE_EXPIRED), (722, Code.MESSAGE_LIFE_TOO_LONG)]
)
def test_expiry_is_in_the_future_and_not_too_far(hours: int, code: Code) -> None:
    """An envelope is refused in the hour it expires, and when it would live longer than the policy allows."""
    assert _code(UntrustedError, FED, sealed(FED, expires_at_hour=NOW_HOUR + hours)) is code


@pytest.mark.parametrize("hours", [1, 720])
def test_expiry_within_policy_is_taken(hours: int) -> None:
    """From the next hour to the policy's maximum."""
    raw = sealed(FED, expires_at_hour=NOW_HOUR + hours)
    assert receive(Envelope.parse(raw), [FED.kems[GATE]], FED.history, NOW_MS).sender.org_id == SENDER


def test_the_last_moment() -> None:
    """An envelope is taken until its hour begins, and refused from that very millisecond on."""
    expires_ms = (NOW_HOUR + 2) * HOUR_MS
    raw = sealed(FED, expires_at_hour=NOW_HOUR + 2)
    assert receive(Envelope.parse(raw), [FED.kems[GATE]], FED.history, expires_ms - 1).sender.org_id == SENDER
    assert _code(UntrustedError, FED, raw, expires_ms) is Code.MESSAGE_EXPIRED


def test_expiry_comes_before_opening() -> None:
    """The steps have an order: what has expired is not tried to open, whoever asks."""
    raw = sealed(FED, expires_at_hour=NOW_HOUR)
    with pytest.raises(UntrustedError) as caught:
        receive(Envelope.parse(raw), [kem_private("stranger")], FED.history, NOW_MS)
    assert caught.value.code is Code.MESSAGE_EXPIRED


def test_the_life_is_that_of_the_senders_country() -> None:
    """Another country's longer limit does not help."""
    strict = FED.with_policy("kz", max_message_life_hours=24)
    assert _code(UntrustedError, strict) is Code.MESSAGE_LIFE_TOO_LONG
    elsewhere = FED.with_policy("uz", max_message_life_hours=24)
    assert receive(Envelope.parse(RAW), [FED.kems[GATE]], elsewhere.history, NOW_MS).sender.org_id == SENDER


def test_without_any_policy_nothing_lives() -> None:
    """A directory without policies allows no life at all."""
    empty = FED.next_version(policies={})
    assert _code(UntrustedError, empty) is Code.MESSAGE_LIFE_TOO_LONG


def test_a_sender_from_a_country_without_policy_cannot_be_checked() -> None:
    """Rules that are not there are not guessed."""
    abroad = _sender(FED, country=CountryCode("xx"))
    assert _code(UncheckableError, abroad) is Code.DIRECTORY_INVALID


def test_a_newer_directory_is_fetched_first() -> None:
    """A version that is not here yet cannot be checked: fetch and try again."""
    assert _code(UncheckableError, FED, sealed(FED, directory_version=2)) is Code.DIRECTORY_NEWER


def test_a_version_that_is_gone_is_too_old() -> None:
    """What the history no longer has is refused."""
    later = FED.next_version()
    forgetful = dataclasses.replace(later, history=dataclasses.replace(later.history, versions=(later.directory,)))
    assert _code(UntrustedError, forgetful) is Code.DIRECTORY_TOO_OLD


def test_an_old_version_is_taken_within_the_grace() -> None:
    """Up to the policy's 72 hours after a newer one came, and not a millisecond more."""
    later = FED.next_version(at_ms=NOW_MS)
    envelope = Envelope.parse(RAW)
    edge = NOW_MS + 72 * HOUR_MS
    assert receive(envelope, [FED.kems[GATE]], later.history, edge).sender.org_id == SENDER
    assert _code(UntrustedError, later, now_ms=edge + 1) is Code.DIRECTORY_TOO_OLD


def test_an_unknown_sender_cannot_be_checked() -> None:
    """An organisation that the named version does not have is unknown."""
    stranger = dataclasses.replace(block_of(FED), sender=OrgId("kz-00000000"))
    assert _code(UncheckableError, FED, forged(FED, block=stranger)) is Code.ORGANISATION_UNKNOWN


def test_an_unknown_key_cannot_be_checked() -> None:
    """A key id that the sender does not have is unknown, whatever it signed."""
    other = dataclasses.replace(block_of(FED), sender_kid=KeyId(bytes(16)))
    assert _code(UncheckableError, FED, forged(FED, block=other)) is Code.KEY_UNKNOWN


def test_a_key_that_came_later_is_not_known_to_the_older_version() -> None:
    """The version that the header names must have the key."""
    new = signing_pair("new pair")
    later = _sender(FED, signing_keys=(*FED.directory.organisations[SENDER].signing_keys, signing_key(new)))
    block = dataclasses.replace(block_of(FED), sender_kid=new.kid)
    assert _code(UncheckableError, later, forged(FED, block=block, signer=new)) is Code.KEY_UNKNOWN


def test_a_key_that_is_gone_since_is_refused() -> None:
    """A key that the newest version dropped verifies nothing any more."""
    assert _code(UncheckableError, _sender(FED, signing_keys=())) is Code.KEY_UNKNOWN


@pytest.mark.parametrize("status", [OrgStatus.SUSPENDED, OrgStatus.REMOVED])
def test_a_suspended_sender_is_refused(status: OrgStatus) -> None:
    """Suspension counts at once, also for envelopes sealed before; and it is not undone by an older version."""
    suspended = _sender(FED, status=status)
    assert _code(UntrustedError, suspended) is Code.ORGANISATION_SUSPENDED
    back = _sender(suspended, status=OrgStatus.ACTIVE)
    assert _code(UntrustedError, back, sealed(suspended)) is Code.ORGANISATION_SUSPENDED


def test_a_revoked_key_is_refused_at_once() -> None:
    """Revocation in the newest version wins over the version that the header names."""
    assert _code(UntrustedError, _sender(FED, signing_keys=_key(compromised_since_ms=NOW_MS))) is Code.KEY_REVOKED


@pytest.mark.parametrize("window", [(NOW_MS + 1, NOW_MS + DAY_MS), (NOW_MS - DAY_MS, NOW_MS)])
def test_a_key_out_of_its_time_is_refused(window: tuple[int, int]) -> None:
    """Not before its beginning, not at its end."""
    keys = _key(not_before_ms=window[0], not_after_ms=window[1])
    assert _code(UntrustedError, _sender(FED, signing_keys=keys)) is Code.KEY_EXPIRED


def test_a_signature_of_another_pair_is_refused_like_any_cryptographic_failure() -> None:
    """A false signature gives the same public error as a box that does not open, without a detail."""
    opened = open_routing(Envelope.parse(forged(FED, signer=signing_pair("other"))), [FED.kems[GATE]])
    with pytest.raises(UntrustedError) as caught:
        authenticate(opened, FED.history, NOW_MS)
    assert (caught.value.code, caught.value.detail, caught.value.__cause__) == (Code.OPEN_FAILED, "", None)


@pytest.mark.parametrize(
    "plaintext", [bytes(10_240), b"\xff" * 10_240, b"\0\0\0\1x" + bytes(10_234) + b"\1", b"\0\0\0\x0c" + bytes(10_236)]
)
def test_a_routing_plaintext_of_another_shape_is_refused(plaintext: bytes) -> None:
    """Padding that is not zeros, parts that are not there, signatures of another size: one error."""
    with pytest.raises(UntrustedError) as caught:
        open_routing(Envelope.parse(forged(FED, routing_plaintext=plaintext)), [FED.kems[GATE]])
    assert caught.value.code is Code.OPEN_FAILED


@pytest.mark.parametrize(("ed25519", "mldsa65"), [(63, 3309), (65, 3309), (0, 0), (64, 1), (64, 3308), (64, 3310)])
def test_signatures_of_another_size_are_refused(ed25519: int, mldsa65: int) -> None:
    """64 bytes, and 3309 or none: anything else is not looked at further."""
    parts = lp(encode_block(block_of(FED))) + lp(bytes(ed25519)) + lp(bytes(mldsa65))
    raw = forged(FED, routing_plaintext=pad_exact(parts, ROUTING_SIZE))
    with pytest.raises(UntrustedError) as caught:
        open_routing(Envelope.parse(raw), [FED.kems[GATE]])
    assert caught.value.code is Code.OPEN_FAILED


def test_a_block_that_is_none_is_malformed() -> None:
    """Bytes that open and are no routing block are named as such, for the operator."""
    with pytest.raises(MalformedError):
        open_routing(Envelope.parse(forged(FED, block=b"\0")), [FED.kems[GATE]])


STOP = block_of(FED, event_type=EventType.CONSENT_WITHDRAWN, actions=(), data_categories=(), respond_by_ms=None)


@pytest.mark.parametrize("event_type", sorted(STOPS))
@pytest.mark.parametrize(
    "terms",
    [
        {"directory_version": 2},
        {"expires_at_hour": NOW_HOUR - 100},
        {"expires_at_hour": NOW_HOUR + 9_000},
    ],
    ids=["a newer directory", "past its end", "a clock that is months behind"],
)
def test_a_stop_is_believed_whatever_its_envelope_names(event_type: EventType, terms: dict[str, Any]) -> None:
    """A withdrawal, a cancellation, an end: its signature under the newest directory is enough."""
    raw = sealed(FED, dataclasses.replace(STOP, event_type=event_type), **terms)
    assert receive(Envelope.parse(raw), [FED.kems[GATE]], FED.history, NOW_MS).sender.org_id == SENDER


def test_a_stop_is_believed_under_a_version_that_is_gone() -> None:
    """The version that it names was replaced long ago and is not kept any more."""
    later = FED.next_version()
    forgetful = dataclasses.replace(later, history=dataclasses.replace(later.history, versions=(later.directory,)))
    raw = sealed(FED, STOP)
    assert receive(Envelope.parse(raw), [FED.kems[GATE]], forgetful.history, NOW_MS).sender.org_id == SENDER


def test_a_stop_is_believed_after_the_term_of_its_key() -> None:
    """An office that was away for long may still say no: only a key that was revoked is nobody's word."""
    over = _sender(FED, signing_keys=_key(not_after_ms=NOW_MS))
    raw = sealed(FED, STOP)
    assert receive(Envelope.parse(raw), [FED.kems[GATE]], over.history, NOW_MS).sender.org_id == SENDER


def test_a_stop_is_not_believed_from_anybody() -> None:
    """Revoked key, suspended sender, forged signature, unknown key: as for every event."""
    raw = sealed(FED, STOP)
    revoked = _sender(FED, signing_keys=_key(compromised_since_ms=NOW_MS - DAY_MS))
    assert _code(UntrustedError, revoked, raw) is Code.KEY_REVOKED
    assert _code(UntrustedError, _sender(FED, status=OrgStatus.SUSPENDED), raw) is Code.ORGANISATION_SUSPENDED
    assert _code(UntrustedError, FED, forged(FED, block=STOP, signer=signing_pair("a stranger"))) is Code.OPEN_FAILED
    unknown = dataclasses.replace(STOP, sender_kid=KeyId(bytes(len(STOP.sender_kid))))
    assert _code(UncheckableError, FED, forged(FED, block=unknown)) is Code.KEY_UNKNOWN
    ahead = header_of(FED, directory_version=2)
    assert _code(UncheckableError, FED, forged(FED, header=ahead, block=unknown)) is Code.DIRECTORY_NEWER


def test_what_is_over_and_no_stop_is_refused_for_its_end() -> None:
    """Whether it opens or not: an old envelope tells nothing more."""
    raw = sealed(FED, expires_at_hour=NOW_HOUR - 1)
    with pytest.raises(UntrustedError) as caught:
        receive(Envelope.parse(raw), [kem_private("a stranger")], FED.history, NOW_MS)
    assert caught.value.code is Code.MESSAGE_EXPIRED
    assert _code(UntrustedError, FED, raw) is Code.MESSAGE_EXPIRED


def test_a_clock_that_is_behind_the_directory_refuses_nothing_for_its_time() -> None:
    """What is too long or too early by such a clock waits as CLOCK_SKEW; a clock that is right refuses it."""
    long = sealed(FED, expires_at_hour=NOW_HOUR + 722)
    behind_ms = FED.directory.published_at_ms - 600_001
    assert _code(UntrustedError, FED, long) is Code.MESSAGE_LIFE_TOO_LONG
    assert _code(UntrustedError, FED, long, behind_ms + 1) is Code.MESSAGE_LIFE_TOO_LONG
    assert _code(UncheckableError, FED, long, behind_ms) is Code.CLOCK_SKEW
    assert _code(UntrustedError, FED, forged(FED, signer=signing_pair("other")), behind_ms) is Code.OPEN_FAILED


@pytest.mark.parametrize(
    "fed",
    [
        _sender(FED, signing_keys=()),
        _sender(FED, signing_keys=_key(compromised_since_ms=NOW_MS)),
        _sender(FED, signing_keys=_key(not_after_ms=NOW_MS)),
        _sender(FED, status=OrgStatus.SUSPENDED),
    ],
    ids=["no such key", "revoked", "over", "suspended"],
)
def test_whose_an_envelope_is_is_told_by_a_good_key_of_an_active_member_alone(fed: Federation) -> None:
    """Of what names a newer directory the signer is known here, or nobody is."""
    opened = open_routing(Envelope.parse(sealed(FED, directory_version=2)), [FED.kems[GATE]])
    known = signer_of(opened, FED.directory, NOW_MS)
    assert known is not None
    assert known.org_id == SENDER
    assert signer_of(opened, fed.directory, NOW_MS) is None


def test_nobody_is_told_as_the_signer_of_what_another_signed() -> None:
    """The sender is only named; the signature is another pair's."""
    opened = open_routing(Envelope.parse(forged(FED, signer=signing_pair("other"))), [FED.kems[GATE]])
    assert signer_of(opened, FED.directory, NOW_MS) is None
