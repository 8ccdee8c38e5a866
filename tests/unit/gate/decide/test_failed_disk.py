"""A file of the directory that this machine cannot read is nobody's fault: no event is stopped for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refbus.core.directory import Directory, Organisation
from refbus.core.ids import OrgId
from refbus.envelope.consent import EvidenceCache
from refbus.errors import Code, StoreError
from support.directories import agency, ngo
from support.gates import Node, World


def stopped(node: Node) -> list[bytes]:
    """Return what a node put before a person."""
    return [each.value for family in ("refused", "quarantine") for each in node.bus.records(f"{node.country}.{family}")]


def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no member be read."""

    def find(_directory: Directory, _org: OrgId) -> Organisation | None:
        raise StoreError(Code.STORE_FAILED)

    monkeypatch.setattr(Directory, "find", find)


def failing_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the member be unreadable that signed a consent."""

    def evidence_of(*_: object) -> None:
        raise StoreError(Code.STORE_FAILED)

    monkeypatch.setattr(EvidenceCache, "evidence_of", evidence_of)


@pytest.mark.parametrize("fail", [failing, failing_evidence])
@pytest.mark.parametrize("country", ["kz", "uz"])
def test_an_event_waits_for_a_disk(
    world: World, monkeypatch: pytest.MonkeyPatch, country: str, fail: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The gate ends with the code of the disk, decides nothing, and lets the event through when it started again."""
    node = world.nodes[country]
    world.outbox("kz", world.event())
    if country == "uz":
        world.nodes["kz"].consume()
        world.nodes["kz"].pump()
    with monkeypatch.context() as patched:
        fail(patched)
        with pytest.raises(StoreError) as caught:
            node.consume()
    assert caught.value.code is Code.STORE_FAILED
    assert stopped(node) == []
    node.restart()
    world.settle()
    assert stopped(node) == []
    assert world.notices(agency("kz"))
    assert len(world.events(ngo("uz"))) == 1
