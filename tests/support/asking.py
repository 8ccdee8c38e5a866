"""Short words for tests of the consent decision: one federation, one way to ask."""

from __future__ import annotations

from typing import Any

from refbus.core.consent.permit import decide
from refbus.core.consent.record import ConsentRecord, Decision, Evidence, Grantor, GrantorKind, KnownConsent, Request
from refbus.core.ids import ConsentId, CountryCode
from refbus.core.units import DAY_MS
from support.consents import (
    UNTIL_MS,
    disclosure,
    evidence,
)
from support.directories import NOW_MS, federation

FED = federation(("kz", "uz", "kg"))
POLICY = FED.directory.policies[CountryCode("kz")]
YEAR_MS = 365 * DAY_MS
OTHER_ID = ConsentId(bytes(16))


def ask(*records: ConsentRecord | Evidence, request: Request | None = None, at: int = NOW_MS, **known: Any) -> Decision:
    """Decide on records as if their collectors' signatures held."""
    proofs = [record if isinstance(record, Evidence) else evidence(record) for record in records]
    memory = KnownConsent(**known) if known else None
    return decide(request or disclosure(), proofs, FED.directory, POLICY, at, known=memory)


GUARDIAN = Grantor(GrantorKind.LEGAL_GUARDIAN, bytes(32), UNTIL_MS, conflict_checked=True)
UNKNOWN: Any = "FROM_A_NEWER_SCHEMA"
