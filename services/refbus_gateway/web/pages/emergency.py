"""Emergency: the country's rule first, then ground and least data, then two officers, then the review by a third."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.core.consent.legal_basis import MOST_CATEGORIES, Ground, Incapacity, Protects, ReviewResult
from refbus.core.ids import parse_org_id
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, RefbusError
from refbus_gateway.actions import cases, drafts, emergencies, referrals
from refbus_gateway.actions.emergencies import Decision, OfficerWord
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.casefields import choose
from refbus_gateway.web.choices import case_options, organisation_options
from refbus_gateway.web.fields import again_at
from refbus_gateway.web.pages.answer import sent_words
from refbus_gateway.web.pages.erase import where_erased
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.web.session import Form
from refbus_gateway.words.options import GROUNDS, INCAPACITIES, REVIEW_RESULTS

screens: Final = Screens()
DRAFT: Final = "emergency"
_FIELDS: Final = ("case", "to", "ground", "protects", "incapacity", "categories", "hours", "needed_now")
_TEXT: Final = 4_000


@screens.show("/emergency")
def rule(ask: Ask) -> Response:
    """Say what the country allows, before anybody writes anything; list what was disclosed so."""
    return ask.page("emergency.html", rule=emergencies.rule(ask.desk, ask.actor))


@screens.show("/emergency/new")
def form(ask: Ask) -> Response:
    """Ask for the ground and the least that must be told."""
    found = emergencies.rule(ask.desk, ask.actor)
    if not found.possible:
        return ask.go("/emergency")
    ask.draft(DRAFT)
    return ask.page(
        "emergency_new.html",
        rule=found,
        cases=case_options(ask),
        organisations=organisation_options(ask),
        grounds=[(each.value, ask.words.text(GROUNDS[each])) for each in Ground],
        incapacities=[(each.value, ask.words.text(INCAPACITIES[each])) for each in Incapacity],
        categories=_categories(ask),
    )


@screens.act("/emergency/new")
def decided(ask: Ask) -> Response:
    """Keep what was written, and lead to the two officers."""
    problems = _problems(ask, ask.posted)
    if problems:
        return ask.again(problems)
    drafts.keep(ask.desk, ask.actor, DRAFT, {name: list(ask.posted.all(name)) for name in _FIELDS})
    return ask.go("/emergency/decide")


@screens.show("/emergency/decide")
def check(ask: Ask) -> Response:
    """Show exactly what goes to whom, and ask both officers."""
    kept = _kept(ask)
    if kept is None or _problems(ask, kept):
        return ask.go("/emergency/new")
    found = emergencies.rule(ask.desk, ask.actor)
    decision = _decision(kept)
    return ask.page(
        "emergency_decide.html",
        decision=decision,
        about=_about(ask, kept),
        looked=(kept.get("case"), decision),
        ground=ask.words.text(GROUNDS[decision.ground]),
        incapacity=ask.words.text(INCAPACITIES[decision.incapacity]) if decision.incapacity else "",
        officers=_officers(ask, found),
    )


@screens.act("/emergency/decide", confirm=True)
def invoke(ask: Ask) -> Response:
    """Disclose, on the word of two officers."""
    kept, words = _kept(ask), ask.words
    if kept is None or _problems(ask, kept):
        return ask.go("/emergency/new")
    names = [ask.posted.get("first"), ask.posted.get("second")]
    problems = [
        Problem(name, Code.CASE_INVALID, words.text("Choose the officer"))
        for name in ("first", "second")
        if not ask.posted.get(name)
    ]
    if not problems and names[0] == names[1]:
        problems.append(Problem("second", Code.CASE_INVALID, words.text("Two different officers decide")))
    if problems:
        return ask.again(problems)
    decision = _decision(kept)
    if not ask.saw((kept.get("case"), decision)):
        return ask.look_again()
    emergencies.check_decision(ask.desk, ask.actor, decision.recipient, names)
    typed = (
        OfficerWord(names[0], ask.posted.get("passphrase_first")),
        OfficerWord(names[1], ask.posted.get("passphrase_second")),
    )
    try:
        done = emergencies.invoke(ask.desk, ask.actor, int(kept.get("case")), decision, typed)
    except RefbusError as error:
        told = words.text("One of the two passphrases is not right")
        return again_at(ask, error, {Code.KEYFILE_WRONG_PASSPHRASE: ("passphrase_first", told)})
    drafts.drop(ask.desk, ask.actor, DRAFT)
    return ask.go(f"/emergency/{done.emergency}", sent_words(words, done.delivery))


@screens.show("/emergency/{number:int}")
def one(ask: Ask) -> Response:
    """Show an emergency disclosure, and the review while it waits."""
    number = ask.number("number")
    gone = where_erased(ask, number)
    if gone is not None:
        return gone
    found = referrals.open_course(ask.desk, ask.actor, number, ask.language, codes=False)
    if not any(each.type is EventType.EMERGENCY_INVOKED for each in found.events):
        return ask.go(f"/referral/{number}")
    reviewed = any(each.type is EventType.EMERGENCY_REVIEWED for each in found.events)
    asks = found.own and not reviewed and ask.may("EMERGENCY")
    return ask.page(
        "emergency_one.html",
        found=found,
        messages=[each for each in found.events if each.type in _SAID],
        reviewed=reviewed,
        officers=_officers(ask, emergencies.rule(ask.desk, ask.actor)) if asks else None,
        results=[(each.value, ask.words.text(REVIEW_RESULTS[each])) for each in ReviewResult],
    )


@screens.act("/emergency/{number:int}/review", at="/emergency/{number}")
def review(ask: Ask) -> Response:
    """Report what the third officer found."""
    number, words = ask.number("number"), ask.words
    officer, result = ask.posted.get("officer"), ask.posted.get("result")
    problems = [
        Problem(name, Code.CASE_INVALID, choose(words, label))
        for name, label, known in (
            ("result", words.text("What did you find?"), result in ReviewResult.__members__),
            ("officer", words.text("Which officer are you?"), bool(officer)),
        )
        if not known
    ]
    if problems:
        return ask.again(problems)
    emergencies.check_review(ask.desk, ask.actor, number, officer)
    word = OfficerWord(officer, ask.posted.get("passphrase_officer"))
    try:
        done = emergencies.review(ask.desk, ask.actor, number, ReviewResult(result), word)
    except RefbusError as error:
        at = {
            Code.KEYFILE_WRONG_PASSPHRASE: ("passphrase_officer", words.text("The passphrase is not right")),
            Code.REVIEWER_NOT_INDEPENDENT: ("officer", words.text("Choose an officer who did not decide")),
        }
        return again_at(ask, error, at)
    return ask.go(f"/emergency/{number}", sent_words(words, done.delivery))


_SAID: Final = frozenset({EventType.EMERGENCY_INVOKED, EventType.EMERGENCY_REVIEWED})


def _kept(ask: Ask) -> Form | None:
    found = drafts.kept(ask.desk, ask.actor, DRAFT)
    return Form({name: tuple(texts) for name, texts in found.fields.items()}) if found else None


def _about(ask: Ask, kept: Form) -> str:
    """Return whose case it is: the nickname here."""
    number = kept.number("case")
    return "" if number is None else cases.nickname(ask.desk, ask.actor, number) or str(number)


def _decision(kept: Form) -> Decision:
    incapacity = kept.get("incapacity")
    return Decision(
        recipient=parse_org_id(kept.get("to")),
        ground=Ground(kept.get("ground")),
        protects=Protects(kept.get("protects")),
        incapacity=Incapacity(incapacity) if incapacity else None,
        categories=[DataCategory(each) for each in kept.all("categories")],
        hours=int(kept.get("hours")),
        needed_now=kept.get("needed_now"),
    )


def _problems(ask: Ask, form: Form) -> list[Problem]:
    """Return everything that is wrong with what was written; the rules of the disclosure are asked when it is sent."""
    words, most = ask.words, emergencies.rule(ask.desk, ask.actor).most_hours
    hours = form.number("hours")
    known = {
        "case": (words.text("Who?"), form.number("case") is not None),
        "to": (words.text("Who can help now?"), form.get("to") in dict(organisation_options(ask))),
        "ground": (words.text("Why can it not wait?"), form.get("ground") in Ground.__members__),
        "protects": (words.text("Whose life is it?"), form.get("protects") in Protects.__members__),
        "categories": (words.text("What else must they know?"), set(form.all("categories")) <= set(DataCategory)),
        "incapacity": (
            words.text("Why can the person not be asked?"),
            form.get("incapacity") in {"", *Incapacity},
        ),
    }
    found = [
        Problem(name, Code.CASE_INVALID, choose(words, label)) for name, (label, right) in known.items() if not right
    ]
    if hours is None or not 1 <= hours <= most:
        told = words.text("A number of hours, at most %(most)s", most=most)
        found.append(Problem("hours", Code.CASE_INVALID, told))
    if not 0 < len(form.get("needed_now")) <= _TEXT:
        found.append(Problem("needed_now", Code.CASE_INVALID, words.text("Write what must be done at once")))
    if form.get("protects") == Protects.PERSON and not form.get("incapacity"):
        told = words.text("Say why the person cannot be asked. A person who can answer is asked.")
        found.append(Problem("incapacity", Code.CASE_INVALID, told))
    return found


def _categories(ask: Ask) -> list[tuple[str, str]]:
    possible = frozenset().union(*MOST_CATEGORIES.values()) - {DataCategory.SERVICE_NEEDS}
    pairs = [(each.value, code_words(ask.language, "refbus.DataCategory", each)) for each in possible]
    return ask.words.in_order(pairs, lambda pair: pair[1])


def _officers(ask: Ask, rule: emergencies.EmergencyRule) -> list[tuple[str, str]]:
    return [
        (each.officer, f"{code_words(ask.language, 'refbus.WorkerRole', each.role)} ({each.officer[:4]})")
        for each in rule.officers
        if each.endorsed
    ]
