"""A report that a computer with an organisation's keys is lost, which the organisation signs: `lost.json`.

Any of its listed signing keys may sign, a revoked one too: a report only ever takes keys away. A thief can make one as
well; so it is confirmed by telephone, and what it leads to can be begun without any (docs/spec/directory.md).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.directory import Organisation
from refbus.core.ids import KeyId, OrgId, parse_org_id
from refbus.crypto.signing import SigningPair, verify
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.said import said
from refbus.trust.canonical import Fields, dumps, loads, parse_hex
from refbus.trust.member.target_file import MAX_KEM_KEYS, MAX_SIGNING_KEYS, parse_signatures, signatures_mapping

FORMAT: Final = "refbus/lost/1"
_LABEL: Final = b"refbus/v1/keys-lost\0"
_MOST: Final = MAX_SIGNING_KEYS + MAX_KEM_KEYS


@dataclass(frozen=True, slots=True)
class Loss:
    """Whose keys are with others, since when (ms UTC), and which: signing keys and KEM epochs."""

    org_id: OrgId
    since_ms: int
    kids: tuple[KeyId, ...]


def make_report(loss: Loss, signer: SigningPair) -> bytes:
    """Return the file of a report."""
    body = _body(loss)
    signatures = signatures_mapping(signer.sign(_LABEL, dumps(body)))
    return dumps({**body, "signer": signer.kid.hex(), "signatures": signatures})


def parse_report(content: bytes) -> Loss:
    """Return what a file says, whoever wrote it. Raises MalformedError."""
    return _parsed(content)[0]


def check_report(content: bytes, organisation: Organisation) -> Loss:
    """Return what an organisation reported. Raises MalformedError, UntrustedError: not its own, or changed."""
    loss, signer, signatures = _parsed(content)
    key = organisation.signing_key(signer)
    if key is None or loss.org_id != organisation.org_id:
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a report that this organisation did not sign"))
    verify(key, _LABEL, dumps(_body(loss)), parse_signatures(signatures))
    return loss


def _body(loss: Loss) -> dict[str, Any]:
    kids = [kid.hex() for kid in sorted(set(loss.kids))]
    return {"format": FORMAT, "org_id": loss.org_id, "since_ms": loss.since_ms, "kids": kids}


def _parsed(content: bytes) -> tuple[Loss, KeyId, object]:
    fields = Fields(loads(content), "lost")
    fields.fixed("format", FORMAT)
    org_id, since_ms = parse_org_id(fields.text("org_id")), fields.time_ms("since_ms")
    kids = fields.items("kids", lambda value: KeyId(parse_hex(value, 16, "key id")), _MOST)
    signer, signatures = KeyId(fields.hexed("signer", 16)), fields.take("signatures")
    fields.done()
    if list(kids) != sorted(set(kids)) or not kids:
        raise MalformedError(Code.NOT_CANONICAL, said("lost: ids of keys are sorted and distinct, and some are there"))
    return Loss(org_id, since_ms, kids), signer, signatures


def of_keys(organisation: Organisation, since_ms: int, held: Collection[KeyId] = ()) -> Loss:
    """Return the loss of every key that the directory lists of an organisation, and of those that it `held` besides."""
    listed = [*(key.kid for key in organisation.signing_keys), *(key.kid for key in organisation.kem_keys)]
    return Loss(organisation.org_id, since_ms, tuple(sorted({*listed, *held})))
