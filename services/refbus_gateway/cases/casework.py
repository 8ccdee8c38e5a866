"""Own cases: taking a case file in, changing it, sending it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from refbus.core.ids import OrgId, ReferralId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, RuleError, SetupError
from refbus.said import said
from refbus.wire.payload import categories_of
from refbus_gateway.cases import case_text, companions, onward
from refbus_gateway.cases.withheld import without
from refbus_gateway.forms.casefile import CaseFile, RecipientQuery, parse_case
from refbus_gateway.forms.text import read_json
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft, Terms
from refbus_gateway.rules import age_check, protection
from refbus_gateway.store import cases, links, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.referrals import EventStatus, Referral
from refbus_gateway.store.session import Transaction, slices


@dataclass(frozen=True, slots=True)
class Sent:
    """A referral that was queued, or that had been sent before and was left alone."""

    referral: Referral
    again: bool


def add_case(gateway: Gateway, tx: Transaction, content: bytes, *, named: Sequence[bytes] = ()) -> Case:
    """Keep a case file as a case; the same file again is the same case. Raises CaseInvalidError, TOO_LARGE.

    `named`: what names the case in place of the file, and behind it what may have named it before.
    """
    names = named or (content,)
    known = find_case(tx, *names)
    if known is not None:
        return known
    judged(gateway, content)
    body = {"file": base64.b64encode(content).decode(), "denied_recipients": []}
    return cases.create(tx, _name(names[0]), body, own=True, now_ms=gateway.now_ms())


def judged(gateway: Gateway, content: bytes) -> CaseFile:
    """Return a case file that a person brings now. Raises CaseInvalidError with every problem."""
    rules = age_check.rules_here(gateway)
    return parse_case(content, now_ms=gateway.now_ms(), desk=rules, country=gateway.country)


def find_case(tx: Transaction, *contents: bytes) -> Case | None:
    """Return the case that was made of exactly this file, which was judged then. Raises RuleError for an erased one.

    `contents`: the file, or each name that it may have been kept under.
    """
    known = cases.find(tx, *(_name(each) for each in contents))
    if known is not None:
        known.require_live()
    return known


def _name(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def copy_case(gateway: Gateway, tx: Transaction, case: Case) -> Case:
    """Keep the content of an own case once more, as a case of its own: under new names, with no consent yet.

    A referral of the copy cannot be joined with one of the first case by its names, even by the same recipient.
    """
    body = cases.body_of(tx, _own(case))
    body = {**body, "copy_of": body.get("copy_of", case.id)}
    return cases.create(tx, secrets.token_bytes(32), body, own=True, now_ms=gateway.now_ms())


def copies_of(gateway: Gateway, tx: Transaction, case: Case) -> list[int]:
    """Return the numbers of the other cases here with the same content: a withdrawal has to reach them too.

    A case that cannot be read hides no other; that it cannot be read is told by `watching`. Of what a case was copied
    is read once while the home is open: it never changes.
    """
    live, known = cases.live_hashes(tx), gateway.origins
    for some in slices(number for number, name in live.items() if name not in known):
        bodies = cases.own_bodies(tx, some)
        known.update((live[number], None) for number in some)
        known.update((live[number], body.get("copy_of", number)) for number, body in bodies.items())
    origin = known.get(live.get(case.id, b""))
    same = (number for number, name in live.items() if number != case.id and known.get(name) == origin)
    return [] if origin is None else sorted(same)


def update_case(gateway: Gateway, tx: Transaction, case: Case, content: bytes, *, replaces: str | None = None) -> str:
    """Put an edited case file in place of the earlier one, and return its revision; what was sent stays as it was sent.

    `replaces`, or else the file's own `revision`, says which file it was edited from; a case that was never changed
    needs none. Raises RuleError CASE_CHANGED when the case has another one now, so that no change of somebody else is
    lost; CaseInvalidError.
    """
    file = judged(gateway, content)
    body = cases.body_of(tx, _own(case))
    base, current = replaces or file.revision, revision_of(base64.b64decode(body["file"]))
    if base != current and (base is not None or body.get("changed", False)):
        raise RuleError(
            Code.CASE_CHANGED, said("case %(case)s has revision %(revision)s now", case=case.id, revision=current)
        )
    cases.replace_body(tx, case, {**body, "file": base64.b64encode(content).decode(), "changed": True})
    return revision_of(content)


def file_to_edit(tx: Transaction, case: Case) -> dict[str, Any]:
    """Return the case file of an own case as JSON has it, with the revision that it was taken at."""
    content = base64.b64decode(cases.body_of(tx, _own(case))["file"])
    document = read_json(content)
    return {"format": document.pop("format"), **document, "revision": revision_of(content)}


def revision_of(content: bytes) -> str:
    """Return the name of one state of a case file: twelve hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:12]


