"""A backup of the authority for TLS certificates that counts only when it was restored, and the way back from one.

A register that came back is as old as its copy. What a broker has newer (revocation lists) and what holders have
(certificates) is taken over from them: a certificate that was withdrawn since must not count again, and one that was
issued since can only be withdrawn when it is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from refbus.errors import Code, RefbusError, SetupError
from refbus.files import alone_in, copy_whole, make_folder, read_limited, store_errors, write_whole
from refbus.node.homebackup import new_backup
from refbus_ops.authority import MOST_BYTES, Issued, Register, Root, keep_register, list_name, read_key, read_register

_PATTERNS: Final = ("register.json", "authority-*.key", "trusted.pem", "withdrawn-*.pem")
_SINCE: Final = "withdrawn by a list that is newer than the copy"


def back_up_authority(folder: Path, target: Path, passphrase: str, now_ms: int) -> int:
    """Copy an authority to the new folder `target`; return how many files. Raises SetupError, StoreError.

    It is restored elsewhere first: every key opens and is that of its certificate.
    """
    with alone_in(folder):
        files = [path for pattern in _PATTERNS for path in sorted(folder.glob(pattern))]
        with new_backup(target) as (draft, scratch):
            for path in files:
                copy_whole(path, draft / path.name)
            lists = [read_limited(path, MOST_BYTES) for path in sorted(draft.glob("withdrawn-*.pem"))]
            restore_authority(scratch, draft, passphrase, lists, now_ms)
    return len(files)


def restore_authority(folder: Path, copy: Path, passphrase: str, seen: Iterable[bytes], now_ms: int) -> Register:
    """Bring an authority back from `copy`; return what it knows then. Nothing is written before all is checked.

    `seen`: lists as brokers have them, one at least of each authority in use, and certificates of holders. Raises
    SetupError BACKUP_INVALID, BACKUP_OLDER (the register that is there knows more), USAGE, KEYFILE_*; StoreError.
    """
    known = read_register(copy)
    for root in known.roots:
        _require_key(copy, root, passphrase)
    keys = {root.number: read_limited(copy / f"authority-{root.number}.key", MOST_BYTES) for root in known.roots}
    known = _with_seen(known, tuple(seen), now_ms)
    with store_errors(folder.name):
        make_folder(folder)
    with alone_in(folder):
        _require_nothing_newer(folder, known)
        for root in known.roots:
            write_whole(folder / f"authority-{root.number}.key", keys[root.number])
        keep_register(folder, known, passphrase, now_ms)
    return known


def _require_key(copy: Path, root: Root, passphrase: str) -> None:
    if read_key(copy, root.number, passphrase).public_key() != root.parsed.public_key():
        raise SetupError(Code.BACKUP_INVALID, f"authority-{root.number}.key")


def _require_nothing_newer(folder: Path, known: Register) -> None:
    """Refuse to replace a register that knows a certificate, a withdrawal or an authority that `known` does not."""
    try:
        present = read_register(folder)
    except RefbusError:
        return  # damaged or gone: that is why there is a restore
    revoked = {each.serial for each in known.issued if each.revoked_ms}
    missed = {each.serial for each in present.issued} - {each.serial for each in known.issued}
    missed |= {each.serial for each in present.issued if each.revoked_ms} - revoked
    if missed or len(present.roots) > len(known.roots):
        raise SetupError(Code.BACKUP_OLDER, "register.json")


def _with_seen(known: Register, seen: tuple[bytes, ...], now_ms: int) -> Register:
    heard = set[int]()
    for content in seen:
        if b"X509 CRL" in content:
            found, root = _list(known, content)
            heard.add(root.number)
            known = _with_withdrawn(known, found, root, now_ms)
        else:
            known = _with_certificate(known, content)
    used = {each.authority for each in known.issued if each.ends_ms > now_ms} | {known.roots[-1].number}
    missing = [list_name(root) for root in known.roots if root.number in used - heard]
    if known.lists_at and missing:
        raise SetupError(Code.USAGE, f"--seen the list of a broker: {', '.join(missing)}")
    return known


def _list(known: Register, content: bytes) -> tuple[x509.CertificateRevocationList, Root]:
    """Return a revocation list and whose it is. Raises SetupError FILE_UNREADABLE, USAGE."""
    try:
        found = x509.load_pem_x509_crl(content)
    except ValueError:
        raise SetupError(Code.FILE_UNREADABLE, "a revocation list") from None
    for root in known.roots:
        public = root.parsed.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey) and found.is_signature_valid(public):
            return found, root
    raise SetupError(Code.USAGE, "a revocation list of another authority")


def _with_withdrawn(known: Register, found: x509.CertificateRevocationList, root: Root, now_ms: int) -> Register:
    times = {f"{each.serial_number:x}": int(each.revocation_date_utc.timestamp() * 1000) for each in found}
    issued = [
        replace(each, revoked_ms=times[each.serial], reason=_SINCE)
        if each.serial in times and not each.revoked_ms and each.authority == root.number
        else each
        for each in known.issued
    ]
    strange = sorted(times.keys() - {each.serial for each in issued})
    issued += [Issued("unknown", each, root.number, 0, root.ends_ms, times[each], _SINCE) for each in strange]
    return replace(known, issued=tuple(issued))


def _with_certificate(known: Register, content: bytes) -> Register:
    """Take over a certificate that was issued since. Raises SetupError FILE_UNREADABLE, USAGE."""
    try:
        found = x509.load_pem_x509_certificate(content)
        names = [str(each.value) for each in found.subject]
    except ValueError:
        raise SetupError(Code.FILE_UNREADABLE, "a certificate") from None
    for root in known.roots:
        try:
            found.verify_directly_issued_by(root.parsed)
        except Exception:  # noqa: BLE001, S112 - the library has no common class for what does not fit
            continue
        serial, ends_ms = f"{found.serial_number:x}", int(found.not_valid_after_utc.timestamp() * 1000)
        begins_ms = int(found.not_valid_before_utc.timestamp() * 1000)
        line = Issued(names[0] if names else "unknown", serial, root.number, begins_ms, ends_ms)
        there = any(each.serial == serial for each in known.issued)
        return known if there else replace(known, issued=(*known.issued, line))
    raise SetupError(Code.USAGE, "a certificate of another authority")
