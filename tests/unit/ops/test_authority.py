"""`refbus-ops ca`: a national authority for TLS certificates, from its first key to a withdrawn certificate."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError, StoreError
from refbus.files import write_whole
from refbus_ops import ca as commands
from refbus_ops.authority import AUTHORITY_DAYS, ISSUED_DAYS, list_name, read_register
from support.directories import NOW_MS

Run = Callable[..., str]


def issued(run: Run, folder: Path, name: str, *words: str) -> x509.Certificate:
    """Let a holder ask and the authority sign; return the certificate."""
    hosts = ("--host", "broker-1.kz.example", "--host", "127.0.0.1") if name == "kz-broker" else ()
    asked = run("request", name, "--folder", folder, *hosts)
    told = run("issue", name, folder / "request.pem", "--out", folder, *hosts, *words)
    prints = re.findall(r"fingerprint ((?:[0-9a-f]{4} ?){16})", asked + told)
    assert prints[0].strip() == prints[1].strip()
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


def trusted(folder: Path) -> list[x509.Certificate]:
    """Return what everybody trusts."""
    return x509.load_pem_x509_certificates((folder / "trusted.pem").read_bytes())


def withdrawn(folder: Path) -> set[int]:
    """Return the numbers in all revocation lists, each checked against its authority."""
    known = read_register(folder)
    used = [root for root in known.roots if root.certificate in (folder / "trusted.pem").read_text(encoding="ascii")]
    lists = [x509.load_pem_x509_crl((folder / list_name(root)).read_bytes()) for root in used]
    for found, by in zip(lists, trusted(folder), strict=True):
        public = by.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert found.is_signature_valid(public)
        assert found.next_update_utc == by.not_valid_after_utc
    return {each.serial_number for found in lists for each in found}


def test_a_certificate_names_its_holder_its_hosts_and_where_lists_are(run: Run, tmp_path: Path) -> None:
    """The key stays with the holder, for the owner alone; the dates are told in words."""
    certificate = issued(run, tmp_path / "tls", "kz-broker")
    certificate.verify_directly_issued_by(trusted(tmp_path / "CA")[0])
    assert certificate.subject.rfc4514_string() == "CN=kz-broker"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker-1.kz.example"]
    (place,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert place.full_name is not None
    assert [name.value for name in place.full_name] == ["file:///etc/refbus/tls/withdrawn-1.pem"]
    assert (tmp_path / "tls" / "key.pem").stat().st_mode & 0o077 == 0
    assert not [path for path in (tmp_path / "CA").iterdir() if b"BEGIN PRIVATE" in path.read_bytes()]
    end = datetime.datetime.fromtimestamp(NOW_MS // 1000, datetime.UTC) + datetime.timedelta(days=ISSUED_DAYS)
    assert f"to {end.day} {end:%B %Y}, {ISSUED_DAYS} days left" in run("show")


def test_a_renewal_cuts_nobody_off(run: Run, tmp_path: Path) -> None:
    """Two certificates of one name count side by side; a folder that has one is never written over."""
    first = issued(run, tmp_path / "old", "kz-gate", "--days", "20")
    second = issued(run, tmp_path / "new", "kz-gate")
    assert first.serial_number != second.serial_number
    assert withdrawn(tmp_path / "CA") == set()
    assert "ends in 20 days: renew it" in run("show")
    asked = tmp_path / "new" / "request.pem"
    for words in (("request", "kz-gate", "--folder"), ("issue", "kz-gate", asked, "--out")):
        with pytest.raises(RefbusError) as caught:
            run(*words, tmp_path / "new")
        assert caught.value.code is Code.USAGE


def test_what_is_withdrawn_is_in_the_list_also_after_it_ended(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number one certificate, by name all that count; the reason stays. A second time there is nothing to do."""
    kept, gone = issued(run, tmp_path / "a", "kz-gate"), issued(run, tmp_path / "b", "kz-4f7k2m9q", "--days", "1")
    assert "withdrawn on" in run("revoke", "kz-4f7k2m9q", "--reason", "stolen")
    assert withdrawn(tmp_path / "CA") == {gone.serial_number}
    with pytest.raises(RefbusError):
        run("revoke", "kz-4f7k2m9q", "--reason", "again")
    monkeypatch.setattr(commands, "machine_ms", lambda: NOW_MS + 30 * DAY_MS)
    run("revoke", f"{kept.serial_number:x}", "--reason", "no longer needed")
    assert withdrawn(tmp_path / "CA") == {gone.serial_number, kept.serial_number}


