"""The administrator's view of a cluster, and what reader, writer and administrator share. See `confluent`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka import admin as kafka

from refbus.backoff import BackOff
from refbus.bus.address import BrokerAddress
from refbus.bus.demands import LOOKED_AT
from refbus.bus.kafka_errors import PASSING, Troubles, answer_error, error_of
from refbus.bus.kafka_shapes import KIND_NAMES, in_words, rule_of, topic_state
from refbus.bus.port import AclRule, ClusterState, QuotaChange, TopicState
from refbus.each import each
from refbus.errors import Code, RefbusError, SetupError, TransportError

_WAITS = BackOff(first_ms=250, longest_ms=2_000)
REQUEST_TIMEOUT_S = 10.0
"""How long one question to a broker may take."""

GROUP_ATTEMPTS = 6  # about 6 s: so long the broker may count a dead member

_log = logging.getLogger("refbus.bus.kafka")
_Answer = TypeVar("_Answer")


def config_of(address: BrokerAddress, client_id: str) -> dict[str, Any]:
    """Return the settings that every client shares. Raises SetupError for an unsafe address."""
    return address.client_config(client_id) | {"logger": _log, "error_cb": Troubles(_log)}


def asked(question: Callable[[], _Answer]) -> _Answer:
    """Return the broker's answer. Raises TransportError, SetupError instead of the client's exception."""
    try:
        return question()
    except KafkaException as caught:
        raise answer_error(caught.args[0]) from None


class ConfluentAdmin:
    """See `port.Admin`."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self._client = kafka.AdminClient(config_of(address, "refbus-admin"))

    def topics(self, names: Sequence[str] | None = None) -> dict[str, TopicState]:
        """Return the topics that exist, by name; the broker's own (with "__") are left out."""
        if names is None:
            listed = asked(lambda: self._client.list_topics(timeout=REQUEST_TIMEOUT_S)).topics
            names = [name for name in listed if not name.startswith("__")]
        found = self._described(names)
        configs = self._configs(list(found))
        return {name: topic_state(each, configs[name]) for name, each in found.items()}

    def topic_id(self, name: str) -> str:
        """Return the id of one topic. Raises SetupError TOPIC_MISSING."""
        found = self._described([name])
        if name not in found:
            raise SetupError(Code.TOPIC_MISSING, name)
        return str(found[name].topic_id)

    def create_topic(self, topic: TopicState) -> None:
        """Create one topic and wait until the broker knows it."""
        new = kafka.NewTopic(topic.name, topic.partitions, topic.replication, config=dict(topic.config))
        made = self._client.create_topics([new], request_timeout=REQUEST_TIMEOUT_S, operation_timeout=REQUEST_TIMEOUT_S)
        asked(made[topic.name].result)

    def set_topic_config(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of one topic and leave the others."""
        entries = [
            kafka.ConfigEntry(key, value, incremental_operation=kafka.AlterConfigOpType.SET)
            for key, value in config.items()
        ]
        resource = kafka.ConfigResource(kafka.ResourceType.TOPIC, name, incremental_configs=entries)
        asked(self._client.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource].result)

    def acls(self) -> frozenset[AclRule] | None:
        """Return all access rules that this system writes (allow, literal, any host), None without an authoriser."""
        # Asked of the broker's settings: without an authoriser, describing rules gives an error or an empty list.
        if not next(iter(self._broker_configs()[1].values()))["authorizer.class.name"]:
            return None
        return frozenset(rule for rule in map(rule_of, self._bindings()) if rule is not None)

    def strange_acls(self) -> tuple[str, ...]:
        """Return, in words, the access rules of any other shape."""
        return tuple(sorted(in_words(binding) for binding in self._bindings() if rule_of(binding) is None))

    def add_acls(self, rules: Sequence[AclRule]) -> None:
        """Add these access rules."""
        if rules:
            made = self._client.create_acls([_binding(rule) for rule in rules], request_timeout=REQUEST_TIMEOUT_S)
            for future in made.values():
                asked(future.result)

    def remove_acls(self, rules: Sequence[AclRule]) -> None:
        """Remove exactly these access rules."""
        if rules:
            gone = self._client.delete_acls(
                [_binding(rule, kafka.AclBindingFilter) for rule in rules], request_timeout=REQUEST_TIMEOUT_S
            )
            for future in gone.values():
                asked(future.result)

    def quotas(self) -> Mapping[str, Mapping[str, float]]:
        """Return by user what each may take of a broker."""
        from refbus.bus import quota_requests  # late: the driver takes its time to load

        return quota_requests.read_quotas(self._address)

    def set_quotas(self, changes: Sequence[QuotaChange]) -> None:
        """Give each user exactly what they are to have."""
        from refbus.bus import quota_requests  # late: see above

        quota_requests.write_quotas(self._address, changes)

    def cluster(self) -> ClusterState:
        """Return the cluster's id, the addresses of its brokers and how those that answer are set."""
        cluster, configs = self._broker_configs()
        return ClusterState(
            cluster.cluster_id,
            tuple(_address(node) for node in cluster.nodes),
            auto_create_topics=any(found["auto.create.topics.enable"] == "true" for found in configs.values()),
            longest_transaction_ms=max(int(found["transaction.max.timeout.ms"]) for found in configs.values()),
            settings={broker: {name: found.get(name, "") for name in LOOKED_AT} for broker, found in configs.items()},
        )

    def ends(self, beginning: str) -> dict[str, int]:
        """Return the end offset of every topic whose name begins so and that we may know of."""
        listed = asked(lambda: self._client.list_topics(timeout=REQUEST_TIMEOUT_S)).topics
        wanted = {TopicPartition(name, 0): kafka.OffsetSpec.latest() for name in listed if name.startswith(beginning)}
        if not wanted:
            return {}
        answers = self._client.list_offsets(wanted, request_timeout=REQUEST_TIMEOUT_S)
        return {each.topic: int(asked(future.result).offset) for each, future in answers.items()}

    def group_offset(self, group: str, topic: str) -> int | None:
        """Return the offset that a consumer group committed for the topic, or None."""
        wanted = [TopicPartition(topic, 0)]
        offset = self._of_group(group, lambda client: client.committed(wanted, timeout=REQUEST_TIMEOUT_S)).offset
        return None if offset < 0 else int(offset)

    def set_group_offset(self, group: str, topic: str, offset: int) -> None:
        """Move the committed offset of a group, waiting a bounded time for its last member to be forgotten."""
        wanted = [TopicPartition(topic, 0, offset)]
        self._of_group(group, lambda client: client.commit(offsets=wanted, asynchronous=False))

    def _of_group(self, group: str, question: Callable[[Consumer], list[TopicPartition]]) -> TopicPartition:
        """Return a group's answer about one partition; a coordinator that loads or has just moved is asked again."""
        last: RefbusError = TransportError(Code.BROKER_UNREACHABLE)
        for attempt in range(GROUP_ATTEMPTS):
            try:
                with self._outside(group) as client:
                    found: TopicPartition = asked(partial(question, client))[0]
            except RefbusError as error:
                last = error
            else:
                if found.error is None:
                    return found
                last = error_of(found.error)
            if last.detail not in PASSING:
                break
            time.sleep(_WAITS.wait_ms(attempt) / 1000)
        raise last

    @contextmanager
    def _outside(self, group: str) -> Iterator[Consumer]:
        """Speak to a group's coordinator without joining the group.

        Not by the administrator's calls: they end the process (librdkafka 2.16) when a coordinator has just moved.
        """
        client = Consumer(config_of(self._address, "refbus-admin") | {"group.id": group, "enable.auto.commit": False})
        try:
            yield client
        finally:
            client.close()

    def _bindings(self) -> list[Any]:
        return list(asked(self._client.describe_acls(_ANY_ACL, request_timeout=REQUEST_TIMEOUT_S).result))

    def _described(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the client's descriptions of those topics that exist."""
        found: dict[str, Any] = {}
        if names:
            answers = self._client.describe_topics(TopicCollection(list(names)), request_timeout=REQUEST_TIMEOUT_S)
            for name, future in answers.items():
                with suppress(SetupError):  # TOPIC_MISSING
                    found[name] = asked(future.result)
        return found

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        resources = {kafka.ConfigResource(kafka.ResourceType.TOPIC, name): name for name in names}
        if not resources:
            return {}
        answers = self._client.describe_configs(list(resources), request_timeout=REQUEST_TIMEOUT_S)
        return {
            resources[resource]: {key: entry.value for key, entry in asked(future.result).items()}
            for resource, future in answers.items()
        }

    def _broker_configs(self) -> tuple[Any, dict[str, dict[str, str]]]:
        """Return the cluster's description and by address the settings of each broker that answers, at least of one.

        Raises the error of the first that does not when none does.
        """
        cluster = asked(self._client.describe_cluster(request_timeout=REQUEST_TIMEOUT_S).result)
        questions = {_address(node): self._ask_broker(node.id) for node in cluster.nodes}
        errors: list[RefbusError] = []
        answers = each(
            questions.items(),
            lambda one: (one[0], {name: entry.value or "" for name, entry in asked(one[1].result).items()}),
            lambda _, error: errors.append(error),
        )
        if not answers:
            raise errors[0] if errors else TransportError(Code.BROKER_UNREACHABLE)
        return cluster, dict(answers)

    def _ask_broker(self, number: int) -> Any:
        resource = kafka.ConfigResource(kafka.ResourceType.BROKER, str(number))
        return self._client.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource]


_ALLOW, _LITERAL = kafka.AclPermissionType.ALLOW, kafka.ResourcePatternType.LITERAL
_ANY_ACL = kafka.AclBindingFilter(
    *(kafka.ResourceType.ANY, None, kafka.ResourcePatternType.ANY, None, None),
    *(kafka.AclOperation.ANY, kafka.AclPermissionType.ANY),
)


def _address(node: Any) -> str:
    return f"{node.host}:{node.port}"


def _binding(rule: AclRule, kind: Callable[..., Any] = kafka.AclBinding) -> Any:
    operation = kafka.AclOperation[rule.operation.name]
    return kind(kafka.ResourceType[KIND_NAMES[rule.kind]], rule.name, _LITERAL, rule.principal, "*", operation, _ALLOW)
