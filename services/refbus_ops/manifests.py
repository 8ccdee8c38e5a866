"""Topics, access rules and quotas of a cluster as resources of the Strimzi operator (kafka.strimzi.io/v1).

They say what `topics apply` would make, and quotas beside it, which a client of Kafka in this language cannot set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from refbus.bus.port import AclRule, ResourceKind, TopicState
from refbus.bus.topicset import Wanted
from refbus.core.directory import MEMBER_ROLES, Directory, OrgRole
from refbus.core.ids import CountryCode, OrgId, parse_org_id

API: Final = "kafka.strimzi.io/v1"
_MIB: Final = 1_048_576
OFFICE: Final = {"producerByteRate": _MIB, "consumerByteRate": 10 * _MIB, "requestPercentage": 25}
"""For an organisation: the largest event each second, and an inbox of weeks read within minutes."""
FOREIGN: Final = {"producerByteRate": 4 * _MIB, "requestPercentage": 25}
"""For a gate or auditor of another country; it reads nothing here."""
_PREFIX: Final = "User:"


def strimzi_resources(wanted: Wanted, directory: Directory, cluster: str) -> dict[str, Any]:
    """Return one list of resources for the Strimzi cluster named `cluster`; as JSON `kubectl apply` takes it.

    A user has no `authentication`: certificates are those of the national authority, and the listener maps their
    common names, so that a principal is spelt "User:kz-gate" as everywhere else. Who is suspended or removed has a user
    without rules: applying the list takes the rules away.
    """
    by_user: dict[str, list[AclRule]] = {name: [] for name in _members(directory, wanted.country)}
    for rule in sorted(wanted.rules):
        by_user[rule.principal.removeprefix(_PREFIX)].append(rule)
    items = [_topic(topic, cluster) for topic in wanted.topics]
    items += [_user(name, rules, _quotas(name, directory, wanted.country), cluster) for name, rules in by_user.items()]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _members(directory: Directory, country: CountryCode) -> list[OrgId]:
    """Return everybody who has rules in the cluster of `country` while active."""
    nodes = {OrgRole.GATE, OrgRole.AUDITOR}
    found = [
        org.org_id
        for org in directory.organisations.values()
        if org.role in nodes or (org.country == country and org.role in MEMBER_ROLES)
    ]
    return sorted(found)


def _resource(kind: str, name: str, cluster: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    labels = {"strimzi.io/cluster": cluster}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": dict(spec)}


def _topic(topic: TopicState, cluster: str) -> dict[str, Any]:
    spec = {"partitions": topic.partitions, "replicas": topic.replication, "config": dict(topic.config)}
    return _resource("KafkaTopic", topic.name, cluster, spec)


def _user(name: str, rules: Sequence[AclRule], quotas: Mapping[str, int], cluster: str) -> dict[str, Any]:
    operations = defaultdict[tuple[ResourceKind, str], list[str]](list)
    for rule in rules:
        operations[rule.kind, rule.name].append("".join(word.capitalize() for word in rule.operation.split("_")))
    acls = [{"resource": _place(*place), "operations": allowed} for place, allowed in operations.items()]
    spec: dict[str, Any] = {"authorization": {"type": "simple", "acls": acls}}
    return _resource("KafkaUser", name, cluster, spec | ({"quotas": dict(quotas)} if quotas else {}))


def _place(kind: ResourceKind, name: str) -> dict[str, str]:
    if kind is ResourceKind.CLUSTER:
        return {"type": "cluster"}
    return {"type": kind.lower(), "name": name, "patternType": "literal"}


def _quotas(name: str, directory: Directory, country: CountryCode) -> Mapping[str, int]:
    """Return what a user may take each second, per broker. The own gate and auditor are never slowed."""
    org = directory.find(parse_org_id(name))
    if org is None or org.country != country:
        return FOREIGN
    return OFFICE if org.role in MEMBER_ROLES else {}
