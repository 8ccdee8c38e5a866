"""The page of certificates, all commands that need no broker, as printed; and TLS with what they leave.

With a broker the page is run by tests/broker/test_installed_node.py.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from cryptography import x509

from support.howto import Page, Shell

PAGE = "operators/certificates.md"
_OF_A_BROKER = re.compile(r"^(?:export|until|refbus-ops --country|refbus-ops country) .*\n", re.MULTILINE)
WITHDRAWN = "kz-4f7k2m9q"
"""Of the page."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Follow the page to its end: the authority was lost twice, with a copy and without."""
    made = tmp_path_factory.mktemp("page")
    passphrase = made / "passphrase"
    passphrase.write_text("fictional passphrase of tests\n", encoding="utf-8")
    passphrase.chmod(0o600)
    page = Page.read(PAGE)
    shell = Shell(made, {"P": str(passphrase), "LISTS": str(made / "lists")})
    try:
        shell.follow(Page(page.files, tuple(_OF_A_BROKER.sub("", each) for each in page.blocks)))
        yield made
    finally:
        shell.close()


def handshake(folder: Path, holder: str) -> None:
    """Let a holder reach the broker, both with what section 8 has joined. Raises ssl.SSLError."""
    broker = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    broker.load_cert_chain(folder / "TLS" / "kz-broker" / "certificate.pem", folder / "TLS" / "kz-broker" / "key.pem")
    broker.verify_mode = ssl.CERT_REQUIRED
    broker.load_verify_locations(folder / "trusted.pem")
    for each in (folder / "lists").rglob("withdrawn-*.pem"):
        broker.load_verify_locations(each)
    broker.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    client = ssl.create_default_context(cafile=str(folder / "trusted.pem"))
    client.load_cert_chain(folder / "TLS" / holder / "certificate.pem", folder / "TLS" / holder / "key.pem")
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname="localhost"),
        broker.wrap_bio(there, back, server_side=True),
    ]
    while ends:
        for end in tuple(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)


def list_of(certificate: x509.Certificate) -> x509.CertificateRevocationList:
    """Return the list at the place that a certificate names, where a broker looks."""
    (place,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert place.full_name is not None
    return x509.load_pem_x509_crl(Path(urlparse(str(place.full_name[0].value)).path).read_bytes())


@pytest.mark.parametrize("holder", ["kz-operator", "kz-gate", "uz-gate", "kz-operator-2"])
def test_certificates_of_the_lost_and_of_the_second_authority_count(folder: Path, holder: str) -> None:
    """Each is let in by a broker that trusts both, and finds at its own place a list of its own authority."""
    handshake(folder, holder)
    certificate = x509.load_pem_x509_certificate((folder / "TLS" / holder / "certificate.pem").read_bytes())
    found = list_of(certificate)
    assert found.issuer == certificate.issuer
    roots = x509.load_pem_x509_certificates((folder / "trusted.pem").read_bytes())
    assert [root for root in roots if found.is_signature_valid(root.public_key())]  # type: ignore[arg-type]
    assert found.get_revoked_certificate_by_serial_number(certificate.serial_number) is None


def test_whoever_was_withdrawn_stays_out_after_both_losses(folder: Path) -> None:
    """The restore took the list of a broker, and the second authority leaves it where it was."""
    with pytest.raises(ssl.SSLError, match="revoked"):
        handshake(folder, WITHDRAWN)


def test_the_second_authority_is_another_one(folder: Path) -> None:
    """Two names are trusted, and each has a list of its own where brokers look."""
    roots = x509.load_pem_x509_certificates((folder / "trusted.pem").read_bytes())
    assert len({root.subject for root in roots}) == len(roots) == 2
    assert len({list_of(x509.load_pem_x509_certificate(each.read_bytes())).issuer for each in _held(folder)}) == 2


def _held(folder: Path) -> list[Path]:
    return [folder / "TLS" / name / "certificate.pem" for name in ("kz-operator", "kz-operator-2")]
