from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.keys import SignerKey, SigType
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import inclusion_proof
from support.logs import NaiveTrees, entries, head_of, log_key, witness_key

DATA = entries(11)
HEAD = head_of(DATA)
CHECKPOINT = Checkpoint("audit.kz.example/2026b", HEAD.size, HEAD.root)
AT_S = 1_800_000_000
LOG = log_key()
KG, TM, UZ = (witness_key(f"witness.{cc}.example", seed=seed) for cc, seed in (("kg", 3), ("tm", 4), ("uz", 5)))
UZ_PQ = witness_key("witness.uz.example", SigType.MLDSA44_COSIGNATURE, 6)
FILE = f"""# the logs and witnesses of a test
log {LOG.verifier.vkey} https://audit.kz.example/2026b/
witness kg {KG.verifier.vkey}
\twitness  tm\t{TM.verifier.vkey}
witness uz-ed {UZ.verifier.vkey}
witness uz-pq {UZ_PQ.verifier.vkey} https://witness.uz.example/

group uz all uz-ed uz-pq
group abroad 2 kg tm uz
quorum abroad
"""
POLICY = Policy.parse(FILE.encode())


def cosigned(*witnesses: SignerKey, at_s: int = AT_S, key: SignerKey = LOG) -> Note:
    """Return the checkpoint, signed by the log and by witnesses a second apart."""
    lines = [cosign(CHECKPOINT, each, at_s + number) for number, each in enumerate(witnesses)]
    return sign_checkpoint(CHECKPOINT, key).with_signatures(lines)


def code_of(note: Note, policy: Policy = POLICY, now_s: int | None = None) -> Code:
    """Return why the policy refuses the note."""
    with pytest.raises(RefbusError) as error:
        policy.check(note, now_s)
    return error.value.code


@pytest.mark.parametrize(
    ("witnesses", "since_s"),
    [((KG, TM), AT_S), ((KG, UZ, UZ_PQ), AT_S), ((KG, TM, UZ, UZ_PQ), AT_S + 1)],
)
def test_quorum(witnesses: tuple[SignerKey, ...], since_s: int) -> None:
    """Two of the three countries are enough; the time is the oldest of the two newest that make the quorum."""
    seen = POLICY.check(cosigned(*witnesses), now_s=AT_S + 1000)
    assert seen.checkpoint == CHECKPOINT
    assert len(seen.times_s) == len(witnesses)
    assert seen.quorum_at_s == since_s


@pytest.mark.parametrize("witnesses", [(), (KG,), (UZ, UZ_PQ), (KG, UZ), (KG, UZ_PQ), (KG, KG)])
def test_no_quorum(witnesses: tuple[SignerKey, ...]) -> None:
    """One country is not two, half of a country is none, and nobody counts twice."""
    assert code_of(cosigned(*witnesses)) is Code.QUORUM_MISSING


def test_attacks_on_cosignatures() -> None:
    """False, future and foreign signatures do not make a quorum."""
    other = Checkpoint(CHECKPOINT.origin, HEAD.size, bytes(32))
    false = cosigned(KG).with_signatures([cosign(other, TM, AT_S)])
    assert code_of(false) is Code.SIGNATURE_INVALID
    assert code_of(cosigned(KG, TM), now_s=AT_S) is Code.SIGNATURE_INVALID
    assert code_of(cosigned(KG, witness_key("witness.tm.example", seed=9))) is Code.QUORUM_MISSING
    assert code_of(cosigned(KG, witness_key("witness.xx.example", seed=4))) is Code.QUORUM_MISSING


def test_the_log_must_have_signed() -> None:
    """Cosignatures alone are nothing; an unknown log is not checkable."""
    assert code_of(cosigned(KG, TM, key=log_key(seed=7))) is Code.KEY_UNKNOWN
    unknown = sign_checkpoint(replace(CHECKPOINT, origin="elsewhere"), log_key("elsewhere"))
    assert code_of(unknown) is Code.KEY_UNKNOWN
    with pytest.raises(MalformedError):
        POLICY.check(Note("x\n", sign_checkpoint(CHECKPOINT, LOG).signatures))


def test_key_reused_across_types() -> None:
    """A key that signs plain notes does not count as a witness, though its public key is the same."""
    plain = SignerKey("witness.kg.example", SigType.ED25519, bytes([3]) * 32)
    note = cosigned(TM)
    line = replace(cosign(CHECKPOINT, KG, AT_S), key_id=plain.verifier.key_id)
    assert code_of(note.with_signatures([line])) is Code.QUORUM_MISSING


