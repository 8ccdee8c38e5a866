"""The baseline calls the same cryptography on the same bytes as the product."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature

from bench.dissect import take_apart, take_stamped_apart
from bench.events import DESTINATION, ORIGIN, Federation, Sealer
from bench.primitives import Reader, Verifier
from bench.standing import StandingGate
from refbus.core.ids import gate_id
from refbus_gate.names import border, outbox


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    """Make one federation on the disk."""
    return Federation.create(tmp_path_factory.mktemp("federation"))


def test_the_bare_calls_open_what_was_sealed(federation: Federation) -> None:
    """Routing box, content box and both signatures hold under the bare calls, so nothing is left out of them."""
    recipient, sender = federation.member(federation.recipient), federation.member(federation.sender)
    event = take_apart(Sealer(federation, federation.recipient).next(), recipient)
    reader = Reader(recipient.kem, Verifier(sender.signing_key))
    reader.routing(event)
    reader.content(event)
    Verifier(sender.signing_key).both(event.consent_signed, event.consent_signatures)
    with pytest.raises(InvalidSignature):
        Verifier(recipient.signing_key).both(event.signed, event.signatures)


def test_a_standing_gate_forwards_honest_events_with_a_valid_stamp(federation: Federation) -> None:
    """What the throughput part counts are events that crossed, not events that were refused."""
    gate = StandingGate(federation, ORIGIN)
    raw = Sealer(federation, federation.recipient).many(5)
    gate.decide(gate.records(outbox(ORIGIN), raw))
    across = gate.deliver()[border(DESTINATION, ORIGIN)]
    gate.close()
    assert len(across) == len(raw)
    stamped = take_stamped_apart(across[0], federation.member(gate_id(DESTINATION)))
    Verifier(federation.member(gate_id(ORIGIN)).signing_key).both(stamped.stamped, stamped.stamp)
