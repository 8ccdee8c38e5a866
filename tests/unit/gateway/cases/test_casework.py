"""Cases and consents as a person keeps them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType, Priority, Purpose
from refbus.envelope import consent as checking
from refbus.errors import Code, ConsentError, MalformedError, RefbusError, RuleError, SetupError
from refbus.wire.payload import categories_of
from refbus_gateway.cases import casework
from refbus_gateway.cases.withheld import without
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses import referral_steps
from refbus_gateway.forms.casefile import parse_case
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.outbox import envelopes
from refbus_gateway.store import cases, outbox, referrals
from refbus_gateway.store import consents as kept
from support.gateways import Pair, case_file, consent_file, new_case, refer, sent, take_consent, withdraw_all

NOW_MS = 1_790_000_000_000
ALL = {
    "health": {"summary": "Fictional", "sexual_health": "Fictional"},
    "family": {"summary": "Fictional"},
    "attachments": [
        {
            "data_category": category,
            "title": "Fictional",
            "media_type": "text/plain",
            "content_base64": base64.b64encode(b"fictional").decode(),
        }
        for category in ("HEALTH", "LEGAL_CASE")
    ],
}


def test_the_same_file_is_the_same_case(pair: Pair) -> None:
    """Typing it twice makes one case; another file makes another."""
    one = case_file(about="Fictional: same")
    assert new_case(pair.kz, one) == new_case(pair.kz, one)
    assert new_case(pair.kz, case_file(about="Fictional: not the same")) != new_case(pair.kz, one)


def test_a_second_event_verifies_no_record_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records a case has, their signatures cost the first event of a directory version, and no later."""
    case, _ = sent(pair.kz, case_file(about="Fictional: many records"))
    for _ in range(3):
        pair.world.clock.move(hours=1)
        take_consent(pair.kz, case, consent_file())
    refer(pair.kz, case, again=True)
    monkeypatch.setattr(checking, "verify", lambda *_: pytest.fail("verified again"))
    refer(pair.kz, case, again=True)


def test_the_same_request_is_sent_once(pair: Pair) -> None:
    """A repeat changes nothing; `again` and another organisation make a new referral."""
    case, number = sent(pair.kz, case_file(about="Fictional: once"))
    assert refer(pair.kz, case) == number
    assert refer(pair.kz, case, again=True) != number
    other = OrgId("uz-1ega1a1d")
    take_consent(pair.kz, case, consent_file(other))
    assert refer(pair.kz, case, to=other) not in {number, None}


def test_a_file_that_names_no_organisation_needs_one(pair: Pair) -> None:
    """USAGE: somebody must choose; nothing is chosen for the person."""
    case = new_case(pair.kz, case_file(recipient={"country": "uz", "role": "NGO"}))
    with pytest.raises(SetupError) as refused:
        refer(pair.kz, case)
    assert refused.value.code is Code.USAGE
    assert "refbus orgs find --country uz" in str(refused.value.detail), "it says where to look"


def test_an_edited_file_takes_the_place_of_the_first(pair: Pair) -> None:
    """What was sent stays as it was; the next referral says what the new file says."""
    case, first = sent(pair.kz, case_file(about="Fictional: edited"))
    with pair.kz.store.write() as tx:
        casework.update_case(pair.kz, tx, cases.get(tx, case), case_file(reason_details="Fictional: new words"))
    second = refer(pair.kz, case)
    assert second != first
    with pair.kz.store.read() as tx:
        said = [referrals.events_of(tx, referrals.get(tx, each))[0].payload for each in (first, second)]
    assert b"new words" not in said[0]
    assert b"new words" in said[1]


@pytest.mark.parametrize("category", [DataCategory.HEALTH, DataCategory.SEXUAL_HEALTH, DataCategory.FAMILY])
def test_a_withheld_category_leaves_no_trace(category: DataCategory) -> None:
    """Fields and attachments of the category are gone, all others stay."""
    fields = parse_case(case_file(**ALL), now_ms=NOW_MS).fields
    left = without(EventType.REFERRAL_REQUESTED, fields, [category])
    before = categories_of(EventType.REFERRAL_REQUESTED, fields)
    assert categories_of(EventType.REFERRAL_REQUESTED, left) == before - {category}


