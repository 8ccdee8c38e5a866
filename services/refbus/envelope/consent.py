"""From the signed consent record that rides in a routing block to evidence that decisions can weigh."""

from __future__ import annotations

import threading

from refbus.core.consent.record import ConsentState, Evidence, SignedConsent
from refbus.core.directory import Directory, SigningKey
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_CONSENT, Signatures, verify
from refbus.errors import UntrustedError
from refbus.wire.consent import decode_signed


class EvidenceCache:
    """Consent records whose signatures were checked: the same record is weighed with every event of a case.

    Known by the SHA-256 of the bytes and the version of the directory, so a key that is revoked counts with the version
    that revokes it. Bounded in number and in bytes of the records as received: who sends large ones takes no memory of
    others. Any number of threads may ask.
    """

    MOST = 4096
    MOST_BYTES = 8 << 20

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], Evidence] = {}
        self._lock = threading.Lock()
        self.size = 0

    def evidence_of(self, data: bytes, directory: Directory) -> Evidence:
        """Return the evidence in a SignedConsent under this version of the directory. Raises MalformedError."""
        key = (sha256(data), directory.version)
        found = self._known.get(key)
        if found is None:
            found = evidence_of(data, directory)
            with self._lock:
                if len(self._known) >= self.MOST or self.size + len(data) > self.MOST_BYTES:
                    self._known.clear()
                    self.size = 0
                self._known[key] = found
                self.size += len(data)
        return found


def evidence_of(data: bytes, directory: Directory) -> Evidence:
    """Return what the SignedConsent in `data` says and whether its signatures hold.

    They hold when the signer's key in `directory` is not revoked (a stolen key can date anything back), was in its term
    at the time of the record, and both signatures verify. A no needs no term: it may be signed with a newer key than
    the person's organisation had when it was said. Raises MalformedError for bytes that are no record.
    """
    signed = decode_signed(data)
    return Evidence(
        record=signed.record,
        record_sha256=sha256(signed.record_bytes),
        signer=signed.signer,
        signature_ok=_holds(signed, _key(signed, directory)),
    )


def _key(signed: SignedConsent, directory: Directory) -> SigningKey | None:
    signer = directory.find(signed.signer)
    return None if signer is None else signer.signing_key(signed.signer_kid)


def _holds(signed: SignedConsent, key: SigningKey | None) -> bool:
    if key is None or key.compromised_since_ms is not None:
        return False
    if signed.record.state is ConsentState.GIVEN and not key.usable_at(signed.record.event_time_ms):
        return False
    try:
        verify(key, LABEL_CONSENT, signed.record_bytes, Signatures(signed.ed25519, signed.mldsa65))
    except UntrustedError:
        return False
    return True
