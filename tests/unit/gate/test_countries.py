"""Countries that come and go while a gate runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.bus.address import BrokerAddress
from refbus.bus.memory import MemoryBus
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.errors import Code, SetupError
from refbus.node.addresses import Meeting, forget_peer, note_peer, peers
from refbus.trust.reader.assembly import Problem
from refbus.trust.reader.history import History
from refbus_gate.countries import Countries, Sources, gone
from support.directories import federation

KZ, UZ, TJ = (CountryCode(code) for code in ("kz", "uz", "tj"))
TWO = federation(("kz", "uz")).directory


@pytest.mark.parametrize("path", ["tj", "tj/policy.json"])
def test_a_part_that_cannot_be_used_is_no_country_that_left(path: str) -> None:
    """Expired or damaged metadata closes no border: what waits is not given back for a mistake."""
    assert gone(History((TWO,)), TJ)
    assert not gone(History((TWO,), (Problem(path, Code.DIRECTORY_EXPIRED, ""),)), TJ)
    assert not gone(History((TWO,)), UZ)


def test_a_border_that_cannot_be_opened_is_tried_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A topic that is missing keeps no other border closed, and no gate from running."""
    tried: list[str] = []

    def opens(country: CountryCode, _directory: Directory) -> None:
        tried.append(country)
        if country == UZ:
            raise SetupError(Code.TOPIC_MISSING, "kz.border.uz")

    bus = MemoryBus()
    countries = Countries({KZ: bus}, lambda: {UZ: bus}, list, opens, tried.remove)
    for _ in range(2):
        countries.look(History((TWO,)))
    assert tried == ["kz", "uz"] * 2
    assert caplog.text.count("cannot be opened yet") == 1


def test_what_waits_from_a_country_that_left_has_its_source() -> None:
    """A held event of a closed border can still be decided, and nothing else is taken for a border."""
    sources = Sources(KZ, {})
    assert sources["kz.border.tj"].origin == TJ
    with pytest.raises(KeyError):
        sources["kz.outbox"]


def test_an_address_is_noted_taken_up_and_forgotten(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One that is damaged is said once and hides no other; one that is not safe is not written."""
    note_peer(tmp_path, TJ, BrokerAddress("127.0.0.1:9092"))
    (tmp_path / "peers" / "uz.json").write_text("{}", encoding="utf-8")
    meeting = Meeting(tmp_path)
    assert [list(meeting()) for _ in range(2)] == [[TJ]] * 2
    assert caplog.text.count("uz.json cannot be used") == 1
    with pytest.raises(SetupError):
        note_peer(tmp_path, TJ, BrokerAddress("broker.tj.example:9092"))
    assert (forget_peer(tmp_path, TJ), forget_peer(tmp_path, TJ)) == (True, False)
    assert peers(tmp_path) == {}
