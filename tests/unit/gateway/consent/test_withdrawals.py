"""A person's no: written down first, enforced here at once, and told to each organisation in a step of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refbus.bus.memory import MemoryBus
from refbus.core.consent.record import MAX_VERSION, ConsentRecord, ConsentState, SignedConsent
from refbus.core.directory import Organisation, OrgStatus
from refbus.core.ids import ConsentId, OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.signing import LABEL_CONSENT
from refbus.errors import Code, ConsentError, RuleError, UncheckableError
from refbus.trust.publisher import changes
from refbus.wire.consent import encode_record, encode_signed
from refbus_gateway.consent import amendments, versions, withdrawals
from refbus_gateway.erasure import demand
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import permission
from refbus_gateway.store import cases, outbox, referrals, tellings
from refbus_gateway.store import consents as rows
from refbus_gateway.store.outbox import RowState
from refbus_gateway.sync import writer
from refbus_gateway.sync.synchroniser import Synchroniser
from support.ceremonies import AGENCY, SHELTER
from support.gateways import (
    World,
    alarm_codes,
    case_file,
    consent_file,
    home_health,
    line,
    new_case,
    refer,
    sent,
    take_consent,
)
from support.views import UNUSABLE, seen, sign_their_no, unsigned

OTHER = OrgId("kg-she1ter1")
THIRD = OrgId("tm-she1ter1")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a federation on a bus in memory."""
    return World(tmp_path)


@pytest.fixture
def kz(world: World) -> Iterator[Gateway]:
    """Give the gateway of the agency."""
    gateway = world.gateway(AGENCY)
    yield gateway
    gateway.close()


def three(world: World, kz: Gateway) -> int:
    """Refer one case to three organisations, and let it leave."""
    case = new_case(kz, case_file())
    for org in (SHELTER, OTHER, THIRD):
        take_consent(kz, case, consent_file(org))
        refer(kz, case, to=org)
    world.sync(kz)
    return case


def states(gateway: Gateway, case: int, org: OrgId) -> list[tuple[ConsentState, int]]:
    """Return state and version of what was signed here about one organisation."""
    with gateway.store.read() as tx:
        kept = permission.between(tx, cases.get(tx, case), gateway.me, org)
    return [(each.signed.record.state, each.signed.record.version) for each in kept if each.signed.signer == gateway.me]


def told(gateway: Gateway, case: int) -> dict[OrgId, int]:
    """Return how many withdrawals are queued or sent to each organisation."""
    found: dict[OrgId, int] = {}
    with gateway.store.read() as tx:
        for row in rows.withdrawal_rows(tx, outgoing=True):
            if row.case_id == case:
                org = referrals.get(tx, referrals.event(tx, row.event_row).referral).org
                found[org] = found.get(org, 0) + 1
    return found


def refuses(gateway: Gateway, case: int, org: OrgId) -> tuple[Code, ...]:
    """Return why nothing more goes to an organisation."""
    with pytest.raises(ConsentError) as caught:
        refer(gateway, case, to=org, again=True)
    return caught.value.reasons


@pytest.mark.parametrize("how", UNUSABLE)
def test_one_that_cannot_be_sealed_to_keeps_no_other_from_being_told(world: World, kz: Gateway, how: str) -> None:
    """The no is signed towards all three; two are told, and the third as soon as the directory has a key of it."""
    case = three(world, kz)
    with seen(kz, {OTHER: UNUSABLE[how]}):
        done = {each.org: each for each in withdrawals.stop(kz, case, None)}
    assert (done[SHELTER].code, done[THIRD].code) == (None, None)
    assert done[OTHER].code in {Code.KEY_UNKNOWN, Code.ORGANISATION_UNKNOWN}
    assert told(kz, case) == {SHELTER: 1, THIRD: 1}
    for org in (SHELTER, OTHER, THIRD):
        assert states(kz, case, org)[-1] == (ConsentState.WITHDRAWN, 2)
        assert Code.WITHDRAWN in refuses(kz, case, org)
    (waits,) = home_health(kz).untold
    assert (waits.case_id, waits.org, waits.code) == (case, OTHER, done[OTHER].code)
    world.sync(kz)
    assert told(kz, case) == {SHELTER: 1, OTHER: 1, THIRD: 1}
    assert home_health(kz).untold == ()


