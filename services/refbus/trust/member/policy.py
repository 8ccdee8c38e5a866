"""A country's target file `<cc>/policy.json`: strict JSON -> CountryPolicy; and its source for people, a TOML file.

Each residency rule carries where it comes from, the date of that source and whether anyone checked it, and the whole is
signed: law is data here (docs/operators/add-a-country.md).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from refbus.core.bounds import VERSION
from refbus.core.directory import Clock, CountryPolicy, Notice, Pace
from refbus.core.documents import read_toml
from refbus.core.ids import CountryCode, parse_country, parse_org_id
from refbus.core.placeholder import placeholders
from refbus.core.units import DAY_S, HOUR_S
from refbus.core.vocabulary import DataCategory, Priority, Residency, member
from refbus.errors import Code, MalformedError
from refbus.trust.canonical import Fields, dumps, loads, parse_hex

FORMAT = "refbus/policy/1"
MAX_QUORUM = 16
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_PAPER = re.compile(r"[A-Z][A-Z_]{1,39}")


@lru_cache(maxsize=256)
def parse_policy(content: bytes) -> CountryPolicy:
    """Return the policy that a target file states; the same bytes give the same answer. Raises MalformedError."""
    return _policy(loads(content))


def compile_policy(text: str) -> bytes:
    """Return the target file for a national policy written as TOML (keys/policies). Raises MalformedError."""
    value = read_toml(text)
    refuse_placeholders(value, "policy")
    content = dumps_policy({"format": FORMAT, **value})
    parse_policy(content)
    return content


def refuse_placeholders(value: dict[str, Any], where: str) -> None:
    """Raise MalformedError when a text that people wrote still has what a template printed for it."""
    for path in placeholders(value):
        raise MalformedError(Code.MALFORMED, f"{where}.{path}: has a template's words: write the answer")


def dumps_policy(value: dict[str, Any]) -> bytes:
    """Return the bytes of a policy's JSON object. Raises MalformedError for a value that JSON has no word for."""
    try:
        return dumps(value)
    except (TypeError, ValueError):
        raise MalformedError(Code.MALFORMED, "policy: only texts, integers, true and false, lists and tables") from None


def _policy(value: object) -> CountryPolicy:
    fields = Fields(value, "policy")
    fields.fixed("format", FORMAT)
    residency = Fields(fields.take("residency"), "residency")
    clocks = Fields(fields.take("clocks"), "clocks")
    notices = fields.items("notices", _notice)
    _limits(fields.take("scope"))
    travel = fields.items("travel", _travel) if "travel" in fields else ()
    life = fields.integer("max_message_life_hours", 24, 24 * 90)
    policy = CountryPolicy(
        country=parse_country(fields.text("country")),
        version=fields.bounded("version", VERSION),
        max_message_life_hours=life,
        message_life_hours=fields.integer("message_life_hours", 1, life),
        directory_grace_hours=fields.integer("directory_grace_hours", 1, 24 * 30),
        clock_skew_s=fields.integer("clock_skew_s", 1, HOUR_S),
        consent_max_days=fields.integer("consent_max_days", 1, 3_660),
        majority_age=fields.integer("majority_age", 16, 21),
        residency={category: _rule(residency.take(category.value), category) for category in DataCategory},
        clocks={priority: _clock(clocks.take(priority.value)) for priority in Priority},
        notices={notice.notice_id: notice for notice in notices},
        focal_point=parse_org_id(fields.text("focal_point")),
        pace=_pace(fields.take("pace")),
        emergency_disclosure=fields.flag("emergency_disclosure"),
        emergency_max_hours=fields.integer("emergency_max_hours", 1, 72),
        emergency_review_hours=fields.integer("emergency_review_hours", 1, 720),
        assent_age=fields.integer("assent_age", 0, 18),
        notify_subject=fields.flag("notify_subject"),
        utc_offset_min=fields.integer("utc_offset_min", -720, 840) if "utc_offset_min" in fields else 0,
        stamps=fields.integer("stamps", 1, 2) if "stamps" in fields else 1,
        certificate_waiver=fields.flag("certificate_waiver") if "certificate_waiver" in fields else False,
        travel_papers=dict(travel),
        audit_quorum=fields.integer("audit_quorum", 0, MAX_QUORUM),
    )
    for part in (residency, clocks, fields):
        part.done()
    if len(policy.notices) != len(notices):
        raise MalformedError(Code.MALFORMED, "policy.notices: an id appears twice")
    if len(policy.travel_papers) != len(travel):
        raise MalformedError(Code.MALFORMED, "policy.travel: a country appears twice")
    return policy


def _limits(value: object) -> None:
    """Check the statement of what the file is and is not; it is for readers, no decision uses it."""
    fields = Fields(value, "scope")
    fields.text("status", 400)
    fields.items("laws", lambda law: _source(Fields(law, "law")))
    fields.done()


def _source(fields: Fields) -> None:
    fields.text("source", 400)
    if not _DATE.fullmatch(fields.text("date")):
        raise fields.wrong("date", "a date such as 2026-03-26, 2026-03 or 2026 is needed")
    fields.flag("checked")
    fields.done()


def _rule(value: object, category: DataCategory) -> Residency:
    fields = Fields(value, f"residency.{category}")
    rule = member(Residency, fields.text("rule"))
    _source(fields)
    return rule


def _travel(value: object) -> tuple[CountryCode, frozenset[str]]:
    """Return a country, and the papers that suffice on the way to it beside those accepted everywhere."""
    fields = Fields(value, "travel")
    country, papers = parse_country(fields.text("country")), fields.texts("papers")
    if not all(_PAPER.fullmatch(paper) for paper in papers):
        raise fields.wrong("papers", "codes of refbus.TravelDocumentKind such as ID_CARD")
    _source(fields)
    return country, frozenset(papers)


def _clock(value: object) -> Clock:
    fields = Fields(value, "clock")
    clock = Clock(
        fields.integer("deliver_s", 1, 30 * DAY_S),
        fields.integer("decide_s", 1, 90 * DAY_S),
        fields.integer("expire_s", 1, 365 * DAY_S),
        fields.integer("step_s", 1, 30 * DAY_S),
    )
    fields.done()
    if clock.expire_s < clock.decide_s:
        raise fields.wrong("expire_s", "a referral cannot expire before its answer is due")
    return clock


def _pace(value: object) -> Pace:
    fields = Fields(value, "pace")
    months = fields.items("monitoring_months", _month)
    pace = Pace(
        fields.integer("reminder_percent", 1, 99),
        fields.integer("transfer_decide_s", 1, 90 * DAY_S),
        fields.integer("withdrawal_ack_s", 1, 90 * DAY_S),
        tuple(months),
        fields.integer("monitoring_grace_days", 0, 90),
        fields.integer("consent_warning_days", 1, 180),
    )
    fields.done()
    if list(pace.monitoring_months) != sorted(set(pace.monitoring_months)):
        raise fields.wrong("monitoring_months", "months in rising order, each once")
    return pace


def _month(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 60:
        raise MalformedError(Code.MALFORMED, "policy.pace.monitoring_months: whole months from 1 to 60")
    return value


def _notice(value: object) -> Notice:
    fields = Fields(value, "notice")
    notice = Notice(
        fields.text("notice_id", 64), parse_hex(fields.take("sha256"), 32, "sha256"), fields.texts("languages")
    )
    fields.done()
    return notice
