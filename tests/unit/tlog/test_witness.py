"""Requests to a witness: how they are written, and what a witness checks before it cosigns."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from refbus.errors import Code, RefbusError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.keys import SignerKey
from refbus.tlog.note import Note
from refbus.tlog.proofs import Head, consistency_proof
from refbus.tlog.witness import MOST_BYTES, AddCheckpoint, OtherSizeError, check, origin_hash
from support.logs import ORIGIN, NaiveTrees, entries, head_of, log_key

DATA = entries(13)
LOG = log_key()


def note_of(head: Head, key: SignerKey = LOG, origin: str = ORIGIN) -> Note:
    """Return the signed checkpoint of a tree."""
    return sign_checkpoint(Checkpoint(origin, head.size, head.root), key)


def request(old: int, new: int) -> AddCheckpoint:
    """Return the request of an honest log that grows from `old` to `new` entries."""
    return AddCheckpoint(old, consistency_proof(NaiveTrees(DATA), old, new), note_of(head_of(DATA[:new])))


ASKED = request(5, 13)


def code_of(asked: AddCheckpoint, known: Head, key: SignerKey = LOG) -> Code:
    """Return why a witness whose newest checkpoint of the log is `known` refuses."""
    with pytest.raises(RefbusError) as caught:
        check(asked, known, [key.verifier])
    return caught.value.code


@pytest.mark.parametrize(("old", "new"), [(0, 1), (0, 13), (1, 2), (5, 13), (8, 13), (13, 13)])
def test_a_request_is_read_as_it_was_written(old: int, new: int) -> None:
    """`parse` of what `encode` gives is the same request, and a witness that knows `old` may cosign it."""
    asked = AddCheckpoint.parse(request(old, new).encode())
    assert asked == request(old, new)
    assert asked.origin == ORIGIN
    assert check(asked, head_of(DATA[:old]), [LOG.verifier]) == Checkpoint.parse(asked.note.text)


BODY = ASKED.encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BODY.ljust(MOST_BYTES + 1, b"\n"), Code.TOO_LARGE),
        (BODY.replace(b"old ", "\u043e\u043bd ".encode(), 1), Code.NOT_CANONICAL),
        (BODY.replace(b"old ", b"new ", 1), Code.NOT_CANONICAL),
        (BODY.replace(b"\n\n", b"\n"), Code.NOT_CANONICAL),
        (BODY.replace(b"old 5", b"old 05", 1), Code.NOT_CANONICAL),
        (b"", Code.NOT_CANONICAL),
    ],
    ids=["too long", "not ASCII", "another word", "no empty line", "leading zero", "nothing"],
)
def test_every_other_spelling_is_refused(body: bytes, code: Code) -> None:
    """A request has one spelling, of at most MOST_BYTES."""
    with pytest.raises(RefbusError) as caught:
        AddCheckpoint.parse(body)
    assert caught.value.code is code


def test_a_log_that_is_not_known_is_not_cosigned() -> None:
    """No key of that origin: KEY_UNKNOWN, before anything else is looked at."""
    assert code_of(ASKED, head_of(DATA[:5]), log_key("audit.uz.example/2026b")) is Code.KEY_UNKNOWN


def test_what_the_log_did_not_sign_is_not_cosigned() -> None:
    """Another key under the log's name: SIGNATURE_INVALID."""
    assert code_of(ASKED, head_of(DATA[:5]), log_key(seed=7)) is Code.SIGNATURE_INVALID


def test_a_log_does_not_shrink() -> None:
    """An old size above the new one is malformed, whatever the witness knows."""
    assert code_of(replace(ASKED, old_size=14), head_of(DATA[:5])) is Code.MALFORMED


@pytest.mark.parametrize("known", [0, 4, 6, 13])
def test_the_size_that_the_witness_knows_is_told(known: int) -> None:
    """A log that believes another size hears which one it is."""
    with pytest.raises(OtherSizeError) as caught:
        check(ASKED, head_of(DATA[:known]), [LOG.verifier])
    assert (caught.value.size, caught.value.code) == (known, Code.LOG_OTHER_SIZE)


def test_two_roots_for_one_size_convict_the_log() -> None:
    """LOG_FORKED: both checkpoints are signed by the log."""
    assert code_of(request(13, 13), Head(13, bytes(32))) is Code.LOG_FORKED


def test_a_history_that_was_rewritten_is_not_cosigned() -> None:
    """A proof from other entries, or none, does not lead from what the witness knows: PROOF_INVALID."""
    other = head_of([b"another", *DATA[1:5]])
    assert code_of(ASKED, other) is Code.PROOF_INVALID
    assert code_of(replace(ASKED, proof=()), head_of(DATA[:5])) is Code.PROOF_INVALID


def test_a_log_is_served_under_the_hash_of_its_origin() -> None:
    """SHA-256 in hexadecimal, so that no origin is a path."""
    assert origin_hash(ORIGIN) == hashlib.sha256(ORIGIN.encode()).hexdigest()
