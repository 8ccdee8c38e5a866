"""Pings against a real mail server and a real web server of this machine; the address book with bad input."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from refbus.core.ids import OrgId
from refbus.errors import Code, SetupError, TransportError
from refbus.notify import channels
from refbus.notify.book import AddressBook, read_book
from refbus.notify.channels import MailServer, Security, call_webhook
from refbus.notify.message import Ping
from support.mail import Mailbox, mail_server, server_at

ORG = OrgId("kz-agency01")
PING = Ping(bytes(15) + b"1", urgent=False)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """Give a mail server on a free port."""
    with mail_server() as running:
        yield running


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted, and answers as it is told."""

    bodies: list[Any] = []  # noqa: RUF012 - emptied by the fixture
    status = 204

    def do_POST(self) -> None:
        """Take one call."""
        Hook.bodies.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(Hook.status)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    """Give the address of a web server on a free port."""
    Hook.bodies, Hook.status = [], 204
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/refbus?key=1"
    server.shutdown()
    server.server_close()


def test_a_mail_says_look_and_nothing_else(mailbox: tuple[Mailbox, int]) -> None:
    """Stable Message-ID, marked as automatic, words in seven languages, no id of a case or an organisation."""
    box, port = mailbox
    for _ in range(2):
        server_at(port).send("duty@node.example", PING)
    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"] == f"<{PING.message_id.hex()}@node.example>"
    assert (first["Auto-Submitted"], first["Subject"], first["To"]) == ("auto-generated", "Refbus", "duty@node.example")
    payload = first.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode()
    assert "Откройте Refbus" in text
    assert len([line for line in text.splitlines() if line]) == 7
    assert ORG not in first.as_string()


def test_an_alarm_is_urgent(mailbox: tuple[Mailbox, int]) -> None:
    """Only that is told."""
    box, port = mailbox
    server_at(port).send("duty@node.example", Ping(PING.message_id, urgent=True))
    assert box.mails[0]["Subject"] == "Refbus: urgent"


def test_a_mail_server_that_does_not_take_it_is_an_error(mailbox: tuple[Mailbox, int]) -> None:
    """Refused, or not there: PING_FAILED, to be tried again."""
    box, port = mailbox
    box.closed = True
    for server in (server_at(port), server_at(1)):
        with pytest.raises(TransportError) as caught:
            server.send("duty@node.example", PING)
        assert caught.value.code is Code.PING_FAILED


def test_a_webhook_is_called_with_the_id_alone(hook: str) -> None:
    """A small JSON object."""
    call_webhook(hook, PING)
    assert Hook.bodies == [("/refbus?key=1", {"refbus": "inbox", "urgent": False, "id": PING.message_id.hex()})]


def test_a_webhook_that_answers_otherwise_is_an_error(hook: str) -> None:
    """Any status but 2xx, a redirect too; nobody there."""
    for Hook.status in (302, 500):
        with pytest.raises(TransportError):
            call_webhook(hook, PING)
    with pytest.raises(TransportError):
        call_webhook("http://127.0.0.1:1/", PING)


def test_the_book_tells_every_address_of_an_organisation(
    mailbox: tuple[Mailbox, int], hook: str, tmp_path: Path
) -> None:
    """Mail and webhook; an organisation that is not in it is told nothing."""
    box, port = mailbox
    book = read_book(written(tmp_path, port, f'{ORG} = ["mailto:duty@node.example", "{hook}"]'))
    for address in book.of(ORG):
        book.send(address, PING)
    assert (len(box.mails), len(Hook.bodies)) == (1, 1)
    assert book.of(OrgId("uz-she1ter1")) == ()
    assert read_book(None) == AddressBook(None, {})


def written(folder: Path, port: int, line: str, mail: str = "") -> Path:
    """Write an address book."""
    path = folder / "book.toml"
    server = mail or f'host = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "refbus@node.example"'
    path.write_text(f"[mail]\n{server}\n[organisations]\n{line}\n", encoding="utf-8")
    return path


BAD = {
    "no address": (f'{ORG} = ["mailto:nobody"]', "", Code.SETTINGS_INVALID),
    "plain web": (f'{ORG} = ["http://mail.node.example/"]', "", Code.SETTINGS_INVALID),
    "not a list": (f'{ORG} = "mailto:duty@node.example"', "", Code.SETTINGS_INVALID),
    "no organisation": ('"Agency of X" = []', "", Code.SETTINGS_INVALID),
    "header in an address": (f'{ORG} = ["mailto:a@node.example\\nBcc: b@node.example"]', "", Code.SETTINGS_INVALID),
    "plain mail": (
        "",
        'host = "mail.node.example"\nport = 25\nsecurity = "none"\nsender = "a@b.example"',
        Code.UNSAFE_SETTING,
    ),
    "half a server": ("", 'host = "mail.node.example"', Code.SETTINGS_INVALID),
    "no sender": ("", 'host = "m"\nport = 25\nsecurity = "tls"\nsender = "x"', Code.SETTINGS_INVALID),
    "not TOML": ("[", "", Code.FILE_UNREADABLE),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_book_is_refused_at_the_start(name: str, tmp_path: Path) -> None:
    """With a code, before anything is needed of it."""
    line, mail, code = BAD[name]
    with pytest.raises(SetupError) as caught:
        read_book(written(tmp_path, 25, line, mail))
    assert caught.value.code is code
    with pytest.raises(SetupError):
        read_book(tmp_path / "missing.toml")


CALLS = {
    "a webhook": lambda port: call_webhook(f"http://127.0.0.1:{port}/", PING),
    "mail": lambda port: MailServer("127.0.0.1", port, Security.NONE, "bus@example.org").send("a@example.org", PING),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A byte now and then, for ever, keeps no other address from being rung."""
    monkeypatch.setattr(channels, "LIMIT_S", 0.3)
    over = threading.Event()

    def trickle(listening: socket.socket) -> None:
        taken, _ = listening.accept()
        with taken, suppress(OSError):
            while not over.wait(0.02):
                taken.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=trickle, args=(listening,))
        thread.start()
        with pytest.raises(TransportError):
            CALLS[call](listening.getsockname()[1])
        over.set()
        thread.join()
