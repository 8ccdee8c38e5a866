"""Orders to decide a stopped record again: one person asks with a reason, another one approves; kept for good.

replay/<decision id>.asked   what one person asked for
replay/<decision id>         the order of two, which the running gate takes
replays.jsonl                every order that was begun: a line before it, and one with what becomes of it

All are JSON. A person is a name and the account of the machine that was used. Where two persons are demanded, both
differ: whoever has all rights on the machine can be two, and a file that was written by hand is such a one.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.files import append_lines, read_limited, write_whole

FOLDER: Final = "replay"
JOURNAL: Final = "replays.jsonl"
BEGUN: Final = "BEGUN"
"""In the place of an outcome: the order is about to be carried out."""
_ASKED: Final = ".asked"
_DECISION: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MOST: Final = 8_192
_MOST_JOURNAL: Final = 64 << 20
_REASON: Final = (10, 500)
_NAME: Final = (2, 64)
_ACCOUNT: Final = (0, 256)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks or approves: a name, the account of the machine, and when (UTC ms)."""

    name: str
    account: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Request:
    """What one person asks for: the decision (32 hexadecimal digits) and why."""

    decision: str
    reason: str
    asked: Person


@dataclass(frozen=True, slots=True)
class Order:
    """What two persons want."""

    request: Request
    approved: Person


def check_decision(decision: str) -> str:
    """Return a decision id. Raises SetupError USAGE."""
    if not _DECISION.fullmatch(decision):
        raise SetupError(Code.USAGE, "a decision id has 32 hexadecimal digits in lower case")
    return decision


def ask(home: Path, request: Request) -> None:
    """Note what one person asks for. Raises SetupError USAGE, StoreError."""
    check_decision(request.decision)
    _check(request.asked.name, _NAME, "a name")
    _check(request.reason, _REASON, "a reason")
    _write(home / FOLDER / f"{request.decision}{_ASKED}", asdict(request))


def asked(home: Path, decision: str) -> Request:
    """Return what was asked for. Raises SetupError USAGE when nothing was, MalformedError."""
    file = home / FOLDER / f"{check_decision(decision)}{_ASKED}"
    if not file.is_file():
        raise SetupError(Code.USAGE, "nobody has asked for this replay yet: --reason, by another person")
    return _request(_read(file), decision)


def approve(home: Path, request: Request, by: Person, *, accounts: bool) -> Order:
    """Give the order. Raises SetupError USAGE for one person, by name or (with `accounts`) by account; StoreError."""
    order = Order(request, by)
    check(order, accounts=accounts)
    _write(home / FOLDER / request.decision, asdict(order))
    (home / FOLDER / f"{request.decision}{_ASKED}").unlink(missing_ok=True)
    return order


def check(order: Order, *, accounts: bool) -> None:
    """Raise SetupError USAGE unless two persons want it and one said why."""
    first, second = order.request.asked, order.approved
    _check(second.name, _NAME, "a name")
    _check(first.name, _NAME, "a name")
    for each in (first, second):
        _check(each.account, _ACCOUNT, "an account")
    _check(order.request.reason, _REASON, "a reason")
    if _folded(first.name) == _folded(second.name):
        raise SetupError(Code.USAGE, "another person must approve than the one who asked")
    if accounts and first.account == second.account:
        raise SetupError(Code.USAGE, "another account of this machine must approve than the one that asked")


def waiting(home: Path) -> Iterator[Path]:
    """Yield the files of the orders that wait, oldest first; what cannot be looked at is no order.

    An operator who is another user of the machine may have made the folder, or something else by such a name.
    """
    found = list[tuple[float, Path]]()
    with suppress(OSError):
        for path in (home / FOLDER).iterdir():
            with suppress(OSError):
                if _DECISION.fullmatch(path.name) and path.is_file():
                    found.append((path.stat().st_mtime, path))
    yield from (path for _, path in sorted(found))


