"""Certificates between a member and a broker: real handshakes on this machine, each refusal with its name."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from kafka import certificates as authority
from kafka.certificates import Certificates
from refbus.bus import certificates
from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.cluster import KafkaCluster
from refbus.bus.driver import ssl_context
from refbus.core.ids import CountryCode
from refbus.errors import Code, SetupError, TransportError


class Server:
    """A server that wants a certificate and says nothing."""

    def __init__(self, files: TlsFiles) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files.ca))
        context.load_cert_chain(str(files.certificate), str(files.key))
        context.verify_mode = ssl.CERT_REQUIRED
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(1)

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()


@pytest.fixture
def country(tmp_path: Path) -> Certificates:
    """Give a country's authority."""
    return Certificates(tmp_path / "country")


@pytest.fixture
def server(country: Certificates) -> Iterator[Server]:
    """Give a broker of the country, as far as its certificates go."""
    with closing(Server(country.issue("kz-broker"))) as made:
        yield made


def told(server: Server, files: TlsFiles) -> str:
    """Return what keeps a member with these files from the server."""
    found = certificates.refusal(BrokerAddress(server.address, files))
    assert isinstance(found, TransportError)
    assert found.code is Code.TLS_REFUSED
    return found.detail


def test_certificates_that_fit_are_no_reason(country: Certificates, server: Server) -> None:
    """A broker that accepts us and is silent for another reason is not blamed on certificates."""
    assert certificates.refusal(BrokerAddress(server.address, country.issue("kz-agency01"))) is None


def test_every_python_accepts_the_same_certificates(country: Certificates) -> None:
    """No client asks more of a certificate's form under a newer Python than under an older one."""
    files = country.issue("kz-agency01")
    for context in (certificates.client_context(files), ssl_context(files)):
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_certificates_for_development_keep_the_rules_of_form(country: Certificates) -> None:
    """The strictest reader accepts them: chain, key identifiers and usages as RFC 5280 has them."""
    files = country.issue("kz-broker")
    with closing(Server(files)) as made:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(files.ca))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(str(files.certificate), str(files.key))
        host, _, port = made.address.rpartition(":")
        with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain, server_hostname=host):
            pass


def test_our_certificate_has_ended(country: Certificates, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's refusal is told with its words, which name the end."""
    monkeypatch.setattr(authority, "VALID_DAYS", -1 / 48)
    assert "expired" in told(server, country.issue("kz-agency01"))


def test_our_certificate_is_of_a_stranger(country: Certificates, server: Server, tmp_path: Path) -> None:
    """One that another authority signed is refused by the broker."""
    ours = Certificates(tmp_path / "stranger").issue("kz-agency01")
    ours.ca.write_bytes(country.authority.read_bytes())
    assert "does not accept ours" in told(server, ours)


def test_the_brokers_certificate_is_of_a_stranger(server: Server, tmp_path: Path) -> None:
    """We do not accept a broker whose authority we do not know."""
    assert "broker's certificate" in told(server, Certificates(tmp_path / "stranger").issue("kz-agency01"))


def test_our_files_cannot_be_used(country: Certificates, server: Server) -> None:
    """A damaged key file is named as the reason."""
    ours = country.issue("kz-agency01")
    ours.key.write_bytes(b"")
    assert "UNSAFE_SETTING" in told(server, ours)


def test_nobody_answers(country: Certificates, server: Server) -> None:
    """A broker that is away says nothing about certificates; neither does one without TLS."""
    ours = country.issue("kz-agency01")
    server.close()
    assert certificates.refusal(BrokerAddress(server.address, ours)) is None
    assert certificates.refusal(BrokerAddress(server.address)) is None


def test_the_end_of_our_certificate_is_read(country: Certificates) -> None:
    """The end is that of the file: the days for which the authority gave it."""
    days = (certificates.end_ms(country.issue("kz-agency01")) / 1000 - time.time()) / 86_400
    assert round(days) == authority.VALID_DAYS


def test_a_node_is_warned_thirty_days_ahead(country: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    """The first end of all clusters counts; the log names each that ends soon, once, and one that cannot be read."""
    files, plain = country.issue("kz-gate"), KafkaCluster(BrokerAddress("127.0.0.1:1")).certificate_end_ms
    ours = KafkaCluster(BrokerAddress("127.0.0.1:1", files)).certificate_end_ms
    watch = certificates.Watch({CountryCode("kz"): ours, CountryCode("uz"): plain})
    ends_ms = certificates.end_ms(files)
    caplog.set_level("CRITICAL")
    for days, told in ((31, 0), (29, 1), (28, 1), (-1, 1)):
        assert watch.left_s(ends_ms - days * 86_400_000) == max(0, days) * 86_400
        assert caplog.text.count("TLS_CERTIFICATE_ENDING: the certificate for the cluster of kz: it ends on") == told
    files.certificate.write_bytes(b"")
    assert watch.left_s(0) == 0
    assert "cannot be read" in caplog.text
    assert certificates.Watch({CountryCode("uz"): plain}).left_s(0) == float("inf")


@pytest.mark.parametrize("version", [3, 96, 255])
def test_a_certificate_of_no_known_version_is_told_by_name(country: Certificates, version: int) -> None:
    """The node goes on and says which file it is."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    files = country.issue("kz-gate")
    raw = x509.load_pem_x509_certificate(files.certificate.read_bytes()).public_bytes(Encoding.DER)
    damaged = raw.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01" + bytes([version]), 1)
    assert damaged != raw
    files.certificate.write_text(ssl.DER_cert_to_PEM_cert(damaged))
    with pytest.raises(SetupError) as refused:
        certificates.end_ms(files)
    assert refused.value.code is Code.FILE_UNREADABLE
    watch = certificates.Watch({CountryCode("kz"): lambda: certificates.end_ms(files)})
    assert watch.left_s(0) == 0


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", ".example"])
def test_a_name_that_no_host_can_have_says_nothing_about_certificates(country: Certificates, host: str) -> None:
    """It is asked for as any other, and nobody answers."""
    assert certificates.refusal(BrokerAddress(f"{host}:9093", country.issue("kz-agency01"))) is None