def test_a_number_that_the_other_side_made_up_is_not_followed(world: World, kz: Gateway) -> None:
    """A recipient that signs the highest version there is keeps nobody's no from being signed and told."""
    case = three(world, kz)
    sign_their_no(world.lab, kz, case, OTHER)
    done = withdrawals.stop(kz, case, None)
    assert [(each.version, each.notified, each.code) for each in done] == [(2, True, None)] * 3
    assert told(kz, case) == {SHELTER: 1, OTHER: 1, THIRD: 1}


def test_a_yes_after_a_number_that_cannot_be_followed_is_a_new_consent(world: World, kz: Gateway) -> None:
    """The person may say yes again to such a recipient: under a new id, since no version goes beyond that number."""
    case = three(world, kz)
    sign_their_no(world.lab, kz, case, OTHER)
    assert Code.WITHDRAWN in refuses(kz, case, OTHER)
    world.clock.move(hours=1)
    take_consent(kz, case, consent_file(OTHER))
    refer(kz, case, to=OTHER, again=True)
    assert states(kz, case, OTHER) == [(ConsentState.GIVEN, 1), (ConsentState.GIVEN, 1)]
    assert [each.version for each in withdrawals.stop(kz, case, OTHER)] == [2]
    assert Code.WITHDRAWN in refuses(kz, case, OTHER)


def test_a_number_within_reach_is_followed(world: World, kz: Gateway) -> None:
    """A withdrawal by the recipient that counts on from what it knew is followed by the next version of one chain."""
    case = three(world, kz)
    sign_their_no(world.lab, kz, case, OTHER, version=2)
    world.clock.move(hours=1)
    take_consent(kz, case, consent_file(OTHER))
    assert states(kz, case, OTHER) == [(ConsentState.GIVEN, 1), (ConsentState.GIVEN, 3)]


def test_the_highest_version_can_be_withdrawn(world: World, kz: Gateway) -> None:
    """A withdrawal closes what has the same number, so there is one for a consent that has the highest there is."""
    case = three(world, kz)
    with kz.store.write() as tx:
        found = cases.get(tx, case)
        (given,) = [each for each in rows.of_case(tx, found) if each.signed.record.party == SHELTER]
        top = withdrawals.sign(kz, _with_version(given.signed.record, MAX_VERSION))
        rows.keep(tx, found, top, kz.now_ms())
    (done,) = withdrawals.stop(kz, case, SHELTER)
    assert (done.version, done.notified) == (MAX_VERSION, True)
    assert Code.WITHDRAWN in refuses(kz, case, SHELTER)


def test_a_no_counts_before_it_can_be_signed(world: World, kz: Gateway) -> None:
    """Without a key of ours in force it is kept and enforced; it is signed and told when there is one."""
    case = three(world, kz)
    waiting = refer(kz, case, to=SHELTER, again=True)
    with seen(kz, {AGENCY: unsigned}):
        done = withdrawals.stop(kz, case, None)
        assert [(each.version, each.notified, each.code) for each in done] == [(None, False, Code.KEY_UNKNOWN)] * 3
        assert sum(each.taken_back for each in done) == 1
    assert line(kz, waiting).hop == "REFUSED"
    assert Code.WITHDRAWN in refuses(kz, case, SHELTER)
    assert told(kz, case) == {}
    world.sync(kz)
    assert told(kz, case) == {SHELTER: 1, OTHER: 1, THIRD: 1}
    assert [states(kz, case, org)[-1] for org in (SHELTER, OTHER, THIRD)] == [(ConsentState.WITHDRAWN, 2)] * 3


