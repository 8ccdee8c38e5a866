"""Part 1: what sealing and opening one event cost, against the sum of the primitives that they are made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.dissect import take_apart
from bench.events import DESTINATION, ORIGIN, Federation, Member, Sealer
from bench.primitives import Reader, Sealing, Signer, Verifier
from bench.report import Measure
from bench.timing import Samples, interleaved
from refbus.clock import machine_ms
from refbus.core.ids import OrgId, gate_id
from refbus.core.units import HOUR_MS
from refbus.crypto.kem import KemPublic
from refbus.envelope.content import open_content
from refbus.envelope.format import Envelope
from refbus.envelope.routing import Authenticated, receive
from refbus.envelope.sealing import Readers, seal
from refbus.trust.publisher.ceremony import FederationPaths

BASELINE = "sum of primitives"
Task = Callable[[int], object]


def measure(folder: Path, rounds: int) -> list[Measure]:
    """Return median and least cost of sealing and of opening, in microseconds."""
    federation = Federation.of(FederationPaths(folder))
    raw = Sealer(federation, federation.recipient).many(rounds + 1)
    sealed, bare_sealed, opened, bare_opened = interleaved(
        (*_sealing(federation, raw), *_opening(federation, raw)), rounds
    )
    return [*_measures("seal", sealed, bare_sealed), *_measures("open", opened, bare_opened)]


def medians(folder: Path, rounds: int) -> dict[str, float]:
    """Return the processor time of sealing and of opening, microseconds: the median of each."""
    federation = Federation.of(FederationPaths(folder))
    raw = Sealer(federation, federation.recipient).many(rounds + 1)
    (seal_ours, _), (open_ours, _) = _sealing(federation, raw), _opening(federation, raw)
    sealed, opened = interleaved((seal_ours, open_ours), rounds, clock=time.process_time)
    return {"seal": sealed.median * 1e6, "open": opened.median * 1e6}


def _opening(federation: Federation, raw: list[bytes]) -> tuple[Task, Task]:
    recipient, sender = federation.member(federation.recipient), federation.member(federation.sender)
    events = [take_apart(each, recipient) for each in raw]
    reader = Reader(recipient.kem, Verifier(sender.signing_key))

    def ours(number: int) -> None:
        open_content(_received(federation, recipient, raw[number]), recipient.org, recipient.kem)

    def bare(number: int) -> None:
        reader.routing(events[number])
        reader.content(events[number])

    return ours, bare


def _sealing(federation: Federation, raw: list[bytes]) -> tuple[Task, Task]:
    recipient, sender = federation.member(federation.recipient), federation.member(federation.sender)
    received = [_received(federation, recipient, each) for each in raw]
    inputs = [(each.opened.block, open_content(each, recipient.org, recipient.kem)) for each in received]
    events = [take_apart(each, recipient) for each in raw]
    publics = [_public(federation, each) for each in (recipient.org, gate_id(ORIGIN), gate_id(DESTINATION))]
    primitives = Sealing(tuple(KemPublic.parse(each) for each in publics), Signer(sender.pair))

    def ours(number: int) -> None:
        block, payload = inputs[number]
        seal(
            block,
            payload,
            expires_at_hour=machine_ms() // HOUR_MS + 48,
            directory_version=federation.directory.version,
            signer=sender.pair,
            readers=Readers(*publics),
        )

    return ours, lambda number: primitives.event(events[number])


def _received(federation: Federation, recipient: Member, raw: bytes) -> Authenticated:
    return receive(Envelope.parse(raw), [recipient.kem], federation.history, machine_ms())


def _public(federation: Federation, org: OrgId) -> bytes:
    key = federation.directory.organisations[org].current_kem_key(machine_ms())
    if key is None:
        raise LookupError(f"{org} has no current key")
    return key.public


def _measures(name: str, ours: Samples, bare: Samples) -> list[Measure]:
    return [
        Measure(f"{name} one event, median", ours.median * 1e6, "us", BASELINE, bare.median * 1e6),
        Measure(f"{name} one event, least", ours.least * 1e6, "us", BASELINE, bare.least * 1e6),
    ]
