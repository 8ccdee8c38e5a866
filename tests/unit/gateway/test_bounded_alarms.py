"""What one gate or member causes again and again is so many alarms, and one more that counts the rest."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from refbus.core.courses.deadlines import DeadlineKind
from refbus.core.ids import KeyId, OrgId, ReferralId
from refbus.envelope.notice import seal_notice
from refbus.errors import Code
from refbus.trust.homes import Home as MemberHome
from refbus.wire.transport import GateNotice, InboxKind, NoticeKind, NoticeOutcome
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.store import alarms
from support.ceremonies import AGENCY, KZ, PASSPHRASE
from support.gateways import World

MOST = alarms.MOST_OF_ONE


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world."""
    return World(tmp_path)


@pytest.fixture
def kz(world: World) -> Iterator[Gateway]:
    """Give the agency's gateway."""
    made = world.gateway(AGENCY)
    yield made
    made.close()


def tell(world: World, kz: Gateway, notices: list[GateNotice]) -> None:
    """Let the agency's own gate say these, and let the agency read them."""
    pair = next(iter(MemberHome(world.lab.paths.gate(KZ)).signing_pairs(PASSPHRASE).values()))
    for each in notices:
        signed = replace(each, kid=KeyId(pair.kid), decision_id=secrets.token_bytes(16))
        body = seal_notice(signed, AGENCY, envelopes.recipient_key(kz, AGENCY).public, pair)
        world.deliver(AGENCY, InboxKind.NOTICE, body)
    world.sync(kz)


def notice(world: World, kind: NoticeKind, **changes: object) -> GateNotice:
    """Return a notice of the agency's own gate."""
    plain = GateNotice(
        from_gate=OrgId("kz-gate"),
        kid=KeyId(b""),
        kind=kind,
        envelope_sha256=bytes(32),
        event_id=None,
        outcome=NoticeOutcome.NONE,
        codes=(),
        at_ms=world.clock(),
        inbox_count=0,
        inbox_hash=bytes(32),
        decision_id=b"",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def told(kz: Gateway, code: Code) -> list[str]:
    """Return the words of the alarms with a code that stand."""
    with kz.store.read() as tx:
        return [alarm.detail for alarm in alarms.standing_alarms(tx) if alarm.code == code]


def deadline(world: World, kind: NoticeKind) -> GateNotice:
    """Return a deadline of a course that nobody here knows."""
    return notice(
        world,
        kind,
        referral_id=ReferralId(secrets.token_bytes(16)),
        deadline=next(iter(DeadlineKind)).value,
        due_ms=world.clock(),
        responsible="CONSENT WITHDRAWN",
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (NoticeKind.REMINDER, Code.DEADLINE_NEAR),
        (NoticeKind.ESCALATION, Code.DEADLINE_PASSED),
        (NoticeKind.EXPIRED, Code.REFERRAL_EXPIRED),
        (NoticeKind.ALARM, Code.PERSON_NOT_ARRIVED),
    ],
)
def test_deadlines_of_courses_of_others_are_bounded(world: World, kz: Gateway, kind: NoticeKind, code: Code) -> None:
    """A gate that makes them up fills no screen, and brings no words of its own in."""
    tell(world, kz, [deadline(world, kind) for _ in range(MOST + 30)])
    found = told(kz, code)
    assert len(found) == MOST + 1
    assert found[-1] == "of others: and 30 more"
    assert not any("CONSENT" in each for each in found)


def restored(world: World, generation: bytes) -> GateNotice:
    """Return a heartbeat of a gate that goes on from one certain copy."""
    return notice(world, NoticeKind.HEARTBEAT, generation=generation, restored_from_ms=world.clock() - 3_600_000)


def test_a_second_restore_of_the_same_copy_is_told_again(world: World, kz: Gateway) -> None:
    """Each generation is told once, while the other alarm stands and after it was cleared."""
    tell(world, kz, [notice(world, NoticeKind.HEARTBEAT)])
    tell(world, kz, [restored(world, b"1" * 16), restored(world, b"1" * 16)])
    assert len(told(kz, Code.GATE_RESTORED)) == 1
    tell(world, kz, [restored(world, b"2" * 16)])
    assert len(told(kz, Code.GATE_RESTORED)) == 2


def test_a_gate_with_a_new_generation_each_time_is_bounded(world: World, kz: Gateway) -> None:
    """One that says so without end is a few alarms and a number."""
    tell(world, kz, [notice(world, NoticeKind.HEARTBEAT)])
    tell(world, kz, [restored(world, secrets.token_bytes(16)) for _ in range(MOST + 5)])
    found = told(kz, Code.GATE_RESTORED)
    assert (len(found), found[-1]) == (MOST + 1, "kz-gate: and 5 more")


def test_holes_without_end_are_bounded(world: World, kz: Gateway) -> None:
    """Numbers that a broker leaves out: a few alarms and a number."""
    for _ in range(MOST + 4):
        world.deliver(
            AGENCY, InboxKind.NOTICE, secrets.token_bytes(40), world._sequence.get("kz.inbox." + AGENCY, 0) + 3
        )
    world.sync(kz)
    found = told(kz, Code.INBOX_GAP)
    assert len(found) == MOST + 1
    assert found[-1].endswith(" more")
