"""Envelopes as a dishonest member of the federation would seal them, and what a shelter makes of them."""

from __future__ import annotations

import dataclasses
from itertools import count
from typing import Any

from refbus.core.ids import OrgId
from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.crypto.signing import SigningPair
from refbus.envelope.sealing import Readers, seal
from refbus.wire.transport import InboxKind
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.store import referrals, set_aside
from support.ceremonies import SHELTER
from support.gateways import (
    Pair,
    case_file,
    sent,
)

_NUMBERS = count()


def block_and_payload(gateway: Gateway, number: int) -> tuple[RoutingBlock, bytes]:
    """Return the block and payload of the request of a referral."""
    with gateway.store.read() as tx:
        event = referrals.events_of(tx, referrals.get(tx, number))[0]
    return event.block, event.payload


def forged(
    pair: Pair, block: RoutingBlock, payload: bytes, *, signer: SigningPair | None = None, **terms: Any
) -> bytes:
    """Seal what a dishonest member of the federation would."""
    return forged_at(pair.kz, block, payload, signer=signer, **terms)


def forged_at(
    kz: Gateway, block: RoutingBlock, payload: bytes, *, signer: SigningPair | None = None, **terms: Any
) -> bytes:
    """Seal what a dishonest member would with the keys of its gateway."""
    now_ms = kz.now_ms()
    pair_of_keys = signer or kz.keys.signer(kz.directory(), kz.me, now_ms)
    block = dataclasses.replace(block, sender_kid=pair_of_keys.kid)
    recipient = envelopes.recipient_key(kz, SHELTER)
    gates = [envelopes.recipient_key(kz, OrgId(gate)).public for gate in ("kz-gate", "uz-gate")]
    usual = {"expires_at_hour": now_ms // HOUR_MS + 24, "directory_version": kz.directory().version}
    readers = Readers(recipient.public, *gates)
    return seal(block, payload, signer=pair_of_keys, readers=readers, **{**usual, **terms})


def taken(pair: Pair, raw: bytes, kind: InboxKind = InboxKind.EVENT) -> str:
    """Deliver a record to the shelter and return the code it was set aside with, "" when it was taken in."""
    with pair.uz.store.read() as tx:
        before = {each.id for state in set_aside.AsideState for each in set_aside.aside(tx, state)}
    pair.world.deliver(SHELTER, kind, raw)
    pair.world.sync(pair.uz)
    with pair.uz.store.read() as tx:
        new = [each for state in set_aside.AsideState for each in set_aside.aside(tx, state) if each.id not in before]
    return new[0].code if new else ""


def fresh(pair: Pair, **changes: Any) -> tuple[RoutingBlock, bytes]:
    """Queue a referral at the agency that nobody carries, and return what it says with these changes."""
    _, number = sent(pair.kz, case_file(about=f"Fictional case number {next(_NUMBERS)}"))
    block, payload = block_and_payload(pair.kz, number)
    return dataclasses.replace(block, **changes), payload
