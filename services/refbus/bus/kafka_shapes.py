"""What the client says of topics and access rules, as our values: by names, so that the client itself is not needed."""

from __future__ import annotations

from typing import Any

from refbus.bus.port import AclRule, Operation, ResourceKind, TopicState

KIND_NAMES = {
    ResourceKind.TOPIC: "TOPIC",
    ResourceKind.GROUP: "GROUP",
    ResourceKind.CLUSTER: "BROKER",  # the client's name for the cluster
}
_KINDS = {name: kind for kind, name in KIND_NAMES.items()}


def topic_state(description: Any, config: dict[str, str]) -> TopicState:
    """Return a topic from the client's description; the replicas that count are those of the poorest partition."""
    parts = description.partitions
    replication = min((len(each.replicas) for each in parts), default=0)
    in_sync = min((0 if each.leader is None else len(each.isr) for each in parts), default=0)
    return TopicState(description.name, len(parts), replication, config, str(description.topic_id), in_sync)


def rule_of(binding: Any) -> AclRule | None:
    """Return an access rule from the client's binding, None for one of a shape that is never written here."""
    kind, operation = _KINDS.get(binding.restype.name), binding.operation.name
    shape = binding.resource_pattern_type.name, binding.host, binding.permission_type.name
    if kind is None or operation not in Operation.__members__ or shape != ("LITERAL", "*", "ALLOW"):
        return None
    return AclRule(kind, binding.name, binding.principal, Operation(operation))


def in_words(binding: Any) -> str:
    """Return any access rule as a line for people."""
    what = binding.permission_type.name, binding.principal, binding.operation.name, binding.restype.name
    return " ".join((*what, binding.resource_pattern_type.name, binding.name, "from", binding.host))
