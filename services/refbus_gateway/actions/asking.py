"""Asking what has to be read to a person and what may be answered, before consent is taken down."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from refbus.core.consent.age import AgeGroup
from refbus.core.consent.record import ConsentState
from refbus.core.directory import Notice
from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory, Purpose
from refbus.resources import data_dir
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.cases import case_text, casework
from refbus_gateway.forms.consent_template import categories, of_answers
from refbus_gateway.rules import age_check, permission
from refbus_gateway.store import cases, tellings
from refbus_gateway.store.tellings import Kind

_FILE: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_PART: Final = re.compile(r"^\[([a-z]{2,3})\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NoticeText:
    """A text that is read to the person: its languages, and the words in each that this computer has.

    Words are shown only when they are those that the country signed; else `texts` is empty: paper has them.
    """

    notice_id: str
    languages: tuple[str, ...]
    texts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Asking:
    """What a person is asked about one case and one organisation.

    `latest_until_ms`: the longest that a consent may be valid in both countries, ms UTC; `majority`: nobody knows from
    the case when the child comes of age; `assent_age`: from which age on a child is asked itself; `compulsory`: what no
    referral can leave out; `of_answers`: what the case does not hold and an answer may speak of.
    """

    case: int
    organisation: OrgId
    file_number: str | None
    purpose: Purpose
    categories: tuple[DataCategory, ...]
    compulsory: tuple[DataCategory, ...]
    of_answers: tuple[DataCategory, ...]
    age: AgeGroup
    majority: bool
    assent_age: int
    latest_until_ms: int
    notice: NoticeText | None


@dataclass(frozen=True, slots=True)
class Said:
    """The newest word of a person about one organisation; `until_ms`: how long a yes counts, ms UTC."""

    organisation: OrgId
    state: ConsentState
    until_ms: int | None


def said(desk: Desk, actor: Actor, number: int) -> tuple[Said, ...]:
    """Return the newest word about each organisation of an own case; a no counts before it is signed."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        found = cases.get(tx, number)
        records = permission.newest_records(tx, found)
        newest = {party: Said(party, each.state, each.valid_until_ms) for party, each in records.items()}
        for row in tellings.of_case(tx, found):
            if row.kind is not Kind.VERSION and not row.signed:
                newest[row.org] = Said(row.org, ConsentState(row.kind), None)
    return tuple(newest.values())


def show(desk: Desk, actor: Actor, number: int, to: OrgId) -> Asking:
    """Return what is asked about an own case. Raises RuleError CASE_UNKNOWN, UncheckableError without a directory."""
    actor.require(Permission.READ_CASES)
    gateway = desk.gateway
    with desk.read() as tx:
        found = cases.get(tx, number)
        file = casework.file_of(gateway, tx, found)
        age = age_check.age_in_case(gateway, tx, found)
        own_number = case_text.file_number(tx, number)
    policy, there = gateway.rules(), gateway.directory().policies.get(gateway.organisation(to).country)
    longest = min(each.consent_max_days for each in (policy, there) if each is not None)
    return Asking(
        number,
        to,
        own_number,
        file.purpose,
        tuple(categories(file)),
        (DataCategory.SERVICE_NEEDS,),
        tuple(of_answers(file)),
        age.group,
        age.child and age.majority_ms is None,
        policy.assent_age,
        gateway.now_ms() + longest * DAY_MS,
        next((_text(policy.notices[each]) for each in sorted(policy.notices)), None),
    )


def _text(notice: Notice) -> NoticeText:
    """Return a notice with its words, if the file that travels with the program has them as they were signed."""
    path = data_dir("keys") / "notices" / f"{notice.notice_id}.txt"
    known = bool(_FILE.fullmatch(notice.notice_id)) and path.is_file()
    content = path.read_bytes() if known else b""
    if hashlib.sha256(content).digest() != notice.sha256:
        return NoticeText(notice.notice_id, notice.languages, {})
    _, *parts = _PART.split(content.decode())
    texts = {
        language: tuple(line.strip() for line in text.splitlines() if line.strip())
        for language, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return NoticeText(notice.notice_id, notice.languages, texts)
