"""The rules that a gate applies to a return home alone: its departure, its papers, the hand-over of a child."""

from __future__ import annotations

from collections.abc import Iterator

from refbus.core.consent.rules import minor_until
from refbus.core.courses.guards import TAKEN_OVER_FIRST, escort_gap, gaps_from_facts
from refbus.core.courses.travel_papers import accepted
from refbus.core.gate.rules import Matter
from refbus.core.gate.verdicts import Point
from refbus.core.vocabulary import EventType
from refbus.errors import Code


def departure(case: Matter) -> Iterator[Code]:
    """Let a departure be authorised only when every guard is met that a gate can see. At ingress it is too late.

    A return that began as that of a child stays one until the child is of age, whatever a later consent leaves out.
    """
    if case.presented.block.event_type is EventType.DEPARTURE_AUTHORISED and case.point is Point.EGRESS:
        yield from gaps_from_facts(case.known.facts if case.known else (), minor=_is_minor(case))


def handover(case: Matter) -> Iterator[Code]:
    """Let the hand-over of a child be signed, and its return be closed, only when the escort's successor has said so.

    Plans are sealed: of others the offices know whether there is an escort.
    """
    if case.presented.block.event_type in TAKEN_OVER_FIRST and case.point is Point.EGRESS:
        yield from escort_gap(case.known.facts if case.known else ()) if _is_minor(case) else ()


def _is_minor(case: Matter) -> bool:
    evidence = case.presented.consent
    ends = (minor_until(evidence.record) if evidence else None, case.known.of_age_ms if case.known else None)
    return any(of_age_ms is not None and of_age_ms > case.now_ms for of_age_ms in ends)


def travel_paper(case: Matter) -> Iterator[Code]:
    """Let no paper count as a travel document that the policies of both countries do not name for this way."""
    kind, countries = case.presented.block.travel_document, (case.sender.country, case.recipient.country)
    if kind is not None and kind not in accepted(case.directory.policies, *countries):
        yield Code.GUARD_DOCUMENT_NOT_ACCEPTED
