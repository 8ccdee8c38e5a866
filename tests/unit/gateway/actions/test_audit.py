"""What is asked about proofs: of a referral, of a whole log, by an inspector, as an account."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus import verify
from refbus.audit.export import Exported
from refbus.errors import Code, MalformedError, SetupError
from refbus_gateway.actions import audit
from refbus_gateway.actions.actor import Actor
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.shape import json_of
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports.accounts import Surety
from refbus_gateway.store import logheads
from support.ceremonies import AGENCY, KZ, PASSPHRASE
from support.commands import file
from support.desks import desk_of
from support.gateways import Pair, sent


def closed() -> Gateway:
    """Fail where a gateway is opened that must stay closed."""
    raise AssertionError


def test_statements_and_their_proofs(own: Pair, tmp_path: Path) -> None:
    """What waits has no file; what is proven has one that anybody can check; JSON has the record's fields beside it."""
    desk, actor = desk_of(own.world, own.kz)
    case, number = sent(own.kz)
    own.exchange()
    log = own.world.log(KZ)
    waiting = audit.proofs(desk, actor, number)
    (one,) = waiting.shown.statements
    assert (one.file, one.awaited, one.own) == (None, True, True)
    assert set(waiting.files) == {"kz.tlog-policy"} == set(waiting.shown.policies)
    log.take()
    log.publish()
    own.world.sync(own.kz)
    found = audit.proofs(desk, actor, number)
    (one,) = found.shown.statements
    policy, now_s = verify.read_policy(found.files["kz.tlog-policy"]), own.world.clock() // 1000
    checked = audit.check_proof(found.files[str(one.file)], policy, entry=None, now_s=now_s)
    assert checked.record is not None
    said = json_of(checked.record)
    assert said == {name: value for name, value in json_of(one).items() if name in said}
    with pytest.raises(MalformedError):
        audit.check_proof(b"no proof", policy, entry=None, now_s=now_s)
    _check_log(own, tmp_path, policy, now_s)
    _inspect(own, tmp_path, policy, now_s)
    account = audit.account_of_case(desk, actor, case, "en")
    assert account.count(Surety.PROVEN) == 1
    assert audit.account_of_period(desk, actor, 0, 1, "en").steps == ()


def _check_log(own: Pair, folder: Path, policy: verify.Policy, now_s: int) -> None:
    shard = next(own.world.log(KZ).write(folder / "log").iterdir())
    found = audit.check_log(str(shard), policy, older=None, now_s=now_s)
    assert (found.size, found.findings, found.quorum, found.complete) == (1, (), None, True)
    assert json_of(found)["root"] == (found.root or b"").hex()


def _inspect(own: Pair, folder: Path, policy: verify.Policy, now_s: int) -> None:
    """Let the inspector read an export with the gateway closed; anybody else is refused."""
    log = own.world.log(KZ)
    inspector = log.inspector(KZ)
    place = own.world.home(inspector)
    place.member.trust_store().refresh_from(own.world.lab.files(), own.world.clock.now_ms)
    entries = b"".join(Exported(log.origin, at, ms, entry.encode()).encode() for at, entry, ms in log.exported)
    where = audit.LogPlace(str(folder / "log"), policy, now_s)
    export = audit.Export(Path(file(folder, "export", entries)), PASSPHRASE, own.world.clock(), where)
    desk, actor = Desk(place, closed, lambda: own.world.bus), Actor(inspector)
    (entry,) = audit.inspect(desk, actor, export)
    assert entry.record is not None
    assert (entry.writer, entry.in_log, entry.problems) == (AGENCY, True, ())
    event = (entry.record.event_id or b"").hex()
    for chosen, count in ((event, 1), ("00" * 16, 0), (None, 1)):
        subject = audit.Subject("Fictional", chosen, 0, 1 << 62)
        assert len(audit.account_of_export(desk, actor, export, subject, "en").steps) == count
    with pytest.raises(SetupError) as refused:
        audit.inspect(Desk(own.kz.home, closed, lambda: own.world.bus), Actor(AGENCY), export)
    assert refused.value.code is Code.ROLE_NOT_ALLOWED


def test_evidence_carries_both_checkpoints(own: Pair) -> None:
    """Each side is a file of its own, as the log signed it; the value for JSON has none of the bytes."""
    desk, actor = desk_of(own.world, own.kz)
    assert audit.evidence(desk, actor).found == ()
    with desk.write() as tx:
        logheads.keep_evidence(tx, "kz.audit.refbus.example/2026b", b"one", b"other", own.world.clock())
    exhibits = audit.evidence(desk, actor)
    assert sorted(exhibits.files.values()) == [b"one", b"other"]
    assert [each["evidence"] for each in json_of(exhibits.found)] == [1]
