"""The file in which a case-worker writes down what a person said: read strictly, nothing filled in by us.

{"format": "refbus-consent/1", "organisation": "uz-...", "state": "GIVEN", "said_at": "2026-03-01T10:00:00+05:00",
 "valid_until": "2026-09-01", "retain_until": "2027-03-01", "notice": {"notice_id": "...", "language": "uz"},
 "grantor": {"kind": "SELF"}, "assent": "NOT_REQUIRED", "method": "WRITTEN", "interpreter": false,
 "informed": ["PURPOSE", ...], "withdrawal_contact": "...",
 "permit": [{"purposes": [...], "actions": [...], "data_categories": [...]}], "deny": [], "denied_recipients": [],
 "statistics": true}

`statistics`: the person may be counted in published numbers, without identity. A permission of its own: without it, or
with false, the person is not counted and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from refbus.clock import CLOCK_SKEW_MS
from refbus.core.bounds import TIME_MS
from refbus.core.consent.record import (
    SCHEMA_VERSION,
    Assent,
    ConsentRecord,
    ConsentState,
    Effect,
    Grantor,
    GrantorKind,
    Informed,
    Method,
    NoticeRef,
    Provision,
)
from refbus.core.ids import ConsentId, CountryCode, OrgId, parse_org_id
from refbus.core.times import DAY, TIME, read_moment
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code, ConsentError, MalformedError
from refbus.said import Said, said
from refbus_gateway.forms.problems import Problems
from refbus_gateway.forms.text import printable, read_json
from refbus_gateway.forms.values import check_text, unknown_field
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store.cases import Counterpart

FORMAT: Final = "refbus-consent/1"
MOST_RETAINED_MS: Final = 5 * 366 * DAY_MS
"""The other side erases what it received at the latest so long after the consent ended: as long as gates remember."""
_LINE: Final = 3
"""Digits of the shortest line that anybody can call, as 112."""
_PLACE: Final = 4
_FIELDS: Final = (
    "format",
    "about",
    "help",
    "organisation",
    "state",
    "said_at",
    "valid_until",
    "retain_until",
    "notice",
    "grantor",
    "majority_on",
    "assent",
    "method",
    "interpreter",
    "informed",
    "withdrawal_contact",
    "permit",
    "deny",
    "denied_recipients",
    "statistics",
)
_RULE_FIELDS: Final = ("purposes", "actions", "data_categories", "onward_transfer")
_GRANTOR_FIELDS: Final = ("kind", "authority_evidence", "authority_until", "conflict_checked")
_Member = TypeVar("_Member", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that the person permits or denies."""

    effect: Effect
    purposes: tuple[Purpose, ...]
    actions: tuple[Action, ...]
    data_categories: tuple[DataCategory, ...]
    onward_transfer: bool


COUNTING: Final = Rule(Effect.PERMIT, (Purpose.STATISTICS_NON_IDENTIFYING,), (Action.DISCLOSE,), (), False)
"""Being counted in published numbers: of no kind of data, so that nothing may be told by it."""


@dataclass(frozen=True, slots=True)
class ConsentForm:
    """A consent file that is complete. Times in ms UTC. `denied_recipients` stay with us and are never sent."""

    organisation: OrgId
    state: ConsentState
    said_at_ms: int
    valid_until_ms: int
    retain_until_ms: int
    notice_id: str
    language: str
    grantor: Grantor
    majority_at_ms: int | None
    assent: Assent
    method: Method
    interpreter: bool
    informed: tuple[Informed, ...]
    withdrawal_contact: str
    rules: tuple[Rule, ...]
    denied_recipients: tuple[OrgId, ...]

    def record(self, gateway: Gateway, party: Counterpart, country: CountryCode) -> ConsentRecord:
        """Return the record for `party`, which is in `country`; id, version and chain are the caller's to set.

        Raises ConsentError NOTICE_UNKNOWN when our country's policy has no such text.
        """
        notice = gateway.rules().notices.get(self.notice_id)
        if notice is None:
            raise ConsentError((Code.NOTICE_UNKNOWN,), said("not a text of this country's policy"))
        return ConsentRecord(
            schema_version=SCHEMA_VERSION,
            consent_id=ConsentId(b""),
            version=0,
            prev_hash=None,
            subject_ref=party.subject_ref,
            party=party.org,
            state=self.state,
            event_time_ms=self.said_at_ms,
            valid_from_ms=self.said_at_ms,
            valid_until_ms=self.valid_until_ms,
            retain_until_ms=self.retain_until_ms,
            notice=NoticeRef(self.notice_id, notice.sha256, self.language),
            grantor=self.grantor,
            majority_at_ms=self.majority_at_ms,
            assent=self.assent,
            method=self.method,
            interpreter=self.interpreter,
            informed=self.informed,
            jurisdiction=gateway.country,
            collected_by=gateway.me,
            withdrawal_contact=self.withdrawal_contact,
            provisions=tuple(self._provision(rule, party.org, country) for rule in self.rules),
        )

    def _provision(self, rule: Rule, org: OrgId, country: CountryCode) -> Provision:
        return Provision(
            effect=rule.effect,
            purposes=rule.purposes,
            actions=rule.actions,
            recipients=(org,),
            countries=(country,),
            data_categories=rule.data_categories,
            onward_transfer=rule.onward_transfer,
            from_ms=self.said_at_ms,
            until_ms=self.valid_until_ms,
        )


