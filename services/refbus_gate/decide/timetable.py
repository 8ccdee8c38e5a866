"""What the store keeps of a course's deadlines, and when to look at it next: planned with every decision."""

from __future__ import annotations

import json
from dataclasses import dataclass

from refbus.core.courses.course import state_of
from refbus.core.courses.deadlines import Step, steps_of
from refbus.core.directory import CountryPolicy, Directory
from refbus.core.gate.passage import KnownReferral
from refbus.core.ids import CountryCode, OrgId, ReferralId
from refbus.node.store.rows import DeadlineRow
from refbus_gate.decide.state import KEEP_MS, StepId, View


@dataclass(frozen=True, slots=True)
class Timetable:
    """What the store keeps of a course's deadlines."""

    referral_id: ReferralId
    told: frozenset[StepId]

    def encode(self) -> bytes:
        """Return the bytes to be sealed."""
        return json.dumps([self.referral_id.hex(), sorted(self.told)], separators=(",", ":")).encode()

    @classmethod
    def parse(cls, data: bytes) -> Timetable:
        """Return what `encode` wrote."""
        referral_id, told = json.loads(data)
        steps = frozenset((str(kind), int(number), int(due), int(level)) for kind, number, due, level in told)
        return cls(ReferralId(bytes.fromhex(referral_id)), steps)


def step_id(step: Step) -> StepId:
    """Return what makes a step the same one again."""
    return step.kind.value, step.number, step.due_ms, step.level.value


def planned(view: View, directory: Directory, now_ms: int) -> list[DeadlineRow]:
    """Return the rows of the courses that this transaction changed."""
    rows = []
    for referral_id, key, kept, told_now in view.touched():
        before = Timetable(referral_id, frozenset()) if kept is None else Timetable.parse(kept)
        after = Timetable(referral_id, before.told | told_now)
        known = view.referral(referral_id)
        steps = () if known is None else steps_in(known, directory)
        next_ms = min((step.at_ms for step in steps if step_id(step) not in after.told), default=None)
        rows.append(DeadlineRow(key, next_ms, now_ms + KEEP_MS, after.encode()))
    return rows


def steps_in(known: KnownReferral, directory: Directory) -> tuple[Step, ...]:
    """Return the steps of a course by the policy of its source's country; none before that is known."""
    view = state_of(known.facts)
    policy = policy_of(view.source, directory)
    return () if policy is None else steps_of(known.facts, policy, view)


def policy_of(org: OrgId | None, directory: Directory) -> CountryPolicy | None:
    """Return the policy of an organisation's country."""
    country = country_of(org, directory)
    return None if country is None else directory.policies.get(country)


def country_of(org: OrgId | None, directory: Directory) -> CountryCode | None:
    """Return the country of an organisation."""
    found = None if org is None else directory.find(org)
    return None if found is None else found.country
