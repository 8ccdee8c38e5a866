"""A small national authority for the certificates of brokers and of those who reach them, in one folder (RFC 5280).

register.json        authorities and every certificate that was issued: name, numbers, dates, withdrawn or not
authority-1.key      private key, encrypted under the passphrase; a further one for each rotation
trusted.pem          what everybody trusts, their `ca.pem`: the newest authority and older ones still in use
withdrawn-1.pem      revocation list of each of them, for the brokers

The common name of a certificate is the Kafka principal: "kz-gate" becomes "User:kz-gate". A private key is made where
it is used (`make_request`) and never comes here. Whom a request is for is said by whoever signs it (`Holder`): what
the request itself says is the word of whoever made it.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from refbus.core.units import DAY_MS
from refbus.errors import Code, SetupError
from refbus.files import alone_in, make_folder, read_limited, store_errors, write_first, write_whole

AUTHORITY_DAYS: Final = 3650
ISSUED_DAYS: Final = 180
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
MOST_BYTES: Final = 8_388_608
_SLACK: Final = datetime.timedelta(hours=1)
"""So much earlier a certificate begins: clocks differ."""
_PEM: Final = serialization.Encoding.PEM
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_WRONG: Final = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate is for: the Kafka principal; for a broker alone the names and addresses that it answers at."""

    name: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """One authority: its number, its certificate (PEM), the end in ms UTC."""

    number: int
    certificate: str
    ends_ms: int

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate."""
        return x509.load_pem_x509_certificate(self.certificate.encode())


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate that was issued: whose, its number, which authority signed it; times in ms UTC."""

    name: str
    serial: str
    authority: int
    begins_ms: int
    ends_ms: int
    revoked_ms: int = 0
    reason: str = ""

    def counts(self, now_ms: int) -> bool:
        """Whether whoever has it is let in."""
        return not self.revoked_ms and now_ms < self.ends_ms


@dataclass(frozen=True, slots=True)
class Register:
    """What an authority knows. `lists_at` is the folder (a URL) with the lists at brokers, "" when they do not look."""

    country: str
    lists_at: str
    roots: tuple[Root, ...]
    issued: tuple[Issued, ...] = ()


def list_name(root: Root) -> str:
    """Return the name of the file with the revocation list of an authority."""
    return f"withdrawn-{root.number}.pem"


def create_authority(
    folder: Path, country: str, passphrase: str, now_ms: int, *, lists_at: str = "", after: int = 0
) -> Register:
    """Make an authority in the new `folder`, `after` a lost one. Raises SetupError USAGE where one is; StoreError."""
    with store_errors(folder.name):
        make_folder(folder)
    with alone_in(folder):
        if (folder / "register.json").exists():
            raise SetupError(Code.USAGE, f"{folder.name} has an authority already")
        return _with_root(folder, Register(country, lists_at, ()), after + 1, passphrase, now_ms)


def rotate_authority(folder: Path, passphrase: str, now_ms: int) -> Register:
    """Add a new authority beside the present one; what is issued from now on is signed by it. Raises as `register`."""
    with alone_in(folder):
        known = read_register(folder)
        read_key(folder, known.roots[-1].number, passphrase)  # one passphrase opens all of them
        return _with_root(folder, known, known.roots[-1].number + 1, passphrase, now_ms)


def read_register(folder: Path) -> Register:
    """Return what the authority in `folder` knows. Raises SetupError FILE_UNREADABLE."""
    content = read_limited(folder / "register.json", MOST_BYTES)
    try:
        fields = json.loads(content)
        roots = tuple(Root(**each) for each in fields.pop("roots"))
        issued = tuple(Issued(**each) for each in fields.pop("issued"))
        return Register(**fields, roots=roots, issued=issued)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SetupError(Code.FILE_UNREADABLE, "register.json") from None


def make_request(folder: Path, name: str, hosts: Sequence[str] = ()) -> bytes:
    """Make a private key in the new `folder` of its holder; return the request to the authority (PKCS #10, PEM).

    `hosts` are the names and addresses under which a broker is reached. Raises SetupError USAGE; StoreError.
    """
    _require(_NAME, name, "a name is small letters, digits and hyphens")
    names = [_host(host) for host in hosts]
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(name))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = builder.sign(key, hashes.SHA256()).public_bytes(_PEM)
    if not write_first(folder / "key.pem", _private_bytes(key, serialization.NoEncryption())):
        raise SetupError(Code.USAGE, f"{folder.name} has a key already: a renewal is a folder of its own")
    write_whole(folder / "request.pem", request)
    return request


