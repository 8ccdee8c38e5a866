"""Plan, apply, drift and the check at the start of a service, on the bus in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from refbus.bus.memory import MemoryAdmin, MemoryBus
from refbus.bus.port import CLUSTER_NAME, EVERYBODY, AclRule, ClusterState, Operation, ResourceKind, TopicState
from refbus.bus.topicjobs import Job, make, show
from refbus.bus.topicplan import apply, plan, verify
from refbus.bus.topicset import Wanted, wanted
from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode
from refbus.errors import Code, SetupError, TransportError
from support.directories import auditor, federation, gate, ngo

KZ = CountryCode("kz")
FED = federation(("kz", "uz"))
WANTED = wanted(FED.directory, KZ, production=False)
PRODUCTION = wanted(FED.directory, KZ, production=True)
OUTBOX = "kz.outbox"
SLOWED = {user: values for user, values in WANTED.quotas.items() if values}


@pytest.fixture
def bus() -> MemoryBus:
    """Return a cluster that is as declared."""
    made = MemoryBus()
    apply(plan(WANTED, made.admin()), made.admin())
    return made


def change(bus: MemoryBus, **config: str) -> None:
    """Set settings of the outbox behind everybody's back; underscores stand for dots."""
    bus.admin().set_topic_config(OUTBOX, {name.replace("_", "."): value for name, value in config.items()})


def reshape(bus: MemoryBus, **changes: Any) -> None:
    """Give the outbox other partitions or replicas."""
    bus.set_state(replace(bus.admin().topics()[OUTBOX], **changes))


def refused(bus: MemoryBus, declared: Wanted = WANTED, *, plaintext: bool = True) -> tuple[Code, str]:
    """Return with what a service that needs the outbox would refuse to start."""
    with pytest.raises(SetupError) as caught:
        verify(bus.admin(), declared, [OUTBOX], plaintext=plaintext)
    return caught.value.code, caught.value.detail


def test_an_empty_cluster_gets_everything_once() -> None:
    """The first plan makes all topics and rules; after applying it nothing is left to do."""
    bus = MemoryBus()
    first = plan(WANTED, bus.admin())
    assert {topic.name for topic in first.create} == {topic.name for topic in WANTED.topics}
    assert set(first.add) == WANTED.rules
    assert not first.is_clean
    apply(first, bus.admin())
    after = plan(WANTED, bus.admin())
    assert after.is_clean
    assert after.lines() == ["kz: as declared"]


def test_planning_changes_nothing() -> None:
    """Looking is safe."""
    bus = MemoryBus()
    plan(WANTED, bus.admin())
    assert bus.admin().topics() == {}
    assert bus.admin().acls() == frozenset()


def test_a_setting_that_was_changed_is_put_back(bus: MemoryBus) -> None:
    """Drift in a setting is shown with both values and applied."""
    change(bus, retention_ms="1000")
    todo = plan(WANTED, bus.admin())
    assert todo.lines()[0] == f"~ topic kz.outbox  retention.ms: 1000 -> {WANTED.topic(OUTBOX).config['retention.ms']}"
    apply(todo, bus.admin())
    assert plan(WANTED, bus.admin()).is_clean


def test_what_no_setting_can_change_is_left_to_a_person(bus: MemoryBus) -> None:
    """Other partitions are drift that apply does not touch."""
    reshape(bus, partitions=3)
    todo = plan(WANTED, bus.admin())
    assert list(todo.remake) == [OUTBOX]
    apply(todo, bus.admin())
    assert not plan(WANTED, bus.admin()).is_clean


def test_a_topic_that_nobody_declared_is_drift_and_stays(bus: MemoryBus) -> None:
    """Nothing is ever deleted; topics of other countries on the same broker are not looked at."""
    bus.create_topic(TopicState("kz.test", 1, 1, {}))
    bus.create_topic(TopicState("uz.test", 1, 1, {}))
    todo = plan(WANTED, bus.admin())
    assert todo.undeclared == ("kz.test",)
    apply(todo, bus.admin())
    assert "kz.test" in bus.admin().topics()


def test_a_rule_too_many_is_taken_away(bus: MemoryBus) -> None:
    """Somebody who may read what is not declared loses the rule; rules on other countries' topics are not ours."""
    extra = AclRule(ResourceKind.TOPIC, OUTBOX, "User:kz-0000000a", Operation.READ)
    other = AclRule(ResourceKind.TOPIC, "uz.outbox", "User:kz-0000000a", Operation.READ)
    bus.admin().add_acls([extra, other])
    todo = plan(WANTED, bus.admin())
    assert todo.remove == (extra,)
    apply(todo, bus.admin())
    assert bus.admin().acls() == WANTED.rules | {other}


