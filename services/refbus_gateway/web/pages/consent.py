"""Refer a person, consent: the notice to read aloud, a yes or a no, each category by itself, a sheet to sign."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from starlette.responses import Response

from refbus.core.consent.age import AgeGroup
from refbus.core.consent.record import Assent, ConsentState, GrantorKind, Informed
from refbus.core.ids import OrgId
from refbus.core.profile import in_language
from refbus.core.times import iso_day
from refbus.core.vocabulary import Action, DataCategory
from refbus.errors import Code
from refbus_gateway.actions import asking, consent, drafts, profiles
from refbus_gateway.actions.asking import Asking
from refbus_gateway.actions.consent import FormRefusedError, RefusalKept, VersionTaken
from refbus_gateway.forms.consentfile import FORMAT, is_contact
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web import referral_draft, render
from refbus_gateway.web.pages.refer import STEPS
from refbus_gateway.web.referral_draft import Begun
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.catalogue import Catalogue, catalogue, mark
from refbus_gateway.words.languages import LANGUAGES, NAMES
from refbus_gateway.words.options import ASSENTS, COUNTED, GRANTORS, METHODS, PERMITTED

screens: Final = Screens()
_STEP: Final = [name for name, _ in STEPS].index("ask") + 1
_OFFICE: Final = "office"
"""The draft that holds what this person wrote last about the office."""
_MOST_FILE: Final = 12 * 1024 * 1024
_DOCUMENT: Final = "authority"
_SHORT: Final = {"kaz": "kk", "kir": "ky", "uzb": "uz", "tuk": "tk", "tgk": "tg", "rus": "ru", "eng": "en"}
"""The languages of the region as the texts of a country are named: the first two letters are not always those."""
_COUNTED: Final = "statistics"
_TYPED: Final = (
    *("until", "erase_by", "interpreter", "method", "withdrawal_contact", "language"),
    *("grantor", "authority_until", "conflict_checked", "assent", "majority_on"),
)


@screens.show("/refer/{number:int}/ask")
def notice(ask: Ask) -> Response:
    """Show what is read to the person, and both answers."""
    begun, found = _found(ask)
    if found is None:
        return ask.go(f"/refer/{begun.number}/need")
    language = _language(ask, begun, found)
    lines = found.notice.texts.get(language, ()) if found.notice else ()
    values = {"names": _names(ask, found), "lacks": _lacks(ask, begun, found), "spoken": _spoken(ask, language)}
    return _page(ask, "refer_ask.html", begun, found, language=language, lines=lines, **values)


@screens.show("/refer/{number:int}/sheet")
def sheet(ask: Ask) -> Response:
    """Show the same on one page to print and sign, all of it in the language in which the person is asked."""
    begun, found = _found(ask)
    if found is None:
        return ask.go(f"/refer/{begun.number}/need")
    language = _language(ask, begun, found)
    lines = found.notice.texts.get(language, ()) if found.notice else ()
    contact = begun.get("withdrawal_contact") or _contact(ask, language)
    spoken = _spoken(ask, language)
    words, asked = catalogue(spoken), ask.organisation(found.organisation, spoken)
    paper = render.part(
        ask,
        spoken,
        "refer_sheet_paper.html",
        found=found,
        organisation=asked,
        office=ask.organisation(ask.actor.org, spoken) if ask.actor.org else "",
        language=language,
        lines=lines,
        contact=contact,
        actions=_actions(words, found),
        counted=words.text(COUNTED),
    )
    return _page(ask, "refer_sheet.html", begun, found, language=language, spoken=spoken, paper=paper)


@screens.act("/refer/{number:int}/no", at="/refer/{number}/ask")
def said_no(ask: Ask) -> Response:
    """Take down a no. It counts at once, and nothing that is missing keeps it out."""
    begun = referral_draft.require_begun(ask)
    if not begun.case or not begun.to:
        return ask.go(f"/refer/{begun.number}/need")
    asked = OrgId(ask.posted.get("asked", begun.to))  # another window may have chosen another one since
    refusal = {"format": FORMAT, "organisation": asked, "state": ConsentState.REFUSED}
    done = consent.take_down(ask.desk, ask.actor, begun.case, json.dumps(refusal).encode(), to=asked)
    if asked == begun.to:
        referral_draft.drop(ask, begun.number)
    return ask.go(_after_no(begun.case, done))


@screens.show("/case/{number:int}/no")
def no(ask: Ask) -> Response:
    """Tell what a no means: nothing was sent, what is kept, what can be done."""
    number = ask.number("number")
    asking.said(ask.desk, ask.actor, number)  # there is such a case
    return ask.page("refer_no.html", case=number, had=bool(ask.query("had")))


@screens.show("/refer/{number:int}/consent")
def answers(ask: Ask) -> Response:
    """Ask for each category, and for what else belongs to a yes."""
    begun, found = _found(ask)
    if found is None:
        return ask.go(f"/refer/{begun.number}/need")
    words, language = ask.words, _language(ask, begun, found)
    given = {"withdrawal_contact": [_contact(ask, language)], **begun.texts, "language": [language]}
    referral_draft.fill(ask, Begun(begun.number, given, begun.revision))

    def worded(pairs: Any) -> list[tuple[str, str]]:
        return [(str(each), words.text(text)) for each, text in pairs]

    return _page(
        ask,
        "refer_consent.html",
        begun,
        found,
        before=f"/refer/{begun.number}/ask",
        methods=worded(METHODS),
        grantors=worded(GRANTORS),
        assents=worded(ASSENTS),
        actions=_actions(words, found),
        counted=words.text(COUNTED),
        informed=[(str(each), code_words(ask.language, "htcds.con_Consent", each)) for each in Informed],
        child=found.age is not AgeGroup.ADULT,
        names=_names(ask, found),
    )


@screens.act("/refer/{number:int}/consent", most_bytes=_MOST_FILE)
def answered(ask: Ask) -> Response:
    """Take the answers down and sign them."""
    begun, found = _found(ask)
    if found is None:
        return ask.go(f"/refer/{begun.number}/need")
    asked = (*found.categories, *found.of_answers, *(each for each, _ in PERMITTED))
    names = [*_TYPED, "informed", _COUNTED, *(_answer(each) for each in asked)]
    changed = {name: list(ask.posted.all(name)) for name in names}
    document = ask.posted.files.get(_DOCUMENT)
    if document:
        changed["authority_evidence"] = [hashlib.sha256(document).hexdigest()]
    kept = referral_draft.keep(ask, begun, changed)
    if isinstance(kept, Response):
        return kept
    begun, problems = kept, _problems(ask, kept, found)
    if problems:
        return ask.again(problems)
    _keep_contact(ask, begun.get("withdrawal_contact"))
    form = json.dumps(_form(begun, found), ensure_ascii=False).encode()
    try:
        done = consent.take_down(ask.desk, ask.actor, found.case, form, to=found.organisation)
    except FormRefusedError as error:
        return ask.again([_plain(ask.words, each) for each in error.problems] or [_main(ask, error)])
    if isinstance(done, RefusalKept):
        return ask.go(_after_no(found.case, done))
    return ask.go(f"/refer/{begun.number}/look")


def _after_no(case: int, done: VersionTaken | RefusalKept) -> str:
    """Return the page after a no: whether they had received something, and hear of it, is told there."""
    return f"/case/{case}/no" + ("?had=yes" if done.told or done.not_told else "")


def _found(ask: Ask) -> tuple[Begun, Asking | None]:
    begun = referral_draft.require_begun(ask)
    if not begun.case or not begun.to:
        return begun, None
    return begun, asking.show(ask.desk, ask.actor, begun.case, begun.to)


def _page(ask: Ask, template: str, begun: Begun, found: Asking, **values: Any) -> Response:
    given = {"before": f"/refer/{begun.number}/contact", "step": _STEP, "steps": len(STEPS), **values}
    return ask.page(template, begun=begun, found=found, **given)


def _names(ask: Ask, found: Asking) -> list[tuple[str, str]]:
    """Return the languages of the notice, by their own names where this program has them."""
    known = {name.partition("-")[0]: text for name, text in reversed(NAMES.items())}  # of Uzbek its Latin name
    return [(each, known.get(each, each)) for each in (found.notice.languages if found.notice else ())]


def _language(ask: Ask, begun: Begun, found: Asking) -> str:
    """Return in which language the notice is read: chosen, else that of the person, else of the page."""
    there = found.notice.languages if found.notice else ()
    wished = (ask.query("language"), begun.get("language"), _short(begun.get("person.prs_PrimaryLanguage")))
    return next((each for each in (*wished, ask.language.partition("-")[0], *there) if each in there), "")


def _spoken(ask: Ask, language: str) -> str:
    """Return the language of this program's words that a notice in `language` is in, else that of the page."""
    return next((each for each in (ask.language, *LANGUAGES) if each.partition("-")[0] == language), ask.language)


