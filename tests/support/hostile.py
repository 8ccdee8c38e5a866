"""Text that means harm, and whether a page did what it wants.

HARM                      # closes an attribute, an element and a sentence, turns the direction, hides itself
harmed(page.html)         # what got through: [] when the page only shows it
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

MARKUP: Final = "</p></textarea>\"'><script>alert(1)</script><img src=x onerror='x'>{{ 7*7 }}%(x)s"
"""For fields that take no hidden characters."""
MARKS: Final = "\u202e\u2066\u200b\u200f\u2028\ufeff"
HARM: Final = f"{MARKUP}{MARKS}"
_OF_FIELDS: Final = re.compile(r' value="[^"]*"|<textarea[^>]*>[^<]*</textarea>')
_OURS: Final = "/static/desk.js"


class _Harm(HTMLParser):
    """Collects what no page of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look for foreign elements, and for scripts in attributes."""
        given = dict(attrs)
        if tag in {"b", "img", "iframe", "object"} or (tag == "script" and given.get("src") != _OURS):
            self.found.append(f"<{tag}>")
        self.found += [
            f"{tag} {name}" for name in given if name.startswith("on") or not name.replace("-", "").isalpha()
        ]
        self.found += [f"{tag} {name}" for name, text in given.items() if (text or "").startswith("javascript:")]


def harmed(html: str) -> list[str]:
    """Return what a page has that comes from HARM, and what in it turns or hides text outside a field to be edited."""
    reader = _Harm()
    reader.feed(html)
    shown = _OF_FIELDS.sub("", html)
    return [
        *reader.found,
        *(f"U+{ord(each):04X}" for each in MARKS if each in shown),
        *(["49"] if "49%" in html else []),
    ]
