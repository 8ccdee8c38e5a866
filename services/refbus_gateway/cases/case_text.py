"""What the worker wrote in an own case: its file, the number of it, what it is looked for by. It changes none."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from refbus.each import each
from refbus_gateway.forms.text import read_json
from refbus_gateway.store import cases
from refbus_gateway.store.session import Transaction


def file_numbers(tx: Transaction, numbers: Iterable[int]) -> dict[int, str]:
    """Return the worker's own file number of each of these cases that has one, by the number of the case here.

    A case that cannot be read hides no other: its trouble is told where the case itself is shown.
    """
    bodies = cases.own_bodies(tx, numbers)
    found = dict(each(bodies.items(), lambda one: (one[0], _file_number(one[1])), lambda *_: None))
    return {case: number for case, number in found.items() if number is not None}


def sought_by(bodies: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """Return what each of these cases is looked for by: file number, names, further names and spellings, a line each.

    `bodies`: as of `cases.own_bodies`. A case that cannot be read hides no other.
    """
    found = dict(each(bodies.items(), lambda one: (one[0], _sought(one[1])), lambda *_: None))
    return {case: text for case, text in found.items() if text}


def document_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the case file in the body of an own case, as it was written."""
    found: Mapping[str, Any] = read_json(base64.b64decode(body["file"]))
    return found


def _sought(body: Mapping[str, Any]) -> str:
    document = document_of(body)
    person = document.get("person") or {}
    name = " ".join(filter(None, (person.get("prs_FirstName"), person.get("prs_SecondName"))))
    reversed_ = " ".join(filter(None, (person.get("prs_SecondName"), person.get("prs_FirstName"))))
    others = (*(person.get("other_names") or ()), *(person.get("spellings") or ()))
    return "\n".join(filter(None, (document.get("file_number"), name, reversed_, *others)))


def file_number(tx: Transaction, number: int) -> str | None:
    """Return the worker's own file number of one case, None where it has none or cannot be read."""
    return file_numbers(tx, [number]).get(number)


def _file_number(body: dict[str, Any]) -> str | None:
    number: str | None = document_of(body).get("file_number")
    return number