def read_request(request: bytes) -> x509.CertificateSigningRequest:
    """Return a request whose holder has the key. Raises SetupError FILE_UNREADABLE, USAGE."""
    try:
        parsed = x509.load_pem_x509_csr(request)
        sound = parsed.is_signature_valid
        key = parsed.public_key()
        fits = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES
        named = [str(each.value) for each in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except _WRONG:
        raise SetupError(Code.FILE_UNREADABLE, "the request") from None
    if not sound or not fits or len(named) != 1 or len(list(parsed.subject)) != 1:
        raise SetupError(Code.USAGE, "a request has one name, a key on P-256, P-384 or P-521, and is signed with it")
    _require(_NAME, named[0], "a name is small letters, digits and hyphens")
    return parsed


def require_holder(request: x509.CertificateSigningRequest, holder: Holder) -> None:
    """Check that a request is for `holder`: name and hosts, neither more nor less.

    Whoever had a host of a broker in a certificate could stand between the broker and everybody else. Raises
    SetupError USAGE, FILE_UNREADABLE.
    """
    (name,) = (str(each.value) for each in request.subject)
    if name != holder.name:
        raise SetupError(Code.USAGE, f"the request is for {name}, not for {holder.name}")
    asked, given = _hosts_of(request), {_host(host) for host in holder.hosts}
    if asked != given:
        named = ", ".join(sorted(str(each.value) for each in asked)) or "none"
        raise SetupError(Code.USAGE, f"hosts that the request asks for: {named}; give each with --host to agree")


def _hosts_of(request: x509.CertificateSigningRequest) -> set[x509.GeneralName]:
    try:
        return set(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return set()
    except _WRONG:
        raise SetupError(Code.FILE_UNREADABLE, "the request") from None


def request_fingerprint(request: bytes) -> str:
    """Return the SHA-256 of the public key that a request is for, in groups for a telephone. Raises as `read_request`.

    The same number is shown at the holder and at the authority.
    """
    public = read_request(request).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    digest = hashlib.sha256(public.public_bytes(serialization.Encoding.DER, form)).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def show_date(at_ms: int) -> str:
    """Return the day of a moment (UTC ms) as people write it: 30 November 2026."""
    moment = _moment(at_ms)
    return f"{moment.day} {moment:%B %Y}"


def issue_certificate(
    folder: Path, request: bytes, holder: Holder, passphrase: str, now_ms: int, *, days: float = ISSUED_DAYS
) -> tuple[bytes, Issued]:
    """Sign the request of `holder`; return the certificate (PEM) and its line in the register.

    It ends with the authority at the latest.

    Earlier ones of the same name count on until they end: a renewal cuts nobody off. Raises SetupError, StoreError.
    """
    parsed = read_request(request)
    require_holder(parsed, holder)
    with alone_in(folder):
        known = read_register(folder)
        root = known.roots[-1]
        if root.ends_ms <= now_ms:
            raise SetupError(Code.USAGE, "the authority has ended: rotate it")
        days = min(days, (root.ends_ms - now_ms) / DAY_MS)
        key = read_key(folder, root.number, passphrase)
        begun = _begun(parsed, root, key, now_ms, days)
        if known.lists_at:
            begun = begun.add_extension(_place_of_list(known.lists_at, root), critical=False)
        signed = begun.sign(key, hashes.SHA256())
        line = Issued(_name_of(signed), f"{signed.serial_number:x}", root.number, now_ms, _ends_ms(signed))
        keep_register(folder, replace(known, issued=(*known.issued, line)), passphrase, now_ms)
        return signed.public_bytes(_PEM), line


def revoke_certificate(folder: Path, which: str, reason: str, passphrase: str, now_ms: int) -> tuple[Issued, ...]:
    """Withdraw what `which` names: a serial, or all certificates of a name that count. Raises SetupError USAGE."""
    with alone_in(folder):
        known = read_register(folder)
        meant = {each.serial for each in known.issued if which in (each.name, each.serial) and each.counts(now_ms)}
        if not meant:
            raise SetupError(Code.USAGE, f"{which} names no certificate that counts")
        issued = tuple(
            replace(each, revoked_ms=now_ms, reason=reason) if each.serial in meant else each for each in known.issued
        )
        keep_register(folder, replace(known, issued=issued), passphrase, now_ms)
        return tuple(each for each in issued if each.serial in meant)


def _with_root(folder: Path, known: Register, number: int, passphrase: str, now_ms: int) -> Register:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(f"Referral Bus {known.country} authority {number}")
    builder = (
        _builder(subject, subject, key.public_key(), now_ms, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_certificates(), critical=True)
    )
    signed = builder.sign(key, hashes.SHA256())
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    write_whole(folder / f"authority-{number}.key", _private_bytes(key, encryption))
    root = Root(number, signed.public_bytes(_PEM).decode(), _ends_ms(signed))
    grown = replace(known, roots=(*known.roots, root))
    keep_register(folder, grown, passphrase, now_ms)
    return grown


def keep_register(folder: Path, known: Register, passphrase: str, now_ms: int) -> None:
    """Write what is made from the register for everybody, then the register; nothing when a key does not open.

    The register is last: what a stop left half done is not in it, and the same command does all of it once more.
    """
    used = {each.authority for each in known.issued if each.counts(now_ms)} | {known.roots[-1].number}
    roots = [root for root in known.roots if root.number in used]
    lists = {list_name(root): _revocation_list(folder, known, root, passphrase, now_ms) for root in roots}
    for name, content in lists.items():
        write_whole(folder / name, content)
    write_whole(folder / "trusted.pem", "".join(root.certificate for root in roots).encode())
    write_whole(folder / "register.json", json.dumps(asdict(known), indent=1).encode())


def _revocation_list(folder: Path, known: Register, root: Root, passphrase: str, now_ms: int) -> bytes:
    """Return the list of one authority. It counts as long as the authority: one that ran out would lock everybody out.

    Ended certificates stay in it: whose clock is behind must refuse them too.
    """
    issuer = root.parsed
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(_moment(now_ms))
        .next_update(issuer.not_valid_after_utc)
    )
    for each in known.issued:
        if each.revoked_ms and each.authority == root.number:
            one = x509.RevokedCertificateBuilder().serial_number(int(each.serial, 16))
            builder = builder.add_revoked_certificate(one.revocation_date(_moment(each.revoked_ms)).build())
    return builder.sign(read_key(folder, root.number, passphrase), hashes.SHA256()).public_bytes(_PEM)


def _begun(
    request: x509.CertificateSigningRequest, root: Root, key: ec.EllipticCurvePrivateKey, now_ms: int, days: float
) -> x509.CertificateBuilder:
    """Return what every certificate says. One with hosts is a broker's; the others are good for clients alone."""
    issuer = root.parsed
    hosts = sorted(_hosts_of(request), key=lambda each: str(each.value))
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
    public = request.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise TypeError("a request is read before it is signed")
    builder = (
        _builder(request.subject, issuer.subject, public, now_ms, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False) if hosts else builder


def _place_of_list(lists_at: str, root: Root) -> x509.CRLDistributionPoints:
    """Return where the list of `root` is: one file for each, since Java reads one list from a place."""
    url = f"{lists_at.rstrip('/')}/{list_name(root)}"
    place = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([place])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now_ms: int, days: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now_ms) - _SLACK)
        .not_valid_after(_moment(now_ms + int(days * DAY_MS)))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signs_certificates() -> x509.KeyUsage:
    """Return what the key of an authority is for (RFC 5280 section 4.2.1.3)."""
    other: Iterable[str] = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **dict.fromkeys(other, False))


def read_key(folder: Path, number: int, passphrase: str) -> ec.EllipticCurvePrivateKey:
    """Return the private key of an authority. Raises SetupError KEYFILE_WRONG_PASSPHRASE, KEYFILE_DAMAGED."""
    name = f"authority-{number}.key"
    content = read_limited(folder / name, MOST_BYTES)
    try:
        key = serialization.load_pem_private_key(content, passphrase.encode())
    except ValueError as error:
        wrong = "password" in str(error).lower() or "decrypt" in str(error).lower()
        raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE if wrong else Code.KEYFILE_DAMAGED, name) from None
    except TypeError:
        raise SetupError(Code.KEYFILE_DAMAGED, name) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SetupError(Code.KEYFILE_DAMAGED, name)
    return key


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        _require(_HOST, host, "a host is a name or an address")
        return x509.DNSName(host)


def _require(form: re.Pattern[str], text: str, what: str) -> None:
    if not form.fullmatch(text):
        raise SetupError(Code.USAGE, what)


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _name_of(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _ends_ms(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp() * 1000)


def _moment(at_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC)


def _private_bytes(key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, encryption)
