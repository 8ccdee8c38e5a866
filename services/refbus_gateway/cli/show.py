"""How values are written for people: ids, times, labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import click

from refbus.core.times import show_time
from refbus.errors import Code
from refbus.foreign import field, line
from refbus_gateway.cli.session import UTC_OFFSET, words
from refbus_gateway.words.catalogue import mark
from refbus_gateway.words.codes import field_name, label, next_step, titled
from refbus_gateway.words.payloads import Line

if TYPE_CHECKING:
    from refbus_gateway.actions.status import Ending, EraseDue, Term

_SENT: Final = {
    "sent": mark("It is on its way. See `refbus status`."),
    "running": mark("It is queued; `refbus run` sends it now. See `refbus status`."),
    "later": mark("It is kept and goes out when the broker is reachable (`refbus sync` or `refbus run`)."),
}
"""What a person is told after something was queued, by what became of it."""
_OF_AGE: Final = mark("Consent, case %(case)s, %(org)s: the person comes of age %(date)s")
_ENDS: Final = mark("Consent, case %(case)s, %(org)s: it ends %(date)s")
_ERASE_OVER: Final = mark("Case %(case)s from %(org)s had to be erased by %(date)s")
_ERASE_BY: Final = mark("Case %(case)s from %(org)s is to be erased by %(date)s")
_NO_TIMES: Mapping[str, Mapping[str, int]] = {}
_STATES = ("refbus.ReferralState", "refbus.ReturnState", "refbus.EmergencyState")


def sent_text(delivery: str) -> str:
    """Return what a person is told after something was queued, by what became of it."""
    return words().text(_SENT[delivery])


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
    return (
        words().text("case %(case)s (file %(file_numbers)s)", case=case, file_numbers=line(file_numbers[case]))
        if case in file_numbers
        else words().text("case %(case)s", case=case)
    )


def state_text(status: str, language: str) -> str:
    """Return the words for a state of a course in a language."""
    found = next((text for name in _STATES if (text := label(language, name, status))), None)
    return found or status.replace("_", " ").capitalize()


def ending_lines(endings: Iterable[Ending]) -> list[str]:
    """Return a line for each consent that ends soon or has ended, and what to do."""
    lines = []
    for each in endings:
        code = Code.EXPIRED if each.over else Code.CONSENT_ENDING
        lines.append(
            words().text(
                _OF_AGE if each.majority else _ENDS, case=each.case, org=each.org, date=time_text(each.ends_ms)
            )
            + f"  {code}"
        )
        command = "majority" if each.majority else "renew"
        lines.append(f"    {next_step(words(), code)} refbus consent {command} {each.case}")
    return lines


def term_lines(found: Iterable[Term]) -> list[str]:
    """Return a line for each thing that ends by law for the person of a case, or has ended: whose, what, which day."""
    lines = []
    for each in found:
        told = words().text("was due %(when)s", when=each.day) if each.over else each.day
        files = {each.case: each.file_number} if each.file_number else {}
        lines.append(f"{case_text(each.case, files)}: {field_name(words(), each.what)}: {told}")
    return lines


def erase_lines(found: Iterable[EraseDue]) -> list[str]:
    """Return a line for each received case that must be erased soon or should have been, and how."""
    lines = []
    for each in found:
        lines.append(
            words().text(
                _ERASE_OVER if each.over else _ERASE_BY, case=each.case, org=each.org, date=time_text(each.erase_by_ms)
            )
            + f"  {Code.ERASE_DUE}"
        )
        lines.append(f"    {next_step(words(), Code.ERASE_DUE)} refbus erase --referral {each.referral}")
    return lines


def section_lines(
    sections: Mapping[str, Mapping[str, Line]], times: Mapping[str, Mapping[str, int]] = _NO_TIMES
) -> list[str]:
    """Return a rendered payload as indented lines; a text of several lines, or a long one, has a bar before each.

    `times` (ms UTC) stand at their places as the clocks of this organisation's country show them.
    """
    lines: list[str] = []
    for title, fields in sections.items():
        lines.append(f"  {titled(words(), title)}")
        local = {name: time_text(time_ms) for name, time_ms in times.get(title, {}).items()}
        for name, text in {**fields, **local}.items():
            lines += field(titled(words(), name), text if isinstance(text, str) else ", ".join(text), "    ")
    return lines


__all__ = ["case_text", "ending_lines", "erase_lines", "section_lines", "sent_text", "state_text", "time_text"]
