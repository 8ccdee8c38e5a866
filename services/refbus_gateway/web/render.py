"""The one way to a page: templates in the language of the session, with everything foreign made harmless.

A template gets `ask` (the request), `part` (the patterns of forms) and what its route gives it, and nothing else. A
name that is not there is an error, so a page never shows a hole. Whatever text a template puts on a page, in a sentence
too, has everything hidden in it shown (`harmless`), unless it is put into a field as it was typed (`|e`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from refbus import foreign
from refbus.core.times import day_ms, read_day
from refbus_gateway.web import drawn, sections
from refbus_gateway.words.catalogue import Catalogue, catalogue
from refbus_gateway.words.codes import event_name, field_name, label, titled


class Asked(Protocol):
    """What a page needs of the request that it is made for."""

    @property
    def language(self) -> str:
        """The language of the page."""
        ...

    @property
    def utc_offset_min(self) -> int:
        """How many minutes the clocks of the country are ahead of UTC."""
        ...

    @property
    def now_ms(self) -> int:
        """The time that counts, ms UTC."""
        ...


TEMPLATES: Final = Path(__file__).parent / "templates"
_NO_ID: Final = re.compile(r"[^A-Za-z0-9_]+")
_STATES: Final = ("refbus.ReferralState", "refbus.ReturnState", "refbus.EmergencyState")
_SENTENCES: Final = ("gettext", "ngettext", "pgettext", "npgettext")
"""What `trans` and `_` of the templates call."""
_NO_BREAK: Final = "\u00a0"
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]|[\u0300-\u036f]{5}"
)
"""What shows nothing and counts as printable, and accents that climb over other lines: `refbus.foreign` shows both."""
_ask: ContextVar[Asked] = ContextVar("ask")


class _Current:
    """The request that a page is made for, as templates and the patterns of forms see it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_ask.get(), name)


def render(ask: Asked, template: str, **values: Any) -> str:
    """Return a page in the language of the request."""
    return _rendered(ask, ask.language, template, values)


def part(ask: Asked, language: str, template: str, /, **values: Any) -> Markup:
    """Return what stands on a page in the language of somebody else than its reader: of whom a paper is for."""
    return Markup(_rendered(ask, language, template, values))  # noqa: S704 - a template escaped it


def _rendered(ask: Asked, language: str, template: str, values: Mapping[str, Any]) -> str:
    token = _ask.set(ask)
    try:
        return environment(language).get_template(template).render(values)
    finally:
        _ask.reset(token)


@cache
def environment(language: str) -> Environment:
    """Return the templates of one language: compiled once."""
    words = catalogue(language)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.policies["ext.i18n.trimmed"] = True  # as `make words` reads the templates
    translate: Any = made
    translate.install_gettext_callables(
        words.gettext, words.ngettext, newstyle=True, pgettext=words.pgettext, npgettext=words.npgettext
    )
    made.globals.update({name: _with_harmless(translate.globals[name]) for name in _SENTENCES})
    made.filters.update(
        foreign=foreign_line,
        foreign_block=foreign_block,
        moment=lambda time_ms: words.moment(time_ms, _ask.get().utc_offset_min),
        day=lambda time_ms: words.day(time_ms, _ask.get().utc_offset_min),
        whole_day=lambda text: _whole_day(words, text),
        left=lambda time_ms: words.left(time_ms, _ask.get().now_ms),
        listed=words.listed,
        number=words.number,
        yes_no=words.yes_no,
        field_id=field_id,
        in_sections=sections.in_sections,
        trim_tag=trim_tag,
        drawn=drawn.code,
        titled=lambda title: titled(words, title),
        no_invalid=lambda text: Markup(text.replace(' aria-invalid="true"', "")),  # noqa: S704 - of our own macro
        event=lambda name: event_name(words, name),
        state=lambda state: state_words(words, state),
    )
    made.globals.update(ask=_Current(), words=words, code=lambda name, code: code_words(language, name, code))
    made.globals["field"] = lambda name: field_name(words, name)
    made.globals["codes"] = lambda name, some: [code_words(language, name, each) for each in some]
    made.globals["part"] = made.get_template("parts.html").module
    return made


def _whole_day(words: Catalogue, text: str) -> str:
    """Return a day of the calendar, like 2026-03-31, as people write it; anything else as it is."""
    day = read_day(text)
    return text if day is None else words.day(day_ms(day), 0)


def harmless(value: Any) -> Any:
    """Return a text with everything hidden in it shown; what is markup already, and what is no text, as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.replace(_NO_BREAK, " ").isprintable() and not _BLANK.search(value):
        return value  # nearly always
    return _NO_BREAK.join(foreign.visible(part) for part in value.split(_NO_BREAK))


def _with_harmless(sentence: Callable[..., str]) -> Callable[..., str]:
    """Return what makes a sentence of a template with whatever is put into it made harmless."""

    @pass_context
    def made(context: Context, /, *texts: Any, **values: Any) -> str:
        return sentence(context, *texts, **{name: harmless(value) for name, value in values.items()})

    return made


def foreign_line(text: object) -> Markup:
    """Return a text that others wrote on one line: no markup, nothing hidden, and its direction stays inside."""
    return Markup("<bdi>{}</bdi>").format(foreign.line(str(text)))


def foreign_block(text: object) -> Markup:
    """Return a longer text that others wrote, with its line feeds."""
    return Markup(foreign.markup_block(str(text)))  # noqa: S704 - `markup_block` escapes


def field_id(name: str) -> str:
    """Return the id of a field on its page: "person.prs_Citizenship[0]" stands in "person-prs_Citizenship"."""
    return _NO_ID.sub("-", name.partition("[")[0]) or "main"


def trim_tag(text: str) -> Markup:
    """Return attributes that a macro wrote over several lines as they stand in a tag."""
    return Markup(" " + " ".join(text.split())) if text.strip() else Markup("")  # noqa: S704 - of our own macro


def state_words(words: Catalogue, state: str) -> str:
    """Return the words for a state of a course."""
    found = (label(words.language, name, state) for name in _STATES)
    return next((text for text in found if text), state.replace("_", " ").capitalize())


def code_words(language: str, list_name: str, code: str) -> str:
    """Return the words for a code of a list; an unknown one as it is."""
    return label(language, list_name, code) or foreign.line(code)