def test_a_no_that_waited_is_told_by_a_gateway_that_cannot_read(world: World, kz: Gateway) -> None:
    """The topic of its inbox is gone: nothing is read, no yes goes out, and the no is signed and sent all the same."""
    case = three(world, kz)
    with seen(kz, {AGENCY: unsigned}):
        withdrawals.stop(kz, case, None)
    world.clock.move(hours=1)
    bus = MemoryBus(("kz.outbox", "kz.directory", "kz.audit", "kz.proofs"), world.clock)
    running = Synchroniser(kz, bus)
    turns = iter(range(5))
    running.run(lambda: next(turns, None) is None, lambda _: None)
    running.close()
    assert told(kz, case) == {SHELTER: 1, OTHER: 1, THIRD: 1}
    assert len(bus.records("kz.outbox")) == 3


def test_a_yes_waits_for_the_signature_of_the_no_before_it(world: World, kz: Gateway) -> None:
    """A form that was said before the no is old; a newer one is signed after the no, which is signed first."""
    case = three(world, kz)
    with seen(kz, {AGENCY: unsigned}):
        withdrawals.stop(kz, case, SHELTER)
        world.clock.move(hours=1)
        with pytest.raises(UncheckableError) as caught:
            take_consent(kz, case, consent_file(SHELTER))
        assert caught.value.code is Code.KEY_UNKNOWN
    with pytest.raises(RuleError) as old:
        take_consent(kz, case, consent_file(SHELTER, said_at="2026-01-01T00:00:00Z"))
    assert old.value.code is Code.CONSENT_FORM_OLD
    take_consent(kz, case, consent_file(SHELTER))
    assert states(kz, case, SHELTER) == [
        (ConsentState.GIVEN, 1),
        (ConsentState.WITHDRAWN, 2),
        (ConsentState.GIVEN, 3),
    ]
    refer(kz, case, to=SHELTER, again=True)


def test_withdrawing_twice_signs_once_while_it_waits(world: World, kz: Gateway) -> None:
    """A person who says it again, since nothing seemed to happen, makes no second row and no second event."""
    case = three(world, kz)
    with seen(kz, {OTHER: UNUSABLE["absent"]}):
        withdrawals.stop(kz, case, OTHER)
        withdrawals.stop(kz, case, OTHER)
    with kz.store.read() as tx:
        assert len(tellings.of_case(tx, cases.get(tx, case))) == 1
    world.sync(kz)
    assert told(kz, case) == {OTHER: 1}


def test_a_withdrawal_needs_no_fresh_directory(world: World, kz: Gateway) -> None:
    """Under a directory that has run out a no is signed, sealed, queued; what waits is taken back; a yes waits."""
    case = three(world, kz)
    waiting = refer(kz, case, to=SHELTER, again=True)
    with seen(kz, {}, expired=True):
        with pytest.raises(UncheckableError) as caught:
            take_consent(kz, new_case(kz, case_file(priority="ROUTINE")), consent_file(SHELTER))
        assert caught.value.code is Code.DIRECTORY_EXPIRED
        done = withdrawals.stop(kz, case, None)
    assert [(each.notified, each.code) for each in done] == [(True, None)] * 3
    assert line(kz, waiting).hop == "REFUSED"


def test_a_refusal_and_less_need_no_fresh_directory(world: World, kz: Gateway) -> None:
    """A REFUSED form, and a category that is stopped, are signed and told under a directory that has run out."""
    case = three(world, kz)
    world.clock.move(hours=1)
    with seen(kz, {}, expired=True), kz.store.write() as tx:
        found = cases.get(tx, case)
        form = parse_consent(consent_file(SHELTER, state="REFUSED", permit=[]), now_ms=kz.now_ms())
        refused = versions.grant(kz, found, tx, SHELTER, form)
        less = amendments.stop(kz, tx, found, OTHER, [DataCategory.HEALTH])
    assert (refused.record.state, refused.told, refused.code) == (ConsentState.REFUSED, True, None)
    assert (less.record.version, less.told, less.code) == (2, True, None)
    assert Code.REFUSED in refuses(kz, case, SHELTER)


