"""More countries may witness than a note has room for signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from refbus.tlog import note
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.note import MOST_SIGNATURES, Note, Signature
from refbus_auditor import cosignatures
from refbus_auditor.cosignatures import readable
from refbus_auditor.known import Known
from support.auditors import AuditNode, Auditors
from support.directories import log_name_of

ROOM = 5
"""For the log's own signature and those of two countries."""


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Auditors]:
    """Return kg, kz, tm and uz, of which one other must cosign."""
    made = Auditors(tmp_path / "four", ("kg", "kz", "tm", "uz"), quorum=1)
    yield made
    made.close()


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a note have room for two countries."""
    for module in (note, cosignatures):
        monkeypatch.setattr(module, "MOST_SIGNATURES", ROOM)


def cosigned_by_all(world: Auditors, node: AuditNode) -> dict[str, list[Signature]]:
    """Return both cosignatures of each other country under what is published."""
    checkpoint, at_s = Checkpoint.parse(node.note().text), world.now_ms // 1000
    return {
        name: [cosign(checkpoint, key, at_s) for key in other.home.secret.witness_keys(log_name_of(other.country))]
        for name, other in world.nodes.items()
        if other is not node
    }


def test_another_quorum_leaves_the_checkpoint_readable(world: Auditors) -> None:
    """Each hour other witnesses may answer first; with all of before they would be more than a note may have."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    shown = node.note()
    own, *pair = shown.signatures[:3]
    for round_of in range(4):
        others = [
            replace(line, name=f"{number}.{round_of}.refbus.example/witness") for number in range(16) for line in pair
        ]
        quorum = Note(shown.text, (own, *others))
        node.core.publisher.add_cosignatures(quorum)
        published = node.note()
        assert {*quorum.signatures} <= {*published.signatures}
        assert len(published.signatures) <= MOST_SIGNATURES


@pytest.mark.usefixtures("little_room")
def test_what_many_showed_of_a_lost_log_stays_readable(four: Auditors) -> None:
    """Every country kept cosignatures of others: what is put back from them is a note, and its quorum stands."""
    node = four.nodes["kz"]
    four.log(1)
    four.settle()
    shown, policy = node.note(), node.core.policy()
    known = Known(node.home.secret.log_key(node.origin()), policy)
    for lines in cosigned_by_all(four, node).values():
        known.add(Note(shown.text, (shown.signatures[0], *lines)))
    (found,) = known.notes.values()
    assert len(found.signatures) > ROOM
    cosigned = known.cosigned(1, four.now_ms // 1000)
    assert cosigned is not None
    policy.check(Note.parse(cosigned[0]), four.now_ms // 1000)


@pytest.mark.usefixtures("little_room")
def test_halves_of_many_push_no_whole_cosignature_out(four: Auditors) -> None:
    """One that sends one kind of the two stands behind nothing: whoever sent both comes first."""
    node = four.nodes["kz"]
    four.log(1)
    four.settle()
    shown, policy = node.note(), node.core.policy()
    kg, tm, uz = cosigned_by_all(four, node).values()
    own = shown.signatures[0]
    made = Note(shown.text, (own, kg[0], tm[0], *uz, replace(own, name="another.refbus.example/2026b")))
    policy.check(readable(made, policy), four.now_ms // 1000)
