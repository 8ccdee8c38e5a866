"""From what people type to a code: by another standard's code, or by a name in any language that is here.

Nothing is put in the place of a code that stands in a file: the nearest one is a hint there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Final

from refbus.wire.codelists import code_list
from refbus_gateway.words.codes import label
from refbus_gateway.words.languages import LANGUAGES

_ALIKE_CODE: Final = 0.7
_ALIKE_NAME: Final = 0.75
"""From here on a code or a name is offered for what was typed."""
_SHORT: Final = 3
"""Up to so many letters no name is likely."""


def exact_code(list_name: str, text: str) -> str | None:
    """Return the code that a text certainly means: it is one, in any case, or of another standard, or its name."""
    known, wished = code_list(list_name), text.strip()
    if wished in known.codes:
        return wished
    folded = wished.casefold()
    return _spellings(list_name).get(folded) or _names(list_name).get(folded)


def nearest_code(list_name: str, text: str) -> str | None:
    """Return the code that a text was probably meant to be, by codes or by names in all languages; None for none.

    It is a hint and never put in the place of what was written.
    """
    found, wished = exact_code(list_name, text), text.strip().casefold()
    if found is not None:
        return found
    if not code_list(list_name).named_by:
        known, alike = _spellings(list_name), _ALIKE_CODE
    elif len(wished) > _SHORT:
        known, alike = _names(list_name), _ALIKE_NAME
    else:  # of two or three letters the most similar one is another: "tg" is not "tgl"
        return None
    close = difflib.get_close_matches(wished, known, n=1, cutoff=alike)
    return known[close[0]] if close else None


@cache
def _spellings(list_name: str) -> Mapping[str, str]:
    """Return the code of each code in small letters, and of those of other standards, which go before."""
    known = code_list(list_name)
    by_case = {code.casefold(): code for code in known.codes}
    return by_case | {spelling.casefold(): code for spelling, code in known.other_spellings.items()}


@cache
def _names(list_name: str) -> Mapping[str, str]:
    """Return the code of each name, in small letters; English goes before the others, usual codes before rare ones."""
    known = code_list(list_name)
    first = dict.fromkeys((*known.usual, *known.codes))
    found: dict[str, str] = {}
    for language in LANGUAGES:
        for code in first:
            found.setdefault(str(label(language, list_name, code)).casefold(), code)
    return found
