"""A no on a form that cannot be taken as it is: who is refused is enough, the rest of the form can follow later.

Words of the form that nobody replaced, a date that cannot be read, a field that does not exist keep no no out. What
cannot be read as a form at all, or names nobody, says nothing: `refbus consent withdraw CASE --to ORGANISATION` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.core.ids import OrgId, parse_org_id
from refbus.core.times import read_moment
from refbus.errors import Code, MalformedError, RefbusError
from refbus.said import placed
from refbus_gateway.cases import casework
from refbus_gateway.consent import versions, withdrawals
from refbus_gateway.consent.withdrawals import Withdrawn
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases

_NOS: Final = frozenset({"REFUSED", "WITHDRAWN"})
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class FormNo:
    """What a form says no to. `org`: it may receive nothing. `denied`: they may never know anything.

    `child`: the no is that of a child beside its guardian. `said_ms`: when, if that could be read, in UTC ms.
    """

    org: OrgId | None = None
    denied: tuple[OrgId, ...] = ()
    child: bool = False
    said_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A no that was taken down without the rest of its form. `left_out`: what is wrong with the rest."""

    told: Withdrawn
    left_out: tuple[Problem, ...]


def read_no(data: bytes, to: OrgId | None = None, *, utc_offset_min: int = 0) -> FormNo:
    """Return the nos in a form, whatever else is wrong with it; `to` counts where the form names nobody.

    Where a field is given twice the no counts. Days are those of the country, as in `parse_consent`. Raises nothing.
    """
    document = _read(data)
    named = _org(document.get("organisation")) or to
    adult_no, child_no = _is_no(document.get("state")), _is_no(document.get("assent"))
    listed = document.get("denied_recipients")
    denied = filter(None, map(_org, listed if isinstance(listed, list) else [listed]))
    return FormNo(
        named if adult_no or child_no else None,
        tuple(sorted(set(denied))),
        child_no and not adult_no,
        _moment(document.get("said_at"), utc_offset_min),
    )


def note(gateway: Gateway, number: int, no: FormNo) -> int:
    """Write the nos of a form down, each in a transaction of its own; return how much is taken back unsent.

    They count from now on. A child's no is not among them: it is on the form of its guardian, and is taken down with
    it, or by `keep`. Raises RuleError CONSENT_FORM_OLD, KEY_DESTROYED, CASE_UNKNOWN.
    """
    taken_back = 0
    if no.org is not None and not no.child:
        with gateway.store.write() as tx:
            taken_back = versions.note_refusal(gateway, tx, cases.get(tx, number), no.org, no.said_ms)
    if no.denied:
        with gateway.store.write() as tx:
            casework.deny(tx, cases.get(tx, number), no.denied)
    return taken_back


def keep(gateway: Gateway, number: int, no: FormNo, taken_back: int, error: RefbusError) -> Taken | None:
    """Keep a no without the rest of its form, which `error` refused, and tell whoever has something of the case.

    None when the form says no to nobody. Raises as `note` does.
    """
    if no.org is None:
        return None
    if no.child:
        taken_back = note(gateway, number, FormNo(no.org, said_ms=no.said_ms))
    told = withdrawals.tell_refusal(gateway, number, no.org, taken_back)
    return Taken(told, _problems(error))


def _problems(error: RefbusError) -> tuple[Problem, ...]:
    if isinstance(error, CaseInvalidError):
        return error.problems
    return (Problem("", Code(error.code), placed(error.code, error.detail) if error.detail else error.code),)


def _is_no(value: Any) -> bool:
    return isinstance(value, str) and value.strip().upper() in _NOS


def _org(value: Any) -> OrgId | None:
    try:
        return parse_org_id(value.strip()) if isinstance(value, str) else None
    except MalformedError:
        return None


def _moment(value: Any, utc_offset_min: int) -> int | None:
    if not isinstance(value, str):
        return None
    return read_moment(value, utc_offset_min)


def _read(data: bytes) -> dict[str, Any]:
    """Return the object in a form, or an empty one; letters that are no UTF-8 do not count."""
    text = data.removeprefix(_BOM).decode("utf-8", "replace")
    try:
        document = read_json(text, object_pairs_hook=_safest)
    except MalformedError:
        return {}
    return document if isinstance(document, dict) else {}


def _safest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; of a field that is given twice the no counts, and lists are joined."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        before = found.get(name)
        if isinstance(before, list) and isinstance(value, list):
            found[name] = [*before, *value]
        elif not _is_no(before):
            found[name] = value
    return found
