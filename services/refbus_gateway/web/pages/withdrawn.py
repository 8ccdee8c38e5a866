"""They withdrew: one question, what did you do. Nothing else about the case is shown until it is answered."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code
from refbus.wire.codelists import code_list
from refbus_gateway.actions import withdrawals, worklist
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.pages.answer import sent_words
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
_KEPT: Final = "RETAINED_LEGAL"
_REASONS: Final = "refbus.RetentionReason"


@screens.show("/referral/{number:int}/withdrawn")
def ask_what_was_done(ask: Ask) -> Response:
    """Ask what was done with what was received."""
    number, words = ask.number("number"), ask.words
    found = withdrawals.waiting(ask.desk, ask.actor, number)
    if found is None:
        return ask.go(f"/referral/{number}")
    results = [
        ("ERASED", words.text("We erased it"), words.text("This erases everything of it here, for ever.")),
        ("RESTRICTED", words.text("We locked it away"), words.text("It is kept, and nobody uses it.")),
        (
            "STOPPED",
            words.text("We stopped using it"),
            words.text("We still have it. You are asked again what becomes of it."),
        ),
    ]
    if found.may_keep:
        keep = words.text("Say which law below. Nobody uses it for anything else.")
        results.append((_KEPT, words.text("We stopped, and have to keep it by law"), keep))
    if found.answer == "STOPPED":
        results = [each for each in results if each[0] != "STOPPED"]
    reasons = [(each, code_words(ask.language, _REASONS, each)) for each in code_list(_REASONS).codes]
    return ask.page("withdrawn.html", found=found, results=results, reasons=reasons)


@screens.act("/referral/{number:int}/withdrawn")
def tell_what_was_done(ask: Ask) -> Response:
    """Tell them what was done."""
    number, words = ask.number("number"), ask.words
    result, reason = ask.posted.get("result"), ask.posted.get("reason")
    problems = []
    if result not in code_list("refbus.WithdrawalResult").codes:
        problems.append(Problem("result", Code.CASE_INVALID, words.text("Choose what you did")))
    if result == _KEPT and reason not in code_list(_REASONS).codes:
        problems.append(Problem("reason", Code.REASON_REQUIRED, words.text("Choose which law")))
    if problems:
        return ask.again(problems)
    done = withdrawals.acknowledge(ask.desk, ask.actor, number, result, reason if result == _KEPT else None)
    gone = result == "ERASED" or worklist.outside(ask.desk, ask.actor, number).withdrawal_to_answer
    return ask.go("/today" if gone else f"/referral/{number}", sent_words(words, done.delivery))
