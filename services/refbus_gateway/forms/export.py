"""A payload as the JSON that a person would have written: the way back from `values`, so that it can be edited."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.forms.values import FILE_KEY


def written(specs: Iterable[FieldSpec], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filled fields among `specs`; ids and hashes are left out, since they are computed again."""
    document: dict[str, Any] = {}
    for spec in specs:
        content = payload.get(spec.name)
        if spec.kind is Kind.ID or "hash_of" in spec.attributes or content in (None, [], "", {}):
            continue
        items = [_value(spec, item) for item in content] if spec.many else _value(spec, content)
        if items not in ({}, [{}]):
            document[FILE_KEY if spec.kind is Kind.FILE else spec.name] = items
    return document


def _value(spec: FieldSpec, content: Any) -> Any:
    match spec.kind:
        case Kind.RECORD:
            return written(spec.fields, content)
        case Kind.CODED:
            known, code = code_list(spec.code_list), content["code"]
            plain = content["code_list"] == known.name and content["code_list_version"] == known.version_of(code)
            return code if plain and code in known.codes else dict(content)
        case Kind.FILE:
            return base64.b64encode(content).decode()
        case _:
            return content
