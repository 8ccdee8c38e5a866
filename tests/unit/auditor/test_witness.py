"""The witness: what it cosigns, what it refuses, and what it keeps as evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.errors import Code, RefbusError
from refbus.node.turns import Turns
from refbus.telemetry.labels import WitnessResult
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosigned_at
from refbus.tlog.hashing import EMPTY_ROOT
from refbus.tlog.keys import SignerKey, SigType
from refbus.tlog.note import Note, Signature
from refbus.tlog.proofs import consistency_proof
from refbus.tlog.witness import AddCheckpoint, OtherSizeError, origin_hash
from refbus_auditor import witness as module
from support.auditors import Auditors
from support.directories import auditor, log_name_of, log_secret
from support.logs import NaiveTrees, entries, head_of

pytestmark = pytest.mark.both_stores

KZ_NAME = f"{log_name_of('kz')}/2026b"
DATA = entries(40)


def key(origin: str = KZ_NAME, country: str = "kz") -> SignerKey:
    """Return the key of a log of `country`."""
    return log_secret(auditor(country)).log_key(origin)


def request(old: int, size: int, data: list[bytes] = DATA, signer: SignerKey | None = None) -> AddCheckpoint:
    """Return the request of the log of kz over the first `size` of `data`, from `old` entries."""
    head = head_of(data[:size])
    note = sign_checkpoint(Checkpoint(KZ_NAME, head.size, head.root), signer or key())
    proof = consistency_proof(NaiveTrees(data), old, size) if old <= size else ()
    return AddCheckpoint(old, proof, note)


def refused(world: Auditors, asked: AddCheckpoint) -> Code:
    """Ask the witness of uz, which must refuse; return why."""
    with pytest.raises(RefbusError) as caught:
        world.nodes["uz"].core.witness.add_checkpoint(asked)
    return caught.value.code


def test_a_log_that_grows_is_cosigned(world: Auditors) -> None:
    """From nothing to 5, to 7, to 40; the cosignatures are of both kinds and tell the time."""
    witness = world.nodes["uz"].core.witness
    text = ""
    for old, size in ((0, 5), (5, 7), (7, 40)):
        cosigned = witness.add_checkpoint(request(old, size))
        keys = [each.verifier for each in log_secret(auditor("uz")).witness_keys(log_name_of("uz"))]
        checkpoint = Checkpoint.parse(cosigned.note.text)
        times = [cosigned_at(checkpoint, each, line) for each, line in zip(keys, cosigned.lines, strict=True)]
        assert times == [world.now_ms // 1000] * 2
        text = cosigned.note.text
    newest = witness.newest(origin_hash(KZ_NAME))
    assert newest is not None
    assert Note.parse(newest).text == text


def test_the_same_checkpoint_again_is_cosigned_again(world: Auditors) -> None:
    """An answer that got lost is given again, with the time of now."""
    witness = world.nodes["uz"].core.witness
    witness.add_checkpoint(request(0, 5))
    world.now_ms += 3_600_000
    again = witness.add_checkpoint(request(5, 5))
    assert int.from_bytes(again.lines[0].data[:8], "big") == world.now_ms // 1000


def test_a_public_checkpoint_that_is_sent_again_costs_neither_signature_nor_write(
    world: Auditors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand replays of the newest and of older ones are answered from what was said before."""
    node = world.nodes["uz"]
    witness = node.core.witness
    witness.add_checkpoint(request(0, 5))
    said = witness.add_checkpoint(request(5, 9))
    monkeypatch.setattr(module, "cosign", None)
    monkeypatch.setattr(type(node.home.database), "writing", None)
    for _ in range(1_000):
        assert witness.add_checkpoint(request(9, 9)) == said
    for old in (request(0, 5), request(5, 9), request(0, 9)):
        with pytest.raises(OtherSizeError):
            witness.add_checkpoint(old)


def test_evidence_is_written_once(world: Auditors) -> None:
    """The same false request again leaves the file as it is."""
    node = world.nodes["uz"]
    node.core.witness.add_checkpoint(request(0, 20))
    fork = replace(request(20, 20, [*DATA[:19], b"another last entry"]), proof=())
    assert refused(world, fork) is Code.LOG_FORKED
    (kept,) = (node.folder / "evidence").iterdir()
    before = kept.stat().st_mtime_ns
    assert refused(world, fork) is Code.LOG_FORKED
    assert kept.stat().st_mtime_ns == before


