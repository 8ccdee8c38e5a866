"""Who may write to the audit topic: the key of a writer that was good when the broker logged its record."""

from __future__ import annotations

from refbus.core.directory import Organisation, SigningKey
from refbus.core.ids import KeyId, OrgId
from refbus.errors import Code, UncheckableError, UntrustedError


def writing_key(writer: Organisation, named: OrgId, kid: KeyId, logged_at_ms: int) -> SigningKey:
    """Return the key with this id of `writer`, whom the record names. The broker's time counts (UTC milliseconds).

    A stolen key can write any other time. Raises UncheckableError KEY_UNKNOWN; UntrustedError AUDIT_INVALID for the
    record of another writer, KEY_EXPIRED, KEY_REVOKED.
    """
    key = writer.signing_key(kid)
    if key is None:
        raise UncheckableError(Code.KEY_UNKNOWN, "signing key of an audit writer")
    if named != writer.org_id:
        raise UntrustedError(Code.AUDIT_INVALID)
    if not key.not_before_ms <= logged_at_ms < key.not_after_ms:
        raise UntrustedError(Code.KEY_EXPIRED)
    if key.compromised_since_ms is not None and key.compromised_since_ms <= logged_at_ms:
        raise UntrustedError(Code.KEY_REVOKED)
    return key
