"""A gateway keeps what it stated, and takes the proofs of its country's log: only true ones, and never in the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from refbus.audit.erasure import OrderAnswer, make_orders, order_leaf
from refbus.audit.proven import check_proof, with_statement
from refbus.audit.record import AuditOutcome, Stage
from refbus.bus.cluster import unheard
from refbus.bus.memory import MemoryBus, MemoryReader
from refbus.bus.port import Record, Told
from refbus.errors import Code, RuleError
from refbus.telemetry import Metrics, Service
from refbus.tlog.prooffile import TlogProof
from refbus.wire.logs import LogProofs
from refbus.wire.transport import AuditEntry
from refbus_gateway.audit import orders
from refbus_gateway.erasure import removal
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases, logheads, referrals, statements
from refbus_gateway.store.statements import Stated
from refbus_gateway.sync.meters import Counting
from refbus_gateway.sync.synchroniser import Synchroniser
from support.auditlogs import CountryLog
from support.ceremonies import KG, KZ, TM, UZ
from support.gateways import Pair, alarm_codes, home_health, new_case, open_at, sent

SKEW_MS = 600_000


@pytest.fixture
def log(own: Pair) -> CountryLog:
    """Give the log of kz in the world of the pair."""
    return CountryLog(own.world, KZ)


def stated(gateway: Gateway, number: int) -> list[Stated]:
    """Return what was stated about a referral."""
    with gateway.store.read() as tx:
        return statements.of_referral(tx, referrals.get(tx, number))


def proven(own: Pair, log: CountryLog) -> Stated:
    """Refer a case and let the log prove the decision; return the statement."""
    _, number = sent(own.kz)
    own.exchange()
    log.take()
    log.publish()
    own.world.sync(own.kz)
    return stated(own.kz, number)[0]


def test_a_decision_is_kept_with_its_entry(own: Pair) -> None:
    """What is queued for the log is kept as a statement with the same leaf, which its referral finds again."""
    _, number = sent(own.kz)
    (kept,) = stated(own.kz, number)
    with own.kz.store.read() as tx:
        statement = statements.opened(tx, kept)
    assert (statement.record.stage, statement.record.outcome) == (Stage.SENT, AuditOutcome.DONE)
    assert statement.record.consent_id is not None
    assert (kept.own, kept.awaited, kept.proof, kept.logged_ms) == (True, True, None, None)
    own.world.sync(own.kz)
    leaves = [AuditEntry.parse(record.value).leaf for record in own.world.bus.records("kz.audit")]
    assert statement.leaf in leaves
    assert stated(own.kz, number)[0].logged_ms is not None


def test_the_recipient_keeps_its_own(own: Pair) -> None:
    """Opening an event is a decision of the recipient: it has a statement of its own."""
    sent(own.kz)
    own.exchange()
    open_at(own.uz, 1)
    with own.uz.store.read() as tx:
        stages = [statements.opened(tx, each).record.stage for each in stated(own.uz, 1)]
    assert Stage.OPENED in stages
    assert Stage.SENT in stages


def test_a_proof_is_taken_and_stands_alone(own: Pair, log: CountryLog) -> None:
    """The stored proof verifies offline with the policy file alone, and names witnesses and time."""
    found = proven(own, log)
    assert found.proof is not None
    assert TlogProof.parse(found.proof).extra is None
    with own.kz.store.read() as tx:
        statement = statements.opened(tx, found)
    checked = check_proof(with_statement(found.proof, statement), log.policy)
    assert checked.statement == statement
    assert checked.origin == log.origin
    assert list(checked.witnesses) == [f"{each}.audit.refbus.example/witness" for each in (KG, UZ)]
    assert home_health(own.kz).unproven == 0


def test_what_waits_is_told(own: Pair, log: CountryLog) -> None:
    """Entries without a proof are counted, with the age of the oldest; the newest checkpoint has an age too."""
    _, number = sent(own.kz)
    since_ms = own.world.clock.now_ms
    own.world.clock.move(hours=2)
    own.world.sync(own.kz)
    health = home_health(own.kz)
    assert (health.unproven, health.unproven_ms, health.checkpoint_ms) == (1, since_ms, None)
    log.take()
    log.publish()
    own.world.sync(own.kz)
    health = home_health(own.kz)
    assert (health.unproven, health.unproven_ms) == (0, None)
    assert health.checkpoint_ms == own.world.clock.now_ms // 1000 * 1000
    assert stated(own.kz, number)[0].proven_ms == own.world.clock.now_ms


def test_a_repeated_record_changes_nothing(own: Pair, log: CountryLog) -> None:
    """The same proofs once more leave the first proof as it was, and raise no alarm."""
    first = proven(own, log)
    own.world.clock.move(hours=1)
    log.put(log.proofs(log.checkpoint(), range(len(log.entries))))
    own.world.sync(own.kz)
    assert stated(own.kz, 1)[0].proof == first.proof
    assert alarm_codes(own.kz) == []


def test_erasure_leaves_a_proof_about_nobody(own: Pair, log: CountryLog) -> None:
    """Once the case is erased its statement opens no more, and the proof still verifies for the leaf."""
    case, number = sent(own.kz)
    own.exchange()
    log.take()
    log.publish()
    own.world.sync(own.kz)
    with own.kz.store.read() as tx:
        (before,) = (each for each in statements.of_referral(tx, referrals.get(tx, number)) if each.own)
        leaf = statements.opened(tx, before).leaf
    with own.kz.store.write() as tx:
        removal.content(own.kz, tx, cases.get(tx, case))
    with own.kz.store.read() as tx:
        kept = statements.of_case(tx, cases.get(tx, case))
        with pytest.raises(RuleError) as caught:
            statements.opened(tx, kept[0])
        erased = statements.opened(tx, kept[-1])
    assert caught.value.code is Code.KEY_DESTROYED
    assert erased.record.stage is Stage.ERASED
    assert kept[0].proof is not None
    TlogProof.parse(kept[0].proof).verify(leaf, log.policy)


def test_a_fork_is_kept_as_evidence(own: Pair, log: CountryLog) -> None:
    """Another root for a size that was seen: an alarm, a count, both checkpoints kept, and no proof of it taken."""
    metrics = Metrics(Service.GATEWAY, own.world.clock)
    own.kz.observer = Counting(metrics)
    proven(own, log)
    with own.kz.store.read() as tx:
        good = logheads.heads(tx)[0].note
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    log.take()
    lying = [*log.entries[:-2], log.entries[-1]]
    forked = log.checkpoint(lying)
    log.put(log.proofs(forked, [len(lying) - 1], lying))
    own.world.sync(own.kz)
    assert alarm_codes(own.kz) == [Code.LOG_FORKED]
    assert metrics.registry.get_sample_value("refbus_gateway_log_forks_total") == 1
    with own.kz.store.read() as tx:
        (evidence,) = logheads.evidence(tx)
        (head,) = logheads.heads(tx)
    assert (evidence.note, evidence.against) == (forked.encode(), good)
    assert head.note == good
    assert stated(own.kz, number)[-1].proof is None


def test_a_fork_needs_no_quorum_to_be_evidence(own: Pair, log: CountryLog) -> None:
    """A log that signed two trees is caught by its own signature, whoever cosigned."""
    proven(own, log)
    forked = log.checkpoint([b"other"] * len(log.entries), witnesses=())
    log.put(LogProofs(forked.encode(), ()))
    own.world.sync(own.kz)
    assert alarm_codes(own.kz) == [Code.LOG_FORKED]


def test_a_log_that_shrinks_is_a_fork(own: Pair, log: CountryLog) -> None:
    """A smaller tree that witnesses cosigned later takes history back; an old record that comes again does not."""
    own.world.sync(own.kz)
    first = None
    for _ in range(2):
        sent(own.kz)
        own.world.sync(own.kz)
        log.take()
        note = log.checkpoint()
        first = first or note
        log.put(log.proofs(note, []))
        own.world.clock.move(hours=1)
    assert first is not None
    log.put(LogProofs(first.encode(), ()))
    own.world.sync(own.kz)
    assert alarm_codes(own.kz) == []
    log.put(LogProofs(log.checkpoint(log.entries[:1]).encode(), ()))
    own.world.sync(own.kz)
    assert alarm_codes(own.kz) == [Code.LOG_FORKED]


@pytest.mark.parametrize(
    ("witnesses", "code"), [((), Code.QUORUM_MISSING), ((KG,), Code.QUORUM_MISSING), ((KG, TM), None)]
)
def test_a_quorum_is_demanded(own: Pair, log: CountryLog, witnesses: tuple[str, ...], code: Code | None) -> None:
    """One witness country is too few; any two of the three are enough."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    log.take()
    log.put(log.proofs(log.checkpoint(witnesses=[each for each in (KG, TM) if each in witnesses]), [0]))
    own.world.sync(own.kz)
    assert (stated(own.kz, number)[0].proof is None) is (code is not None)
    assert alarm_codes(own.kz) == ([code] if code else [])


