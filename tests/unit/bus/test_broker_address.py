"""Where brokers may be: plaintext stays on this machine, keys are private."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.bus.address import BrokerAddress, TlsFiles, is_loopback, split_host_port
from refbus.errors import Code, SetupError


def tls(folder: Path, mode: int = 0o600) -> TlsFiles:
    """Write empty TLS files."""
    files = TlsFiles.in_folder(folder)
    for path in (files.ca, files.certificate, files.key):
        path.write_text("")
    files.key.chmod(mode)
    return files


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:9092", "localhost:1", "[::1]:9092", "127.8.9.1:9092, localhost:9093"])
def test_plaintext_is_fine_on_this_machine(bootstrap: str) -> None:
    """Loopback addresses need no TLS."""
    assert BrokerAddress(bootstrap).client_config("test")["bootstrap.servers"] == bootstrap


@pytest.mark.parametrize(
    "bootstrap",
    [
        "broker.example:9092",
        "192.0.2.1:9092",
        "127.0.0.1:9092,192.0.2.1:9092",
        "[2001:db8::1]:9092",
        "127.0.0.1.evil.example:1",
    ],
)
def test_plaintext_beyond_this_machine_is_refused(bootstrap: str) -> None:
    """One address elsewhere is enough; a name that only begins like loopback is elsewhere."""
    with pytest.raises(SetupError) as caught:
        BrokerAddress(bootstrap).client_config("test")
    assert caught.value.code is Code.UNSAFE_SETTING


@pytest.mark.parametrize("bootstrap", ["", "127.0.0.1", ":9092", "127.0.0.1:", "127.0.0.1:9a", "127.0.0.1:9092,"])
def test_an_address_is_host_and_port(bootstrap: str) -> None:
    """Anything else is a setting to correct."""
    with pytest.raises(SetupError) as caught:
        BrokerAddress(bootstrap).check()
    assert caught.value.code is Code.SETTINGS_INVALID


def test_with_tls_another_machine_is_fine_and_its_name_is_checked(tmp_path: Path) -> None:
    """TLS both ways, with the name of the broker compared to its certificate."""
    config = BrokerAddress("broker.example:9093", tls(tmp_path)).client_config("test")
    assert config["security.protocol"] == "SSL"
    assert config["ssl.endpoint.identification.algorithm"] == "https"
    assert config["ssl.key.location"] == str(tmp_path / "key.pem")


@pytest.mark.parametrize("name", ["ca.pem", "certificate.pem", "key.pem"])
def test_a_missing_tls_file_is_named(tmp_path: Path, name: str) -> None:
    """The error says which file, not where."""
    files = tls(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(SetupError) as caught:
        files.check()
    assert (caught.value.code, caught.value.detail) == (Code.FILE_UNREADABLE, name)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The private key of a principal is for its owner alone."""
    with pytest.raises(SetupError) as caught:
        tls(tmp_path, mode).check()
    assert caught.value.code is Code.KEYFILE_UNSAFE


def test_host_and_port_are_told_apart() -> None:
    """Names, IPv4 and IPv6 in brackets."""
    assert split_host_port("a.example:9092") == ("a.example", "9092")
    assert split_host_port(" [::1]:1 ") == ("::1", "1")
    assert is_loopback("::1")
    assert not is_loopback("::")
    assert not is_loopback("0.0.0.0")


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b", "nowhere"])
def test_files_that_cannot_be_looked_at_are_named(tmp_path: Path, name: str) -> None:
    """Whatever the system says of their folder."""
    with pytest.raises(SetupError) as refused:
        BrokerAddress("broker.example:9093", TlsFiles.in_folder(tmp_path / name)).check()
    assert refused.value.code is Code.FILE_UNREADABLE


@pytest.mark.parametrize("port", ["0", "65536", "99999", "9" * 5_000, "\u0663", "+1", "1_0", "007"])
def test_a_port_is_a_number_that_a_port_can_have(port: str) -> None:
    """Anything else is refused when it is named, and not when somebody connects."""
    with pytest.raises(SetupError) as refused:
        BrokerAddress(f"127.0.0.1:{port}").check()
    assert refused.value.code is Code.SETTINGS_INVALID
