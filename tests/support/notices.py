"""What gates say to the agency of a world without gates: notices and hop receipts, honest or not."""

from __future__ import annotations

from typing import Any

from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import HOUR_MS
from refbus.crypto.signing import SigningPair
from refbus.envelope.notice import seal_notice
from refbus.envelope.stamps import Stamper
from refbus.errors import Code
from refbus.trust.homes import Home as MemberHome
from refbus.wire.transport import GateNotice, HopOutcome, InboxKind, NoticeKind, NoticeOutcome
from refbus_gateway.outbox import envelopes
from refbus_gateway.store import outbox
from refbus_gateway.store.outbox import OutboxRow
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import Pair, line


def gate_pair(pair: Pair, country: str) -> SigningPair:
    """Return the signing keys of a country's gate."""
    home = MemberHome(pair.world.lab.paths.gate(CountryCode(country)))
    return next(iter(home.signing_pairs(PASSPHRASE).values()))


def newest_row(pair: Pair, number: int) -> OutboxRow:
    """Return the row of the newest envelope of a referral of the agency."""
    with pair.kz.store.read() as tx:
        return outbox.of_event(tx, line(pair.kz, number).event.id)[-1]


def hop_of(
    pair: Pair,
    number: int,
    *,
    by: str = "uz",
    road: tuple[str, str] = ("kz", "uz"),
    batch: bool = False,
    **changes: Any,
) -> bytes:
    """Return the hop receipt of the gate of `by` for the newest envelope of a referral: alone, or a `batch` of one."""
    usual = {"sha256": newest_row(pair, number).sha256, "outcome": HopOutcome.TAKEN}
    said = {**usual, **changes}
    countries = (CountryCode(road[0]), CountryCode(road[1]))
    hour = pair.kz.now_ms() // HOUR_MS
    stamper, about = Stamper(gate_pair(pair, by), countries, hour), (said["sha256"], said["outcome"])
    return (stamper.hops([about])[0] if batch else stamper.hop(*about)).encode()


def notice_of(pair: Pair, number: int, outcome: NoticeOutcome, *codes: Code, signer: str = "kz", **facts: Any) -> bytes:
    """Return what the gate of `signer` would say to the agency about the newest envelope of a referral."""
    keys, row = gate_pair(pair, signer), newest_row(pair, number)
    usual: dict[str, Any] = {
        "from_gate": OrgId(f"{signer}-gate"),
        "kid": keys.kid,
        "kind": NoticeKind.REFUSAL if outcome is NoticeOutcome.REFUSED else NoticeKind.RECEIPT,
        "envelope_sha256": row.sha256,
        "event_id": None,
        "outcome": outcome,
        "codes": tuple(codes),
        "at_ms": pair.kz.now_ms(),
        "inbox_count": 0,
        "inbox_hash": bytes(32),
        "decision_id": row.sha256[:16],
    }
    told = GateNotice(**{**usual, **facts})
    return seal_notice(told, AGENCY, envelopes.recipient_key(pair.kz, AGENCY).public, keys)


def tell(pair: Pair, body: bytes) -> None:
    """Deliver a notice to the agency."""
    pair.world.deliver(AGENCY, InboxKind.NOTICE, body)
    pair.world.sync(pair.kz)
