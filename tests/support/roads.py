"""Short words for tests of gate decisions: one federation, the gates of kz and uz, events on their road."""

from __future__ import annotations

from typing import Any

from refbus.core.gate.passage import Outcome, Presented
from refbus.core.gate.verdicts import Forward, Hold, Verdict
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from support.consents import (
    COLLECTOR,
    PARTY,
    consent_record,
    evidence,
    withdrawn,
)
from support.directories import NOW_MS, Federation, federation
from support.passages import (
    MemoryNode,
    block,
    event_id,
    passed,
    presented,
)

FED = federation(("kz", "uz", "kg"))
E = EventType
SKEW_MS = 600_000


def out(
    event: Presented | None = None, fed: Federation = FED, now: int = NOW_MS, node: MemoryNode | None = None
) -> Verdict:
    """Decide at the gate of kz."""
    return (node or MemoryNode("kz")).egress(event or presented(), fed.history, now)


def into(
    event: Presented | None = None, fed: Federation = FED, now: int = NOW_MS, node: MemoryNode | None = None
) -> Verdict:
    """Decide at the gate of uz."""
    return (node or MemoryNode("uz")).ingress(event or passed(presented()), fed.history, now)


def sent() -> tuple[MemoryNode, MemoryNode]:
    """Return both nodes after the request has gone through."""
    kz, uz = MemoryNode("kz"), MemoryNode("uz")
    assert isinstance(out(node=kz), Forward)
    assert isinstance(into(node=uz), Forward)
    return kz, uz


def reply(kind: EventType = E.REFERRAL_ACCEPTED, **changes: Any) -> Presented:
    """Return an event from the uz shelter back to the kz agency."""
    return presented(block(kind, reply=True, previous=event_id(E.REFERRAL_REQUESTED), **changes))


def stop(sender: OrgId = COLLECTOR, **changes: Any) -> Presented:
    """Return the withdrawal as an event, by one of the two organisations."""
    recipient = PARTY if sender == COLLECTOR else COLLECTOR
    routing = block(E.CONSENT_WITHDRAWN, sender=sender, recipient=recipient)
    return presented(routing, proof=evidence(withdrawn(consent_record()), signer=sender), **changes)


def held(verdict: Verdict, code: Code) -> Hold:
    """Check that the verdict holds for this reason only."""
    assert isinstance(verdict, Hold)
    assert verdict.codes == (code,)
    assert verdict.outcome is Outcome.HELD
    return verdict
