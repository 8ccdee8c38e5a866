"""Running a click command: every failure becomes a report of `refbus.explain` and an exit status, for people or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from refbus.errors import Code, ConsentError, RefbusError, SetupError
from refbus.explain import exit_code, explanation, render, report_errors


def as_mapping(error: RefbusError) -> dict[str, object]:
    """Return `error` as the object that `--json` prints: code, meaning, hint, detail and, for consent, all reasons."""
    text = explanation(error.code)
    told: dict[str, object] = {"code": error.code, "meaning": text.meaning, "hint": text.next_step, "detail": error.detail}
    if isinstance(error, ConsentError):
        told["reasons"] = list(error.reasons)
    return {"error": told}


def run(command: click.Command, arguments: Sequence[str], *, name: str) -> int:
    """Run `command` with `arguments` and return the exit status. Raises nothing but SystemExit of `report_errors`.

    With `--json` among the arguments an error goes to standard output as one JSON object, else as text to standard error.
    """
    with report_errors():
        try:
            result = command.main(args=list(arguments), prog_name=name, standalone_mode=False)
            return result if isinstance(result, int) else 0
        except click.exceptions.Abort:
            failure: RefbusError = SetupError(Code.USAGE, "stopped at a question")
        except click.ClickException as error:
            failure = SetupError(Code.USAGE, error.format_message())
        except RefbusError as error:
            failure = error
        _tell(failure, as_json="--json" in arguments)
        return exit_code(failure)
    raise AssertionError  # pragma: no cover - report_errors either returns from the block or exits


def _tell(error: RefbusError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_mapping(error), ensure_ascii=False))
    else:
        click.echo(render(error), err=True)
