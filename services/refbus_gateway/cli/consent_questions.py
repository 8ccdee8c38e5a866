"""A consent at a terminal: one question after the other, each answer checked at once and kept until the form is whole.

A line that breaks, a closed lid or Ctrl-C loses no answer: the same command goes on with what was answered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from refbus.core.consent.record import Assent, ConsentState, GrantorKind, Informed, Method
from refbus.core.documents import read_json
from refbus.core.placeholder import is_placeholder
from refbus.core.times import DAY, day_text, read_moment
from refbus.core.vocabulary import Action, DataCategory
from refbus.errors import RefbusError
from refbus.output import say
from refbus_gateway.cli.prompts import ask_choice, ask_text, ask_yes
from refbus_gateway.cli.session import Session, words
from refbus_gateway.forms.consentfile import FORMAT, MOST_RETAINED_MS, is_contact
from refbus_gateway.words.codes import label
from refbus_gateway.words.options import COUNTED

if TYPE_CHECKING:
    from refbus_gateway.actions.consent import Questions

_LISTS: Final[dict[type[StrEnum], str]] = {DataCategory: "refbus.DataCategory", Informed: "htcds.con_Consent"}
_ANSWERS: Final = "answers"
_T = TypeVar("_T")


class Kept:
    """The answers so far, in a draft of whoever asks; of someone who may only stop things nothing is kept."""

    def __init__(self, session: Session, case: int) -> None:
        from refbus_gateway.actions import drafts  # late: the help needs none of it
        from refbus_gateway.actions.actor import ALLOWED, Permission

        self._session, self._case, self._name = session, case, f"consent/{case}"
        self.keeps = Permission.WRITE_CASES in ALLOWED[session.actor.role]
        found = drafts.kept(session.desk, session.actor, self._name) if self.keeps else None
        self.given: dict[str, Any] = read_json(found.fields[_ANSWERS][0]) if found else {}
        if self.given and not ask_yes(
            words(), words().text("Answers of an earlier try are kept. Go on with them?"), default=True
        ):
            self.given = {}

    def get(self, name: str, ask: Callable[[], _T]) -> _T:
        """Return an answer that is kept, else ask for it and keep it."""
        if name not in self.given:
            self.given[name] = ask()
            self._keep()
        found: _T = self.given[name]
        return found

    def drop(self) -> None:
        """Forget the answers: the form was taken, or must be asked anew."""
        from refbus_gateway.actions import drafts  # late: see above

        if self.keeps:
            drafts.drop(self._session.desk, self._session.actor, self._name)

    def _keep(self) -> None:
        from refbus_gateway.actions import drafts  # late: see above

        if self.keeps:
            fields = {_ANSWERS: [json.dumps(self.given, ensure_ascii=False)], "case": [str(self._case)]}
            drafts.keep(self._session.desk, self._session.actor, self._name, fields)


def ask_consent(session: Session, asked: Questions, to: str | None, kept: Kept) -> bytes:
    """Return a filled-in consent form. Questions go to standard error. A no needs no further answer."""
    org = kept.get("organisation", lambda: to or asked.organisation or _organisation())
    permitted = kept.get("permitted", lambda: _permitted(asked))
    if not permitted:
        return json.dumps({"format": FORMAT, "organisation": org, "state": ConsentState.REFUSED}).encode()
    notice = kept.get("notice", lambda: _notice(asked))
    days = _Days(session.desk.gateway.now_ms(), session.desk.utc_offset_min)
    longest = day_text(asked.latest_until_ms, days.utc_offset_min)
    until = kept.get(
        "valid_until",
        lambda: days.ask(
            words().text("Valid until (a day, at most %(longest)s)", longest=longest),
            days.now_ms,
            asked.latest_until_ms,
        ),
    )
    most = days.read(until) + MOST_RETAINED_MS
    document: dict[str, Any] = {
        "format": FORMAT,
        "organisation": org,
        "state": ConsentState.GIVEN,
        "valid_until": until,
        "retain_until": kept.get(
            "retain_until", lambda: days.ask(words().text("They erase it by (a day)"), days.now_ms, most)
        ),
        "notice": notice,
        "grantor": kept.get("grantor", lambda: _grantor(days)),
        "assent": kept.get("assent", lambda: _choice(words().text("Child's own answer"), list(Assent))),
        "method": kept.get("method", lambda: _choice(words().text("How the answer was given"), list(Method))),
        "interpreter": kept.get("interpreter", lambda: _yes(words().text("Was an interpreter present?"))),
        "informed": kept.get("informed", _informed),
        "withdrawal_contact": kept.get("withdrawal_contact", _withdrawal_contact),
        "permit": [
            {
                "purposes": [asked.purpose],
                "actions": [Action.DISCLOSE, *kept.get("report_back", _report_back)],
                "data_categories": permitted,
            }
        ],
        "deny": [],
        "denied_recipients": [],
        "statistics": kept.get("statistics", lambda: _yes(words().text(COUNTED))),
    }
    if asked.majority:  # else it follows from the birth date
        question = words().text("The child comes of age on (a day)")
        document["majority_on"] = kept.get("majority_on", lambda: days.ask(question, days.now_ms, None))
    return json.dumps(document).encode()


class _Days:
    """Days as they are typed on the clocks of the country, each within its bounds, ms UTC."""

    def __init__(self, now_ms: int, utc_offset_min: int) -> None:
        self.now_ms, self.utc_offset_min = now_ms, utc_offset_min

    def read(self, text: str) -> int:
        return read_moment(text, self.utc_offset_min) or 0

    def ask(self, question: str, after_ms: int, most_ms: int | None) -> str:
        def wrong(text: str) -> str | None:
            found = read_moment(text, self.utc_offset_min)
            if found is None:
                return words().text("Not %(form)s.", form=words().text(DAY))
            if found <= after_ms:
                return words().text("That is past.")
            if most_ms is not None and found > most_ms:
                return words().text("At most %(day)s.", day=day_text(most_ms, self.utc_offset_min))
            return None

        return _until_right(question, wrong)


def _permitted(asked: Questions) -> list[str]:
    found = _yes_each(words().text("May they receive"), asked.categories, DataCategory)
    return found + (_yes_each(words().text("May they write to us of"), asked.of_answers, DataCategory) if found else [])


def _notice(asked: Questions) -> dict[str, str]:
    notice_id = _choice(words().text("Text that was explained"), asked.notices)
    language = _choice(words().text("Language it was explained in (ISO 639)"), asked.notices[notice_id])
    return {"notice_id": notice_id, "language": language}


def _organisation() -> str:
    from refbus_gateway.cli.names import organisation_named  # late: the help needs none of it

    def wrong(text: str) -> str | None:
        try:
            organisation_named(text)
        except RefbusError as error:
            return words().spoken(error.detail)
        return None

    return _until_right(words().text("Which organisation"), wrong)


def _grantor(days: _Days) -> dict[str, Any]:
    kind = _choice(words().text("Who consents"), list(GrantorKind))
    if kind == GrantorKind.SELF:
        return {"kind": kind}
    return {
        "kind": kind,
        "authority_evidence": _until_right(
            words().text("SHA-256 of the document that gives the authority"), _no_sha256
        ),
        "authority_until": days.ask(words().text("The authority ends on (a day)"), days.now_ms, None),
        "conflict_checked": _yes(words().text("Was it asked whether this person took part in the trafficking?")),
    }


def _no_sha256(text: str) -> str | None:
    digits = set("0123456789abcdefABCDEF")
    return None if len(text) == 64 and set(text) <= digits else words().text("64 digits are needed, from sha256sum.")


def _informed() -> list[str]:
    """Ask for each thing that has to be explained, until all were: a yes counts only then."""
    missing = list(Informed)
    while missing:
        said = _yes_each(words().text("Was this explained or asked"), missing, Informed)
        missing = [each for each in missing if each not in said]
        if missing:
            say(words().text("A yes counts only when all of this was explained or asked"), err=True)
    return [str(each) for each in Informed]


def _withdrawal_contact() -> str:
    def wrong(text: str) -> str | None:
        return None if is_contact(text) else words().text("Write where the person can take it back")

    return _until_right(words().text("Where can the person withdraw (no person's name)"), wrong)


def _report_back() -> list[str]:
    return [Action.REPORT_BACK] if _yes(words().text("May they report back how it goes?")) else []


def _until_right(question: str, wrong: Callable[[str], str | None]) -> str:
    """Ask until the answer is one: not empty, not the words of a form, and nothing is `wrong` with it."""
    while True:
        typed = ask_text(question).strip()
        told = words().text("These are the words of the form.") if is_placeholder(typed) else wrong(typed)
        if typed and told is None:
            return typed
        say(told or words().text("Write an answer."), err=True)


def _yes(question: str) -> bool:
    return ask_yes(words(), question, default=False)


def _choice(question: str, options: Iterable[str]) -> str:
    return ask_choice(words(), question, options)


def _yes_each(question: str, options: Iterable[str], kind: type[StrEnum]) -> list[str]:
    return [
        str(kind(option))
        for option in options
        if ask_yes(words(), f"{question}: {_words_of(option, kind)}?", default=False)
    ]


def _words_of(code: str, kind: type[StrEnum]) -> str:
    """Return the words for a code, with the code that a file would hold."""
    return f"{label(words().language, _LISTS[kind], code) or code} ({code})"
