"""The log and the witness over HTTP, as any reader and any log of these formats meets them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from socket import create_connection, socket

import pytest

from refbus.audit.fsck import check_log
from refbus.audit.sources import WebSource
from refbus.errors import Code, SetupError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.note import Note, parse_lines
from refbus.tlog.witness import AddCheckpoint, origin_hash
from refbus_auditor import server as serving
from refbus_auditor.server import LogServer
from support.auditors import Auditors
from support.directories import auditor, log_name_of, log_secret
from support.logs import entries, head_of

ORIGIN = f"{log_name_of('uz')}/2026b"
HEAD = head_of(entries(9))


@pytest.fixture
def server(world: Auditors) -> Iterator[LogServer]:
    """Serve the log and the witness of kz, whose log has 300 entries."""
    world.log(300)
    world.settle()
    node = world.nodes["kz"]
    made = LogServer(node.home.log_folder, node.core.witness, "127.0.0.1", 0)
    yield made
    made.close()


def ask(server: LogServer, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def request(old: int = 0, origin: str = ORIGIN, root: bytes = HEAD.root, country: str = "uz") -> bytes:
    """Return the body of a request of a log, the log of uz if not said otherwise."""
    signed = sign_checkpoint(Checkpoint(origin, HEAD.size, root), log_secret(auditor(country)).log_key(origin))
    return AddCheckpoint(old, (), signed).encode()


def test_the_whole_log_is_checked_over_http(world: Auditors, server: LogServer) -> None:
    """A reader that knows the address and the policy needs nothing else."""
    source = WebSource(f"http://127.0.0.1:{server.port}/2026b/")
    with tempfile.TemporaryFile() as scratch:
        report = check_log(source, world.nodes["kz"].core.policy(), scratch, world.now_ms // 1000)
    assert (report.findings, report.quorum, report.complete) == ((), None, True)
    assert report.checkpoint is not None
    assert report.checkpoint.size == 300


def test_what_changes_is_not_kept_and_what_does_not_is(server: LogServer) -> None:
    """Readers may keep tiles for ever, the checkpoint never."""
    status, headers, _ = ask(server, "GET", "/2026b/checkpoint")
    assert (status, headers["cache-control"], headers["content-type"]) == (200, "no-cache", "text/plain; charset=utf-8")
    status, headers, body = ask(server, "GET", "/2026b/tile/0/000")
    assert (status, headers["content-type"], len(body)) == (200, "application/octet-stream", 8192)
    assert "immutable" in headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/2026b",
        "/2026b/../store/auditor.db",
        "/2026b/tile/../../../store/auditor.db",
        "/2026b/tile/0/..%2f..%2f..%2fstore%2fauditor.db",
        "/..%2fstore/checkpoint",
        "/2026b/tile/0/0",
        "/2026b/tile/0/999",
        "/2027b/checkpoint",
        "/2026b/end",
        "/witness/checkpoint",
        f"/witness/{'0' * 64}/checkpoint",
        "/witness/..%2f..%2fstore/checkpoint",
    ],
)
def test_nothing_else_is_served(server: LogServer, path: str) -> None:
    """Only files of the formats, by their one name."""
    assert ask(server, "GET", path)[0] == 404


def test_a_log_gets_its_cosignatures(world: Auditors, server: LogServer) -> None:
    """200 with a line for each kind, which make the checkpoint a cosigned one; then it is served to monitors."""
    status, _, body = ask(server, "POST", "/witness/add-checkpoint", request())
    lines = parse_lines(body.decode())
    assert (status, len(lines)) == (200, 2)
    status, _, served = ask(server, "GET", f"/witness/{origin_hash(ORIGIN)}/checkpoint")
    assert status == 200
    assert Note.parse(served).signatures[1:] == lines
    assert Note.parse(served).text == Note.parse(request().partition(b"\n\n")[2]).text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"old 1\n", 400),
        (request(origin="audit.nowhere.example/2026b"), 404),
        (request(country="kg"), 403),
        (request(old=10), 400),
        (request(old=5), 409),
    ],
)
def test_refusals_have_the_statuses_of_the_protocol(server: LogServer, body: bytes, status: int) -> None:
    """Malformed 400, unknown log 404, false signature 403, another size 409."""
    assert ask(server, "POST", "/witness/add-checkpoint", body)[0] == status


def test_a_conflict_says_the_size(server: LogServer) -> None:
    """409 with the size that the witness has, in a type of its own."""
    ask(server, "POST", "/witness/add-checkpoint", request())
    status, headers, body = ask(server, "POST", "/witness/add-checkpoint", request())
    assert (status, headers["content-type"], body) == (409, "text/x.tlog.size", b"9\n")


def test_a_fork_is_422(server: LogServer) -> None:
    """Another root for the same size is refused for good."""
    ask(server, "POST", "/witness/add-checkpoint", request())
    status, _, body = ask(server, "POST", "/witness/add-checkpoint", request(old=9, root=bytes(32)))
    assert (status, body) == (422, b"LOG_FORKED\n")


def test_an_endless_request_is_cut_off(server: LogServer) -> None:
    """More than a request can be is not read."""
    assert ask(server, "POST", "/witness/add-checkpoint", bytes(2 << 20))[0] == 413


def test_only_this_machine_unless_said(world: Auditors) -> None:
    """An address that others can reach has to be asked for twice."""
    node = world.nodes["kz"]
    with pytest.raises(SetupError) as caught:
        LogServer(node.home.log_folder, node.core.witness, "0.0.0.0", 0)
    assert caught.value.code is Code.UNSAFE_SETTING


def test_a_port_in_use(world: Auditors, server: LogServer) -> None:
    """The start fails with a code and leaves no thread."""
    node = world.nodes["kz"]
    with pytest.raises(SetupError) as caught:
        LogServer(node.home.log_folder, node.core.witness, "127.0.0.1", server.port)
    assert caught.value.code is Code.SETTINGS_INVALID


def test_half_a_request_ends_by_itself(server: LogServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends a byte now and then, or nothing, is cut off when the life of a connection is over."""
    monkeypatch.setattr(serving, "LIFE_S", 0.2)
    for sent in (b"", b"GET /2026b/checkpoint HTTP/1.1\r\nHost: a", b"POST /witness/add-checkpoint HTTP/1.1\r\nHo"):
        with create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(sent)
            assert ends(connection)


def test_connections_beyond_the_bound_are_closed_and_those_within_answered(
    server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-open connections take a bounded number of handles, and room is there again when they end."""
    monkeypatch.setattr(serving, "AT_ONCE", 2)
    idle = [create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(2)]
    with create_connection(("127.0.0.1", server.port), timeout=10) as third:
        assert ends(third)
    for connection in idle:
        connection.close()
    status = None
    while status is None:  # until the server has seen that they are closed
        with suppress(ConnectionError):
            status = ask(server, "GET", "/2026b/checkpoint")[0]
    assert status == 200


def test_headers_are_bounded(server: LogServer) -> None:
    """One that is too long, and too many of them, are refused."""
    for headers in ({"X-Long": "x" * 9_000}, {f"X-{number}": "x" for number in range(64)}):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/2026b/checkpoint", headers=headers)
        assert connection.getresponse().status == 400
        connection.close()


def ends(connection: socket) -> bool:
    """Return whether the other side ends the connection, whatever it says before."""
    with suppress(ConnectionResetError):
        while connection.recv(4096):
            pass
    return True