def test_a_log_with_many_forks_fills_no_disk(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fork is refused; so many of one log are kept, and evidence of another kind has room of its own."""
    monkeypatch.setattr(module, "MOST_EVIDENCE", 3)
    node = world.nodes["uz"]
    node.core.witness.add_checkpoint(request(0, 20))
    for number in range(10):
        fork = replace(request(20, 20, [*DATA[:19], b"fork %d" % number]), proof=())
        assert refused(world, fork) is Code.LOG_FORKED
    assert len(list((node.folder / "evidence").iterdir())) == 3
    assert refused(world, request(20, 40, [b"edited", *DATA[1:]])) is Code.PROOF_INVALID
    assert len(list((node.folder / "evidence").iterdir())) == 4


def test_an_honest_checkpoint_with_a_false_proof_keeps_no_room_of_evidence(world: Auditors) -> None:
    """What anybody can make of a public checkpoint is taken away when the log itself brings it; real evidence stays."""
    node = world.nodes["uz"]
    node.core.witness.add_checkpoint(request(0, 20))
    assert refused(world, request(20, 40, [b"edited", *DATA[1:]])) is Code.PROOF_INVALID
    (real,) = (node.folder / "evidence").iterdir()
    honest = request(20, 40)
    assert refused(world, replace(honest, proof=tuple(bytes(32) for _ in honest.proof))) is Code.PROOF_INVALID
    assert len(list((node.folder / "evidence").iterdir())) == 2
    node.core.witness.add_checkpoint(honest)
    assert list((node.folder / "evidence").iterdir()) == [real]


def test_one_log_that_asks_without_end_is_slowed_down(world: Auditors) -> None:
    """So many cosignatures at once and one each second; what others send in its name takes no turn of it."""
    node = world.nodes["uz"]
    now_s = [0.0]
    witness = replace(node.core.witness, steady_s=lambda: now_s[0], _turns=Turns(3, 1.0))
    stranger = request(0, 5, signer=log_secret(auditor("kg")).log_key(KZ_NAME))
    for _ in range(10):
        with pytest.raises(RefbusError):
            witness.add_checkpoint(stranger)
    for old in range(3):
        witness.add_checkpoint(request(old, old + 1))
    with pytest.raises(RefbusError) as caught:
        witness.add_checkpoint(request(3, 4))
    assert caught.value.code is Code.TOO_MANY_REQUESTS
    now_s[0] = 1.0
    assert witness.add_checkpoint(request(3, 4)).lines


def test_an_empty_log_has_the_empty_root(world: Auditors) -> None:
    """A checkpoint of nothing is cosigned only with the root of nothing."""
    note = sign_checkpoint(Checkpoint(KZ_NAME, 0, bytes(32)), key())
    assert refused(world, AddCheckpoint(0, (), note)) is Code.LOG_FORKED
    note = sign_checkpoint(Checkpoint(KZ_NAME, 0, EMPTY_ROOT), key())
    assert world.nodes["uz"].core.witness.add_checkpoint(AddCheckpoint(0, (), note)).lines


def test_a_rollback_is_refused(world: Auditors) -> None:
    """A smaller tree, however it is asked for, is answered with the size that the witness has."""
    witness = world.nodes["uz"].core.witness
    witness.add_checkpoint(request(0, 20))
    for asked in (request(0, 10), request(10, 10), request(10, 20)):
        with pytest.raises(OtherSizeError) as caught:
            witness.add_checkpoint(asked)
        assert caught.value.size == 20
    assert refused(world, replace(request(0, 10), old_size=20)) is Code.MALFORMED


def test_a_fork_is_refused_and_kept(world: Auditors) -> None:
    """Two roots for one size convict the log: refused, both checkpoints kept, told as LOG_FORKED."""
    node = world.nodes["uz"]
    node.core.witness.add_checkpoint(request(0, 20))
    other = [*DATA[:19], b"another last entry"]
    assert refused(world, replace(request(20, 20, other), proof=())) is Code.LOG_FORKED
    (kept,) = (node.folder / "evidence").iterdir()
    content = kept.read_bytes()
    for data in (DATA, other):
        head = head_of(data[:20])
        assert sign_checkpoint(Checkpoint(KZ_NAME, 20, head.root), key()).encode() in content or (
            Checkpoint(KZ_NAME, 20, head.root).text.encode() in content
        )
    assert node.answers == [WitnessResult.COSIGNED, WitnessResult.REFUSED]


@pytest.mark.parametrize(
    "changed",
    [
        [b"edited", *DATA[1:]],
        [*DATA[:3], *DATA[4:], b"one more"],  # deleted
        [*DATA[:3], DATA[4], DATA[3], *DATA[5:]],  # reordered
        [*DATA[:3], b"inserted", *DATA[3:]],
    ],
)
def test_a_rewritten_history_is_refused(world: Auditors, changed: list[bytes]) -> None:
    """An entry that was edited, deleted, put elsewhere or inserted leaves no proof from what was seen before."""
    world.nodes["uz"].core.witness.add_checkpoint(request(0, 20))
    assert refused(world, request(20, 40, changed)) is Code.PROOF_INVALID


def test_what_two_witnesses_are_told_apart_is_seen(world: Auditors) -> None:
    """A log that shows each witness another tree gets one cosignature on each, and a quorum on neither."""
    other = [*DATA[:19], b"for uz alone"]
    first = world.nodes["kg"].core.witness.add_checkpoint(request(0, 20))
    second = world.nodes["uz"].core.witness.add_checkpoint(request(0, 20, other))
    policy = world.nodes["kz"].core.policy()
    for cosigned in (first, second):
        with pytest.raises(RefbusError) as caught:
            policy.check(cosigned.note)
        assert caught.value.code is Code.QUORUM_MISSING
    merged = first.note.with_signatures(second.lines)
    with pytest.raises(RefbusError) as caught:
        policy.check(merged)
    assert caught.value.code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        (log_secret(auditor("uz")).log_key(KZ_NAME), Code.SIGNATURE_INVALID),
        (SignerKey(KZ_NAME, SigType.ED25519, bytes(32)), Code.SIGNATURE_INVALID),
    ],
)
def test_only_the_log_speaks_for_itself(world: Auditors, signer: SignerKey, code: Code) -> None:
    """A checkpoint that another key signed under the name of the log is refused."""
    assert refused(world, request(0, 5, signer=signer)) is code


def stuffed(asked: AddCheckpoint) -> AddCheckpoint:
    """Return a request with ten long lines of unknown keys under the name of the log, as anybody can write them."""
    junk = tuple(Signature(KZ_NAME, bytes([0, 0, 0, number]), bytes(60_000)) for number in range(10))
    return replace(asked, note=asked.note.with_signatures(junk))


def test_what_strangers_write_beside_a_checkpoint_is_not_handed_on(world: Auditors) -> None:
    """A published checkpoint with a stranger's lines is cosigned without them: the answer fits into a mail."""
    witness = world.nodes["uz"].core.witness
    cosigned = witness.add_checkpoint(stuffed(request(0, 5)))
    newest = witness.newest(origin_hash(KZ_NAME))
    assert newest == cosigned.note.encode()
    assert [line.name for line in Note.parse(newest).signatures] == [KZ_NAME] + [f"{log_name_of('uz')}/witness"] * 2


def test_a_strangers_false_proof_leaves_two_checkpoints_and_no_more(world: Auditors) -> None:
    """Evidence is what the log signed, once for each checkpoint, however often and with whatever it is sent."""
    node = world.nodes["uz"]
    node.core.witness.add_checkpoint(request(0, 20))
    for size in (30, 40):
        for number in range(3):
            false = replace(stuffed(request(20, size)), proof=(bytes([number]) * 32,))
            assert refused(world, false) is Code.PROOF_INVALID
    kept = list((node.folder / "evidence").iterdir())
    assert len(kept) == 2
    assert all(each.stat().st_size < 10_000 for each in kept)


def test_a_false_signature_of_the_right_key_is_refused(world: Auditors) -> None:
    """Name and key id are not enough."""
    asked = request(0, 5)
    (line,) = asked.note.signatures
    false = replace(line, data=bytes(64))
    assert refused(world, replace(asked, note=Note(asked.note.text, (false,)))) is Code.SIGNATURE_INVALID


def test_unknown_logs_are_not_cosigned(world: Auditors) -> None:
    """A log that the directory does not name, and the log of the witness's own country."""
    stranger = SignerKey("audit.nowhere.example/2026b", SigType.ED25519, bytes(32))
    note = sign_checkpoint(Checkpoint(stranger.verifier.name, 1, bytes(32)), stranger)
    assert refused(world, AddCheckpoint(0, (), note)) is Code.KEY_UNKNOWN
    own = f"{log_name_of('uz')}/2026b"
    note = sign_checkpoint(Checkpoint(own, 1, bytes(32)), key(own, "uz"))
    assert refused(world, AddCheckpoint(0, (), note)) is Code.KEY_UNKNOWN


def test_what_was_cosigned_survives_a_stop(world: Auditors) -> None:
    """The newest checkpoint is on disk before the cosignature leaves: after a kill the older tree is refused."""
    node = world.nodes["uz"]
    node.core.witness.add_checkpoint(request(0, 20))
    node.restart()
    with pytest.raises(OtherSizeError):
        node.core.witness.add_checkpoint(request(0, 10))
