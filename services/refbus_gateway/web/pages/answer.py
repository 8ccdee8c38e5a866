"""Saying something in a referral: the steps that are possible now, each with its own page and few questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, UncheckableError
from refbus_gateway.actions import referrals, returns, worklist
from refbus_gateway.actions.desk import Delivery
from refbus_gateway.actions.referrals import Answer, CourseOpened, EventShown, ReferralListed
from refbus_gateway.forms.asked import written_fields
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.web import fields
from refbus_gateway.web.casefields import missing
from refbus_gateway.web.choices import organisation_options
from refbus_gateway.web.fields import Shown
from refbus_gateway.web.pages.referral_forms import BY_EVENT, STEPS, Step
from refbus_gateway.web.pages.return_forms import HOMEWARD
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, RefusedError, Screens
from refbus_gateway.words.catalogue import Catalogue

screens: Final = Screens()
_QUESTION: Final = "answers_event"
_APPOINTMENT: Final = "appointment_event"
_REPLACES: Final = "replaces_event"
_NAMED: Final[Mapping[EventType, tuple[str, EventType]]] = {
    EventType.APPOINTMENT_MISSED: (_APPOINTMENT, EventType.APPOINTMENT_BOOKED),
    EventType.APPOINTMENT_BOOKED: (_REPLACES, EventType.APPOINTMENT_BOOKED),
    EventType.INFORMATION_PROVIDED: (_QUESTION, EventType.INFORMATION_REQUESTED),
}
"""Which field names an earlier event, and of which type."""
_SLUGS: Final[Mapping[str, Step]] = {each.slug: each for each in (*STEPS, *HOMEWARD)}
_ANSWER: Final = "answer."
"""How a box for one category of an answer is called."""


def buttons(found: CourseOpened) -> tuple[list[Step], list[Step]]:
    """Return the steps that are possible now: those with a large button, and the others."""
    steps = [each for each in (*HOMEWARD, *STEPS) if each.event in found.possible]
    return [each for each in steps if each.first], [each for each in steps if not each.first]


@screens.show("/referral/{number:int}/say/{step}")
def say(ask: Ask) -> Response:
    """Ask what has to be known for one step; a step that is not possible any more says so."""
    step = _step(ask)
    away, outside = _elsewhere(ask)
    if away is not None:
        return away
    found = around(ask, ask.number("number"))
    if step.event not in found.possible:
        return ask.page("not_now.html", 409, found=found, step=step)
    return ask.page(
        "say.html",
        found=found,
        step=step,
        shown=_allowed(_shown(ask, step), found),
        earlier=_earlier(ask, step, found),
        boxes=_boxes(ask, found) if step.event is EventType.INFORMATION_PROVIDED else ([], [], []),
        news=outside.unseen,
        parked=any(each.unknown_codes for each in found.events),
    )


@screens.act("/referral/{number:int}/say/take-over", confirm=True)
def take_over(ask: Ask) -> Response:
    """Take over the case: the passphrase was typed for it."""
    return _send(ask, BY_EVENT[EventType.TRANSFER_ACCEPTED])


@screens.act("/referral/{number:int}/say/hand-over", confirm=True)
def hand_over(ask: Ask) -> Response:
    """Offer the case: the passphrase was typed for it."""
    return _send(ask, BY_EVENT[EventType.TRANSFER_PROPOSED])


@screens.act("/referral/{number:int}/say/{step}")
def said(ask: Ask) -> Response:
    """Send what was written for one step."""
    return _send(ask, _step(ask))


def sent_words(words: Catalogue, delivery: Delivery) -> str:
    """Return what became of what was said."""
    if delivery is Delivery.LATER:
        return words.text("It is kept here and goes out by itself as soon as there is a line.")
    return words.text("It was said, and is on its way.")


def around(ask: Ask, number: int) -> CourseOpened:
    """Return a referral as it was seen before; without a line what was said here alone. Nothing is opened."""
    try:
        return referrals.look_again(ask.desk, ask.actor, number, ask.language, codes=False)
    except UncheckableError as error:
        if error.code is not Code.NOT_SYNCHRONISED:
            raise
        return referrals.own_words(ask.desk, ask.actor, number, ask.language, codes=False)


def _step(ask: Ask) -> Step:
    found = _SLUGS.get(ask.param("step"))
    if found is None:
        raise RefusedError(404)
    return found


def _elsewhere(ask: Ask) -> tuple[Response | None, ReferralListed]:
    """Return where the person must look first: at a withdrawal, or at a referral that nobody opened yet."""
    number = ask.number("number")
    outside = worklist.outside(ask.desk, ask.actor, number)
    if outside.withdrawal_to_answer:
        return ask.go(f"/referral/{number}/withdrawn"), outside
    return ask.go(f"/referral/{number}") if outside.unopened else None, outside


def _send(ask: Ask, step: Step) -> Response:
    number, words = ask.number("number"), ask.words
    if step.stops:
        document = _document(ask, step, _shown(ask, step))
        stopped = referrals.stop(ask.desk, ask.actor, number, Answer(step.event, document))
        notice = words.text("It counts here already, and they are told as soon as it can be. Call them.")
        return ask.go(f"/referral/{number}", notice if stopped.waits else sent_words(words, stopped.delivery))
    away, _ = _elsewhere(ask)
    if away is not None:
        return away
    shown = _shown(ask, step)
    document = _document(ask, step, shown)
    problems = [*_problems(ask, step, shown, document)]
    if problems:
        return ask.again(problems)
    answer = Answer(step.event, document, _events(ask, step), codes_checked="codes_checked" in ask.posted)
    try:
        done = referrals.answer(ask.desk, ask.actor, number, answer)
    except CaseInvalidError as error:
        return ask.again([_plain(ask, shown, document, each) for each in error.problems])
    return ask.go(f"/referral/{number}", sent_words(words, done.delivery))


def _shown(ask: Ask, step: Step) -> list[tuple[Shown, str, bool]]:
    """Return the fields of a step with the words of its questions, their hints, and whether they are folded away."""
    found = fields.of(ask.words, written_fields(step.event), [each.path for each in step.asked])
    made = []
    for each, asked in zip(found, step.asked, strict=True):
        options = _options(ask, step, each)
        optional = each.optional or step.stops or asked.further
        field = replace(
            each,
            label=ask.words.text(asked.label),
            pattern=asked.pattern or each.pattern,
            options=options,
            optional=optional,
        )
        made.append((field, ask.words.text(asked.hint) if asked.hint else "", asked.more))
    return made


def _options(ask: Ask, step: Step, field: Shown) -> tuple[tuple[str, str], ...]:
    """Return what can be chosen in a field: of organisations and of travel documents only those that fit."""
    if field.name == "suggested_organisation":
        return tuple(organisation_options(ask))
    if (step.event, field.name) != (EventType.DOCUMENT_ISSUED, "kind"):
        return field.options
    suffice = returns.route(ask.desk, ask.actor, ask.number("number")).documents
    return tuple(each for each in field.options if each[0] in suffice)


def _allowed(shown: list[tuple[Shown, str, bool]], found: CourseOpened) -> list[tuple[Shown, str, bool]]:
    """Leave out what the person did not agree to share: it would be refused when it is sent."""
    if found.consent is None:
        return shown
    covered = found.consent.categories
    return [each for each in shown if not (each[0].optional and each[0].category) or each[0].category in covered]


def _boxes(ask: Ask, found: CourseOpened) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[str]]:
    """Return the boxes of an answer, one for each category that the person agreed to: those asked for, the others.

    The last list has the words for what they asked for and the person did not agree to.
    """
    covered = set(found.consent.categories if found.consent else ())
    last = next((each for each in reversed(found.events) if each.type is EventType.INFORMATION_REQUESTED), None)
    asked = set(last.asked) if last else set()
    first = asked & covered or {DataCategory.SERVICE_NEEDS} & covered

    def boxes(some: Iterable[DataCategory]) -> list[tuple[str, str]]:
        pairs = [(f"{_ANSWER}{each}", code_words(ask.language, "refbus.DataCategory", each)) for each in some]
        return ask.words.in_order(pairs, lambda pair: pair[1])

    return boxes(first), boxes(covered - first), [label for _, label in boxes(asked - covered)]


def _earlier(ask: Ask, step: Step, found: CourseOpened) -> tuple[str, list[tuple[str, EventShown]]]:
    """Return the field that names an earlier event, and the events that it can name, the newest first."""
    name, kind = _NAMED.get(step.event, ("", None))
    events = [(str(each.event), each) for each in reversed(found.events) if each.type is kind]
    return name, events


def _events(ask: Ask, step: Step) -> dict[str, int]:
    name, _ = _NAMED.get(step.event, ("", None))
    number = ask.posted.number(name) if name else None
    return {} if number is None else {name: number}


def _document(ask: Ask, step: Step, shown: Sequence[tuple[Shown, str, bool]]) -> dict[str, Any]:
    if step.event is EventType.INFORMATION_PROVIDED:
        texts = {each: ask.posted.get(f"{_ANSWER}{each}") for each in DataCategory}
        answers = [{"data_category": str(each), "text": text} for each, text in texts.items() if text]
        return {"answers": answers} if answers else {}
    return fields.document([field for field, _, _ in shown], ask.posted, ask.utc_offset_min, ask.actor.country)


def _problems(
    ask: Ask, step: Step, shown: Sequence[tuple[Shown, str, bool]], document: Mapping[str, Any]
) -> Iterable[Problem]:
    """Yield everything that is wrong with a form, in its own words, at its field."""
    words = ask.words
    if step.event is EventType.INFORMATION_PROVIDED and not document:
        yield Problem("answers", Code.CASE_INVALID, words.text("Write in at least one box"))
    if step.event is EventType.APPOINTMENT_MISSED and not _events(ask, step):
        yield Problem(_APPOINTMENT, Code.CASE_INVALID, words.text("Choose which appointment"))
    paths = [field.name for field, _, _ in shown]
    country = ask.actor.country
    for each in fields.check(written_fields(step.event), document, paths, country) if paths else ():
        yield _plain(ask, shown, document, each)
    for field, _, _ in shown:
        rule = field.spec.attributes.get("required_when")
        if rule and document.get(rule["field"]) == rule["value"] and not document.get(field.name):
            yield Problem(field.name, Code.REASON_REQUIRED, words.text("Write the reason"))


def _plain(
    ask: Ask, shown: Sequence[tuple[Shown, str, bool]], document: Mapping[str, Any], problem: Problem
) -> Problem:
    """Return a problem as a person at a form reads it."""
    words, path = ask.words, fields.place_of(problem.path, [each.name for each, _, _ in shown])
    field = next((each for each, _, _ in shown if each.name == path), None)
    if field is None:
        return problem
    if not ask.posted.get(path):
        return Problem(path, problem.code, missing(words, field))
    if path.endswith("_ms"):
        return Problem(path, problem.code, words.text("Write a day and a time, like 31.3.2027 14:00"))
    if problem.code is Code.UNKNOWN_VALUE:
        return Problem(path, problem.code, words.text("Choose one of the list"))
    return problem
