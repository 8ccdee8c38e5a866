"""Getting a quorum: over lines that fail, past witnesses that lie, are silent, or know better."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from refbus.bus.memory import Fault
from refbus.core.ids import CountryCode
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.keys import SignerKey, SigType
from refbus.tlog.note import Note, Signature
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.witness import AddCheckpoint
from refbus.wire.logs import MailKind, WitnessMail
from refbus_auditor.cosignatures import MOVE_ON_MS, REFRESH_MS, WAITS, conflict, parse_conflict
from support.auditors import AuditNode, Auditors
from support.directories import auditor, log_name_of, log_secret

KZ, UZ = CountryCode("kz"), CountryCode("uz")


def cosigned_size(node: AuditNode) -> int:
    """Return the size of the newest checkpoint that a quorum stands behind."""
    raw = node.core.shards()[-1].cosigned
    return 0 if raw is None else Checkpoint.parse(Note.parse(raw).text).size


def answer(node: AuditNode, signers: list[SignerKey], at_s: int) -> WitnessMail:
    """Return an answer to the log of kz with these cosignatures on its newest checkpoint."""
    signed = node.note()
    checkpoint = Checkpoint.parse(signed.text)
    lines = tuple(cosign(checkpoint, key, at_s) for key in signers)
    return WitnessMail(UZ, MailKind.COSIGNED, Note(signed.text, signed.signatures + lines).encode())


def keys(country: str) -> list[SignerKey]:
    """Return the witness keys of a country."""
    return list(log_secret(auditor(country)).witness_keys(log_name_of(country)))


def asked_alone(world: Auditors) -> AuditNode:
    """Let kz publish a checkpoint of three entries and ask, with nobody there to answer."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    world.log(2)
    node.consume()
    node.core.turn()
    return node


def test_a_quorum_gives_proofs(world: Auditors) -> None:
    """When both witnesses have cosigned, each entry's proof goes to the members, and holds offline."""
    leaves = world.log(3)
    world.settle()
    node = world.nodes["kz"]
    (given,) = node.proofs()
    note = Note.parse(given.checkpoint)
    for leaf, proof in zip(leaves, given.proofs, strict=True):
        assert proof.entry == leaf
        file = TlogProof(proof.index, proof.hashes, note)
        seen = TlogProof.parse(file.encode()).verify(leaf, node.core.policy(), world.now_ms // 1000)
        assert seen.checkpoint == Checkpoint.parse(note.text)


def test_no_quorum_no_proofs(world: Auditors) -> None:
    """With one of two witnesses away the log goes on, nothing is proven, and all of it later."""
    world.log(1)
    world.settle()
    world.nodes["uz"].bus.down = True
    world.log(2)
    world.settle()
    node = world.nodes["kz"]
    assert (cosigned_size(node), len(node.proofs())) == (1, 1)
    assert Checkpoint.parse(node.note().text).size == 3
    world.nodes["uz"].bus.down = False
    world.log(2)
    world.now_ms += MOVE_ON_MS
    world.settle()
    assert cosigned_size(node) == 5
    assert sum(len(each.proofs) for each in node.proofs()) == 5


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.REPEAT, Fault.TAMPER, Fault.UNKNOWN])
@pytest.mark.parametrize("topic", ["uz.federation", "kz.federation"])
def test_mail_over_a_bad_line(world: Auditors, topic: str, fault: Fault) -> None:
    """A mail that is lost, comes twice or comes changed costs time and nothing else."""
    world.nodes[topic[:2]].bus.inject(topic, fault)
    world.log(2)
    world.settle()
    world.now_ms += WAITS.longest_ms
    world.settle()
    assert cosigned_size(world.nodes["kz"]) == 2
    assert set(world.nodes["kz"].alarms) <= {Code.NOT_CANONICAL, Code.SIGNATURE_INVALID, Code.MALFORMED}


def test_after_a_restart_the_witness_says_where_it_stands(world: Auditors) -> None:
    """What the log forgot about its witnesses they tell it."""
    world.log(2)
    world.settle()
    world.nodes["kz"].restart()
    world.log(2)
    world.settle()
    assert cosigned_size(world.nodes["kz"]) == 4
    assert world.nodes["kz"].alarms == []


