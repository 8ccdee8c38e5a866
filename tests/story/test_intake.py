"""An event that its recipient cannot take in: the sender is told, as the table of hearings says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from refbus.core.ids import EventId, OrgId
from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.envelope.routing import Authenticated
from refbus.envelope.sealing import Readers, seal
from refbus.errors import Code, ConsentError, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.explain.hearing import SIGNED, sender_step
from refbus.wire import payload as payloads
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.cli.main import main
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.inbox import arrivals
from refbus_gateway.outbox import envelopes
from refbus_gateway.reports.overview import Hop
from refbus_gateway.rules import verification
from refbus_gateway.rules.verification import authenticated
from refbus_gateway.store import referrals, set_aside
from refbus_gateway.store.set_aside import AsideState
from support.gateways import case_file, home_health, line, sent, withdraw_all
from support.nodes import Road

REQUESTED = EventType.REFERRAL_REQUESTED


def details(gateway: Gateway, code: Code) -> list[str]:
    """Return what the standing alarms with a code say."""
    return [alarm.detail for alarm in home_health(gateway).alarms if alarm.code == code]


def raising(error: RefbusError, at: OrgId) -> Callable[..., Any]:
    """Return what stands in for opening a content: at one office it fails so, at the others it works."""
    real = verification.verified

    def fail(gateway: Gateway, sender: Authenticated) -> Any:
        if gateway.me == at:
            raise error
        return real(gateway, sender)

    return fail


def arrives_and_fails(road: Road, monkeypatch: pytest.MonkeyPatch, error: RefbusError, name: str) -> int:
    """Refer a case whose request the shelter authenticates and cannot take in; return the referral's number."""
    _, number = sent(road.kz, case_file(about=f"Fictional: {name}"))
    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "verified", raising(error, road.shelter))
        road.settle()
    return number


