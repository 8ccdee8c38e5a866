from __future__ import annotations

import gzip
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from refbus.audit import sources
from refbus.audit.fsck import check_log
from refbus.audit.history import compare
from refbus.audit.sources import FolderSource, WebSource, source_of
from refbus.errors import Code, SetupError, TransportError
from support.logs import audit_entries, checkpoint_note, log_policy, write_log

DATA = audit_entries(300)
POLICY = log_policy()


class Server(ThreadingHTTPServer):
    """Serves a folder as an auditor does, and some paths as no honest one would. `seen` are the paths asked for."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.seen: list[str] = []

    @property
    def prefix(self) -> str:
        """Where the log is."""
        return f"http://127.0.0.1:{self.server_port}/log"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer by the path."""
        self.server.seen.append(self.path)
        path = self.server.folder / self.path.removeprefix("/log/")
        if "broken" in self.path:
            self.answer(500, b"")
        elif "moved" in self.path:
            self.answer(302, b"", Location=f"{self.server.prefix}/checkpoint")
        elif "bomb" in self.path:
            self.answer(200, gzip.compress(bytes(1 << 20)), Content_Encoding="gzip")
        elif "packed" in self.path:
            self.answer(200, gzip.compress(b"unpacked"), Content_Encoding="gzip")
        elif "spoilt" in self.path:
            self.answer(200, b"no gzip at all", Content_Encoding="gzip")
        elif path.is_file():
            self.answer(200, path.read_bytes())
        else:
            self.answer(404, b"<html>nothing here</html>")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send it."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Give a server of a small log."""
    with closing_server(Server(write_log(tmp_path, DATA))) as running:
        yield running


class closing_server:  # noqa: N801 - reads as a function
    """Runs a server while the block lasts."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.01,))

    def __enter__(self) -> Server:
        self._thread.start()
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_log_on_the_web(server: Server, slash: str) -> None:
    """A served log is checked and compared as one in a folder; what cannot be listed is not looked for."""
    source = source_of(server.prefix + slash)
    report = check_log(source, POLICY, io.BytesIO())
    assert (report.findings, report.complete) == ((), True)
    assert compare(source, POLICY, checkpoint_note(DATA[:100])) == ()
    (server.folder / "tile/0/000").unlink()
    findings = check_log(source, POLICY, io.BytesIO()).findings
    assert [(each.code, each.place) for each in findings] == [(Code.LOG_INCOMPLETE, "tile/0/000")]


@pytest.mark.parametrize("path", ["broken", "moved", "spoilt"])
def test_no_answer_is_not_no_file(server: Server, path: str) -> None:
    """A failing server, a redirect and a spoilt answer are failures, not missing files; a redirect is not followed."""
    with pytest.raises(TransportError) as error:
        WebSource(server.prefix).fetch(path)
    assert error.value.code is Code.LOG_UNREACHABLE
    assert set(server.seen) == {f"/log/{path}"}


def test_sizes_on_the_web(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed files are unpacked, and no more of a file is taken than the format allows and a byte."""
    source = WebSource(server.prefix)
    assert source.fetch("packed") == b"unpacked"
    assert source.fetch("nothing") is None
    monkeypatch.setattr(sources, "MOST_FILE_BYTES", 1_000)
    assert source.fetch("bomb") == bytes(1_001)
    assert source.fetch("tile/0/000") == (server.folder / "tile/0/000").read_bytes()[:1_001]
    assert source.fetch("tile/entries/300") is None


@pytest.mark.parametrize("prefix", ["http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "http://[/"])
def test_nobody_there(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place where nobody answers, or which is no address, is reported as such."""
    monkeypatch.setattr(sources, "_RETRY", False)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with pytest.raises(TransportError) as error:
        WebSource(prefix.format(port=port)).fetch("checkpoint")
    assert error.value.code is Code.LOG_UNREACHABLE


def test_folders(tmp_path: Path) -> None:
    """A folder gives its files, none where there is none or a folder, and lists them."""
    source = source_of(str(write_log(tmp_path, DATA[:1])))
    assert isinstance(source, FolderSource)
    assert source.fetch("tile/0/000.p/1") == (tmp_path / "tile/0/000.p/1").read_bytes()
    assert [source.fetch(path) for path in ("tile/0", "tile/0/001", "checkpoint/x")] == [None] * 3
    assert list(source.paths()) == ["checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"]
    with pytest.raises(SetupError) as error:
        source_of(str(tmp_path / "nowhere"))
    assert error.value.code is Code.FILE_UNREADABLE


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is there and cannot be read is not a missing one."""
    (tmp_path / "checkpoint").symlink_to("checkpoint")
    with pytest.raises(SetupError) as error:
        FolderSource(tmp_path).fetch("checkpoint")
    assert error.value.code is Code.FILE_UNREADABLE
