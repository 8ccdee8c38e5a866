"""Seals the events of cases, in processes of their own: sealing is most of the work of the load.

Members are played by `demo.hostile`, with the true keys of the fictional federation, so that every envelope is real.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from chaos.cases import Script
from chaos.journal import Nature, Planned
from demo.hostile import HostileMember, Plot
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.consent.record import ConsentState
from refbus.core.ids import EventId, OrgId
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.framing import sha256
from refbus.trust.homes import Home
from refbus.trust.layout import list_files
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.wire.consent import decode_signed, encode_record

_CATEGORIES = (DataCategory.SERVICE_NEEDS,)
_ANSWER = {
    "answers": [{"data_category": "SERVICE_NEEDS", "text": "Вымышленный ответ, fictional."}],
    "attachments": [],
}
_AHEAD = 8

Sealed = list[tuple[Planned, bytes]]
"""The events of one case in order, and the bytes of each."""


class Sealer:
    """A few processes that seal ahead of the load; close it to end them. An interrupt reaches only their starter."""

    def __init__(self, processes: int = 2) -> None:
        self._pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_ignore_interrupts)

    def seal(self, paths: FederationPaths, cases: Iterator[Script]) -> Iterator[Sealed]:
        """Yield the sealed cases in order."""
        waiting: list[Future[Sealed]] = []
        for script in cases:
            waiting.append(self._pool.submit(seal_case, paths.out, script))
            if len(waiting) >= _AHEAD * 2:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def seal_case(federation: Path, script: Script) -> Sealed:
    """Return all events of a case. A withdrawn consent rides in its own event; later ones carry what was given."""
    member = _member(federation, script.sender)
    now_ms = machine_ms()
    given = member.consent(script.recipient, _CATEGORIES, now_ms)
    previous: EventId | None = None
    sealed: Sealed = []
    for step, nature in enumerate(script.steps):
        plot = _plot(member, script, step, given)
        value = member.seal(replace(plot, previous=previous), now_ms + step)
        if nature is Nature.POISON:
            value = poisoned(value, random.Random(script.seed))  # noqa: S311  repeatable, not secret
        sealed.append((_planned(script, step, value), value))
        previous = script.event_ids[step]
    return sealed


def poisoned(good: bytes, rng: random.Random) -> bytes:
    """Return bytes that must be stopped: cut, lengthened, one bit changed, or never an envelope at all."""
    match rng.randrange(5):
        case 0:
            return rng.randbytes(rng.randrange(1, 2000))
        case 1:
            return good[: rng.randrange(1, len(good))]
        case 2:
            return good + rng.randbytes(1 + rng.randrange(8))
        case 3:
            return b"\xc3\x01" + good
        case _:
            at = rng.randrange(len(good))
            return good[:at] + bytes([good[at] ^ (1 << rng.randrange(8))]) + good[at + 1 :]


def _plot(member: HostileMember, script: Script, step: int, given: bytes) -> Plot:
    nature = script.steps[step]
    plain = Plot(
        recipient=script.recipient,
        categories=_CATEGORIES,
        consent=None if nature is Nature.UNCONSENTED else given,
        event_id=script.event_ids[step],
        referral_id=script.referral_id,
        case_handle=script.case_handle,
    )
    if nature is Nature.WITHDRAWAL:
        return _withdrawal(member, plain, given)
    return plain if step == 0 else replace(plain, event_type=EventType.INFORMATION_PROVIDED, fields=_ANSWER)


def _withdrawal(member: HostileMember, plain: Plot, given: bytes) -> Plot:
    before = decode_signed(given)
    signed = member.consent(
        plain.recipient,
        _CATEGORIES,
        before.record.valid_from_ms + HOUR_MS,
        consent_id=before.record.consent_id,
        subject_ref=before.record.subject_ref,
        version=2,
        prev_hash=sha256(before.record_bytes),
        state=ConsentState.WITHDRAWN,
        event_time_ms=before.record.event_time_ms + HOUR_MS,
        provisions=(),
    )
    record = decode_signed(signed).record
    fields = {
        "consent_id": record.consent_id,
        "consent_version": record.version,
        "record_sha256": sha256(encode_record(record)),
    }
    return replace(plain, categories=(), consent=signed, event_type=EventType.CONSENT_WITHDRAWN, fields=fields)


def _planned(script: Script, step: int, value: bytes) -> Planned:
    nature = script.steps[step]
    return Planned(
        event=sha256(value).hex() if nature is Nature.POISON else script.event_ids[step].hex(),
        case=script.name,
        step=step,
        sender=script.sender,
        recipient=script.recipient,
        nature=nature,
        sha256=sha256(value).hex(),
    )


@cache
def _member(federation: Path, org: OrgId) -> HostileMember:
    paths = FederationPaths(federation)
    home = Home(paths.home(org))
    now_ms = machine_ms()
    store = home.trust_store()
    store.load(now_ms)
    store.refresh_from(list_files(paths.repository), now_ms)
    directory = store.history.latest
    key = directory.organisations[org].current_signing_key(now_ms)
    if key is None:
        raise LookupError(f"{org} has no key")
    return HostileMember(org, home.signing_pairs(PASSPHRASE)[key.kid], directory)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
