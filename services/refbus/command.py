"""Running a click command: every failure becomes a report of `refbus.explain` and an exit status, for people or JSON.

An error with `problems` (a file with several mistakes) has each of them shown: path, code, advice.
"""

from __future__ import annotations

import atexit
import gc
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from refbus.errors import Code, RefbusError, SetupError
from refbus.explain import as_mapping, exit_code, render
from refbus.explain.report import INTERRUPTED, as_refbus_error, printable, to_stderr
from refbus.output import prepare, put_json, say
from refbus.said import said
from refbus.usage import usage

_SELDOM: Final = (200_000, 20, 50)
"""Objects between two looks for circles of them: more than most commands make, and some 20 MB of the others."""
_NO_COMMAND: Final = re.compile(r"No such command '(.*)'\.")


def alone() -> None:
    """Let nobody look for circles of objects from here to the end: this process is one command, and ends with it.

    `run` sets the collector back as it was, and would begin a last search through all that was loaded.
    """
    gc.set_threshold(*_SELDOM)
    atexit.register(gc.freeze)


def run(
    command: click.Command,
    arguments: Sequence[str],
    *,
    name: str,
    debug_dir: Path | None = None,
    translate: Callable[[str], str] = str,
) -> int:
    """Run `command` with `arguments` and return the exit status. Raises nothing.

    With `--json` among the arguments an error goes to standard output as a JSON object, else as text to standard error,
    its words in the language that `translate` makes of English.
    """
    prepare()
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        result = command.main(args=list(arguments), prog_name=name, standalone_mode=False)
    except (KeyboardInterrupt, click.exceptions.Abort):
        to_stderr(translate(said("stopped")))
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        failure: RefbusError = SetupError(Code.USAGE, usage("Missing command."))
        if "--json" not in arguments:
            say(*error.format_message().splitlines(), err=True)
            return exit_code(failure)
    except click.ClickException as error:
        failure = SetupError(Code.USAGE, usage(f"{error.format_message()}{_meant(error)}"))
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: nothing unplanned is shown to a person
        failure = as_refbus_error(error, debug_dir)
    else:
        return result if isinstance(result, int) else 0
    finally:
        gc.set_threshold(*before)
    _tell(failure, translate, as_json="--json" in arguments)
    return exit_code(failure)


def _meant(error: click.ClickException) -> str:
    """Return " Did you mean ...?" when a command that does not exist is near to one that does."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    typed = _NO_COMMAND.match(error.message)
    if typed is None or ctx is None or not isinstance(ctx.command, click.Group):
        return ""
    import difflib  # late: most commands exist

    near = difflib.get_close_matches(typed[1].casefold(), ctx.command.list_commands(ctx), n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""


def explained(arguments: Sequence[str], text: str) -> bool:
    """Print `text` for -h and --help, the version for --version; return whether that was asked, and nothing else is.

    For a program that is no click command.
    """
    if list(arguments) in (["-h"], ["--help"]):
        say(*text.strip().splitlines())
        return True
    if list(arguments) == ["--version"]:
        from importlib.metadata import version  # late: it loads much, and hardly anybody asks

        say(version("refbus"))
        return True
    return False


def _tell(error: RefbusError, translate: Callable[[str], str], *, as_json: bool) -> None:
    problems = [
        {"path": each.path, "code": str(each.code), "advice": each.advice} for each in getattr(error, "problems", ())
    ]
    if as_json:
        told = as_mapping(error)
        put_json({**told, "problems": problems} if problems else told)
        return
    for each in problems:
        to_stderr(f"  {printable(each['path']) or 'file'}: {each['code']}, {translate(each['advice'])}")
    to_stderr(render(error, translate))
