"""What each principal may take of a cluster: by `topics/quotas`, strictly parsed, and the directory."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from refbus.bus.port import EVERYBODY, QuotaChange
from refbus.core.directory import MEMBER_ROLES, Directory, OrgRole
from refbus.core.ids import CountryCode, OrgId, country_of
from refbus.errors import Code, SetupError
from refbus.resources import data_dir

KEYS: Final = ("producer_byte_rate", "consumer_byte_rate", "request_percentage")
"""The client quotas of Kafka that are set here, each for one broker."""
_NODES: Final = frozenset({OrgRole.GATE, OrgRole.AUDITOR})


class Kind(StrEnum):
    """Whose quota it is, as seen from the country of the cluster."""

    ORGANISATION = "organisation"
    FOREIGN_NODE = "foreign-node"
    OWN_NODE = "own-node"


def load(folder: Path | None = None) -> dict[Kind, dict[str, float]]:
    """Return the quotas of each kind of principal, without zeros.

    Raises SetupError SETTINGS_INVALID, FILE_UNREADABLE.
    """
    path = (folder or data_dir("topics") / "quotas") / "principals.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise SetupError(Code.FILE_UNREADABLE, path.name) from None
    except ValueError:
        raise SetupError(Code.SETTINGS_INVALID, f"quotas/{path.name}: not TOML") from None
    if set(tables) != {str(kind) for kind in Kind}:
        raise SetupError(Code.SETTINGS_INVALID, f"quotas/{path.name}: a table for each of {', '.join(Kind)}")
    return {kind: _values(f"quotas/{path.name}: {kind}", tables[kind]) for kind in Kind}


def _values(where: str, table: Any) -> dict[str, float]:
    """Return what one table sets."""
    if not isinstance(table, dict) or set(table) != {*KEYS, "why"} or not str(table["why"]).strip():
        raise SetupError(Code.SETTINGS_INVALID, f"{where}: exactly {', '.join(KEYS)} and why")
    for key in KEYS:
        if type(table[key]) is not int or table[key] < 0:
            raise SetupError(Code.SETTINGS_INVALID, f"{where}: {key} is a number of 0 or more")
    return {key: float(table[key]) for key in KEYS if table[key]}


def wanted_quotas(directory: Directory, country: CountryCode) -> dict[OrgId, Mapping[str, float]]:
    """Return the quotas of everybody who may have rules in the cluster of `country`; {} for who is never slowed."""
    kinds = load()
    return {
        org_id: kinds[kind]
        for org_id, brief in directory.briefs().items()
        if (kind := _kind(OrgRole(brief.role), country_of(org_id) == country)) is not None
    }


def _kind(role: OrgRole, is_own: bool) -> Kind | None:
    if role in _NODES:
        return Kind.OWN_NODE if is_own else Kind.FOREIGN_NODE
    return Kind.ORGANISATION if is_own and role in MEMBER_ROLES else None


def quota_changes(
    wanted: Mapping[OrgId, Mapping[str, float]], has: Mapping[str, Mapping[str, float]], country: CountryCode
) -> tuple[QuotaChange, ...]:
    """Return what differs, sorted by name. A quota of `country` or of everybody that nobody declared goes: it slows."""
    own = {user for user in has if user == EVERYBODY or user.startswith(f"{country}-")}
    found = (QuotaChange(user, has.get(user, {}), wanted.get(OrgId(user), {})) for user in sorted({*wanted, *own}))
    return tuple(each for each in found if dict(each.has) != dict(each.wants))