def is_contact(text: str) -> bool:
    """Whether a text can say where a person takes consent back: a line has three digits, a place four letters."""
    return sum(map(str.isdigit, text)) >= _LINE or sum(map(str.isalpha, text)) >= _PLACE


def parse_consent(data: bytes, *, now_ms: int, utc_offset_min: int = 0) -> ConsentForm:
    """Return what a consent file says. Raises CaseInvalidError with every problem; nothing is defaulted.

    A missing `said_at` means now: the person is sitting there. Days are those of the country, so many minutes ahead of
    UTC.
    """
    reader = _Reader(read_json(data), utc_offset_min=utc_offset_min)
    reader.problems.refuse_placeholders(reader.values)
    reader.only(_FIELDS)
    if reader.values.get("format") != FORMAT:
        reader.problems.invalid("format", said('write "%(format)s"', format=FORMAT))
    notice, grantor = reader.nested("notice", ("notice_id", "language")), reader.nested("grantor", _GRANTOR_FIELDS)
    form = ConsentForm(
        organisation=reader.org("organisation"),
        state=reader.one(ConsentState, "state", ConsentState.GIVEN),
        said_at_ms=reader.moment("said_at") if "said_at" in reader.values else now_ms,
        valid_until_ms=reader.moment("valid_until"),
        retain_until_ms=reader.moment("retain_until"),
        notice_id=notice.text("notice_id"),
        language=notice.text("language"),
        grantor=_grantor(grantor),
        majority_at_ms=reader.moment("majority_on") if "majority_on" in reader.values else None,
        assent=reader.one(Assent, "assent", Assent.NOT_ASKED),
        method=reader.one(Method, "method", Method.WRITTEN),
        interpreter=reader.flag("interpreter"),
        informed=reader.many(Informed, "informed"),
        withdrawal_contact=reader.text("withdrawal_contact"),
        rules=(*reader.rules("permit", Effect.PERMIT), *reader.counting(), *reader.rules("deny", Effect.DENY)),
        denied_recipients=reader.orgs("denied_recipients"),
    )
    if form.withdrawal_contact.strip() and not is_contact(form.withdrawal_contact):
        reader.problems.invalid("withdrawal_contact", "Write where the person can take it back")
    if any(_asks_counting(rule) for rule in form.rules):
        reader.problems.invalid("permit", 'it is asked by itself: write "statistics": true in place of this purpose')
    if form.state is ConsentState.GIVEN and not any(_discloses(rule) for rule in form.rules):
        reader.problems.invalid("permit", "permits nothing: write what the person permits, or state REFUSED")
    if form.state is ConsentState.WITHDRAWN:
        reader.problems.invalid("state", "use `refbus consent withdraw`")
    reader.problems.raise_if_any()
    _check_times(form, now_ms, reader.problems)
    reader.problems.raise_if_any()
    return form


def _asks_counting(rule: Rule) -> bool:
    """Whether an entry of `permit` asks for what is asked by itself, even one written as COUNTING is."""
    wished = rule.effect is Effect.PERMIT and Purpose.STATISTICS_NON_IDENTIFYING in rule.purposes
    return wished and rule is not COUNTING


def _discloses(rule: Rule) -> bool:
    return rule.effect is Effect.PERMIT and rule != COUNTING


def _check_times(form: ConsentForm, now_ms: int, problems: Problems) -> None:
    """Note a time that is a slip of the hand: signed, no later answer could correct it for as long as it is off."""
    if form.said_at_ms > now_ms + CLOCK_SKEW_MS:
        problems.invalid("said_at", "is still to come: look at the date, or leave it out for now")
        return
    if form.state is not ConsentState.GIVEN:
        return  # a no needs no end
    if form.valid_until_ms <= form.said_at_ms:
        problems.invalid("valid_until", "is before it was said: look at the date")
    if not form.said_at_ms < form.retain_until_ms <= form.valid_until_ms + MOST_RETAINED_MS:
        problems.invalid("retain_until", "is before it was said, or more than five years after the end of the consent")


