"""When keys change: what must be published or destroyed, and when."""

from __future__ import annotations

import dataclasses

from refbus.core.directory import KemKey, Organisation, OrgRole
from refbus.core.ids import KeyId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.trust.member.rotation import (
    EPOCH_MS,
    EPOCH_OVERLAP_MS,
    PUBLISH_AHEAD_MS,
    SIGNING_OVERLAP_MS,
    Duty,
    Task,
    duties,
    first_windows,
    next_kem_window,
    next_signing_window,
)
from refbus.trust.reader.history import keep_ms
from support.directories import NOW_MS, agency, federation

FED = federation(("kz",))
KEEP = keep_ms(FED.directory)
(SIGNING, EPOCH) = first_windows(NOW_MS)


def _member(*epochs: KemKey, revoked: bool = False) -> Organisation:
    held = FED.directory.organisations[agency("kz")]
    key = dataclasses.replace(held.signing_keys[0], not_before_ms=SIGNING[0], not_after_ms=SIGNING[1])
    if revoked:
        key = dataclasses.replace(key, compromised_since_ms=NOW_MS)
    return dataclasses.replace(held, signing_keys=(key,), kem_keys=epochs)


def _epoch(number: int, window: tuple[int, int]) -> KemKey:
    return KemKey(KeyId(bytes([number]) * 16), b"", *window)


FIRST = _epoch(1, EPOCH)


def test_first_keys_are_valid_at_once_even_on_a_slow_clock() -> None:
    """They begin one to two hours ago."""
    for start, end in (SIGNING, EPOCH):
        assert NOW_MS - 2 * HOUR_MS < start <= NOW_MS - HOUR_MS
        assert end > NOW_MS


def test_nothing_is_due_in_the_middle_of_an_epoch() -> None:
    """Until 14 days before the next epoch begins."""
    edge = FIRST.not_after_ms - EPOCH_OVERLAP_MS - PUBLISH_AHEAD_MS
    assert duties(_member(FIRST), [FIRST.kid], KEEP, edge - 1) == ()
    assert duties(_member(FIRST), [FIRST.kid], KEEP, edge) == (
        Duty(Task.PUBLISH_KEM, FIRST.kid, FIRST.not_after_ms - EPOCH_OVERLAP_MS),
    )


def test_the_next_epoch_ends_the_duty() -> None:
    """Published before use: it begins while the present one is still good."""
    window = next_kem_window(FIRST, NOW_MS)
    assert window == (FIRST.not_after_ms - EPOCH_OVERLAP_MS, FIRST.not_after_ms - EPOCH_OVERLAP_MS + EPOCH_MS)
    moment = FIRST.not_after_ms - EPOCH_OVERLAP_MS
    assert duties(_member(FIRST, _epoch(2, window)), [FIRST.kid], KEEP, moment) == ()


def test_a_late_epoch_begins_now() -> None:
    """Whoever missed the end does not publish an epoch in the past."""
    late = FIRST.not_after_ms + 10 * DAY_MS
    assert late - HOUR_MS < next_kem_window(FIRST, late)[0] <= late


def test_without_a_good_epoch_one_is_due_now() -> None:
    """None at all, or only revoked ones."""
    for epochs in ((), (dataclasses.replace(FIRST, revoked=True),)):
        assert duties(_member(*epochs), [], KEEP, NOW_MS) == (Duty(Task.PUBLISH_KEM, None, NOW_MS),)


def test_an_old_private_key_is_destroyed_after_message_life_and_grace() -> None:
    """Not a moment before, and only when it is still held here."""
    end = FIRST.not_after_ms + KEEP
    second = _epoch(2, next_kem_window(FIRST, NOW_MS))
    assert [duty.task for duty in duties(_member(FIRST, second), [FIRST.kid], KEEP, end - 1)] == [Task.PUBLISH_KEM]
    assert Duty(Task.DESTROY_KEM, FIRST.kid, end) in duties(_member(FIRST, second), [FIRST.kid], KEEP, end)
    assert not any(duty.task is Task.DESTROY_KEM for duty in duties(_member(FIRST, second), [], KEEP, end))


def test_an_inspector_keeps_every_epoch() -> None:
    """What was sealed to the inspector must open years later."""
    member = dataclasses.replace(_member(_epoch(1, (0, DAY_MS))), role=OrgRole.INSPECTOR)
    found = duties(member, {key.kid for key in member.kem_keys}, 0, NOW_MS)
    assert not any(duty.task is Task.DESTROY_KEM for duty in found)


def test_signing_keys_are_renewed_ninety_days_before_their_end() -> None:
    """And destroyed once over; a compromised one is replaced at once."""
    edge = SIGNING[1] - SIGNING_OVERLAP_MS
    epochs = (_epoch(1, (edge, edge + EPOCH_MS)),)
    kid = _member().signing_keys[0].kid
    assert duties(_member(*epochs), [kid], KEEP, edge - 1) == ()
    assert duties(_member(*epochs), [kid], KEEP, edge) == (Duty(Task.PUBLISH_SIGNING, kid, edge),)
    assert Duty(Task.DESTROY_SIGNING, kid, SIGNING[1]) in duties(_member(), [kid], KEEP, SIGNING[1])
    assert duties(_member(FIRST, revoked=True), [kid], KEEP, NOW_MS) == (Duty(Task.PUBLISH_SIGNING, None, NOW_MS),)


def test_a_new_signing_key_begins_after_its_predecessor() -> None:
    """Even in the same hour: the order of keys is the order of their beginnings."""
    held = _member().signing_keys[0]
    start, end = next_signing_window(held, held.not_before_ms)
    assert held.not_before_ms < start < held.not_after_ms
    assert end > start
