"""What is asked about returns home: begin, sign the other side's assessment, open with what is missing."""

from __future__ import annotations

import pytest

from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, RuleError
from refbus_gateway.actions import referrals, returns
from refbus_gateway.actions.desk import Delivery
from refbus_gateway.actions.referrals import Answer
from refbus_gateway.actions.returns import ReturnBegun, ReturnQueued
from refbus_gateway.actions.shape import json_of
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import Pair, case_file, consent_file, id_of, incoming, new_case, take_consent
from support.homecoming import RETURN_PURPOSES, WISH, risks


def test_a_return_begins_is_signed_by_both_and_says_what_is_missing(pair: Pair) -> None:
    """The wish once, the assessment word for word, and every guard of the departure that is open."""
    kz, uz = desk_of(pair.world, pair.kz), desk_of(pair.world, pair.uz)
    case = new_case(pair.kz, case_file(about="Fictional: goes home"))
    categories = sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC})
    permit = {"purposes": RETURN_PURPOSES, "actions": ["DISCLOSE", "REPORT_BACK"], "data_categories": categories}
    take_consent(pair.kz, case, consent_file(permit=[permit]))
    begun = returns.begin(*kz, case, SHELTER, WISH)
    assert begun == ReturnQueued(case, begun.return_, SHELTER, sent_before=False, delivery=Delivery.SENT)
    assert json_of(begun)["return"] == begun.return_
    assert returns.begin(*kz, case, SHELTER, WISH) == ReturnBegun(case, begun.return_, SHELTER, sent_before=True)
    pair.exchange()
    there = incoming(pair.uz, id_of(pair.kz, begun.return_))
    with pytest.raises(RuleError) as refused:
        returns.co_sign(*uz, there)
    assert refused.value.code is Code.STATE_NOT_ALLOWED
    said = Answer(EventType.RISK_ASSESSED, risks(pair.world.clock()))
    referrals.answer(*kz, begun.return_, said)
    pair.world.carry()
    signed = returns.co_sign(*uz, there)
    assert (signed.return_, signed.type, signed.delivery) == (there, EventType.RISK_ASSESSED, Delivery.SENT)
    pair.exchange()
    opened = returns.open_return(*kz, begun.return_, "en")
    assert [each.type for each in opened.events if each.type is EventType.RISK_ASSESSED] == [signed.type] * 2
    assert Code.GUARD_PLAN in opened.guards
    own = {"guards": list(opened.guards), "documents": ["PASSPORT", "RETURN_CERTIFICATE", "LAISSEZ_PASSER"]}
    assert {**json_of(referrals.open_course(*kz, begun.return_, "en")), **own} == json_of(opened)