def done(file: Path) -> bool:
    """Take away the file of an order; False when that cannot be done: once carried out it has no second effect."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def read_order(file: Path) -> Order:
    """Return an order. Raises MalformedError, SetupError FILE_UNREADABLE, TOO_LARGE."""
    values = _read(file)
    try:
        return Order(_request(values["request"], file.name), _person(values["approved"]))
    except (KeyError, TypeError):
        raise MalformedError(Code.MALFORMED, "an order without two persons and a reason") from None


@dataclass(frozen=True, slots=True)
class Done:
    """An order that was begun: what became of the record, when (UTC ms), and the statement for the audit log.

    BEGUN in the place of an outcome: the gate ended in the middle, or the order was not possible. `again`: it was begun
    again after this outcome was kept, so what was stated may not have been written. The audit log says which.
    """

    order: Order
    outcome: str
    at_ms: int
    statement: bytes
    again: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether an outcome was kept last."""
        return self.outcome != BEGUN and not self.again


def done_before(home: Path) -> Iterator[Done]:
    """Yield the orders that were begun, oldest first; a line that cannot be read is left out.

    Raises SetupError FILE_UNREADABLE, TOO_LARGE.
    """
    if not (home / JOURNAL).is_file():
        return
    found = dict[Order, Done]()
    for line in read_limited(home / JOURNAL, _MOST_JOURNAL).splitlines():
        with suppress(MalformedError, KeyError, TypeError, ValueError):
            values = read_json(line.decode())
            order = Order(_request(values["request"], values["request"]["decision"]), _person(values["approved"]))
            stated = bytes.fromhex(values.get("statement", ""))
            now = Done(order, str(values["outcome"]), int(values["at_ms"]), stated)
            found[order] = _after(found.get(order), now)
    yield from found.values()


def _after(before: Done | None, now: Done) -> Done:
    """Return what is known of an order after one more line: no later one hides an outcome, nor what was stated."""
    if before is None or before.outcome == BEGUN:
        return now
    if now.outcome == BEGUN:
        return replace(before, again=True)
    return now if now.statement or not before.statement else replace(before, outcome=now.outcome, again=True)


def note(home: Path, order: Order, outcome: str, at_ms: int, statement: bytes = b"") -> None:
    """Keep for good that an order has BEGUN, and then what becomes of it, before that is written. Raises StoreError.

    `statement`: what is behind its entry in the audit log, for whoever must prove it.
    """
    more = {"statement": statement.hex()} if statement else {}
    line = json.dumps(asdict(order) | {"outcome": outcome, "at_ms": at_ms} | more)
    append_lines(home / JOURNAL, line.encode() + b"\n")


def _folded(name: str) -> str:
    """Return a name as it is compared: letters that look alike to Unicode, capitals and spaces make nobody else."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _check(text: str, bounds: tuple[int, int], what: str) -> None:
    if not bounds[0] <= len(text.strip()) <= bounds[1] or not text.isprintable():
        raise SetupError(Code.USAGE, f"{what} has {bounds[0]} to {bounds[1]} printable characters")


def _write(file: Path, values: dict[str, Any]) -> None:
    write_whole(file, json.dumps(values, ensure_ascii=False).encode())


def _read(file: Path) -> dict[str, Any]:
    try:
        values = read_json(read_limited(file, _MOST).decode())
    except UnicodeDecodeError:
        raise MalformedError(Code.MALFORMED, "not text") from None
    if not isinstance(values, dict):
        raise MalformedError(Code.MALFORMED, "not an object")
    return values


def _request(values: Any, decision: str) -> Request:
    try:
        found = Request(str(values["decision"]), str(values["reason"]), _person(values["asked"]))
    except (KeyError, TypeError):
        raise MalformedError(Code.MALFORMED, "a request without a person and a reason") from None
    if found.decision != decision:
        raise MalformedError(Code.MALFORMED, "a request for another decision")
    return found


def _person(values: Any) -> Person:
    at_ms = values["at_ms"]
    if type(at_ms) is not int:
        raise TypeError
    return Person(str(values["name"]), str(values["account"]), at_ms)
