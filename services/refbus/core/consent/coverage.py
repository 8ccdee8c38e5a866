"""Whether the provisions of one consent record cover a request. No wildcards: an empty list matches nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from refbus.core.consent.record import Effect, Provision, Request
from refbus.core.ids import CountryCode
from refbus.core.vocabulary import Action, DataCategory
from refbus.errors import Code

_UNCOVERED = frozenset(
    {
        Code.PURPOSE_NOT_COVERED,
        Code.ACTION_NOT_COVERED,
        Code.RECIPIENT_NOT_COVERED,
        Code.COUNTRY_NOT_COVERED,
    }
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the provisions say: the codes that stand in the way, and until when the cover lasts (ms UTC, exclusive)."""

    missing: frozenset[Code]
    until_ms: int


@dataclass(frozen=True, slots=True)
class _Item:
    """One action on one category: the smallest thing that a single PERMIT provision must cover entirely."""

    request: Request
    countries: frozenset[CountryCode]
    action: Action
    category: DataCategory | None  # None for an event that carries no data about the person
    now_ms: int

    def missing_in(self, provision: Provision) -> frozenset[Code]:
        onward = self.request.onward or self.action is Action.ONWARD_REFERRAL
        covered = {
            Code.PURPOSE_NOT_COVERED: self.request.purpose in provision.purposes,
            Code.ACTION_NOT_COVERED: self.action in provision.actions,
            Code.RECIPIENT_NOT_COVERED: self.request.party in provision.recipients,
            Code.COUNTRY_NOT_COVERED: self.countries.issubset(provision.countries),
            Code.CATEGORY_NOT_COVERED: self.category is None or self.category in provision.data_categories,
            Code.ONWARD_NOT_COVERED: provision.onward_transfer or not onward,
            Code.NOT_YET_VALID: provision.from_ms <= self.now_ms,
            Code.EXPIRED: self.now_ms < provision.until_ms,
        }
        return frozenset(code for code, ok in covered.items() if not ok)

    def cover(self, permits: Iterable[Provision]) -> Coverage:
        """Find the permit that lasts longest; without one, report what the nearest ones lack."""
        gaps = [(self.missing_in(provision), provision.until_ms) for provision in permits]
        full = [until_ms for missing, until_ms in gaps if not missing]
        if full:
            return Coverage(frozenset(), max(full))
        if not gaps:
            category = frozenset() if self.category is None else frozenset({Code.CATEGORY_NOT_COVERED})
            return Coverage(_UNCOVERED | category, 0)
        fewest = min(len(missing) for missing, _ in gaps)
        nearest = (missing for missing, _ in gaps if len(missing) == fewest)
        return Coverage(frozenset().union(*nearest), 0)


def coverage(
    request: Request, countries: frozenset[CountryCode], provisions: Iterable[Provision], now_ms: int
) -> Coverage:
    """Return what the PERMIT provisions cover at `now_ms`. Every action on every category needs one whole provision."""
    permits = [provision for provision in provisions if provision.effect is Effect.PERMIT]
    categories: Iterable[DataCategory | None] = request.categories or (None,)
    items = [
        _Item(request, countries, action, category, now_ms) for action in request.actions for category in categories
    ]
    covers = [item.cover(permits) for item in items]
    missing = frozenset[Code]().union(*(cover.missing for cover in covers))
    if not covers:
        missing = frozenset({Code.ACTION_NOT_COVERED})
    return Coverage(missing, min((cover.until_ms for cover in covers), default=0))


def denied(request: Request, countries: frozenset[CountryCode], provisions: Iterable[Provision], now_ms: int) -> bool:
    """Return whether a DENY provision touches any part of the request at `now_ms`, onward or not."""
    return any(
        provision.effect is Effect.DENY
        and request.purpose in provision.purposes
        and not request.actions.isdisjoint(provision.actions)
        and request.party in provision.recipients
        and not countries.isdisjoint(provision.countries)
        and not request.categories.isdisjoint(provision.data_categories)
        and provision.from_ms <= now_ms < provision.until_ms
        for provision in provisions
    )
