"""Who must never hear of a person who seeks protection: an embassy, in whatever kind of course (domain.md 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refbus.core.directory import OrgRole
from refbus.core.ids import OrgId
from refbus.errors import Code, RuleError
from refbus_gateway.home.gateway import Gateway

_PROTECTED: Final = frozenset({"ASYLUM_SEEKER", "REFUGEE", "COMPLEMENTARY_PROTECTION"})
"""Of `refbus.MigrationStatus`: asked for protection from a state, or has it."""


def require_no_embassy(gateway: Gateway, org: OrgId, fields: Mapping[str, Any]) -> None:
    """Let no embassy be written to about somebody whose case says so; what is withheld from it counts too.

    Raises RuleError PROTECTED_FROM_EMBASSY, UncheckableError ORGANISATION_UNKNOWN.
    """
    if gateway.organisation(org).role is not OrgRole.EMBASSY:
        return
    status = (fields.get("immigration") or {}).get("status") or ()
    if any(each["code"] in _PROTECTED for each in status):
        raise RuleError(Code.PROTECTED_FROM_EMBASSY)
