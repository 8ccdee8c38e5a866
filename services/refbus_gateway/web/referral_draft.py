"""A referral that is being written: a draft that is kept after each step, and the case file that it becomes.

A draft holds what was typed, by the name of its field; of lists that are searched it holds codes, so that it can be
gone on with in another language. `base`: a case file with what no page shows, of a case or of a referral that came in.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from refbus.core.documents import read_json
from refbus.core.ids import OrgId
from refbus.core.vocabulary import Purpose
from refbus.errors import Code, RuleError
from refbus.wire.fields import Kind
from refbus_gateway.actions import cases, drafts, links
from refbus_gateway.forms import dates
from refbus_gateway.forms.case_routing import FORMAT, ROUTING_FIELDS
from refbus_gateway.forms.plausible import CONFIRMED
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web import casefields, fields
from refbus_gateway.web.fields import Shown
from refbus_gateway.web.screens import Ask, RefusedError
from refbus_gateway.web.session import Form
from refbus_gateway.words.codes import label

_NAME: Final = re.compile(r"refer/([1-9]\d{0,8})")
_ISO_DAY: Final = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Begun:
    """A draft: its number in the address, what was typed, the revision that a form was shown at."""

    number: int
    texts: Texts
    revision: int

    def get(self, name: str, otherwise: str = "") -> str:
        """Return the first text of a field."""
        found = self.texts.get(name)
        return found[0].strip() if found else otherwise

    def all(self, name: str) -> tuple[str, ...]:
        """Return every text of a field."""
        return tuple(self.texts.get(name, ()))

    @property
    def case(self) -> int:
        """The case that it was kept as, 0 while it is none."""
        return int(self.get("case", "0"))

    @property
    def to(self) -> OrgId:
        """The organisation that was chosen, empty while none is."""
        return OrgId(self.get("organisation"))


def all_begun(ask: Ask) -> list[Begun]:
    """Return the referrals that this person began, the newest first."""
    found = ((_NAME.fullmatch(each.name), each) for each in drafts.listed(ask.desk, ask.actor).drafts)
    return [Begun(int(name[1]), each.fields, each.revision) for name, each in found if name][::-1]


def load(ask: Ask) -> Begun:
    """Return the draft of this address; an empty one where nothing is kept yet."""
    number = ask.number("number")
    kept = drafts.kept(ask.desk, ask.actor, _name(number))
    return Begun(number, kept.fields, kept.revision) if kept else Begun(number, {}, 0)


def require_begun(ask: Ask) -> Begun:
    """Return the draft of this address. Raises RefusedError 404 when nothing was kept."""
    begun = load(ask)
    if not begun.revision:
        raise RefusedError(404)
    return begun


def fill(ask: Ask, begun: Begun, shown: Iterable[Shown] = ()) -> list[tuple[str, str, str]]:
    """Let the form of a page show the draft. Return where two windows differ: label, what was typed, what is kept."""
    listed = tuple(shown)
    kept = {name: list(texts) for name, texts in begun.texts.items()}
    for each in listed:
        if each.pattern == "search" and each.name in kept:
            kept[each.name] = [_words_of(ask, each, text) for text in kept[each.name]]
    if not ask.form:
        ask.form = Form(kept)
        return []
    if all(each.code is not Code.CASE_CHANGED for each in ask.problems):
        return []
    return [
        (each.label, _told(each, ask.form.all(each.name)), _told(each, kept.get(each.name, ())))
        for each in listed
        if _told(each, ask.form.all(each.name)) != _told(each, kept.get(each.name, ()))
    ]


def _words_of(ask: Ask, each: Shown, code: str) -> str:
    """Return the words of a code; one of a long list may be none of the options."""
    found = dict(each.options).get(code)
    if found is None and each.spec.kind is Kind.CODED:
        found = label(ask.language, each.spec.code_list, code)
    return found or code


def _told(each: Shown, texts: Iterable[str]) -> str:
    words = dict(each.options)
    return ", ".join(words.get(text, text) for text in texts if text)


def typed(ask: Ask, shown: Iterable[Shown], *names: str) -> dict[str, list[str]]:
    """Return what was typed in these fields as a draft keeps it; an empty one is kept as empty."""
    found = {name: list(ask.posted.all(name)) for name in names}
    for each in shown:
        texts = [text.strip() for text in ask.posted.all(each.name)]
        found[each.name] = [fields.code_typed(each, text) for text in texts] if each.options else texts
    return found


def keep(ask: Ask, begun: Begun, changed: Texts) -> Begun | Response:
    """Keep a draft with what changed; where another window was faster, return the way back to both versions."""
    texts = {**begun.texts, **changed}
    if not begun.texts.get("begun"):
        texts["begun"] = [secrets.token_hex(8)]
    seen = ask.posted.number("revision")
    replaces = begun.revision if seen is None else seen
    try:
        done = drafts.keep(ask.desk, ask.actor, _name(begun.number), texts, replaces=replaces)
    except RuleError as error:
        if not is_stale(error):
            raise
        told = ask.words.text("This was changed in another window. Both are shown below.")
        return ask.again([Problem("main", Code.CASE_CHANGED, told)])
    return Begun(begun.number, texts, done.revision)


def begin(ask: Ask, content: Mapping[str, Any], **more: str) -> int:
    """Begin a referral with a case file that is there already; return its number."""
    number = max([each.number for each in all_begun(ask)], default=0) + 1
    texts = texts_of(content)
    for name, text in more.items():
        texts[name] = [text]
    texts["begun"] = [secrets.token_hex(8)]
    drafts.keep(ask.desk, ask.actor, _name(number), texts, replaces=0)
    return number


def drop(ask: Ask, number: int) -> None:
    """Forget a draft."""
    drafts.drop(ask.desk, ask.actor, _name(number))


def texts_of(content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a case file as the texts of a draft, with days as people write them; `base` has what no page shows.

    The time to answer by belongs to one referral, so it is asked anew.
    """
    found = {
        name: [_as_people_write(text) for text in texts]
        for name, texts in fields.form_of(content).items()
        if name in casefields.ALL and texts != ["None"]
    }
    for name in ("file_number", "purpose", "priority", "about"):
        if content.get(name):
            found[name] = [str(content[name])]
    for name, reason in (content.get(CONFIRMED) or {}).items():
        found[f"{CONFIRMED}.{name}"] = [str(reason)]
    found["base"] = [json.dumps(_beyond_pages(content), ensure_ascii=False)]
    return found


