"""What is asked about organisations: whom one can refer to."""

from __future__ import annotations

import pytest

from refbus.core.ids import OrgId
from refbus.errors import Code, RuleError, UncheckableError
from refbus_gateway.actions import actor as people
from refbus_gateway.actions import organisations
from refbus_gateway.actions.actor import Permission, Role
from refbus_gateway.actions.shape import json_of
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands
from support.desks import desk_of
from support.gateways import Pair


def test_the_command_prints_the_value(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """--json of `orgs find` and `orgs show` is the JSON of the values; a service that nobody has finds nobody."""
    desk, actor = desk_of(pair.world, pair.kz)
    refbus = Commands(pair.world, capsys)
    found = organisations.find(desk, actor, country="uz")
    assert SHELTER in [each.org_id for each in found]
    assert refbus.json(AGENCY, "orgs", "find", "--country", "uz") == json_of(found)
    assert refbus.json(AGENCY, "orgs", "show", SHELTER) == json_of(organisations.show(desk, actor, SHELTER))
    assert organisations.find(desk, actor, service="NO_SUCH_SERVICE") == ()


def test_small_and_capital_letters_find_the_same(pair: Pair) -> None:
    """A country, a service and a language are found as people write them."""
    desk, actor = desk_of(pair.world, pair.kz)
    there = organisations.find(desk, actor, country="uz")
    service, language = there[0].services[0], there[0].languages[0]
    wanted = organisations.find(desk, actor, country="uz", service=service, language=language)
    assert there[0] in wanted
    for change in (str.upper, str.lower, str.title):
        found = organisations.find(
            desk, actor, country=change("uz"), service=change(service), language=change(language)
        )
        assert found == wanted


def test_who_is_refused(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody of that name; and a role that may not see who there is."""
    desk, actor = desk_of(pair.world, pair.kz)
    with pytest.raises(UncheckableError) as unknown:
        organisations.show(desk, actor, OrgId("kg-n0b0dy99"))
    assert unknown.value.code is Code.ORGANISATION_UNKNOWN
    monkeypatch.setattr(people, "ALLOWED", {role: frozenset({Permission.STOP}) for role in Role})
    with pytest.raises(RuleError) as refused:
        organisations.find(desk, actor)
    assert refused.value.code is Code.NOT_PERMITTED
