"""Practise: a fictional case goes to an organisation that answers by itself, and one sees a whole round trip."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code, UncheckableError
from refbus_gateway.actions import practice, referrals
from refbus_gateway.web.pages.referral import steps
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
PAGE: Final = "/practice"


@screens.show(PAGE)
def standing(ask: Ask) -> Response:
    """Say what practice is; where one went out, show its steps as they arrive."""
    found = practice.standing(ask.desk, ask.actor)
    return ask.page("practice.html", found=found, steps=_steps(ask, found.referral))


@screens.act(PAGE)
def begin(ask: Ask) -> Response:
    """Send a practice case, which nobody confirms: it is about nobody."""
    words = ask.words
    texts = practice.Texts(
        nickname=words.text("Practice"),
        name=words.text("Practice: no such person"),
        contact=words.text("Practice: no such person exists, and nobody was asked"),
    )
    practice.begin(ask.desk, ask.actor, texts)
    return ask.go(PAGE, words.text("It is on its way. The steps appear here as they arrive."))


def _steps(ask: Ask, number: int | None) -> list[tuple[str, int | None, str]]:
    if number is None or not ask.may("READ_CASES"):
        return []
    try:
        found = referrals.open_course(ask.desk, ask.actor, number, ask.language, codes=False)
    except UncheckableError as error:
        if error.code is not Code.NOT_SYNCHRONISED:
            raise
        found = referrals.own_words(ask.desk, ask.actor, number, ask.language, codes=False)
    return steps(ask, found)[:4]
