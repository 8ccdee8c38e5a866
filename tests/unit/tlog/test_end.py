"""The early end of a log: a note of its own form, which nobody can take for a checkpoint."""

from __future__ import annotations

import base64

import pytest

from refbus.errors import Code, MalformedError, RefbusError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.end import LogEnd, read_end, sign_end
from refbus.tlog.note import Note
from refbus.tlog.proofs import Head
from support.logs import ORIGIN, log_key, log_policy

END = LogEnd(ORIGIN, Head(7, bytes([7]) * 32), Head(9, bytes([9]) * 32))
WHOLE = LogEnd(ORIGIN, END.head, END.head)
ROOTS = [base64.b64encode(head.root).decode() for head in (END.head, END.newest)]


@pytest.mark.parametrize("end", [END, WHOLE])
def test_an_end_reads_back(end: LogEnd) -> None:
    """What the log signed is read, with entries lost and without."""
    assert read_end(sign_end(end, log_key()).encode(), [log_key().verifier]) == end


@pytest.mark.parametrize(
    "text",
    [
        "",
        "refbus-log-end/v2\n" + END.text.partition("\n")[2],
        END.text + "more\n",
        END.text.replace("\n7\n", "\n07\n"),
        END.text.replace("\n7\n", "\n10\n"),
        END.text.replace("\n9\n", "\n7\n"),
        END.text.replace(ROOTS[0], "AAAA"),
        Checkpoint(ORIGIN, 7, END.head.root).text,
    ],
)
def test_ends_are_strict(text: str) -> None:
    """One spelling only; what is published is no more than what was signed, and the same at the same size."""
    with pytest.raises(MalformedError):
        LogEnd.parse(text)


def test_only_the_log_ends_itself() -> None:
    """Another key, another log and a changed number are refused."""
    note = sign_end(END, log_key(seed=9)).encode()
    for data, code in (
        (note, Code.KEY_UNKNOWN),
        (sign_end(LogEnd("zz.example/2026b", *(END.head, END.newest)), log_key()).encode(), Code.KEY_UNKNOWN),
        (sign_end(END, log_key()).encode().replace(b"\n9\n", b"\n8\n"), Code.SIGNATURE_INVALID),
    ):
        with pytest.raises(RefbusError) as caught:
            read_end(data, [log_key().verifier])
        assert caught.value.code is code


def test_an_end_is_no_checkpoint() -> None:
    """No reader of checkpoints takes one."""
    with pytest.raises(RefbusError):
        log_policy().signed(Note.parse(sign_end(END, log_key()).encode()))
