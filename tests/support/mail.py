"""A real mail server on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller

from refbus.notify.channels import MailServer, Security


class Mailbox:
    """Keeps what a mail server takes; refuses everything while `closed`."""

    def __init__(self) -> None:
        """Start empty."""
        self.mails: list[Message] = []
        self.closed = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - name by aiosmtpd
        """Take one mail."""
        if self.closed:
            return "451 try again later"
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    """Give a mail server on a free port."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def server_at(port: int) -> MailServer:
    """Return the settings of the mail server."""
    return MailServer("127.0.0.1", port, Security.NONE, "refbus@node.example")