def notes_of(tx: Transaction, case: Case) -> dict[str, str | None]:
    """Return what the worker wrote of an own case for this office alone. Raises RuleError CASE_UNKNOWN."""
    document = case_text.document_of(cases.body_of(tx, _own(case)))
    return {name: document.get(name) for name in ("file_number", "about")}


def deny(tx: Transaction, case: Case, orgs: Collection[OrgId]) -> None:
    """Note organisations that must never receive anything of this case. The list never leaves this home."""
    body = cases.body_of(tx, _own(case))
    cases.replace_body(tx, case, {**body, "denied_recipients": sorted({*body["denied_recipients"], *orgs})})
    links.note_word(tx, case.id)


def file_of(gateway: Gateway, tx: Transaction, case: Case) -> CaseFile:
    """Return the case file of an own case, read as of now; where somebody belongs to the person that is family data.

    Raises RuleError CASE_UNKNOWN for a received one.
    """
    content = base64.b64decode(cases.body_of(tx, _own(case))["file"])
    zone = gateway.utc_offset_min()
    file = parse_case(content, now_ms=gateway.now_ms(), utc_offset_min=zone, country=gateway.country)
    if not companions.any_told(tx, case):
        return file
    return dataclasses.replace(file, categories=file.categories | {DataCategory.FAMILY})


def send_case(
    gateway: Gateway,
    tx: Transaction,
    case: Case,
    *,
    to: OrgId | None = None,
    withhold: Collection[DataCategory] = (),
    again: bool = False,
) -> Sent:
    """Queue the referral of a case to one organisation; without `again` a repeat changes nothing.

    Raises ConsentError, RuleError, SetupError USAGE when no organisation is named, MalformedError.
    """
    file = file_of(gateway, tx, case)
    age_check.require_clear(gateway, tx, case)
    if file.reply_by_ms is not None and file.reply_by_ms <= gateway.now_ms():
        raise RuleError(Code.REPLY_BY_PAST, said("write another time and run `refbus case update`"))
    org = to or (file.recipient if isinstance(file.recipient, str) else None)
    if org is None:
        raise SetupError(
            Code.USAGE, said("the case file names no single organisation: %(how)s", how=_how_to_choose(file.recipient))
        )
    protection.require_no_embassy(gateway, org, file.fields)
    fields = dict(without(EventType.REFERRAL_REQUESTED, file.fields, withhold))
    onward.require_still_allowed(gateway, tx, file.onward_of, categories_of(EventType.REFERRAL_REQUESTED, fields))
    request = tx.vault.hash("request", org.encode(), repr(sorted(fields.items())).encode())
    known = None if again else sent_before(tx, case, request)
    if known is not None:
        return Sent(known, again=True)
    party = cases.counterpart(tx, case, org)
    referral_id = ReferralId(secrets.token_bytes(16))
    referral = referrals.create(tx, party, referral_id, own=True, now_ms=gateway.now_ms())
    referrals.note_request(tx, referral, request)
    fields |= {"reply_by_ms": file.reply_by_ms, **told_with(tx, case, org, withhold)}
    terms = Terms(file.purpose, file.priority, file.reply_by_ms)
    envelopes.send(gateway, tx, referral, Draft(EventType.REFERRAL_REQUESTED, fields, terms))
    return Sent(referral, again=False)


def told_with(tx: Transaction, case: Case, org: OrgId, withhold: Collection[DataCategory]) -> dict[str, Any]:
    """Return the field that says who belongs to the person, unless what is family is withheld."""
    found = [] if DataCategory.FAMILY in withhold else companions.to_tell(tx, case, org)
    return {companions.FIELD: found} if found else {}


def _how_to_choose(wanted: OrgId | RecipientQuery) -> str:
    if isinstance(wanted, str):
        return said("choose one with --to")
    service = "" if wanted.service is None else f" --service {wanted.service}"
    return said(
        "`%(command)s` lists them; choose one with --to",
        command=f"refbus orgs find --country {wanted.country}{service}",
    )


def sent_before(tx: Transaction, case: Case, request: bytes) -> Referral | None:
    """Return the referral that went out with this request before and was not refused, or None."""
    for referral in referrals.of_request(tx, case, request):
        events = referrals.events_of(tx, referral)
        if any(event.status is not EventStatus.REFUSED for event in events):
            return referral
    return None


def _own(case: Case) -> Case:
    if not case.own:
        raise RuleError(Code.CASE_UNKNOWN, said("%(case)s was received from another organisation", case=case.id))
    case.require_live()
    return case