def test_a_quiet_log_is_cosigned_again(world: Auditors) -> None:
    """The age of the last quorum tells whether witnesses answer, also when nothing happens."""
    world.log(1)
    world.settle()
    before = world.nodes["kz"].core.shards()[-1].cosigned_ms
    world.settle()
    assert world.nodes["kz"].core.shards()[-1].cosigned_ms == before
    world.now_ms += REFRESH_MS
    world.settle()
    assert world.nodes["kz"].core.shards()[-1].cosigned_ms == world.now_ms


@pytest.mark.parametrize(
    ("signers", "quorum"),
    [
        (keys("kg") + keys("uz"), True),
        (keys("kg") + keys("uz")[:1], False),  # half of a witness
        (keys("kg") + keys("uz")[1:], False),
        (keys("kg"), False),
        ([*keys("kg"), SignerKey(f"{log_name_of('uz')}/witness", SigType.ED25519_COSIGNATURE, bytes(32))], False),
        (keys("kg") + [SignerKey("uz", key.verifier.type, bytes([1]) * 32) for key in keys("uz")], False),
        (keys("kg") + keys("kz"), False),  # nobody is a witness of the own log
    ],
)
def test_whose_cosignatures_count(world: Auditors, signers: list[SignerKey], quorum: bool) -> None:
    """Both kinds of keys that the directory names, of two other countries; strange names and keys are passed over."""
    node = asked_alone(world)
    note = node.core._cosigning.take(answer(node, signers, world.now_ms // 1000))
    assert (note is not None) is quorum


def test_a_cosignature_from_the_future_does_not_count(world: Auditors) -> None:
    """Ten minutes are a wrong clock, more is a lie; the others' cosignatures still count."""
    node = asked_alone(world)
    now_s = world.now_ms // 1000
    assert node.core._cosigning.take(answer(node, keys("uz"), now_s + 601)) is None
    assert node.core._cosigning.take(answer(node, keys("kg"), now_s + 600)) is None
    assert node.core._cosigning.take(answer(node, keys("uz"), now_s)) is not None


def test_a_cosignature_moved_to_another_witness_is_false(world: Auditors) -> None:
    """The line of one witness under the name and key id of another refuses the whole answer."""
    node = asked_alone(world)
    mail = answer(node, keys("kg"), world.now_ms // 1000)
    note = Note.parse(mail.body)
    other = keys("uz")[0].verifier
    moved = type(note.signatures[1])(other.name, other.key_id, note.signatures[1].data)
    with pytest.raises(UntrustedError) as caught:
        node.core._cosigning.take(WitnessMail(UZ, MailKind.COSIGNED, Note(note.text, (moved,)).encode()))
    assert caught.value.code is Code.SIGNATURE_INVALID


def test_a_late_answer_to_an_older_checkpoint_is_passed_over(world: Auditors) -> None:
    """It is about another tree than the one under way."""
    node = asked_alone(world)
    late = answer(node, keys("kg") + keys("uz"), world.now_ms // 1000)
    world.log(1)
    world.now_ms += MOVE_ON_MS
    node.consume()
    node.core.turn()
    assert node.core._cosigning.take(late) is None


@pytest.mark.parametrize("more", [0, 1, 2, 5])
def test_an_old_copy_of_everything_signs_nothing(world: Auditors, more: int) -> None:
    """Store and files brought back from yesterday: whatever comes first, the witnesses know better; it stops.

    The entries of today are gone from the broker too, so the old copy would sign another history.
    """
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    node.home.close()
    copy = node.folder.with_name("kz-copy")
    shutil.copytree(node.folder, copy)
    node.open()
    world.log(2)
    world.settle()
    node.home.close()
    shutil.rmtree(node.folder)
    copy.rename(node.folder)
    node.bus.recreate_topic("kz.audit")
    with closing(sqlite3.connect(node.folder / "store" / "auditor.db")) as store:
        store.execute("DELETE FROM position")
        store.commit()
    node.open()
    signed = node.note().text
    world.log(more)
    world.settle()
    assert Code.LOG_ROLLED_BACK in node.alarms
    assert node.note().text == signed


def test_a_conflict_that_we_never_signed_is_passed_over(world: Auditors) -> None:
    """Anybody can say that a witness has more; only our own signature on it convicts."""
    node = asked_alone(world)
    claim = conflict(UZ, node.origin(), 1_000, None)
    assert node.core._cosigning.take(claim) is None
    stranger = SignerKey(node.origin(), SigType.ED25519, bytes(32))
    forged = sign_checkpoint(Checkpoint(node.origin(), 1_000, bytes(32)), stranger)
    node.bus.put("kz.federation", conflict(UZ, node.origin(), 1_000, forged.encode()).encode())
    node.core.inbound.turn(0)
    assert node.alarms == [Code.KEY_UNKNOWN]


def test_false_sizes_in_the_name_of_a_witness_keep_no_quorum_away(world: Auditors) -> None:
    """Whoever claims another size after each true answer delays it by a turn: what the witness signed counts too."""
    node = world.nodes["kz"]
    world.log(2)
    world.settle()
    node.restart()
    world.log(2)
    for number in range(12):
        world.settle(1)
        node.bus.put("kz.federation", conflict(UZ, node.origin(), number % 2, None).encode())
        node.core.inbound.turn(0)
        world.now_ms += WAITS.longest_ms
    assert cosigned_size(node) == 4


@pytest.mark.parametrize("body", [b"", b"a\n1\n", b"a\n\n", b"a\n01\n\n", b"\xff\n1\n\n", b"a\n1\n\nno note"])
def test_conflicts_are_strict(body: bytes) -> None:
    """One spelling only."""
    with pytest.raises(MalformedError):
        parse_conflict(body)


def test_a_conflict_reads_back() -> None:
    """What is written is read, with and without a checkpoint."""
    assert parse_conflict(conflict(UZ, "log.example/2026b", 7, None).body) == ("log.example/2026b", 7, None)


def test_a_country_without_quorum_proves_by_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the policy demands no witness, the log's own signature is enough."""
    world = Auditors(tmp_path_factory.mktemp("alone"), ("kz",), quorum=0)
    world.log(2)
    world.settle()
    assert sum(len(each.proofs) for each in world.nodes["kz"].proofs()) == 2
    world.close()


def test_proofs_that_the_broker_did_not_take_come_again(world: Auditors) -> None:
    """They are published when the topic takes them, each at least once."""
    node = world.nodes["kz"]
    node.bus.inject("kz.proofs", Fault.REJECT)
    world.log(2)
    world.settle(8)
    assert [proof.index for each in node.proofs() for proof in each.proofs] == [0, 1]


def test_nothing_new_is_signed_before_the_witnesses_have_spoken(world: Auditors) -> None:
    """After a start entries are kept, and signed when as many witnesses as must cosign know what was signed last."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    node.restart()
    world.log(2)
    node.consume()
    node.core.turn()
    assert Checkpoint.parse(node.note().text).size == 1
    assert len(node.leaves()) == 3
    world.settle()
    assert Checkpoint.parse(node.note().text).size == 3


def test_a_lost_store_begins_no_second_history(world: Auditors) -> None:
    """With store and files gone the log would begin anew under its old name: the witnesses remember."""
    node = world.nodes["kz"]
    world.log(3)
    world.settle()
    node.home.close()
    shutil.rmtree(node.folder)
    node.bus.recreate_topic("kz.audit")
    node.open()
    world.log(1)
    world.settle()
    assert Code.LOG_ROLLED_BACK in node.alarms
    assert not (node.log_folder() / "tile").exists()


def test_a_fork_of_our_own_is_told_to_us(world: Auditors) -> None:
    """A witness that refuses another root of ours says what it has, and that stops us."""
    node = world.nodes["kz"]
    world.log(2)
    world.settle()
    forged = sign_checkpoint(Checkpoint(node.origin(), 2, bytes(32)), node.home.secret.log_key(node.origin()))
    request = AddCheckpoint(2, (), forged)
    world.nodes["uz"].bus.put("uz.federation", WitnessMail(KZ, MailKind.ADD_CHECKPOINT, request.encode()).encode())
    world.nodes["uz"].core.inbound.turn(0)
    assert world.nodes["uz"].alarms == [Code.LOG_FORKED]
    world.nodes["uz"].core.turn()
    world.now_ms += REFRESH_MS
    node.core.turn()
    told = WitnessMail.parse(node.bus.records("kz.federation")[-1].value)
    assert told.kind is MailKind.CONFLICT
    assert node.core._cosigning.take(told) is None  # what the witness has is ours


def test_a_night_of_refreshes_keeps_one_line_of_each_key(world: Auditors) -> None:
    """A quiet log is cosigned again every hour; its checkpoint stays a note that everybody can read."""
    world.log(1)
    world.settle()
    for _ in range(20):
        world.now_ms += REFRESH_MS
        world.settle(2)
    node = world.nodes["kz"]
    assert len(node.note().signatures) == 1 + 2 * 2
    assert min(node.core.policy().check(node.note()).times_s.values()) == world.now_ms // 1000
    node.restart()


def test_a_witness_that_answers_many_times_over_fills_no_checkpoint(world: Auditors) -> None:
    """However many true cosignatures one witness makes, the latest of each of its keys counts and nothing stops."""
    node = asked_alone(world)
    now_s = world.now_ms // 1000
    for start in (now_s, now_s - 31, now_s - 62):
        for at_s in range(start - 30, start + 1):
            node.core._cosigning.take(answer(node, keys("kg")[:1], at_s))
    assert node.core._cosigning.take(answer(node, keys("kg") + keys("uz"), now_s)) is not None
    node.core.turn()
    times = node.core.policy().check(Note.parse(node.core.shards()[-1].cosigned or b"")).times_s
    assert set(times.values()) == {now_s}
    assert len(Note.parse(node.core.shards()[-1].cosigned or b"").signatures) == 5


def test_an_old_answer_that_comes_again_is_no_sign_of_life(world: Auditors) -> None:
    """The cosignatures of last hour, sent again while the witnesses are silent, do not make the quorum look young."""
    world.log(1)
    world.settle()
    node = world.nodes["kz"]
    kept = WitnessMail(UZ, MailKind.COSIGNED, node.note().encode())
    before = node.core.shards()[-1].cosigned_ms
    world.now_ms += REFRESH_MS
    node.core.turn()
    assert node.core._cosigning.take(kept) is None
    assert node.core.shards()[-1].cosigned_ms == before


def test_words_that_nobody_signed_let_no_old_copy_sign(world: Auditors) -> None:
    """After a start, mails that say in the name of every witness that it knows nothing change nothing."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    node.restart()
    world.log(1)
    node.consume()
    node.core.turn()
    for name in ("kg", "uz"):
        assert node.core._cosigning.take(conflict(CountryCode(name), node.origin(), 0, None)) is None
    node.core.turn()
    assert Checkpoint.parse(node.note().text).size == 1
    world.settle()
    assert Checkpoint.parse(node.note().text).size == 2


def test_what_no_log_signed_gets_no_answer(world: Auditors) -> None:
    """A mail under a false name makes no witness write to the country that it names."""
    world.log(2)
    world.settle()
    node = world.nodes["kz"]
    before = len(node.bus.records("kz.federation"))
    forged = sign_checkpoint(Checkpoint(node.origin(), 9, bytes(32)), log_secret(auditor("uz")).log_key(node.origin()))
    line = Signature(node.origin(), node.home.secret.log_key(node.origin()).verifier.key_id, forged.signatures[0].data)
    request = AddCheckpoint(2, (), Note(forged.text, (line,)))
    world.nodes["uz"].bus.put("uz.federation", WitnessMail(KZ, MailKind.ADD_CHECKPOINT, request.encode()).encode())
    world.nodes["uz"].core.inbound.turn(0)
    assert world.nodes["uz"].alarms == [Code.SIGNATURE_INVALID]
    assert len(node.bus.records("kz.federation")) == before


def test_half_an_answer_is_asked_for_again(world: Auditors) -> None:
    """Whoever passes on one of two lines of a witness does not keep the log from asking for both."""
    node = asked_alone(world)
    node.core._cosigning.take(answer(node, keys("uz")[:1], world.now_ms // 1000))
    asked = len(world.nodes["uz"].bus.records("uz.federation"))
    world.now_ms += WAITS.longest_ms
    node.core.turn()
    assert len(world.nodes["uz"].bus.records("uz.federation")) == asked + 1
