"""How an error is told to a person or a script: one shape for every command of the project.

For people, on standard error: `error: CODE meaning` and `hint: the next step`. With `--json`, on standard output:
`{"error": {"code", "meaning", "hint", "detail", "reasons"}}`. Never a traceback, never payload text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import click

from refbus import errors
from refbus.errors import Code, RefbusError

EXIT_CODES: Final[tuple[tuple[type[RefbusError], int], ...]] = (
    (errors.SetupError, 2),
    (errors.MalformedError, 3),
    (errors.UntrustedError, 4),
    (errors.UncheckableError, 5),
    (errors.ConsentError, 6),
    (errors.RuleError, 7),
    (errors.TransportError, 8),
    (errors.StoreError, 9),
)
"""Exit status of a command by the kind of error; stable. 0 is success, 1 an error that we did not foresee."""

UNFORESEEN: Final = 1


def exit_code(error: RefbusError) -> int:
    """Return the exit status for `error`."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), UNFORESEEN)


def meaning(code: Code) -> tuple[str, str]:
    """Return what `code` means and the next step, in plain words from the catalogue."""
    catalogue: dict[Code, errors.Explanation] = getattr(errors, "CATALOGUE", {})
    entry = catalogue.get(code)
    return (entry.meaning, entry.next_step) if entry else (code.replace("_", " ").lower(), "")


def as_mapping(error: RefbusError) -> dict[str, object]:
    """Return `error` as the JSON object that `--json` prints."""
    text, hint = meaning(error.code)
    mapping: dict[str, object] = {"code": str(error.code), "meaning": text, "hint": hint, "detail": error.detail}
    if isinstance(error, errors.ConsentError):
        mapping["reasons"] = [str(reason) for reason in error.reasons]
    return {"error": mapping}


def as_lines(error: RefbusError) -> list[str]:
    """Return `error` as the lines that a person reads; a consent decision gives one line for each further reason."""
    text, hint = meaning(error.code)
    detail = f" ({error.detail})" if error.detail else ""
    lines = [f"error: {error.code} {text}{detail}"]
    if isinstance(error, errors.ConsentError):
        lines += [f"also:  {reason} {meaning(reason)[0]}" for reason in error.reasons[1:]]
    if hint:
        lines.append(f"hint:  {hint}")
    return lines


def run(group: click.Command, arguments: Sequence[str], *, name: str) -> int:
    """Run the click command `group` with `arguments` and return the exit status. Raises nothing.

    Errors are told as this module says. A program error is told as INTERNAL_ERROR with the place in the code only, since the
    text of a foreign exception may hold what the person typed.
    """
    as_json = "--json" in arguments
    try:
        result = group.main(args=list(arguments), prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except RefbusError as error:
        return _tell(error, as_json=as_json)
    except click.exceptions.Abort:
        return _tell(errors.SetupError(Code.USAGE, "stopped at a question"), as_json=as_json)
    except click.ClickException as error:
        if not as_json and isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(error.ctx.get_usage(), err=True)
        return _tell(errors.SetupError(Code.USAGE, error.format_message()), as_json=as_json)
    except BrokenPipeError:
        return UNFORESEEN
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person never meets a traceback
        place = f"{type(error).__name__} at {_place(error.__traceback__)}"
        return _tell(RefbusError(Code.INTERNAL_ERROR, place), as_json=as_json)


def _tell(error: RefbusError, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(as_mapping(error), ensure_ascii=False))
    else:
        click.echo("\n".join(as_lines(error)), err=True)
    sys.stdout.flush()
    return exit_code(error)


def _place(traceback: TracebackType | None) -> str:
    """File name and line of the deepest frame."""
    if traceback is None:
        return "unknown"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