def test_a_new_authority_is_trusted_beside_the_old_one_as_long_as_that_is_used(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rotation both are trusted and both lists are there; the old one goes when its last certificate ended."""
    old = issued(run, tmp_path / "old", "kz-gate")
    run("rotate")
    new = issued(run, tmp_path / "new", "kz-gate")
    first, second = trusted(tmp_path / "CA")
    old.verify_directly_issued_by(first)
    new.verify_directly_issued_by(second)
    run("revoke", f"{old.serial_number:x}", "--reason", "replaced")
    assert withdrawn(tmp_path / "CA") == set()
    assert trusted(tmp_path / "CA") == [second]
    assert [root.number for root in read_register(tmp_path / "CA").roots] == [1, 2]


def request_for(name: str, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, *more: str) -> bytes:
    """Return a request that was made by other means."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, each) for each in (name, *more)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    hashed = hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(key, hashed).public_bytes(serialization.Encoding.PEM)


def test_what_is_no_request_is_signed_by_nobody(run: Run, tmp_path: Path) -> None:
    """A name that Kafka's rule does not map, two names, another or a weak kind of key, a changed request, none."""
    key = ec.generate_private_key(ec.SECP256R1())
    sound = request_for("kz-gate", key)
    bad = {
        "upper": request_for("KZ-Gate", key),
        "two": request_for("kz-gate", key, "kz-operator"),
        "curve": request_for("kz-gate", ed25519.Ed25519PrivateKey.generate()),
        "weak": request_for("kz-gate", ec.generate_private_key(ec.SECP192R1())),
        "nothing": b"no request",
        "half": sound[: len(sound) // 2],
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RefbusError):
            run("issue", "kz-gate", tmp_path / name, "--out", tmp_path / f"{name}-out")
        assert not (tmp_path / f"{name}-out").exists()
    assert read_register(tmp_path / "CA").issued == ()


def test_a_request_is_signed_for_the_name_and_the_hosts_that_were_given(run: Run, tmp_path: Path) -> None:
    """Whoever asks in the name of the operator, or for a host of a broker, gets nothing by a matching fingerprint."""
    run("request", "kz-operator", "--folder", tmp_path / "a")
    hosts = ("--host", "broker-1.kz.example")
    run("request", "kz-4f7k2m9q", "--folder", tmp_path / "b", *hosts)
    for folder, words in (("a", ()), ("b", ()), ("b", ("--host", "broker-2.kz.example"))):
        with pytest.raises(RefbusError) as caught:
            run("issue", "kz-4f7k2m9q", tmp_path / folder / "request.pem", "--out", tmp_path / "out", *words)
        assert caught.value.code is Code.USAGE
    assert read_register(tmp_path / "CA").issued == ()
    assert not (tmp_path / "out").exists()


def test_only_a_certificate_with_hosts_can_be_a_brokers(run: Run, tmp_path: Path) -> None:
    """A member's is good for a client alone, so it cannot stand between a broker and others."""
    server, client = issued(run, tmp_path / "broker", "kz-broker"), issued(run, tmp_path / "gate", "kz-gate")
    usages = [set(each.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) for each in (server, client)]
    assert usages[0] - usages[1] == {ExtendedKeyUsageOID.SERVER_AUTH}
    assert usages[1] == {ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_holders_folder_is_not_the_authoritys(run: Run, tmp_path: Path) -> None:
    """Nothing is written among the keys of the authority, and nobody waits for a folder that is held already."""
    run("request", "kz-gate", "--folder", tmp_path / "a")
    with pytest.raises(RefbusError) as caught:
        run("issue", "kz-gate", tmp_path / "a" / "request.pem", "--out", tmp_path / "CA")
    assert caught.value.code is Code.USAGE


def test_no_certificate_ends_after_its_authority(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near its end it is shorter, so that the warning is in time; an authority that has ended signs nothing."""
    monkeypatch.setattr(commands, "machine_ms", lambda: NOW_MS + (AUTHORITY_DAYS - 5) * DAY_MS)
    (root,) = trusted(tmp_path / "CA")
    assert issued(run, tmp_path / "a", "kz-gate").not_valid_after_utc == root.not_valid_after_utc
    monkeypatch.setattr(commands, "machine_ms", lambda: NOW_MS + AUTHORITY_DAYS * DAY_MS)
    with pytest.raises(RefbusError) as caught:
        issued(run, tmp_path / "b", "kz-gate")
    assert caught.value.code is Code.USAGE


def test_a_withdrawal_that_was_stopped_is_done_by_the_same_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register is written last: while a list is missing, the certificate still counts there."""
    gone = issued(run, tmp_path / "a", "kz-gate")
    for stopped in (list_name(read_register(tmp_path / "CA").roots[0]), "trusted.pem", "register.json"):

        def stop(path: Path, content: bytes, at: str = stopped) -> None:
            if path.name == at:
                raise StoreError(Code.STORE_FULL, at)
            write_whole(path, content)

        monkeypatch.setattr("refbus_ops.authority.write_whole", stop)
        with pytest.raises(StoreError):
            run("revoke", "kz-gate", "--reason", "stolen")
    monkeypatch.setattr("refbus_ops.authority.write_whole", write_whole)
    run("revoke", "kz-gate", "--reason", "stolen")
    assert withdrawn(tmp_path / "CA") == {gone.serial_number}


def test_without_the_passphrase_nothing_is_signed(run: Run, tmp_path: Path) -> None:
    """A wrong one, a damaged key and a second authority in the same folder are refused, and change nothing."""
    issued(run, tmp_path / "tls", "kz-gate")
    before = {path.name: path.read_bytes() for path in (tmp_path / "CA").iterdir() if path.is_file()}
    (tmp_path / "P").write_text("another\n", encoding="utf-8")
    for words in (("rotate",), ("revoke", "kz-gate", "--reason", "x"), ("create", "--country", "kz")):
        with pytest.raises(RefbusError) as caught:
            run(*words)
        assert caught.value.code in {Code.KEYFILE_WRONG_PASSPHRASE, Code.USAGE}
    assert {path.name: path.read_bytes() for path in (tmp_path / "CA").iterdir() if path.is_file()} == before
    (tmp_path / "CA" / "authority-1.key").write_bytes(b"damaged")
    with pytest.raises(RefbusError) as caught:
        run("rotate")
    assert caught.value.code is Code.KEYFILE_DAMAGED
