from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from refbus.errors import (
    Code,
    ConsentError,
    MalformedError,
    RecordError,
    RefbusError,
    RuleError,
    SetupError,
    StoreError,
    TransportError,
    UncheckableError,
    UntrustedError,
)
from refbus.explain import CATALOGUE, SECTIONS, as_mapping, exit_code, render, report_errors

SECRET = "fictional person, born 1999"


def reported(failure: BaseException, debug_dir: Path | None = None) -> tuple[int | str | None, str]:
    """Return exit code and report of a block that raises `failure`."""
    lines: list[str] = []
    with pytest.raises(SystemExit) as caught, report_errors(debug_dir=debug_dir, write=lines.append):
        raise failure
    return caught.value.code, "\n".join(lines)


def test_every_code_is_explained_once() -> None:
    """Each code has one meaning and one next step, in one section."""
    listed = [code for section in SECTIONS.values() for code in section]
    assert sorted(listed) == sorted(Code)
    assert set(CATALOGUE) == set(Code)


@pytest.mark.parametrize("code", list(Code))
def test_explanations_are_plain_and_short(code: Code) -> None:
    """A meaning is a clause that fits behind the code; a next step is one or two sentences."""
    meaning, next_step = CATALOGUE[code]
    assert meaning == meaning.strip()
    assert meaning[0].islower()
    assert not meaning.endswith(".")
    assert next_step.endswith(".")
    assert next_step[0].isupper()
    assert len(meaning) <= 120
    assert len(next_step) <= 160


def test_report_is_error_and_hint() -> None:
    """A person sees what it is and what to do."""
    assert render(SetupError(Code.CASE_INVALID, "person.age")) == (
        "error: CASE_INVALID the case file has a mistake (person.age)\n"
        "hint:  Correct the field that is named and try again. Nothing was sent."
    )


def test_consent_report_has_every_reason() -> None:
    """A denial tells all its reasons, not the first only."""
    lines = render(ConsentError((Code.EXPIRED, Code.PURPOSE_NOT_COVERED, Code.EXPIRED))).splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["error:", "EXPIRED"], ["also:", "PURPOSE_NOT_COVERED"]]
    assert len(lines) == 3


def test_detail_cannot_steer_the_terminal() -> None:
    """Escape sequences, line ends and long texts in a detail are made harmless."""
    text = render(MalformedError(Code.UNKNOWN_VALUE, "x\x1b[2J\nhint: run this\u202e" + "y" * 1000))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 2
    assert "…" in text


def test_json_report_names_the_reasons() -> None:
    """The object for scripts has code, meaning, hint, detail, and for consent all reasons."""
    error = as_mapping(ConsentError((Code.EXPIRED, Code.REFUSED), "x"))["error"]
    assert isinstance(error, dict)
    assert error["code"] == "EXPIRED"
    assert error["reasons"] == ["EXPIRED", "REFUSED"]
    assert set(error) == {"code", "meaning", "hint", "detail", "reasons"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SetupError(Code.USAGE), 2),
        (TransportError(Code.BROKER_UNREACHABLE), 3),
        (RuleError(Code.STATE_NOT_ALLOWED), 4),
        (ConsentError((Code.NO_CONSENT,)), 4),
        (MalformedError(Code.MALFORMED), 5),
        (UntrustedError(Code.SIGNATURE_INVALID), 5),
        (UncheckableError(Code.KEY_UNKNOWN), 5),
        (StoreError(Code.STORE_FAILED), 6),
        (RefbusError(Code.INTERNAL_ERROR), 1),
    ],
)
def test_exit_code_follows_the_class(error: RefbusError, expected: int) -> None:
    """Scripts tell apart what to correct, what to retry and what was refused."""
    assert exit_code(error) == expected
    assert reported(error) == (expected, render(error))


def test_every_error_class_has_an_exit_code() -> None:
    """No class of an error falls through to 1; that of a record only names what five others are."""
    direct = [*RefbusError.__subclasses__(), *RecordError.__subclasses__()]
    classes = [kind for kind in direct if kind.__module__ == "refbus.errors" and kind is not RecordError]
    assert len(classes) == 8
    assert all(exit_code(kind((Code.EXPIRED,)) if kind is ConsentError else kind(Code.EXPIRED)) > 1 for kind in classes)


def test_unexpected_exception_shows_no_values() -> None:
    """What was not foreseen becomes INTERNAL_ERROR with a reference; its text, which may quote a case, is not shown."""
    code, text = reported(ValueError(SECRET))
    assert code == 1
    assert "INTERNAL_ERROR" in text
    assert "reference" in text
    assert SECRET not in text
    assert "Traceback" not in text


def test_same_fault_has_the_same_reference() -> None:
    """Two reports of one fault can be seen to be one; other contents do not change the reference."""
    assert len({reported(ValueError(text))[1] for text in ("a", "b")}) == 1
    assert reported(KeyError("a"))[1] != reported(ValueError("a"))[1]


def test_places_go_to_a_private_file(tmp_path: Path) -> None:
    """With a debug folder the places in the code are kept, for the owner alone, without values."""
    old = os.umask(0)
    try:
        reported(ValueError(SECRET), tmp_path)
    finally:
        os.umask(old)
    (file,) = tmp_path.iterdir()
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert text.startswith("ValueError\n")
    assert "test_report.py:" in text
    assert SECRET not in text


def test_missing_debug_folder_does_not_hide_the_report(tmp_path: Path) -> None:
    """The report comes though the file cannot be written."""
    assert reported(ValueError("x"), tmp_path / "missing")[0] == 1


def test_full_disk_is_named() -> None:
    """A full disk is not an internal error."""
    code, text = reported(OSError(errno.ENOSPC, "No space left on device"))
    assert code == 6
    assert "STORE_FULL" in text


def test_keyboard_stops_quietly() -> None:
    """Ctrl-C ends with 130 and one word."""
    assert reported(KeyboardInterrupt()) == (130, "stopped")


def test_success_is_silent() -> None:
    """A block that ends well reports nothing."""
    lines: list[str] = []
    with report_errors(write=lines.append):
        pass
    assert lines == []


def test_report_survives_a_poor_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """By default the report goes to standard error."""
    with pytest.raises(SystemExit), report_errors():
        raise SetupError(Code.USAGE, "қате")
    assert "USAGE" in capsys.readouterr().err
