"""docs/reference/cli.md: the help of every command."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import click

from tools.pages.markdown import document

PROGRAMS = {"refbus": ("refbus_gateway.cli.main", "refbus"), "refbus-ops": ("refbus_ops.cli", "root")}
"""Each program, and the module and name of its group of commands."""
_WIDTH = 100


def page() -> str:
    """Return the page."""
    blocks = ["Every command says the same with `--help`. Exit status and errors: [errors.md](errors.md)."]
    for program in PROGRAMS:
        for name, text in helps(program):
            blocks.append(f"{'##' if name == program else '###'} {name}\n\n```\n{text}\n```")
    return document("Commands", *blocks)


def helps(program: str) -> Iterator[tuple[str, str]]:
    """Yield name and help of the program and of all its commands, parents first."""
    module, name = PROGRAMS[program]
    group: click.Command = getattr(import_module(module), name)
    yield from _walk(group, click.Context(group, info_name=program, terminal_width=_WIDTH, **group.context_settings))


def _walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    command._help_option = None  # click keeps the one of whoever asked first, perhaps with other names
    yield context.command_path, command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _walk(child, click.Context(child, info_name=name, parent=context, terminal_width=_WIDTH))
