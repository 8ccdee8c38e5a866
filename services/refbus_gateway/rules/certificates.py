"""The medical certificate of a return: whether plan or health ask for one, when it counts, who waived it.

Health facts that ask: medical needs or a medical escort in the plan, help that could not wait in the wish or in the
own case, whether it was told to the other office or not, a risk to health above low. A disability alone asks for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from refbus.core.directory import CountryPolicy
from refbus.core.times import day_ms, read_day
from refbus.core.units import DAY_MS
from refbus.errors import Code
from refbus.said import said
from refbus_gateway.forms.problems import Problem, Problems

_ROLE: Final = "certificate_waived_by_role"
_REASON: Final = "certificate_waived_because"
_FIRST: Final = "medical_certificate_on"
_LAST: Final = "medical_certificate_until"
_Fields = Mapping[str, Any]


def asked_for(fields: Iterable[_Fields], risks: Iterable[_Fields], plan: _Fields | None) -> bool:
    """Return whether what was said in a return asks for a certificate; `fields`: of its wish, and of the own case."""
    urgent = any((each.get("health") or {}).get("urgent") for each in fields)
    found = (risk for each in risks for risk in each["risks"] if risk["factor"]["code"] == "HEALTH")
    at_risk = any(risk["level"]["code"] != "LOW" for risk in found)
    planned = plan is not None and (bool(plan["medical_needs"]) or plan["escort"]["code"] == "MEDICAL")
    return urgent or at_risk or planned


def window(plan: _Fields | None, utc_offset_min: int) -> tuple[int, int] | None:
    """Return the time (ms UTC) from the first day of a certificate to the end of its last; None without both days."""
    first, last = (read_day(plan[name] or "") if plan else None for name in (_FIRST, _LAST))
    if first is None or last is None:
        return None
    return day_ms(first, utc_offset_min), day_ms(last, utc_offset_min) + DAY_MS


def is_waived(plan: _Fields | None, *, allowed: bool) -> bool:
    """Return whether somebody lets the person travel without one, by role and reason, and the law allows it."""
    return allowed and plan is not None and bool(plan[_ROLE] and plan[_REASON])


def check(plan: _Fields, policy: CountryPolicy, problems: Problems) -> None:
    """Note what is wrong with a waiver that somebody writes in a plan. `policy`: that of the host country."""
    named = {name: bool(plan.get(name)) for name in (_ROLE, _REASON)}
    if not any(named.values()):
        return
    if not policy.certificate_waiver:
        told = said("by the policy of %(country)s nobody may waive the certificate", country=policy.country)
        problems.add(Problem(_REASON, Code.GUARD_CERTIFICATE, told))
    for name, written in named.items():
        if not written:
            problems.add(Problem(name, Code.REASON_REQUIRED, said("who waives the certificate writes role and reason")))
