"""What is asked about the home and its keys: begun, shown, connected, backed up and brought back."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode
from refbus.errors import Code, RuleError, SetupError
from refbus.node.measurement import FRESH_MS
from refbus_gateway.actions import delivery, home, keys
from refbus_gateway.actions.actor import Actor
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.home import BackupSettings, SettingsUse
from refbus_gateway.actions.shape import json_of
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway
from support.ceremonies import AGENCY, PASSPHRASE
from support.desks import desk_of
from support.gateways import Pair, World, sent

NEWCOMER = keys.Said(CountryCode("uz"), OrgRole.NGO, "Fictional newcomer", ("Legal",), ("uz",))


def closed() -> Gateway:
    """Fail where a gateway is opened that must stay closed."""
    raise AssertionError


def test_a_home_is_begun_without_a_desk(tmp_path: Path) -> None:
    """A folder and an actor of no organisation yet are enough; the same folder is not begun twice."""
    folder, out = tmp_path / "newcomer", tmp_path / "request.json"
    begun = keys.begin(folder, Actor(None), NEWCOMER, PASSPHRASE, 1_790_000_000_000, out=out)
    assert Path(begun.request).read_bytes() == out.read_bytes()
    assert Home(folder).member.identity().org_id == begun.org_id
    with pytest.raises(SetupError) as refused:
        keys.begin(folder, Actor(None), NEWCOMER, PASSPHRASE, 1_790_000_000_000, out=None)
    assert refused.value.code is Code.USAGE


def test_a_home_is_shown_and_connected_with_the_gateway_closed(pair: Pair) -> None:
    """No passphrase is needed for it, nor for what the topics must be."""
    place = pair.world.home(AGENCY)
    desk, actor = Desk(place, closed, lambda: pair.world.bus), Actor(AGENCY)
    assert home.connect(desk, actor, "127.0.0.1:9092", None).bootstrap == "127.0.0.1:9092"
    assert home.notify(desk, actor, ["notify-send"], 60).notify_command == ("notify-send",)
    shown = home.show(desk, actor)
    assert (shown.org_id, shown.bootstrap, shown.has_keys) == (AGENCY, "127.0.0.1:9092", True)
    assert json_of(shown)["notify_command"] == ["notify-send"]
    assert delivery.topics(desk, actor, pair.world.clock(), production=False).wanted.topics
    desk.brokers = {CountryCode("kz"): "broker.example:9093"}
    assert home.show(desk, actor).bootstrap == "broker.example:9093", "the surroundings count before the home"


def test_topics_need_a_verified_directory(tmp_path: Path) -> None:
    """A home that has not read the directory yet knows no organisations."""
    world = World(tmp_path)
    desk = Desk(world.home(AGENCY), closed, lambda: world.bus)
    with pytest.raises(SetupError) as refused:
        delivery.topics(desk, Actor(AGENCY), world.clock(), production=False)
    assert refused.value.code is Code.DIRECTORY_INVALID


def test_keys_are_shown_rotated_and_pruned(own: Pair, tmp_path: Path) -> None:
    """New keys are in the home and not listed yet; nothing is destroyed that may be needed."""
    desk, actor = desk_of(own.world, own.kz)
    before = keys.show(desk, actor)
    assert {each.kind for each in before.keys} == {"signing", "kem"}
    done = keys.rotate(desk, actor, PASSPHRASE, tmp_path / "update.json", signing=False, kem=True)
    assert Path(done.update).is_file()
    assert keys.prune(desk, actor).destroyed == ()
    assert json_of(before)["keys"][0]["kid"] == before.keys[0].kid.hex()


def test_one_round_is_told_and_two_at_once_are_refused(pair: Pair) -> None:
    """Nothing waits after a round; while another process holds the line the round is refused."""
    desk, actor = desk_of(pair.world, pair.kz)
    assert delivery.sync(desk, actor, 5.0).waiting == 0
    with desk.home.exclusive(), pytest.raises(SetupError) as refused:
        delivery.sync(desk, actor, 5.0)
    assert refused.value.code is Code.HOME_IN_USE


def test_a_daemon_says_when_it_begins_and_ends(pair: Pair) -> None:
    """`begun` is called once the work begins, with the port of the metrics; the value says that it ended."""
    desk, actor = desk_of(pair.world, pair.kz)
    begun: list[delivery.Begun] = []
    ended = delivery.run(desk, actor, begun.append, lambda: bool(begun), delivery.MetricsPlace(0, "127.0.0.1", False))
    assert not ended.running
    assert [each.running for each in begun] == [True]
    assert begun[0].metrics_port


def test_the_metrics_of_a_daemon_are_of_when_they_are_read(own: Pair) -> None:
    """It has not had a turn since a referral was written, and whoever reads sees it."""
    desk, actor = desk_of(own.world, own.kz)
    begun, pages = list[delivery.Begun](), list[str]()

    def begin(at_work: delivery.Begun) -> None:
        begun.append(at_work)
        sent(own.kz)
        own.world.clock.now_ms += FRESH_MS

    def read() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{begun[0].metrics_port}/metrics") as page:
            pages.append(page.read().decode())
        return True

    delivery.run(desk, actor, begin, read, delivery.MetricsPlace(0, "127.0.0.1", False))
    assert "refbus_gateway_outbox_waiting_records 1.0" in pages[0]


def test_a_backup_is_brought_back_elsewhere(own: Pair, tmp_path: Path) -> None:
    """Its settings are shown and used only on a yes."""
    desk, actor = desk_of(own.world, own.kz)
    home.connect(desk, actor, "127.0.0.1:9092", None)
    assert home.back_up(desk, actor, tmp_path / "backup").files > 0
    seen: list[BackupSettings] = []

    def use(answer: bool) -> SettingsUse:
        folder = tmp_path / f"elsewhere-{answer}"

        def asked(settings: BackupSettings) -> bool:
            seen.append(settings)
            return answer

        done = home.restore(
            folder,
            Actor(None),
            tmp_path / "backup",
            home.Entry(PASSPHRASE),
            clock=own.world.clock,
            use=asked,
        )
        assert (done.org_id, done.proven, done.before) == (AGENCY, True, None)
        assert Home(folder).config().bootstrap == ("127.0.0.1:9092" if answer else "")
        return done.settings

    assert (use(answer=False), use(answer=True)) == (SettingsUse.ASKED, SettingsUse.USED)
    assert {each.bootstrap for each in seen} == {"127.0.0.1:9092"}


def test_a_directory_is_taken_from_a_folder(own: Pair, tmp_path: Path) -> None:
    """The version in force and its members are told; what is no folder is refused."""
    desk, actor = desk_of(own.world, own.kz)
    taken = home.take_directory(desk, actor, own.world.lab.paths.repository, unlogged=True)
    assert (taken.version, taken.organisations) == (
        own.kz.history.latest.version,
        len(own.kz.history.latest.organisations),
    )
    with pytest.raises(SetupError):
        home.take_directory(desk, actor, tmp_path / "none", unlogged=True)


def test_without_the_permission_no_home_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a folder in place of a desk asks for the permission as well, before it makes anything."""
    monkeypatch.setattr("refbus_gateway.actions.actor.ALLOWED", dict.fromkeys(("ORGANISATION",), frozenset()))
    with pytest.raises(RuleError) as refused:
        keys.begin(tmp_path / "home", Actor(None), NEWCOMER, PASSPHRASE, 0, out=None)
    assert refused.value.code is Code.NOT_PERMITTED
    assert not (tmp_path / "home").exists()
