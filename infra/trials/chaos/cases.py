"""What flows: cases between two organisations, each a few events in order, drawn from the seed.

A script says what is sent; `sealing` makes the bytes. Both ids and order come from the seed, the keys do not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.journal import Nature
from refbus.core.ids import CaseHandle, EventId, OrgId, ReferralId

Road = tuple[OrgId, OrgId]
"""A sender and a recipient."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How many events a case has at most, and which share (0 to 1) of the cases ends otherwise than well."""

    steps: int = 6
    withdrawn: float = 0.0  # the consent is withdrawn somewhere in the middle
    unconsented: float = 0.0
    poison: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """One case: the steps in the order in which they are sent, and the id of each step's event."""

    name: str
    sender: OrgId
    recipient: OrgId
    referral_id: ReferralId
    case_handle: CaseHandle
    steps: tuple[Nature, ...]
    event_ids: tuple[EventId, ...]
    seed: int


def scripts(rng: random.Random, roads: Sequence[Road], events: int, mix: Mix) -> Iterator[Script]:
    """Yield cases on these roads in turn until they have `events` events in all."""
    number = 0
    while events > 0:
        steps = _steps(rng, min(events, mix.steps), mix)
        events -= len(steps)
        sender, recipient = roads[number % len(roads)]
        yield Script(
            name=f"case-{number}",
            sender=sender,
            recipient=recipient,
            referral_id=ReferralId(rng.randbytes(16)),
            case_handle=CaseHandle(rng.randbytes(32)),
            steps=steps,
            event_ids=tuple(EventId(rng.randbytes(16)) for _ in steps),
            seed=rng.getrandbits(32),
        )
        number += 1


def _steps(rng: random.Random, most: int, mix: Mix) -> tuple[Nature, ...]:
    drawn = rng.random()
    if drawn < mix.poison:
        return (Nature.POISON,)
    if drawn < mix.poison + mix.unconsented:
        return (Nature.UNCONSENTED,)
    steps = [Nature.EVENT] * most
    if most > 2 and drawn < mix.poison + mix.unconsented + mix.withdrawn:
        steps[rng.randrange(1, most - 1)] = Nature.WITHDRAWAL
    return tuple(steps)
