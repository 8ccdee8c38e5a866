"""Notices: what a gate tells one organisation, sealed so that only it can read them.

SealedNotice = stanza || box over pad(LP(GateNotice) || LP(Ed25519 signature)), at least 1 KiB once padded. The
signature covers notice and organisation, so a notice shown to another organisation is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from refbus.core.directory import SigningKey
from refbus.core.ids import KeyId, OrgId
from refbus.crypto.framing import lp, sha256, split_lp
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.padding import pad_padme, unpad_padme
from refbus.crypto.sealed import Sealed, open_sealed, seal_for
from refbus.crypto.signing import LABEL_NOTICE, SigningPair, sign_ed25519, verify_ed25519
from refbus.crypto.stanza import Box
from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.wire.transport import GateNotice, SealedNotice

NOTICE_MINIMUM: Final = 1024
"""Bytes of the smallest notice plaintext: receipt, refusal and heartbeat look alike."""

GateKeys = Callable[[OrgId, KeyId], SigningKey | None]
"""Returns the signing key with this id if the organisation is a gate and the key may still be used, else None."""


def seal_notice(notice: GateNotice, org: OrgId, org_public: bytes, pair: SigningPair) -> bytes:
    """Return a SealedNotice for `org`, whose public KEM key is `org_public` (1216 bytes), signed by the gate's `pair`.

    Raises UntrustedError KEY_INVALID, MalformedError.
    """
    encoded = notice.encode()
    signature = sign_ed25519(pair, LABEL_NOTICE, encoded + org.encode())
    plaintext = pad_padme(lp(encoded) + lp(signature), NOTICE_MINIMUM)
    sealed = seal_for(Box.NOTICE, KemPublic.parse(org_public), sha256(org.encode()), plaintext)
    return SealedNotice(sealed.stanza, sealed.box).encode()


def open_notice(data: bytes, me: OrgId, keys: Sequence[KemPrivate], gate_keys: GateKeys) -> GateNotice:
    """Return the notice in a SealedNotice for `me`, signed by a gate.

    Raises UntrustedError OPEN_FAILED, UncheckableError KEY_UNKNOWN (no such gate or key), MalformedError.
    """
    parsed = SealedNotice.parse(data)
    plaintext = _open(Sealed(parsed.stanza, parsed.box), me, keys)
    try:
        encoded, signature = split_lp(unpad_padme(plaintext, NOTICE_MINIMUM), 2)
    except MalformedError:
        raise UntrustedError(Code.OPEN_FAILED) from None
    notice = GateNotice.parse(encoded)
    key = gate_keys(notice.from_gate, notice.kid)
    if key is None:
        raise UncheckableError(Code.KEY_UNKNOWN, "signing key of a gate")
    try:
        verify_ed25519(key, LABEL_NOTICE, encoded + me.encode(), signature)
    except UntrustedError:
        raise UntrustedError(Code.OPEN_FAILED) from None
    return notice


def _open(sealed: Sealed, me: OrgId, keys: Sequence[KemPrivate]) -> bytes:
    for key in keys:
        try:
            return open_sealed(Box.NOTICE, key, sha256(me.encode()), sealed)
        except UntrustedError:
            continue
    raise UntrustedError(Code.OPEN_FAILED)