KINDS: dict[str, RefbusError] = {
    "undeclared": UntrustedError(Code.DECLARATION_MISMATCH),
    "malformed": MalformedError(Code.MALFORMED, "a list that may not be empty"),
    "no consent": ConsentError((Code.CATEGORY_NOT_COVERED, Code.NO_CONSENT)),
    "a later code": MalformedError(Code.USAGE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_sender_hears_what_its_recipient_refused(shared: Road, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Signed, coded, with the event it is about: status and alarm name number, event, organisation, code."""
    number = arrives_and_fails(shared, monkeypatch, KINDS[kind], kind)
    found = line(shared.kz, number)
    code = "OTHER" if kind == "a later code" else str(KINDS[kind].code)
    assert (found.hop, found.codes) == (Hop.NOT_TAKEN_IN, (code,))
    assert f"number {number}, ReferralRequested, {shared.shelter}: {code}" in details(shared.kz, Code.NOT_TAKEN_IN)
    event = f"ReferralRequested {found.event.block.event_id.hex()[:8]} of {shared.agency}"
    (said,) = [each for each in details(shared.uz, KINDS[kind].code) if event in each]
    assert said.endswith("; the sender is told")


def test_status_says_what_to_do(own: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A person at the sender reads the code and the step for it, and the same as JSON."""
    number = arrives_and_fails(own, monkeypatch, KINDS["undeclared"], "shown")
    own.kz.close()
    own.opened.remove(own.kz)
    home = ["--home", str(own.lab.paths.home(own.agency)), "--passphrase-file", str(passphrase_file(own))]
    assert main([*home, "status", str(number)]) == 0
    shown = capsys.readouterr().out
    assert "NOT_TAKEN_IN DECLARATION_MISMATCH" in shown
    assert sender_step("DECLARATION_MISMATCH") in shown
    assert main([*home, "--json", "status", str(number)]) == 0
    (event,) = json.loads(capsys.readouterr().out)["referrals"][0]["events"]
    assert (event["hop"], event["codes"]) == ("NOT_TAKEN_IN", ["DECLARATION_MISMATCH"])


def test_an_event_of_an_unknown_schema_waits_and_both_hear(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNKNOWN_SCHEMA: told at once that it waits; after the update it is taken in, and that is told as well."""
    _, number = sent(own.kz)
    known = payloads._known_schemas()  # what the older program of the shelter does not have
    older = {name: each for name, each in known.items() if each[0] is not REQUESTED}
    with monkeypatch.context() as patch:
        patch.setattr(payloads, "_known_schemas", lambda: older)
        patch.setattr(payloads, "_schema_files", dict)
        patch.setattr("refbus_gateway.inbox.refusals.schemas_known", lambda: "older")
        own.settle(own.kz)
        own.sync(own.uz)
    own.settle(own.kz)
    assert line(own.kz, number).hop is Hop.WAITS_THERE
    assert details(own.kz, Code.NOT_TAKEN_IN) == [
        f"number {number}, ReferralRequested, {own.shelter}: UNKNOWN_SCHEMA, it waits there"
    ]
    assert [each.endswith("the sender is told") for each in details(own.uz, Code.UNKNOWN_SCHEMA)] == [True]
    own.settle()
    assert line(own.kz, number).hop is Hop.DELIVERED
    assert details(own.kz, Code.NOT_TAKEN_IN) == []


def test_what_waits_for_long_is_told(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """What time may bring is nobody's business for a day; then recipient and sender hear that it waits."""
    _, number = sent(own.kz)
    own.settle(own.kz)
    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "verified", raising(UncheckableError(Code.VIEW_STALE), own.shelter))
        own.sync(own.uz)
        own.settle(own.kz)
        assert details(own.uz, Code.VIEW_STALE) == []
        assert line(own.kz, number).hop is Hop.THEIR_INBOX
        own.clock.move(hours=25)
        own.settle()
    assert len(details(own.uz, Code.VIEW_STALE)) == 1
    assert line(own.kz, number).hop is Hop.WAITS_THERE


def test_a_withdrawal_that_is_not_taken_in_stays_a_withdrawal(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender is told; its own course stays suspended, and the withdrawal goes out again every day."""
    case, number = sent(own.kz)
    own.settle()
    withdraw_all(own.kz, case)
    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "verified", raising(UntrustedError(Code.DECLARATION_MISMATCH), own.shelter))
        own.settle()
    found = line(own.kz, number, EventType.CONSENT_WITHDRAWN)
    assert (found.hop, found.envelopes) == (Hop.NOT_TAKEN_IN, 1)
    assert home_health(own.kz).withdrawals_unanswered_ms is not None
    own.pass_time(hours=25)
    assert line(own.kz, number, EventType.CONSENT_WITHDRAWN).envelopes == 2
    assert home_health(own.uz).withdrawals_to_answer_ms is not None


def test_of_what_nobody_signed_only_the_recipient_hears(own: Road) -> None:
    """The alarm says that it cannot be known from whom it is, and that nobody else is told; nothing is sent."""
    before = len(own.bus.records("uz.outbox"))
    own.bus.put(f"uz.inbox.{own.shelter}", InboxRecord(InboxKind.EVENT, 1, b"not an envelope").encode())
    own.sync(own.uz)
    assert details(own.uz, Code.MALFORMED) == ["inbox record 1: from whom it is cannot be known; nobody else is told"]
    assert len(own.bus.records("uz.outbox")) == before


def test_answers_are_not_answered(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two offices that cannot read each other's answers do not write to each other for ever."""
    _, number = sent(own.kz)
    own.settle(own.kz)
    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "verified", everywhere)
        own.settle()
    kinds = [block.event_type for block in crossings(own, "kz")] + [each.event_type for each in crossings(own, "uz")]
    assert sorted(kinds) == [EventType.INTAKE_REPORTED, REQUESTED]
    assert number


def everywhere(_gateway: Gateway, _sender: Authenticated) -> Any:
    """Fail at every office."""
    raise UntrustedError(Code.DECLARATION_MISMATCH)


def crossings(road: Road, country: str) -> list[RoutingBlock]:
    """Return the routing blocks in a country's outbox."""
    from refbus.envelope.format import Envelope
    from refbus.envelope.routing import open_routing

    keys = road.lab_gate_keys(country)
    return [open_routing(Envelope.parse(record.value), keys).block for record in road.bus.records(f"{country}.outbox")]


def passphrase_file(road: Road) -> Any:
    """Return a file with the passphrase of every home here."""
    from support.ceremonies import PASSPHRASE

    path = road.folder / "passphrase"
    path.write_text(PASSPHRASE, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_every_code_of_the_answer_has_a_step() -> None:
    """Whatever a recipient answers, the sender is told what to do, also for a code that came later."""
    for code in [*SIGNED, "OTHER", "NEVER_HEARD_OF"]:
        assert sender_step(str(code)).endswith(".")


def test_a_flood_that_waits_is_bounded_and_an_honest_sender_is_not_delayed(
    own: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one sender 5 wait here (200 in life); the others are answered, and the next honest event is taken in."""
    monkeypatch.setattr("refbus_gateway.inbox.refusals.MOST_RECORDS", 5)
    for number in range(8):
        flood(own, number)
    own.sync(own.uz)
    with own.uz.store.read() as tx:
        held, refused = set_aside.aside(tx, AsideState.HELD), set_aside.aside(tx, AsideState.REFUSED)
    assert len(held) == 5
    assert [(each.code, each.value) for each in refused] == [(Code.TOO_MANY_WAITING, b"")] * 3
    _, number = sent(own.kz)
    own.settle()
    assert line(own.kz, number).hop is Hop.DELIVERED
    with own.uz.store.read() as tx:
        assert len(set_aside.aside(tx, AsideState.HELD)) == 5


def test_what_waits_is_tried_again_only_when_something_changed(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty events of a newer program cost nothing while the program is the same: not opened, not written."""
    for number in range(4):
        flood(own, number)
    own.sync(own.uz)
    opened: list[object] = []

    def counting(*given: Any) -> Any:
        opened.append(given)
        return authenticated(*given)

    monkeypatch.setattr(arrivals, "authenticated", counting)
    mark = row_of(own.uz)
    for _ in range(3):
        own.sync(own.uz)
    assert (opened, row_of(own.uz)) == ([], mark)
    monkeypatch.setattr("refbus_gateway.inbox.refusals.schemas_known", lambda: "a newer program")
    own.sync(own.uz)
    assert len(opened) == 4


def test_what_says_stop_has_no_limit_and_goes_first(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """A withdrawal that has to wait waits behind nothing of its sender, however much that is."""
    monkeypatch.setattr("refbus_gateway.inbox.refusals.MOST_RECORDS", 2)
    case, number = sent(own.kz)
    own.settle()
    for each in range(1, 4):
        flood(own, each)
    own.sync(own.uz)
    withdraw_all(own.kz, case)
    own.settle(own.kz)
    topic = f"uz.inbox.{own.shelter}"
    stop = InboxRecord.parse(own.bus.records(topic)[-1].value)
    own.bus.put(topic, InboxRecord(stop.kind, stop.sequence + 10, stop.body).encode())  # behind the flood
    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "verified", raising(UncheckableError(Code.UNKNOWN_SCHEMA), own.shelter))
        own.sync(own.uz)
    with own.uz.store.read() as tx:
        order = [set_aside.aside_with(tx, each.id) for each in set_aside.waiting(tx)]
        last = max(each.sequence for each in order if each)
    assert len(order) == 3
    assert order[0] is not None
    assert order[0].sequence == last
    assert number


def row_of(gateway: Gateway) -> list[tuple[int, int]]:
    """Return how often each waiting record was tried."""
    with gateway.store.read() as tx:
        return [(each.id, each.attempts) for each in set_aside.waiting(tx)]


def flood(road: Road, number: int) -> None:
    """Put an event of a schema that nobody has into the shelter's inbox, signed by the agency."""
    kz, now_ms = road.kz, road.kz.now_ms()
    if number == 0:
        sent(kz, case_file(about="Fictional: a newer program"))
    with kz.store.read() as tx:
        block = referrals.events_of(tx, referrals.every(tx)[0])[0].block
    unknown = b"\xc3\x01" + bytes(8) + number.to_bytes(4, "big")
    event_id = EventId(b"newer program" + number.to_bytes(3, "big"))
    signer = kz.keys.signer(kz.directory(), kz.me, now_ms)
    changed = dataclasses.replace(block, event_id=event_id, sender_kid=signer.kid, payload_fingerprint=bytes(8))
    gates = [envelopes.recipient_key(kz, OrgId(gate)).public for gate in ("kz-gate", "uz-gate")]
    raw = seal(
        changed,
        unknown,
        signer=signer,
        readers=Readers(envelopes.recipient_key(kz, road.shelter).public, *gates),
        expires_at_hour=now_ms // HOUR_MS + 24,
        directory_version=kz.directory().version,
    )
    topic = f"uz.inbox.{road.shelter}"
    sequence = len(road.bus.records(topic)) + 1
    road.bus.put(topic, InboxRecord(InboxKind.EVENT, sequence, raw).encode())
