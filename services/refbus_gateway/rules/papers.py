"""Which documents suffice for the journey between this country and another, and what a record says of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.courses import travel_papers
from refbus.core.courses.travel_papers import EVERYWHERE
from refbus.core.ids import CountryCode, OrgId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.said import Said, joined, said
from refbus.wire.codelists import code_list
from refbus_gateway.forms.problems import Problem, Problems
from refbus_gateway.home.gateway import Gateway

_KINDS: Final = "refbus.TravelDocumentKind"
"""The code list of travel documents."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way between this country and another: the kinds of document that both policies accept."""

    country: CountryCode
    documents: tuple[str, ...]


def route_to(gateway: Gateway, org: OrgId) -> Route:
    """Return the way to the country of an organisation, as the newest directory has it, in force or not."""
    directory = gateway.newest_directory()
    found = directory.find(org) if directory else None
    if directory is None or found is None:
        return Route(gateway.country, EVERYWHERE)
    return Route(found.country, travel_papers.accepted(directory.policies, gateway.country, found.country))


def routes(gateway: Gateway) -> tuple[Route, ...]:
    """Return the way to every other country of the newest directory, in force or not, by country."""
    directory = gateway.newest_directory()
    if directory is None:
        return ()
    others = (country for country in directory.countries() if country != gateway.country)
    return tuple(Route(each, travel_papers.accepted(directory.policies, gateway.country, each)) for each in others)


def declared(event_type: EventType, payload: Mapping[str, Any]) -> str | None:
    """Return what the routing block says of the document in a payload; None for every other event."""
    issued = event_type is EventType.DOCUMENT_ISSUED
    return travel_papers.declared(event_type, payload["kind"]["code"]) if issued else None


def is_declared(gateway: Gateway, block: RoutingBlock, payload: Mapping[str, Any]) -> bool:
    """Whether the routing block says of a document what the payload does; a program from before the field says nothing.

    No gate has asked the policies about what is not said: it is taken where both accept the document.
    """
    kind = declared(block.event_type, payload)
    silent = block.travel_document is None and kind is not None
    return kind in route_to(gateway, block.sender).documents if silent else kind == block.travel_document


def check(gateway: Gateway, org: OrgId, fields: Mapping[str, Any], problems: Problems) -> None:
    """Note a document that is none between the two countries, with those that are."""
    kind, route = fields["kind"]["code"], route_to(gateway, org)
    if kind in route.documents:
        return
    told = said(
        "%(document)s: between %(country)s and %(other)s these are travel documents: %(accepted)s",
        document=_label(kind),
        country=gateway.country,
        other=route.country,
        accepted=joined(map(_label, route.documents)),
    )
    problems.add(Problem("kind", Code.GUARD_DOCUMENT_NOT_ACCEPTED, told))


def _label(kind: str) -> Said:
    return Said(code_list(_KINDS).codes.get(kind, kind), _KINDS)
