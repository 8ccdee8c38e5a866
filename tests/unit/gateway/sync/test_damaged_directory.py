"""A file of the directory that is damaged on this disk: the gateway that meets it goes on without a new start."""

from __future__ import annotations

import pytest

from refbus.recent import Recent
from refbus.trust.member import endorsement
from refbus.trust.reader.members import Members
from refbus_gateway.home.gateway import open_gateway
from refbus_gateway.store import positions
from refbus_gateway.sync import synchroniser
from refbus_gateway.sync.synchroniser import Synchroniser
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.gateways import Pair, sent

TURNS = 12


def test_a_sender_damaged_here_is_read_when_its_file_came_again(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sent waits in the inbox, and the same process takes it in."""
    own.exchange()
    sent(own.kz)
    own.world.sync(own.kz)
    own.world.carry()
    members = own.uz.trust.history.latest.organisations
    assert isinstance(members, Members)
    damaged = [*own.world.home(SHELTER).path.rglob(f"*{members.index[AGENCY].file}*")]
    assert len(damaged) == 2
    own.uz.close()
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))
    own.uz = open_gateway(own.world.home(SHELTER), PASSPHRASE, own.world.clock)
    for path in damaged:
        path.write_bytes(b"")
    for wait in ("_KEEP_UP_MS", "_DRAIN_MS"):
        monkeypatch.setattr(synchroniser, wait, 0)
    monkeypatch.setattr(synchroniser, "_TURN_S", 0.01)
    before = read_so_far(own)
    running, left = Synchroniser(own.uz, own.world.bus), iter(range(TURNS))
    running.run(lambda: next(left, None) is None, lambda _news: None)
    running.close()
    assert running.last_error is None
    assert read_so_far(own) > before
    assert own.uz.organisation(AGENCY).org_id == AGENCY


def read_so_far(pair: Pair) -> int:
    """Return up to where the shelter has read its inbox."""
    with pair.uz.store.read() as tx:
        kept = positions.position(tx, pair.uz.inbox_topic)
    return 0 if kept is None else kept.next_offset
