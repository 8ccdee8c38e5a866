"""A development certificate authority and the certificates it signs, in one folder. For one machine; not for a country.

The common name of a certificate is the Kafka principal: "kz-gate" becomes "User:kz-gate".
"""

from __future__ import annotations

import datetime
import fcntl
import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from refbus.bus.address import TlsFiles

VALID_DAYS = 30
_PEM = serialization.Encoding.PEM


class Certificates:
    """Certificates in `folder`; the authority is made on first use. Keys are PKCS #8 PEM files with mode 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def authority(self) -> Path:
        """The PEM file that everybody trusts."""
        return self._folder / "ca.pem"

    def folder(self, principal: str) -> Path:
        """Return the folder of `principal`, as REFBUS_TLS_<CC> wants it; `issue` fills it."""
        return self._folder / principal

    def issue(self, principal: str) -> TlsFiles:
        """Return the files of `principal`, made now if there are none yet."""
        with self._locked():
            self._ensure_authority()
            files = TlsFiles.in_folder(self.folder(principal))
            if not files.certificate.is_file():
                files.key.parent.mkdir(mode=0o700, exist_ok=True)
                files.ca.write_bytes(self.authority.read_bytes())
                self._sign(principal, files)
        return files

    def keystore(self, principal: str) -> Path:
        """Return key and certificate of `principal` in one PEM file, as the broker wants them."""
        files = self.issue(principal)
        path = self.folder(principal) / "keystore.pem"
        _write_private(path, files.key.read_bytes() + files.certificate.read_bytes())
        return path

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _ensure_authority(self) -> None:
        if self.authority.is_file():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Referral Bus development authority")
        builder = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_certificates(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        _write_private(self._folder / "ca.key", _private_bytes(key))
        self.authority.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(_PEM))

    def _sign(self, principal: str, files: TlsFiles) -> None:
        authority = x509.load_pem_x509_certificate(self.authority.read_bytes())
        authority_key = serialization.load_pem_private_key((self._folder / "ca.key").read_bytes(), None)
        if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
            raise TypeError("the development authority has an elliptic-curve key")
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = (
            _builder(_name(principal), authority.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(usage, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        _write_private(files.key, _private_bytes(key))
        files.certificate.write_bytes(builder.sign(authority_key, hashes.SHA256()).public_bytes(_PEM))


def _signs_certificates() -> x509.KeyUsage:
    """Return what the key of an authority is for (RFC 5280 section 4.2.1.3)."""
    no = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **no)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
    )


def _private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
        handle.write(content)
