"""What an older version has written is read by this one: stores, keys, directory and topics of each kept release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.core.courses.referral import State
from refbus.core.vocabulary import EventType
from refbus.wire.transport import BorderKind, BorderRecord, HopReceipt, Passed
from support.gateways import open_at, say, view
from support.releases import FOLDER, Kept, unpack
from support.roadauditors import RoadAuditors

RELEASES = sorted(FOLDER.glob("*.tar.xz"))


@pytest.fixture(params=RELEASES, ids=lambda archive: archive.name)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """Open what a release has left with the code of today: every store is migrated now."""
    made = unpack(request.param, tmp_path)
    yield made
    made.close()


def test_there_is_a_release_to_read() -> None:
    """Without an archive the others here would be silent."""
    assert RELEASES


def test_both_offices_know_what_they_knew(kept: Kept) -> None:
    """States, and what was written, are what they were."""
    here, there = kept.facts["here"], kept.facts["there"]
    assert [view(kept.kz, number).state for number in here[:2]] == [State.COMPLETED, State.DELIVERED]
    assert [view(kept.uz, number).state for number in there[:2]] == [State.COMPLETED, State.DELIVERED]
    assert open_at(kept.uz, there[1]).events[0].sections["Person"]["First name"] == "Тўқима шахс"


def test_the_road_goes_on_where_it_was(kept: Kept) -> None:
    """Nothing is sent twice by the upgrade, and the referral that was new is answered through both gates."""
    kept.settle()
    before = {name: len(kept.bus.records(name)) for name in kept.bus.states()}
    kept.settle()
    assert {name: len(kept.bus.records(name)) for name in kept.bus.states()} == before
    open_at(kept.uz, kept.facts["there"][1])
    say(kept.uz, kept.facts["there"][1], EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    kept.settle()
    assert view(kept.kz, kept.facts["here"][1]).state is State.ACCEPTED


def test_what_crosses_is_stamped_as_the_release_reads_it(kept: Kept) -> None:
    """Its policies say nothing of stamps: gates of today write it passes and receipts that are signed alone."""
    kept.settle()
    open_at(kept.uz, kept.facts["there"][1])
    say(kept.uz, kept.facts["there"][1], EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    kept.settle()
    across = [BorderRecord.parse(each.value) for each in kept.bus.records("kz.border.uz")]
    back = [BorderRecord.parse(each.value) for each in kept.bus.records("uz.border.kz")]
    assert {Passed.parse(each.body).version for each in across if each.kind is BorderKind.PASSED} == {1}
    assert {HopReceipt.parse(each.body).version for each in back if each.kind is BorderKind.HOP} == {1}


def test_the_logs_go_on_behind_what_was_signed(kept: Kept) -> None:
    """Auditors find every entry in its place, begin no second history, and log what comes next."""
    auditors = RoadAuditors(kept)
    counts = {country: sum(auditor.results().values()) for country, auditor in auditors.of.items()}
    assert counts == kept.facts["signed"]
    say(kept.uz, kept.facts["there"][1], EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    auditors.settle()
    grown = {country: sum(auditor.results().values()) for country, auditor in auditors.of.items()}
    assert all(grown[country] > counts[country] for country in counts)
    auditors.close()
