"""Bins of enrolments, `enrolments/<xx>.json`: many in one file, so that the list of the anchors has 256 lines at most.

An enrolment lies in the bin that the first byte of the SHA-256 of its id names. Its text is that of a file of its own
(`enrolment_file`), so whoever has found it there reads it as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from refbus.core.ids import OrgId, parse_org_id
from refbus.crypto.framing import sha256
from refbus.errors import Code, MalformedError
from refbus.said import said
from refbus.trust.canonical import Fields, dumps, loads
from refbus.trust.layout import ENROLMENTS

FORMAT: Final = "refbus/enrolments/1"
_PATH: Final = re.compile(rf"{ENROLMENTS}/[0-9a-f]{{2}}\.json", re.ASCII)


def bin_of(org_id: str) -> str:
    """Return the target path of the bin in which an organisation's enrolment lies."""
    return f"{ENROLMENTS}/{sha256(org_id.encode())[:1].hex()}.json"


def is_bin(path: str) -> bool:
    """Whether a target path is that of a bin."""
    return _PATH.fullmatch(path) is not None


def encode_bin(enrolments: Mapping[OrgId, bytes]) -> bytes:
    """Return the file of a bin with these enrolments, each as the bytes of a file of its own. Raises MalformedError."""
    held: dict[str, Any] = {org_id: loads(content) for org_id, content in enrolments.items()}
    return dumps({"format": FORMAT, "enrolments": held})


def parse_bin(path: str, content: bytes) -> dict[OrgId, bytes]:
    """Return the enrolments in a bin, each as the bytes of a file of its own; what they say is not looked at.

    Raises MalformedError: the form, or an id that lies in another bin.
    """
    fields = Fields(loads(content), "enrolments")
    fields.fixed("format", FORMAT)
    held = fields.take("enrolments")
    fields.done()
    if not isinstance(held, dict) or not all(isinstance(each, dict) for each in held.values()):
        raise fields.wrong("enrolments", said("not an object"))
    found = {parse_org_id(org_id): dumps(each) for org_id, each in held.items()}
    if any(bin_of(org_id) != path for org_id in found):
        raise MalformedError(Code.MALFORMED, said("a file is not the content that its name says"))
    return found


def differences(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[str]:
    """Return a line for everybody who is enrolled, changed or gone in bins, by path: their names do not say whom.

    Raises MalformedError.
    """
    was, will = _all(old), _all(new)
    signs = {org: "+" if org not in was else "-" if org not in will else "~" for org in {*was, *will}}
    return [f"  {signs[org]} enrolment of {org}" for org in sorted(signs) if was.get(org) != will.get(org)]


def _all(bins: Mapping[str, bytes]) -> dict[OrgId, bytes]:
    return {org_id: each for path, content in bins.items() for org_id, each in parse_bin(path, content).items()}
