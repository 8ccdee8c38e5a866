"""How much one writer may add to the audit log in an hour and a day, so that nobody fills the disk of all.

What is beyond that waits, in order, and is logged when there is room again; so much may wait of each account. Accounts
are named by what is verified: a member or gate ("kz-gate"), its evidence that stays ("kz-gate!") so that no flood
stands in its way, and, apart from all of them, what nobody can verify: a claimed writer and key ("?NAME/KID").

Beyond what may wait a member's entry is refused. Of a gate, and of evidence, the leaf is logged all the same: only its
sealed record is not kept, so whatever a gate decided stays provable.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from refbus.core.ids import KeyId
from refbus.core.units import HOUR_MS
from refbus.database.prepared import Prepared
from refbus.node.store.sound import whole
from refbus_auditor.store.tables import usage, waiting

_MIB = 1 << 20
_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Amount:
    """Records, their bytes, and decisions that orders among them name."""

    records: int = 0
    size: int = 0
    names: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.records + other.records, self.size + other.size, self.names + other.names)

    def holds(self, other: Amount) -> bool:
        """Whether `other` is not more than this in anything."""
        return other.records <= self.records and other.size <= self.size and other.names <= self.names


IN_AN_HOUR = Amount(2_000, 16 * _MIB, 20_000)
IN_A_DAY = Amount(10_000, 64 * _MIB, 40_000)
"""An office writes two entries for each event: one with fifty events a day writes 100, and 700 after a week without a
line. Erasing a case names its decisions, some hundreds. A record has 3 kB, the largest order 160 kB."""
WAITING = Amount(20_000, 64 * _MIB)
"""What may wait of one member, and of the evidence of one writer."""
GATE_IN_AN_HOUR = Amount(100_000, 384 * _MIB, 200_000)
GATE_IN_A_DAY = Amount(500_000, 1_536 * _MIB, 1_000_000)
GATE_WAITING = Amount(100_000, 384 * _MIB)
"""A gate writes one entry for each decision: 28 events in each second of an hour, where a country has some thousand in
a day. Repeats and refusals of one member are bounded at the gate."""
UNVERIFIED = Amount(2_000, 8 * _MIB)
ALL_UNVERIFIED = Amount(50_000, 192 * _MIB)
"""What may wait under one claimed name and key, and of everything that nobody can verify yet. It takes no member's
room, and who does not know the number of a new key does not find the room of its entries."""
_EVIDENCE, _NOBODY = "!", "?"
_NAMES = Amount.__slots__
_OF_WRITER = usage.c.writer == bindparam("its_writer")
_THIS_DAY = usage.c.hour.between(bindparam("its_first"), bindparam("its_hour"))
_USED = Prepared(select(usage).where(_OF_WRITER, _THIS_DAY))
_GROW = Prepared(
    update(usage)
    .where(_OF_WRITER, usage.c.hour == bindparam("its_hour"))
    .values({name: usage.c[name] + bindparam(f"more_{name}") for name in _NAMES})
)
_BEGIN = Prepared(
    insert(usage).values(
        {name: bindparam(f"more_{name}") for name in _NAMES}
        | {"writer": bindparam("its_writer"), "hour": bindparam("its_hour")}
    )
)
_FORGET = Prepared(delete(usage).where(_OF_WRITER, ~_THIS_DAY))
_SUMS = select(func.count(), func.coalesce(func.sum(waiting.c.size), 0))
_WAITS = Prepared(_SUMS.where(waiting.c.owner == bindparam("its_owner")))
_ALL_UNVERIFIED = Prepared(
    _SUMS.where(waiting.c.owner >= bindparam("its_first"), waiting.c.owner < bindparam("its_end"))
)


def account_of(writer: str, *, stays: bool) -> str:
    """Return whose room a verified record takes."""
    return writer + _EVIDENCE if stays else writer


def unverified(named: str, kid: KeyId, *, known: bool) -> str:
    """Return whose room a record takes whose signature cannot be checked: all unknown names share one."""
    return f"{_NOBODY}{named}/{kid.hex()[:16]}" if known else _NOBODY


def keeps_leaf(owner: str) -> bool:
    """Whether an entry is logged without its sealed record when there is no room for it to wait."""
    return owner.endswith(_EVIDENCE) or _is_gate(owner)


def _is_gate(owner: str) -> bool:
    return owner.endswith("-gate")


def _rates(owner: str) -> tuple[Amount, Amount]:
    return (GATE_IN_AN_HOUR, GATE_IN_A_DAY) if _is_gate(owner) else (IN_AN_HOUR, IN_A_DAY)


def _room(owner: str) -> Amount:
    if owner.startswith(_NOBODY):
        return UNVERIFIED
    return GATE_WAITING if _is_gate(owner) else WAITING


class Budget:
    """What writers may still write while one batch is taken. Read once for each writer; `write` keeps what was used."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self.connection = connection
        self._hour = now_ms // HOUR_MS
        self._used: dict[str, tuple[Amount, Amount]] = {}
        self._new: dict[str, Amount] = {}
        self._waits: dict[str, Amount] = {}
        self._unverified: Amount | None = None

    def takes(self, writer: str, amount: Amount) -> bool:
        """Take `amount` of what a writer may write; False, and nothing is taken, when that is too much now."""
        hour, day = self._of(writer)
        in_an_hour, in_a_day = _rates(writer)
        fits = in_an_hour.holds(hour + amount) and in_a_day.holds(day + amount)
        if fits:
            self._used[writer] = (hour + amount, day + amount)
            self._new[writer] = self._new.get(writer, Amount()) + amount
        return fits

    def waits(self, owner: str) -> bool:
        """Whether anything of this owner waits: what comes later waits behind it."""
        return self._waiting(owner).records > 0

    def lets_wait(self, owner: str, size: int) -> bool:
        """Take room for another entry that waits; False when there is none."""
        grown = self._waiting(owner) + Amount(1, size)
        if not _room(owner).holds(grown):
            return False
        if owner.startswith(_NOBODY):
            of_all = self._all_unverified() + Amount(1, size)
            if not ALL_UNVERIFIED.holds(of_all):
                return False
            self._unverified = of_all
        self._waits[owner] = grown
        return True

    def write(self, connection: Connection) -> None:
        """Keep what was used, and forget what is older than a day, and what a clock that was ahead left behind."""
        for writer, amount in self._new.items():
            more = {f"more_{name}": getattr(amount, name) for name in _NAMES}
            used = {"its_writer": writer, "its_hour": self._hour, **more}
            if _GROW.once(connection, used).rowcount == 0:
                _BEGIN.once(connection, used)
            _FORGET.once(connection, self._day_of(writer))

    def _of(self, writer: str) -> tuple[Amount, Amount]:
        if writer not in self._used:
            rows = _USED.once(self.connection, self._day_of(writer)).all()
            amounts = {
                row.hour: Amount(*(whole(each, 0) for each in (row.records, row.size, row.names))) for row in rows
            }
            self._used[writer] = (amounts.get(self._hour, Amount()), sum(amounts.values(), Amount()))
        return self._used[writer]

    def _day_of(self, writer: str) -> dict[str, object]:
        """Return the parameters of a statement about a writer's day."""
        return {"its_writer": writer, "its_first": self._hour - _DAY_HOURS + 1, "its_hour": self._hour}

    def _waiting(self, owner: str) -> Amount:
        if owner not in self._waits:
            self._waits[owner] = Amount(*_WAITS.once(self.connection, {"its_owner": owner}).one())
        return self._waits[owner]

    def _all_unverified(self) -> Amount:
        if self._unverified is None:
            range_of = {"its_first": _NOBODY, "its_end": chr(ord(_NOBODY) + 1)}
            self._unverified = Amount(*_ALL_UNVERIFIED.once(self.connection, range_of).one())
        return self._unverified
