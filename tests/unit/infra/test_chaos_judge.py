"""The eyes of the general judge: each inbox is read as its owner read it when the record came."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.evidence import _entry_of
from chaos.inboxes import Reading, read_inbox
from chaos.judging import Tally
from chaos.logs import Line
from chaos.offices import _never_left
from chaos.result import Result
from refbus.core.directory import OrgStatus
from refbus.core.units import DAY_MS
from refbus.errors import MalformedError
from refbus.trust.publisher import changes
from refbus.wire.transport import ErasureOrder
from refbus_gateway.consent import withdrawals
from refbus_gateway.erasure import demand
from refbus_gateway.store import outbox
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.gateways import Pair, sent


def test_what_came_under_an_earlier_directory_and_has_run_out_since_is_no_loss(tmp_path: Path) -> None:
    """A request that was good on its day is an event; judged by the clock of weeks later it would count as lost."""
    own = Pair(tmp_path)
    sent(own.kz)
    own.exchange()
    then_ms = own.world.clock()
    publication = own.world.lab.publication(own.world.clock())
    changes.set_status(publication, AGENCY, OrgStatus.ACTIVE)
    own.world.lab.publish(publication)
    own.world.publish()
    own.world.clock.move(days=40)
    own.world.sync(own.uz)
    lines = [Line(n, each.value, then_ms) for n, each in enumerate(own.world.bus.records(f"uz.inbox.{SHELTER}"))]
    keys = list(own.world.home(SHELTER).member.kem_keys(PASSPHRASE).values())
    asked: list[int] = []

    def seen(moved_ms: int) -> list[str]:
        inbox = read_inbox(Reading(SHELTER, keys, own.uz.history, lambda at_ms: at_ms + moved_ms), lines)
        asked.append(len(inbox.problems))
        return inbox.events

    assert len(seen(0)) == 1
    assert seen(40 * DAY_MS) == []
    assert asked == [0, 1]
    own.close()


def test_an_order_to_erase_is_no_entry_and_no_noise_either(tmp_path: Path) -> None:
    """The audit topic holds both; whatever is neither is refused."""
    own = Pair(tmp_path)
    case, _ = sent(own.kz)
    own.exchange()
    demand.erase(own.kz, case)
    own.exchange()
    values = [each.value for each in own.world.bus.records("kz.audit")]
    orders = [value for value in values if _entry_of(value) is None]
    assert orders
    assert all(ErasureOrder.parse(value) for value in orders)
    assert len(orders) < len(values)
    with pytest.raises(MalformedError):
        _entry_of(b"neither")
    own.close()


def test_what_was_measured_is_printed_in_seconds() -> None:
    """The figures of a scenario stand below its line; counts stay in the report."""
    measured = {"ms until a standby decided after kill -9, at most": 8540, "checkpoints seen": 7}
    result = Result("fictional", False, 1, {"kill -9": 1}, Tally(), 1.0, measured=measured)
    assert [line.split(maxsplit=1) for line in result.figures()] == [
        ["8.5", "s until a standby decided after kill -9, at most"]
    ]


def test_what_never_left_is_told_from_what_may_have(tmp_path: Path) -> None:
    """A request that was in the hands of a gateway when it was killed, and of which no broker has said a word."""
    own = Pair(tmp_path)
    case, number = sent(own.kz)
    with own.kz.store.write() as tx:
        due = [row for row in outbox.due(tx, own.kz.now_ms()) if row.event_id is not None]
        assert not _never_left(tx, number)
        outbox.hand_over(tx, [row.id for row in due], own.kz.now_ms())
        assert not _never_left(tx, number)
    withdrawals.stop(own.kz, case, None)
    with own.kz.store.write() as tx:
        assert _never_left(tx, number)
        outbox.produced(tx, due[0], now_ms=own.kz.now_ms(), next_ms=own.kz.now_ms())
        assert not _never_left(tx, number)
    own.close()
