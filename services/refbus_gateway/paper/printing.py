"""Pages to print, from templates: every value is escaped, and what is hidden in it is shown."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from refbus.foreign import line, markup_block
from refbus_gateway.words.catalogue import Catalogue, catalogue

if TYPE_CHECKING:
    from jinja2 import Environment


def printed(template: str, words: Catalogue, **values: Any) -> str:
    """Return a page in a language. A value that the template names and nobody gives is an error."""
    return _environment(words.language).get_template(template).render(words=words, **values)


@cache
def _environment(language: str) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: few commands print a page
    from markupsafe import Markup

    words = catalogue(language)
    made = Environment(
        loader=PackageLoader("refbus_gateway.paper"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: line(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        words.gettext, words.ngettext, newstyle=True, pgettext=words.pgettext, npgettext=words.npgettext
    )
    made.filters["block"] = lambda text: Markup(markup_block(text))  # noqa: S704 - escaped there
    return made
