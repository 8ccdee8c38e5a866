"""Writes a course event by event, as the two organisations of it would."""

from __future__ import annotations

from refbus.core.courses.course import CourseView, machine_for, state_of
from refbus.core.courses.facts import EventFact
from refbus.core.courses.machine import Role, Saying
from refbus.core.vocabulary import EventType
from support.consents import COLLECTOR, PARTY
from support.passages import event_id


class Course:
    """Events one after the other, each having seen the one before unless said otherwise."""

    def __init__(self, begins: EventType = EventType.REFERRAL_REQUESTED) -> None:
        """Start with what begins the course."""
        self.facts: list[EventFact] = []
        self.machine = machine_for(begins)
        self.add(begins)

    def add(
        self, kind: Saying, *, by: Role | None = None, after: str | None = "last", name: str | None = None
    ) -> Course:
        """Add an event, by the one organisation that may say it (the target when both may); `after`: what it saw."""
        role = by or (Role.TARGET if Role.TARGET in self.machine.table[kind].emitters else Role.SOURCE)
        sender, recipient = (COLLECTOR, PARTY) if role is Role.SOURCE else (PARTY, COLLECTOR)
        last = self.facts[-1].event_id if self.facts else None
        previous = last if after == "last" else event_id(after) if after else None
        number = len(self.facts)
        identity = event_id(name or f"{kind} {number}")
        self.facts.append(EventFact(identity, kind, sender, recipient, previous, 1000 + number))
        return self

    def follow(self, *kinds: EventType) -> Course:
        """Add several events."""
        for kind in kinds:
            self.add(kind)
        return self

    @classmethod
    def of(cls, course: Course, *more: EventFact) -> Course:
        """Return a copy, with more facts at the end."""
        made = cls()
        made.facts, made.machine = [*course.facts, *more], course.machine
        return made

    @property
    def view(self) -> CourseView:
        """The view that the events give."""
        return state_of(self.facts)
