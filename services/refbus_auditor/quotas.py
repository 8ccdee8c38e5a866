"""How much one member may write to the audit log in an hour and a day, so that nobody fills the disk of all.

What is beyond that waits, in order, and is logged when there is room again; so much may wait of each writer. A gate has
no such bound: it writes one entry for each decision, and a bound would let a flood of events silence the log of others.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from refbus.core.directory import Organisation, OrgRole
from refbus_auditor.store.tables import usage, waiting

_MIB = 1 << 20
_HOUR_MS = 3_600_000
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
"""What may wait of one writer, or under one name while no signature is verified. Beyond it entries are refused."""


def is_bounded(writer: Organisation) -> bool:
    """Whether there is a bound on what this organisation writes."""
    return writer.role is not OrgRole.GATE


def unverified(named: str, *, known: bool) -> str:
    """Return whose room an entry takes whose signature cannot be checked: all unknown names share one."""
    return f"?{named}" if known else "?"


class Budget:
    """What writers may still write while one batch is taken. Read once for each writer; `write` keeps what was used."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self.connection = connection
        self._hour = now_ms // _HOUR_MS
        self._used: dict[str, tuple[Amount, Amount]] = {}
        self._new: dict[str, Amount] = {}
        self._waits: dict[str, Amount] = {}

    def takes(self, writer: str, amount: Amount) -> bool:
        """Take `amount` of what a writer may write; False, and nothing is taken, when that is too much now."""
        hour, day = self._of(writer)
        fits = IN_AN_HOUR.holds(hour + amount) and IN_A_DAY.holds(day + amount)
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
        if not WAITING.holds(grown):
            return False
        self._waits[owner] = grown
        return True

    def write(self, connection: Connection) -> None:
        """Keep what was used, and forget what is older than a day."""
        for writer, amount in self._new.items():
            this = (usage.c.writer == writer, usage.c.hour == self._hour)
            grown = {name: usage.c[name] + getattr(amount, name) for name in Amount.__slots__}
            if connection.execute(update(usage).where(*this).values(**grown)).rowcount == 0:
                plain = {name: getattr(amount, name) for name in Amount.__slots__}
                connection.execute(insert(usage).values(writer=writer, hour=self._hour, **plain))
            old = (usage.c.writer == writer, usage.c.hour <= self._hour - _DAY_HOURS)
            connection.execute(delete(usage).where(*old))

    def _of(self, writer: str) -> tuple[Amount, Amount]:
        if writer not in self._used:
            rows = self.connection.execute(
                select(usage).where(usage.c.writer == writer, usage.c.hour > self._hour - _DAY_HOURS)
            ).all()
            amounts = {row.hour: Amount(row.records, row.size, row.names) for row in rows}
            self._used[writer] = (amounts.get(self._hour, Amount()), sum(amounts.values(), Amount()))
        return self._used[writer]

    def _waiting(self, owner: str) -> Amount:
        if owner not in self._waits:
            sums = select(func.count(), func.coalesce(func.sum(waiting.c.size), 0)).where(waiting.c.owner == owner)
            self._waits[owner] = Amount(*self.connection.execute(sums).one())
        return self._waits[owner]
