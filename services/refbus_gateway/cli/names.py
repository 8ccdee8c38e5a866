"""What people type to name something: an organisation, an officer, a day."""

from __future__ import annotations

from datetime import date

from refbus.core.ids import OrgId, parse_org_id
from refbus.errors import Code, MalformedError, SetupError, UncheckableError
from refbus.said import said


def organisation_named(text: str) -> OrgId:
    """Return the organisation that was typed. Raises UncheckableError ORGANISATION_UNKNOWN for what no id can be."""
    try:
        return parse_org_id(text)
    except MalformedError:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, said("an organisation id looks like uz-4f7k2m9q")) from None


def day_named(text: str) -> date:
    """Return the day that was typed, as people write it. Raises SetupError USAGE."""
    from refbus.core.times import read_typed_day  # late: most commands need none of it

    found = read_typed_day(text)
    if found is None:
        raise SetupError(Code.USAGE, said("a day is written like 2026-11-30"))
    return found
