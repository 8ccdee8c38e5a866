"""Cases that belong together: what a referral tells of the others, and taking it back (ADR 74).

What a referral says of another person is part of the consent of the person whose referral it is. It is said of nobody
who told that recipient no; that nobody answered yet is no no.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from refbus.core.consent.record import ConsentState
from refbus.core.courses.course import BEGINS
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.each import each
from refbus.errors import Code, ConsentError, RefbusError, RuleError
from refbus.said import said
from refbus.wire.payload import coded
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft, terms_of
from refbus_gateway.rules import course_state, permission, practice
from refbus_gateway.store import alarms, cases, consents, links, outbox, referrals, tellings
from refbus_gateway.store import companions as rows
from refbus_gateway.store.cases import Case
from refbus_gateway.store.erasures import stop_event
from refbus_gateway.store.links import Link
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction

FIELD: Final = "companions"
"""The field of a request, of a wish to return, and of a change, that has them."""
OWN_KNOWLEDGE: Final = frozenset({"CO_VICTIM", "EARLIER_CASE", "LATER_CASE"})
"""Relations that the organisation found out. They never leave it."""
MIRRORED: Final[Mapping[str, str]] = {
    "MOTHER": "CHILD",
    "FATHER": "CHILD",
    "PARENT": "CHILD",
    "CHILD": "PARENT",
    "GRANDPARENT": "GRANDCHILD",
    "GRANDCHILD": "GRANDPARENT",
    "EARLIER_CASE": "LATER_CASE",
    "LATER_CASE": "EARLIER_CASE",
}
"""What the first is to the second, by what the second is to the first; the others are the same from both sides."""
_BETWEEN_ALL: Final = frozenset({"SIBLING", "TRAVELS_WITH", "CO_VICTIM"})
TELLS: Final = frozenset({*BEGINS, EventType.COMPANIONS_CHANGED})
"""Events that say who belongs to a person."""
_REFERENCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Companion:
    """Somebody who belongs to the person of a course: what they are to the person, and whether both travel together.

    `referral`: the number of the other course, where it came in here; `case`: of the other case, where it is own.
    """

    relation: str
    travels: bool
    referral: int | None
    case: int | None


def link(tx: Transaction, case: Case, other: Case, relation: str, *, travels: bool) -> None:
    """Join two cases, in place of an earlier link between them; `relation` is what `other` is to `case`.

    A case that was received has only relations that never leave this home.
    Raises RuleError LINK_INVALID, KEY_DESTROYED, CASE_UNKNOWN.
    """
    for one in (case, other):
        one.require_live()
        if not one.own and relation not in OWN_KNOWLEDGE:
            raise RuleError(Code.LINK_INVALID, said("%(case)s was received from another organisation", case=one.id))
    if case.id == other.id:
        raise RuleError(Code.LINK_INVALID, said("a case cannot belong to itself"))
    if practice.is_practice(tx, case) != practice.is_practice(tx, other):
        raise RuleError(Code.PRACTICE_ONLY)
    known = {each.other: each for each in links_of(tx, case)}
    theirs = {each.other for each in links_of(tx, other)}
    if max(len(known.keys() - {other.id}), len(theirs - {case.id})) >= links.MOST:
        raise RuleError(Code.LINK_INVALID, said("a case belongs to at most %(most)s others", most=links.MOST))
    earlier = known.get(other.id)
    secret = earlier.secret if earlier else secrets.token_bytes(32)
    travels = travels and relation not in OWN_KNOWLEDGE
    links.put(tx, case.open_key(), Link(case.id, other.id, relation, travels, secret))
    links.put(tx, other.open_key(), Link(other.id, case.id, MIRRORED.get(relation, relation), travels, secret))


def link_all(tx: Transaction, found: Sequence[Case], relation: str, *, travels: bool) -> None:
    """Link the first of these cases with each other one, and all of them where the relation is the same between them.

    An earlier link between two of the others stays. Raises as `link` does.
    """
    first, *others = found
    for other in others:
        link(tx, first, other, relation, travels=travels)
    for number, one in enumerate(others if relation in _BETWEEN_ALL else ()):
        known = {each.other for each in links_of(tx, one)}
        for other in others[number + 1 :]:
            if other.id not in known:
                link(tx, one, other, relation, travels=travels)


def links_of(tx: Transaction, case: Case) -> list[Link]:
    """Return the links of a case, oldest first. Raises RuleError KEY_DESTROYED."""
    return links.of_case(tx, case.id, case.open_key())


def is_told(link_: Link) -> bool:
    """Whether recipients may hear of a link at all."""
    return link_.relation not in OWN_KNOWLEDGE


def travellers(tx: Transaction, case: Case) -> list[int]:
    """Return the cases that travel along. Raises RefbusError for a link that cannot be read: it may be of a child."""

    def unread(error: RefbusError) -> None:
        raise error

    return [one.other for one in links.of_case(tx, case.id, case.open_key(), unread) if one.travels]


def any_told(tx: Transaction, case: Case) -> bool:
    """Whether a referral of this case says that somebody belongs to the person."""
    return any(map(is_told, links_of(tx, case)))


def to_tell(tx: Transaction, case: Case, org: OrgId) -> list[dict[str, Any]]:
    """Return what a referral of an own case tells `org` of those who belong to the person, sorted by reference."""
    told_of = [one for one in links_of(tx, case) if is_told(one)]
    allowed = each(told_of, lambda one: None if _says_no(tx, one.other, org) else one, lambda *_: None)
    told = [
        {"reference": reference(one, org), "relation": coded("refbus.Relation", one.relation), "travels": one.travels}
        for one in allowed
        if one is not None
    ]
    return sorted(told, key=lambda one: bytes(one["reference"]))


def reference(link_: Link, org: OrgId) -> bytes:
    """Return the reference of a pair towards one recipient: 16 bytes that say nothing without the pair's secret."""
    whole = hashlib.sha256(b"refbus/v1/companion\0" + link_.secret + org.encode())
    return whole.digest()[:_REFERENCE_BYTES]


