"""One case, one key file, one file of the directory that cannot be read: the others are, and a no goes its way."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from refbus.core.vocabulary import CONTROL_EVENTS, EventType
from refbus.errors import Code, RefbusError
from refbus.wire.transport import DirectoryFile
from refbus_gateway.cases import casework
from refbus_gateway.consent import endings, withdrawals
from refbus_gateway.directory import door
from refbus_gateway.erasure import demand, removal
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.reports import overview
from refbus_gateway.store import alarms, cases, outbox, referrals, tellings
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.schema import consents, events, metadata
from refbus_gateway.store.tellings import Kind
from refbus_gateway.sync import writer
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.commands import Commands
from support.gateways import (
    World,
    alarm_codes,
    case_file,
    consent_file,
    line,
    new_case,
    refer,
    sent,
    take_consent,
    withdraw_all,
)


def test_a_referral_that_cannot_be_read_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its number and why stand beside the others, in the list for people and for scripts."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    _, broken = sent(kz)
    _, whole = sent(kz, case_file(about="Fictional: another"))
    with kz.store.write() as tx:
        row = tx.connection.execute(select(events.c.id).where(events.c.referral_id == broken)).first()
        assert row is not None
        tx.connection.execute(update(events).where(events.c.id == row.id).values(body=b"damaged"))
    with kz.store.read() as tx:
        unread: list[tuple[int, Code]] = []
        assert [line.referral.id for line in overview.referral_lines(tx, unread=unread)] == [whole]
        assert [number for number, _ in unread] == [broken]
    kz.close()
    commands = Commands(world, capsys)
    assert f"Referral {broken} cannot be read here" in commands.run(AGENCY, "status").out
    assert [each["referral"] for each in commands.json(AGENCY, "status")["unread"]] == [broken]


def test_a_case_whose_consent_cannot_be_read_keeps_no_other_from_its_warning(tmp_path: Path) -> None:
    """The consents that end soon are named although one case is damaged."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    broken, _ = sent(kz)
    whole, _ = sent(kz, case_file(about="Fictional: another"))
    with kz.store.write() as tx:
        tx.connection.execute(update(consents).where(consents.c.case_id == broken).values(body=b"damaged"))
    world.clock.move(days=110)
    with kz.store.read() as tx:
        unread: list[tuple[int, Code]] = []
        assert [each.case for each in endings.endings(kz, tx, unread=unread)] == [whole]
        assert [number for number, _ in unread] == [broken]
    kz.close()


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_a_case_whose_key_is_damaged_keeps_no_other_no_back(tmp_path: Path, told: bool) -> None:
    """The nos of other cases are repeated, others are erased, and a person hears of the one that cannot be read."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    broken, _ = sent(kz)
    whole, number = sent(kz, case_file(about="Fictional: another"))
    erased = new_case(kz, case_file(about="Fictional: to be erased"))
    world.sync(kz)
    for case in [broken, whole] if told else [whole]:
        withdraw_all(kz, case)
    world.sync(kz)
    with kz.store.write() as tx:
        if not told:
            tellings.add(tx, cases.get(tx, broken), SHELTER, Kind.WITHDRAWN, now_ms=kz.now_ms())
        for case in (broken, erased):
            cases.order_erasure(tx, cases.get(tx, case), kz.now_ms())
        event = line(kz, number, EventType.CONSENT_WITHDRAWN).event.id
        outbox.set_state(tx, outbox.of_event(tx, event)[-1].id, RowState.FORWARDED)
        tx.connection.execute(
            update(metadata.tables["cases"])
            .where(metadata.tables["cases"].c.id == broken)
            .values(wrapped_key=b"damaged")
        )
    world.clock.move(days=2)
    world.publish()
    writer.tend(kz)
    with kz.store.read() as tx:
        assert len(outbox.of_event(tx, event)) == 2
    assert removal.settle(kz) == 1
    assert told or any("a no cannot be read" in detail for detail in details(kz))
    kz.close()


def details(kz: Gateway) -> list[str]:
    """Return the words of the alarms that stand."""
    with kz.store.read() as tx:
        return [alarm.detail for alarm in alarms.standing_alarms(tx)]


def test_a_consent_that_cannot_be_read_keeps_no_no_back(tmp_path: Path) -> None:
    """Of two versions one is damaged: nothing is permitted any more, and the no is signed after the other and told."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    case, _ = sent(kz)
    world.sync(kz)
    world.clock.move(hours=1)
    take_consent(kz, case, consent_file())
    with kz.store.write() as tx:
        last = tx.connection.execute(select(func.max(consents.c.id))).scalar_one()
        tx.connection.execute(update(consents).where(consents.c.id == last).values(body=b"damaged"))
    (done,) = withdrawals.stop(kz, case, None)
    assert (done.version, done.notified, done.code) == (2, True, None)
    with pytest.raises(RefbusError):
        refer(kz, case, again=True)
    kz.close()


@pytest.mark.parametrize("table", ["events", "consents", "statements"])
def test_a_row_that_cannot_be_read_keeps_no_case_from_being_erased(tmp_path: Path, table: str) -> None:
    """One event, consent or statement of the case is damaged: nothing of it goes out, and its content is erased."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    case, _ = sent(kz)
    world.sync(kz)
    with kz.store.write() as tx:
        casework.send_case(kz, tx, cases.get(tx, case), again=True)
        damaged = metadata.tables[table]
        last = tx.connection.execute(select(func.max(damaged.c.id))).scalar_one()
        tx.connection.execute(update(damaged).where(damaged.c.id == last).values(body=b"damaged"))
    demand.erase(kz, case)
    with kz.store.read() as tx:
        assert not cases.has_content(tx, cases.get(tx, case))
        due = [row.event_id for row in outbox.due(tx, kz.now_ms()) if row.event_id is not None]
        kinds = {referrals.event(tx, each).block.event_type for each in due}
    assert kinds <= CONTROL_EVENTS
    kz.close()


def test_a_damaged_key_file_keeps_nobody_from_saying_no(tmp_path: Path) -> None:
    """The home opens with its other keys, says which file is damaged, and the withdrawal is signed and queued."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    case, _ = sent(kz)
    world.sync(kz)
    kz.close()
    keys = world.lab.paths.home(AGENCY) / "keys"
    (whole,) = keys.glob("kem-*.key")
    spoilt = keys / f"kem-{'00' * 16}.key"
    spoilt.write_bytes(whole.read_bytes()[:-1])
    spoilt.chmod(0o600)
    again = open_gateway(world.home(AGENCY), PASSPHRASE, world.clock)
    assert Code.KEYFILE_DAMAGED in alarm_codes(again)
    (done,) = withdrawals.stop(again, case, None)
    assert (done.org, done.notified) == (SHELTER, True)
    again.close()


def test_a_file_that_breaks_its_reader_keeps_no_other_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the directory topic: an error that nobody raised on purpose is told, and what comes behind is taken."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    take = door.take

    def strange(gateway: object, file: DirectoryFile) -> None:
        if file.path == "metadata/strange.json":
            raise RecursionError
        take(gateway, file)  # type: ignore[arg-type]

    monkeypatch.setattr(door, "take", strange)
    world.bus.put("kz.directory", DirectoryFile("metadata/strange.json", b"{}").encode())
    world.lab.republish(world.clock() + 1000)
    world.publish()
    before = kz.view().published_at_ms
    world.sync(kz)
    world.sync(kz)
    assert kz.view().published_at_ms > before
    assert Code.INTERNAL_ERROR in alarm_codes(kz)
    kz.close()
