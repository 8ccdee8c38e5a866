"""A cluster of three brokers as production has it: one gone changes nothing, two gone stop writing, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafka import Brokers, Certificates
from kafka.patience import wait
from refbus.bus import confluent
from refbus.bus.cluster import KafkaCluster
from refbus.bus.port import Admin, Producer
from refbus.bus.topicplan import apply, plan, verify
from refbus.bus.topicset import wanted
from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError, SetupError, TransportError
from refbus.settings import OpsSettings, from_environment
from refbus_ops.context import Operator
from refbus_ops.findings import Level, look
from support.directories import agency, federation, gate

KZ = CountryCode("kz")
OUTBOX = "kz.outbox"
WANTED = wanted(federation(("kz", "uz")).directory, KZ, production=True)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """Start three brokers over TLS, with topics, access rules and quotas as declared for production."""
    folder = tmp_path_factory.mktemp("three")
    certificates = Certificates(folder / "tls")
    with Brokers(folder / "brokers", "kz", certificates, count=3, progress=lambda _text: None) as brokers:
        admin = confluent.admin(brokers.address())
        wait("the cluster is as declared", lambda: is_made(admin))
        yield brokers


def is_made(admin: Admin) -> bool:
    """Make the cluster as declared; False while that is not done. On a busy machine one answer may be late."""
    try:
        todo = plan(WANTED, admin)
        assert not todo.broker, todo.broker
        apply(todo, admin)
        return plan(WANTED, admin).is_clean
    except TransportError as error:
        if error.code is not Code.BROKER_UNREACHABLE:
            raise
        return False


def levels(brokers: Brokers) -> dict[str, Level]:
    """Return what `refbus-ops health` says of the cluster."""
    address = brokers.address()
    assert address.tls is not None
    environ = {
        "REFBUS_PROFILE": "production",
        "REFBUS_BOOTSTRAP_KZ": address.bootstrap,
        "REFBUS_TLS_KZ": str(address.tls.ca.parent),
    }
    found = look(Operator(from_environment(OpsSettings, environ), KZ))
    return {each.subject: each.level for each in found if each.subject in {"broker", "brokers", "replicas"}}


class Letters:
    """Numbered records of an office, and what the cluster said of each."""

    def __init__(self, brokers: Brokers) -> None:
        self.address = brokers.address(agency("kz"))
        self.sent = 0
        self.reports: list[RefbusError | None] = []

    def queue(self, producer: Producer, count: int) -> None:
        """Hand over the next ones."""
        for _ in range(count):
            producer.produce(OUTBOX, b"letter %d" % self.sent, self.reports.append)
            self.sent += 1

    def arrived(self, brokers: Brokers) -> list[bytes]:
        """Return what the gate reads."""
        reader = KafkaCluster(brokers.address(gate("kz"))).reader(OUTBOX)
        values: list[bytes] = []

        def is_read() -> bool:
            values.extend(record.value for record in reader.read(100, 1.0))
            return len(values) >= self.sent

        wait("all is read", is_read, lambda: len(values))
        values.extend(record.value for record in reader.read(100, 1.0))  # one too many would be seen
        reader.close()
        return values


def test_a_gate_starts_on_it_in_production_and_not_on_less(three: Brokers) -> None:
    """With its own rights it sees how brokers and topics are set; what somebody weakens by hand is refused by name."""
    own = confluent.admin(three.address(gate("kz")))
    verify(own, WANTED, [OUTBOX], plaintext=False)
    operator = confluent.admin(three.address())
    operator.set_topic_config(OUTBOX, {"min.insync.replicas": "1"})
    with pytest.raises(SetupError) as caught:
        verify(own, WANTED, [OUTBOX], plaintext=False)
    assert caught.value.code is Code.UNSAFE_SETTING
    assert caught.value.detail.startswith(f"{OUTBOX}: min.insync.replicas is 1, not 2")
    apply(plan(WANTED, operator), operator)
    verify(own, WANTED, [OUTBOX], plaintext=False)


def test_one_and_two_brokers_gone_lose_nothing_and_repeat_nothing(three: Brokers) -> None:
    """With one killed all goes on; with two nothing is taken until they are back, and each record is there once."""
    letters = Letters(three)
    producer = KafkaCluster(letters.address).producer(delivery_timeout_s=0)
    letters.queue(producer, 50)
    assert producer.flush(60) == 0
    assert set(levels(three).values()) == {Level.GREEN}
    first, *others = three.each
    first.kill()
    letters.queue(producer, 50)
    assert producer.flush(90) == 0
    assert levels(three)["brokers"] is Level.AMBER
    first.start()
    admin = confluent.admin(three.address())
    wait("all replicas are in step", lambda: {each.in_sync for each in admin.topics().values()} == {3})
    for each in others:
        each.kill()
    letters.queue(producer, 50)
    assert producer.flush(12) == 50, "taken by one broker alone"
    wait("health says that the brokers have no majority", lambda: levels(three).get("brokers") is Level.RED)
    three.start()
    assert producer.flush(120) == 0
    producer.close()
    assert letters.reports == [None] * letters.sent
    assert letters.arrived(three) == [b"letter %d" % number for number in range(letters.sent)]