def test_a_false_proof_is_told_and_the_others_stand(own: Pair, log: CountryLog) -> None:
    """Of two entries the one whose hashes do not lead to the root stays without a proof."""
    sent(own.kz)
    new_case(own.kz)
    sent(own.kz, consent=None, case=None)
    own.world.sync(own.kz)
    log.take()
    record = log.proofs(log.checkpoint(), range(len(log.entries)))
    bad = dataclasses.replace(record.proofs[0], hashes=tuple(bytes(32) for _ in record.proofs[0].hashes))
    log.put(dataclasses.replace(record, proofs=(bad, *record.proofs[1:])))
    own.world.sync(own.kz)
    assert alarm_codes(own.kz) == [Code.PROOF_INVALID]
    with own.kz.store.read() as tx:
        proofs = [each.proof for each in statements.between(tx, 0, 1 << 62)]
    assert proofs[0] is None
    assert all(proofs[1:])
    assert len(proofs) > 1


def test_damage_is_passed_over(own: Pair, log: CountryLog) -> None:
    """A record that is no record is an alarm; the next one counts."""
    own.world.bus.put("kz.proofs", b"nonsense")
    proven(own, log)
    assert alarm_codes(own.kz) == [Code.MALFORMED]
    assert home_health(own.kz).unproven == 0


