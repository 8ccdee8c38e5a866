"""Orders of two persons to decide a stopped record again, as they lie in the gate's home: each is carried out once.

An order is taken away when it was carried out, or cannot be. It stays while the journal cannot be written, and when
something failed after its outcome was kept: the store alone says then whether it was carried out. What stays is looked
at more and more rarely, and the journal does not grow with each look.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from refbus.clock import Clock
from refbus.core.gate.passage import Outcome
from refbus.each import alone
from refbus.errors import RefbusError, StoreError
from refbus.node import replay
from refbus.node.replay import Done, Order
from refbus_gate.clock.holds import WAITS, Redecider

_log = logging.getLogger("refbus.gate.replays")


@dataclass(slots=True)
class Replays:
    """Carries out what waits in `home`; with `accounts` the two persons must have used two accounts of the machine."""

    home: Path
    redecider: Redecider
    clock: Clock
    accounts: bool
    _later: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each order that stays: how often it was looked at, and from when on it is again (steady ms)."""

    def turn(self) -> None:
        """Carry out each order that is due. Raises StoreError."""
        steady_ms, files = self.clock.steady_ms(), list(replay.waiting(self.home))
        self._later = {file.name: self._later[file.name] for file in files if file.name in self._later}
        for file in files:
            times, due_ms = self._later.get(file.name, (0, steady_ms))
            if steady_ms < due_ms:
                continue
            self._later[file.name] = times + 1, steady_ms + WAITS.wait_ms(times)
            ended = True
            with alone(file, _not_possible):
                ended = self._carry_out(file)
            if ended and replay.done(file):
                del self._later[file.name]
            elif ended:
                _log.error("the order in %s cannot be taken away: its folder belongs to another user", file.name)

    def _carry_out(self, file: Path) -> bool:
        """Carry out an order; False when it has to wait."""
        order = replay.read_order(file)
        replay.check(order, accounts=self.accounts)
        decision_id, before = bytes.fromhex(order.request.decision), self._before(order)
        if before is not None and before.is_settled and not self.redecider.is_stopped(decision_id):
            return True  # it was carried out before, and what became of it is kept
        if before is None or before.is_settled:
            try:
                self._note(order, replay.BEGUN)
            except StoreError:
                del self._later[file.name]
                _log.error("a replay waits: %s cannot be written", replay.JOURNAL)
                return False
        return self._decide(decision_id, order)

    def _decide(self, decision_id: bytes, order: Order) -> bool:
        """Decide again; False when an outcome was kept and may not have been written."""
        kept, written = list[Outcome](), False

        def note(outcome: Outcome, statement: bytes) -> None:
            self._note(order, str(outcome), statement)
            kept.append(outcome)

        with alone(order, _not_possible):
            self.redecider.replay(decision_id, order, note)
            written = True
        if written or not kept:
            return True
        with suppress(StoreError):
            self._note(order, replay.BEGUN)
        return False

    def _before(self, order: Order) -> Done | None:
        """Return what the journal says of an order, None also when it cannot be read: it is begun then."""
        with suppress(RefbusError):
            return next((done for done in replay.done_before(self.home) if done.order == order), None)
        return None

    def _note(self, order: Order, outcome: str, statement: bytes = b"") -> None:
        replay.note(self.home, order, outcome, self.clock.now_ms(), statement)


def _not_possible(_: object, error: RefbusError) -> None:
    _log.error("a replay was not possible: %s", error)