def test_a_refusal_counts_before_anything_else_is_done(kz: Gateway) -> None:
    """Where a form cannot be signed at all, the no that it says is enforced; a later yes takes its place."""
    case = new_case(kz)
    take_consent(kz, case, consent_file(SHELTER))
    form = parse_consent(consent_file(SHELTER, state="REFUSED", permit=[]), now_ms=kz.now_ms())
    with kz.store.write() as tx:
        versions.note_refusal(kz, tx, cases.get(tx, case), SHELTER, form.said_at_ms)
    assert refuses(kz, case, SHELTER) == (Code.WITHDRAWN,)
    take_consent(kz, case, consent_file(SHELTER))
    refer(kz, case)


def test_a_planted_consent_does_not_draw_the_no_away(world: World, kz: Gateway) -> None:
    """A record that the other side collected itself, with a high version, takes no withdrawal in place of ours."""
    case = three(world, kz)
    with kz.store.write() as tx:
        found = cases.get(tx, case)
        (given,) = [each for each in rows.of_case(tx, found) if each.signed.record.party == SHELTER]
        record = _with_version(given.signed.record, 7, consent_id=ConsentId(b"\x09" * 16))
        record = _with_version(record, 7, party=AGENCY, collected_by=SHELTER)
        pair, encoded = world.lab.pair(SHELTER), encode_record(record)
        signatures = pair.sign(LABEL_CONSENT, encoded)
        signed = SignedConsent(encoded, record, SHELTER, pair.kid, signatures.ed25519, signatures.mldsa65)
        rows.keep(tx, found, encode_signed(signed), kz.now_ms())
    withdrawals.stop(kz, case, SHELTER)
    assert (ConsentState.WITHDRAWN, 2) in states(kz, case, SHELTER)
    assert Code.WITHDRAWN in refuses(kz, case, SHELTER)


def test_a_no_goes_before_everything_that_waits(world: World, kz: Gateway) -> None:
    """Made last, it is the first that is produced; it waits behind nothing of its own referral either."""
    case = three(world, kz)
    other = new_case(kz, case_file(priority="ROUTINE"))
    take_consent(kz, other, consent_file(SHELTER))
    refer(kz, other)
    withdrawals.stop(kz, case, None)
    with kz.store.read() as tx:
        due = outbox.due(tx, kz.now_ms())
        first = [referrals.event(tx, row.event_id).block.event_type for row in due[:3] if row.event_id is not None]
        only = outbox.due(tx, kz.now_ms(), nos_only=True)
    assert first == [EventType.CONSENT_WITHDRAWN] * 3
    assert len(due) > 3
    assert len(only) == 3


def test_what_may_have_left_is_not_sent_again_after_a_no(kz: Gateway) -> None:
    """An event that was handed to the client, and of which nobody knows whether it left, is not produced once more."""
    case, number = sent(kz)
    with kz.store.write() as tx:
        outbox.hand_over(tx, [row.id for row in outbox.due(tx, kz.now_ms()) if row.event_id], kz.now_ms())
    (done,) = withdrawals.stop(kz, case, None)
    assert (done.taken_back, done.notified) == (0, True)
    with kz.store.read() as tx:
        due = [row for row in outbox.due(tx, kz.now_ms()) if row.event_id is not None]
        (request, *_) = referrals.events_of(tx, referrals.get(tx, number))
        (row,) = outbox.of_event(tx, request.id)
    assert [row.event_id for row in due] != []
    assert request.id not in {row.event_id for row in due}
    assert (row.state, row.value) == (RowState.HELD, None)