def _lacks(ask: Ask, begun: Begun, found: Asking) -> str:
    """Return the name of the person's language where the country has no text in it, empty where it has."""
    spoken = begun.get("person.prs_PrimaryLanguage")
    there = found.notice.languages if found.notice else ()
    return "" if not spoken or _short(spoken) in there else code_words(ask.language, "iso.639-2", spoken)


def _short(language: str) -> str:
    """Return the code of a language as the texts of a country are named."""
    return _SHORT.get(language, language)


def _actions(words: Catalogue, found: Asking) -> list[tuple[str, str]]:
    """Return what they may do with it: whether they may contact the person is asked where they get a number."""
    pairs = [(_answer(each), words.text(text), each) for each, text in PERMITTED]
    contact = DataCategory.CONTACT in found.categories
    return [(name, text) for name, text, each in pairs if contact or each is not Action.CONTACT_PERSON]


def _answer(what: str) -> str:
    return f"answer_{what}"


def _problems(ask: Ask, begun: Begun, found: Asking) -> list[Problem]:
    """Return everything that is not answered or cannot be, at its field."""
    words = ask.words
    made = [*_category_problems(ask, begun, found)]
    if found.notice and begun.get("language") not in found.notice.languages:
        made.append(_wrong("language", words.text("Choose the language in which it was explained")))
    for name, question in _actions(words, found):
        if begun.get(name) not in {"yes", "no"}:
            made.append(_wrong(name, words.text("%(question)s Yes or no?", question=question)))
    if begun.get(_COUNTED) not in {"yes", "no"}:
        made.append(_wrong(_COUNTED, words.text("Say whether this person may be counted")))
    if set(begun.all("informed")) != {str(each) for each in Informed}:
        made.append(_wrong("informed", words.text("A yes counts only when all of this was explained or asked")))
    asked = (
        ("until", words.text("Write until when it may be used")),
        ("erase_by", words.text("Write by when they erase it")),
        ("method", words.text("Choose how the answer was given")),
        ("interpreter", words.text("Say whether an interpreter was there")),
    )
    made += [_wrong(name, text) for name, text in asked if not begun.get(name)]
    if not is_contact(begun.get("withdrawal_contact")):
        made.append(_wrong("withdrawal_contact", words.text("Write where the person can take it back")))
    return made if found.age is AgeGroup.ADULT else [*made, *_child_problems(words, begun, found)]


