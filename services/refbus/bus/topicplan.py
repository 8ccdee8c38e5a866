"""The difference between what a cluster must have and what it has: shown, applied, or reported as drift.

Nothing is ever deleted but access rules and quotas. A topic that is not declared is shown, and counts as drift.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from refbus.bus.address import is_loopback, split_host_port
from refbus.bus.demands import weaknesses
from refbus.bus.port import AclRule, Admin, ClusterState, Operation, QuotaChange, ResourceKind, TopicState
from refbus.bus.quotas import quota_changes
from refbus.bus.topicset import Wanted, country_of_group
from refbus.core.ids import CountryCode, OrgId, country_of
from refbus.core.units import DAY_MS
from refbus.errors import Code, SetupError

ATLEAST = frozenset({"retention.ms", "max.message.bytes", "min.insync.replicas"})
"""Settings of which more than declared is safe; `plan` shows the difference all the same."""


_log = logging.getLogger("refbus.bus.cluster")
LONGEST_TRANSACTION_MS = 60_000
"""How long a broker may let a writer keep a transaction open (transaction.max.timeout.ms; Kafka's default: 900000)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a topic that differs."""

    name: str
    has: str
    wants: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What `apply` would do, and what it cannot do. `has_authoriser` is False on a plaintext development broker."""

    country: str
    create: tuple[TopicState, ...]
    alter: Mapping[str, tuple[Setting, ...]]
    remake: Mapping[str, str]  # name -> what cannot be changed in place
    undeclared: tuple[str, ...]
    add: tuple[AclRule, ...]
    remove: tuple[AclRule, ...]
    strange: tuple[str, ...]  # access rules of a shape that is never written here
    has_authoriser: bool
    broker: tuple[str, ...] = ()  # settings of the brokers that a person must change
    quotas: tuple[QuotaChange, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether the cluster is as declared."""
        return not (self.to_do or self.remake or self.undeclared or self.strange or self.broker)

    @property
    def to_do(self) -> bool:
        """Whether `apply` has something to do."""
        return bool(self.create or self.alter or self.add or self.remove or self.quotas)

    def lines(self) -> list[str]:
        """Return the difference for people: `+` made, `~` changed, `-` taken away, `!` needs a person, `?` not ours."""
        shown = [f"+ topic {topic.name}  {_described(topic)}" for topic in self.create]
        for name, settings in self.alter.items():
            shown += [f"~ topic {name}  {each.name}: {each.has} -> {each.wants}" for each in settings]
        shown += [f"! topic {name}  {what}" for name, what in self.remake.items()]
        shown += [f"? topic {name}  not declared; left alone" for name in self.undeclared]
        shown += [f"+ allow {_rule_text(rule)}" for rule in self.add]
        shown += [f"- allow {_rule_text(rule)}" for rule in self.remove]
        shown += [f"~ quota {each.user}  {_quota_text(each.has)} -> {_quota_text(each.wants)}" for each in self.quotas]
        shown += [f"? rule {text}  not of ours; a person takes it away" for text in self.strange]
        shown += [f"! broker  {text}" for text in self.broker]
        if not self.has_authoriser:
            shown.append("  no access rules: this broker has no authoriser (development on this machine)")
        return [*shown, self.summary()]

    def as_mapping(self) -> dict[str, object]:
        """Return the difference as the JSON object that `--json` prints."""
        return {
            "country": self.country,
            "clean": self.is_clean,
            "create": [topic.name for topic in self.create],
            "alter": {name: {each.name: each.wants for each in settings} for name, settings in self.alter.items()},
            "remake": dict(self.remake),
            "undeclared": list(self.undeclared),
            "allow": [_rule_text(rule) for rule in self.add],
            "disallow": [_rule_text(rule) for rule in self.remove],
            "quotas": {each.user: dict(each.wants) for each in self.quotas},
            "strange": list(self.strange),
            "broker": list(self.broker),
        }

    def summary(self) -> str:
        """Return the last line: how much there is to do."""
        if self.is_clean:
            return f"{self.country}: as declared"
        rest = len(self.remake) + len(self.undeclared) + len(self.strange) + len(self.broker)
        return (
            f"{self.country}: topics {len(self.create)} to make, {len(self.alter)} to change; "
            f"access rules {len(self.add)} to add, {len(self.remove)} to remove; "
            f"quotas {len(self.quotas)} to set; {rest} for a person"
        )


def plan(wanted: Wanted, admin: Admin) -> Plan:
    """Compare `wanted` with the cluster. Raises TransportError."""
    prefix = f"{wanted.country}."
    topics = admin.topics()
    has = {name: topic for name, topic in topics.items() if name.startswith(prefix)}
    present = [(topic, has[topic.name]) for topic in wanted.topics if topic.name in has]
    altered = {topic.name: _differences(topic, now) for topic, now in present}
    rules = admin.acls()
    ours = frozenset() if rules is None else _of_country(rules, wanted.country)
    return Plan(
        country=wanted.country,
        create=tuple(topic for topic in wanted.topics if topic.name not in has),
        alter={name: settings for name, settings in altered.items() if settings},
        remake={topic.name: what for topic, now in present if (what := _fixed_difference(topic, now))},
        undeclared=tuple(sorted(set(has) - {topic.name for topic in wanted.topics})),
        add=() if rules is None else tuple(sorted(wanted.rules - rules)),
        remove=tuple(sorted(ours - wanted.rules)),
        strange=() if rules is None else admin.strange_acls(),
        has_authoriser=rules is not None,
        broker=_broker_settings(admin.cluster(), production=wanted.production),
        quotas=() if rules is None else quota_changes(_own_quotas(wanted, topics), admin.quotas(), wanted.country),
    )


def apply(todo: Plan, admin: Admin) -> None:
    """Carry out a plan: topics, settings, rules to add, rules to remove, quotas.

    Raises TransportError at the first failure. What was done stays; planning again shows the rest.
    """
    for topic in todo.create:
        admin.create_topic(topic)
    for name, settings in todo.alter.items():
        admin.set_topic_config(name, {each.name: each.wants for each in settings})
    if todo.has_authoriser:
        admin.add_acls(todo.add)
        admin.remove_acls(todo.remove)
        admin.set_quotas(todo.quotas)


def verify(admin: Admin, wanted: Wanted, names: Sequence[str], *, plaintext: bool) -> None:
    """Refuse to work with topics that are missing or could lose records; every service calls this at its start.

    In production also with brokers that lose something when one of them is gone (`demands`), or that are reached
    without TLS; elsewhere that is a warning. Raises SetupError: TOPIC_MISSING, or UNSAFE_SETTING with broker or topic,
    setting, what came and what is expected.
    """
    cluster = admin.cluster()
    problem = cluster_problem(cluster, plaintext=plaintext, production=wanted.production)
    if problem:
        raise SetupError(Code.UNSAFE_SETTING, problem)
    if not wanted.production and (weak := weaknesses(cluster, plaintext=plaintext)):
        _log.warning("good enough for development, refused with REFBUS_PROFILE=production: %s", "; ".join(weak))
    has = admin.topics(names)
    for name in names:
        if name not in has:
            raise SetupError(Code.TOPIC_MISSING, name)
        problem = _unsafe(wanted.topic(name), has[name])
        if problem:
            raise SetupError(Code.UNSAFE_SETTING, f"{name}: {problem}")


def cluster_problem(cluster: ClusterState, *, plaintext: bool, production: bool = False) -> str:
    """Return what makes a cluster unsafe to use, "" when nothing does; with `production` also what makes it weak."""
    if cluster.auto_create_topics:
        return "the broker creates topics by itself (auto.create.topics.enable)"
    if plaintext and not all(is_loopback(split_host_port(each)[0]) for each in cluster.brokers):
        return "plaintext to a broker beyond this machine"
    return "; ".join(weaknesses(cluster, plaintext=plaintext)) if production else ""


def _broker_settings(cluster: ClusterState, *, production: bool) -> tuple[str, ...]:
    """Return, in words, the settings of the brokers that are not as they should be."""
    weak = weaknesses(cluster, plaintext=False) if production else ()
    has = cluster.longest_transaction_ms
    if has <= LONGEST_TRANSACTION_MS:
        return weak
    why = "a transaction that a writer leaves open keeps what is behind it from being read for so long"
    return (*weak, f"transaction.max.timeout.ms: {has} -> {LONGEST_TRANSACTION_MS}: {why}")


def _unsafe(topic: TopicState, now: TopicState) -> str:
    """Return what is unsafe about a topic, "" when nothing is."""
    fixed = _fixed_difference(topic, now)
    if fixed:
        return fixed
    for each in _differences(topic, now):
        if each.name not in ATLEAST or not _is_more(each):
            return f"{each.name} is {each.has}, not {each.wants} (`topics apply` sets it)"
    return ""


def _is_more(setting: Setting) -> bool:
    unlimited = setting.name == "retention.ms" and setting.has == "-1"
    return unlimited or (setting.has.isdecimal() and int(setting.has) > int(setting.wants))


def _differences(topic: TopicState, now: TopicState) -> tuple[Setting, ...]:
    return tuple(
        Setting(name, now.config.get(name, "unset"), value)
        for name, value in sorted(topic.config.items())
        if now.config.get(name) != value
    )


def _fixed_difference(topic: TopicState, now: TopicState) -> str:
    """Return what no setting can change: the number of partitions, too few replicas."""
    if now.partitions != topic.partitions:
        return f"has {now.partitions} partitions, not {topic.partitions}: make it anew under a person's eyes"
    if now.replication < topic.replication:
        return f"has {now.replication} replicas, not {topic.replication}: reassign its partition"
    return ""


def _of_country(rules: frozenset[AclRule], country: CountryCode) -> frozenset[AclRule]:
    """Return the rules that this country may take away: countries may share a cluster.

    That is each about its topics, and each about a group that is not of another country. A rule about the cluster is
    needed for as long as its holder has a rule that another country gave.
    """
    others = {rule for rule in rules if _is_of_other(rule, country)}
    holders = {rule.principal for rule in others}
    shared = {rule for rule in rules if rule.kind is ResourceKind.CLUSTER and rule.principal in holders}
    needed = {rule for rule in shared if rule.operation is Operation.DESCRIBE_CONFIGS}
    return rules - others - needed


def _is_of_other(rule: AclRule, country: CountryCode) -> bool:
    if rule.kind is ResourceKind.GROUP:
        other = country_of_group(rule.name)
        return other is not None and other != country
    return rule.kind is ResourceKind.TOPIC and not rule.name.startswith(f"{country}.")


def _own_quotas(wanted: Wanted, topics: Iterable[str]) -> dict[OrgId, Mapping[str, float]]:
    """Return the quotas that this country sets: those of a country with topics here are that country's."""
    hosted = {name.partition(".")[0] for name in topics} - {wanted.country}
    return {user: values for user, values in wanted.quotas.items() if country_of(user) not in hosted}


def _described(topic: TopicState) -> str:
    days = int(topic.config["retention.ms"]) // DAY_MS
    return f"{topic.partitions} partition, {topic.replication} replicas, {days} days"


def _quota_text(values: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in sorted(values.items())) or "none"


def _rule_text(rule: AclRule) -> str:
    where = "cluster" if rule.kind is ResourceKind.CLUSTER else f"{rule.kind.lower()} {rule.name}"
    return f"{rule.principal} {rule.operation} {where}"
