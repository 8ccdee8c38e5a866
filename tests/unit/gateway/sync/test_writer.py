"""What leaves is written down as handed over before the broker's client has it, whoever else writes at that moment."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

import pytest

from refbus.bus.memory import Fault
from refbus_gateway.cases import casework, companions
from refbus_gateway.store import cases, erasures, outbox
from refbus_gateway.store.session import Transaction
from refbus_gateway.sync import writer
from support.gateways import Pair, case_file, consent_file, new_case, sent, take_consent


def test_what_another_process_adds_meanwhile_waits_until_it_is_handed_over(
    own: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that comes between looking and writing down is not produced unmarked: a no could take it back unsent."""
    other = new_case(own.kz, case_file(about="Fictional: added meanwhile"))
    take_consent(own.kz, other, consent_file())
    sent(own.kz)
    unsaid, added = companions.unsaid, list[int]()

    def meanwhile(tx: Transaction, rows: Collection[int]) -> set[int]:
        if not added:
            added.append(casework.send_case(own.kz, tx, cases.get(tx, other)).referral.id)
        return unsaid(tx, rows)

    monkeypatch.setattr(companions, "unsaid", meanwhile)
    left: list[tuple[bool, bool]] = []
    with closing(own.world.bus.producer()) as producer:
        outgoing = writer.Outgoing(own.kz, producer)
        for _ in range(2):
            outgoing.push(early=True)
            with own.kz.store.read() as tx:
                row = next(each for each in outbox.open_events(tx) if each.referral == added[0])
            left.append((row.produced_ms is not None, row.handed_ms is not None))
    assert left == [(False, False), (True, True)]


def test_what_is_stopped_meanwhile_is_not_sent_again_beside_what_is_new(
    own: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes waits for whoever takes a consent back: what that stopped does not leave as it was seen before."""
    other = new_case(own.kz, case_file(about="Fictional: sent behind it"))
    take_consent(own.kz, other, consent_file())
    sent(own.kz)
    with closing(own.world.bus.producer()) as producer:
        outgoing = writer.Outgoing(own.kz, producer)
        own.world.bus.inject("kz.outbox", Fault.REJECT)
        outgoing.push(early=True)
        with own.kz.store.write() as tx:
            (first,) = outbox.open_events(tx)
            casework.send_case(own.kz, tx, cases.get(tx, other))
        unsaid = companions.unsaid

        def meanwhile(tx: Transaction, rows: Collection[int]) -> set[int]:
            assert not erasures.stop_event(tx, first.event_id or 0), "it may have left"
            return unsaid(tx, rows)

        monkeypatch.setattr(companions, "unsaid", meanwhile)
        outgoing.push(early=True)
    assert first.handed_ms is not None
    left = [record.value for record in own.world.bus.records("kz.outbox")]
    assert first.value not in left
    with own.kz.store.read() as tx:
        assert [row.value in left for row in outbox.open_events(tx)] == [True]
