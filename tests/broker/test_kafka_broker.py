"""The development broker: jars only as locked, one address over restarts, nothing left behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kafka import Broker, BrokerFailedError
from kafka.artifacts import ArtifactError, fetch
from refbus.bus import confluent
from refbus.bus.port import TopicState

JAR = b"not really a jar"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve one jar on this machine as a Maven repository; return a lock file that names it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.endswith(".jar") else 404)
            self.send_header("Content-Length", str(len(JAR)))
            self.end_headers()
            self.wfile.write(JAR)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\nlocal = http://127.0.0.1:{server.server_port}\n", encoding="utf-8")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        lock = tmp_path / "lock.toml"
        entry = f'groupId = "g"\nartifactId = "a"\nversion = "1"\nsha256 = "{hashlib.sha256(JAR).hexdigest()}"\n'
        lock.write_text(f"[[dependencies]]\n{entry}", encoding="utf-8")
        yield lock
        server.shutdown()
        thread.join()


def test_a_jar_is_fetched_once_and_checked_always(repository: Path, tmp_path: Path) -> None:
    """The second call fetches nothing; a jar changed in the cache is fetched again."""
    said: list[str] = []
    folder = fetch(said.append, tmp_path / "cache", repository)
    path = folder / "maven" / "g" / "a" / "1" / "a-1.jar"
    assert path.read_bytes() == JAR
    assert said
    said.clear()
    fetch(said.append, folder, repository)
    assert said == []
    path.write_bytes(b"changed")
    fetch(said.append, folder, repository)
    assert path.read_bytes() == JAR


def test_a_jar_of_another_hash_is_refused_and_does_not_stay(repository: Path, tmp_path: Path) -> None:
    """Whatever a repository sends, only the locked bytes reach the class path."""
    repository.write_text(repository.read_text().replace(hashlib.sha256(JAR).hexdigest(), "0" * 64))
    with pytest.raises(ArtifactError, match="SHA-256"):
        fetch(lambda _text: None, tmp_path / "cache", repository)
    assert not list((tmp_path / "cache").rglob("*.jar"))


def believed_ms(broker: Broker) -> int:
    """Return for how long the controller believes in the broker without hearing it."""
    lines = (broker.directory / "server.properties").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split("=", 1) for line in lines)["broker.session.timeout.ms"])


def test_a_broker_keeps_address_and_records_over_restarts(tmp_path: Path) -> None:
    """Stop, kill and start again: same address, same cluster, same topics; another process can stop it."""
    broker = Broker(tmp_path / "broker", progress=lambda _text: None)
    try:
        address = broker.start()
        confluent.admin(address).create_topic(TopicState("kz.outbox", 1, 1, {}))
        cluster = confluent.admin(address).cluster().cluster_id
        assert broker.start() == address  # running already
        broker.restart()
        assert believed_ms(broker) == 60_000, "a late heartbeat of a busy machine ends nothing"
        broker.kill()
        assert broker.pid == 0
        broker.start()
        assert believed_ms(broker) == 2_000, "who was killed is taken back soon"
        assert broker.address() == address
        assert confluent.admin(address).cluster().cluster_id == cluster
        assert "kz.outbox" in confluent.admin(address).topics()
        os.kill(broker.pid, signal.SIGSTOP)  # even a process that does not react is ended
        Broker(broker.directory).kill()
        assert broker.pid == 0
    finally:
        broker.stop()


def test_a_stale_process_id_is_not_touched(tmp_path: Path) -> None:
    """After a crash of the machine the remembered id may be anybody's, here this test's own."""
    state = {"pid": os.getpid(), "port": 20001, "controller_port": 20002}
    (tmp_path / "broker.json").write_text(json.dumps(state))
    broker = Broker(tmp_path, progress=lambda _text: None)
    assert broker.pid == 0
    broker.stop()
    broker.kill()


def test_a_broker_that_cannot_start_says_what_its_log_says(tmp_path: Path) -> None:
    """A data folder that Kafka cannot use ends in one error with the last lines, and no process is left."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=9\n")
    broker = Broker(tmp_path, progress=lambda _text: None)
    with pytest.raises(BrokerFailedError, match=r"meta\.properties"):
        broker.start()
    assert broker.pid == 0