def test_what_is_compulsory_cannot_be_withheld() -> None:
    """CASE_INVALID: a referral without what is asked for helps nobody."""
    fields = parse_case(case_file(), now_ms=NOW_MS).fields
    with pytest.raises(MalformedError) as refused:
        without(EventType.REFERRAL_REQUESTED, fields, [DataCategory.SERVICE_NEEDS])
    assert refused.value.code is Code.CASE_INVALID


def test_consents_are_a_chain_of_versions(pair: Pair) -> None:
    """A later answer continues the first: same id, next version, hash of the one before."""
    case = new_case(pair.kz, case_file(about="Fictional: chain"))
    for _ in range(2):
        take_consent(pair.kz, case, consent_file())
    withdraw_all(pair.kz, case)
    with pair.kz.store.read() as tx:
        records = [each.signed.record for each in kept.of_case(tx, cases.get(tx, case))]
    assert [each.version for each in records] == [1, 2, 3]
    assert len({each.consent_id for each in records}) == 1
    assert [each.prev_hash is None for each in records] == [True, False, False]
    assert records[-1].state is ConsentState.WITHDRAWN
    assert records[-1].provisions == ()


def test_consent_can_be_given_again_after_a_withdrawal(pair: Pair) -> None:
    """A higher version, signed later, opens the way again."""
    case, first = sent(pair.kz, case_file(about="Fictional: given again"))
    withdraw_all(pair.kz, case)
    with pytest.raises(ConsentError):
        refer(pair.kz, case, again=True)
    take_consent(pair.kz, case, consent_file())
    assert refer(pair.kz, case, again=True) != first


def test_a_refusal_is_kept_and_counts(pair: Pair) -> None:
    """REFUSED is an answer too: it is signed, and nothing goes out."""
    case = new_case(pair.kz, case_file(about="Fictional: refused"))
    take_consent(pair.kz, case, consent_file(state="REFUSED", permit=[]))
    with pytest.raises(ConsentError) as refused:
        refer(pair.kz, case)
    assert Code.REFUSED in refused.value.reasons


def test_nothing_to_withdraw_is_told(pair: Pair) -> None:
    """NO_CONSENT rather than silence."""
    case = new_case(pair.kz, case_file(about="Fictional: nothing to withdraw"))
    with pytest.raises(ConsentError) as refused:
        withdraw_all(pair.kz, case)
    assert refused.value.code is Code.NO_CONSENT


def test_only_one_organisation_can_be_withdrawn_from(pair: Pair) -> None:
    """The other consent stays; who had received nothing is not told anything."""
    case, _ = sent(pair.kz, case_file(about="Fictional: one of two"))
    other = OrgId("uz-1ega1a1d")
    take_consent(pair.kz, case, consent_file(other))
    with pair.kz.store.write() as tx:
        (done,) = withdrawals.withdraw(pair.kz, tx, cases.get(tx, case), other)
    assert (done.org, done.notified) == (other, False)
    assert refer(pair.kz, case, again=True)


