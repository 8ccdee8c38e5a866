"""What a case or an event says about the age of its person, held against the rules of a country and the consent.

At the desk, when consent is taken down, before sealing, and at the recipient. A gate cannot see a birth date: it reads
what the consent record says of majority, and here that is made from the same fact.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

from refbus.core.consent.age import Age, AgeFacts, AgeGroup, AgeRules, age_of, left_unasked, record_problems, rules_of
from refbus.core.consent.record import ConsentRecord, ConsentState, GrantorKind
from refbus.core.directory import Directory
from refbus.core.facts import BIRTH
from refbus.core.message import RoutingBlock
from refbus.core.units import DAY_MS
from refbus.errors import Code, ConsentError
from refbus.said import placed, said
from refbus.wire.consent import decode_signed
from refbus_gateway.forms.ages import STATED, facts_of
from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.forms.dates import as_forms_have_it
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, cases
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction

_LEAP_YEAR_MS: Final = 366 * DAY_MS
MOST_OF_COURSES: Final = 200
_WHO_SPEAKS: Final = said("the case is not that of an adult: who may speak for the child?")
_LEAVE_OUT: Final = said("the case is that of an adult: leave it out, or correct the case")
_ASK_THE_CHILD: Final = said("Ask the child in words that they understand. Without their agreement do not send.")
_WHY_ADULT: Final = said("the case gives no birth date: write it, or adult_judgement with why the person is an adult")


def rules_here(gateway: Gateway) -> AgeRules:
    """Return the rules of this organisation's country, as the newest directory has them, in force or not."""
    directory = gateway.newest_directory()
    return rules_of(directory.policies.get(gateway.country) if directory else None)


def age_in_case(gateway: Gateway, tx: Transaction, case: Case) -> Age:
    """Return the age that an own case tells now."""
    return age_of(_case_facts(tx, case), rules_here(gateway), gateway.now_ms())


def require_clear(gateway: Gateway, tx: Transaction, case: Case) -> None:
    """Raise CaseInvalidError AGE_CONTRADICTS when what an own case says of the age does not go together today."""
    clashes = age_in_case(gateway, tx, case).contradictions
    if clashes:
        raise CaseInvalidError(
            Problem(
                "person", Code.AGE_CONTRADICTS, said("%(clash)s: correct it with `refbus case update`", clash=clash)
            )
            for clash in clashes
        )


def with_majority(gateway: Gateway, tx: Transaction, case: Case, record: ConsentRecord) -> ConsentRecord:
    """Return a new yes with the majority that the case gives, so that all who decide read the same fact.

    Raises CaseInvalidError: AGE_CONTRADICTS, AGE_UNKNOWN, CASE_INVALID for a majority that is missing or cannot be, or
    ASSENT_MISSING where a child who may be old enough was not asked.
    """
    if record.state is not ConsentState.GIVEN or not case.own:
        return record
    facts, rules = _case_facts(tx, case), rules_here(gateway)
    age = age_of(facts, rules, record.event_time_ms)
    problem = _problem(age, record, rules)
    if problem is not None:
        raise CaseInvalidError([problem])
    if age.child and record.majority_at_ms is None:
        record = dataclasses.replace(record, majority_at_ms=age.majority_ms)
    if left_unasked(facts, record, rules):
        raise CaseInvalidError([Problem("assent", Code.ASSENT_MISSING, _ASK_THE_CHILD)])
    return record


def _problem(age: Age, record: ConsentRecord, rules: AgeRules) -> Problem | None:
    """Find the one thing that a person must correct first in what the form says of the age."""
    said_ms = record.majority_at_ms
    if not age.child:
        if said_ms is None:
            return None
        return Problem("majority_on", Code.AGE_CONTRADICTS, _LEAVE_OUT)
    unknown = age.group is AgeGroup.UNKNOWN
    if record.grantor.kind is GrantorKind.SELF:
        code = Code.AGE_UNKNOWN if unknown else Code.AGE_CONTRADICTS
        return Problem("grantor.kind", code, _WHY_ADULT if age.said_adult else _WHO_SPEAKS)
    if age.said_adult:
        return Problem(
            "grantor.kind", Code.AGE_CONTRADICTS, said("the case says no minor: find out, and correct the case")
        )
    if said_ms is None and age.majority_ms is None:
        return Problem(
            "majority_on", Code.CASE_INVALID, said("write the day on which the child comes of age, the latest possible")
        )
    if said_ms is None:
        return None
    if age.majority_ms is None or age.majority_from_ms is None or age.estimated:
        longest_ms = age.majority_ms or record.event_time_ms + rules.majority_age * _LEAP_YEAR_MS
        fits = max(record.event_time_ms + 1, age.majority_from_ms or 0) <= said_ms <= longest_ms
        return None if fits else Problem("majority_on", Code.CASE_INVALID, said("no child comes of age on that day"))
    fits = age.majority_from_ms <= said_ms <= age.majority_ms
    return (
        None if fits else Problem("majority_on", Code.AGE_CONTRADICTS, said("is another day than the birth date gives"))
    )


