"""How values are written for people: ids, times, labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from refbus.errors import Code
from refbus.explain import explanation
from refbus.foreign import field
from refbus.wire.labels import label
from refbus_gateway.casefile.view import Sections, show_time
from refbus_gateway.casefile.view import title as words

if TYPE_CHECKING:
    from refbus_gateway.amending import Ending
    from refbus_gateway.retention import EraseDue

_STATES = ("refbus.ReferralState", "refbus.ReturnState", "refbus.EmergencyState")


def time_text(time_ms: int | None) -> str:
    """Return a time in ms UTC to the minute, "-" for none."""
    return "-" if time_ms is None else show_time(time_ms)


def state_text(status: str, language: str) -> str:
    """Return the words for a state of a course in a language."""
    found = next((words for name in _STATES if (words := label(language, name, status))), None)
    return found or status.replace("_", " ").capitalize()


def ending_lines(endings: Iterable[Ending]) -> list[str]:
    """Return a line for each consent that ends soon or has ended, and what to do."""
    lines = []
    for each in endings:
        why = "the person comes of age" if each.majority else "it ends"
        code = Code.EXPIRED if each.over else Code.CONSENT_ENDING
        lines.append(f"Consent, case {each.case}, {each.org}: {why} {time_text(each.ends_ms)}  {code}")
        command = "majority" if each.majority else "renew"
        lines.append(f"    {explanation(code).next_step} refbus consent {command} {each.case}")
    return lines


def erase_lines(found: Iterable[EraseDue]) -> list[str]:
    """Return a line for each received case that must be erased soon or should have been, and how."""
    lines = []
    for each in found:
        when = "had to be erased by" if each.over else "is to be erased by"
        lines.append(f"Case {each.case} from {each.org} {when} {time_text(each.erase_by_ms)}  {Code.ERASE_DUE}")
        lines.append(f"    {explanation(Code.ERASE_DUE).next_step} refbus erase --referral {each.referral}")
    return lines


def section_lines(sections: Sections) -> list[str]:
    """Return a rendered payload as indented lines; a text of several lines, or a long one, has a bar before each."""
    lines: list[str] = []
    for title, fields in sections.items():
        lines.append(f"  {title}")
        for name, text in fields.items():
            lines += field(name, text if isinstance(text, str) else ", ".join(text), "    ")
    return lines


__all__ = ["ending_lines", "erase_lines", "section_lines", "state_text", "time_text", "words"]
