"""Police, prosecutors, health services and international organisations refer and are referred to, as any member."""

from __future__ import annotations

import pytest

from refbus.core.directory import OrgRole
from refbus.core.vocabulary import EventType
from refbus_gateway.actions import organisations
from refbus_gateway.words.offices import ORGANISATION_ROLES
from support.desks import desk_of
from support.gateways import case_file, consent_file, id_of, incoming, open_at, say, sent, view
from support.nodes import Road, give_role

E = EventType


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        (OrgRole.POLICE, OrgRole.HEALTH_SERVICE),
        (OrgRole.PROSECUTOR, OrgRole.INTERNATIONAL_ORGANISATION),
    ],
)
def test_every_kind_of_member_refers_and_is_referred_to(shared: Road, sender: OrgRole, recipient: OrgRole) -> None:
    """Through both gates and back; the directory names each by its kind."""
    give_role(shared, shared.agency, sender)
    give_role(shared, shared.shelter, recipient)
    desk, actor = desk_of(shared, shared.kz)
    found = organisations.find(desk, actor, country="uz")
    assert recipient in {each.role for each in found if each.org_id == shared.shelter}
    assert {sender, recipient} <= ORGANISATION_ROLES.keys()
    _, number = sent(shared.kz, case_file(about=f"Fictional: from {sender} to {recipient}"), consent_file())
    shared.settle()
    there = incoming(shared.uz, id_of(shared.kz, number))
    assert open_at(shared.uz, there).events[0].sections["Person"]
    say(shared.uz, there, E.REFERRAL_ACCEPTED, responsible_worker_role="MEDICAL_WORKER")
    shared.settle()
    assert view(shared.kz, number).status == view(shared.uz, there).status == "ACCEPTED"