def require_same_age(
    gateway: Gateway, tx: Transaction, case: Case, block: RoutingBlock, told: Mapping[str, Any] | None
) -> None:
    """Demand that the consent of an event that is about to travel speaks of the age that an own case tells now.

    And of the age that the event tells itself (`told`, its fields): what the recipient would refuse does not leave.
    A child who may be old enough by the case as it is now must have been asked. Raises ConsentError AGE_CONTRADICTS,
    AGE_UNKNOWN, ASSENT_MISSING.
    """
    facts = _case_facts(tx, case) if case.own else None
    if facts is not None and block.consent_record is not None:
        record, rules = decode_signed(block.consent_record).record, rules_here(gateway)
        at_ms = max(gateway.now_ms(), record.event_time_ms)
        found = set(record_problems(facts, record, rules, at_ms))
        unasked = left_unasked(facts, record, rules)
        _refuse(found | ({Code.ASSENT_MISSING} if unasked else set()))
    if told is not None and facts_of(told) != facts:
        require_true_age(block, told, gateway.view())


def require_true_age(block: RoutingBlock, payload: Mapping[str, Any], directory: Directory) -> None:
    """Refuse a received event that passes a child off as an adult, as of the moment at which it was said.

    Raises ConsentError AGE_CONTRADICTS, AGE_UNKNOWN. What tells nothing of the age passes: the record is all there is.
    """
    facts = facts_of(payload)
    if not facts or block.consent_record is None:
        return
    record = decode_signed(block.consent_record).record
    rules = rules_of(directory.policies.get(record.jurisdiction))
    clash = age_of(facts, rules, block.occurred_at_ms).contradictions
    found = set(record_problems(facts, record, rules, block.occurred_at_ms))
    _refuse(found | ({Code.AGE_CONTRADICTS} if clash else set()))


def of_known_adult(gateway: Gateway, tx: Transaction, case: Case, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an event says of an adult, without a stated age that leaves it open whether it is one.

    The case knows it by another fact, for which the event may have no field; its recipient could not rely on the age
    and would set the event aside. Raises CaseInvalidError AGE_UNKNOWN for a part of a birth date that leaves it open.
    """
    person, rules, now_ms = fields.get("person"), rules_here(gateway), gateway.now_ms()
    if not case.own or not person or doubt_of(fields, rules, now_ms) is not Code.AGE_UNKNOWN:
        return fields
    if age_in_case(gateway, tx, case).child:
        return fields
    told = {**fields, "person": {name: each for name, each in person.items() if name not in STATED}}
    if person.get("prs_Birthdate") is not None and doubt_of(told, rules, now_ms) is not None:
        raise CaseInvalidError([Problem(BIRTH, Code.AGE_UNKNOWN, _LEAVE_OUT)])
    return told


def doubt_of(fields: Mapping[str, Any], rules: AgeRules, at_ms: int) -> Code | None:
    """Return why nobody can rely on what was said of the age; None when it is clear, or nothing was said of it."""
    facts = facts_of(fields)
    age = age_of(facts, rules, at_ms)
    if age.contradictions:
        return Code.AGE_CONTRADICTS
    return Code.AGE_UNKNOWN if facts and age.group is AgeGroup.UNKNOWN else None


def tell_doubt(gateway: Gateway, tx: Transaction, number: int, code: Code | None) -> None:
    """Tell a person that a child's rules hold until the age is known: no emergency is refused for a doubt."""
    if code is not None:
        source = said("treat the person as a child until the age is known")
        told = placed(source, said("number %(number)s", number=number))
        alarms.raise_of_many(tx, code, source, told, gateway.now_ms(), most=MOST_OF_COURSES)


def protective(fields: Mapping[str, Any], code: Code | None) -> Mapping[str, Any]:
    """Return what is said of a person in an emergency: of a doubtful age, without the word that it is no child."""
    person = fields.get("person")
    if code is None or not isinstance(person, Mapping) or person.get("is_minor") is not False:
        return fields
    return {**fields, "person": {name: value for name, value in person.items() if name != "is_minor"}}


def _case_facts(tx: Transaction, case: Case) -> AgeFacts:
    """Return what the file of an own case says; it was checked when it was taken in."""
    document = json.loads(base64.b64decode(cases.body_of(tx, case)["file"]))
    return facts_of(as_forms_have_it(case_fields(), document, 0))


def _refuse(found: set[Code]) -> None:
    if found:
        raise ConsentError(tuple(sorted(found)))
