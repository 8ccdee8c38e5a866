"""Forms that were begun and not sent, sealed under the store key: one value for each person who writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from refbus.core.units import DAY_MS
from refbus.errors import Code, MalformedError
from refbus.said import said
from refbus_gateway.store.session import Transaction

MOST: Final = 20
"""Drafts of one person; when there are more, the one that was left for longest goes."""
MOST_BYTES: Final = 262_144
"""Largest draft."""
KEEP_MS: Final = 30 * DAY_MS
"""How long a draft stays that nobody goes on with."""
CASE: Final = "case"
"""The field of a draft that has the number of the case whose content it has."""
OF_REFERRAL: Final = "of_referral"
"""The field of a draft that has the number of the referral whose content it has, to refer the person on."""
_PLACE: Final = "drafts/"
Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as far as it was filled in. `revision` counts how often it was kept; `kept_ms`: the last time, ms UTC."""

    name: str
    fields: Fields = field(repr=False)
    revision: int
    kept_ms: int


def of(tx: Transaction, person: str, over_ms: int | None) -> dict[str, Draft]:
    """Return the drafts of a person by name, the oldest first, without those kept before `over_ms` (ms UTC).

    A damaged value is none: what is kept next takes its place.
    """
    kept = _read(tx, _name(tx, person))
    return {name: draft for name, draft in kept.items() if over_ms is None or draft.kept_ms >= over_ms}


def put(tx: Transaction, person: str, drafts: Mapping[str, Draft]) -> None:
    """Keep exactly these drafts of a person. Raises MalformedError TOO_LARGE."""
    _keep(tx, _name(tx, person), drafts)


def forget_over(tx: Transaction, over_ms: int | None) -> None:
    """Drop every draft that was kept before `over_ms` (ms UTC), of whoever: also of people who left."""
    if over_ms is not None:
        _forget(tx, lambda draft: draft.kept_ms < over_ms)


def forget_about(tx: Transaction, case: int, referrals: Collection[int]) -> None:
    """Drop every draft, of whoever, that has what a case says, in its field CASE or of one of its `referrals`."""
    about = {CASE: {str(case)}, OF_REFERRAL: {str(each) for each in referrals}}
    _forget(tx, lambda draft: any(named & set(draft.fields.get(name, ())) for name, named in about.items()))


def _forget(tx: Transaction, goes: Callable[[Draft], bool]) -> None:
    """Drop drafts of everybody; a value that cannot be read may be one of them, so it goes too."""
    for name in tx.names(_PLACE):
        kept = _read(tx, name)
        left = {each: draft for each, draft in kept.items() if not goes(draft)}
        if left != kept or not kept:
            _keep(tx, name, left)


def _read(tx: Transaction, name: str) -> dict[str, Draft]:
    return {each: Draft(each, *values) for each, values in (tx.get_sealed(name) or {}).items()}


def _keep(tx: Transaction, name: str, drafts: Mapping[str, Draft]) -> None:
    newest = sorted(drafts.values(), key=lambda each: each.kept_ms)[-MOST:]
    values = {each.name: [each.fields, each.revision, each.kept_ms] for each in newest}
    if any(len(json.dumps(each, ensure_ascii=False).encode()) > MOST_BYTES for each in values.values()):
        raise MalformedError(Code.TOO_LARGE, said("at most %(most)s bytes", most=MOST_BYTES))
    if values:
        tx.put_sealed(name, values)
    else:
        tx.drop(name)


def _name(tx: Transaction, person: str) -> str:
    return f"{_PLACE}{tx.vault.hash('drafts', person.encode()).hex()}"