def test_a_log_may_sign_with_ml_dsa() -> None:
    """A log whose key in the policy is of the ML-DSA type signs as a cosigner does."""
    key = SignerKey(CHECKPOINT.origin, SigType.MLDSA44_COSIGNATURE, bytes([8]) * 32)
    policy = Policy.parse(f"log {key.verifier.vkey}\nquorum none\n".encode())
    seen = policy.check(Note(CHECKPOINT.text, (cosign(CHECKPOINT, key, AT_S),)))
    assert (seen.checkpoint, seen.quorum_at_s) == (CHECKPOINT, None)
    with pytest.raises(UncheckableError):
        policy.check(sign_checkpoint(CHECKPOINT, LOG))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("quorum abroad\n", ""),
        ("quorum abroad\n", "quorum abroad"),
        ("quorum abroad\n", "quorum abroad\nquorum abroad\n"),
        ("quorum abroad", "quorum nobody"),
        ("group abroad 2", "group abroad 4"),
        ("group abroad 2", "group abroad 0"),
        ("group abroad 2", "group abroad +2"),
        ("group abroad 2", "group abroad most"),
        ("group abroad 2 kg", "group none 2 kg"),
        ("group abroad 2 kg tm uz", "group abroad 2"),
        ("group abroad 2 kg", "group abroad 2 kg kg"),
        ("group abroad 2 kg", "group abroad 2 uz-ed"),
        ("group abroad 2 kg", "group uz 2 kg"),
        ("group abroad 2 kg", "group abroad 2 none"),
        ("group uz all", "groups uz all"),
        ("# the", "\x01 the"),
        ("# the", "\x7f the"),
        ("witness kg", "witness tm"),
        ("witness kg " + KG.verifier.vkey, "witness kg " + TM.verifier.vkey),
        ("witness kg " + KG.verifier.vkey, "witness kg " + LOG.verifier.vkey),
        (LOG.verifier.vkey, witness_key("l", seed=1).verifier.vkey),
        ("witness kg " + KG.verifier.vkey, "witness kg " + witness_key("other", seed=4).verifier.vkey),
        ("witness kg " + KG.verifier.vkey, "witness kg " + witness_key("other", seed=1).verifier.vkey),
        ("witness kg " + KG.verifier.vkey, "witness kg " + log_key("other", seed=9).verifier.vkey),
        ("log " + LOG.verifier.vkey, "log x"),
        ("quorum abroad", "log \udcff\nquorum abroad"),
    ],
)
def test_bad_policies(old: str, new: str) -> None:
    """A policy that breaks one rule of the format is refused whole."""
    assert old in FILE
    with pytest.raises(RefbusError):
        Policy.parse(FILE.replace(old, new, 1).encode("utf-8", "surrogateescape"))


def test_url_is_kept() -> None:
    """Where a log or witness is met is kept beside its key."""
    assert POLICY.logs[0].url == "https://audit.kz.example/2026b/"
    assert POLICY.witnesses[b"uz-pq"].url == "https://witness.uz.example/"
    assert POLICY.log_keys(CHECKPOINT.origin) == [LOG.verifier]


PROOF = TlogProof(4, inclusion_proof(NaiveTrees(DATA), 4, 11), cosigned(KG, TM), extra=b"\x00extra")


def test_proof() -> None:
    """A proof is read as it was written, and holds for its entry and for no other."""
    proof = TlogProof.parse(PROOF.encode())
    assert proof == PROOF
    assert proof.encode().startswith(b"c2sp.org/tlog-proof@v1\nextra AGV4dHJh\nindex 4\n")
    assert proof.verify(DATA[4], POLICY).checkpoint == CHECKPOINT
    for entry, changed in [
        (DATA[5], proof),
        (DATA[4], replace(proof, index=5)),
        (DATA[4], replace(proof, hashes=proof.hashes[::-1])),
        (DATA[4], replace(proof, note=cosigned(KG))),
    ]:
        with pytest.raises(UntrustedError):
            changed.verify(entry, POLICY)


def test_proof_without_extra_or_hashes() -> None:
    """Extra data may be missing, and a log with one entry needs no hash."""
    single = head_of(DATA[:1])
    note = sign_checkpoint(Checkpoint(CHECKPOINT.origin, 1, single.root), LOG)
    proof = TlogProof.parse(TlogProof(0, (), note).encode())
    assert (proof.extra, proof.hashes) == (None, ())
    policy = Policy.parse(f"log {LOG.verifier.vkey}\nquorum none\n".encode())
    assert proof.verify(DATA[0], policy).checkpoint.size == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 4", b"index 04"),
        (b"index 4", b"index  4"),
        (b"index 4\n", b""),
        (b"extra AGV4dHJh", b"extra AGV4dHJh="),
        (b"extra AGV4dHJh", b"extra"),
        (b"extra AGV4dHJh\nindex 4", b"index 4\nextra AGV4dHJh"),
        (b"\n\n", b"\n"),
        (b"\nindex", b"\r\nindex"),
        (b"index", "ındex".encode()),
        (b"index 4\n", b"index 4\nAAAA\n"),
        (b"index 4\n", b"index 4\n" + (b"A" * 43 + b"=\n") * 63),
    ],
)
def test_malformed_proofs(old: bytes, new: bytes) -> None:
    """Every other spelling of a proof is refused as malformed."""
    data = PROOF.encode()
    assert old in data
    with pytest.raises(MalformedError):
        TlogProof.parse(data.replace(old, new, 1))
    with pytest.raises(MalformedError):
        TlogProof.parse(bytes(1 << 22))
