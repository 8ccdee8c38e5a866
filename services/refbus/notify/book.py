"""The operator's address book: which organisation is told where to look into its inbox. A TOML file of the node.

[mail]                                  # only when somebody is told by mail
host = "mail.node.example"
port = 465
security = "tls"                        # tls, starttls; none on this machine only
sender = "refbus@node.example"
user = "refbus"
password_file = "/etc/refbus/mail-password"

[organisations]
kz-agency01 = ["mailto:duty@node.example", "https://mail.node.example/refbus"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from refbus.core.documents import read_toml
from refbus.core.ids import OrgId, parse_org_id
from refbus.errors import Code, MalformedError, SetupError
from refbus.notify.channels import MailServer, Security, call_webhook, is_loopback
from refbus.notify.message import Ping
from refbus.settings import read_secret_file

_ADDRESS = re.compile(r"mailto:[^\s@<>,;]{1,64}@[A-Za-z0-9.-]{1,190}")


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Addresses of organisations; an organisation that is not in it is told nothing."""

    mail: MailServer | None
    addresses: Mapping[OrgId, tuple[str, ...]]

    def of(self, org: OrgId) -> tuple[str, ...]:
        """Return the addresses of an organisation."""
        return self.addresses.get(org, ())

    def send(self, address: str, ping: Ping) -> None:
        """Send a ping to one address, once. Raises TransportError PING_FAILED."""
        if address.startswith("mailto:") and self.mail is not None:
            self.mail.send(address.removeprefix("mailto:"), ping)
        else:
            call_webhook(address, ping)


def read_book(path: Path | None) -> AddressBook:
    """Return the address book in a file, an empty one for None.

    Raises SetupError FILE_UNREADABLE, SETTINGS_INVALID naming the entry, UNSAFE_SETTING.
    """
    if path is None:
        return AddressBook(None, {})
    try:
        value = read_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, MalformedError):
        raise SetupError(Code.FILE_UNREADABLE, path.name) from None
    mail = _mail(value["mail"]) if "mail" in value else None
    organisations = value.get("organisations", {})
    if value.keys() - {"mail", "organisations"} or not isinstance(organisations, dict):
        raise SetupError(Code.SETTINGS_INVALID, f"{path.name}: only [mail] and [organisations]")
    return AddressBook(mail, {_org(name): _addresses(name, each, mail) for name, each in organisations.items()})


_COMPULSORY = {"host", "port", "security", "sender"}


def _mail(value: Any) -> MailServer:
    names = set(value) if isinstance(value, dict) else set()
    if not _COMPULSORY <= names <= _COMPULSORY | {"user", "password_file"}:
        raise SetupError(Code.SETTINGS_INVALID, "[mail] has host, port, security, sender, and user, password_file")
    good = value["security"] in list(Security) and isinstance(value["host"], str) and type(value["port"]) is int
    if not good or not _ADDRESS.fullmatch(f"mailto:{value['sender']}"):
        raise SetupError(Code.SETTINGS_INVALID, "[mail] security is tls, starttls or none; sender is an address")
    password = read_secret_file(Path(value["password_file"])).decode() if "password_file" in value else ""
    server = MailServer(
        host=value["host"],
        port=value["port"],
        security=Security(value["security"]),
        sender=value["sender"],
        user=value.get("user", ""),
        password=password,
    )
    server.check()
    return server


def _org(name: str) -> OrgId:
    try:
        return parse_org_id(name)
    except MalformedError:
        raise SetupError(Code.SETTINGS_INVALID, "[organisations] names are organisation ids") from None


def _addresses(name: str, value: Any, mail: MailServer | None) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and _is_address(each, mail) for each in value):
        raise SetupError(
            Code.SETTINGS_INVALID, f"{name}: a list of mailto: (with [mail]) and https: addresses is needed"
        )
    return tuple(value)


def _is_address(text: str, mail: MailServer | None) -> bool:
    if text.startswith("mailto:"):
        return mail is not None and _ADDRESS.fullmatch(text) is not None
    parts = urlsplit(text)
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