def test_what_left_before_the_no_is_noted_behind_it(kz: Gateway) -> None:
    """The broker's word comes when the event is stopped already: when it left is known, and nothing else changes."""
    case, number = sent(kz)
    with kz.store.write() as tx:
        due = [row for row in outbox.due(tx, kz.now_ms()) if row.event_id]
        outbox.hand_over(tx, [row.id for row in due], kz.now_ms())
    withdrawals.stop(kz, case, None)
    with kz.store.write() as tx:
        outbox.produced(tx, due[0], now_ms=kz.now_ms(), next_ms=kz.now_ms() + 1)
        (request, *_) = referrals.events_of(tx, referrals.get(tx, number))
        (row,) = outbox.of_event(tx, request.id)
    assert (row.state, row.value, row.produced_ms) == (RowState.HELD, None, kz.now_ms())
    assert row.next_ms == due[0].next_ms


def test_what_waits_under_an_old_directory_is_sealed_again(world: World, kz: Gateway) -> None:
    """After days without a line the queue names a version that gates have forgotten: each gets a fresh envelope."""
    _, number = sent(kz)
    world.clock.move(days=2)
    publication = world.lab.publication(world.clock())
    changes.set_status(publication, THIRD, OrgStatus.SUSPENDED)
    world.lab.publish(publication)
    kz.trust.refresh_from(world.lab.files(), world.clock())
    writer.tend(kz)
    assert line(kz, number).envelopes == 2


def test_erasing_tells_who_can_be_told_and_keeps_the_others_names(world: World, kz: Gateway) -> None:
    """One without a key keeps the content from nobody's erasure; its name is kept until it has answered."""
    case = three(world, kz)
    with seen(kz, {OTHER: UNUSABLE["revoked"]}, expired=True):
        demand.erase(kz, case)
    assert told(kz, case) == {SHELTER: 1, THIRD: 1}
    with kz.store.read() as tx:
        found = cases.get(tx, case)
        progress = demand.progress(tx, found)
        assert not cases.has_content(tx, found)
        assert found.key is not None
    asked = {each.org: (each.told_ms is not None, each.code) for each in progress.asked}
    assert asked == {SHELTER: (True, None), OTHER: (False, Code.KEY_UNKNOWN), THIRD: (True, None)}
    assert Code.KEY_UNKNOWN in alarm_codes(kz)
    world.sync(kz)
    assert told(kz, case) == {SHELTER: 1, OTHER: 1, THIRD: 1}


def test_erasure_is_ordered_even_when_nothing_can_be_signed(world: World, kz: Gateway) -> None:
    """Without a key of ours nothing of the case is shown or sent from then on, and the rest goes on by itself."""
    case = three(world, kz)
    with seen(kz, {AGENCY: unsigned}):
        demand.erase(kz, case)
        with kz.store.read() as tx:
            found = cases.get(tx, case)
            assert not found.live
            assert demand.progress(tx, found).content
        with pytest.raises(RuleError):
            refer(kz, case, to=SHELTER, again=True)
    world.sync(kz)
    with kz.store.read() as tx:
        assert not cases.has_content(tx, cases.get(tx, case))
    assert told(kz, case) == {SHELTER: 1, OTHER: 1, THIRD: 1}


@pytest.mark.parametrize("state", [ConsentState.WITHDRAWN, ConsentState.REFUSED])
def test_a_no_outlives_the_key_that_signed_it(world: World, kz: Gateway, state: ConsentState) -> None:
    """The recipient signed the person's no, and its key was revoked since: nothing goes there all the same."""
    case = three(world, kz)
    sign_their_no(world.lab, kz, case, OTHER, 2, state=state)
    code = Code[state]
    assert code in refuses(kz, case, OTHER)
    with seen(kz, {OTHER: key_stolen}):
        assert code in refuses(kz, case, OTHER)


def key_stolen(member: Organisation) -> Organisation:
    """Return a member whose signing keys were revoked."""
    keys = (dataclasses.replace(key, compromised_since_ms=key.not_before_ms) for key in member.signing_keys)
    return dataclasses.replace(member, signing_keys=tuple(keys))


def _with_version(record: ConsentRecord, version: int, **changes: Any) -> ConsentRecord:
    return dataclasses.replace(record, version=version, prev_hash=bytes(32), **changes)