def _category_problems(ask: Ask, begun: Begun, found: Asking) -> Iterator[Problem]:
    for category in (*found.categories, *found.of_answers):
        said = begun.get(_answer(category))
        if said not in {"yes", "no"}:
            name = code_words(ask.language, "refbus.DataCategory", category)
            yield _wrong(_answer(category), ask.words.text("%(name)s: yes or no?", name=name))
        elif category in found.compulsory and said == "no":
            text = ask.words.text(
                "They must know which help is needed. If the person does not want that, go back and choose No."
            )
            yield _wrong(_answer(category), text)


def _wrong(name: str, text: str) -> Problem:
    return Problem(name, Code.CASE_INVALID, text)


def _child_problems(words: Catalogue, begun: Begun, found: Asking) -> list[Problem]:
    asked = [
        ("grantor", words.text("Choose who consents for the child")),
        ("authority_evidence", words.text("Choose the document that shows it")),
        ("authority_until", words.text("Write until when that holds")),
        ("assent", words.text("Write what the child said")),
    ]
    if found.majority:
        asked.append(("majority_on", words.text("Write when the child comes of age, at the latest")))
    made = [
        Problem(_DOCUMENT if name == "authority_evidence" else name, Code.CASE_INVALID, text)
        for name, text in asked
        if not begun.get(name)
    ]
    if begun.get("conflict_checked") != "yes":
        text = words.text("Ask first whether this person took part in what happened; only then can they consent")
        made.append(Problem("conflict_checked", Code.GRANTOR_NOT_ENTITLED, text))
    if begun.get("assent") == Assent.REFUSED:
        text = words.text("A child's no counts. Go back and choose No: nothing is sent.")
        made.append(Problem("assent", Code.ASSENT_MISSING, text))
    return made


