"""A consent form for one case: what has to be asked, with the answers left open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from refbus.core.consent.age import Age, AgeRules, rules_of
from refbus.core.consent.record import Assent, GrantorKind, Informed, Method
from refbus.core.ids import OrgId
from refbus.core.placeholder import placeholder
from refbus.core.times import day_text
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory
from refbus_gateway.forms.casefile import CaseFile
from refbus_gateway.forms.consentfile import FORMAT
from refbus_gateway.home.gateway import Gateway


def form(gateway: Gateway, case: CaseFile, to: str | None, age: Age) -> dict[str, Any]:
    """Return the form. Every answer of the person is empty; what follows from the case and the policy is filled in.

    `age` is that of the case: a form for whoever may be a child asks when that person comes of age.

    Raises UncheckableError when there is no directory yet.
    """
    policy = gateway.rules()
    named = case.recipient if isinstance(case.recipient, str) else ""
    return {
        "format": FORMAT,
        "help": "Ask the person and write the answers over what stands between << and >>, days like 2026-03-31. Then: "
        "refbus consent grant CASE --file THIS",
        "organisation": OrgId(to) if to else named,
        "state": placeholder("GIVEN or REFUSED"),
        "valid_until": placeholder(f"at most {day_text(gateway.now_ms() + policy.consent_max_days * DAY_MS)}"),
        "retain_until": placeholder("the day by which they must erase it"),
        "notice": {
            "notice_id": next(iter(sorted(policy.notices)), ""),
            "language": _one_of(sorted({lang for each in policy.notices.values() for lang in each.languages})),
        },
        "grantor": {"kind": _one_of(GrantorKind)},
        **_majority(age, rules_of(policy)),
        "assent": _one_of(Assent),
        "method": _one_of(Method),
        "interpreter": None,
        "informed": [placeholder(f"keep what was explained or asked: {', '.join(Informed)}")],
        "withdrawal_contact": placeholder("where the person can withdraw: a place or a line, no person's name"),
        "permit": [
            {
                "purposes": [case.purpose],
                "actions": [Action.DISCLOSE, Action.REPORT_BACK],
                "data_categories": categories(case),
            }
        ],
        "deny": [],
        "denied_recipients": [],
        "statistics": placeholder(
            "true or false: may they be counted in published numbers, without a name or anything that tells who it is? "
            "A no changes nothing else"
        ),
    }


def _majority(age: Age, rules: AgeRules) -> dict[str, str]:
    if not age.child:
        return {}
    known = None if age.majority_ms is None else day_text(age.majority_ms, rules.utc_offset_min)
    return {"majority_on": known or placeholder("the day on which the child comes of age, the latest that it can be")}


def _one_of(words: Iterable[str]) -> str:
    return placeholder(f"one of {', '.join(words)}")


def categories(case: CaseFile) -> list[DataCategory]:
    """Return the data categories that consent is asked for: those of the case, and what every referral speaks of."""
    return sorted({*case.categories, DataCategory.SERVICE_NEEDS})


def of_answers(case: CaseFile) -> list[DataCategory]:
    """Return the data categories that only answers speak of: where the person and the other organisation meet."""
    return [] if DataCategory.LOCATION_SAFE in case.categories else [DataCategory.LOCATION_SAFE]
