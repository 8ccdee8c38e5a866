"""The topic families of `topics/*.toml`: one file each, strictly parsed. `topics/README.md` explains the keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from refbus.errors import Code, SetupError
from refbus.resources import data_dir

MAX_BATCH = 1_048_588
"""Least `max_message_bytes`: clients send batches of up to 1,048,576 bytes of records, the frame comes on top."""

MESSAGE_LIFE = "message-life"
_NAME = re.compile(r"\{cc\}\.[a-z]+(\.\{(from|org)\})?")
_COMPULSORY = {
    "name": str,
    "partitions": int,
    "replication": int,
    "min_insync_replicas": int,
    "cleanup": str,
    "max_message_bytes": int,
    "writers": list,
    "readers": list,
    "why": str,
}
_OPTIONAL = {"retention_least_days": int}


class Party(StrEnum):
    """Who may write to or read from the topics of a family."""

    GATEWAYS = "gateways"
    ORGANISATION = "organisation"
    GATE = "gate"
    FOREIGN_GATE = "foreign-gate"
    FOREIGN_NODES = "foreign-nodes"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Family:
    """One family of topics. `retention_days` is None for the longest life of a message in the country."""

    name: str
    partitions: int
    replication: int
    min_insync_replicas: int
    cleanup: str
    retention_days: int | None
    retention_least_days: int
    max_message_bytes: int
    writers: frozenset[Party]
    readers: frozenset[Party]
    why: str

    @property
    def per_border(self) -> bool:
        """Whether there is one topic for each other country."""
        return "{from}" in self.name

    @property
    def per_organisation(self) -> bool:
        """Whether there is one topic for each organisation with a gateway."""
        return "{org}" in self.name


def load(folder: Path | None = None) -> tuple[Family, ...]:
    """Return the families, sorted by name. Raises SetupError SETTINGS_INVALID, FILE_UNREADABLE, naming the file."""
    folder = folder or data_dir("topics")
    families = [_parse(path) for path in sorted(folder.glob("*.toml"))]
    if not families:
        raise SetupError(Code.FILE_UNREADABLE, "no topic families")
    return tuple(sorted(families, key=lambda family: family.name))


def _parse(path: Path) -> Family:
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise SetupError(Code.FILE_UNREADABLE, path.name) from None
    except ValueError:
        raise SetupError(Code.SETTINGS_INVALID, f"topics/{path.name}: not TOML") from None
    retention = fields.pop("retention", None)
    problem = _problem(fields) or _rule_broken(fields, retention)
    if problem:
        raise SetupError(Code.SETTINGS_INVALID, f"topics/{path.name}: {problem}")
    return Family(
        **{key: fields[key] for key in _COMPULSORY if key not in {"writers", "readers"}},
        retention_days=None if retention == MESSAGE_LIFE else retention,
        retention_least_days=fields.get("retention_least_days", 1),
        writers=frozenset(Party(each) for each in fields["writers"]),
        readers=frozenset(Party(each) for each in fields["readers"]),
    )


def _problem(fields: Mapping[str, Any]) -> str:
    """Return the key that is missing, unknown or of a wrong type, "" when all are well."""
    known = _COMPULSORY | _OPTIONAL
    for key in [*_COMPULSORY, *fields]:
        if key not in fields or key not in known or type(fields[key]) is not known[key]:
            return key
    return ""


def _rule_broken(fields: Mapping[str, Any], retention: object) -> str:
    """Return which rule of `topics/README.md` the values break, "" when none."""
    parties = {str(party) for party in Party}
    rules = {
        "name": bool(_NAME.fullmatch(fields["name"])),
        "partitions": fields["partitions"] == 1,
        "replication": fields["replication"] >= 3,
        "min_insync_replicas": 2 <= fields["min_insync_replicas"] < fields["replication"],
        "cleanup": fields["cleanup"] == "delete",
        "retention": retention == MESSAGE_LIFE or (type(retention) is int and retention >= 1),
        "max_message_bytes": fields["max_message_bytes"] >= MAX_BATCH,
        "writers": bool(fields["writers"]) and parties.issuperset(map(str, fields["writers"])),
        "readers": bool(fields["readers"]) and parties.issuperset(map(str, fields["readers"])),
        "why": bool(fields["why"].strip()),
    }
    return next((key for key, kept in rules.items() if not kept), "")
