"""Which topics and access rules a country's cluster must have: families, directory and policy in, plain values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from refbus.bus.families import Family, Party, load
from refbus.bus.port import CLUSTER_NAME, AclRule, Operation, ResourceKind, TopicState, reader_group
from refbus.bus.quotas import wanted_quotas
from refbus.core.directory import MEMBER_ROLES, Directory, Organisation, OrgRole, OrgStatus
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.core.units import DAY_MS
from refbus.errors import Code, SetupError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the cluster of `country` must have. With `production` three replicas are demanded."""

    country: CountryCode
    production: bool
    topics: tuple[TopicState, ...]
    rules: frozenset[AclRule]
    quotas: Mapping[OrgId, Mapping[str, float]] = field(default_factory=dict)

    def topic(self, name: str) -> TopicState:
        """Return one topic. Raises SetupError TOPIC_MISSING when it is not declared."""
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise SetupError(Code.TOPIC_MISSING, f"{name} is not declared")


def principal(name: str) -> str:
    """Return the Kafka principal of a certificate's common name: an organisation's id, or "<cc>-operator"."""
    return f"User:{name}"


def gate_group(country: CountryCode) -> str:
    """Return the consumer group of a country's gate; the rules let only the gate join it."""
    return f"refbus-gate-{country}"


def auditor_group(country: CountryCode) -> str:
    """Return the consumer group of a country's auditor."""
    return f"refbus-auditor-{country}"


def country_of_group(group: str) -> CountryCode | None:
    """Return the country to whose gate, auditor or readers a group belongs, None for any other group."""
    country = CountryCode(group.rpartition("-")[2])
    own = {gate_group(country), auditor_group(country), reader_group(country)}
    return country if country and group in own else None


def wanted(
    directory: Directory, country: CountryCode, *, production: bool, families: Sequence[Family] | None = None
) -> Wanted:
    """Return what the cluster of `country` must have. Raises SetupError SETTINGS_INVALID for a country not a member."""
    if country not in directory.policies:
        raise SetupError(Code.SETTINGS_INVALID, f"{country} is not a member of the directory")
    topics: list[TopicState] = []
    rules: set[AclRule] = set()
    for family in families or load():
        for name, about in _instances(family, directory, country):
            topics.append(_topic(family, name, directory, country, production=production))
            rules |= _rules(family, name, _Place(directory, country, about))
    members = {rule.principal for rule in rules}
    rules |= {AclRule(ResourceKind.CLUSTER, CLUSTER_NAME, each, Operation.DESCRIBE_CONFIGS) for each in members}
    rules |= {AclRule(ResourceKind.GROUP, reader_group(country), each, Operation.DESCRIBE) for each in members}
    named = tuple(sorted(topics, key=lambda topic: topic.name))
    return Wanted(country, production, named, frozenset(rules), wanted_quotas(directory, country))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a topic stands: in the cluster of `country`, `about` the other country or the organisation of its name."""

    directory: Directory
    country: CountryCode
    about: str


def _instances(family: Family, directory: Directory, country: CountryCode) -> Iterator[tuple[str, str]]:
    if family.per_border:
        for other in directory.countries():
            if other != country:
                yield family.name.replace("{cc}", country).replace("{from}", other), other
    elif family.per_organisation:
        for org in _gateways(directory, country):
            yield family.name.replace("{cc}", country).replace("{org}", org.org_id), org.org_id
    else:
        yield family.name.replace("{cc}", country), ""


def _topic(family: Family, name: str, directory: Directory, country: CountryCode, *, production: bool) -> TopicState:
    life_days = -(-directory.policies[country].max_message_life_hours // 24)
    days = max(family.retention_least_days, life_days if family.retention_days is None else family.retention_days)
    config = {
        "cleanup.policy": family.cleanup,
        "retention.ms": str(days * DAY_MS),
        "retention.bytes": "-1",
        "segment.ms": str(DAY_MS),
        "max.message.bytes": str(family.max_message_bytes),
        "compression.type": "producer",  # stored as written: a broker that packs anew must hold all that it unpacks
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(family.min_insync_replicas if production else 1),
        "unclean.leader.election.enable": "false",
    }
    return TopicState(name, family.partitions, family.replication if production else 1, config)


def _rules(family: Family, name: str, place: _Place) -> set[AclRule]:
    rules: set[AclRule] = set()
    for parties, operation in ((family.writers, Operation.WRITE), (family.readers, Operation.READ)):
        for party in parties:
            for who in _names(party, place):
                rules.add(AclRule(ResourceKind.TOPIC, name, principal(who), operation))
                rules.add(AclRule(ResourceKind.TOPIC, name, principal(who), Operation.DESCRIBE_CONFIGS))
                rules |= _group_rules(party, place.country, principal(who), operation)
    return rules


def _group_rules(party: Party, country: CountryCode, who: str, operation: Operation) -> set[AclRule]:
    groups = {Party.GATE: gate_group(country), Party.AUDITOR: auditor_group(country)}
    if operation is not Operation.READ or party not in groups:
        return set()
    return {AclRule(ResourceKind.GROUP, groups[party], who, Operation.READ)}


def _names(party: Party, place: _Place) -> list[OrgId]:
    """Return the active members that a party stands for. The operator is a super user and has no rule."""
    directory, country = place.directory, place.country
    others = [other for other in directory.countries() if other != country]
    found: dict[Party, list[OrgId]] = {
        Party.GATEWAYS: [org.org_id for org in _gateways(directory, country)],
        Party.ORGANISATION: [OrgId(place.about)],
        Party.GATE: [gate_id(country)],
        Party.FOREIGN_GATE: [OrgId(f"{place.about}-gate")],
        Party.FOREIGN_NODES: [gate_id(other) for other in others]
        + [org.org_id for other in others for org in _members(directory, other, {OrgRole.AUDITOR})],
        Party.AUDITOR: [org.org_id for org in _members(directory, country, {OrgRole.AUDITOR})],
        Party.OPERATOR: [],
    }
    return [name for name in found[party] if _is_active(directory.find(name))]


def _gateways(directory: Directory, country: CountryCode) -> list[Organisation]:
    return _members(directory, country, MEMBER_ROLES)


def _members(
    directory: Directory, country: CountryCode, roles: frozenset[OrgRole] | set[OrgRole]
) -> list[Organisation]:
    found = list(directory.members_of(country, *roles))
    return sorted(found, key=lambda org: org.org_id)


def _is_active(org: Organisation | None) -> bool:
    return org is not None and org.status is OrgStatus.ACTIVE
