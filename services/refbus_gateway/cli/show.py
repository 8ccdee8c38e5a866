"""How values are written for people: ids, times, labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import click

from refbus.core.times import show_time
from refbus.errors import Code
from refbus.explain import explanation
from refbus.foreign import field, line
from refbus_gateway.cli.session import UTC_OFFSET
from refbus_gateway.words.codes import label
from refbus_gateway.words.codes import title as words
from refbus_gateway.words.payloads import Line

if TYPE_CHECKING:
    from refbus_gateway.actions.status import Ending, EraseDue

SENT_TEXT: Final = {
    "sent": "It is on its way. See `refbus status`.",
    "running": "It is queued; `refbus run` sends it now. See `refbus status`.",
    "later": "It is kept and goes out when the broker is reachable (`refbus sync` or `refbus run`).",
}
"""What a person is told after something was queued, by what became of it."""
_NO_TIMES: Mapping[str, Mapping[str, int]] = {}
_STATES = ("refbus.ReferralState", "refbus.ReturnState", "refbus.EmergencyState")


def time_text(time_ms: int | None) -> str:
    """Return a time in ms UTC to the minute, as the clocks of this organisation's country show it; "-" for none.

    It is UTC in a command that opened no gateway, since nothing says then which country it is.
    """
    if time_ms is None:
        return "-"
    ctx = click.get_current_context(silent=True)
    offset_min = ctx.meta.get(UTC_OFFSET) if ctx is not None else None
    return show_time(time_ms, offset_min() if offset_min is not None else 0)


def case_text(case: int, file_numbers: Mapping[int, str]) -> str:
    """Return how a case is named to people: its number here, and the worker's own file number if it has one."""
    return f"case {case} (file {line(file_numbers[case])})" if case in file_numbers else f"case {case}"


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


def section_lines(
    sections: Mapping[str, Mapping[str, Line]], times: Mapping[str, Mapping[str, int]] = _NO_TIMES
) -> list[str]:
    """Return a rendered payload as indented lines; a text of several lines, or a long one, has a bar before each.

    `times` (ms UTC) stand at their places as the clocks of this organisation's country show them.
    """
    lines: list[str] = []
    for title, fields in sections.items():
        lines.append(f"  {title}")
        local = {name: time_text(time_ms) for name, time_ms in times.get(title, {}).items()}
        for name, text in {**fields, **local}.items():
            lines += field(name, text if isinstance(text, str) else ", ".join(text), "    ")
    return lines


__all__ = ["SENT_TEXT", "case_text", "ending_lines", "erase_lines", "section_lines", "state_text", "time_text", "words"]