def test_countries_on_one_broker_keep_their_rules_and_quotas(bus: MemoryBus) -> None:
    """Applying for one takes nothing of the other away, in any order and after any change; both are as declared."""
    uz = wanted(FED.directory, CountryCode("uz"), production=False)
    apply(plan(uz, bus.admin()), bus.admin())
    for each in (WANTED, uz, WANTED):
        todo = plan(each, bus.admin())
        assert (todo.remove, todo.quotas, todo.is_clean) == ((), (), True), each.country
    assert bus.admin().acls() == WANTED.rules | uz.rules
    assert bus.quotas.get(gate("uz"), {}) == {}
    later = wanted(FED.changed(gate("uz"), status=OrgStatus.SUSPENDED).directory, KZ, production=False)
    apply(plan(later, bus.admin()), bus.admin())
    assert bus.admin().acls() == later.rules | uz.rules


def test_the_last_rule_takes_the_one_about_the_cluster_along(bus: MemoryBus) -> None:
    """A member that only this country knew keeps nothing, and a group that is nobody's goes."""
    nobody = AclRule(ResourceKind.GROUP, "refbus-gate-", "User:kz-0000000a", Operation.READ)
    alters = AclRule(ResourceKind.CLUSTER, CLUSTER_NAME, f"User:{gate('uz')}", Operation.WRITE)
    other = AclRule(ResourceKind.TOPIC, "uz.outbox", f"User:{gate('uz')}", Operation.READ)
    bus.admin().add_acls([nobody, alters, other])
    assert set(plan(WANTED, bus.admin()).remove) == {nobody, alters}
    gone = wanted(FED.changed(ngo("kz"), status=OrgStatus.SUSPENDED).directory, KZ, production=False)
    apply(plan(gone, bus.admin()), bus.admin())
    assert bus.admin().acls() == gone.rules | {other}


def test_a_rule_of_another_shape_is_left_to_a_person(bus: MemoryBus) -> None:
    """A rule for everybody, made by hand, is drift that apply does not hide."""
    bus.strange_rules = ("ALLOW User:* ALL TOPIC LITERAL * from *",)
    todo = plan(WANTED, bus.admin())
    assert not todo.is_clean
    assert not todo.to_do
    assert todo.lines()[0].startswith("? rule ALLOW User:* ALL")


def test_suspending_an_organisation_takes_its_rules_away(bus: MemoryBus) -> None:
    """The directory decides who may use the cluster."""
    later = wanted(FED.changed(ngo("kz"), status=OrgStatus.SUSPENDED).directory, KZ, production=False)
    apply(plan(later, bus.admin()), bus.admin())
    rules = bus.admin().acls()
    assert rules is not None
    assert not any(rule.principal == f"User:{ngo('kz')}" for rule in rules)


def test_without_an_authoriser_rules_are_no_drift() -> None:
    """A plaintext development broker takes topics only, and the plan says so."""
    bus = MemoryBus()
    bus.acl_rules = None
    apply(plan(WANTED, bus.admin()), bus.admin())
    after = plan(WANTED, bus.admin())
    assert after.is_clean
    assert any("no authoriser" in line for line in after.lines())


def test_a_broker_that_agrees_and_does_nothing_is_found_out() -> None:
    """Applying ends with a look: what was agreed to and is not there is an error to try again."""

    class Idle(MemoryAdmin):
        def create_topic(self, topic: TopicState) -> None:
            """Agree."""

    said: list[str] = []
    with pytest.raises(TransportError) as caught:
        make([Job(WANTED, Idle(MemoryBus()))], said.append, as_json=False, patience=1)
    assert caught.value.code is Code.TOPIC_DRIFT
    assert said


def test_the_plan_counts_what_it_shows() -> None:
    """The summary agrees with the lines."""
    todo = plan(WANTED, MemoryBus().admin())
    assert todo.lines()[-1] == (
        f"kz: topics {len(WANTED.topics)} to make, 0 to change; "
        f"access rules {len(WANTED.rules)} to add, 0 to remove; "
        f"quotas {len(SLOWED)} to set; 0 for a person"
    )
    assert todo.as_mapping()["create"] == [topic.name for topic in WANTED.topics]


def test_quotas_are_by_principal(bus: MemoryBus) -> None:
    """Offices and nodes of other countries have theirs; the own gate and auditor are never slowed."""
    assert {user: values for user, values in bus.quotas.items() if values} == SLOWED
    assert not {gate("kz"), auditor("kz")} & set(SLOWED)
    assert {ngo("kz"), gate("uz"), auditor("uz")} <= set(SLOWED)


