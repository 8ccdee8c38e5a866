"""The parts of the development broker that need no Java: lock file, ports, processes, settings, certificates."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kafka import BrokerFailedError, Certificates, java, ports, processes, properties
from kafka.artifacts import LOCK, SPEC, ArtifactError, cache_folder, class_path, locked_jars
from kafka.relock import lock_text
from kafka.warm import TRAINING, warm

MARKER = "refbus-test-process"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that waits, with a marker in its command line."""
    command = [sys.executable, "-c", "import signal; print('ready', flush=True); signal.pause()", MARKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield child
        child.kill()


def test_every_jar_is_locked_by_hash() -> None:
    """The lock file names Kafka itself in the version that `jgo.toml` asks for, and no jar without a hash."""
    jars = locked_jars()
    (core,) = [jar for jar in jars if jar.artifact == "kafka_2.13"]
    assert f"{core.group}:{core.artifact}:{core.version}" in SPEC.read_text(encoding="utf-8")
    assert len({jar.path for jar in jars}) == len(jars)


def test_a_jar_without_a_hash_is_refused(tmp_path: Path) -> None:
    """An unpinned entry in the lock file stops everything."""
    lock = tmp_path / "lock.toml"
    lock.write_text(LOCK.read_text(encoding="utf-8").replace("sha256", "sha1", 1), encoding="utf-8")
    with pytest.raises(ArtifactError, match="no SHA-256"):
        locked_jars(lock)


def test_the_lock_file_is_as_it_is_written() -> None:
    """Nobody edited it by hand: written again from what it says, it is the same."""
    assert lock_text(reversed(locked_jars())) == LOCK.read_text(encoding="utf-8")


def test_a_class_cache_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a class cache for this Java runtime no training start is made."""
    monkeypatch.setattr("kafka.warm.fetch", lambda _progress: tmp_path)
    java.class_cache(tmp_path).touch()
    said: list[str] = []
    warm(said.append)
    assert said == []


def test_two_first_starts_at_once_train_one_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits while the first trains, and starts none: both would write the same file."""
    trained: list[str] = []
    both = threading.Barrier(2)

    class Training:
        def __init__(self, *_arguments: object, **_options: object) -> None: ...

        def start(self, *, train: bool) -> None:
            trained.append("began")
            assert trained.count("began") == 1 + trained.count("ended"), "two trainings at once"

        def stop(self, _seconds: float) -> None:
            java.training_output(tmp_path).touch()
            trained.append("ended")

    def first_start() -> None:
        both.wait(30)
        warm(lambda _text: None)

    monkeypatch.setattr("kafka.warm.fetch", lambda _progress: tmp_path)
    monkeypatch.setattr("kafka.warm.Broker", Training)
    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(first_start), pool.submit(first_start)]:
            each.result(60)
    assert trained == ["began", "ended"]
    assert java.class_cache(tmp_path).is_file()


def test_a_training_holds_its_lock_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From before the broker starts until the file is in its place, nobody else can train; jars can be fetched."""
    seen: list[bool] = []

    class Looking:
        def __init__(self, *_arguments: object, **_options: object) -> None: ...

        def start(self, *, train: bool) -> None:
            seen.extend((is_held(tmp_path / TRAINING), is_held(tmp_path / ".lock")))

        def stop(self, _seconds: float) -> None:
            seen.append(is_held(tmp_path / TRAINING))
            java.training_output(tmp_path).touch()

    (tmp_path / ".lock").touch()
    monkeypatch.setattr("kafka.warm.fetch", lambda _progress: tmp_path)
    monkeypatch.setattr("kafka.warm.Broker", Looking)
    warm(lambda _text: None)
    assert seen == [True, False, True]


def is_held(path: Path) -> bool:
    """Whether somebody holds a lock file."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_without_a_class_cache_there_is_a_broker_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training start that fails is told, and nothing else: it is a matter of speed."""

    class Failing:
        def __init__(self, *_arguments: object, **_options: object) -> None:
            raise BrokerFailedError("no")

    monkeypatch.setattr("kafka.warm.fetch", lambda _progress: tmp_path)
    monkeypatch.setattr("kafka.warm.Broker", Failing)
    said: list[str] = []
    warm(said.append)
    assert "starts are slower" in said[-1]
    assert "-XX:AOTCache" not in " ".join(java.command(tmp_path, "kafka.Kafka", []))
    java.class_cache(tmp_path).touch()
    assert f"-XX:AOTCache={java.class_cache(tmp_path)}" in java.command(tmp_path, "kafka.Kafka", [])


