"""Referrals: the list with search and filter, and one referral with its steps, its messages and the consent."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from refbus.core.courses.referral import CONSENT_SUSPENDED as SUSPENDED
from refbus.core.courses.referral import UNDECIDED, State
from refbus.core.vocabulary import EventType
from refbus.errors import Code, UncheckableError
from refbus_gateway.actions import people, referrals, worklist
from refbus_gateway.actions.referrals import CourseOpened
from refbus_gateway.actions.worklist import Search, Turn
from refbus_gateway.web.pages.answer import buttons
from refbus_gateway.web.pages.erase import where_erased
from refbus_gateway.web.render import state_words
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.milestones import REFERRAL_STEPS

screens: Final = Screens()
PAGE: Final = 25
"""Referrals on one page of the list."""
_MOST_SOUGHT: Final = 200
_UNDECIDED: Final = frozenset(map(str, UNDECIDED))
MINE: Final = "me"
"""What stands in an address for whoever looks."""
_OWN: Final = {"own": True, "received": False}
_ANSWERS: Final = frozenset({EventType.REFERRAL_ACCEPTED, EventType.REFERRAL_REJECTED, EventType.REFERRAL_REDIRECTED})
_BY_CONSENT: Final = frozenset(
    {EventType.CONSENT_GRANTED.value, EventType.CONSENT_AMENDED.value, EventType.CONSENT_WITHDRAWN.value}
)
"""What the consent beside the messages says in words: of these only the heading is shown."""
TECHNICAL: Final = frozenset({EventType.REFERRAL_DELIVERED, EventType.REFERRAL_OPENED})
"""Steps that the line of steps shows, and that are no messages."""


@screens.show("/referral")
def listed(ask: Ask) -> Response:
    """List referrals, the newest first."""
    page = ask.query_number("page")
    turn, state = ask.query("turn"), ask.query("state")
    nickname = ask.session.sought.get(ask.query("sought"), "")
    person, named = ask.query("person"), _people(ask)
    search = Search(
        own=_OWN.get(ask.query("whose")),
        state=state if state in State.__members__ else None,
        turn=Turn(turn) if turn in Turn.__members__ else None,
        nickname=nickname,
        person=ask.actor.person if person == MINE else person if person in dict(named) else "",
    )
    found = worklist.found(ask.desk, ask.actor, search, PAGE, PAGE * (page - 1))
    states = ask.words.in_order(
        [(each.value, state_words(ask.words, each)) for each in State if each is not State.DRAFT], lambda pair: pair[1]
    )
    values: dict[str, Any] = {**ask.paged(found.total, PAGE), "states": states, "nickname": nickname, "people": named}
    return ask.page("referrals.html", found=found, **values)


@screens.act("/referral")
def find(ask: Ask) -> Response:
    """Look for a nickname, which stands in no address: a browser keeps those on the disk."""
    chosen = {name: ask.posted.get(name) for name in ("whose", "turn", "state", "person")}
    if ask.posted.get("nickname"):
        chosen["sought"] = ask.session.seek(ask.posted.get("nickname")[:_MOST_SOUGHT])
    query = urlencode({name: text for name, text in chosen.items() if text})
    return ask.go(f"/referral?{query}" if query else "/referral")


@screens.show("/referral/{number:int}")
def one(ask: Ask) -> Response:
    """Show a referral. One that nobody opened yet says only what may be seen from outside."""
    number = ask.number("number")
    gone = where_erased(ask, number)
    if gone is not None:
        return gone
    outside = worklist.outside(ask.desk, ask.actor, number)
    if outside.withdrawal_to_answer:
        return ask.go(f"/referral/{number}/withdrawn")
    if outside.unopened:
        return ask.page("unopened.html", each=outside, due=worklist.answer_due(ask.desk, ask.actor, number))
    return _show(ask, number)


@screens.act("/referral/{number:int}/open", at="/referral/{number}")
def open_(ask: Ask) -> Response:
    """Open a referral that came in: the sender learns of it."""
    number = ask.number("number")
    referrals.open_course(ask.desk, ask.actor, number, ask.language)
    return ask.go(f"/referral/{number}")


def _people(ask: Ask) -> list[tuple[str, str]]:
    """Return by whose cases the list can be narrowed: one's own first; also of colleagues who left."""
    others = [(each.person, each.shown) for each in people.listed(ask.desk, ask.actor) if each.shown]
    others = ask.words.in_order(others, lambda pair: pair[1])
    mine = [(MINE, ask.words.text("Mine"))] if ask.actor.person else []
    return [*mine, *(each for each in others if each[0] != ask.actor.person)]


