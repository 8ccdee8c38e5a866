"""What a person does when an event of theirs is at a hop. The names of hops are those of docs/reference and of JSON."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from refbus.errors import Code
from refbus_gateway.words.catalogue import Catalogue, catalogue, mark
from refbus_gateway.words.codes import next_step as code_step

NEXT: Final = {
    "MY_OUTBOX": mark("Nothing: it is kept here and goes out by itself when the broker is reachable (`refbus sync`)."),
    "MY_GATE": mark(
        "Nothing: the national gate has not confirmed it yet; it is sent again until it does. If it "
        "stays here for hours, ask the node operator: what the gate cannot open it cannot answer."
    ),
    "HELD": mark("Nothing: a gate waits for something and will decide; the codes say for what."),
    "BORDER": mark("Nothing: our gate has passed it on; the other country's gate has not signed for it yet."),
    "THEIR_INBOX": mark(
        "Nothing: the gate of their country has signed for it. If they are silent for long, call them."
    ),
    "DELIVERED": mark("Nothing: their computer has it and could read it. If they are silent for long, call them."),
    "OPENED": mark("Wait for their decision; it is due by the time in the referral."),
    "DECIDED": mark("Read their answer with `refbus inbox show`."),
    "REFUSED": mark("It did not go through. The codes say why; correct that and send again."),
    "WAITS_THERE": mark(
        "Their computer has it and cannot take it in yet; nobody there sees it. The code says what to do."
    ),
    "NOT_TAKEN_IN": mark("Their computer did not take it in; nobody there sees it. The code says what to do."),
}
"""What to do, by the name of the hop."""
SAID_BY_THEM: Final = frozenset({"WAITS_THERE", "NOT_TAKEN_IN"})
"""Hops whose codes come from the recipient's own gateway."""


_NAMES: Final = {
    "MY_OUTBOX": mark("kept here", "hop"),
    "MY_GATE": mark("on its way to our gate", "hop"),
    "HELD": mark("held by a gate", "hop"),
    "BORDER": mark("between the countries", "hop"),
    "THEIR_INBOX": mark("in their inbox", "hop"),
    "DELIVERED": mark("delivered", "hop"),
    "OPENED": mark("opened", "hop"),
    "DECIDED": mark("answered", "hop"),
    "REFUSED": mark("did not go through", "hop"),
    "WAITS_THERE": mark("waits at their computer", "hop"),
    "NOT_TAKEN_IN": mark("not taken in by their computer", "hop"),
}


def hop_name(hop: str, words: Catalogue) -> str:
    """Return the name of a hop in words; English keeps the name of docs/reference."""
    return hop if words.language == "en" else words.text(_NAMES[hop], "hop")


def next_step(hop: str, codes: Collection[str], words: Catalogue | None = None) -> str:
    """Return what a person does about an event of ours: what its code says while a clock holds it."""
    if hop == "HELD" and Code.CLOCK_SKEW in codes:
        return code_step(words or catalogue("en"), Code.CLOCK_SKEW)
    return (words or catalogue("en")).text(NEXT[hop])
