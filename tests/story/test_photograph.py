"""A photograph for a return certificate stays where the law keeps it: the consulate in the country asks there."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from refbus.core.directory import OrgRole
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, RuleError
from refbus_gateway.courses import returns
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases
from support.gateways import case_file, consent_file, id_of, incoming, new_case, open_at, refer, say, take_consent
from support.homecoming import RETURN_PURPOSES, WISH, E
from support.nodes import Road, give_role

HOST = OrgId("uz-agency01")
PHOTO = {
    "data_category": "PHOTO_BIOMETRIC",
    "title": "Fictional photo",
    "media_type": "image/png",
    "content_base64": "iVBORw0KGgo=",
}


def host_case(host: Gateway, org: OrgId, **fields: Any) -> int:
    """Keep a case at an office in uz whose person permits everything to one organisation, a photograph too."""
    permit = {
        "purposes": ["REFERRAL_SERVICES", *RETURN_PURPOSES],
        "actions": ["DISCLOSE", "REPORT_BACK"],
        "data_categories": [str(category) for category in DataCategory],
    }
    case = new_case(host, case_file(recipient={"organisation": org}, about=f"Fictional: to {org}", **fields))
    take_consent(host, case, consent_file(org, permit=[permit]))
    return case


def begin(host: Gateway, case: int, org: OrgId) -> int:
    """Begin the return of a person from uz."""
    with host.store.write() as tx:
        return returns.begin(host, tx, cases.get(tx, case), org, WISH).referral.id


def test_a_certificate_is_asked_for_without_the_photograph(shared: Road) -> None:
    """With it nothing leaves, and the refusal says who asks for it where; without it the home country reads on."""
    host = shared.gateway(HOST)
    number = begin(host, host_case(host, shared.agency), shared.agency)
    shared.settle()
    asked = {"kind": "RETURN_CERTIFICATE", "embassy_may_be_asked": True}
    with pytest.raises(RuleError) as refused:
        say(host, number, E.DOCUMENT_REQUESTED, **asked, attachments=[PHOTO])
    assert refused.value.code is Code.RESIDENCY_FORBIDDEN
    assert "the consulate of kz in uz asks the person for it there" in refused.value.detail
    say(host, number, E.DOCUMENT_REQUESTED, **asked)
    shared.settle()
    shown = open_at(shared.kz, incoming(shared.kz, id_of(host, number))).events[-1].sections
    assert shown["Travel document requested"]["Embassy may be asked"] == "yes"


def test_a_consulate_in_the_country_receives_the_photograph(shared: Road) -> None:
    """It does not leave the country there, whatever state the consulate is of."""
    give_role(shared, shared.shelter, OrgRole.EMBASSY)
    host = shared.gateway(HOST)
    shared.settle()
    number = refer(host, host_case(host, shared.shelter, attachments=[PHOTO]))
    shared.settle()
    opened = open_at(shared.uz, incoming(shared.uz, id_of(host, number))).events[0]
    assert "Fictional photo" in repr(opened.sections)


def test_no_consulate_hears_of_a_person_who_seeks_protection(shared: Road) -> None:
    """Neither in a referral nor by a wish that says otherwise."""
    give_role(shared, shared.shelter, OrgRole.EMBASSY)
    host = shared.gateway(HOST)
    shared.settle()
    for status in ("ASYLUM_SEEKER", "REFUGEE", "COMPLEMENTARY_PROTECTION"):
        case = host_case(host, shared.shelter, immigration={"status": [status]})
        for attempt in (refer, partial(begin, org=shared.shelter)):
            with pytest.raises(RuleError) as refused:
                attempt(host, case)
            assert refused.value.code is Code.PROTECTED_FROM_EMBASSY
