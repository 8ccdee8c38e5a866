"""The private keys of the ceremony: TUF signing keys of anchors, countries and the online roles, each its own key file.

    anchors/<cc>.key  delegations/<cc>.key  online/snapshot.key  online/timestamp.key     label "tuf <folder> <name>"

They are outside the checkout, and anchors and delegations are on different machines in different countries.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, SSlibKey

from refbus.crypto import keyfile
from refbus.crypto.signing import check_public_keys
from refbus.errors import Code, SetupError
from refbus.trust.canonical import Fields, b64, dumps, loads

PUBLIC = "refbus/tuf-key/1"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,60}", re.ASCII)


def create_key(path: Path, passphrase: str, *, memory_kib: int = keyfile.MEMORY_KIB) -> CryptoSigner:
    """Make a new Ed25519 key, write it encrypted to `path`, and return its signer.

    Raises StoreError, SetupError KEYFILE_UNSAFE when the file is there already.
    """
    seed = secrets.token_bytes(32)
    keyfile.create(path, passphrase, f"tuf {_named(path.parent.name)} {_named(path.stem)}", seed, memory_kib=memory_kib)
    return _signer(seed)


def load_signer(path: Path, passphrase: str) -> CryptoSigner:
    """Return the signer in a key file of the ceremony. Raises SetupError KEYFILE_*."""
    label, seed = keyfile.load(path, passphrase)
    if not label.startswith("tuf ") or len(seed) != 32:
        raise SetupError(Code.KEYFILE_DAMAGED, f"{path.name} is no key of the ceremony")
    return _signer(seed)


def export_public(signer: CryptoSigner) -> bytes:
    """Return the public half as a small file, for whoever delegates to it."""
    raw = bytes.fromhex(signer.public_key.keyval["public"])
    return dumps({"format": PUBLIC, "ed25519": b64(raw)})


def import_public(content: bytes) -> SSlibKey:
    """Return the TUF key of a file that `export_public` wrote. Raises MalformedError, UntrustedError KEY_INVALID.

    What a command printed into a file ends with a new line, which says nothing.
    """
    fields = Fields(loads(content.removesuffix(b"\n").removesuffix(b"\r")), "tuf key")
    fields.fixed("format", PUBLIC)
    raw = fields.raw("ed25519", 32)
    fields.done()
    check_public_keys(raw, None)
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))


def _named(text: str) -> str:
    """Return a part of a label: a holder may keep a key under any name, in any folder."""
    return text if _PLAIN.fullmatch(text) else "key"


def _signer(seed: bytes) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))
