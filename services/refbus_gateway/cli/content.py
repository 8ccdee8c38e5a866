"""Content of a case on its way in: from a file, from standard input, or asked for, and never from the command line.

What stands on a command line ends in the history of the shell and in the list of processes of the computer. So no
option carries a field with a data category or free words (`FieldSpec.content`); codes, numbers and times that say
nothing of the person may be options beside the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from refbus.core.times import TIME
from refbus.errors import Code, SetupError
from refbus.output import put, say
from refbus.said import Said, placed, said
from refbus.wire.fields import FieldSpec, Kind

if TYPE_CHECKING:
    from refbus_gateway.cli.session import Session

FROM: Final = "Content comes from --file FILE (--file - reads standard input); at a terminal it is asked for."
"""The line in the help of every command that takes content."""
_STANDARD_INPUT: Final = Path("-")
_FILE_LIMIT: Final = 1_048_576
_F = TypeVar("_F", bound=Callable[..., Any])


class FieldOption(click.Option):
    """An option that carries one field of an event. A repo test refuses one that carries content."""

    def __init__(self, *arguments: Any, spec: FieldSpec, **options: Any) -> None:
        """Make an option as click does. `spec` is the field."""
        super().__init__(*arguments, **options)
        self.spec: Final = spec


def content_options(form: Callable[[], str]) -> Callable[[_F], _F]:
    """Give a command --file and --form; `form` returns the empty file."""

    def show(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
        if asked:
            put(form())
            ctx.exit()

    def add(function: _F) -> _F:
        for option in (
            click.option("--form", is_flag=True, is_eager=True, expose_value=False, callback=show, help=_FORM_HELP),
            click.option("--file", type=click.Path(path_type=Path), help=_FILE_HELP),
        ):
            function = option(function)
        return function

    return add


_OUT_HELP: Final = "Write it to this file, for you alone; delete it when it is not needed any more."
_FILE_HELP: Final = "JSON file with the fields, as --form prints it; - for standard input."
_FORM_HELP: Final = "Print an empty file for --file, with an explanation of every field, and stop."


def field_options(specs: Iterable[FieldSpec]) -> list[Callable[[Any], Any]]:
    """Return an option for each field that is no content."""
    return [
        click.option(
            "--" + spec.name.removesuffix("_ms").replace("_", "-"),
            spec.name,
            cls=FieldOption,
            spec=spec,
            type=_type(spec),
            multiple=spec.many,
            help=_help(spec),
        )
        for spec in specs
        if not spec.content
    ]


def free_options(specs: Iterable[FieldSpec]) -> list[Callable[[Any], Any]]:
    """Return an option for each field of a stop: whatever is typed there, the stop is taken."""
    return [
        click.option(
            f"--{spec.name}", cls=FieldOption, spec=spec, metavar=f"[{'|'.join(spec.symbols)}]", help=_help(spec)
        )
        for spec in specs
        if not spec.content
    ]


def given_fields(specs: Iterable[FieldSpec], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that options gave, as a file would hold them. Raises SetupError USAGE for a time that is none.

    Ids of events are left out: they are numbers of this home.
    """
    plain = [spec for spec in specs if spec.kind is not Kind.ID and not spec.content]
    return {spec.name: _plain(spec, values[spec.name]) for spec in plain if values.get(spec.name) not in (None, ())}


def content(
    session: Session, specs: Iterable[FieldSpec], given: Mapping[str, Any], file: Path | None
) -> dict[str, Any]:
    """Return a whole document: what options gave, and the rest from the file, or asked for at a terminal.

    Raises SetupError USAGE for a field that is in both, FILE_UNREADABLE, TOO_LARGE; CaseInvalidError.
    """
    from refbus_gateway.cli.questions import ask_fields  # late: the help needs none of it

    if file is None:
        missing = [spec for spec in specs if spec.name not in given]
        return {**given, **(ask_fields(missing, session.language, session.actor.country) if session.asks else {})}
    written = file_document(file)
    if twice := sorted(name for name in given if written.get(name) is not None):
        raise SetupError(
            Code.USAGE, said("given twice, in the file and as an option: %(codes)s", codes=", ".join(twice))
        )
    return {**written, **given}


def read_content(path: Path, limit: int) -> bytes:
    """Return what a file or, for "-", standard input holds, at most `limit` bytes.

    Raises SetupError FILE_UNREADABLE, TOO_LARGE.
    """
    from refbus.files import read_limited  # late: the help needs none of it

    if path != _STANDARD_INPUT:
        return read_limited(path, limit)
    held = click.get_binary_stream("stdin").read(limit + 1)
    if len(held) > limit:
        raise SetupError(Code.TOO_LARGE, placed(said("standard input"), said("at most %(most)s bytes", most=limit)))
    return held


def text_of(path: Path) -> str:
    """Return the text of a file, or of standard input for "-", without space around it.

    Raises SetupError FILE_UNREADABLE, TOO_LARGE.
    """
    try:
        return read_content(path, _FILE_LIMIT).decode().strip()
    except UnicodeDecodeError as error:
        raise SetupError(Code.FILE_UNREADABLE, said("%(file)s is no text in UTF-8", file=path)) from error


def private_out(function: _F) -> _F:
    """Give a command that prints what is about one person the option to write it to a file of its own."""
    return click.option("--out", type=click.Path(path_type=Path), help=_OUT_HELP)(function)


def put_private(content: str, out: Path | None, show: Callable[[str], object] = put) -> None:
    """Show what is about one person, or write it for its owner alone; either way with a word to delete it."""
    from refbus.files import write_whole  # late: the help needs none of it
    from refbus_gateway.cli.session import words

    if out is None:
        show(content)
        say(words().text("It is about one person. Delete the file when you no longer need it."), err=True)
        return
    write_whole(out, content.encode())
    told = words().text(
        "Written to %(file)s, for you alone. It is about one person: delete it when you no longer need it.", file=out
    )
    say(told, err=True)


def file_document(path: Path) -> dict[str, Any]:
    """Return the fields that a file has. Raises SetupError FILE_UNREADABLE, CaseInvalidError."""
    from refbus_gateway.forms.text import read_json  # late: only with --file

    document = read_json(read_content(path, _FILE_LIMIT))
    document.pop("help", None)  # the explanations of the form
    return document


def _type(spec: FieldSpec) -> click.ParamType | type[int]:
    match spec.kind:
        case Kind.ENUM:
            return click.Choice(spec.symbols)
        case Kind.ID:
            return int
        case Kind.NUMBER if not spec.name.endswith("_ms"):
            return int
        case Kind.FLAG:
            return click.BOOL
        case _:
            return click.STRING


def _help(spec: FieldSpec) -> str:
    extra = {Kind.CODED: " (a code)", Kind.ID: " (number of the event in `inbox show`)"}.get(spec.kind, "")
    when = " (a time like 31.3.2026 12:00)" if spec.name.endswith("_ms") else ""
    return spec.brief + extra + when + ("; may be repeated" if spec.many else "") + "."


def _plain(spec: FieldSpec, value: Any) -> Any:
    from refbus_gateway.forms.dates import is_time  # late: the help needs none of it

    if spec.many:
        return list(value)
    if spec.kind is not Kind.NUMBER or not spec.name.endswith("_ms"):
        return value
    if not is_time(spec.name, value):
        raise SetupError(Code.USAGE, said("write %(form)s", form=Said(TIME)))
    return value
