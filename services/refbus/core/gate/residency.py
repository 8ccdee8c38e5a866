"""What a country's policy says of data about its people that would leave it."""

from __future__ import annotations

from collections.abc import Iterable

from refbus.core.directory import CountryPolicy
from refbus.core.ids import CountryCode
from refbus.core.vocabulary import DataCategory, Residency
from refbus.errors import Code


def residency_problems(
    policy: CountryPolicy, categories: Iterable[DataCategory], destination: CountryCode
) -> tuple[Code, ...]:
    """Return why the categories may not go to `destination`, sorted; empty when they may, or stay in the country.

    A category that the policy does not mention stays. CROSS_BORDER_WITH_SCC needs a contract between the two countries
    as legal basis, and no such basis can be shown yet. Consent is decided apart.
    """
    if destination == policy.country:
        return ()
    rules = {policy.residency.get(category, Residency.LOCAL_ONLY) for category in categories}
    return tuple(sorted({_PROBLEM[rule] for rule in rules - {Residency.CROSS_BORDER_WITH_CONSENT}}))


_PROBLEM = {
    Residency.LOCAL_ONLY: Code.RESIDENCY_FORBIDDEN,
    Residency.FORBIDDEN: Code.RESIDENCY_FORBIDDEN,
    Residency.CROSS_BORDER_WITH_SCC: Code.LEGAL_BASIS_REQUIRED,
}
