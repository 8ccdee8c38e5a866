"""Short words for tests of a return home: one fictional person from Kazakhstan back to Uzbekistan."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from refbus.core.courses.machine import Role
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory, EventType, Purpose
from refbus.errors import Code
from refbus_gateway.courses import referral_steps, returns
from refbus_gateway.store import cases, referrals
from support.gateways import case_file, consent_file, id_of, incoming, new_case, say, take_consent
from support.nodes import Road

E = EventType
WISH = {
    "is_minor": False,
    "seeks_protection": False,
    "decided_freely": True,
    "alternatives_explained": True,
    "risks_explained": True,
    "may_stop_explained": True,
}
RETURN_PURPOSES = [
    Purpose.REPATRIATION,
    Purpose.IDENTITY_TRAVEL_DOCUMENT,
    Purpose.FAMILY_TRACING,
    Purpose.MONITORING,
]
CHILD_CONSENT: dict[str, Any] = {
    "grantor": {
        "kind": "LEGAL_GUARDIAN",
        "authority_evidence": "ab" * 32,
        "authority_until": "2027-01-21",
        "conflict_checked": True,
    },
    "assent": "GIVEN",
    "majority_on": "2030-05-01",
}


class Homecoming:
    """A return with the numbers that it has at both offices. `say` speaks for one side and lets all arrive."""

    def __init__(
        self,
        road: Road,
        name: str,
        *,
        consent: dict[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
        withhold: Collection[DataCategory] = (),
        **wish: Any,
    ) -> None:
        """Begin it, under a consent to all purposes of a return. `facts`: more of the case, or otherwise."""
        self.road = road
        minor = wish.get("is_minor", False)
        who = {"prs_FirstName": "Тўқима шахс", "is_minor": minor, **({} if minor else {"prs_Birthdate": "1991"})}
        self.case = new_case(road.kz, case_file(**{"about": f"Fictional: {name}", "person": who, **(facts or {})}))
        permit = {
            "purposes": RETURN_PURPOSES,
            "actions": ["DISCLOSE", "REPORT_BACK"],
            "data_categories": sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC}),
        }
        take_consent(road.kz, self.case, consent_file(**{"permit": [permit], **(consent or {})}))
        with road.kz.store.write() as tx:
            found = cases.get(tx, self.case)
            begun = returns.begin(road.kz, tx, found, road.shelter, {**WISH, **wish}, withhold=withhold)
        self.here = begun.referral.id
        road.settle()
        self.there = incoming(road.uz, id_of(road.kz, self.here))

    def say(self, role: Role, kind: EventType, /, **document: Any) -> Homecoming:
        """Say something and let it arrive."""
        if role is Role.SOURCE:
            say(self.road.kz, self.here, kind, **document)
        else:
            say(self.road.uz, self.there, kind, **document)
        self.road.settle()
        return self

    def co_sign(self) -> Homecoming:
        """Let the home country sign the host country's risk assessment."""
        with self.road.uz.store.write() as tx:
            referral_steps.co_sign(self.road.uz, tx, self.there)
        self.road.settle()
        return self

    def gaps(self) -> tuple[Code, ...]:
        """Return the guards that the host country's office sees open."""
        with self.road.kz.store.read() as tx:
            return returns.open_guards(self.road.kz, tx, referrals.get(tx, self.here))

    def prepare(self, **changes: dict[str, Any]) -> Homecoming:
        """Do everything that an adult's departure needs. `changes` by event name replace fields of the documents."""
        now_ms = self.road.clock()
        source, target = Role.SOURCE, Role.TARGET
        self.say(source, E.RISK_ASSESSED, **(risks(now_ms) | changes.get("risks", {}))).co_sign()
        self.say(source, E.NATIONALITY_REQUESTED, citizenship="UZ", embassy_may_be_asked=False)
        self.say(target, E.NATIONALITY_CONFIRMED, citizenship="UZ")
        document = {"kind": "RETURN_CERTIFICATE", "valid_until_ms": now_ms + 60 * DAY_MS}
        self.say(target, E.DOCUMENT_ISSUED, **(document | changes.get("document", {})))
        self.say(target, E.RECEPTION_CONFIRMED, **reception(now_ms))
        return self.say(source, E.PLAN_AGREED, **(plan(now_ms) | changes.get("plan", {})))

    def prepare_child(self) -> Homecoming:
        """Do everything that the departure of a child needs; its guardian travels along."""
        self.prepare()
        self.say(Role.SOURCE, E.FAMILY_TRACING_REQUESTED, relatives=[{"relation": "Fictional grandmother"}])
        self.say(Role.TARGET, E.FAMILY_ASSESSED, result="SUITABLE_WITH_SUPPORT")
        best = {"guardian_agrees": True, "child_view": "Fictional: wants to go", "determined_by_role": "CASE_MANAGER"}
        self.say(Role.SOURCE, E.BEST_INTERESTS_DETERMINED, conclusion="RETURN_TO_FAMILY", **best)
        escort = {"escort": "GUARDIAN", "agreed_by": "PERSON_AND_GUARDIAN"}
        return self.say(Role.SOURCE, E.PLAN_AGREED, **plan(self.road.clock()) | escort)

    def leave(self) -> Homecoming:
        """Authorise the departure, and depart."""
        now_ms = self.road.clock()
        officers = {"first_officer_role": "CASE_MANAGER", "second_officer_role": "NATIONAL_FOCAL_POINT"}
        self.say(Role.SOURCE, E.DEPARTURE_AUTHORISED, departs_ms=now_ms, **officers)
        return self.say(Role.SOURCE, E.DEPARTED, at_ms=now_ms, expected_ms=now_ms + DAY_MS)


def risks(now_ms: int) -> dict[str, Any]:
    """Return a risk assessment with one medium risk."""
    return {
        "risks": [{"factor": "RETALIATION", "level": "MED", "mitigation": "Fictional: another region"}],
        "valid_until_ms": now_ms + 30 * DAY_MS,
        "protected_from_return": False,
        "responsible_worker_role": "CASE_MANAGER",
    }


def reception(now_ms: int) -> dict[str, Any]:
    """Return the shelter's confirmation."""
    return {
        "responsible_worker_role": "SHELTER_MANAGER",
        "place_kind": "SHELTER",
        "available_from_ms": now_ms,
        "meets_on_arrival": True,
    }


def plan(now_ms: int) -> dict[str, Any]:
    """Return a plan of one leg by bus."""
    leg = {
        "from_place": "Fictional town A",
        "to_place": "Fictional town B",
        "transport": "BUS",
        "departs_ms": now_ms + DAY_MS,
        "arrives_ms": now_ms + 2 * DAY_MS,
    }
    return {
        "legs": [leg],
        "escort": "NONE",
        "fit_to_travel": True,
        "legal_status": "CONCLUDED",
        "agreed_by": "PERSON",
        "responsible_worker_role": "CASE_MANAGER",
    }
