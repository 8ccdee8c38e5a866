"""Which documents are travel documents on the way between two countries (Palermo Protocol, Art. 8(4); domain.md 4.4).

Three kinds are accepted everywhere. Any other kind counts where the policies of both countries name it for this way, so
a further country or a new agreement is data. Gates and offices ask the same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from refbus.core.directory import CountryPolicy
from refbus.core.ids import CountryCode
from refbus.core.vocabulary import EventType

EVERYWHERE: Final = ("PASSPORT", "RETURN_CERTIFICATE", "LAISSEZ_PASSER")
"""Kinds that no policy has to name."""


def accepted(policies: Mapping[CountryCode, CountryPolicy], one: CountryCode, other: CountryCode) -> tuple[str, ...]:
    """Return the kinds of document that suffice between two countries, those that do so everywhere first."""
    here, there = policies.get(one), policies.get(other)
    if here is None or there is None:
        return EVERYWHERE
    nothing: frozenset[str] = frozenset()
    both = here.travel_papers.get(other, nothing) & there.travel_papers.get(one, nothing)
    return (*EVERYWHERE, *sorted(both - set(EVERYWHERE)))


def declared(event_type: EventType, kind: str | None) -> str | None:
    """Return what the routing block says of a document for gates: its kind where it is not accepted everywhere."""
    return kind if event_type is EventType.DOCUMENT_ISSUED and kind not in EVERYWHERE else None
