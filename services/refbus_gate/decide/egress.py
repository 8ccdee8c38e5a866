"""Egress: `<cc>.outbox` -> verify, consent, lifecycle, residency -> border or inbox; receipts to the own gateways."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from refbus.core.gate.passage import Unread
from refbus.core.gate.routing import decide_egress, decide_unread
from refbus.core.gate.verdicts import Forward, Point, Verdict
from refbus.core.message import is_urgent
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import STOPS
from refbus.errors import Code, StoreError
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import FIRST, NEXT
from refbus.wire.transport import InboxKind
from refbus_gate.decide.effects import Batch
from refbus_gate.decide.opening import Opened
from refbus_gate.decide.quotas import sender_of
from refbus_gate.decide.receipts import Said, Stated, notice, public_key_of
from refbus_gate.decide.remembered import Answer
from refbus_gate.decide.state import CASE, ENVELOPE, View
from refbus_gate.decide.work import Send, Work
from refbus_gate.names import border

_STOP_LIFE_MS = 30 * DAY_MS
"""So long a stop is sent again at least until the destination's gate has signed for it."""


def decide(opened: Opened, view: View, batch: Batch, *, resumed: bool = False) -> Verdict:
    """Decide about one record of the outbox."""
    if opened.presented is not None:
        return decide_egress(opened.presented, view, batch.directories, batch.now_ms)
    error = opened.error or StoreError(Code.INTERNAL_ERROR)
    signer = None if opened.claim is None else opened.claim.sender
    return decide_unread(Unread(opened.sha256, error, opened.header, resumed, signer), Point.EGRESS, view)


@dataclass(frozen=True, slots=True)
class Egress:
    """What egress causes. The sender is of this country, so it is told through its inbox, again at each resend."""

    batch: Batch
    store: NodeStore
    work: Work

    def forward(self, opened: Opened, verdict: Forward) -> None:
        """Send an event to the destination's border topic until its gate has signed for it, or into an inbox here."""
        block, envelope, batch = opened.block, opened.envelope, self.batch
        here, there = batch.keys.country, verdict.destination
        if block is None or envelope is None:
            raise StoreError(Code.INTERNAL_ERROR, "forwarded without an envelope")
        if there == here:
            self.work.to_inbox(block.recipient, InboxKind.EVENT, lambda: envelope)
            return
        expires_ms = None if opened.header is None else opened.header.expires_at_hour * HOUR_MS
        if expires_ms is not None and block.event_type in STOPS:
            expires_ms = max(expires_ms, batch.now_ms + _STOP_LIFE_MS)  # whatever its sender's clock said
        send = Send(
            make=self.work.stamps.passed(batch.stamper(here, there), envelope, batch.stamps_for(there)),
            destination=there,
            topic=border(there, here),
            lane=self.store.name(CASE, block.case_handle),
            envelope_key=self.store.name(ENVELOPE, opened.envelope_sha256 or b""),
            expires_ms=expires_ms,
            urgent=FIRST if block.event_type in STOPS else NEXT if is_urgent(block) else 0,
            sender=sender_of(self.store, block.sender).key,
        )
        self.work.sends.append(send)

    def tell(self, said: Said, stated: Stated, *, again: bool, reverses: bool = False) -> None:
        """Write a sealed notice into the sender's inbox."""
        batch = self.batch
        public = public_key_of(batch.directories.latest, said.to, batch.now_ms)
        if public is not None:
            make = partial(notice, batch.keys, said, public, batch.now_ms, stated)
            self.work.to_inbox(said.to, InboxKind.NOTICE, make)

    def confirm(self, answer: Answer) -> None:
        """Nobody but the sender waits for egress."""
