"""Forms of payload values that Avro cannot say: dates, telephone numbers, members of a vocabulary, hashes of files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from refbus.core.ids import parse_org_id
from refbus.core.vocabulary import DataCategory, member
from refbus.errors import Code, MalformedError
from refbus.wire.fields import FieldSpec, Kind

MAX_ITEMS = 200
"""Most entries of any list in a payload."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,31}")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_REFERENCE = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9._/-]{0,39}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTIAL_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


def _is_real_date(text: str) -> bool:
    try:
        date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        return False
    return True


def _is_org_id(text: str) -> bool:
    try:
        parse_org_id(text)
    except MalformedError:
        return False
    return True


FORMATS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "date": (lambda text: bool(_DATE.fullmatch(text)) and _is_real_date(text), "a date like 2026-03-31 or 31.3.2026"),
    "partial_date": (
        lambda text: bool(_PARTIAL_DATE.fullmatch(text)) and _is_real_date(text),
        "a date like 2026-03-31 or 31.3.2026, 2026-03 or 2026",
    ),
    "e164": (lambda text: bool(_E164.fullmatch(text)), "an E.164 number like +77000000000, without spaces"),
    "media_type": (lambda text: bool(_MEDIA_TYPE.fullmatch(text)), "a media type like application/pdf"),
    "reference": (
        lambda text: bool(_REFERENCE.fullmatch(text)),
        "a reference of at most 40 letters, digits and - . _ / with no blank and no name, like A-2026/117",
    ),
    "org_id": (_is_org_id, "an organisation id like kz-4f7k2m9q"),
}
"""Each `format` of the schemas: how it is checked, and how it is described to a person."""


def check_forms(specs: Iterable[FieldSpec], value: Mapping[str, Any], path: str = "") -> None:
    """Refuse a payload with a value of the wrong form. Raises MalformedError naming the path, never the value."""
    for spec in specs:
        content = value.get(spec.name)
        where = path + spec.name
        if spec.many:
            _check_length(spec, content or (), where)
        for item in (content or ()) if spec.many else () if content is None else (content,):
            if spec.kind is Kind.RECORD:
                check_forms(spec.fields, item, where + ".")
            else:
                _check_leaf(spec, item, value, where)
        if "required_when" in spec.attributes and not content:
            _check_required(spec.attributes["required_when"], value, where)


def _check_length(spec: FieldSpec, items: Any, where: str) -> None:
    if not spec.attributes.get("min_items", 0) <= len(items) <= MAX_ITEMS:
        raise MalformedError(Code.MALFORMED, f"{where}: number of entries")


def _check_leaf(spec: FieldSpec, item: Any, parent: Mapping[str, Any], where: str) -> None:
    if spec.kind is Kind.CODED:
        _check_coded(item, where)
    elif spec.kind is Kind.TEXT:
        _check_text(spec, item, where)
    elif "hash_of" in spec.attributes and hashlib.sha256(parent[spec.attributes["hash_of"]]).digest() != item:
        raise MalformedError(Code.MALFORMED, f"{where}: not the hash of the file")


def _check_coded(item: Mapping[str, str], where: str) -> None:
    if not (_CODE.fullmatch(item["code"]) and _CODE.fullmatch(item["code_list"])):
        raise MalformedError(Code.MALFORMED, f"{where}: form of the code")
    if not _VERSION.fullmatch(item["code_list_version"]):
        raise MalformedError(Code.MALFORMED, f"{where}: form of the version")


def _check_text(spec: FieldSpec, item: str, where: str) -> None:
    if spec.attributes.get("values") == "DataCategory":
        member(DataCategory, item)
    name = spec.attributes.get("format")
    if name is not None and not FORMATS[name][0](item):
        raise MalformedError(Code.MALFORMED, f"{where}: not {FORMATS[name][1]}")


def _check_required(condition: Mapping[str, str], parent: Mapping[str, Any], where: str) -> None:
    """Refuse a reason left out where another field's value makes it compulsory."""
    other = parent[condition["field"]]
    if (other["code"] if isinstance(other, dict) else other) == condition["value"]:
        raise MalformedError(Code.REASON_REQUIRED, where)
