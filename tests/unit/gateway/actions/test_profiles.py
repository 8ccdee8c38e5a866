"""What an organisation says of itself: written, refused with every problem, seen by others, used to find and call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refbus.core.ids import OrgId
from refbus.core.profile import Capacity
from refbus.errors import Code, MalformedError, RuleError, UncheckableError
from refbus_gateway.actions import organisations, profiles
from refbus_gateway.actions.actor import Actor, Role
from refbus_gateway.actions.shape import json_of
from refbus_gateway.forms.problems import CaseInvalidError
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.desks import desk_of
from support.gateways import Pair

WRITTEN: dict[str, Any] = {
    "format": "refbus-profile/1",
    "names": {"en": "Fictional shelter", "ru": "Вымышленный приют", "tgk": "Паноҳгоҳи тахайюлӣ"},
    "telephones": ["71 000 00 01", "+998 71 000-00-02"],
    "hours": {"mon": "09:00-13:00, 14:00-18:00", "sun": "10:00-12:00"},
    "area": {"ru": "Юг столицы"},
    "capacity": "few",
    "places": 2,
    "serves": ["women", "CHILDREN"],
    "languages": ["tgk", "Russian", "ўзбекча"],
    "withdrawal": {"ru": "Любой кабинет вымышленного приюта"},
}


def told(pair: Pair, **changes: Any) -> None:
    """Let the shelter write its profile, and the agency have it, as gates hand it on."""
    desk, actor = desk_of(pair.world, pair.uz)
    profiles.save(desk, actor, json.dumps({**WRITTEN, **changes}).encode())
    hand_on(pair)


def hand_on(pair: Pair) -> None:
    """Put what organisations wrote before the members, as gates do."""
    pair.exchange()
    for record in pair.world.bus.records("uz.profiles"):
        for country in ("uz", "kz"):
            pair.world.bus.put(f"{country}.directory", record.value)
    pair.exchange()


def test_what_people_write_becomes_one_form(pair: Pair) -> None:
    """Numbers of the own country, languages by any code or name, hours by day; the file gives all of it back."""
    told(pair)
    desk, actor = desk_of(pair.world, pair.uz)
    found = profiles.show(desk, actor)
    assert found.profile is not None
    assert found.handed_on
    assert found.profile.telephones == ("+998710000001", "+998710000002")
    assert found.profile.languages == ("ru", "tg", "uz")
    assert [(each.day, each.from_min, each.until_min) for each in found.profile.hours] == [
        (1, 540, 780),
        (1, 840, 1080),
        (7, 600, 720),
    ]
    assert [each.language for each in found.profile.names] == ["en", "ru", "tg"]
    assert found.profile.name("tg") == "Паноҳгоҳи тахайюлӣ"
    assert profiles.preview(desk, actor, json.dumps(found.file).encode()).telephones == found.profile.telephones


def test_others_find_it_by_language_and_by_whom_it_helps(pair: Pair) -> None:
    """In any form of the code; what the directory does not say is found too, and a word that is no language is told."""
    told(pair)
    desk, actor = desk_of(pair.world, pair.kz)
    for language in ("tg", "tgk", "TGK", "tajik", "Тоҷикӣ"):
        assert SHELTER in [each.org_id for each in organisations.find(desk, actor, country="uz", language=language)]
    assert [each.org_id for each in organisations.find(desk, actor, serves="women")] == [SHELTER]
    assert organisations.find(desk, actor, serves="MEN") == ()
    with pytest.raises(MalformedError) as wrong:
        organisations.find(desk, actor, language="no such thing")
    assert wrong.value.code is Code.UNKNOWN_VALUE
    assert profiles.telephones(desk, actor, [SHELTER, AGENCY]) == {SHELTER: "+998710000001"}


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        (
            {"telephones": ["call us"], "languages": ["xx-nothing"], "serves": ["ALL"]},
            {"telephones", "languages", "serves"},
        ),
        ({"hours": {"mon": "morning"}, "places": -1, "capacity": "MANY"}, {"hours", "places", "capacity"}),
        ({"names": {"zz": "a"}, "more": 1, "format": "other"}, {"names", "more", "format"}),
        ({"names": ["a"], "telephones": {"a": 1}, "area": {"ru": 5}}, {"area", "names", "telephones"}),
        ({"address": {"ru": "Улица 1"}}, {"address"}),
        ({"area": {"ru": "Улица, дом 12"}}, {"area"}),
        ({"names": {"ru": "Тўқима Тўқимаевна"}}, {"names"}),
        ({"hours": {"mon": "09:00-12:00, 11:00-13:00"}}, {"hours"}),
        ({"capacity": "NONE", "places": 3}, {"capacity"}),
    ],
)
def test_every_problem_is_told_at_once(pair: Pair, changes: dict[str, Any], paths: set[str]) -> None:
    """At its field; nothing is signed."""
    desk, actor = desk_of(pair.world, pair.uz)
    before = profiles.show(desk, actor).version
    with pytest.raises(CaseInvalidError) as caught:
        profiles.save(desk, actor, json.dumps({**WRITTEN, **changes}).encode())
    assert {each.path for each in caught.value.problems} == paths
    assert profiles.show(desk, actor).version == before


def test_how_much_room_there_is_changes_alone(pair: Pair) -> None:
    """A case-worker says it, with its own date; without a profile there is nothing to change."""
    desk, actor = desk_of(pair.world, pair.uz)
    worker = Actor(SHELTER, Role.CASE_WORKER)
    with pytest.raises(UncheckableError):
        profiles.set_capacity(*desk_of(pair.world, pair.kz), Capacity.FREE, 5)
    told(pair)
    pair.world.clock.move(hours=5)
    profiles.set_capacity(desk, worker, Capacity.NONE, 0)
    found = profiles.show(desk, actor).profile
    assert found is not None
    assert (found.capacity, found.places, found.capacity_at_ms) == (Capacity.NONE, 0, pair.uz.now_ms())
    assert found.changed_at_ms < found.capacity_at_ms
    with pytest.raises(CaseInvalidError):
        profiles.set_capacity(desk, worker, Capacity.NONE, 2)
    with pytest.raises(RuleError) as refused:
        profiles.save(desk, worker, json.dumps(WRITTEN).encode())
    assert refused.value.code is Code.NOT_PERMITTED


def test_commands_write_and_show_it(pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """`profile file`, `save`, `capacity`, `show`; `orgs` tells name, telephone, hours and room in words."""
    refbus = Commands(pair.world, capsys)
    assert "No profile yet" in refbus.run(AGENCY, "profile", "show").out
    empty = json.loads(refbus.run(AGENCY, "profile", "file").out)
    path = file(tmp_path, "profile.json", json.dumps({**empty, **WRITTEN}))
    saved = refbus.json(SHELTER, "profile", "save", path)["version"]
    assert refbus.json(SHELTER, "profile", "capacity", "few", "--places", "3")["version"] == saved + 1
    hand_on(pair)
    found = refbus.run(AGENCY, "--lang", "ru", "orgs", "find", "--country", "uz", "--for", "WOMEN").out
    for text in ("Вымышленный приют", "+998 71 000 00 01", "пн 09:00–13:00", "Есть несколько мест", "Дети и женщины"):
        assert text in found
    shown = refbus.run(AGENCY, "orgs", "show", SHELTER).out
    assert "Where to take consent back: Любой кабинет вымышленного приюта [ru]" in shown
    assert "3 free places" in shown
    desk, actor = desk_of(pair.world, pair.uz)
    assert refbus.json(SHELTER, "profile", "show") == json_of(profiles.show(desk, actor))


def test_a_profile_that_nobody_confirms_becomes_old(pair: Pair) -> None:
    """It is shown all the same: an old number is better than none."""
    told(pair)
    desk, actor = desk_of(pair.world, pair.kz)
    pair.world.clock.move(days=91)
    found = profiles.shown_of(desk, actor, [SHELTER])[OrgId(SHELTER)]
    assert found.old
    assert found.telephones
