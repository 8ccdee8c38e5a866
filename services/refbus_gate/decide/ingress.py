"""Ingress: `<cc>.border.<from>` -> pass, verify, consent, duplicate -> inbox; hop receipts and notices go back.

The border topic also brings what the other gate says of our own events: hop receipts end their delivery, and sealed
notices are put into the inbox of the organisation that sent the event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from refbus.core.gate.passage import Outcome, Unread
from refbus.core.gate.routing import decide_ingress, decide_unread
from refbus.core.gate.verdicts import About, Forward, Hold, Missing, Point, Refuse, Verdict
from refbus.core.units import DAY_MS
from refbus.errors import Code, StoreError
from refbus.node.store.node import NodeStore
from refbus.wire.transport import HopOutcome, HopReceipt, InboxKind, NoticeOutcome
from refbus_gate.decide.effects import Batch
from refbus_gate.decide.opening import Opened
from refbus_gate.decide.receipts import Said, Stated, notice, public_key_of, relayed
from refbus_gate.decide.remembered import Answer
from refbus_gate.decide.state import ENVELOPE, View
from refbus_gate.decide.work import Send, Work
from refbus_gate.names import border

MOST_RELAYED = 32
"""Notices about one event that its sender is given from the other gate: it is held, refused, replayed, and no more."""
STAMP_WAIT_MS = DAY_MS
"""How long an event waits for the directory that has the key of the gate which stamped it."""


def decide(opened: Opened, view: View, batch: Batch, *, resumed: bool = False) -> Verdict:
    """Decide about one record of a border topic."""
    about = About(Point.INGRESS)
    said = opened.hop or opened.notice
    if said is not None and (opened.hop is not None or not view.record_seen(opened.sha256)):
        without_effect = opened.hop is not None and view.sent(said.envelope_sha256) is None  # forgotten, or lost
        counts = without_effect or view.may_confirm(said.envelope_sha256, batch.origin)
        if not counts:
            return Refuse(about, (Code.NOT_A_PARTY,), None)
        if opened.notice is not None and view.relayed(said.envelope_sha256) >= MOST_RELAYED:
            return Refuse(about, (Code.TOO_MANY_EVENTS,), None)
        return Forward(about, batch.keys.country, ())
    if opened.presented is not None:
        return decide_ingress(opened.presented, view, batch.directories, batch.now_ms)
    if _stamp_unknown(opened) and (resumed or not view.record_seen(opened.sha256)):
        missing = Missing(batch.directories.latest.version + 1)
        return Hold(about, (Code.KEY_UNKNOWN,), batch.now_ms + STAMP_WAIT_MS, None, missing=missing)
    error = opened.error or StoreError(Code.INTERNAL_ERROR)
    signer = None if opened.claim is None else opened.claim.sender
    return decide_unread(Unread(opened.sha256, error, opened.header, resumed, signer), Point.INGRESS, view)


def _stamp_unknown(opened: Opened) -> bool:
    """Whether only the key of the stamping gate is missing: the directory here may be behind."""
    return opened.envelope is not None and opened.passed is None and _code(opened) is Code.KEY_UNKNOWN


def _code(opened: Opened) -> Code | None:
    return None if opened.error is None else opened.error.code


@dataclass(frozen=True, slots=True)
class Ingress:
    """What ingress causes. Hop receipts answer every record that was let out; notices cross the border sealed."""

    batch: Batch
    store: NodeStore
    view: View
    work: Work

    def forward(self, opened: Opened, verdict: Forward) -> None:
        """Put an event or a relayed notice into its inbox; let a hop receipt end a delivery."""
        if opened.hop is not None:
            self.work.changes.confirmed.append(self.store.name(ENVELOPE, opened.hop.envelope_sha256))
            self._across(opened.hop)
        elif opened.notice is not None:
            sealed, sent = opened.notice.notice, self.view.sent(opened.notice.envelope_sha256)
            if sent is not None and sent.answer.told is not None:
                self.view.note_relayed(opened.notice.envelope_sha256)
                self.work.to_inbox(sent.answer.told, InboxKind.NOTICE, lambda: sealed)
        elif opened.block is not None and opened.envelope is not None:
            envelope = opened.envelope
            self.work.to_inbox(opened.block.recipient, InboxKind.EVENT, lambda: envelope)

    def tell(self, said: Said, stated: Stated, *, again: bool, reverses: bool = False) -> None:
        """Seal a notice for the sender and give it to the gate of its country. Success is told by the hop receipt.

        That came before a refusal and before a hold, so what goes on behind one is told here.
        """
        batch = self.batch
        public = public_key_of(batch.directories.latest, said.to, batch.now_ms)
        if again or public is None or not (said.codes or reverses):
            return

        def make() -> bytes:
            return relayed(said.envelope_sha256, notice(batch.keys, said, public, batch.now_ms, stated))

        self._to_origin(make)

    def confirm(self, answer: Answer) -> None:
        """Send the hop receipt, for every outcome and for every repeat.

        What was stopped before its sender was verified has nobody to send a notice to: then the receipt says so, and
        the gate of origin, which knows the sender, tells it.
        """
        batch, digest = self.batch, answer.envelope_sha256
        if digest is None:
            return
        unheard = answer.told is None and answer.outcome in {Outcome.QUARANTINED, Outcome.REFUSED}
        outcome = HopOutcome.QUARANTINED if unheard else HopOutcome.TAKEN
        stamper = batch.stamper(batch.origin, batch.keys.country)
        self._to_origin(self.work.stamps.hop(stamper, digest, outcome, batch.stamps_for(batch.origin)))

    def _across(self, hop: HopReceipt) -> None:
        """Tell the sender, once, what the other country's gate has signed for, with that signature."""
        sent, first = self.view.sent(hop.envelope_sha256), self.view.taken(hop.envelope_sha256)
        if sent is None or not (first or self._put_aside(hop)):
            return
        batch, answer = self.batch, sent.answer
        public = None if answer.told is None else public_key_of(batch.directories.latest, answer.told, batch.now_ms)
        if answer.told is None or public is None:
            return
        taken = hop.outcome is HopOutcome.TAKEN
        said = replace(
            Said.of(answer, answer.told, sent.decision_id),
            outcome=NoticeOutcome.TAKEN if taken else NoticeOutcome.QUARANTINED,
            codes=() if taken else (Code.SET_ASIDE_THERE,),
            receipt=hop.encode(),
        )
        self.work.to_inbox(answer.told, InboxKind.NOTICE, partial(notice, batch.keys, said, public, batch.now_ms))

    def _put_aside(self, hop: HopReceipt) -> bool:
        """Whether it was put aside after it was held, and its sender was not told so often that it is enough."""
        if hop.outcome is not HopOutcome.QUARANTINED or self.view.relayed(hop.envelope_sha256) >= MOST_RELAYED:
            return False
        self.view.note_relayed(hop.envelope_sha256)
        return True

    def _to_origin(self, make: Callable[[], bytes]) -> None:
        topic = border(self.batch.origin, self.batch.keys.country)
        self.work.sends.append(Send(make, self.batch.origin, topic, self.work.lane(topic)))
