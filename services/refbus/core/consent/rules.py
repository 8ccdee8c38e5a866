"""Whether one consent record is a valid word of the person now, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from refbus.core.consent.record import (
    SCHEMA_VERSION,
    Assent,
    ConsentRecord,
    ConsentState,
    Effect,
    GrantorKind,
    Informed,
    Method,
)
from refbus.core.directory import CountryPolicy, Directory
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code

_LONGEST_YEAR_MS = 366 * DAY_MS  # errs towards asking a child
_OF_CHILDREN_ONLY = frozenset({GrantorKind.PARENT, GrantorKind.LEGAL_GUARDIAN})


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when a decision is taken: the verified directory, the policy of this country, UTC ms."""

    directory: Directory
    policy: CountryPolicy
    now_ms: int

    def jurisdiction(self, record: ConsentRecord) -> CountryPolicy | None:
        """Return the policy under which the record was taken: that of its collector's country."""
        collector = self.directory.find(record.collected_by)
        return self.directory.policies.get(collector.country) if collector else None


def in_force(record: ConsentRecord, now_ms: int) -> bool:
    """Return whether `now_ms` is inside the record's validity `[from, until)`."""
    return record.valid_from_ms <= now_ms < record.valid_until_ms


def record_problems(record: ConsentRecord, setting: Setting) -> frozenset[Code]:
    """Return every reason why the record itself, as a GIVEN, cannot be relied on."""
    rules = (_form, _time, _lifetime, _grantor, _assent, _notice)
    return frozenset(chain.from_iterable(rule(record, setting) for rule in rules))


def are_members(kind: type, values: Iterable[object]) -> bool:
    """Return whether every value is a member of the closed list `kind` (equal text does not count)."""
    return set(map(type, values)) <= {kind}


def _known_values(record: ConsentRecord) -> bool:
    provisions = record.provisions
    return (
        record.schema_version == SCHEMA_VERSION
        and are_members(ConsentState, [record.state])
        and are_members(GrantorKind, [record.grantor.kind])
        and are_members(Assent, [record.assent])
        and are_members(Method, [record.method])
        and are_members(Informed, record.informed)
        and are_members(Effect, (p.effect for p in provisions))
        and are_members(Purpose, chain.from_iterable(p.purposes for p in provisions))
        and are_members(Action, chain.from_iterable(p.actions for p in provisions))
        and are_members(DataCategory, chain.from_iterable(p.data_categories for p in provisions))
    )


def _form(record: ConsentRecord, setting: Setting) -> Iterator[Code]:
    """Refuse to guess at a newer schema or list, and at a record that speaks of more than two organisations."""
    if not _known_values(record):
        yield Code.UNKNOWN_VALUE
    others = {recipient for p in record.provisions for recipient in p.recipients} - {record.party}
    collector = setting.directory.find(record.collected_by)
    elsewhere = collector is not None and collector.country != record.jurisdiction
    untimely = record.version < 1 or record.retain_until_ms <= record.valid_from_ms
    if others or elsewhere or untimely or record.collected_by == record.party:
        yield Code.MALFORMED
    if (record.prev_hash is None) != (record.version == 1):
        yield Code.CHAIN_BROKEN


def _time(record: ConsentRecord, setting: Setting) -> Iterator[Code]:
    """Demand validity now, and believe an answer from the future only within the tolerated clock difference."""
    ahead_ms = record.event_time_ms - setting.now_ms
    if setting.now_ms < record.valid_from_ms or ahead_ms > setting.policy.clock_skew_s * 1000:
        yield Code.NOT_YET_VALID
    if setting.now_ms >= record.valid_until_ms:
        yield Code.EXPIRED


def _lifetime(record: ConsentRecord, setting: Setting) -> Iterator[Code]:
    """Apply the shortest limit of all countries concerned, so that all four points of decision agree."""
    begins_ms = min(record.valid_from_ms, record.event_time_ms)
    members = (setting.directory.find(org) for org in (record.collected_by, record.party))
    policies = (setting.directory.policies.get(member.country) for member in members if member)
    limit_days = min(policy.consent_max_days for policy in (setting.policy, *filter(None, policies)))
    if record.valid_until_ms - begins_ms > limit_days * DAY_MS:
        yield Code.LIFETIME_EXCEEDS_POLICY


def minor_until(record: ConsentRecord) -> int | None:
    """Return when (ms UTC) the person who was a child when asked comes of age; None for one who was an adult."""
    majority_at_ms = record.majority_at_ms
    return majority_at_ms if majority_at_ms is not None and record.event_time_ms < majority_at_ms else None


def below_assent_age(of_age_ms: int, at_ms: int, years_left: int) -> bool:
    """Return whether whoever comes of age then (ms UTC) is at `at_ms` certainly too young to be asked.

    `years_left`: between the assent age of a country and majority.
    """
    return of_age_ms - at_ms > years_left * _LONGEST_YEAR_MS


def _grantor(record: ConsentRecord, setting: Setting) -> Iterator[Code]:
    """Let adults speak for themselves, and a child's guardian until majority: with evidence, an end, no conflict."""
    grantor, of_age_ms = record.grantor, minor_until(record)
    if grantor.kind is GrantorKind.SELF:
        if of_age_ms is not None:
            yield Code.GRANTOR_NOT_ENTITLED
        return
    out_of_place = grantor.kind in _OF_CHILDREN_ONLY if of_age_ms is None else setting.now_ms >= of_age_ms
    if out_of_place or grantor.authority_evidence is None or not grantor.conflict_checked:
        yield Code.GRANTOR_NOT_ENTITLED
    if grantor.authority_until_ms is None or setting.now_ms >= grantor.authority_until_ms:
        yield Code.GUARDIAN_AUTHORITY_EXPIRED


def _assent(record: ConsentRecord, setting: Setting) -> Iterator[Code]:
    """Demand the child's own yes as well; only below the assent age may the question be left out."""
    of_age_ms = minor_until(record)
    if of_age_ms is None or record.assent is Assent.GIVEN:
        return
    policy = setting.jurisdiction(record) or setting.policy
    too_young = below_assent_age(of_age_ms, record.event_time_ms, policy.majority_age - policy.assent_age)
    if record.assent is not Assent.NOT_REQUIRED or not too_young:
        yield Code.ASSENT_MISSING


def _notice(record: ConsentRecord, setting: Setting) -> Iterator[Code]:
    """Demand a text that the country recognises, word for word, in a language it exists in, explained in full."""
    policy = setting.jurisdiction(record)
    known = policy.notices.get(record.notice.notice_id) if policy else None
    if (
        known is None
        or known.sha256 != record.notice.notice_sha256
        or record.notice.language not in known.languages
        or not set(Informed).issubset(record.informed)
    ):
        yield Code.NOTICE_UNKNOWN