def test_a_quota_that_was_changed_is_drift_and_is_put_back(bus: MemoryBus) -> None:
    """One that is gone, one that is larger, and one that slows the own gate; quotas of who is not ours stay."""
    other = {"producer_byte_rate": 1.0}
    bus.quotas |= {ngo("kz"): {"producer_byte_rate": 9e9}, gate("kz"): other, EVERYBODY: other, "uz-0000000a": other}
    del bus.quotas[gate("uz")]
    todo = plan(WANTED, bus.admin())
    assert [each.user for each in todo.quotas] == sorted([EVERYBODY, gate("kz"), ngo("kz"), gate("uz")])
    assert f"~ quota {gate('kz')}  producer_byte_rate 1 -> none" in todo.lines()
    apply(todo, bus.admin())
    assert plan(WANTED, bus.admin()).is_clean
    assert bus.quotas["uz-0000000a"] == other


def test_a_broker_that_is_away_is_no_clean_cluster(bus: MemoryBus) -> None:
    """An answer that did not come is not an answer."""
    bus.down = True
    with pytest.raises(TransportError):
        plan(WANTED, bus.admin())


def test_a_service_starts_on_a_cluster_as_declared(bus: MemoryBus) -> None:
    """Nothing is raised."""
    verify(bus.admin(), WANTED, [topic.name for topic in WANTED.topics], plaintext=True)


def test_a_service_starts_when_more_is_kept_than_declared(bus: MemoryBus) -> None:
    """A longer retention or a larger limit is drift, not danger."""
    change(bus, retention_ms="-1", max_message_bytes="99999999")
    assert not plan(WANTED, bus.admin()).is_clean
    verify(bus.admin(), WANTED, [OUTBOX], plaintext=True)


def test_a_missing_topic_stops_a_service() -> None:
    """It is not made on the way."""
    bus = MemoryBus()
    assert refused(bus) == (Code.TOPIC_MISSING, OUTBOX)
    assert bus.admin().topics() == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "compact"),
        ("retention.ms", "1000"),
        ("retention.bytes", "1000"),
        ("unclean.leader.election.enable", "true"),
        ("message.timestamp.type", "CreateTime"),
        ("max.message.bytes", "1000"),
    ],
)
def test_a_setting_that_could_lose_records_stops_a_service(bus: MemoryBus, name: str, value: str) -> None:
    """The error names topic and setting."""
    bus.admin().set_topic_config(OUTBOX, {name: value})
    code, detail = refused(bus)
    assert code is Code.UNSAFE_SETTING
    assert detail.startswith(f"{OUTBOX}: {name} is {value}")


def test_a_development_topic_is_not_enough_for_production(bus: MemoryBus) -> None:
    """One replica is refused where three are demanded, and so is an acknowledgement by one."""
    code, detail = refused(bus, PRODUCTION, plaintext=False)
    assert code is Code.UNSAFE_SETTING
    assert "replicas" in detail
    reshape(bus, replication=3)
    assert refused(bus, PRODUCTION, plaintext=False)[1].startswith("kz.outbox: min.insync.replicas is 1, not 2")


SOUND = {
    "unclean.leader.election.enable": "false",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "listeners": "TLS-9093://0.0.0.0:9093,CONTROLLER://0.0.0.0:9090",
    "listener.security.protocol.map": "TLS-9093:SSL,CONTROLLER:SSL,PLAINTEXT:PLAINTEXT",
}
"""What the brokers of a cluster of three say of themselves."""


@pytest.fixture
def three() -> MemoryBus:
    """Return a cluster of three that is as declared for production."""
    made = MemoryBus()
    states = {f"192.0.2.{number}:9093": dict(SOUND) for number in (1, 2, 3)}
    made.cluster_state = ClusterState("id", tuple(states), auto_create_topics=False, settings=states)
    apply(plan(PRODUCTION, made.admin()), made.admin())
    return made


def test_production_starts_on_three_sound_brokers(three: MemoryBus) -> None:
    """Nothing is raised; nothing is drift."""
    verify(three.admin(), PRODUCTION, [OUTBOX], plaintext=False)
    assert plan(PRODUCTION, three.admin()).is_clean


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("unclean.leader.election.enable", "true", "unclean.leader.election.enable is true, not false"),
        ("min.insync.replicas", "1", "min.insync.replicas is 1, not 2 or more"),
        ("offsets.topic.replication.factor", "1", "offsets.topic.replication.factor is 1, not 3 or more"),
        ("authorizer.class.name", "", "authorizer.class.name is empty, not a class"),
        ("listeners", "TLS-9093://:9093,PLAINTEXT://:9092", "listeners has PLAINTEXT://:9092, without TLS"),
        ("listener.security.protocol.map", "TLS-9093:SASL_PLAINTEXT,CONTROLLER:SSL", "without TLS"),
    ],
)
def test_production_refuses_one_weak_broker_of_three(three: MemoryBus, name: str, value: str, says: str) -> None:
    """The error names the broker, the setting, what came and what is expected; a person sees it as drift too."""
    settings = {**three.cluster_state.settings, "192.0.2.2:9093": {**SOUND, name: value}}
    three.cluster_state = replace(three.cluster_state, settings=settings)
    code, detail = refused(three, PRODUCTION, plaintext=False)
    assert code is Code.UNSAFE_SETTING
    assert detail.startswith("broker 192.0.2.2:9093: ")
    assert says in detail
    assert f"! broker  {detail}" in plan(PRODUCTION, three.admin()).lines()


