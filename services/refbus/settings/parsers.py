"""From the text of one setting to its value. A parser raises SettingTextError, whose words never quote the text."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from refbus.core.ids import CountryCode, parse_country
from refbus.errors import Code, MalformedError, SetupError
from refbus.files import is_private
from refbus.said import said

_BOOLEANS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False, "1": True, "0": False}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
_SECONDS = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,3})?", re.ASCII)
_ADDRESS = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]):([1-9][0-9]{0,4})")
_HOST = r"([A-Za-z0-9._%-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])?(:[1-9][0-9]{0,4})?"
_DATABASE = re.compile(rf"postgresql://([A-Za-z0-9._%-]{{1,63}}@)?{_HOST}(,{_HOST})*/[A-Za-z0-9._%-]{{1,63}}")
_MAX_PORT = 65535
_MAX_SECRET = 4096  # bytes
_Value = TypeVar("_Value")
_Member = TypeVar("_Member", bound=StrEnum)


class SettingTextError(Exception):
    """The text is not a value of this setting; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Parser(Generic[_Value]):
    """How a text becomes a value, and the words in which the reference page says what is accepted."""

    parse: Callable[[str], _Value]
    form: str

    def __call__(self, text: str) -> _Value:
        """Return the value of `text`. Raises SettingTextError."""
        try:
            return self.parse(text)
        except (ValueError, KeyError, MalformedError):
            raise SettingTextError(self.form) from None


def boolean() -> Parser[bool]:
    """Yes or no from a closed list of words: "0" is no, and an unknown word is an error."""
    return Parser(_BOOLEANS.__getitem__, said("one of %(codes)s", codes=", ".join(_BOOLEANS)))


def integer(low: int, high: int) -> Parser[int]:
    """Return the parser of whole numbers from `low` to `high`, both included, in plain decimal digits."""

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return Parser(parse, said("whole number from %(low)s to %(high)s", low=low, high=high))


def seconds(low: float, high: float) -> Parser[float]:
    """Return the parser of durations in seconds from `low` to `high`, at most three decimals, no unit."""

    def parse(text: str) -> float:
        if not _SECONDS.fullmatch(text) or not low <= float(text) <= high:
            raise ValueError
        return float(text)

    return Parser(parse, said("seconds from %(low)s to %(high)s", low=f"{low:g}", high=f"{high:g}"))


def choice(kind: type[_Member]) -> Parser[_Member]:
    """Return the parser of the members of a closed list."""
    return Parser(kind, said("one of %(codes)s", codes=", ".join(kind)))


def country() -> Parser[CountryCode]:
    """Return the parser of a country code: two small letters, ISO 3166-1."""
    return Parser(parse_country, said("country code, two small letters"))


def path() -> Parser[Path]:
    """Return the parser of a path; "~" is the home folder of the user. Whether it exists is checked at use."""

    def parse(text: str) -> Path:
        if not text or "\0" in text:
            raise ValueError
        try:
            return Path(text).expanduser()
        except RuntimeError:
            raise ValueError from None

    return Parser(parse, said("path"))


def addresses() -> Parser[str]:
    """Return the parser of one or more broker addresses, "host:port,host:port". The text itself is the value."""

    def parse(text: str) -> str:
        for entry in text.split(","):
            match = _ADDRESS.fullmatch(entry)
            if match is None or int(match[3]) > _MAX_PORT:
                raise ValueError
        return text

    return Parser(parse, said("host:port, more with commas"))


def database() -> Parser[str]:
    """Return the parser of where a database is: user, hosts or a socket's folder (%2Frun%2Fpostgresql), its name."""

    def parse(text: str) -> str:
        if not _DATABASE.fullmatch(text):
            raise ValueError
        return text

    return Parser(parse, "postgresql://user@host:port/database")


def line(most: int) -> Parser[str]:
    """Return the parser of one line of 1 to `most` printable characters."""

    def parse(text: str) -> str:
        if not 0 < len(text) <= most or not text.isprintable():
            raise ValueError
        return text

    return Parser(parse, said("1 to %(most)s printable characters", most=most))


def host() -> Parser[str]:
    """Return the parser of an address to listen on: IPv4 or IPv6 in digits, so that no look-up is needed."""
    return Parser(lambda text: str(ipaddress.ip_address(text)), said("IP address"))


def read_secret_file(file: Path) -> bytes:
    """Return the first line of a file that only its owner can use: a passphrase, 1 to 4096 bytes, without the line end.

    Raises SetupError: FILE_UNREADABLE when it cannot be read, KEYFILE_UNSAFE when others can read or change it,
    SETTINGS_INVALID when it is empty or too long.
    """
    try:
        with file.open("rb") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            content = handle.read(_MAX_SECRET + 2)
    except OSError:
        raise SetupError(Code.FILE_UNREADABLE, file.name) from None
    if not is_private(mode):
        raise SetupError(Code.KEYFILE_UNSAFE, file.name)
    secret = content.split(b"\n", 1)[0].removesuffix(b"\r")
    if not 0 < len(secret) <= _MAX_SECRET:
        raise SetupError(Code.SETTINGS_INVALID, said("%(file)s is empty or too long", file=file.name))
    return secret
