from __future__ import annotations

import pickle

import pytest

from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.tlog.keys import SignerKey, SigType, VerifierKey, decimal
from refbus.tlog.note import Note, parse_lines, sign_text, verified
from support.logs import log_key, witness_key

# The example of c2sp.org/signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()


def test_example_of_the_specification() -> None:
    """The example note verifies under the example key, and both are written as they were read."""
    key, note = VerifierKey.parse(VKEY), Note.parse(NOTE)
    assert verified(note, [key]) == (key,)
    assert (note.encode(), key.vkey, key.type) == (NOTE, VKEY, SigType.ED25519)
    assert note.text == "This is an example message.\n"


def test_signing() -> None:
    """What is signed here verifies here, and not after a change of the text."""
    key = log_key()
    note = Note("one\n\ntwo\n", (sign_text("one\n\ntwo\n", key),))
    assert Note.parse(note.encode()) == note
    assert verified(note, [key.verifier]) == (key.verifier,)
    with pytest.raises(UntrustedError):
        verified(Note("one\n\nTwo\n", note.signatures), [key.verifier])


@pytest.mark.parametrize(
    "change",
    [
        lambda n: n[:-1],
        lambda n: n + b"\n",
        lambda n: n + b"x",
        lambda n: n.replace(b"\n\n", b"\n"),
        lambda n: n.replace("— ".encode(), b"- "),
        lambda n: n.replace(b"foo Uw", b"foo  Uw"),
        lambda n: n.replace(b"foo Uw", b"fo+o Uw"),
        lambda n: n.replace(b"foo Uw", "fo\u00a0o Uw".encode()),
        lambda n: n.replace(b"aQM=", b"aQN="),
        lambda n: n.replace(b"aQM=", b"aQM"),
        lambda n: n.replace(b"aQM=", b"aQM==="),
        lambda n: n.replace(b"aQM=", b"a-M="),
        lambda n: n.replace(b"This", b"Th\tis"),
        lambda n: n.replace(b"This", b"Th\xffis"),
        lambda n: n.replace(b"\n", b"\r\n"),
        lambda _: b"",
        lambda _: b"\n\n",
        lambda _: "text\n\n— name AAAA\n".encode(),
        lambda _: "text\n\n—  AAAAAAA=\n".encode(),
        lambda _: b"x" * (1 << 20) + b"\n",
        lambda n: n + n[n.index("— ".encode()) :] * 64,
    ],
)
def test_malformed_notes(change: object) -> None:
    """Whatever is not exactly a note is our error, of the class for malformed bytes."""
    with pytest.raises(MalformedError):
        Note.parse(change(NOTE))  # type: ignore[operator]


def test_unknown_and_false_signatures() -> None:
    """Unknown keys are passed over, even under a known name; a false signature of a known key refuses all."""
    mine, other = log_key(), log_key(seed=9)
    note = Note("text\n", (sign_text("text\n", other), sign_text("text\n", mine)))
    assert verified(note, [mine.verifier]) == (mine.verifier,)
    with pytest.raises(UncheckableError) as unknown:
        verified(note, [log_key(seed=8).verifier])
    assert unknown.value.code is Code.KEY_UNKNOWN
    false = Note("text\n", (sign_text("other\n", other), sign_text("text\n", mine)))
    with pytest.raises(UntrustedError):
        verified(false, [mine.verifier, other.verifier])


def test_a_second_false_line_refuses() -> None:
    """A true signature does not excuse a false one of the same key beside it."""
    key = log_key()
    note = Note("text\n", (sign_text("text\n", key), sign_text("other\n", key)))
    with pytest.raises(UntrustedError):
        verified(note, [key.verifier])


def test_types_have_different_ids() -> None:
    """One public key has another id for each type, so a signature cannot pass from one to the other."""
    plain, timed = log_key("w"), witness_key("w", seed=1)
    assert plain.verifier.public == timed.verifier.public
    assert plain.verifier.key_id != timed.verifier.key_id
    with pytest.raises(MalformedError):
        sign_text("text\n", timed)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("foo", "f oo"),
        VKEY.replace("Aeky", "Aeky="),
        VKEY[:-4],
        "n+00000000+",
        "n+00000000+/w==",
        SignerKey("n", SigType.ED25519, bytes(32)).verifier.vkey + "+",
        VerifierKey("n", SigType.ED25519, bytes(32)).vkey,  # a point of small order
        VerifierKey("n", SigType.MLDSA44_COSIGNATURE, bytes(1311)).vkey,
    ],
)
def test_bad_vkeys(vkey: str) -> None:
    """A vkey with another id, another spelling, an unknown type or an impossible key is refused."""
    with pytest.raises(RefbusError):
        VerifierKey.parse(vkey)


def test_lines_of_a_witness() -> None:
    """The answer of a witness is lines alone; anything else is refused."""
    line = sign_text("text\n", log_key()).line
    assert [each.line for each in parse_lines(line * 2)] == [line, line]
    for bad in ("", "\n", line[:-1], line + "\n", "x\n"):
        with pytest.raises(MalformedError):
            parse_lines(bad)


def test_signatures_are_added_once() -> None:
    """Merging what is there already changes nothing."""
    note = Note.parse(NOTE)
    assert note.with_signatures(note.signatures) == note
    other = sign_text(note.text, log_key())
    assert note.with_signatures([other]).signatures[-1] == other


def test_private_keys_stay_private() -> None:
    """A signer shows its name only, is not pickled, and takes seeds of one size."""
    key = log_key()
    assert "secret=***" in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(MalformedError):
        SignerKey("n", SigType.ED25519, bytes(31))


@pytest.mark.parametrize("text", ["", "01", "+1", "-1", "1_0", " 1", "1 ", "٣", "1.0", str(1 << 63), "9" * 30])
def test_numbers_have_one_spelling(text: str) -> None:
    """Only plain decimal numbers below 2**63 are read."""
    with pytest.raises(MalformedError):
        decimal(text)
    assert (decimal("0"), decimal(str((1 << 63) - 1))) == (0, (1 << 63) - 1)