def test_production_refuses_a_connection_without_tls(three: MemoryBus) -> None:
    """Also to this machine: who runs in production has certificates."""
    three.cluster_state = replace(three.cluster_state, brokers=("127.0.0.1:9092",))
    assert refused(three, PRODUCTION, plaintext=True)[1].startswith("it is reached without TLS")


def test_development_warns_of_what_production_refuses(bus: MemoryBus, caplog: pytest.LogCaptureFixture) -> None:
    """It starts, and one line says all that is weak."""
    bus.cluster_state = replace(bus.cluster_state, settings={"127.0.0.1:9092": {**SOUND, "min.insync.replicas": "1"}})
    with caplog.at_level("WARNING"):
        verify(bus.admin(), WANTED, [OUTBOX], plaintext=False)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "REFBUS_PROFILE=production" in line
    assert "127.0.0.1:9092: min.insync.replicas is 1, not 2 or more" in line


def test_more_partitions_stop_a_service(bus: MemoryBus) -> None:
    """With two partitions there is no national order."""
    reshape(bus, partitions=2)
    assert "partitions" in refused(bus)[1]


def test_a_broker_that_makes_topics_by_itself_stops_a_service(bus: MemoryBus) -> None:
    """A misspelt name would be a new topic that nobody reads."""
    bus.cluster_state = replace(bus.cluster_state, auto_create_topics=True)
    assert refused(bus)[0] is Code.UNSAFE_SETTING


def test_a_plaintext_broker_that_sends_clients_elsewhere_stops_a_service(bus: MemoryBus) -> None:
    """A tunnel on loopback does not help when the broker tells its clients another address."""
    bus.cluster_state = ClusterState("id", ("192.0.2.7:9092",), auto_create_topics=False)
    assert refused(bus)[0] is Code.UNSAFE_SETTING
    verify(bus.admin(), WANTED, [OUTBOX], plaintext=False)


def test_a_broker_that_keeps_transactions_open_for_long_is_for_a_person(bus: MemoryBus) -> None:
    """What is behind an open transaction is not read: how long one may be open is shown. No service stops for it."""
    bus.cluster_state = replace(bus.cluster_state, longest_transaction_ms=900_000)
    todo = plan(WANTED, bus.admin())
    assert todo.lines()[0].startswith("! broker  transaction.max.timeout.ms: 900000 -> 60000")
    assert (todo.is_clean, todo.to_do) == (False, False)
    verify(bus.admin(), WANTED, [OUTBOX], plaintext=True)


@pytest.mark.parametrize("codec", ["uncompressed", "gzip", "zstd"])
def test_a_broker_that_packs_anew_stops_a_service(bus: MemoryBus, codec: str) -> None:
    """It would have to hold whatever a batch unpacks to; the plan puts back that batches are stored as written."""
    change(bus, compression_type=codec)
    assert refused(bus) == (
        Code.UNSAFE_SETTING,
        f"kz.outbox: compression.type is {codec}, not producer (`topics apply` sets it)",
    )
    assert plan(WANTED, bus.admin()).lines()[0] == f"~ topic kz.outbox  compression.type: {codec} -> producer"


def test_drift_of_no_cluster_is_no_success() -> None:
    """Where the settings name no cluster nothing was compared, and that is said and does not pass."""
    said: list[str] = []
    assert not show([], said.append, as_json=False)
    assert said == ["no cluster was looked at: the settings name none"]


def test_a_cluster_that_is_away_keeps_no_other_from_being_made() -> None:
    """The others are shown and made as declared; then the command fails for the one that did not answer."""
    away, here, said = MemoryBus(), MemoryBus(), list[str]()
    away.down = True
    with pytest.raises(TransportError):
        make([Job(WANTED, away.admin()), Job(WANTED, here.admin())], said.append, as_json=False)
    assert plan(WANTED, here.admin()).is_clean
    with pytest.raises(TransportError):
        show([Job(WANTED, away.admin()), Job(WANTED, here.admin())], said.append, as_json=False)
    assert said[-1].endswith("as declared")
