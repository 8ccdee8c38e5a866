"""When keys change: windows of new keys, and what an organisation must do about its keys today.

A KEM epoch lasts 60 days; the next is published 14 days before it begins, and it begins 7 days before the present one
ends. The private half of an ended epoch is destroyed once no message sealed to it can still arrive.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from refbus.core.directory import KemKey, Organisation, OrgRole, SigningKey
from refbus.core.ids import KeyId
from refbus.core.units import DAY_MS, HOUR_MS

EPOCH_MS = 60 * DAY_MS
EPOCH_OVERLAP_MS = 7 * DAY_MS
PUBLISH_AHEAD_MS = 14 * DAY_MS
SIGNING_LIFE_MS = 730 * DAY_MS
SIGNING_OVERLAP_MS = 90 * DAY_MS


class Task(StrEnum):
    """What there is to do about a key."""

    PUBLISH_KEM = "PUBLISH_KEM"
    PUBLISH_SIGNING = "PUBLISH_SIGNING"
    DESTROY_KEM = "DESTROY_KEM"
    DESTROY_SIGNING = "DESTROY_SIGNING"


@dataclass(frozen=True, slots=True)
class Duty:
    """A task, the key that causes it (None when there is none at all), and when it is due, ms UTC."""

    task: Task
    kid: KeyId | None
    due_ms: int


def first_windows(now_ms: int, epoch_ms: int = EPOCH_MS) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the windows (ms UTC, half-open) of an organisation's first signing key and first KEM epoch.

    They begin an hour before the full hour, so that a clock that is a little behind accepts them at once.
    """
    start = now_ms - now_ms % HOUR_MS - HOUR_MS
    return (start, start + SIGNING_LIFE_MS), (start, start + epoch_ms)


def next_kem_window(present: KemKey, now_ms: int) -> tuple[int, int]:
    """Return the window of the epoch after `present`; if that end has passed, one that begins now."""
    start = max(present.not_after_ms - EPOCH_OVERLAP_MS, epoch_from(now_ms)[0])
    return start, start + EPOCH_MS


def epoch_from(now_ms: int) -> tuple[int, int]:
    """Return the window of an epoch that begins with this hour."""
    start = now_ms - now_ms % HOUR_MS
    return start, start + EPOCH_MS


def next_signing_window(present: SigningKey, now_ms: int) -> tuple[int, int]:
    """Return the window of the signing key after `present`, beginning now and while `present` is in office."""
    start = max(now_ms - now_ms % HOUR_MS, present.not_before_ms + 1)
    return start, start + SIGNING_LIFE_MS


def duties(organisation: Organisation, held: Collection[KeyId], keep_ms: int, now_ms: int) -> tuple[Duty, ...]:
    """Return what the holder of `held` private keys must do, soonest first.

    `keep_ms` is the longest message life and grace (`history.keep_ms`): how long after its end an epoch may be needed.
    An inspector destroys no epoch.
    """
    found = []
    latest = max(
        (key for key in organisation.kem_keys if not key.revoked), key=lambda key: key.not_after_ms, default=None
    )
    if latest is None:
        found.append(Duty(Task.PUBLISH_KEM, None, now_ms))
    elif now_ms >= latest.not_after_ms - EPOCH_OVERLAP_MS - PUBLISH_AHEAD_MS:
        found.append(Duty(Task.PUBLISH_KEM, latest.kid, latest.not_after_ms - EPOCH_OVERLAP_MS))
    found += _signing_duties(organisation, now_ms)
    keeps = organisation.role is OrgRole.INSPECTOR  # what is sealed to an inspector must open years later
    ends = {} if keeps else {key.kid: key.not_after_ms + keep_ms for key in organisation.kem_keys}
    found += [Duty(Task.DESTROY_KEM, kid, ends[kid]) for kid in held if kid in ends and now_ms >= ends[kid]]
    ends = {key.kid: key.not_after_ms for key in organisation.signing_keys}
    found += [Duty(Task.DESTROY_SIGNING, kid, ends[kid]) for kid in held if kid in ends and now_ms >= ends[kid]]
    return tuple(sorted(found, key=lambda duty: (duty.due_ms, duty.task)))


def _signing_duties(organisation: Organisation, now_ms: int) -> list[Duty]:
    usable = [key for key in organisation.signing_keys if key.compromised_since_ms is None]
    latest = max(usable, key=lambda key: key.not_after_ms, default=None)
    if latest is None:
        return [Duty(Task.PUBLISH_SIGNING, None, now_ms)]
    due_ms = latest.not_after_ms - SIGNING_OVERLAP_MS
    return [Duty(Task.PUBLISH_SIGNING, latest.kid, due_ms)] if now_ms >= due_ms else []