def _grantor(reader: _Reader) -> Grantor:
    kind = reader.one(GrantorKind, "kind", GrantorKind.SELF)
    if kind is GrantorKind.SELF:
        reader.only(("kind",))
        return Grantor(kind)
    return Grantor(
        kind,
        authority_evidence=reader.hexed("authority_evidence"),
        authority_until_ms=reader.moment("authority_until"),
        conflict_checked=reader.flag("conflict_checked"),
    )


class _Reader:
    """One JSON object of the file; what is wrong is noted, and a value of the right type stands in until the end."""

    def __init__(
        self, values: Mapping[str, Any], path: str = "", problems: Problems | None = None, utc_offset_min: int = 0
    ) -> None:
        self._utc_offset_min = utc_offset_min
        self.values = values
        self.problems = problems or Problems()
        self._path = path

    def only(self, names: Iterable[str]) -> None:
        known = set(names)
        for name in self.values.keys() - known:
            self.problems.invalid(self._path + printable(name), unknown_field(name, known))

    def nested(self, name: str, fields: Iterable[str]) -> _Reader:
        value = self.values.get(name)
        if not isinstance(value, dict):
            self.problems.invalid(self._path + name, said("write an object with %(fields)s", fields=", ".join(fields)))
            value = {}
        reader = _Reader(value, f"{self._path}{name}.", self.problems, self._utc_offset_min)
        reader.only(fields)
        return reader

    def text(self, name: str) -> str:
        return check_text(self.values.get(name), self._path + name, self.problems)

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        if not isinstance(value, bool):
            self.problems.invalid(self._path + name, "write true or false, without quotation marks")
        return value is True

    def hexed(self, name: str) -> bytes:
        value = self.values.get(name)
        try:
            content = bytes.fromhex(value if isinstance(value, str) else "")
        except ValueError:
            content = b""
        if len(content) != 32:
            self.problems.invalid(self._path + name, "write the SHA-256 of the document: 64 digits from sha256sum")
        return content

    def moment(self, name: str) -> int:
        """Return the beginning of a day of the country, or a time with its zone, in ms UTC."""
        value = self.values.get(name)
        text = value if isinstance(value, str) else ""
        found = read_moment(text, self._utc_offset_min)
        if found is None or not TIME_MS.holds(found):
            self.problems.invalid(self._path + name, said("write %(day)s, or %(time)s", day=Said(DAY), time=Said(TIME)))
            return TIME_MS.low
        return found

    def one(self, kind: type[_Member], name: str, stand_in: _Member) -> _Member:
        value = self.values.get(name)
        if value not in list(kind):
            self.problems.unknown(self._path + name, said("one of %(codes)s", codes=", ".join(kind)))
            return stand_in
        return kind(value)

    def many(self, kind: type[_Member], name: str) -> tuple[_Member, ...]:
        value = self.values.get(name)
        if not isinstance(value, list) or any(item not in list(kind) for item in value):
            self.problems.unknown(self._path + name, said("a list of %(codes)s", codes=", ".join(kind)))
            return ()
        return tuple(sorted({kind(item) for item in value}))

    def org(self, name: str) -> OrgId:
        try:
            return parse_org_id(self.text(name))
        except MalformedError:
            self.problems.invalid(self._path + name, "write an organisation id: find it with `refbus orgs find`")
            return OrgId("")

    def orgs(self, name: str) -> tuple[OrgId, ...]:
        value = self.values.get(name, [])
        if not isinstance(value, list):
            self.problems.invalid(self._path + name, "write a list of organisation ids")
            return ()
        return tuple(_Reader({name: item}, self._path, self.problems).org(name) for item in value)

    def rules(self, name: str, effect: Effect) -> tuple[Rule, ...]:
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.problems.invalid(self._path + name, "write a list of objects in curly brackets")
            return ()
        readers = [_Reader(item, f"{name}[{n}].", self.problems) for n, item in enumerate(value)]
        return tuple(reader.rule(effect) for reader in readers)

    def counting(self) -> tuple[Rule, ...]:
        return (COUNTING,) if "statistics" in self.values and self.flag("statistics") else ()

    def rule(self, effect: Effect) -> Rule:
        self.only(_RULE_FIELDS)
        return Rule(
            effect,
            self.many(Purpose, "purposes"),
            self.many(Action, "actions"),
            self.many(DataCategory, "data_categories"),
            self.flag("onward_transfer") if "onward_transfer" in self.values else False,
        )
