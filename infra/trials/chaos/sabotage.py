"""`python -m chaos.sabotage MODULE[:FUNCTION] [ARGUMENTS]`: run a service that ends itself at a named point.

The product has no hooks. This wrapper imports the function at the point and puts another around it. CHAOS_PLAN is a
JSON list of [point, n]: each life of the process takes the next entry and strikes at the n-th call; CHAOS_STRUCK is the
file that counts lives, written to disk before the strike. When the list is used up the service simply runs.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from refbus.errors import Code, StoreError


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(137)


def _bug() -> NoReturn:
    raise RuntimeError("sabotage")


def _store_fails() -> NoReturn:
    raise StoreError(Code.STORE_FAILED, "sabotage")


@dataclass(frozen=True, slots=True)
class Point:
    """Where to strike: a module, a function in it by its dotted name, before or after it, and how."""

    module: str
    name: str
    before: bool
    strike: Callable[[], NoReturn] = _die


POINTS = {
    "between signing and the transaction": Point("refbus_gate.decide.stamps", "_Pile.sign", before=False),
    "before the transaction": Point("refbus_gate.decide.batch", "commit", before=True),
    "inside the transaction": Point("refbus.node.store.outgoing", "add", before=False),
    "between transaction and ack": Point("refbus_gate.decide.batch", "commit", before=False),
    "before the ack": Point("refbus.node.topic_reader", "Consumer.handle", before=False),
    "after publish": Point("refbus_gate.deliver.pump", "Pump._send", before=False),
    "between publish and mark-sent": Point("refbus.node.store.outgoing", "arrived", before=True),
    "exception at the head": Point("refbus_gate.decide.batch", "verdict_of", before=True, strike=_bug),
    "store fails at the head": Point("refbus_gate.decide.batch", "commit", before=True, strike=_store_fails),
    "gateway before publish": Point("refbus_gateway.sync.writer", "Outgoing._produce", before=True),
    "gateway between publish and mark-sent": Point("refbus_gateway.store.outbox", "produced", before=True),
    "gateway before the inbox transaction": Point("refbus_gateway.inbox.arrivals", "take_in", before=False),
    "gateway before it seals what it owes": Point("refbus_gateway.sync.writer", "seal_owed", before=True),
    "gateway while it seals what it owes": Point("refbus_gateway.sync.writer", "_renew", before=False),
    "log before its transaction": Point("refbus_auditor.entries", "Entries.decide", before=True),
    "log inside its transaction": Point("refbus_auditor.ledger", "Ledger.add", before=False),
    "log after its transaction": Point("refbus_auditor.entries", "Entries.decide", before=False),
    "tiles before the signed state": Point("refbus_auditor.publication", "Publisher._swap", before=True),
    "signed state before the signature": Point("refbus_auditor.publication", "Publisher._swap", before=False),
    "signature before the proofs": Point("refbus_auditor.proofs", "Prover.prove", before=True),
    "proofs before they are noted": Point("refbus_auditor.proofs", "Prover._note", before=True),
    "witness before it answers": Point("refbus_auditor.witness", "Witness._cosign", before=False),
}
"""The named points. `tests/unit/chaos` checks that each of them still exists in the product."""


def target(point: Point) -> tuple[Any, str]:
    """Return the object that holds the function, and the function's name in it."""
    holder: Any = importlib.import_module(point.module)
    *path, name = point.name.split(".")
    for part in path:
        holder = getattr(holder, part)
    return holder, name


def arm(point: Point, calls: int, strike: Callable[[], None]) -> None:
    """Put a function around the one at `point` that strikes at the n-th call, once."""
    holder, name = target(point)
    original = getattr(holder, name)
    lock = threading.Lock()
    left = calls

    def due() -> bool:
        nonlocal left
        with lock:
            left -= 1
            return left == 0

    def around(*args: Any, **kwargs: Any) -> Any:
        now = due()
        if now and point.before:
            strike()
        result = original(*args, **kwargs)
        if now and not point.before:
            strike()
        return result

    setattr(holder, name, around)


def arm_next(plan: list[tuple[str, int]], struck: Path) -> None:
    """Arm the first entry that has not struck yet; once it has, the one after it, should the process live on."""
    done = len(struck.read_text(encoding="ascii").splitlines()) if struck.exists() else 0
    if done == len(plan):
        return
    name, calls = plan[done]
    point = POINTS[name]

    def strike() -> None:
        with struck.open("a", encoding="ascii") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())
        arm_next(plan, struck)
        point.strike()

    arm(point, calls, strike)


def main(arguments: list[str], plan: list[tuple[str, int]], struck: Path) -> None:
    """Run the module with the next entry of the plan armed."""
    arm_next(plan, struck)
    run_module(arguments)


def run_module(arguments: list[str]) -> None:
    """Run "module" or "module:function" with its arguments, as the process's own."""
    sys.argv = arguments
    module, _, function = arguments[0].partition(":")
    if function:
        sys.exit(getattr(importlib.import_module(module), function)())
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:], [tuple(each) for each in json.loads(os.environ["CHAOS_PLAN"])], Path(os.environ["CHAOS_STRUCK"]))
