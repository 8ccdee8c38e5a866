"""Onward referral: what was received from one organisation becomes a case of our own, to be referred to a third.

The person must have allowed it when the data came here, for each category, and must be asked again for the third
organisation. The new case has names of its own: nobody but this home can tell that the two belong together.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from typing import Any, Final

from refbus.core.consent.permit import decide
from refbus.core.consent.record import Request
from refbus.core.vocabulary import Action, DataCategory, EventType
from refbus.each import each
from refbus.errors import Code, ConsentError, RuleError
from refbus.said import said
from refbus.wire.payload import categories_of
from refbus_gateway.cases.withheld import without
from refbus_gateway.forms.case_routing import FORMAT
from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.forms.export import written
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import course_state, permission
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction

_ASKED_ANEW: Final = (
    "reason",
    "reason_details",
    "source_of_referral",
    "services_requested",
    "special_arrangements",
    "responsible_worker_role",
    "reference",
    "companions",
)
"""What the first organisation wrote about its own referral, and nobody else needs to know."""
_NOT_ALLOWED: Final = frozenset({Code.ACTION_NOT_COVERED, Code.CATEGORY_NOT_COVERED, Code.ONWARD_NOT_COVERED})
"""What the provisions can lack; a person is told one thing: this category may not be passed on."""
_ABOUT: Final = (
    "Made from a referral that came in. Choose the recipient, fill in what is empty, read every text: it may name who "
    "sent it. Then: refbus case add, and ask the person about the new recipient (refbus consent new)."
)


def case_document(gateway: Gateway, tx: Transaction, number: int, withhold: Collection[DataCategory]) -> str:
    """Return a case file, as JSON text, of what referral `number` brought, without the withheld categories.

    Raises ConsentError with ONWARD_NOT_COVERED (or what else is against it), naming the categories that are not
    covered; RuleError STATE_NOT_ALLOWED for a referral of our own, CODE_PARKED; MalformedError.
    """
    referral, request = _received(tx, number)
    if request.status is EventStatus.PARKED:
        raise RuleError(Code.CODE_PARKED, said("ask the sender what the code means, before it is passed on"))
    payload = course_state.payload_of(request)
    kept = {name: value for name, value in payload.items() if name not in _ASKED_ANEW}
    kept = without(EventType.REFERRAL_REQUESTED, kept, withhold)
    require_allowed(gateway, tx, number, categories_of(EventType.REFERRAL_REQUESTED, kept))
    document: dict[str, Any] = {
        "format": FORMAT,
        "about": _ABOUT,
        "onward_of": referral.id,
        "recipient": {"organisation": ""},
        "purpose": request.block.purpose,
        "priority": request.block.priority,
        "reason": None,
        "source_of_referral": None,
        "services_requested": [],
        "responsible_worker_role": None,
        **written([spec for spec in case_fields() if spec.name not in _ASKED_ANEW], kept),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def require_allowed(gateway: Gateway, tx: Transaction, number: int, categories: Collection[DataCategory]) -> None:
    """Demand that the consent under which a referral came here allows passing these categories on, now.

    Raises ConsentError; RuleError REFERRAL_UNKNOWN, KEY_DESTROYED.
    """
    referral, request = _received(tx, number)
    refused: dict[DataCategory | None, frozenset[Code]] = {}
    for category in categories or (None,):
        reasons = _reasons(gateway, tx, referral, request, frozenset({category} if category else ()))
        if reasons:
            refused[category] = reasons
    if refused:
        reasons = frozenset[Code]().union(*refused.values())
        if reasons & _NOT_ALLOWED:
            reasons = (reasons - _NOT_ALLOWED) | {Code.ONWARD_NOT_COVERED}
        raise ConsentError(tuple(sorted(reasons)), " ".join(sorted(each for each in refused if each)))


def require_still_allowed(
    gateway: Gateway, tx: Transaction, number: int | None, sent: Collection[DataCategory]
) -> None:
    """Demand the same again when a case that was made this way is sent. None: a case that was not made this way.

    What the person told us since needs no word of the first organisation's consent, so only categories that came with
    the referral count. Raises as `require_allowed` does.
    """
    if number is not None:
        _, request = _received(tx, number)
        require_allowed(gateway, tx, number, frozenset(sent) & set(request.block.data_categories))


def made_from(tx: Transaction, referral: Referral) -> list[int]:
    """Return the numbers of the cases here that were made from a received referral, erased ones left out."""
    own = [case for case in cases.every(tx) if case.own and case.live]
    # One that cannot be read hides none; that it cannot be read is told by `watching`.
    read = each(own, lambda case: (case.id, _origin_of(tx, case)), lambda *_: None)
    return [number for number, origin in read if origin == referral.id]


def _origin_of(tx: Transaction, case: Case) -> object:
    return json.loads(base64.b64decode(cases.body_of(tx, case)["file"])).get("onward_of")


def _reasons(
    gateway: Gateway, tx: Transaction, referral: Referral, request: Event, categories: frozenset[DataCategory]
) -> frozenset[Code]:
    """Decide on passing on, with all records that are kept here of the two organisations."""
    case, block = cases.get(tx, referral.case_id), request.block
    party = cases.counterpart(tx, case, referral.org)
    directory = gateway.directory()
    asked = Request(
        actions=frozenset({Action.ONWARD_REFERRAL}),
        purpose=block.purpose,
        categories=categories,
        sender=block.sender,
        recipient=gateway.me,
        party=gateway.me,
        subject_ref=party.subject_ref,
    )
    kept = permission.between(tx, case, block.sender, gateway.me)
    evidence = [permission.weighed(gateway, each, directory) for each in kept]
    return frozenset(decide(asked, evidence, directory, gateway.policy(), gateway.now_ms()).reasons)


def _received(tx: Transaction, number: int) -> tuple[Referral, Event]:
    """Return a received referral and its request. Raises RuleError STATE_NOT_ALLOWED for anything else."""
    referral = referrals.get(tx, number)
    cases.get(tx, referral.case_id).require_live()
    request = course_state.beginning_of(referrals.events_of(tx, referral))
    if referral.own or request is None or request.block.event_type is not EventType.REFERRAL_REQUESTED:
        raise RuleError(Code.STATE_NOT_ALLOWED, said("only a referral that came in can be passed on"))
    return referral, request