def _beyond_pages(content: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return what of a case file no page shows."""
    rest: dict[str, Any] = {}
    for name, value in content.items():
        here = path + name
        if isinstance(value, Mapping) and "code_list" not in value:
            inner = _beyond_pages(value, here + ".")
            if inner and name not in {"recipient", "help", CONFIRMED}:
                rest[name] = inner
        elif here not in casefields.ALL and here not in ROUTING_FIELDS - {"onward_of"} and value is not None:
            rest[name] = value
    return rest


def _as_people_write(text: str) -> str:
    found = _ISO_DAY.fullmatch(text)
    if not found or not found[2]:
        return text
    return ".".join(str(int(each)) for each in (found[3], found[2]) if each) + f".{found[1]}"


def document(ask: Ask, begun: Begun) -> dict[str, Any]:
    """Return the case file that a draft is, as far as it is written."""
    shown = casefields.of(ask.words, casefields.ALL)
    made = fields.document(shown, Form(begun.texts), ask.utc_offset_min, ask.actor.country)
    whole = _joined(read_json(begun.get("base", "{}")), made)
    if "adult_judgement" in whole:
        whole["adult_judgement"] |= {"judged_by_role": begun.get("responsible_worker_role")}
    routing = {
        "file_number": begun.get("file_number"),
        "about": begun.get("about"),
        "purpose": begun.get("purpose") or Purpose.REFERRAL_SERVICES,
        "priority": begun.get("priority"),
        "reply_by": dates.reply_by(begun.get("reply_by"), ask.utc_offset_min),
    }
    filled: dict[str, Any] = {name: str(text) for name, text in routing.items() if text}
    confirmed = {path.partition(".")[2]: begun.get(path) for path in casefields.CONFIRMABLE if begun.get(path)}
    if confirmed:
        filled[CONFIRMED] = confirmed
    help_ = {"begun": begun.get("begun")}  # two people with the same needs are two cases
    return {"format": FORMAT, "recipient": {"organisation": begun.to}, **filled, **whole, "help": help_}


def _joined(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(base)
    for name, value in over.items():
        below = made.get(name)
        made[name] = _joined(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return made


def content(ask: Ask, begun: Begun) -> bytes:
    """Return the case file of a draft as it is kept and sent."""
    return json.dumps(document(ask, begun), ensure_ascii=False).encode()


def problems(ask: Ask, begun: Begun, shown: Iterable[Shown], *more: str) -> list[Problem]:
    """Return what is wrong in the fields of one step, and at the paths `more`, in the words of a page."""
    listed = tuple(shown)
    mine = {*(each.name for each in listed), *more}
    made = document(ask, begun)
    found = cases.check(ask.desk, ask.actor, json.dumps(made, ensure_ascii=False).encode())
    plain = (casefields.plain(ask.words, listed, made, each) for each in found)
    return list({each.path: each for each in plain if each.path in mine}.values())


def keep_case(ask: Ask, begun: Begun) -> Begun:
    """Keep what was written as a case, or put it in place of what the case had. Raises CaseInvalidError, RuleError."""
    made = content(ask, begun)
    if not begun.case:
        kept = cases.add(ask.desk, ask.actor, made)
        noted = _noted(ask, begun, kept.case, "")
        _link(ask, noted)
        return noted
    seen = begun.get("case_revision") or None
    done = cases.update(ask.desk, ask.actor, begun.case, made, replaces=seen)
    return _noted(ask, begun, begun.case, done.revision)


def _link(ask: Ask, begun: Begun) -> None:
    """Link a new case with the one of whose group it was begun; where that is gone by now, say so."""
    other = begun.get("linked_case")
    if not other:
        return
    travels = begun.get("linked_travels") == "yes"
    try:
        links.link(ask.desk, ask.actor, int(other), [begun.case], begun.get("linked_relation"), travels=travels)
    except RuleError:
        ask.session.notices.append(ask.words.text("It could not be linked with the other case."))


def _noted(ask: Ask, begun: Begun, case: int, revision: str) -> Begun:
    texts = {**begun.texts, "case": [str(case)], "case_revision": [revision]}
    done = drafts.keep(ask.desk, ask.actor, _name(begun.number), texts, replaces=begun.revision)
    return Begun(begun.number, texts, done.revision)


def is_stale(error: RuleError) -> bool:
    """Whether somebody else changed it meanwhile."""
    return error.code is Code.CASE_CHANGED


def _name(number: int) -> str:
    return f"refer/{number}"
