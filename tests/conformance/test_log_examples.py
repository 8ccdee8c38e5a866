"""Values of transparency logs that others worked out or printed, through our modules.

| value | origin | checked |
|---|---|---|
| note of PeterNeumann, with its secret seed | examples of golang.org/x/mod/sumdb/note | all; we sign the same bytes |
| note of example.com/foo | c2sp.org/signed-note, section Verifier keys | tests/unit/tlog/test_note.py: signature |
| note of quasimodo.example/salvatore | c2sp.org/signed-note, first example | form only: the page has no key |
| checkpoint of 20,852,163 entries | c2sp.org/tlog-checkpoint | signature, under its real origin |
| its cosignature of witness.example.com/w1 | c2sp.org/tlog-cosignature | form and time: the page has no key |
| message that a cosigner signs | c2sp.org/tlog-cosignature | tests/unit/tlog/test_checkpoint.py |
| request and answer of a witness | c2sp.org/tlog-witness, add-checkpoint | form only: the page has no key and no tree |
| proof of entry 73,894 | c2sp.org/tlog-proof | form only: its signatures are cut, its hashes are too few for its tree |
| policy of two groups | c2sp.org/tlog-policy | all, with keys of ours in it |
| paths and tiles of 70,000 entries | c2sp.org/tlog-tiles | tests/unit/tlog/test_tiles.py |
| proofs of seven entries | RFC 6962 section 2.1.3, RFC 9162 section 2.1.5 | tests/unit/tlog/test_proofs.py |
| proofs of eight entries, in numbers | tests of github.com/transparency-dev/merkle | all |

The pages are of C2SP commit 5ba5ee8 (2026-07-22).
"""

from __future__ import annotations

import base64

import pytest

from refbus.errors import MalformedError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.keys import SignerKey, SigType, VerifierKey
from refbus.tlog.note import Note, parse_lines, sign_text, verified
from refbus.tlog.policy import Policy
from refbus.tlog.prooffile import TlogProof, parse_hashes
from refbus.tlog.proofs import Head, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from support.logs import NaiveTrees, mth, witness_key

PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SALVATORE = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
GO_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
TREE = "\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SOFA = "example.com/behind-the-sofa"
SIGNED = "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
COSIGNED = (
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
GROWTH = [
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
]
ANSWER = (
    "— witness.example/w1 "
    "CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n"
    "— witness.example/w1 "
    "I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n"
    "— witness.example/w2 "
    "AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==\n"
)
PROOF = """c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJw[...]1roloI=
"""
POLICY = """log <vkey>

witness X1 <vkey>
witness X2 <vkey>
witness X3 <vkey>
group X-witnesses 2 X1 X2 X3

witness Y1 <vkey>
witness Y2 <vkey>
witness Y3 <vkey>
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_note_of_the_go_documentation() -> None:
    """The note verifies, and our signer with that seed writes the same key and the same signature."""
    key, note = VerifierKey.parse(PETER_KEY), Note.parse(PETER_NOTE.encode())
    assert verified(note, [key]) == (key,)
    signer = SignerKey("PeterNeumann", SigType.ED25519, PETER_SEED)
    assert signer.verifier.vkey == PETER_KEY
    assert Note(note.text, (sign_text(note.text, signer),)).encode() == PETER_NOTE.encode()


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_bad_keys_of_the_go_tests(vkey: str) -> None:
    """A key of another length, and one of an unknown type, both with the right id, are refused."""
    with pytest.raises(MalformedError):
        VerifierKey.parse(vkey)


def test_a_cosigner_key_in_use() -> None:
    """The key of a witness in the public network, type 04, is read and written as it stands."""
    vkey = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
    key = VerifierKey.parse(vkey)
    assert (key.type, key.vkey) == (SigType.ED25519_COSIGNATURE, vkey)


def test_the_first_note_of_the_specification() -> None:
    """The poem is read, empty line and all. The page has no key for it, so its signature is not checked."""
    note = Note.parse(SALVATORE.encode())
    assert note.encode() == SALVATORE.encode()
    assert note.text.count("\n") == 4
    assert note.signatures[0].name == "quasimodo.example/salvatore"


def test_the_checkpoint_of_the_specification() -> None:
    """The signature was made by the Go checksum database over these numbers, and holds under its own first line only.

    The example of tlog-checkpoint shows it under another origin, where it is no valid signature.
    """
    key = VerifierKey.parse(GO_KEY)
    real = Note.parse(f"go.sum database tree{TREE}\n— sum.golang.org {SIGNED}\n".encode())
    assert verified(real, [key]) == (key,)
    assert Checkpoint.parse(real.text).head == Checkpoint.parse(SOFA + TREE).head
    shown = Note.parse(f"{SOFA}{TREE}\n— sum.golang.org {SIGNED}\n".encode())
    with pytest.raises(UntrustedError):
        verified(shown, [key])
    with pytest.raises(UncheckableError):
        verified(Note.parse(f"{SOFA}{TREE}\n— {SOFA} {SIGNED}\n".encode()), [key])


def test_the_cosignature_of_the_specification() -> None:
    """The line has the size of an Ed25519 cosignature and the time of the message that the page shows.

    The page has no key for it, so the signature is not checked.
    """
    note = Note.parse(f"{SOFA}{TREE}\n— {SOFA} {SIGNED}\n{COSIGNED}".encode())
    line = note.signatures[1]
    assert (line.name, len(line.data), line.line) == ("witness.example.com/w1", 72, COSIGNED)
    assert int.from_bytes(line.data[:8], "big") == 1679315147


def test_request_and_answer_of_the_specification() -> None:
    """Hashes and signature lines of the example of add-checkpoint are read.

    The page has no key and no tree for them; the times of its cosignatures are not even plausible.
    """
    assert [base64.b64encode(each).decode() for each in parse_hashes(GROWTH)] == GROWTH
    lines = parse_lines(ANSWER)
    assert "".join(line.line for line in lines) == ANSWER
    assert [(line.name, len(line.data)) for line in lines] == [
        ("witness.example/w1", 72),
        ("witness.example/w1", 72),
        ("witness.example/w2", 72),
    ]


def test_the_proof_of_the_specification() -> None:
    """The example is read once its cut signatures are whole ones, and is then written as it was.

    It cannot hold: a proof in a tree of 109,482 entries has 17 hashes, and this has five.
    """
    with pytest.raises(MalformedError):
        TlogProof.parse(PROOF.encode())
    whole = PROOF.replace("hI2DJw[...]1roloI=", SIGNED)
    proof = TlogProof.parse(whole.encode())
    assert (proof.index, len(proof.hashes), proof.encode()) == (73_894, 5, whole.encode())
    assert proof.extra is not None
    assert proof.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.g")
    head = Checkpoint.parse(proof.note.text).head
    assert head.size == 109_482
    with pytest.raises(UntrustedError):
        verify_inclusion(bytes(32), proof.index, head, proof.hashes)


def test_the_policy_of_the_specification() -> None:
    """The example, with keys in it, asks for two of the X and one of the Y witnesses."""
    text = POLICY.replace("<vkey>", SignerKey("log.example", SigType.ED25519, bytes([1]) * 32).verifier.vkey, 1)
    for seed in range(2, 8):
        text = text.replace("<vkey>", witness_key(f"w{seed}.example", seed=seed).verifier.vkey, 1)
    policy = Policy.parse(text.encode())
    assert (len(policy.logs), len(policy.witnesses), policy.quorum) == (1, 6, b"X-and-Y")
    assert policy.groups[b"X-witnesses"].needed == 2
    assert policy.groups[b"Y-witnesses"].needed == 1
    assert policy.groups[b"X-and-Y"].needed == 2


# The eight entries that implementations of RFC 6962 are tested with, their roots, and proofs in numbers.
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
F = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
G = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
H = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
I = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"  # noqa: E741
J = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [(0, 1, []), (0, 8, [A, B, C]), (5, 8, [D, E, F]), (2, 3, [H]), (1, 5, [I, B, D])],
)
def test_inclusion_proofs_in_numbers(index: int, size: int, proof: list[str]) -> None:
    """Our proofs are these hashes, and these hashes hold."""
    hashes = tuple(map(bytes.fromhex, proof))
    assert inclusion_proof(NaiveTrees(ENTRIES), index, size) == hashes
    verify_inclusion(leaf_hash(ENTRIES[index]), index, Head(size, mth(ENTRIES[:size])), hashes)


@pytest.mark.parametrize(
    ("old", "new", "proof"),
    [(1, 1, []), (1, 8, [A, B, C]), (6, 8, [G, E, F]), (2, 5, [B, D]), (6, 7, [G, J, F])],
)
def test_consistency_proofs_in_numbers(old: int, new: int, proof: list[str]) -> None:
    """Our proofs are these hashes, and these hashes hold."""
    hashes = tuple(map(bytes.fromhex, proof))
    assert consistency_proof(NaiveTrees(ENTRIES), old, new) == hashes
    verify_consistency(Head(old, mth(ENTRIES[:old])), Head(new, mth(ENTRIES[:new])), hashes)
