"""A naive tree by the letter of RFC 6962, a naive writer of logs, keys of a log and of witnesses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.hashing import EMPTY_ROOT, leaf_hash, node_hash
from refbus.tlog.keys import SignerKey, SigType
from refbus.tlog.policy import Policy
from refbus.tlog.proofs import Head

ORIGIN = "audit.kz.example/2026b"


def mth(entries: Sequence[bytes]) -> bytes:
    """Return the Merkle Tree Hash as RFC 6962 §2.1 defines it, by recursion."""
    if len(entries) < 2:
        return leaf_hash(entries[0]) if entries else EMPTY_ROOT
    middle = 1
    while middle * 2 < len(entries):
        middle *= 2
    return node_hash(mth(entries[:middle]), mth(entries[middle:]))


def head_of(entries: Sequence[bytes]) -> Head:
    """Return size and root of the tree over all entries."""
    return Head(len(entries), mth(entries))


class NaiveTrees:
    """Complete subtrees, each computed anew from the entries."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._entries = entries

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of one complete subtree."""
        found = self._entries[index << level : (index + 1) << level]
        assert len(found) == 1 << level
        return mth(found)


def entries(count: int) -> list[bytes]:
    """Return `count` different entries."""
    return [b"entry %d" % number for number in range(count)]


def log_key(origin: str = ORIGIN, seed: int = 1) -> SignerKey:
    """Return the key of a log."""
    return SignerKey(origin, SigType.ED25519, bytes([seed]) * 32)


def witness_key(name: str, kind: SigType = SigType.ED25519_COSIGNATURE, seed: int = 2) -> SignerKey:
    """Return a key of a witness."""
    return SignerKey(name, kind, bytes([seed]) * 32)


def audit_entries(count: int) -> list[bytes]:
    """Return `count` different audit leaves."""
    return [b"refbus-audit/v1" + hashlib.sha256(b"%d" % number).digest() for number in range(count)]


def directory_entry(path: str, content: bytes) -> bytes:
    """Return the entry of one file of the directory."""
    name = path.encode()
    return b"refbus-directory/v1" + len(name).to_bytes(4, "big") + name + hashlib.sha256(content).digest()


def checkpoint_note(
    data: Sequence[bytes],
    key: SignerKey | None = None,
    witnesses: Iterable[SignerKey] = (),
    at_s: int = 1_800_000_000,
    root: bytes | None = None,
) -> bytes:
    """Return the signed checkpoint of a log of these entries, cosigned by the witnesses at `at_s`."""
    signer = key or log_key()
    checkpoint = Checkpoint(signer.verifier.name, len(data), root or mth(data))
    note = sign_checkpoint(checkpoint, signer)
    return note.with_signatures([cosign(checkpoint, each, at_s) for each in witnesses]).encode()


def write_tree(folder: Path, data: Sequence[bytes]) -> None:
    """Write bundles and tiles by the letter of c2sp.org/tlog-tiles, without a line of what writes them in earnest."""
    for start in range(0, len(data), 256):
        bundle = data[start : start + 256]
        content = b"".join(len(entry).to_bytes(2, "big") + entry for entry in bundle)
        _write(folder, "entries", start // 256, len(bundle), content)
    level = 0
    while span := len(data) // 256**level:
        for first in range(0, span, 256):
            last = min(first + 256, span)
            content = b"".join(mth(data[at * 256**level : (at + 1) * 256**level]) for at in range(first, last))
            _write(folder, str(level), first // 256, last - first, content)
        level += 1


def write_log(folder: Path, data: Sequence[bytes], key: SignerKey | None = None) -> Path:
    """Write a whole log: checkpoint, bundles and tiles; return the folder."""
    write_tree(folder, data)
    (folder / "checkpoint").write_bytes(checkpoint_note(data, key))
    return folder


def log_policy(key: SignerKey | None = None, *witnesses: SignerKey) -> Policy:
    """Return a policy with one log, and a quorum of all the witnesses; of none when there are none."""
    names = [f"w{number}" for number in range(len(witnesses))]
    lines = [f"log {(key or log_key()).verifier.vkey}"]
    lines += [f"witness {name} {each.verifier.vkey}" for name, each in zip(names, witnesses, strict=True)]
    lines += [f"group all all {' '.join(names)}", "quorum all"] if names else ["quorum none"]
    return Policy.parse("".join(line + "\n" for line in lines).encode())


def _write(folder: Path, level: str, index: int, width: int, content: bytes) -> None:
    number = f"x{index // 1000:03d}/{index % 1000:03d}" if index >= 1000 else f"{index:03d}"
    path = folder / "tile" / level / (number if width == 256 else f"{number}.p/{width}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
