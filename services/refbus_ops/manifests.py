"""Topics, access rules and quotas of a cluster as resources of the Strimzi operator (kafka.strimzi.io/v1).

They say what `topics apply` would make.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from refbus.bus.port import AclRule, ResourceKind, TopicState
from refbus.bus.topicset import Wanted
from refbus.core.ids import parse_org_id

API: Final = "kafka.strimzi.io/v1"
_PREFIX: Final = "User:"


def strimzi_resources(wanted: Wanted, cluster: str) -> dict[str, Any]:
    """Return one list of resources for the Strimzi cluster named `cluster`; as JSON `kubectl apply` takes it.

    A user has no `authentication`: certificates are those of the national authority, and the listener maps their
    common names, so that a principal is spelt "User:kz-gate" as everywhere else. Who is suspended or removed has a user
    without rules: applying the list takes the rules away.
    """
    by_user: dict[str, list[AclRule]] = {name: [] for name in sorted(wanted.quotas)}
    for rule in sorted(wanted.rules):
        by_user[rule.principal.removeprefix(_PREFIX)].append(rule)
    items = [_topic(topic, cluster) for topic in wanted.topics]
    items += [_user(name, rules, wanted.quotas.get(parse_org_id(name), {}), cluster) for name, rules in by_user.items()]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _resource(kind: str, name: str, cluster: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    labels = {"strimzi.io/cluster": cluster}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": dict(spec)}


def _topic(topic: TopicState, cluster: str) -> dict[str, Any]:
    spec = {"partitions": topic.partitions, "replicas": topic.replication, "config": dict(topic.config)}
    return _resource("KafkaTopic", topic.name, cluster, spec)


def _user(name: str, rules: Sequence[AclRule], quotas: Mapping[str, float], cluster: str) -> dict[str, Any]:
    operations = defaultdict[tuple[ResourceKind, str], list[str]](list)
    for rule in rules:
        operations[rule.kind, rule.name].append("".join(word.capitalize() for word in rule.operation.split("_")))
    acls = [{"resource": _place(*place), "operations": allowed} for place, allowed in operations.items()]
    spec: dict[str, Any] = {"authorization": {"type": "simple", "acls": acls}}
    named = {_strimzi(key): int(value) for key, value in quotas.items()}
    return _resource("KafkaUser", name, cluster, spec | ({"quotas": named} if named else {}))


def _place(kind: ResourceKind, name: str) -> dict[str, str]:
    if kind is ResourceKind.CLUSTER:
        return {"type": "cluster"}
    return {"type": kind.lower(), "name": name, "patternType": "literal"}


def _strimzi(key: str) -> str:
    """Return the name of a quota in Strimzi: producer_byte_rate is producerByteRate there."""
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)
