"""Refer a person, the first steps: what is needed, which organisation, how urgent, who it is, how to reach safely."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from starlette.responses import Response

from refbus.core.ids import OrgId
from refbus.core.profile import in_language
from refbus.errors import Code, RuleError
from refbus_gateway.actions import cases, organisations
from refbus_gateway.actions.organisations import Fitting
from refbus_gateway.actions.profiles import ProfileShown
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web import casefields, referral_draft
from refbus_gateway.web.casefields import (
    ADDRESS,
    BLOCKS,
    JUDGED,
    NEED,
    NUMBERS,
    PERSON,
    PERSON_MORE,
    SAFE,
    SAFE_MORE,
    STATED,
)
from refbus_gateway.web.fields import Shown
from refbus_gateway.web.pages.profile import room_text
from refbus_gateway.web.referral_draft import Begun
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words import contacts
from refbus_gateway.words.catalogue import mark
from refbus_gateway.words.options import PRIORITIES

screens: Final = Screens()
STEPS: Final = (
    ("need", mark("What is needed")),
    ("organisation", mark("Who can help")),
    ("urgency", mark("How urgent")),
    ("person", mark("The person")),
    ("contact", mark("How to reach")),
    ("ask", mark("Ask the person")),
    ("look", mark("Look and send")),
)
_WHERE: Final = "country"
_LANGUAGE: Final = "language"


@screens.show("/refer")
def start(ask: Ask) -> Response:
    """Show what was begun; where nothing was, lead to the first question."""
    begun, onward = referral_draft.all_begun(ask), ask.query_number("onward", 0)
    if ask.query("onward"):
        return ask.go(f"/onward/{onward}")
    if not begun:
        return ask.go("/refer/1/need")
    following = max(each.number for each in begun) + 1
    rows = [(each, _next_step(each), ask.organisation(each.to) if each.to else "") for each in begun]
    return ask.page("refer.html", rows=rows, following=following)


@screens.act("/refer/{number:int}/drop", at="/refer")
def drop(ask: Ask) -> Response:
    """Forget what was begun."""
    referral_draft.drop(ask, ask.number("number"))
    return ask.go("/refer" if referral_draft.all_begun(ask) else "/today", ask.words.text("It was deleted."))


@screens.show("/refer/{number:int}/need")
def need(ask: Ask) -> Response:
    """Ask which help is needed, and where."""
    shown = casefields.of(ask.words, NEED)
    there = organisations.countries(ask.desk, ask.actor)
    where = [(str(each), code_words(ask.language, "iso.3166-1", each.upper())) for each in there]
    options = ask.words.in_order(where, lambda pair: pair[1])
    return _page(ask, "need", referral_draft.load(ask), shown, countries=options)


@screens.act("/refer/{number:int}/need")
def needed(ask: Ask) -> Response:
    """Keep it."""
    shown = casefields.of(ask.words, NEED)
    begun = _keep(ask, shown, _WHERE)
    if isinstance(begun, Response):
        return begun
    found = referral_draft.problems(ask, begun, shown)
    if not begun.get(_WHERE):
        found.append(Problem(_WHERE, Code.CASE_INVALID, ask.words.text("Choose the country where help is needed")))
    return ask.again(found) if found else ask.go(f"/refer/{begun.number}/organisation")


@screens.show("/refer/{number:int}/organisation")
def organisation(ask: Ask) -> Response:
    """Show who can help there."""
    begun = referral_draft.require_begun(ask)
    wish = ask.query(_LANGUAGE)
    services = begun.all("services_requested")
    found = organisations.choose(
        ask.desk, ask.actor, country=begun.get(_WHERE), services=services, language=wish or None
    )
    spoken = sorted({each for one in organisations.find(ask.desk, ask.actor) for each in one.languages})
    languages = ask.words.in_order([(each, _spoken(ask, each)) for each in spoken], lambda pair: pair[1])
    return _page(
        ask,
        "organisation",
        begun,
        (),
        fitting=_options(ask, found.fitting),
        others=_options(ask, found.others),
        languages=languages,
        wish=wish,
    )


@screens.act("/refer/{number:int}/organisation")
def organisation_chosen(ask: Ask) -> Response:
    """Keep which one; the language only narrows the list."""
    if not ask.posted.get("organisation"):
        return ask.again([Problem("organisation", Code.CASE_INVALID, ask.words.text("Choose an organisation"))])
    organisations.show(ask.desk, ask.actor, OrgId(ask.posted.get("organisation")))
    begun = _keep(ask, (), "organisation")
    if isinstance(begun, Response):
        return begun
    return ask.go(f"/refer/{begun.number}/urgency")


@screens.show("/refer/{number:int}/urgency")
def urgency(ask: Ask) -> Response:
    """Ask how urgent it is, and by when an answer is needed."""
    words = ask.words
    options = [(str(each), words.text(name), words.text(hint)) for each, name, hint in PRIORITIES]
    shown = casefields.of(words, casefields.URGENCY)
    return _page(ask, "urgency", referral_draft.require_begun(ask), shown, priorities=options)


@screens.act("/refer/{number:int}/urgency")
def urgency_said(ask: Ask) -> Response:
    """Keep it."""
    shown = casefields.of(ask.words, casefields.URGENCY)
    begun = _keep(ask, shown, "priority", "reply_by")
    if isinstance(begun, Response):
        return begun
    found = referral_draft.problems(ask, begun, shown, "priority", "reply_by")
    return ask.again(found) if found else ask.go(f"/refer/{begun.number}/person")


@screens.show("/refer/{number:int}/person")
def person(ask: Ask) -> Response:
    """Ask who it is."""
    return _page(ask, "person", referral_draft.require_begun(ask), _of_person(ask), **person_parts(ask))


@screens.act("/refer/{number:int}/person")
def person_told(ask: Ask) -> Response:
    """Keep it."""
    shown = _of_person(ask)
    begun = _keep(ask, shown, "file_number", *casefields.CONFIRMABLE)
    if isinstance(begun, Response):
        return begun
    found = [
        *nickname_problems(ask, begun),
        *referral_draft.problems(ask, begun, shown, *_AGES, *casefields.CONFIRMABLE),
    ]
    return ask.again(found) if found else ask.go(f"/refer/{begun.number}/contact")


@screens.show("/refer/{number:int}/contact")
def contact(ask: Ask) -> Response:
    """Ask how the person can be reached without danger, and then under which number."""
    return _page(ask, "contact", referral_draft.require_begun(ask), _of_contact(ask), **contact_parts(ask))


@screens.act("/refer/{number:int}/contact")
def contact_told(ask: Ask) -> Response:
    """Keep it: now it is a case, and the person can be asked."""
    shown = _of_contact(ask)
    begun = _keep(ask, shown)
    if isinstance(begun, Response):
        return begun
    found = [*contact_problems(ask, begun), *referral_draft.problems(ask, begun, shown)]
    if found:
        return ask.again(found)
    step = _unfinished(ask, begun)
    if step:
        return ask.go(f"/refer/{begun.number}/{step}", ask.words.text("Something is still missing here."))
    try:
        referral_draft.keep_case(ask, begun)
    except RuleError as error:
        if not referral_draft.is_stale(error):
            raise
        return ask.go(f"/case/{begun.case}/edit", ask.words.text("Somebody else changed this case meanwhile."))
    return ask.go(f"/refer/{begun.number}/ask")


_AGES: Final = ("person", "person.prs_Birthdate", "person.is_minor", "adult_judgement")


def person_parts(ask: Ask) -> dict[str, Any]:
    """Return the fields of the person as a page groups them: few open, one about a doubtful age, blocks."""
    words = ask.words
    return {
        "first": casefields.of(words, PERSON),
        "stated": casefields.of(words, STATED),
        "judged": casefields.of(words, JUDGED),
        "then": casefields.of(words, PERSON_MORE),
        "blocks": [(each, words.text(each.title), casefields.of(words, each.paths)) for each in BLOCKS],
        "confirmable": casefields.confirmable(words),
        "categories": casefields.categories,
    }


def contact_parts(ask: Ask) -> dict[str, Any]:
    """Return the fields of how to reach the person: what is safe first."""
    words = ask.words
    return {
        "safe": casefields.of(words, (*SAFE, *SAFE_MORE)),
        "numbers": casefields.of(words, NUMBERS),
        "address": casefields.of(words, ADDRESS),
        "categories": casefields.categories,
    }


def nickname_problems(ask: Ask, begun: Begun) -> list[Problem]:
    """Return what is wrong with the nickname, and an age that nobody said anything about."""
    words, found = ask.words, []
    name = begun.get("file_number")
    if not name:
        text = words.text("Nickname: write a word by which you know this case again")
        found.append(Problem("file_number", Code.CASE_INVALID, text))
    elif len(name) > 40 or "\n" in name:
        text = words.text("Nickname: write one short line, at most 40 letters")
        found.append(Problem("file_number", Code.CASE_INVALID, text))
    sure = begun.get("person.prs_Birthdate") or begun.get("person.stated_age_estimated") == "false"
    aged = begun.get("person.prs_Birthdate") or (sure and begun.get("person.stated_age"))
    if not aged and not begun.all("person.is_minor"):
        found.append(Problem("person.is_minor", Code.AGE_UNKNOWN, words.text("Say whether the person is a child")))
    known = sure or begun.get("adult_judgement.reason")
    if begun.get("person.is_minor") == "false" and not known:
        text = words.text("An adult: write the birth date, even only the year, or write why you are sure")
        found.append(Problem("adult_judgement.reason", Code.AGE_UNKNOWN, text))
    return found


def contact_problems(ask: Ask, begun: Begun) -> Iterable[Problem]:
    """Find a number that nobody may use."""
    unsafe = [begun.get(f"safe_contact.{each}") == "false" for each in ("may_call", "may_text")]
    given = [each for each in NUMBERS if begun.get(each)]
    if all(unsafe) and given:
        text = ask.words.text("Neither a call nor a message is safe, so leave the number out")
        yield Problem(given[0], Code.CASE_INVALID, text)
    asked = [each for each in ("may_call", "may_text") if begun.get(f"safe_contact.{each}") not in {"true", "false"}]
    if given and asked:
        text = ask.words.text("Ask first whether it is safe, then write the number")
        yield Problem(f"safe_contact.{asked[0]}", Code.CASE_INVALID, text)


def _of_person(ask: Ask) -> tuple[Shown, ...]:
    paths = (*PERSON, *STATED, *JUDGED, *PERSON_MORE, *(path for block in BLOCKS for path in block.paths))
    return casefields.of(ask.words, paths)


def _of_contact(ask: Ask) -> tuple[Shown, ...]:
    return casefields.of(ask.words, (*SAFE, *SAFE_MORE, *NUMBERS, *ADDRESS))


def _keep(ask: Ask, shown: Iterable[Shown], *names: str) -> Begun | Response:
    """Keep a step as far as it is filled in, or return where to go when another window was faster."""
    return referral_draft.keep(ask, referral_draft.load(ask), referral_draft.typed(ask, shown, *names))


def _page(ask: Ask, step: str, begun: Begun, shown: Iterable[Shown], **values: Any) -> Response:
    listed = tuple(shown)
    differ = referral_draft.fill(ask, begun, listed)
    number = [name for name, _ in STEPS].index(step)
    before = f"/refer/{begun.number}/{STEPS[number - 1][0]}" if number else "/refer" if begun.revision else "/today"
    return ask.page(
        f"refer_{step}.html",
        begun=begun,
        fields=listed,
        differ=differ,
        step=number + 1,
        steps=len(STEPS),
        before=before,
        **values,
    )


def _next_step(begun: Begun) -> str:
    """Return the step to go on with: the last one that was kept has nothing in its fields yet."""
    if begun.case:
        return "ask"
    for step, name in (("contact", "file_number"), ("person", "priority"), ("urgency", "organisation")):
        if begun.get(name):
            return step
    return "organisation" if begun.get(_WHERE) else "need"


def _unfinished(ask: Ask, begun: Begun) -> str:
    """Return the first step on which something is missing or wrong, empty when all is there."""
    found = cases.check(ask.desk, ask.actor, referral_draft.content(ask, begun))
    wrong = {each.path.partition("[")[0] for each in found}
    if not wrong:
        return ""
    where = (
        ("need", {*NEED}),
        ("organisation", {"recipient", "recipient.organisation"}),
        ("urgency", {*casefields.URGENCY, "priority", "reply_by"}),
    )
    return next((step for step, paths in where if wrong & paths), "person")


def _options(ask: Ask, found: Iterable[Fitting]) -> list[tuple[str, Fitting, str, str, str, str, list[str]]]:
    """Return organisations: id, the value, what they offer of it, what not, languages, own name, what else they say."""
    words = ask.words

    def services(codes: Iterable[str]) -> str:
        return words.listed(code_words(ask.language, "htcds.spl_Type", each) for each in codes)

    return [
        (
            str(each.member.org_id),
            each,
            services(each.offers),
            services(each.lacks),
            words.listed(_spoken(ask, one) for one in each.member.languages),
            each.member.profile.name(ask.language) if each.member.profile else "",
            _said(ask, each.member.profile),
        )
        for each in found
    ]


def _spoken(ask: Ask, language: str) -> str:
    """Return the name of a language, whichever of its two codes a directory has."""
    return contacts.language_name(ask.words, language)


def _said(ask: Ask, profile: ProfileShown | None) -> list[str]:
    """Return what an organisation says of itself, for whoever chooses: room, whom it helps, area, telephone, hours."""
    if profile is None:
        return []
    words = ask.words
    told = (
        (words.text("Room"), room_text(ask, profile)),
        (words.text("For whom"), contacts.served(words, profile.serves)),
        (words.text("Area"), in_language(profile.area, ask.language)),
        (words.text("Telephone"), contacts.telephone(profile.telephones[0]) if profile.telephones else ""),
        (words.text("Hours, their clocks"), contacts.hours(words, profile.hours)),
    )
    lines = [words.text("%(name)s: %(text)s", name=name, text=text) for name, text in told if text]
    return [*lines, words.text("This is old: ask them whether it still holds.")] if profile.old else lines
