"""Asking for practice: a fictional case goes to an organisation that answers by itself, and the answer comes back.

`answer_all` is that organisation's side: nobody works there, and nothing real may come there (`rules.practice`).
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.consent.record import Informed
from refbus.core.directory import Organisation, OrgStatus
from refbus.core.ids import OrgId
from refbus.core.times import day_text
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, EventType
from refbus.each import each
from refbus.errors import Code, RefbusError, RuleError, SetupError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.referrals import Answer, ReferralQueued
from refbus_gateway.cases import casework
from refbus_gateway.consent import versions
from refbus_gateway.courses import opening, referral_steps
from refbus_gateway.erasure import removal
from refbus_gateway.forms.casefile import parse_case
from refbus_gateway.forms.consentfile import FORMAT as CONSENT_FORMAT
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports import overview
from refbus_gateway.rules import practice
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.session import Transaction

_MOST: Final = 20
"""Referrals that are looked at in one turn, the newest first."""
_CATEGORIES: Final = (DataCategory.IDENTITY, DataCategory.LOCATION_SAFE, DataCategory.SERVICE_NEEDS)
_REQUEST: Final[dict[str, Any]] = {
    "format": "refbus-case/1",
    "fictional": True,
    "purpose": "REFERRAL_SERVICES",
    "priority": "ROUTINE",
    "reply_within_hours": 72,
    "reason": "AdditionalServicesRequired",
    "source_of_referral": "NGO",
    "services_requested": ["SocialCare"],
    "responsible_worker_role": "CASE_MANAGER",
}


@dataclass(frozen=True, slots=True)
class Texts:
    """What stands in a practice case and in its consent, in the words of a language: each says that it is practice.

    `nickname` stays here; `name` and `contact` are sent.
    """

    nickname: str
    name: str
    contact: str


@dataclass(frozen=True, slots=True)
class PracticeShown:
    """Where one can practise, and how far it is. `organisation`: None where the directory has none that echoes.

    `referral`: the newest practice referral, None for none; `state`: where it stands; `answered`: the answer is here.
    `echoes`: this office is the one that answers by itself.
    """

    organisation: OrgId | None
    referral: int | None
    state: str
    answered: bool
    echoes: bool


@dataclass(frozen=True, slots=True)
class Echoed:
    """How many referrals were answered in one turn, and how many could not be."""

    answered: int
    failed: int


def standing(desk: Desk, actor: Actor) -> PracticeShown:
    """Return where one can practise, and the newest practice referral."""
    actor.require(Permission.READ_STATUS)
    gateway, found = desk.gateway, _echo_of(desk.gateway)
    with desk.read() as tx:
        lines = overview.referral_lines(tx, own=True, most=_MOST, unread=[], unread_cases=[])
        mine = [each for each in lines if practice.is_practice(tx, cases.get(tx, each.referral.case_id))]
    newest = max(mine, key=lambda each: each.referral.id, default=None)
    directory = gateway.newest_directory()
    me = directory.find(gateway.me) if directory else None
    return PracticeShown(
        organisation=found.org_id if found else None,
        referral=newest.referral.id if newest else None,
        state=newest.view.status if newest else "",
        answered=newest is not None and newest.view.status == "ACCEPTED",
        echoes=me is not None and me.echoes,
    )


def begin(desk: Desk, actor: Actor, texts: Texts, *, later: bool = False) -> ReferralQueued:
    """Make a fictional case with a consent that says so, and refer it to the organisation that answers by itself.

    Raises SetupError USAGE where there is none.
    """
    actor.require(Permission.REFER)
    gateway, found = desk.gateway, _echo_of(desk.gateway)
    if found is None:
        raise SetupError(Code.USAGE, said("no organisation of this federation answers practice by itself"))
    content = _case_file(found.org_id, texts)
    parse_case(content, now_ms=gateway.now_ms())
    form = parse_consent(_consent(gateway, found.org_id, texts), now_ms=gateway.now_ms())
    body = {"file": base64.b64encode(content).decode(), "denied_recipients": [], practice.MARK: True}
    with desk.write() as tx:
        case = cases.create(tx, secrets.token_bytes(32), body, own=True, now_ms=gateway.now_ms())
        versions.grant(gateway, case, tx, found.org_id, form)
        sent = casework.send_case(gateway, tx, case, to=found.org_id)
    told = case.id, sent.referral.id, sent.referral.org, sent.again
    return ReferralQueued(*told, desk.deliver(later=later))


def answer_all(desk: Desk, actor: Actor) -> Echoed:
    """Open and accept what came in, and erase what was withdrawn: for an office that the directory says echoes.

    Raises RuleError PRACTICE_ONLY in any other office: nothing there is ever answered by itself.
    """
    actor.require(Permission.ANSWER)
    gateway = desk.gateway
    me = gateway.directory().find(gateway.me)
    if me is None or not me.echoes:
        raise RuleError(Code.PRACTICE_ONLY, said("this office does not answer by itself"))
    failed = list[RefbusError]()
    with desk.read() as tx:
        stopped = [one for one in referrals.every(tx, [], []) if referral_steps.waiting_withdrawals(tx, one)]
        lines = overview.referral_lines(tx, own=False, most=_MOST, unread=[], unread_cases=[])
        waiting = [line.referral.id for line in lines if line.unopened]

    def erase(number: int) -> None:
        with desk.write() as tx:
            referral_steps.acknowledge(gateway, tx, number, "ERASED", None)

    def answer(number: int) -> None:
        with desk.write() as tx:
            _answer(gateway, tx, number)

    each([one.id for one in stopped], erase, lambda _, error: failed.append(error))
    removal.settle(gateway)
    done = each(waiting, answer, lambda _, error: failed.append(error))
    return Echoed(len(done), len(failed))


def _answer(gateway: Gateway, tx: Transaction, number: int) -> None:
    opening.open_referral(gateway, tx, number, "en", codes=False)
    now_ms, offset_min = gateway.now_ms(), gateway.utc_offset_min()
    said = {
        "responsible_worker_role": "CASE_MANAGER",
        "expected_by_ms": f"{day_text(now_ms + 3 * DAY_MS, offset_min)}T06:00Z",
        "meeting": {
            "at_ms": f"{day_text(now_ms + 2 * DAY_MS, offset_min)}T06:00Z",
            "place": "Practice: a place that does not exist",
            "who": "Practice: nobody, this answer is made by a program",
        },
        "services_accepted": ["SocialCare"],
        "note": "Practice. No such person exists, and nobody comes.",
    }
    referral_steps.act(gateway, tx, number, Answer(EventType.REFERRAL_ACCEPTED, said, codes_checked=True))


def _echo_of(gateway: Gateway) -> Organisation | None:
    """Return an organisation that echoes and can receive now, one of the own country first."""
    directory, now_ms = gateway.newest_directory(), gateway.now_ms()
    if directory is None:
        return None
    found = [
        one
        for one in (directory.organisations[org_id] for org_id, brief in directory.briefs().items() if brief.echoes)
        if one.status is OrgStatus.ACTIVE and one.current_kem_key(now_ms) and one.org_id != gateway.me
    ]
    return min(found, key=lambda one: (one.country != gateway.country, one.org_id), default=None)


def _case_file(to: OrgId, texts: Texts) -> bytes:
    document = {
        **_REQUEST,
        "file_number": texts.nickname,
        "recipient": {"organisation": to},
        "person": {"prs_FirstName": texts.name, "prs_Birthdate": "1990", "is_minor": False},
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _consent(gateway: Gateway, to: OrgId, texts: Texts) -> bytes:
    """Return a consent for practice: it names no person, ends in a week, and its contact says what it is."""
    now_ms, offset_min = gateway.now_ms(), gateway.utc_offset_min()
    notice = next(iter(gateway.rules().notices.values()))
    document = {
        "format": CONSENT_FORMAT,
        "organisation": to,
        "state": "GIVEN",
        "valid_until": day_text(now_ms + 7 * DAY_MS, offset_min),
        "retain_until": day_text(now_ms + 8 * DAY_MS, offset_min),
        "notice": {"notice_id": notice.notice_id, "language": notice.languages[0]},
        "grantor": {"kind": "SELF"},
        "assent": "NOT_REQUIRED",
        "method": "WRITTEN",
        "interpreter": False,
        "informed": sorted(Informed),
        "withdrawal_contact": texts.contact,
        "permit": [
            {
                "purposes": [_REQUEST["purpose"]],
                "actions": [Action.DISCLOSE, Action.REPORT_BACK],
                "data_categories": list(_CATEGORIES),
            }
        ],
    }
    return json.dumps(document, ensure_ascii=False).encode()
