"""What a person does when an event of theirs is at a hop. The names of hops are those of docs/reference and of JSON."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from refbus.errors import Code
from refbus.explain import explanation

NEXT: Final = {
    "MY_OUTBOX": "Nothing: it is kept here and goes out by itself when the broker is reachable (`refbus sync`).",
    "MY_GATE": "Nothing: the national gate has not confirmed it yet; it is sent again until it does. If it stays "
    "here for hours, ask the node operator: what the gate cannot open it cannot answer.",
    "HELD": "Nothing: a gate waits for something and will decide; the codes say for what.",
    "BORDER": "Nothing: our gate has passed it on; the other country's gate has not signed for it yet.",
    "THEIR_INBOX": "Nothing: the gate of their country has signed for it. If they are silent for long, call them.",
    "DELIVERED": "Nothing: their computer has it and could read it. If they are silent for long, call them.",
    "OPENED": "Wait for their decision; it is due by the time in the referral.",
    "DECIDED": "Read their answer with `refbus inbox show`.",
    "REFUSED": "It did not go through. The codes say why; correct that and send again.",
    "WAITS_THERE": "Their computer has it and cannot take it in yet; nobody there sees it. The code says what to do.",
    "NOT_TAKEN_IN": "Their computer did not take it in; nobody there sees it. The code says what to do.",
}
"""What to do, by the name of the hop."""
SAID_BY_THEM: Final = frozenset({"WAITS_THERE", "NOT_TAKEN_IN"})
"""Hops whose codes come from the recipient's own gateway."""


def next_step(hop: str, codes: Collection[str]) -> str:
    """Return what a person does about an event of ours: what its code says while a clock holds it."""
    if hop == "HELD" and Code.CLOCK_SKEW in codes:
        return explanation(Code.CLOCK_SKEW).next_step
    return NEXT[hop]
