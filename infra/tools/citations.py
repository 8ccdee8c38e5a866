"""Citations of the two design pages: which sections are cited in a text, and links to them.

Code writes `domain.md 4.4` and `bus.md section 8`. Schemas and code lists keep the words `Domain notes 4.4` and
`Design section 8`: their bytes are locked, and the pages have kept those numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "docs/design"
_PAGES = {"domain.md": "domain.md", "domain notes": "domain.md", "bus.md": "bus.md", "design": "bus.md"}
_CITED = re.compile(
    r"\b(domain\.md|domain notes|bus\.md|design(?= sections? \d)),?(?: sections?)? (\d(?:\.\d)?)"
    r"((?:(?:, | and | to |,? and )\d(?:\.\d)?\b)*)",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^#{2,3} (\d(?:\.\d)?)\.? .*$", re.MULTILINE)


def cited(text: str) -> Iterator[tuple[str, str]]:
    """Yield page and section of each citation in `text`."""
    for found in _CITED.finditer(" ".join(text.split())):
        page = _PAGES[found[1].lower()]
        for section in (found[2], *re.findall(r"\d(?:\.\d)?", found[3])):
            yield page, section


@cache
def sections(page: str) -> dict[str, str]:
    """Return the numbered sections of a design page, each with the anchor of its heading."""
    text = (ROOT / FOLDER / page).read_text(encoding="utf-8")
    return {found[1]: anchor(found[0].lstrip("# ")) for found in _HEADING.finditer(text)}


def linked(text: str, up: str) -> str:
    """Return `text` with each citation made a link; `up` leads from the page to the folder of the design pages."""

    def link(found: re.Match[str]) -> str:
        page = _PAGES[found[1].lower()]
        target = sections(page).get(found[2], "")
        return f"[{found[0][: found.end(2) - found.start()]}]({up}/{page}#{target}){found[3]}"

    return _CITED.sub(link, text)


def anchor(heading: str) -> str:
    """Return the anchor that common hosts give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
