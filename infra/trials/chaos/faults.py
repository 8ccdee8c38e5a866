"""Faults that are done to a ground from outside: to its gates, its brokers, its topics. Each counts what it did."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

from chaos import logs
from chaos.ground import Ground, wait
from chaos.journal import Nature, Planned
from chaos.load import PATIENCE_S
from demo.world import PASSPHRASE, TOOLS_PATH, produce_all
from kafka.processes import standing_still
from kafka.rawbatches import CODECS, GZIP, ZSTD, Draft, bomb, put
from refbus.bus.address import BrokerAddress
from refbus.bus.batches import MOST_UNPACKED
from refbus.bus.cluster import KafkaCluster
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode
from refbus.core.units import HOUR_MS
from refbus.crypto.framing import sha256
from refbus.envelope.stamps import Stamper
from refbus.trust.homes import Home
from refbus.wire.transport import BorderKind, BorderRecord, HopOutcome, RelayedNotice

SESSION_S = 6.0
"""After this a silent member of a consumer group is given up (`WorkerSettings.session_timeout_s`)."""
TOO_SMALL = "8000"
"""Bytes: no envelope fits, receipts and notices do."""
_TAKE_OVER_S = 60.0
_GO_ON_S = 60.0


def freeze(ground: Ground, country: CountryCode) -> None:
    """Stop a gate for longer than its session, and let it go on in the middle of its work."""
    ground.wait_working(country)
    service = ground.stack.services[f"gate-{country}"]
    with standing_still(service.pid):
        ground.count("SIGSTOP past the session")
        time.sleep(SESSION_S + 3.0)


def second_owner(ground: Ground, country: CountryCode) -> None:
    """Let two gates own one store for a moment: the first is frozen, its lock is lost, a second starts, both go on.

    This is what a standby does on a shared disk whose locks do not hold. Only the fence in the store is left.
    """
    ground.wait_working(country)
    first = ground.stack.services[f"gate-{country}"]
    with standing_still(first.pid):
        for lock in (ground.world.paths.gate(country) / "store").glob("*.lock"):
            lock.unlink()
        before = ground.decided(country)
        ground.start_gate(country, f"gate-{country}-2")
        ground.count("second owner of a store")
        wait(lambda: ground.decided(country) > before, 30.0)


def fail_over(ground: Ground, country: CountryCode, active: str, standby: str) -> None:
    """Kill the active gate for good, wait until the standby decides, and start the first again as the new standby."""
    ground.wait_working(country)
    before = ground.decided(country)
    service = ground.stack.services[active]
    service.signal(signal.SIGKILL)
    ground.count("kill -9 of the active gate")
    if not wait(lambda: ground.decided(country) > before, _TAKE_OVER_S):
        raise TimeoutError(f"{standby} did not take over")
    service.stop()
    ground.start_gate(country, active)


def stranger(ground: Ground, country: CountryCode) -> None:
    """Let a foreign member join the gate's group, inherit its topics when the gate dies, and be killed in its turn.

    Joining moves no topic: a group gives all topics of a gate to one member. It makes the gate stop and go on, though.
    """
    ground.wait_working(country)
    joined = ground.folder / f"stranger-{country}.joined"
    environment = {
        **ground.stack.gate_environment(country),
        "PYTHONPATH": TOOLS_PATH,
        "CHAOS_BOOTSTRAP": ground.world.address(country, f"{country}-gate").bootstrap,
        "CHAOS_GROUP": f"refbus-gate-{country}",
        "CHAOS_TOPICS": ",".join(ground.sources(country)),
        "CHAOS_JOINED": str(joined),
    }
    service = ground.start(f"stranger-{country}", ("chaos.stranger",), environment, restart=False)
    try:
        if not wait(joined.exists, 40.0):
            raise TimeoutError("the stranger was not let in")
        ground.count("rebalance")
        ground.kill(country)
        if wait(joined.with_suffix(".held").exists, 30.0):
            ground.count("topics held by a stranger")
    finally:
        service.signal(signal.SIGKILL)  # it leaves without a word: the group notices when its session ends
        service.stop()


def refuse(ground: Ground, country: CountryCode, topic: str, seconds: float) -> None:
    """Let the broker refuse envelopes for a while: the topic takes small records only, then what it took before."""
    admin = KafkaCluster(ground.world.address(country, f"{country}-operator")).admin()
    key = "max.message.bytes"
    before = admin.topics([topic])[topic].config[key]
    admin.set_topic_config(topic, {key: TOO_SMALL})
    ground.count("sends refused by the broker")
    try:
        time.sleep(seconds)
    finally:
        admin.set_topic_config(topic, {key: before})


def kill_broker(ground: Ground, country: CountryCode, seconds: float) -> None:
    """Kill a broker, leave it dead for a while, and start it again on the same address and data."""
    (broker, *_) = ground.world.brokers[country].each
    broker.kill()
    ground.count("kill -9 of a broker")
    time.sleep(seconds)
    broker.start()


def still(ground: Ground, country: CountryCode, seconds: float) -> None:
    """Let a broker stand still for a while."""
    with standing_still(ground.world.brokers[country].each[0].pid):
        ground.count("SIGSTOP of a broker")
        time.sleep(seconds)


def stall_broker(ground: Ground, country: CountryCode, seconds: float) -> None:
    """Let a broker stand still for longer than every session, go on, and wait until the gate decides again."""
    ground.wait_working(country)
    still(ground, country, seconds)
    before, began = ground.decided(country), time.monotonic()
    if not wait(lambda: ground.decided(country) > before, _GO_ON_S):
        raise TimeoutError("the gate did not go on after the stall")
    took = round(time.monotonic() - began)
    name = "most seconds until a gate decided again after a stall"
    ground.measured[name] = max(took, ground.measured[name])


def odd_batches(ground: Ground, country: CountryCode, origin: CountryCode, rng: random.Random) -> None:
    """Write batches that no client of ours writes, into an outbox, a border, the federation and the audit topic.

    Every codec, keys, headers that are no text, a record without a value, and bombs: batches that unpack to twice of
    what is unpacked. None holds an event, so each record must be stopped, and everything around it must arrive.
    """
    outbox, incoming = f"{country}.outbox", f"{country}.border.{origin}"
    for topic in (outbox, incoming):
        drafts = [Draft([rng.randbytes(40) for _ in range(3)], codec) for codec in CODECS.values()]
        drafts.append(Draft([rng.randbytes(40)], key=b"key", headers=[(b"\xff\xfe", b"no text")]))
        bombs = [rng.randbytes(16) + bytes(2 * MOST_UNPACKED) for _ in range(2)]
        drafts += [Draft([value], codec) for value, codec in zip(bombs, (GZIP, ZSTD), strict=True)]
        if topic == "kz.outbox":  # once only: every record without a value has the same hash
            drafts.append(Draft([None]))
        values = [value or b"" for draft in drafts for value in draft.values]
        ground.journal.planned(as_poison(origin, country, value) for value in values)
        for draft in drafts:
            _put(ground, country, topic, draft.encode())
        ground.count("bombs", len(bombs))
    for codec in CODECS.values():
        _put(ground, country, f"{country}.federation", Draft([rng.randbytes(40)], codec).encode())
    _put(ground, country, f"{country}.federation", bomb(GZIP, 2 * MOST_UNPACKED))
    for draft in (
        *(Draft([rng.randbytes(40)], codec, key=b"key") for codec in CODECS.values()),
        Draft([bytes(2 * MOST_UNPACKED)], GZIP),
        Draft([None]),
    ):
        ground.odd.update(value or b"" for value in draft.values)
        _put(ground, country, f"{country}.audit", draft.encode())
        ground.count("odd batches in an audit topic")


def _put(ground: Ground, country: CountryCode, topic: str, batch: bytes) -> None:
    refusal = put(ground.world.address(country, f"{country}-operator"), topic, batch)
    if refusal:
        raise TimeoutError(f"the broker refused a batch: {refusal}")
    ground.count("odd batches")


def border_down(ground: Ground, country: CountryCode, other: str, send: Callable[[], int], seconds: float) -> None:
    """Stop the cluster of `country` for so long; what is sent meanwhile over another border must arrive, or it fails.

    `send` sends to the organisation `other` and returns how many events.
    """
    there = CountryCode(other[:2])
    inbox, address = f"{there}.inbox.{other}", ground.world.address(there, f"{there}-operator")
    broker = ground.world.brokers[country]
    broker.stop()
    ground.count("border down")
    try:
        before = logs.ends(address, [inbox])[inbox]
        sent = send()
        arrived = wait(lambda: logs.ends(address, [inbox])[inbox] >= before + sent, PATIENCE_S)
        time.sleep(seconds)
    finally:
        broker.start()
    ground.measured["sent over the other border while one was down"] += sent
    if not arrived:
        raise TimeoutError("the other border stood still")


def poison_border(ground: Ground, country: CountryCode, origin: CountryCode, values: list[bytes]) -> None:
    """Write bytes into a border topic that the gate of `origin` never wrote, bare and in the wrapping of an event."""
    topic = f"{country}.border.{origin}"
    records = [
        value if number % 2 else BorderRecord(BorderKind.PASSED, value).encode() for number, value in enumerate(values)
    ]
    ground.journal.planned(as_poison(origin, country, record) for record in records)
    produce_all(ground.world.address(country, f"{origin}-gate"), topic, records)
    ground.count("poison in a border topic", len(records))


def false_word(ground: Ground, liar: CountryCode, road: tuple[CountryCode, CountryCode], done: set[bytes]) -> None:
    """Let a third gate sign for what goes along `road`, while the border there takes nothing and all of it waits.

    Its receipts are its own, well signed, over its own border; beside each a notice that the sender could not open.
    `done` are the envelopes that it signed for before.
    """
    origin, destination = road
    pair = next(iter(Home(ground.world.paths.gate(liar)).signing_pairs(PASSPHRASE).values()))
    admin, topic, key = (
        KafkaCluster(ground.world.address(destination, f"{destination}-operator")).admin(),
        f"{destination}.border.{origin}",
        "max.message.bytes",
    )
    before = admin.topics([topic])[topic].config[key]
    admin.set_topic_config(topic, {key: TOO_SMALL})
    try:
        wait(lambda: bool(_waiting(ground, origin)), 20.0)
        sent = [sha256(each.value) for each in logs.read_topic(_gate(ground, origin), f"{origin}.outbox")]
        about = [each for each in dict.fromkeys(sent) if each not in done]  # some were sent twice
        done.update(about)
        stamper = Stamper(pair, (origin, liar), machine_ms() // HOUR_MS)
        alone = [stamper.hop(each, HopOutcome.TAKEN) for each in about[::2]]
        together = stamper.hops([(each, HopOutcome.TAKEN) for each in about[1::2]])
        records = [BorderRecord(BorderKind.HOP, each.encode()).encode() for each in (*alone, *together)]
        records += [BorderRecord(BorderKind.NOTICE, RelayedNotice(each, b"false").encode()).encode() for each in about]
        ground.journal.planned(as_poison(liar, origin, record) for record in records)
        ground.measured["waiting while a third gate signed"] += _waiting(ground, origin)
        produce_all(ground.world.address(origin, f"{liar}-gate"), f"{origin}.border.{liar}", records)
        ground.count("words of a third gate", len(records))
        end = logs.ends(_gate(ground, origin), [f"{origin}.border.{liar}"])[f"{origin}.border.{liar}"]
        wait(lambda: _read_to(ground, origin, f"{origin}.border.{liar}") >= end, 60.0)
    finally:
        admin.set_topic_config(topic, {key: before})


def _waiting(ground: Ground, country: CountryCode) -> int:
    return int(ground.query(country, "SELECT count(*) FROM outgoing WHERE envelope_key IS NOT NULL")[0][0])


def _read_to(ground: Ground, country: CountryCode, topic: str) -> int:
    positions = dict(ground.query(country, "SELECT topic, next_offset FROM position"))
    return int(positions.get(topic, 0))


def _gate(ground: Ground, country: CountryCode) -> BrokerAddress:
    return ground.world.address(country, f"{country}-gate")


def as_poison(origin: CountryCode, country: CountryCode, record: bytes) -> Planned:
    """Return the line of the journal for bytes that are no event, and must be stopped in `country`."""
    name = sha256(record).hex()
    return Planned(name, f"border-{name[:8]}", 0, f"{origin}-gate", f"{country}-gate", Nature.POISON, name)
