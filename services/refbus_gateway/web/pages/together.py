"""People who belong together: link own cases, begin a case for somebody else of the group, take a link away."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code
from refbus.wire.codelists import code_list
from refbus_gateway.actions import links
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web import referral_draft
from refbus_gateway.web.choices import case_options
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.codes import label

screens: Final = Screens()
_NEW: Final = "-"
"""Somebody who has no case yet."""
_RELATION: Final = "refbus.Relation"


@screens.show("/case/{number:int}/together")
def shown(ask: Ask) -> Response:
    """Show who belongs to the person of a case, and ask for somebody else."""
    number = ask.number("number")
    found = links.shown(ask.desk, ask.actor, number)
    known = {str(number), *(str(each.case) for each in found.links)}
    others = [(case, name) for case, name in case_options(ask) if case not in known]
    options = [(_NEW, ask.words.text("Somebody who has no case yet")), *others]
    return ask.page("together.html", found=found, options=options, relations=_relations(ask))


@screens.act("/case/{number:int}/together")
def link(ask: Ask) -> Response:
    """Link a case that is here, or begin to refer somebody new of the group; nothing of the person is copied."""
    number, words = ask.number("number"), ask.words
    other, relation, travels = (ask.posted.get(name) for name in ("other", "relation", "travels"))
    problems = [
        Problem(name, Code.CASE_INVALID, text)
        for name, text, right in (
            ("other", words.text("Choose the other person"), other == _NEW or ask.posted.number("other") is not None),
            ("relation", words.text("Choose what the other person is"), relation in dict(_relations(ask))),
            ("travels", words.text("Answer yes or no"), travels in {"yes", "no"}),
        )
        if not right
    ]
    if problems:
        return ask.again(problems)
    if other != _NEW:
        links.link(ask.desk, ask.actor, number, [int(other)], relation, travels=travels == "yes")
        return ask.go(ask.path, words.text("They are linked. Nothing was sent."))
    begun = referral_draft.begin(ask, {}, linked_case=str(number), linked_relation=relation, linked_travels=travels)
    return ask.go(f"/refer/{begun}/need")


@screens.act("/case/{number:int}/together/end", at="/case/{number}/together")
def unlink(ask: Ask) -> Response:
    """Take a link away, from both sides."""
    number = ask.number("number")
    links.unlink(ask.desk, ask.actor, number, ask.posted.number("linked") or 0)
    told = ask.words.text("The link is gone. Who was told of it hears that, and no reason.")
    return ask.go(f"/case/{number}/together", told)


def _relations(ask: Ask) -> list[tuple[str, str]]:
    codes = code_list(_RELATION).codes
    return [(code, label(ask.language, _RELATION, code) or code) for code in codes]
