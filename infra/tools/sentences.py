"""List the sentences of pages that are too long to be read once: `python -m tools.sentences [PAGE...]`.

Code blocks, headings, generated pages and lists of links are left out; a cell of a table and an item of a list are read
by themselves. Ends with 1 when a sentence has more than 35 words.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_WORDS = 35
_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)|\n(?=\||#)|(?<=\|)\n")
_END = re.compile(r"(?<=[.!?])[)*\"]*\s+(?=\S)")
_MARK = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")
_LINK = re.compile(r"\]\([^)]*\)")


def main(arguments: Sequence[str]) -> int:
    """Print each long sentence with its page; returns the exit status."""
    found = 0
    for page in [Path(each) for each in arguments] or pages():
        for sentence in long_sentences(page.read_text(encoding="utf-8")):
            print(f"{page}: {len(sentence.split())} words: {sentence}")
            found += 1
    return 1 if found else 0


def pages(root: Path = ROOT) -> list[Path]:
    """Return the pages that people write, specifications and decisions too; not those that are generated."""
    inside = (page for page in (root / "docs").rglob("*.md") if "reference" not in page.relative_to(root).parts)
    return sorted([*inside, *root.glob("*.md")])


def long_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a page that have too many words."""
    for block in _BLOCK.split(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        cells = block.split("|") if block.startswith("|") else [block]
        for cell in cells:
            if block.startswith("#") or cell.count("](") > MOST_WORDS // 6:
                continue
            plain = " ".join(_LINK.sub("]", _MARK.sub("", cell)).split())
            yield from (each for each in _END.split(plain) if len(each.split()) > MOST_WORDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
