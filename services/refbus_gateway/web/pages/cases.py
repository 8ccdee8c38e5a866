"""Own cases: the list, one case, changing it, referring it again, and referring on somebody who came from others."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.responses import Response

from refbus.core.documents import read_json
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, ConsentError, RuleError
from refbus_gateway.actions import asking, cases, worklist
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.web import casefields, referral_draft
from refbus_gateway.web.pages import refer
from refbus_gateway.web.referral_draft import Begun
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
PAGE: Final = 25
"""Cases on one page of the list."""
_EDITED: Final = tuple(path for path in casefields.ALL if path not in casefields.NEED[2:])
_WITHHELD: Final = "withhold"


@screens.show("/case")
def listed(ask: Ask) -> Response:
    """List the cases, the newest first."""
    page = ask.query_number("page")
    found = cases.listed(ask.desk, ask.actor, PAGE, PAGE * (page - 1))
    return ask.page("cases.html", found=found.cases[::-1], **ask.paged(found.total, PAGE))


@screens.show("/case/{number:int}")
def one(ask: Ask) -> Response:
    """Show an own case as it would be sent now, and what the person said to whom."""
    number = ask.number("number")
    found = cases.show(ask.desk, ask.actor, number, ask.language, codes=False)
    clashes = [casefields.clash(ask.words, each) for each in found.age_contradictions]
    return ask.page("case.html", found=found, clashes=clashes, said=asking.said(ask.desk, ask.actor, number))


@screens.act("/case/{number:int}/refer", at="/case/{number}")
def refer_again(ask: Ask) -> Response:
    """Begin a referral of this case, to another organisation or to the same once more."""
    number = ask.number("number")
    content = cases.file_to_edit(ask.desk, ask.actor, number)
    begun = referral_draft.begin(ask, content, case=str(number), case_revision=str(content["revision"]))
    return ask.go(f"/refer/{begun}/need")


@screens.show("/case/{number:int}/edit")
def edit(ask: Ask) -> Response:
    """Show a case to change it."""
    number = ask.number("number")
    content = cases.file_to_edit(ask.desk, ask.actor, number)
    begun, shown = Begun(number, referral_draft.texts_of(content), 0), casefields.of(ask.words, _EDITED)
    differ = referral_draft.fill(ask, begun, shown)
    values = {**refer.person_parts(ask), **refer.contact_parts(ask)}
    return ask.page(
        "case_edit.html",
        number=number,
        seen=content["revision"],
        differ=differ,
        need=casefields.of(ask.words, casefields.NEED[:2]),
        work=casefields.of(ask.words, casefields.URGENCY),
        **values,
    )


@screens.act("/case/{number:int}/edit")
def edited(ask: Ask) -> Response:
    """Keep what was changed; what was sent stays as it was sent."""
    number, shown = ask.number("number"), casefields.of(ask.words, _EDITED)
    content = cases.file_to_edit(ask.desk, ask.actor, number)
    texts = {
        **referral_draft.texts_of(content),
        **referral_draft.typed(ask, shown, "file_number", *casefields.CONFIRMABLE),
    }
    begun = Begun(number, texts, 0)
    kept = {"recipient": content["recipient"], "help": content.get("help")}
    made = {**referral_draft.document(ask, begun), **{name: value for name, value in kept.items() if value is not None}}
    problems = [*refer.nickname_problems(ask, begun), *refer.contact_problems(ask, begun)]
    try:
        if not problems:
            cases.update(ask.desk, ask.actor, number, json.dumps(made).encode(), replaces=ask.posted.get("seen"))
    except CaseInvalidError as error:
        problems = [casefields.plain(ask.words, shown, made, each) for each in error.problems]
    except RuleError as error:
        if not referral_draft.is_stale(error):
            raise
        text = ask.words.text("Somebody else changed this case meanwhile. Both are shown below.")
        problems = [Problem("main", Code.CASE_CHANGED, text)]
    if problems:
        return ask.again(problems)
    return ask.go(f"/case/{number}", ask.words.text("It was changed. What was sent before stays as it was sent."))


@screens.show("/onward/{number:int}")
def onward(ask: Ask) -> Response:
    """Ask what of a referral that came in may go on to a third organisation."""
    found = worklist.outside(ask.desk, ask.actor, ask.number("number"))
    options = [(str(each), code_words(ask.language, "refbus.DataCategory", each)) for each in DataCategory]
    return ask.page("onward.html", each=found, options=ask.words.in_order(options, lambda pair: pair[1]))


@screens.act("/onward/{number:int}")
def onward_begun(ask: Ask) -> Response:
    """Begin a referral with what came in, as far as the person allowed it to go on."""
    number = ask.number("number")
    left_out = [DataCategory(each) for each in ask.posted.all(_WITHHELD) if each in DataCategory.__members__]
    try:
        content: dict[str, Any] = read_json(cases.onward_file(ask.desk, ask.actor, number, left_out))
    except ConsentError as error:
        named = [each for each in error.detail.split() if each in DataCategory.__members__]
        if not named:
            raise
        names = ask.words.listed(code_words(ask.language, "refbus.DataCategory", each) for each in named)
        text = ask.words.text("The person did not allow this to go on: %(names)s. Leave it out.", names=names)
        return ask.again([Problem(_WITHHELD, error.code, text)])
    begun = referral_draft.begin(ask, content | {"about": None}, of_referral=str(number))
    return ask.go(f"/refer/{begun}/need")