def test_a_key_that_is_not_known_yet_waits(own: Pair, log: CountryLog) -> None:
    """A checkpoint of a log that the directory does not name waits for a newer directory, and is told after an hour."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    log.take()
    record = log.proofs(log.checkpoint(), [0])
    strange = record.checkpoint.replace(b"kz.audit", b"zz.audit")
    log.put(dataclasses.replace(record, checkpoint=strange))
    log.put(record)
    own.world.sync(own.kz)
    assert stated(own.kz, number)[0].proof is None
    assert alarm_codes(own.kz) == []
    own.world.clock.move(hours=2)
    own.world.sync(own.kz)
    assert alarm_codes(own.kz) == [Code.KEY_UNKNOWN]
    assert stated(own.kz, number)[0].proof is not None


def test_a_checkpoint_from_the_future_waits_for_the_clock(own: Pair, log: CountryLog) -> None:
    """Cosigned beyond the tolerance ahead of this clock: not taken until the clock is there."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    log.take()
    ahead_s = (own.world.clock.now_ms + 2 * SKEW_MS) // 1000
    log.put(log.proofs(log.checkpoint(at_s=ahead_s), [0]))
    own.world.sync(own.kz)
    assert stated(own.kz, number)[0].proof is None
    own.world.clock.move(hours=0.5)
    own.world.sync(own.kz)
    assert stated(own.kz, number)[0].proof is not None


def test_a_missing_topic_stops_nothing(tmp_path: Path) -> None:
    """Without a topic of proofs, events are sent and read as ever."""
    pair = Pair(tmp_path)
    pair.world.bus._logs.pop("kz.proofs")
    try:
        _, number = sent(pair.kz)
        pair.exchange()
        assert open_at(pair.uz, 1).events
        assert stated(pair.kz, number)[0].proof is None
        assert alarm_codes(pair.kz) == []
    finally:
        pair.close()


def test_proofs_that_the_topic_lost_are_told(own: Pair, log: CountryLog) -> None:
    """A topic that begins after what was read here is an alarm, as for the inbox."""
    proven(own, log)
    for _ in range(3):
        log.put(log.proofs(log.checkpoint(), []))
    own.world.bus.truncate("kz.proofs", 3)
    own.world.sync(own.kz)
    assert alarm_codes(own.kz) == [Code.LOG_TRUNCATED]


def test_a_statement_is_not_readable_in_the_file(own: Pair) -> None:
    """Neither opening nor record of a statement stands readable in the store's file."""
    _, number = sent(own.kz)
    with own.kz.store.read() as tx:
        statement = statements.opened(tx, stated(own.kz, number)[0])
    content = b"".join(path.read_bytes() for path in own.kz.home.path.glob("store.db*"))
    assert statement.opening not in content
    assert statement.raw not in content


class FetchingBus:
    """A bus whose readers have nothing at hand when asked without waiting, as a new connection to Kafka has."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self.producer, self.admin, self.offsets = bus.producer, bus.admin, bus.offsets
        self.listening = bus.listening
        self.certificate_end_ms, self.refusal, self.is_plaintext = bus.certificate_end_ms, bus.refusal, bus.is_plaintext

    def reader(self, topic: str, told: Told = unheard) -> MemoryReader:
        """Return a reader that must be waited for."""
        return _FetchingReader(self._bus, topic)


class _FetchingReader(MemoryReader):
    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        return super().read(max_records, timeout_s) if timeout_s else []


def test_a_short_command_waits_for_what_is_there(own: Pair, log: CountryLog) -> None:
    """One round takes every proof that the topic has, although a new connection has fetched none of them yet."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    log.take()
    log.publish()
    synchroniser = Synchroniser(own.kz, FetchingBus(own.world.bus))
    try:
        synchroniser.once()
    finally:
        synchroniser.close()
    assert stated(own.kz, number)[0].proof is not None


@pytest.mark.parametrize(("answer", "alarms"), [(OrderAnswer.OBEYED, []), (OrderAnswer.REFUSED, ["EVIDENCE_STAYS"])])
def test_the_log_tells_what_became_of_an_order(
    own: Pair, log: CountryLog, answer: OrderAnswer, alarms: list[str]
) -> None:
    """Its writer alone knows both leaves that may come of it; one that was refused is told to a person, once."""
    signer = own.kz.keys.signer(own.kz.view(), own.kz.me, own.world.clock.now_ms)
    (order,) = make_orders(own.kz.me, [bytes(16)], signer, own.world.clock.now_ms)
    with own.kz.store.write() as tx:
        orders.await_answer(tx, order)
    log.entries.append(order_leaf(order.encode(), answer))
    for _ in range(2):
        log.put(log.proofs(log.checkpoint(), [len(log.entries) - 1]))
        own.world.sync(own.kz)
    assert alarm_codes(own.kz) == alarms
    with own.kz.store.read() as tx:
        assert not any(orders.is_awaited(tx, order_leaf(order.encode(), each)) for each in OrderAnswer)
