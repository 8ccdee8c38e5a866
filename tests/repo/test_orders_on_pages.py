"""What a page tells somebody to type is what the programs take: commands, their options, and orders to services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

import click
import pytest

import refbus_auditor.__main__ as auditor
import refbus_gate.__main__ as gate
from support.tree import ROOT, project_files
from tools.pages import cli

PAGES = [
    *project_files("docs", "keys", "schemas", "topics", "infra", suffix=".md"),
    *project_files("infra/deploy", suffix=".service"),
    *sorted(ROOT.glob("*.md")),
]
_LINE = re.compile(r"\b(refbus(?:-ops)?) ([^`\n|&;>)]+)")
_ORDER = re.compile(r"-m refbus_(gate|auditor) ([a-z][a-z-]*)")
_PROGRAMS: dict[str, click.Command] = {
    program: getattr(import_module(module), name) for program, (module, name) in cli.PROGRAMS.items()
}
_SERVICES = {"gate": gate, "auditor": auditor}
_ALWAYS = {"--help", "--version"}
_PAST = {"docs/adr": "a decision says what there was", "CHANGELOG.md": "it says what is gone"}


def unknown_options(program: str, words: str) -> Iterator[str]:
    """Yield the options of a command line that no command of it has."""
    command = _PROGRAMS[program]
    known = set(_ALWAYS)
    for word in words.partition(" #")[0].split():
        known |= {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        option = re.match(r"--[a-z][a-z-]*", word)
        if option is not None and option[0] not in known:
            yield f"{program} {words.strip()}: {option[0]}"
        elif isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word) or command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_says_to_type_is_taken(page: object) -> None:
    """Each option belongs to its command, each order to its service."""
    name = str(page.relative_to(ROOT))  # type: ignore[attr-defined]
    if any(name.startswith(past) for past in _PAST):
        return
    text = page.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    found = [wrong for program, words in _LINE.findall(text) for wrong in unknown_options(program, words)]
    orders = {(service, order) for service, order in _ORDER.findall(text)}
    found += [f"{service} {order}" for service, order in orders if f"\n{order} " not in str(_SERVICES[service].__doc__)]
    assert found == []


@pytest.mark.parametrize(
    "wrong", ["topics plan --jsn", "--contry kz topics plan", "country add x.toml --kit K --onyl gate"]
)
def test_an_option_that_nobody_has_is_found(wrong: str) -> None:
    """The rule above can fail."""
    assert list(unknown_options("refbus-ops", wrong)) != []
