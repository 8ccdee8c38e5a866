"""A desk whose home another process reads and writes too: what that one brought is on the next page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refbus.clock import Clock
from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode
from refbus.crypto import keyfile
from refbus.resources import data_dir
from refbus.settings import GatewaySettings
from refbus.trust.member.policy import compile_policy
from refbus.trust.publisher import changes
from refbus.trust.reader.loader import TrustStore
from refbus_gateway.actions import emergencies, home, organisations
from refbus_gateway.actions.desk import Opened, open_desk
from refbus_gateway.home import key_changes, slots
from refbus_gateway.home.gateway import open_gateway
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.desks import desk_of
from support.gateways import Pair, World
from support.pages import Pages
from unit.gateway.web.test_setup import browser_of, found_home, office_of, sign_in


def publish_new_rule(pair: Pair) -> None:
    """Publish a directory in which emergencies are allowed and the shelter is suspended."""
    text = (data_dir("keys") / "policies" / "kz.toml").read_text(encoding="utf-8")
    text = text.replace("emergency_disclosure = false", "emergency_disclosure = true")
    publication = pair.world.lab.publication(pair.world.clock())
    changes.put_policy(publication, CountryCode("kz"), compile_policy(text.replace("version = 1\n", "version = 2\n")))
    changes.set_status(publication, SHELTER, OrgStatus.SUSPENDED)
    pair.world.lab.publish(publication)
    pair.world.publish()


def bring(pair: Pair) -> None:
    """Let another process of the agency's home read everything that waits."""
    other = open_gateway(pair.world.home(AGENCY), PASSPHRASE, pair.world.clock)
    try:
        for _ in range(3):  # the log shows what came first
            pair.world.sync(other)
    finally:
        other.close()


def test_a_page_shows_the_directory_that_another_process_brought(own: Pair) -> None:
    """The rule, the status of an organisation, and what an action asks: each as it is now, without a restart."""
    person = Pages(own.world, own.kz).person()
    desk, actor = desk_of(own.world, own.kz)
    assert "nothing may be told" in person.get("/emergency").text
    before = organisations.show(desk, actor, SHELTER).status
    publish_new_rule(own)
    bring(own)
    assert "nothing may be told" not in person.get("/emergency").text
    assert emergencies.rule(desk, actor).allowed
    assert (before, organisations.show(desk, actor, SHELTER).status) == (OrgStatus.ACTIVE, OrgStatus.SUSPENDED)
    assert desk.directory() == own.kz.newest_directory()


def test_a_page_looks_for_another_directory_once(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look at the folder for one page, however often its action asks for the gateway."""
    looks: list[object] = []
    look = TrustStore.catch_up

    def noted(trust: TrustStore, now_ms: Callable[[], int]) -> None:
        looks.append(trust)
        look(trust, now_ms)

    own.world.sync(own.kz)
    person = Pages(own.world, own.kz).person()
    monkeypatch.setattr(TrustStore, "catch_up", noted)
    assert person.get("/today").status == 200
    assert len(looks) == 1


def test_keys_that_another_process_made_are_taken_up(own: Pair) -> None:
    """A desk that stays open opens what is sealed to a new key of its home, without a restart."""
    world = own.world
    desk = open_desk(
        world.home(AGENCY).path,
        GatewaySettings(),
        opened=lambda: Opened("", PASSPHRASE),
        time=lambda: Clock.of(world.clock),
        connect=lambda *_: world.bus,
    )
    desk.open()
    try:
        before = len(desk.gateway.keys.kem)
        key_changes.rotate(own.kz, PASSPHRASE, signing=True, kem=True)
        world.sync(desk.gateway)
        assert len(desk.gateway.keys.kem) == before + 1
    finally:
        desk.close()


def test_whoever_reads_and_sends_follows_it_too(own: Pair) -> None:
    """A process that holds the line takes over a directory that a person brought by file to another one."""
    publish_new_rule(own)
    bring(own)
    assert not own.kz.rules().emergency_disclosure
    own.world.sync(own.kz)
    assert own.kz.rules().emergency_disclosure


def test_a_root_that_a_command_pinned_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that was opened before there was a root takes the directory under the one that a command pinned."""
    monkeypatch.setattr(slots, "MEMORY_KIB", 64)
    monkeypatch.setattr(keyfile, "MEMORY_KIB", 64)
    world, place = World(tmp_path), tmp_path / "newcomer"
    office = office_of(world, place)
    browser = browser_of(office)
    found_home(browser)
    assert sign_in(browser).path == "/setup/road"
    assert office.desk.gateway.newest_directory() is None
    command = office_of(world, place)
    home.trust(command.desk, command.actor, world.lab.paths.root.read_bytes())
    assert browser.send("/setup/directory", place=str(world.lab.paths.repository)).path == "/setup/road"
    assert office.desk.gateway.newest_directory() is not None
    office.close()
