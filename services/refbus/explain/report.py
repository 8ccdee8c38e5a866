"""How a command reports a failure: two lines on standard error, an exit code, never a traceback or a payload.

Exit codes: 2 usage or settings, 3 transport (the same call may succeed later), 4 refused by a rule or by consent,
5 input that is malformed, false or cannot be checked, 6 store, 1 anything else, 130 stopped from the keyboard.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from refbus.errors import (
    Code,
    ConsentError,
    MalformedError,
    RefbusError,
    RuleError,
    SetupError,
    StoreError,
    TransportError,
    UncheckableError,
    UntrustedError,
)
from refbus.explain.catalogue import explanation
from refbus.files import create, is_full
from refbus.foreign import line
from refbus.said import said

EXIT_CODES: Mapping[type[RefbusError], int] = MappingProxyType(
    {
        SetupError: 2,
        TransportError: 3,
        ConsentError: 4,
        RuleError: 4,
        MalformedError: 5,
        UntrustedError: 5,
        UncheckableError: 5,
        StoreError: 6,
    }
)
"""Exit status by the class of the error. Stable: scripts depend on it."""
UNFORESEEN = 1
INTERRUPTED = 130
_DETAIL_LIMIT = 800


def exit_code(error: RefbusError) -> int:
    """Return the exit status of the process for `error`; it depends on the class of the error only."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), UNFORESEEN)


BEGINNINGS: Final = ("error:", "also:", "hint:")
"""How the lines about an error begin."""


def _as_it_is(text: str) -> str:
    return text


def as_lines(error: RefbusError, translate: Callable[[str], str] = _as_it_is) -> list[str]:
    """Return the lines that a person sees: `error:`, one `also:` for each further reason, and `hint:`.

    `translate` is given meanings, next steps and beginnings in English, and returns them in the reader's language.
    """
    first, also, hint = (translate(each) for each in BEGINNINGS)
    lines = [f"{first:6} {_sentence(error.code, error.detail, translate)}"]
    if isinstance(error, ConsentError | RuleError):
        lines += [f"{also:6} {_sentence(code, '', translate)}" for code in error.reasons if code != error.code]
    return [*lines, f"{hint:6} {translate(explanation(error.code).next_step)}"]


def render(error: RefbusError, translate: Callable[[str], str] = _as_it_is) -> str:
    """Return `as_lines` as one text."""
    return "\n".join(as_lines(error, translate))


def as_mapping(error: RefbusError) -> dict[str, object]:
    """Return `error` as the JSON object that `--json` prints."""
    text = explanation(error.code)
    mapping: dict[str, object] = {
        "code": str(error.code),
        "meaning": text.meaning,
        "hint": text.next_step,
        "detail": printable(error.detail),
    }
    if isinstance(error, ConsentError | RuleError):
        mapping["reasons"] = [str(reason) for reason in error.reasons]
    return {"error": mapping}


def _sentence(code: Code, detail: str, translate: Callable[[str], str]) -> str:
    """Return code, meaning and the detail in brackets."""
    shown = printable(translate(detail)) if detail else ""
    return f"{code} {translate(explanation(code).meaning)}" + (f" ({shown})" if shown else "")


def printable(text: str) -> str:
    """Return `text` on one line, shortened, with everything hidden in it shown so that it cannot steer a terminal."""
    shown = line(text[: _DETAIL_LIMIT + 1])
    return shown if len(shown) <= _DETAIL_LIMIT else shown[:_DETAIL_LIMIT] + "…"


@contextmanager
def report_errors(
    *,
    debug_dir: Path | None = None,
    write: Callable[[str], object] | None = None,
) -> Iterator[None]:
    """Turn what the block raises into a report and a SystemExit. `debug_dir`: see `as_refbus_error`."""
    out = write or to_stderr
    try:
        yield
    except KeyboardInterrupt:
        out("stopped")
        raise SystemExit(INTERRUPTED) from None
    except Exception as failure:  # noqa: BLE001 - the last line of defence: nothing unplanned is shown to a person
        error = as_refbus_error(failure, debug_dir)
        out(render(error))
        raise SystemExit(exit_code(error)) from None


def to_stderr(text: str) -> None:
    """Write `text` and a line end to standard error, whatever its encoding can show."""
    encoding = sys.stderr.encoding or "ascii"
    sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def as_refbus_error(failure: Exception, debug_dir: Path | None) -> RefbusError:
    """Return `failure` itself when it was raised on purpose, else the coded error that stands for it.

    With `debug_dir` the places in the code of an unexpected exception (file, line, function; no values) go to a file
    there that only the owner can read.
    """
    if isinstance(failure, RefbusError):
        return failure
    if isinstance(failure, OSError) and is_full(failure):
        return StoreError(Code.STORE_FULL)
    return RefbusError(Code.INTERNAL_ERROR, said("reference %(reference)s", reference=_record(failure, debug_dir)))


def _record(failure: Exception, debug_dir: Path | None) -> str:
    """Return the reference of an unexpected exception: the same fault has the same one. Note its places if asked to."""
    text = "\n".join(places(failure)) + "\n"
    reference = hashlib.sha256(text.encode()).hexdigest()[:12]
    if debug_dir is not None:
        _write_private(debug_dir / f"error-{reference}.txt", text)
    return reference


def places(failure: BaseException) -> list[str]:
    """Return what may be shown of any exception: its type, its code if it is ours, and the places in the code."""
    name = type(failure).__name__ + (f" {failure.code}" if isinstance(failure, RefbusError) else "")
    frames = traceback.extract_tb(failure.__traceback__)
    return [name, *(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)]


def _write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600; a file that exists or cannot be made is left alone: the report matters more."""
    try:
        with create(path) as file:
            file.write(text.encode())
    except OSError:
        return