def test_the_cache_is_named_by_the_lock_and_outside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another lock file is another folder, so versions never mix; XDG_CACHE_HOME is respected."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    other = tmp_path / "lock.toml"
    other.write_bytes(LOCK.read_bytes() + b"\n")
    assert cache_folder().parent == tmp_path / "refbus"
    assert cache_folder() != cache_folder(other)


def test_the_class_path_is_the_lock_and_nothing_else(tmp_path: Path) -> None:
    """A jar that lies in the cache by accident is not run."""
    (tmp_path / "maven").mkdir()
    (tmp_path / "maven" / "stray.jar").write_bytes(b"")
    entries = class_path(tmp_path).split(os.pathsep)
    assert entries == [str(tmp_path / "maven" / jar.path) for jar in locked_jars()]


def test_ports_are_free_and_below_those_of_outgoing_connections() -> None:
    """A port that a client could be given by the kernel would be lost when the broker is down."""
    found = ports.free_ports(4)
    assert len(set(found)) == 4
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(outgoing.read_text().split()[0]) if outgoing.exists() else 32_768
    for port in found:
        assert port < max(lowest, ports.FIRST + 1_000)
        with socket.socket() as held:
            held.bind(("127.0.0.1", port))


def test_a_process_is_ended_by_id_and_command_line(sleeper: subprocess.Popen[bytes]) -> None:
    """Both must agree; afterwards nothing of it is left, not even its entry."""
    assert processes.is_running(sleeper.pid, MARKER)
    processes.end(sleeper.pid, MARKER, 20.0, sleeper)
    assert not processes.is_running(sleeper.pid, MARKER)
    assert sleeper.returncode is not None


def test_an_id_that_belongs_to_somebody_else_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    """A remembered process id may have been given to another program since."""
    processes.kill(sleeper.pid, "another-marker", 1.0, None)
    assert sleeper.poll() is None
    assert not processes.is_running(0, "")


def test_a_plain_broker_listens_on_this_machine_only() -> None:
    """Every listener is on 127.0.0.1, and no topic is made by being written to."""
    settings = properties.plain(Path("data"), 1, 2)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["unclean.leader.election.enable"] == "false"


def test_a_tls_broker_demands_certificates_and_rules() -> None:
    """No listener without TLS, no access without a rule."""
    settings = properties.tls(Path("data"), 1, 2, keystore=Path("k"), truststore=Path("t"), supers="User:kz-operator")
    assert "PLAINTEXT" not in settings["listeners"] + settings["listener.security.protocol.map"]
    assert settings["ssl.client.auth"] == "required"
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["super.users"] == "User:kz-operator"


def test_a_certificate_names_its_principal_and_its_key_is_private(tmp_path: Path) -> None:
    """The common name is the principal; the same call gives the same files; only the owner reads keys."""
    certificates = Certificates(tmp_path)
    files = certificates.issue("kz-gate")
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=kz-gate"
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(certificates.authority.read_bytes()))
    key = load_pem_private_key(files.key.read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    files.check()
    for private in tmp_path.rglob("*key*"):
        assert private.stat().st_mode & 0o077 == 0
    before = files.certificate.read_bytes()
    assert certificates.issue("kz-gate").certificate.read_bytes() == before


def test_a_renewal_stands_beside_the_certificate_before(tmp_path: Path) -> None:
    """It has a folder and a key of its own, is found from then on, also by others, and no other holder gets it."""
    certificates = Certificates(tmp_path)
    first, other = certificates.issue("kz-broker"), certificates.issue("kz-broker-1")
    second, third = certificates.renew("kz-broker"), certificates.renew("kz-broker")
    held = [each.key.read_bytes() for each in (first, second, third)]
    assert len(set(held)) == 3
    assert [Certificates(tmp_path).issue(name) for name in ("kz-broker", "kz-broker-1")] == [third, other]
    assert Certificates(tmp_path).folder("kz-broker") == third.certificate.parent
    assert certificates.keystore("kz-broker").read_bytes().startswith(third.key.read_bytes())
