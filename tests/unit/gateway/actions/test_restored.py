"""What is asked after a restore: what is not known here, and who may say that it was asked of those who know."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.consent.record import ConsentState
from refbus.errors import Code, RuleError, UncheckableError
from refbus_gateway.actions import actor as people
from refbus_gateway.actions import restored
from refbus_gateway.actions.actor import Permission, Role
from refbus_gateway.actions.restored import CaseKnown, NothingConfirmed, NotKnown, NotRestored, RestoreConfirmed
from refbus_gateway.actions.shape import json_of
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import Pair, sent
from support.restored import go_on_from_backup


def test_a_restored_home_confirms_as_a_whole_and_case_by_case(
    own: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values name the time, the cases and whom to call; saying so again is a yes, which a role must be allowed."""
    case = go_on_from_backup(own, tmp_path)
    desk, actor = desk_of(own.world, own.kz)
    with pytest.raises(UncheckableError) as early:
        restored.confirm(desk, actor)
    assert early.value.code is Code.NOT_SYNCHRONISED
    own.world.sync(own.kz)
    found = restored.not_known(desk, actor)
    assert isinstance(found, NotKnown)
    assert (found.cases, found.call, found.answered, found.unread) == ((case,), (SHELTER,), (), ())
    assert (found.inbox_lost, found.officers_unvouched) == (False, False)
    assert found.backup_ms <= found.restored_ms == own.world.clock()
    known = restored.case_known(desk, actor, case)
    assert isinstance(known, CaseKnown)
    assert [(each.organisation, each.state, each.version) for each in known.consents] == [
        (SHELTER, ConsentState.GIVEN, 1)
    ]
    with monkeypatch.context() as patched:
        patched.setattr(people, "ALLOWED", {role: frozenset({Permission.STOP}) for role in Role})
        for refuse in (restored.confirm, restored.not_known, lambda at, who: restored.confirm_case(at, who, case)):
            with pytest.raises(RuleError) as refused:
                refuse(desk, actor)
            assert refused.value.code is Code.NOT_PERMITTED
    done = restored.confirm(desk, actor)
    assert isinstance(done, RestoreConfirmed)
    assert json_of(done) == {**json_of(found), "restored": True, "waiting": [case]}
    assert json_of(restored.confirm_case(desk, actor, case)) == {"confirmed": True, "case": case}
    after = restored.not_known(desk, actor)
    assert isinstance(after, NotKnown)
    assert after.cases == ()


def test_a_home_that_was_never_restored_has_nothing_to_confirm(pair: Pair) -> None:
    """Each action says so, and changes nothing."""
    desk, actor = desk_of(pair.world, pair.kz)
    case, _ = sent(pair.kz)
    assert restored.not_known(desk, actor) == restored.confirm(desk, actor) == NotRestored()
    assert restored.case_known(desk, actor, case) == restored.confirm_case(desk, actor, case) == NothingConfirmed()
    assert json_of(NotRestored()) == {"restored": False}
    assert json_of(NothingConfirmed()) == {"confirmed": False}
    with pytest.raises(RuleError) as unknown:
        restored.confirm_case(desk, actor, 4096)
    assert unknown.value.code is Code.CASE_UNKNOWN
