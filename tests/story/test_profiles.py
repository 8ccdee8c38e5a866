"""An organisation says how it can be called, and every member of every country learns it: two gateways, two gates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.core.ids import OrgId
from refbus.core.profile import Capacity, LocalText, Profile
from refbus.errors import Code, MalformedError
from refbus.trust.member.profile import is_profile, profile_path, sign_profile
from refbus.wire.transport import DirectoryFile
from refbus_gateway.directory import profiles
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands
from support.gateways import case_file, consent_file, sent
from support.nodes import Road
from support.pages import Pages


def said(gateway: Gateway, **changes: object) -> Profile:
    """Return a small fictional profile, not signed yet."""
    values = {
        "names": (LocalText("en", "Fictional shelter"), LocalText("ru", "Вымышленный приют")),
        "telephones": ("+998712000000",),
        "capacity": Capacity.FEW,
        "capacity_at_ms": gateway.now_ms(),
        "languages": ("ru", "uz"),
        **changes,
    }
    return Profile(gateway.me, 1, gateway.now_ms(), gateway.now_ms(), **values)  # type: ignore[arg-type]


def publish(gateway: Gateway, **changes: object) -> Profile:
    """Sign a profile and queue it."""
    with gateway.store.write() as tx:
        return profiles.publish(gateway, tx, said(gateway, **changes))


def known(gateway: Gateway, org: OrgId) -> Profile | None:
    """Return the profile of an organisation as a gateway has it."""
    with gateway.store.read() as tx:
        return profiles.of(gateway, tx, [org]).get(org)


def test_the_other_country_learns_the_number(own: Road) -> None:
    """What the shelter signed is at the agency abroad, and the shelter knows that it was handed on."""
    told = publish(own.uz)
    with own.uz.store.read() as tx:
        assert profiles.own(own.uz, tx) == profiles.Own(told, handed_on=False)
    own.settle()
    assert known(own.kz, SHELTER) == told
    with own.uz.store.read() as tx:
        assert profiles.own(own.uz, tx) == profiles.Own(told, handed_on=True)


def test_status_and_the_card_of_the_person_name_the_numbers(own: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a recipient that is late `status` says the number; the card says where the person takes consent back."""
    for gateway in (own.kz, own.uz):
        publish(gateway, **({} if gateway is own.uz else {"telephones": ("+77172000001",)}))
    _, number = sent(own.kz, case_file(about="Fictional: late", reply_within_hours=2), consent_file())
    own.settle()
    commands = Commands(own, capsys)
    assert "+998 71 200 00 00" not in commands.run(AGENCY, "status", str(number)).out
    own.pass_time(hours=3)
    assert f"Telephone of {SHELTER}: +998 71 200 00 00" in commands.run(AGENCY, "status", str(number)).out
    card = Pages(own, own.kz).person().get("/card?language=ru").text
    assert "Позвоните или приходите: +7 7172 00 00 01" in card


def test_the_newest_counts_and_an_older_one_does_not_come_back(own: Road) -> None:
    """A replay of an old profile changes nothing anywhere."""
    publish(own.uz, capacity=Capacity.FREE)
    own.settle()
    old = next(record.value for record in own.bus.records("kz.directory") if _is_profile(record.value))
    own.pass_time(hours=1)
    newest = publish(own.uz, capacity=Capacity.NONE)
    own.settle()
    own.bus.put("kz.directory", old)
    own.bus.put("kz.federation", old)
    own.settle()
    assert known(own.kz, SHELTER) == newest
    assert newest.version == 2


def test_nobody_writes_in_the_name_of_another(own: Road) -> None:
    """A profile of the shelter that the agency signed is left out at the gate and at every gateway; all else stays."""
    good = publish(own.uz)
    own.settle()
    forged = replace(good, version=9, telephones=("+77172000000",))
    signer = own.kz.keys.signer(own.kz.view(), AGENCY, own.kz.now_ms())
    bad = DirectoryFile(profile_path(SHELTER), sign_profile(forged, signer)).encode()
    for topic in ("kz.profiles", "uz.profiles", "uz.federation", "kz.federation", "kz.directory"):
        own.bus.put(topic, bad)
    mine = publish(own.kz, names=(LocalText("en", "Fictional agency"),))
    own.settle()
    assert known(own.kz, SHELTER) == good
    assert known(own.uz, AGENCY) == mine
    assert own.uz.organisation(SHELTER).label
    with own.kz.store.read() as tx:
        assert [each.code for each in alarms.standing_alarms(tx)] == ["PROFILE_INVALID"]


def test_a_newcomer_learns_all_with_the_next_publication(own: Road) -> None:
    """Profiles are handed on again with the directory, also by a gate that was started anew."""
    told = publish(own.uz)
    own.settle()
    before = len([None for record in own.bus.records("kz.directory") if _is_profile(record.value)])
    own.pass_time(days=1)
    after = [record.value for record in own.bus.records("kz.directory") if _is_profile(record.value)]
    assert len(after) == before + 1
    assert known(own.kz, SHELTER) == told


def test_it_is_signed_anew_every_week_and_its_date_stays(own: Road) -> None:
    """The office sends it again by itself; what a person said, and when, does not change."""
    told = publish(own.uz)
    own.settle()
    own.pass_time(days=5)
    own.pass_time(days=5)
    found = known(own.kz, SHELTER)
    assert found is not None
    assert found.version > told.version
    assert replace(found, version=told.version, issued_at_ms=told.issued_at_ms) == told


def _is_profile(value: bytes) -> bool:
    return is_profile(DirectoryFile.parse(value).path)


def test_what_must_not_stand_there_is_not_signed(own: Road) -> None:
    """A shelter signs no street and nobody a person's name; a profile of a shelter with a street shows nowhere."""
    own.settle()
    for changes in ({"address": (LocalText("en", "Street 1"),)}, {"names": (LocalText("ru", "Тўқима Тўқимаевна"),)}):
        with pytest.raises(MalformedError) as caught:
            publish(own.uz, **changes)
        assert caught.value.code is Code.PROFILE_REFUSED
    signer = own.uz.keys.signer(own.uz.view(), SHELTER, own.uz.now_ms())
    bad = sign_profile(said(own.uz, address=(LocalText("en", "Street 1"),)), signer)
    own.bus.put("kz.directory", DirectoryFile(profile_path(SHELTER), bad).encode())
    own.settle()
    assert known(own.kz, SHELTER) is None


def test_an_office_from_a_backup_counts_on(own: Road) -> None:
    """What a person wrote after the restore wins over the higher number that was signed before it."""
    publish(own.uz)
    publish(own.uz)
    own.settle()
    with own.uz.store.write() as tx:  # as a backup from before the first profile has it
        tx.drop(f"profiles/{tx.vault.hash('profiles', SHELTER.encode()).hex()}")
        tx.drop("profile-back")
    own.pass_time(hours=2)
    newest = publish(own.uz, capacity=Capacity.NONE)
    assert newest.version == 1
    own.pass_time(days=1)
    own.settle()
    found = known(own.kz, SHELTER)
    assert found is not None
    assert (found.capacity, found.changed_at_ms) == (Capacity.NONE, newest.changed_at_ms)
