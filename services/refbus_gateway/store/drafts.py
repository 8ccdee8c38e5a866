"""Forms that were begun and not sent, sealed under the store key: one value for each person who writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from refbus.core.documents import read_json
from refbus.core.units import DAY_MS
from refbus.errors import Code, MalformedError, RowError
from refbus_gateway.store.session import Transaction

MOST: Final = 20
"""Drafts of one person; when there are more, the one that was left for longest goes."""
MOST_BYTES: Final = 262_144
"""Largest draft."""
KEEP_MS: Final = 30 * DAY_MS
"""How long a draft stays that nobody goes on with."""
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
    name = _name(tx, person)
    sealed = tx.get(name)
    if sealed is None:
        return {}
    try:
        kept = read_json(tx.vault.open(name.encode(), sealed).decode())
    except RowError:
        return {}
    found = (Draft(each, *values) for each, values in kept.items())
    return {each.name: each for each in found if over_ms is None or each.kept_ms >= over_ms}


def put(tx: Transaction, person: str, drafts: Mapping[str, Draft]) -> None:
    """Keep exactly these drafts of a person. Raises MalformedError TOO_LARGE."""
    name, newest = _name(tx, person), sorted(drafts.values(), key=lambda each: each.kept_ms)[-MOST:]
    values = {each.name: [each.fields, each.revision, each.kept_ms] for each in newest}
    if any(len(json.dumps(each, ensure_ascii=False).encode()) > MOST_BYTES for each in values.values()):
        raise MalformedError(Code.TOO_LARGE, f"a draft of more than {MOST_BYTES} bytes")
    if values:
        tx.put(name, tx.vault.seal(name.encode(), json.dumps(values, ensure_ascii=False).encode()))
    else:
        tx.drop(name)


def _name(tx: Transaction, person: str) -> str:
    return f"drafts/{tx.vault.hash('drafts', person.encode()).hex()}"
