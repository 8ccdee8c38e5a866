"""What people type to name something: an organisation, an officer."""

from __future__ import annotations

from refbus.core.ids import OrgId, parse_org_id
from refbus.errors import Code, MalformedError, UncheckableError
from refbus.said import said


def organisation_named(text: str) -> OrgId:
    """Return the organisation that was typed. Raises UncheckableError ORGANISATION_UNKNOWN for what no id can be."""
    try:
        return parse_org_id(text)
    except MalformedError:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, said("an organisation id looks like uz-4f7k2m9q")) from None