def newest(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return what was said last in a course of those who belong to the person; nothing where nothing was."""
    said_of = [event for event in events if event.block.event_type in TELLS and _counts(event)]
    last = max(said_of, key=lambda event: (event.block.occurred_at_ms, event.id), default=None)
    return [] if last is None else _told(last)


def _told(event: Event) -> list[dict[str, Any]]:
    return list(course_state.payload_of(event).get(FIELD) or ())


def tell(gateway: Gateway, tx: Transaction, referral: Referral) -> Event | None:
    """Tell the recipient of a course who belongs to the person now; None when it knows.

    Raises ConsentError, RuleError, UncheckableError.
    """
    case = cases.get(tx, referral.case_id)
    return _say(gateway, tx, referral, to_tell(tx, case, referral.org))


def take_in(tx: Transaction, referral: Referral) -> None:
    """Keep by which references a course that came in is found from the courses of the others."""
    told = newest(referrals.events_of(tx, referral))
    rows.keep(tx, referral.id, referral.org, [bytes(one["reference"]) for one in told])


def together(tx: Transaction, referral: Referral, events: Iterable[Event]) -> list[Companion]:
    """Return who belongs to the person of a course as these events say, with the courses and cases that are here."""
    told = newest(events)
    if not referral.own:
        found = rows.others(tx, referral.id, referral.org, [bytes(one["reference"]) for one in told])
        return [_companion(one, found.get(bytes(one["reference"])), None) for one in told]
    own = {reference(one, referral.org): one.other for one in links_of(tx, cases.get(tx, referral.case_id))}
    return [_companion(one, None, own.get(bytes(one["reference"]))) for one in told]


def _companion(told: Mapping[str, Any], referral: int | None, case: int | None) -> Companion:
    return Companion(str(told["relation"]["code"]), bool(told["travels"]), referral, case)


def settle(gateway: Gateway) -> None:
    """Take back what courses say of people who belong no more, or who said no; nothing is told anew.

    Each case in a transaction of its own. One that fails is told to a person, and tried again. Raises StoreError.
    """
    with gateway.store.read() as tx:
        stale = links.stale_cases(tx)

    def look(number: int) -> None:
        with gateway.store.write() as tx:
            case = cases.get(tx, number)
            courses = referrals.of_case(tx, case) if case.live else []
            errors: list[RefbusError] = []

            def failed_one(_: Referral, error: RefbusError) -> None:
                errors.append(error)

            done: list[bool] = []
            own = [one for one in courses if one.own]
            for step in (_correct_unsent, _take_back):
                done += each(own, partial(step, gateway, tx, case), failed_one, inside=tx.savepoint)
            stopped = each(own, partial(_tells_if_let_through, tx), failed_one)
            _settled(gateway, tx, number, errors, done=all(done), final=not any(stopped))

    def failed(number: int, error: RefbusError) -> None:
        with gateway.store.write() as tx:
            _tell_untold(gateway, tx, number, error)

    each(stale, look, failed)


def _tells_if_let_through(tx: Transaction, referral: Referral) -> bool:
    """Whether a gate may keep a refused event of a course that tells of others: its operators can let it through."""
    events = [one for one in referrals.events_of(tx, referral) if one.block.event_type in TELLS]
    refused = [one for one in events if one.status is EventStatus.REFUSED and one.payload and _told(one)]
    return any(row.handed_ms is not None for one in refused for row in outbox.of_event(tx, one.id))


def _settled(
    gateway: Gateway, tx: Transaction, number: int, errors: Sequence[RefbusError], *, done: bool, final: bool
) -> None:
    """Note how far a case has come. Without a yes of its person nothing more can be said, until there is a new word.

    While what was refused may come through yet it is not `final` either: then the mark is needed that a link ended.
    What is not `done` yet, because a request has to come through first, is looked at again without an alarm.
    Who was told a no uses nothing of it any more, and nobody here can do better: of that there is no alarm.
    """
    waits = [error for error in errors if not isinstance(error, ConsentError)]
    if done and final and not errors:
        links.told(tx, number)
    elif done and not waits:
        links.rest(tx, number)
    for error in errors:
        if not (isinstance(error, ConsentError) and Code.WITHDRAWN in error.reasons):
            _tell_untold(gateway, tx, number, error)


def _tell_untold(gateway: Gateway, tx: Transaction, number: int, error: RefbusError) -> None:
    told = said("case %(number)s: that somebody belongs to it no more was not told", number=number)
    alarms.raise_alarm(tx, error.code, told, gateway.now_ms())


def unsaid(tx: Transaction, event_rows: Collection[int]) -> set[int]:
    """Return which of these events may not leave as they are: what they tell of others is not so now.

    Of a case that has to look at what it told (`settle`); one that cannot be read may not leave either, unless it
    tells of the person's own no. What was handed over before keeps its content: an event id stands for one at gates,
    also where they refused it. What is not so any more is taken back behind it.
    """

    def leaves(row: int) -> bool:
        event = referrals.event(tx, row)
        known = _told(event) if event.block.event_type in TELLS else []
        case = cases.get(tx, referrals.get(tx, event.referral).case_id)
        right = not known or known == _left(tx, case, event.block.recipient, known)
        return right or not outbox.never_left(outbox.of_event(tx, row))

    def judged(row: int) -> bool:
        return consents.is_withdrawal(tx, row) or each([row], leaves, lambda *_: None) == [True]

    return {row for row in links.events_of_stale(tx, event_rows) if not judged(row)}


def look_again(tx: Transaction, referral: Referral) -> None:
    """Let a course say once more what is not so any more: what said it was refused before its request came through."""
    case = cases.get(tx, referral.case_id)
    if referral.own and case.live and _comes_again(tx, referrals.events_of(tx, referral)):
        links.note_word(tx, case.id)


def _comes_again(tx: Transaction, events: Iterable[Event]) -> bool:
    """Whether the request of a course is sealed again, and no gate let it on since: what goes behind it is refused."""
    begins = [one for one in events if one.block.event_type in BEGINS and _counts(one)]
    found = [outbox.of_event(tx, one.id) for one in begins]
    return any(
        rows[-1].state is RowState.STALE or (rows[-1].state is RowState.READY and len(rows) > 1)
        for rows in found
        if rows
    )


def _correct_unsent(gateway: Gateway, tx: Transaction, case: Case, referral: Referral) -> bool:
    """Let what waits here, and certainly never left, tell of nobody who said no meanwhile; True: that is done.

    What may not be sent any more at all is taken back.
    """
    for event in referrals.events_of(tx, referral):
        waits = event.status is EventStatus.QUEUED and event.block.event_type in TELLS
        known = _told(event) if waits and outbox.never_left(outbox.of_event(tx, event.id)) else []
        left = _left(tx, case, referral.org, known)
        if known == left:
            continue
        try:
            _say_less(tx, left, partial(_revise, gateway, tx, event))
        except ConsentError as error:
            stop_event(tx, event.id)
            told = said("referral %(number)s: taken back unsent", number=referral.id)
            alarms.raise_alarm(tx, error.code, told, gateway.now_ms())
    return True


def _revise(gateway: Gateway, tx: Transaction, event: Event, told: list[dict[str, Any]]) -> None:
    kept = {name: value for name, value in course_state.payload_of(event).items() if name != FIELD}
    none_left = not told and event.block.event_type is not EventType.COMPANIONS_CHANGED
    envelopes.revise(gateway, tx, event, kept if none_left else {**kept, FIELD: told})


def _take_back(gateway: Gateway, tx: Transaction, case: Case, referral: Referral) -> bool:
    """Say who is left; nobody, where the person permits no more that anything of the family is said.

    False: it waits for a request that was turned back and is sealed again.
    """
    events = referrals.events_of(tx, referral)
    known = newest(events)
    left = _left(tx, case, referral.org, known)
    if known == left:
        return True
    if _comes_again(tx, events):
        return False
    _say_less(tx, left, lambda told: _say(gateway, tx, referral, told))
    return True


def _say_less(tx: Transaction, left: list[dict[str, Any]], say: Callable[[list[dict[str, Any]]], object]) -> None:
    """Say who is left; nobody, where the person permits no more that anything of the family is said."""
    try:
        with tx.savepoint():
            say(left)
    except ConsentError as error:
        if not left or Code.CATEGORY_NOT_COVERED not in error.reasons:
            raise
        say([])


def _left(tx: Transaction, case: Case, org: OrgId, known: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return who may still be told of those who were, as they belong to the person now."""
    if not known:
        return []
    right = {bytes(one["reference"]): one for one in to_tell(tx, case, org)}
    return [right[bytes(one["reference"])] for one in known if bytes(one["reference"]) in right]


def _say(gateway: Gateway, tx: Transaction, referral: Referral, told: list[dict[str, Any]]) -> Event | None:
    if newest(referrals.events_of(tx, referral)) == told:
        return None
    draft = Draft(EventType.COMPANIONS_CHANGED, {FIELD: told}, terms_of(tx, referral))
    return envelopes.send(gateway, tx, referral, draft)


def _counts(event: Event) -> bool:
    return event.status is not EventStatus.REFUSED and bool(event.payload)


def _says_no(tx: Transaction, number: int, org: OrgId) -> bool:
    """Whether the person of another case told `org` no, or must not be known there; a case that goes says no too.

    Who said no to everybody who was ever asked about says it to all others as well.
    """
    case = cases.get(tx, number)
    if not case.live or org in permission.denied_recipients(tx, case):
        return True
    nos = tellings.nos(tx, case)
    last = permission.newest_records(tx, case)
    yes = {party for party, record in last.items() if record.state is ConsentState.GIVEN} - nos
    asked = nos | last.keys()
    return org in asked - yes or bool(asked and not yes)
