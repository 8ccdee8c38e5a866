"""From families and directory to topics and access rules."""

from __future__ import annotations

import pytest

from refbus.bus.port import CLUSTER_NAME, AclRule, Operation, ResourceKind, reader_group
from refbus.bus.topicset import Wanted, auditor_group, gate_group, wanted
from refbus.core.directory import Directory, OrgStatus
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import DAY_MS
from refbus.errors import Code, SetupError
from support.directories import agency, auditor, federation, gate, inspector, ngo, second_ngo

KZ = CountryCode("kz")
FED = federation(("kz", "kg", "uz"))


def of_kz(directory: Directory = FED.directory, *, production: bool = False) -> Wanted:
    """Return what the cluster of kz must have."""
    return wanted(directory, KZ, production=production)


def allowed(found: Wanted, operation: Operation, topic: str) -> set[str]:
    """Return the principals that may do this with a topic."""
    return {
        rule.principal.removeprefix("User:")
        for rule in found.rules
        if rule.kind is ResourceKind.TOPIC and rule.name == topic and rule.operation is operation
    }


def test_every_topic_of_a_country_is_wanted() -> None:
    """One outbox, one border per other member, one inbox per organisation with a gateway, and the rest once."""
    assert [topic.name for topic in of_kz().topics] == [
        "kz.audit",
        "kz.border.kg",
        "kz.border.uz",
        "kz.directory",
        "kz.federation",
        *sorted(f"kz.inbox.{org}" for org in (agency("kz"), ngo("kz"), second_ngo("kz"))),
        "kz.outbox",
        "kz.profiles",
        "kz.proofs",
        "kz.quarantine",
        "kz.refused",
    ]


@pytest.mark.parametrize(
    ("topic", "writers", "readers"),
    [
        ("kz.outbox", {agency("kz"), ngo("kz"), second_ngo("kz")}, {gate("kz")}),
        ("kz.border.uz", {gate("uz")}, {gate("kz")}),
        (f"kz.inbox.{ngo('kz')}", {gate("kz")}, {ngo("kz")}),
        ("kz.directory", {gate("kz")}, {gate("kz"), auditor("kz"), agency("kz"), ngo("kz"), second_ngo("kz")}),
        ("kz.profiles", {agency("kz"), ngo("kz"), second_ngo("kz")}, {gate("kz")}),
        ("kz.proofs", {auditor("kz")}, {agency("kz"), ngo("kz"), second_ngo("kz")}),
        (
            "kz.federation",
            {gate("uz"), gate("kg"), auditor("uz"), auditor("kg")},
            {gate("kz"), auditor("kz")},
        ),
        ("kz.refused", {gate("kz")}, set()),
        ("kz.quarantine", {gate("kz")}, set()),
        ("kz.audit", {gate("kz"), agency("kz"), ngo("kz"), second_ngo("kz")}, {auditor("kz")}),
    ],
)
def test_writers_and_readers_are_those_of_the_design(topic: str, writers: set[str], readers: set[str]) -> None:
    """Exactly these and nobody else may write to and read from a topic."""
    assert allowed(of_kz(), Operation.WRITE, topic) == writers
    assert allowed(of_kz(), Operation.READ, topic) == readers
    assert allowed(of_kz(), Operation.DESCRIBE_CONFIGS, topic) == writers | readers


def test_only_gate_and_auditor_join_a_group() -> None:
    """Each has one group of its own; gateways read without one, and may only ask who would keep it."""
    found = of_kz().rules
    groups = {rule for rule in found if rule.kind is ResourceKind.GROUP}
    members = {rule.principal for rule in found}
    asking = {AclRule(ResourceKind.GROUP, reader_group(KZ), each, Operation.DESCRIBE) for each in members}
    assert groups == asking | {
        AclRule(ResourceKind.GROUP, gate_group(KZ), "User:kz-gate", Operation.READ),
        AclRule(ResourceKind.GROUP, auditor_group(KZ), f"User:{auditor('kz')}", Operation.READ),
    }


def test_whoever_has_a_rule_may_check_the_cluster() -> None:
    """A service can see at its start whether the broker is safe; nobody else sees anything."""
    found = of_kz()
    may_look = {rule.principal for rule in found.rules if rule.kind is ResourceKind.CLUSTER}
    assert may_look == {rule.principal for rule in found.rules if rule.kind is ResourceKind.TOPIC}
    assert {rule.operation for rule in found.rules if rule.name == CLUSTER_NAME} == {Operation.DESCRIBE_CONFIGS}
    assert f"User:{inspector('kz')}" not in may_look


@pytest.mark.parametrize("status", [OrgStatus.SUSPENDED, OrgStatus.REMOVED])
@pytest.mark.parametrize("who", [ngo("kz"), gate("uz"), auditor("kz")])
def test_who_is_not_active_has_no_rule(who: OrgId, status: OrgStatus) -> None:
    """A suspended or removed member loses every rule at the next apply; its inbox stays until it is read or expires."""
    before, after = of_kz(), of_kz(FED.changed(who, status=status).directory)
    assert any(rule.principal == f"User:{who}" for rule in before.rules)
    assert not any(rule.principal == f"User:{who}" for rule in after.rules)
    assert after.topics == before.topics


def test_an_event_topic_keeps_the_longest_message_life() -> None:
    """Retention follows the policy, rounded up to days; an inbox never goes below thirty."""
    longer = of_kz(FED.with_policy("kz", max_message_life_hours=31 * 24 + 1).directory)
    shorter = of_kz(FED.with_policy("kz", max_message_life_hours=48).directory)
    inbox = f"kz.inbox.{ngo('kz')}"
    assert longer.topic("kz.outbox").config["retention.ms"] == str(32 * DAY_MS)
    assert longer.topic(inbox).config["retention.ms"] == str(32 * DAY_MS)
    assert shorter.topic("kz.outbox").config["retention.ms"] == str(2 * DAY_MS)
    assert shorter.topic(inbox).config["retention.ms"] == str(30 * DAY_MS)


def test_production_demands_replicas_and_development_does_not() -> None:
    """Three replicas of which two must have a record, or one broker on this machine."""
    for topic in of_kz(production=True).topics:
        assert (topic.replication, topic.config["min.insync.replicas"]) == (3, "2")
    for topic in of_kz().topics:
        assert (topic.replication, topic.config["min.insync.replicas"]) == (1, "1")


def test_every_topic_is_one_partition_deleted_and_dated_by_the_broker() -> None:
    """Order, no gaps, and no sender's clock decides how long an event is kept."""
    for topic in of_kz().topics:
        assert topic.partitions == 1
        assert topic.config["cleanup.policy"] == "delete"
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
        assert topic.config["unclean.leader.election.enable"] == "false"


def test_a_country_that_is_no_member_is_refused() -> None:
    """Nothing is planned for a country that the directory does not know."""
    with pytest.raises(SetupError) as caught:
        wanted(FED.directory, CountryCode("tm"), production=False)
    assert caught.value.code is Code.SETTINGS_INVALID


def test_a_topic_that_is_not_declared_is_named() -> None:
    """Asking for a topic that nobody declared is an error of the caller's configuration."""
    with pytest.raises(SetupError) as caught:
        of_kz().topic("kz.other")
    assert caught.value.code is Code.TOPIC_MISSING
