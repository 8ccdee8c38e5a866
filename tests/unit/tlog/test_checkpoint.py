from __future__ import annotations

import base64

import pytest

from refbus.core.bounds import TIME_S
from refbus.errors import MalformedError, RefbusError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign, cosigned_at
from refbus.tlog.keys import SigType
from refbus.tlog.note import Signature, verified
from support.logs import entries, head_of, log_key, witness_key

# The example of c2sp.org/tlog-checkpoint and tlog-cosignature.
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
HEAD = head_of(entries(5))
OURS = Checkpoint("audit.kz.example/2026b", HEAD.size, HEAD.root)
KINDS = [SigType.ED25519_COSIGNATURE, SigType.MLDSA44_COSIGNATURE]


def test_example_of_the_specification() -> None:
    """The example checkpoint is read and written as it stands."""
    checkpoint = Checkpoint.parse(TEXT)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == TEXT
    assert Checkpoint.parse(TEXT + "one\ntwo\n").extensions == ("one", "two")


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        "\n" + TEXT,
        TEXT + "\n",
        TEXT.replace("20852163", "020852163"),
        TEXT.replace("20852163", "+20852163"),
        TEXT.replace("20852163", "2_0"),
        TEXT.replace("q2I=", "q2J="),
        TEXT.replace("CsUY", "CsUYAAAA"),
        TEXT.replace("CsUYapGG", "CsUY apGG"),
        "origin\n1\n",
    ],
)
def test_malformed_checkpoints(text: str) -> None:
    """Every other spelling is refused."""
    with pytest.raises(MalformedError):
        Checkpoint.parse(text)


def test_signed_by_the_log() -> None:
    """A log signs the text of its checkpoint as a note."""
    note = sign_checkpoint(OURS, log_key())
    assert verified(note, [log_key().verifier])
    assert Checkpoint.parse(note.text) == OURS


@pytest.mark.parametrize("kind", KINDS)
def test_cosignatures(kind: SigType) -> None:
    """A cosignature of either type holds for its checkpoint, its key and its time, and for nothing else."""
    key = witness_key("witness.example/w1", kind)
    signature = cosign(OURS, key, 1679315147)
    assert cosigned_at(OURS, key.verifier, signature) == 1679315147
    for other in (Checkpoint("x", 5, HEAD.root), Checkpoint(OURS.origin, 6, HEAD.root)):
        with pytest.raises(UntrustedError):
            cosigned_at(other, key.verifier, signature)
    later = Signature(signature.name, signature.key_id, b"\0" * 7 + b"\x01" + signature.data[8:])
    with pytest.raises(UntrustedError):
        cosigned_at(OURS, key.verifier, later)
    for number in (0, 9, TIME_S.high + 1, 1 << 63):
        with pytest.raises(MalformedError):
            cosign(OURS, key, number)
        timed = Signature(signature.name, signature.key_id, number.to_bytes(8, "big") + signature.data[8:])
        with pytest.raises(UntrustedError):
            cosigned_at(OURS, key.verifier, timed)


@pytest.mark.parametrize("kind", KINDS)
def test_cosignature_under_a_wrong_name(kind: SigType) -> None:
    """Another name over the same key and signature does not hold, whether the id is kept or computed anew."""
    key, alias = witness_key("w1", kind), witness_key("w2", kind)
    signature = cosign(OURS, key, 1679315147)
    with pytest.raises(UntrustedError):
        cosigned_at(OURS, alias.verifier, signature)
    with pytest.raises(UntrustedError):
        cosigned_at(OURS, alias.verifier, Signature("w2", key.verifier.key_id, signature.data))


def test_mldsa_commits_to_the_name() -> None:
    """Moved to another name with that name's id, the Ed25519 type still holds and the ML-DSA type does not."""
    for kind, holds in zip(KINDS, (True, False), strict=True):
        key, alias = witness_key("w1", kind), witness_key("w2", kind)
        moved = Signature("w2", alias.verifier.key_id, cosign(OURS, key, 1679315147).data)
        try:
            assert cosigned_at(OURS, alias.verifier, moved) == 1679315147
            assert holds
        except UntrustedError:
            assert not holds


def test_signed_message_of_the_specification() -> None:
    """The Ed25519 type signs the lines that tlog-cosignature shows."""
    key, checkpoint = witness_key("w"), Checkpoint.parse(TEXT)
    data = cosign(checkpoint, key, 1679315147).data
    key.verifier.verify(b"cosignature/v1\ntime 1679315147\n" + TEXT.encode(), data[8:])
    assert len(data) == 72
    assert len(cosign(checkpoint, witness_key("w", SigType.MLDSA44_COSIGNATURE), 1679315147).data) == 8 + 2420


def test_signed_structure_of_the_specification() -> None:
    """The ML-DSA type signs the structure that tlog-cosignature defines, with start 0."""
    key, checkpoint = witness_key("w", SigType.MLDSA44_COSIGNATURE), Checkpoint.parse(TEXT)
    origin = b"example.com/behind-the-sofa"
    message = b"subtree/v1\n\0" + b"\x01w" + (1679315147).to_bytes(8, "big") + bytes([len(origin)]) + origin
    message += bytes(8) + (20852163).to_bytes(8, "big") + base64.b64decode(TEXT.split("\n")[2])
    key.verifier.verify(message, cosign(checkpoint, key, 1679315147).data[8:])


def test_a_log_key_does_not_cosign() -> None:
    """A key for plain notes makes no cosignature, and a name that is too long for the structure is refused."""
    with pytest.raises(MalformedError):
        cosign(OURS, log_key(), 1679315147)
    with pytest.raises(RefbusError):
        cosign(OURS, witness_key("w" * 256, SigType.MLDSA44_COSIGNATURE), 1679315147)
