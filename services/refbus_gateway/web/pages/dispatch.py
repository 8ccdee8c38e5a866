"""Refer a person, the last steps: look at exactly what they will see, send it, and what happens then."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code
from refbus_gateway.actions import previews, referrals, worklist
from refbus_gateway.actions.desk import Delivery
from refbus_gateway.actions.previews import Preview
from refbus_gateway.actions.referrals import ReferralQueued
from refbus_gateway.web import referral_draft
from refbus_gateway.web.pages.refer import STEPS
from refbus_gateway.web.places import WHERE
from refbus_gateway.web.referral_draft import Begun
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.nextsteps import meaning, next_step

screens: Final = Screens()
_MENDED_AT: Final = {
    Code.REPLY_BY_PAST: "urgency",
    Code.AGE_CONTRADICTS: "person",
    Code.AGE_UNKNOWN: "person",
    Code.CASE_INVALID: "person",
    Code.ORGANISATION_UNKNOWN: "organisation",
    Code.RESIDENCY_FORBIDDEN: "person",
}
"""The step at which a reason against sending can be mended; consent, for all others that are about it."""


@screens.show("/refer/{number:int}/look")
def look(ask: Ask) -> Response:
    """Show what they will see and what not."""
    begun = referral_draft.require_begun(ask)
    if not begun.case or not begun.to:
        return ask.go(f"/refer/{begun.number}/need")
    found = _preview(ask, begun)
    if found.consent is None:
        return ask.go(f"/refer/{begun.number}/ask")
    return ask.page(
        "refer_look.html",
        begun=begun,
        found=found,
        against=[_reason(ask, begun, code) for code in found.refused],
        before=f"/refer/{begun.number}/consent",
        step=len(STEPS),
        steps=len(STEPS),
    )


@screens.act("/refer/{number:int}/look", confirm=True)
def send(ask: Ask) -> Response:
    """Send it."""
    begun = referral_draft.require_begun(ask)
    found = _preview(ask, begun)
    if not ask.saw(found):
        return ask.look_again()
    sent = referrals.send(
        ask.desk, ask.actor, begun.case, to=begun.to, withhold=found.withheld, again="again" in ask.posted
    )
    referral_draft.drop(ask, begun.number)
    return ask.go(f"/sent/{sent.referral}?case={sent.case}", _told(ask, sent))


@screens.show("/sent/{number:int}")
def sent(ask: Ask) -> Response:
    """Tell when an answer is due, and whom to call when none comes."""
    number = ask.number("number")
    each = worklist.outside(ask.desk, ask.actor, number)
    due = worklist.answer_due(ask.desk, ask.actor, number)
    return ask.page("refer_sent.html", each=each, due=due, case=ask.query_number("case", 0))


def _preview(ask: Ask, begun: Begun) -> Preview:
    return previews.show(ask.desk, ask.actor, begun.case, begun.to, ask.language)


def _reason(ask: Ask, begun: Begun, code: Code) -> tuple[str, str, str]:
    """Return why it would not be sent: what it means, what to do, where."""
    step = f"/refer/{begun.number}/{_MENDED_AT.get(code, 'ask')}"
    return meaning(ask.words, code), next_step(ask.words, code), WHERE.get(code, step)


def _told(ask: Ask, done: referrals.ReferralSent) -> str:
    if done.sent_before or not isinstance(done, ReferralQueued):
        return ask.words.text("The same was sent to them before. It was not sent twice.")
    if done.delivery is Delivery.LATER:
        return ask.words.text("It is kept here and goes out by itself as soon as there is a line.")
    return ask.words.text("It was sent.")