def _show(ask: Ask, number: int) -> Response:
    line = True
    try:
        found = referrals.open_course(ask.desk, ask.actor, number, ask.language, codes=False)
    except UncheckableError as error:
        if error.code is not Code.NOT_SYNCHRONISED:
            raise
        line = False
        found = referrals.own_words(ask.desk, ask.actor, number, ask.language, codes=False)
    if any(each.type is EventType.RETURN_WISH_RECORDED for each in found.events):
        return ask.go(f"/return/{number}")
    if any(each.type is EventType.EMERGENCY_INVOKED for each in found.events):
        return ask.go(f"/emergency/{number}")
    messages = [each for each in found.events if each.type not in TECHNICAL]
    first, other = buttons(found)
    return ask.page(
        "referral.html",
        found=found,
        messages=messages,
        steps=steps(ask, found),
        line=line,
        next_=_next(ask, found),
        first=first,
        other=other,
        quiet=found.quiet,
        quiet_types=_BY_CONSENT,
    )


def steps(ask: Ask, found: CourseOpened) -> list[tuple[str, int | None, str]]:
    """Return the steps of a referral: words, time (ms UTC) if it is done, and "done", "now" or "next"."""
    times: dict[EventType | None, int] = {}
    for each in found.events:
        times.setdefault(None if each.type in _ANSWERS else each.type, each.at_ms)
    done = [number for number, (kind, _) in enumerate(REFERRAL_STEPS) if kind in times]
    last = max(done, default=-1)
    standing = {True: "done", False: "next"}
    return [
        (ask.words.text(text), times.get(kind), "now" if number == last else standing[number < last])
        for number, (kind, text) in enumerate(REFERRAL_STEPS)
    ]


def _next(ask: Ask, found: CourseOpened) -> str:
    """Return what happens next, in a sentence."""
    words = ask.words
    if found.turn is Turn.BOTH:
        return words.text("Both organisations work on it.")
    if found.turn is Turn.NOBODY and found.state == SUSPENDED:
        return words.text("Consent was taken back, and it was said what became of the data.")
    if found.turn is Turn.NOBODY:
        return words.text("Nothing more has to be done here.")
    return _theirs(ask, found.state) if found.turn is Turn.THEIRS else _ours(ask, found)


def _theirs(ask: Ask, state: str) -> str:
    words = ask.words
    if state == SUSPENDED:
        return words.text("They are told every day that consent was taken back, until they say what they did.")
    if state in _UNDECIDED:
        return words.text("They say whether they can help. You will see it here and on Today.")
    return words.text("It is their turn. You will see their answer here and on Today.")


def _ours(ask: Ask, found: CourseOpened) -> str:
    words, state = ask.words, found.state
    if found.own:
        return words.text("They asked you something. Answer it, or tell them that you cannot.")
    if state in _UNDECIDED:
        return words.text("Say whether you can help. If something is not clear, ask them.")
    if state == State.ACCEPTED:
        return words.text("Say when help has begun.")
    if state == State.ON_HOLD:
        return words.text("It is paused. Go on when you can, or say why help has ended.")
    return words.text("Say how it goes, and when help has ended.")
