"""The cases of the demonstration that few forms foresee: a family, a child of unknown age, a deaf adult, no papers."""

from __future__ import annotations

import dataclasses
import json

import pytest

from demo.plan import PlannedCase, consent_form, planned_cases
from demo.story import UNFORESEEN
from refbus_gateway.actions import links
from refbus_gateway.cases import companions
from refbus_gateway.rules import age_check
from refbus_gateway.store import cases
from support.desks import desk_of
from support.gateways import id_of, incoming, new_case, open_at, refer, take_consent
from support.nodes import Road

NAMES = ("uz-20-mother-and-baby", "uz-31-baby-of-20", "kg-32-child-of-unknown-age", "kz-33-deaf-tailor")

SHOWN = {
    "kg-32-child-of-unknown-age": ("12 ёки 13", "Stated age to", "STATE_GUARDIANSHIP"),
    "kz-33-deaf-tailor": ("rsl", "May video", "COMPANION"),
    "kz-34-without-papers": ("Report", "Вымышленная мать 34"),
}
"""What of each case the recipient must read."""


def planned(road: Road, name: str) -> PlannedCase:
    """Return a case of the demonstration, for the two offices of this road."""
    found = next(each for each in planned_cases(road.kz.directory()) if each.name == name)
    return dataclasses.replace(found, sender=road.agency, recipient=road.shelter)


def taken(road: Road, name: str) -> int:
    """Keep a case of the demonstration."""
    return new_case(road.kz, planned(road, name).content)


def agreed(road: Road, number: int, name: str) -> None:
    """Take its consent down, said at the time of this road."""
    form = consent_form(planned(road, name))
    form |= {"valid_until": "2026-12-20", "retain_until": "2027-06-01"}
    del form["said_at"]
    if "authority_until" in form["grantor"]:
        form["grantor"]["authority_until"] = "2027-01-21"
    take_consent(road.kz, number, json.dumps(form).encode())


def test_the_family_is_referred_together(shared: Road) -> None:
    """Mother and baby, each under a consent of its own, and each names the other."""
    numbers = {name: taken(shared, name) for name in NAMES[:2]}
    mother, baby = numbers.values()
    desk, actor = desk_of(shared, shared.kz)
    links.link(desk, actor, mother, [baby], "CHILD")
    for name, number in numbers.items():
        agreed(shared, number, name)
        refer(shared.kz, number, to=shared.shelter)
    with shared.kz.store.read() as tx:
        assert [each["relation"]["code"] for each in companions.to_tell(tx, cases.get(tx, baby), shared.shelter)] == [
            "PARENT"
        ]


@pytest.mark.parametrize("name", [*NAMES[2:], "kz-34-without-papers"])
def test_what_few_forms_foresee_arrives(shared: Road, name: str) -> None:
    """The consent that the demonstration takes down lets all of it be sent and read."""
    number = taken(shared, name)
    with shared.kz.store.read() as tx:
        child = age_check.age_in_case(shared.kz, tx, cases.get(tx, number)).child
    assert child is (name == "kg-32-child-of-unknown-age")
    agreed(shared, number, name)
    here = refer(shared.kz, number, to=shared.shelter)
    shared.settle()
    shown = open_at(shared.uz, incoming(shared.uz, id_of(shared.kz, here))).events[0]
    assert shown.hidden == ()
    assert all(text in repr(shown.sections) for text in SHOWN[name]), shown.sections
    assert name in UNFORESEEN, "the demonstration tells of it"
