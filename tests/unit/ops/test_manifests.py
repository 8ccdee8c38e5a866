"""`refbus-ops topics manifests`: what Strimzi would make is what `topics apply` makes, in the shapes that it knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from refbus.bus.memory import MemoryBus
from refbus.bus.port import CLUSTER_NAME, AclRule, Operation, ResourceKind, TopicState
from refbus.bus.topicplan import apply, plan
from refbus.bus.topicset import wanted
from refbus.core.directory import Directory, OrgStatus
from refbus.core.ids import CountryCode
from refbus.settings import OpsSettings, from_environment
from refbus_ops.context import Operator
from refbus_ops.topics import topics
from support.directories import NOW_MS, agency, auditor, federation, gate, ngo

KZ = CountryCode("kz")
FED = federation(("kz", "uz", "kg"))
QUOTAS = {"producerByteRate": int, "consumerByteRate": int, "requestPercentage": int}
KAFKA = dict(zip(QUOTAS, ("producer_byte_rate", "consumer_byte_rate", "request_percentage"), strict=True))
"""What the operator of users sets for each of them (UserOperator, `KafkaUserQuotas`)."""
SHAPES: dict[str, Any] = {
    "KafkaTopic": {"partitions": int, "replicas": int, "config": dict},
    "KafkaUser": {"authorization": dict, "quotas": dict},
}
"""Fields of a `spec` that the definitions of Strimzi have and that are used here (043-, 044-Crd-*.yaml, version v1)."""
OPERATIONS = {
    "Read": Operation.READ,
    "Write": Operation.WRITE,
    "Describe": Operation.DESCRIBE,
    "DescribeConfigs": Operation.DESCRIBE_CONFIGS,
}


class KnownDirectory(Operator):
    """An operator whose gate has verified the test federation."""

    __slots__ = ()

    def directory(self) -> Directory:
        """Return the test federation, in which an organisation is suspended."""
        return FED.directory


def items(tmp_path: Path, profile: str) -> list[dict[str, Any]]:
    """Give the command, and return the resources that it prints."""
    settings = from_environment(OpsSettings, {"REFBUS_PROFILE": profile})
    operator = KnownDirectory(settings, KZ, tmp_path, clock=lambda: NOW_MS)
    done = CliRunner().invoke(topics, ["manifests", "--cluster", "node"], obj=operator)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    return list(found["items"])


def rules(user: dict[str, Any]) -> Iterator[AclRule]:
    """Yield the rules that the operator of users makes of one resource."""
    for acl in user["spec"]["authorization"]["acls"]:
        place = acl["resource"]
        kind = ResourceKind(place["type"].upper())
        name = CLUSTER_NAME if kind is ResourceKind.CLUSTER else place["name"]
        for operation in acl["operations"]:
            yield AclRule(kind, name, f"User:{user['metadata']['name']}", OPERATIONS[operation])


@pytest.mark.parametrize("profile", ["development", "production"])
def test_strimzi_makes_what_apply_makes(tmp_path: Path, profile: str) -> None:
    """On an empty cluster with topics, rules and quotas of the manifests nothing is left to plan, nor too much."""
    bus = MemoryBus(clock=lambda: NOW_MS)
    for each in items(tmp_path, profile):
        spec, name = each["spec"], each["metadata"]["name"]
        if each["kind"] == "KafkaTopic":
            bus.create_topic(TopicState(name, spec["partitions"], spec["replicas"], spec["config"]))
        else:
            bus.admin().add_acls(tuple(rules(each)))
            bus.quotas[name] = {KAFKA[key]: value for key, value in spec.get("quotas", {}).items()}
    declared = wanted(FED.directory, KZ, production=profile == "production")
    assert plan(declared, bus.admin()).lines() == ["kz: as declared"]
    applied = MemoryBus(clock=lambda: NOW_MS)
    apply(plan(declared, applied.admin()), applied.admin())
    assert bus.admin().acls() == applied.admin().acls()


def test_every_field_is_one_that_strimzi_knows(tmp_path: Path) -> None:
    """Kinds, names, fields and their types are those of its definitions; a config has texts only."""
    for each in items(tmp_path, "production"):
        assert each["apiVersion"] == "kafka.strimzi.io/v1"
        assert each["metadata"]["labels"] == {"strimzi.io/cluster": "node"}
        fields = SHAPES[each["kind"]]
        assert {name: type(value) for name, value in each["spec"].items()}.items() <= fields.items()
        assert all(type(value) is str for value in each["spec"].get("config", {}).values())
        assert {name: type(value) for name, value in each["spec"].get("quotas", {}).items()}.items() <= QUOTAS.items()


def users(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Return what each user of the manifests is given."""
    found = [each for each in items(tmp_path, "production") if each["kind"] == "KafkaUser"]
    return {each["metadata"]["name"]: each["spec"] for each in found}


def test_nobody_can_starve_the_own_gate(tmp_path: Path) -> None:
    """Offices and other countries have quotas that let the largest event through; own gate and auditor have none."""
    found = users(tmp_path)
    assert {name for name, spec in found.items() if "quotas" not in spec} == {gate(KZ), auditor(KZ)}
    assert found[agency(KZ)]["quotas"]["producerByteRate"] >= 1_048_576
    assert {gate("uz"), auditor("uz"), gate("kg")} <= set(found)


def test_who_is_suspended_keeps_no_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Applying the list takes the rules away: the user is in it, with none."""
    org = FED.directory.organisations[ngo(KZ)]
    others = {**FED.directory.organisations, ngo(KZ): replace(org, status=OrgStatus.SUSPENDED)}
    suspended = replace(FED.directory, organisations=others)
    monkeypatch.setattr(KnownDirectory, "directory", lambda _self: suspended)
    assert users(tmp_path)[ngo(KZ)]["authorization"]["acls"] == []
