"""What click says about a wrong command line, as texts that can be said in another language (`refbus.said`).

click makes its sentences in English while it reads the arguments. `usage` finds again which message a sentence is, and
with which values. A sentence that is none of them stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from refbus.said import Said

MESSAGES: Final = (
    "Missing command.",
    "No such command %(name)s.",
    "No such command %(name)s. Did you mean %(near)s?",
    "No such option: %(name)s",
    "No such option: %(name)s Did you mean %(near)s?",
    "No such option: %(name)s (Possible options: %(codes)s)",
    "Got unexpected extra argument (%(value)s)",
    "Got unexpected extra arguments (%(value)s)",
    "Missing argument %(name)s.",
    "Missing argument %(name)s. Choose from: %(codes)s",
    "Missing option %(name)s.",
    "Missing option %(name)s. Choose from: %(codes)s",
    "Invalid value: %(why)s",
    "Invalid value for %(name)s: %(why)s",
    "Option %(name)s requires an argument.",
    "Option %(name)s requires %(count)s arguments.",
    "Option %(name)s does not take a value.",
    "Argument %(name)s takes %(count)s values.",
    "%(value)s is not one of %(codes)s.",
    "%(value)s is not a valid integer.",
    "%(value)s is not a valid integer range.",
    "%(value)s is not in the range %(range)s.",
    "Path %(value)s does not exist.",
)
"""Messages of click with named values, and our own "did you mean"."""
_NAMED: Final = re.compile(r"%\((\w+)\)s")


def usage(text: str) -> str:
    """Return a sentence of click on one line, as a `Said` where its message is known."""
    told = " ".join(text.split())
    for message, form in _forms():
        found = form.fullmatch(told)
        if found:
            values = {name: usage(value) if name == "why" else value for name, value in found.groupdict().items()}
            return Said(message, None, **values)
    return told


@cache
def _forms() -> list[tuple[str, re.Pattern[str]]]:
    """Return each message with the form of its sentences: those that begin with words, then those that say most."""
    in_order = sorted(MESSAGES, key=lambda each: (each.startswith("%"), -len(_NAMED.sub("", each))))
    return [(each, re.compile("".join(_pattern(each)))) for each in in_order]


def _pattern(message: str) -> Iterator[str]:
    for number, part in enumerate(_NAMED.split(message)):
        yield f"(?P<{part}>.+)" if number % 2 else re.escape(part)