def _form(begun: Begun, found: Asking) -> dict[str, Any]:
    """Return the consent form that was answered."""
    allowed = [each for each, _ in PERMITTED if begun.get(_answer(each)) == "yes"]
    permit: dict[str, Any] = {
        "purposes": [found.purpose],
        "actions": [Action.DISCLOSE, *allowed],
        "data_categories": [
            each for each in (*found.categories, *found.of_answers) if begun.get(_answer(each)) == "yes"
        ],
        "onward_transfer": Action.ONWARD_REFERRAL in allowed,
    }
    made: dict[str, Any] = {
        "format": FORMAT,
        "organisation": found.organisation,
        "state": ConsentState.GIVEN,
        "valid_until": iso_day(begun.get("until")),
        "retain_until": iso_day(begun.get("erase_by")),
        "notice": {"notice_id": found.notice.notice_id if found.notice else "", "language": begun.get("language")},
        "grantor": {"kind": GrantorKind.SELF},
        "assent": Assent.NOT_REQUIRED,
        "method": begun.get("method"),
        "interpreter": begun.get("interpreter") == "yes",
        "informed": list(begun.all("informed")),
        "withdrawal_contact": begun.get("withdrawal_contact"),
        "permit": [permit],
        "deny": [],
        "denied_recipients": [],
        "statistics": begun.get(_COUNTED) == "yes",
    }
    return made if found.age is AgeGroup.ADULT else made | _of_child(begun, found)


def _of_child(begun: Begun, found: Asking) -> dict[str, Any]:
    grantor = {
        "kind": begun.get("grantor"),
        "authority_evidence": begun.get("authority_evidence"),
        "authority_until": iso_day(begun.get("authority_until")),
        "conflict_checked": begun.get("conflict_checked") == "yes",
    }
    made: dict[str, Any] = {"grantor": grantor, "assent": begun.get("assent")}
    if found.majority:
        made["majority_on"] = iso_day(begun.get("majority_on"))
    return made


_FIELDS: Final = {
    "valid_until": ("until", mark("Until: write a day to come like 31.3.2027, before the latest one")),
    "retain_until": ("erase_by", mark("Erase by: write a day like 31.3.2027, at most five years after the end")),
    "withdrawal_contact": ("withdrawal_contact", mark("Write the place or line, not the words of the form")),
    "majority_on": ("majority_on", mark("Write the day on which the child comes of age, like 31.3.2027")),
    "grantor.authority_until": ("authority_until", mark("Write a day like 31.3.2027")),
    "grantor.authority_evidence": (_DOCUMENT, mark("Choose the document that shows it")),
    "grantor.kind": ("grantor", mark("Choose who consents for the child")),
    "grantor.conflict_checked": ("conflict_checked", mark("Say whether it was asked")),
    "method": ("method", mark("Choose how the answer was given")),
    "assent": ("assent", mark("Write what the child said")),
    "notice.language": ("language", mark("Choose the language in which it was explained")),
}


def _plain(words: Catalogue, found: Problem) -> Problem:
    """Return a problem of a consent form in the words of its page."""
    name, text = _FIELDS.get(found.path, ("main", mark("This answer cannot be taken down as it is. Look at it again.")))
    return Problem(name, found.code, words.text(text))


def _main(ask: Ask, error: FormRefusedError) -> Problem:
    told = ask.office.words_of(error, ask.words)
    return Problem("main", error.code, f"{told.meaning}. {told.next_step}")


def _contact(ask: Ask, language: str) -> str:
    """Return where a person can take consent back: from the office's own profile, else as it was written last."""
    own = profiles.show(ask.desk, ask.actor).profile
    return in_language(own.withdrawal, language) if own and own.withdrawal else _last_contact(ask)


def _last_contact(ask: Ask) -> str:
    """Return where a person can take consent back, as it was written here the last time."""
    kept = drafts.kept(ask.desk, ask.actor, _OFFICE)
    return next(iter(kept.fields.get("withdrawal_contact", ())), "") if kept else ""


def _keep_contact(ask: Ask, text: str) -> None:
    if text != _last_contact(ask):
        drafts.keep(ask.desk, ask.actor, _OFFICE, {"withdrawal_contact": [text]})