def test_an_unknown_notice_text_is_refused(pair: Pair) -> None:
    """NOTICE_UNKNOWN: only texts of the country's policy count."""
    case = new_case(pair.kz, case_file(about="Fictional: notice"))
    with pytest.raises(ConsentError) as refused:
        take_consent(pair.kz, case, consent_file(notice={"notice_id": "own-text", "language": "ru"}))
    assert refused.value.code is Code.NOTICE_UNKNOWN


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"format": "refbus-consent/2"}, "format"),
        ({"organisation": "UZ"}, "organisation"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"valid_until": "2027-01-01T10"}, "valid_until"),
        ({"interpreter": "yes"}, "interpreter"),
        ({"notice": "referral-1"}, "notice"),
        ({"grantor": {"kind": "SELF", "conflict_checked": True}}, "grantor.conflict_checked"),
        ({"grantor": {"kind": "FRIEND"}}, "grantor.kind"),
        ({"permit": "all"}, "permit"),
        ({"permit": [{"purposes": ["ALL"], "actions": [], "data_categories": []}]}, "permit[0].purposes"),
        ({"deny": [{"purposes": [], "actions": [], "data_categories": [], "extra": 1}]}, "deny[0].extra"),
        ({"denied_recipients": "police"}, "denied_recipients"),
        ({"denied_recipients": ["police"]}, "denied_recipients"),
        ({"withdrawal_contact": "  "}, "withdrawal_contact"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_mistake_of_a_consent_file_is_named(changes: dict[str, Any], path: str) -> None:
    """Strict, with the place; nothing is guessed."""
    with pytest.raises(CaseInvalidError) as refused:
        parse_consent(consent_file(**changes), now_ms=NOW_MS)
    assert path in {problem.path for problem in refused.value.problems}


def test_a_guardians_consent_reads_back() -> None:
    """Evidence, end of authority and the check against the trafficking come through as written."""
    grantor = {
        "kind": "PARENT",
        "authority_evidence": "ab" * 32,
        "authority_until": "2026-12-31",
        "conflict_checked": True,
    }
    form = parse_consent(consent_file(grantor=grantor, majority_on="2030-05-01", assent="GIVEN"), now_ms=NOW_MS)
    assert form.grantor.authority_evidence == b"\xab" * 32
    assert form.majority_at_ms is not None
    assert form.grantor.authority_until_ms is not None
    assert form.said_at_ms == NOW_MS


def test_keeping_data_by_law_needs_its_reason(own: Pair) -> None:
    """REASON_REQUIRED for RETAINED_LEGAL without one, and for a reason without it."""
    case, _ = sent(own.kz)
    own.exchange()
    withdraw_all(own.kz, case)
    own.exchange()
    for result, reason in (("RETAINED_LEGAL", None), ("STOPPED", "COURT_ORDER")):
        with pytest.raises(RuleError) as refused, own.uz.store.write() as tx:
            referral_steps.acknowledge(own.uz, tx, 1, result, reason)
        assert refused.value.code is Code.REASON_REQUIRED
    for result, reason in (("STOPPED", None), ("RETAINED_LEGAL", "COURT_ORDER")):
        with own.uz.store.write() as tx:
            referral_steps.acknowledge(own.uz, tx, 1, result, reason)
    with pytest.raises(RuleError), own.uz.store.write() as tx:
        referral_steps.acknowledge(own.uz, tx, 1, "STOPPED", None)


def test_a_received_case_is_not_ours_to_send(own: Pair) -> None:
    """What came from another organisation cannot be referred on as an own case."""
    sent(own.kz)
    own.exchange()
    with pytest.raises(RuleError) as refused:
        refer(own.uz, 1)
    assert refused.value.code is Code.CASE_UNKNOWN


def test_a_refused_event_leaves_nothing_behind(own: Pair) -> None:
    """Referral, event, outbox row and audit entry are one transaction: all or nothing."""
    case = new_case(own.kz)
    with pytest.raises(ConsentError):
        refer(own.kz, case)
    with own.kz.store.read() as tx:
        assert referrals.every(tx) == []
        assert outbox.due(tx, own.kz.now_ms()) == []


def test_an_answer_with_mistakes_is_not_sent(own: Pair) -> None:
    """Every problem of the fields is named, a missing reason and an unknown code alike."""
    sent(own.kz)
    own.exchange()
    attempts: list[tuple[EventType, dict[str, Any]]] = [
        (EventType.REFERRAL_REJECTED, {}),
        (EventType.REFERRAL_REJECTED, {"reason": "BAD_MOOD"}),
        (EventType.REFERRAL_REJECTED, {"reason": "OTHER"}),
        (EventType.REFERRAL_ACCEPTED, {"responsible_worker_role": "SOCIAL_WORKER", "nonsense": 1}),
    ]
    for event_type, document in attempts:
        with pytest.raises(RefbusError), own.uz.store.write() as tx:
            referral_steps.act(own.uz, tx, 1, referral_steps.Answer(event_type, document))
    with own.uz.store.read() as tx:
        types = {event.block.event_type for event in referrals.events_of(tx, referrals.get(tx, 1))}
    assert types == {EventType.REFERRAL_REQUESTED, EventType.REFERRAL_DELIVERED}


def test_terms_of_a_referral_are_those_of_its_request(own: Pair) -> None:
    """Answers travel for the same purpose and with the same priority."""
    _, number = sent(own.kz, case_file(priority="EMERGENCY"))
    with own.kz.store.read() as tx:
        terms = envelopes.terms_of(tx, referrals.get(tx, number))
    assert terms == envelopes.Terms(Purpose.REFERRAL_SERVICES, Priority.EMERGENCY)
