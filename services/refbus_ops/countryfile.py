"""A new country written down in one short file, and the national policy that follows from it.

country = "tj"
label = "Tajikistan"
languages = ["ru", "tg"]          # of the country's offices: the notice for consent must be there in each
like = "kz"                       # the country whose numbers count where [policy] says nothing
focal_point = "tj-agency01"
log = "audit.tj.example"          # the name of the audit log, for ever

[policy]                          # any value of keys/policies/<cc>.toml but rules and laws
utc_offset_min = 300

[rule]                            # what may leave the country, for each category that [rules] does not name
rule = "CROSS_BORDER_WITH_CONSENT"
source = "..."
date = "2018-08-03"
checked = false

[rules.PHOTO_BIOMETRIC]           # as [rule]
[[laws]]                          # source, date, checked
[[travel]]                        # country, papers that suffice on the way there; source, date, checked
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbus.core.documents import read_toml
from refbus.core.ids import CountryCode, parse_country
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, MalformedError
from refbus.files import read_limited
from refbus.resources import countries, data_dir
from refbus.trust.canonical import Fields
from refbus.trust.member.audit_keys import check_log_name
from refbus.trust.member.policy import FORMAT, dumps_policy, parse_policy, refuse_placeholders

_MOST_BYTES = 262_144
_OWN = frozenset({"country", "version", "focal_point", "residency", "scope", "travel"})
"""What a country says for itself: no word of another country's law is taken over."""


@dataclass(frozen=True, slots=True)
class CountryFile:
    """What one file says of a new country. `policy` are the bytes that the directory will list."""

    country: CountryCode
    label: str
    languages: tuple[str, ...]
    log: str
    policy: bytes


def read_country(path: Path, focal_point: str | None = None) -> CountryFile:
    """Return what a file says; `focal_point` goes before its own.

    Raises SetupError FILE_UNREADABLE, MalformedError naming what is wrong.
    """
    try:
        text = read_limited(path, _MOST_BYTES).decode()
    except UnicodeDecodeError:
        raise MalformedError(Code.MALFORMED, f"{path.name}: not UTF-8") from None
    value = read_toml(text) | ({"focal_point": focal_point} if focal_point else {})
    refuse_placeholders(value, "country")
    fields = Fields(value, "country")
    country, label = parse_country(fields.text("country")), fields.text("label", 80)
    languages = tuple(fields.texts("languages"))
    log = fields.text("log", 200)
    check_log_name(log)
    policy = _policy(country, languages, fields)
    fields.done()
    return CountryFile(country, label, languages, log, policy)


def _policy(country: CountryCode, languages: tuple[str, ...], fields: Fields) -> bytes:
    like = fields.text("like", 2)
    if like not in countries():
        raise fields.wrong("like", f"a country whose policy is here: {', '.join(countries())}")
    numbers = read_toml((data_dir("keys") / "policies" / f"{like}.toml").read_text(encoding="utf-8"))
    own = fields.take("policy") if "policy" in fields else {}
    if not isinstance(own, dict) or _OWN & set(own):
        raise fields.wrong("policy", f"a table without {', '.join(sorted(_OWN))}")
    rules = fields.take("rules") if "rules" in fields else {}
    rule = fields.take("rule")
    if not isinstance(rules, dict) or not set(rules) <= set(DataCategory):
        raise fields.wrong("rules", "a table of data categories")
    status = "Development profile, not reviewed by counsel"
    made: Mapping[str, Any] = {
        "format": FORMAT,
        **{name: value for name, value in numbers.items() if name not in _OWN},
        **own,
        "country": country,
        "version": 1,
        "focal_point": fields.text("focal_point"),
        "residency": {category.value: rules.get(category.value, rule) for category in DataCategory},
        "scope": {"status": status, "laws": fields.take("laws") if "laws" in fields else []},
    }
    if "travel" in fields:
        made = {**made, "travel": fields.take("travel")}
    content = dumps_policy(dict(made))
    policy = parse_policy(content)
    for notice in policy.notices.values():
        missing = sorted(set(languages) - set(notice.languages))
        if missing:
            raise fields.wrong("languages", f"the notice {notice.notice_id} is not there in {', '.join(missing)}")
    return content
