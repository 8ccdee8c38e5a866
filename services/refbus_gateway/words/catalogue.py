"""Words of one language: messages with their values, plural forms, dates, numbers, lists. Made for pages and commands.

A message is its English text with named values, as `%(name)s`; a context tells two equal texts apart. What a catalogue
does not have, or has with other values than the English text, is shown in English. Format: GNU gettext (.po, .mo).
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from refbus.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from refbus.errors import Code, SetupError
from refbus.said import BRIEF, Said, placed, said
from refbus_gateway.words.isonames import NAMED, name_of
from refbus_gateway.words.languages import LANGUAGES, NAMES, direction, in_order

if TYPE_CHECKING:
    from babel import Locale

__all__ = ["BRIEF", "Catalogue", "catalogue", "mark"]
Element = TypeVar("Element")
FOLDER: Final = Path(__file__).resolve().parent / "locale"
DOMAIN: Final = "refbus"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_FROM_MS: Final = 3 * DAY_MS
"""From here on what is left is told in days."""


def mark(message: str, context: str | None = None) -> str:
    """Return a message as it is: marks a constant for the catalogues, which `text` looks up when it is shown."""
    return message


@dataclass(frozen=True)
class Catalogue:
    """Words of one language. Its `gettext` methods are the callables of Jinja2's i18n extension (newstyle)."""

    language: str
    _known: gettext.NullTranslations

    @property
    def name(self) -> str:
        """The name of the language in its own script."""
        return NAMES[self.language]

    @property
    def direction(self) -> str:
        """Direction of writing, as HTML's `dir` has it."""
        return direction(self.language)

    @cached_property
    def locale(self) -> Locale:
        """Dates and numbers of the language by CLDR; English with the day first and 24 hours."""
        from babel import Locale  # late: most commands show no date in words

        return Locale.parse("en-GB" if self.language == "en" else self.language, sep="-")

    def text(self, message: str, context: str | None = None, **values: object) -> str:
        """Return a message with its values. Values are put in as they are: escape or `refbus.foreign` comes before.

        A value that is a `Said` is said in this language.
        """
        found = self.pgettext(context, message) if context else self.gettext(message)
        spoken = {name: self.spoken(each) if isinstance(each, Said) else each for name, each in values.items()}
        return _filled(found, message, spoken)

    def spoken(self, text: str) -> str:
        """Return a text that was made where no language is known; one that is no message stays as it is."""
        if not isinstance(text, Said):
            return self.gettext(text)
        return self.text(text.message, text.context, **text.values)

    def told(self, context: str, text: str) -> str:
        """Return a text of a context, else as `spoken` does: what an error or a help says."""
        found = self.pgettext(context, text)
        return found if found != text else self.spoken(text)

    def plural(self, one: str, many: str, n: int, context: str | None = None, **values: object) -> str:
        """Return the form of a message for a number, which both forms may name as `%(n)s`."""
        found = self.npgettext(context, one, many, n) if context else self.ngettext(one, many, n)
        return _filled(found, one if n == 1 else many, {"n": self.number(n), **values})

    def has(self, message: str, context: str | None = None) -> bool:
        """Whether the catalogue has a message of its own; English has all."""
        return self.language == "en" or self.text(message, context) != message

    def gettext(self, message: str) -> str:
        """Return a message without values."""
        return self._known.gettext(message) if message else ""

    def ngettext(self, one: str, many: str, n: int) -> str:
        """Return the form of a message for a number."""
        return self._known.ngettext(one, many, n)

    def pgettext(self, context: str, message: str) -> str:
        """Return a message of a context: a code list, `field`, `event`."""
        found = self._known.pgettext(context, message)
        return found if found != message or context not in NAMED else name_of(self.locale, context, message)

    def npgettext(self, context: str, one: str, many: str, n: int) -> str:
        """Return the form of a message of a context for a number."""
        return self._known.npgettext(context, one, many, n)

    def date(self, day: date) -> str:
        """Return a day in words, like "29 November 2026"."""
        from babel.dates import format_date  # late: see above

        return format_date(day, "long", locale=self.locale)

    def day(self, time_ms: int, utc_offset_min: int) -> str:
        """Return the day of a time in ms UTC, where clocks are so many minutes ahead."""
        local = _local(time_ms, utc_offset_min)
        return f"{time_ms} ms" if local is None else self.date(local.date())

    def clock(self, time_ms: int, utc_offset_min: int) -> str:
        """Return the time of day of a time in ms UTC, where clocks are so many minutes ahead."""
        from babel.dates import format_time  # late: see above

        local = _local(time_ms, utc_offset_min)
        return f"{time_ms} ms" if local is None else format_time(local.time(), "short", locale=self.locale)

    def moment(self, time_ms: int, utc_offset_min: int) -> str:
        """Return a time in ms UTC as local day and time, like "29 Nov 2026, 18:05"; the clocks are the home's own."""
        from babel.dates import format_date, get_datetime_format  # late: see above

        local = _local(time_ms, utc_offset_min)
        if local is None:
            return f"{time_ms} ms"
        day = format_date(local.date(), "medium", locale=self.locale)
        both = str(get_datetime_format("medium", locale=self.locale))
        return both.replace("{1}", day).replace("{0}", self.clock(time_ms, utc_offset_min)).replace("'", "")

    def left(self, until_ms: int, now_ms: int) -> str:
        """Return how long is left: days from three days on, then hours, then minutes; words for a time that is over."""
        left_ms = until_ms - now_ms
        if left_ms < 0:
            return self.text("time is over")
        if left_ms >= _DAYS_FROM_MS:
            return self.plural("%(n)s day left", "%(n)s days left", left_ms // DAY_MS)
        if left_ms >= HOUR_MS:
            return self.plural("%(n)s hour left", "%(n)s hours left", left_ms // HOUR_MS)
        return self.plural("%(n)s minute left", "%(n)s minutes left", left_ms // MINUTE_MS)

    def number(self, value: float) -> str:
        """Return a number with the signs of the language."""
        if isinstance(value, int) and -1000 < value < 1000:  # the same in each of them, and without Babel
            return str(value)
        from babel.numbers import format_decimal  # late: see above

        return format_decimal(value, locale=self.locale)

    def listed(self, texts: Iterable[str]) -> str:
        """Return texts as a list in a sentence: "a, b and c"."""
        from babel.lists import format_list  # late: see above

        return format_list(list(texts), locale=self.locale)

    def yes_no(self, value: bool) -> str:
        """Return yes or no."""
        return self.text("yes") if value else self.text("no")

    def in_order(self, elements: Iterable[Element], text: Callable[[Element], str]) -> list[Element]:
        """Return elements sorted by their text as a dictionary of the language sorts."""
        return in_order(self.language, elements, text)


@cache
def catalogue(language: str) -> Catalogue:
    """Return the words of one of `LANGUAGES`. Raises SetupError: no such language, or the installation is damaged."""
    if language not in LANGUAGES:
        raise SetupError(Code.USAGE, said("--lang is one of %(codes)s", codes=", ".join(LANGUAGES)))
    if language == "en":
        return Catalogue(language, gettext.NullTranslations())
    path = FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    try:
        with path.open("rb") as file:
            return Catalogue(language, gettext.GNUTranslations(file))
    except (OSError, ValueError, UnicodeError) as error:
        raise SetupError(Code.FILE_UNREADABLE, placed(f"{language}/{DOMAIN}.mo", type(error).__name__)) from None


def _filled(found: str, english: str, values: dict[str, Any]) -> str:
    """Return a text with its values; in English where a translation names values that are not there."""
    if not values:
        return found
    try:
        return found % values
    except (KeyError, TypeError, ValueError):
        return english % values


def _local(time_ms: int, utc_offset_min: int) -> datetime | None:
    """Return a time on local clocks, or None outside of the calendar."""
    try:
        return _EPOCH + timedelta(milliseconds=time_ms, minutes=utc_offset_min)
    except OverflowError:
        return None
