"""What an operator asks of a node's clock: to see it, and to say that it is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refbus.clock import Clock, sources_from
from refbus.errors import Code, SetupError
from refbus.trust.homes import Home


def order_clock(folder: Path, clock_file: Path | None, words: Sequence[str]) -> list[str]:
    """Obey `clock` (show) or `clock accept` for the node in `folder`; return lines for the operator.

    A running service follows an accepted clock within a second. Raises SetupError USAGE for other words.
    """
    if list(words) not in ([], ["accept"]):
        raise SetupError(Code.USAGE, "clock [accept]")
    clock = Clock(sources_from(clock_file), folder)
    history = Home(folder).trust_store().load(clock.now_ms())
    clock.directory = lambda: None if history is None else history.latest
    if words:
        clock.accept()
    standing = clock.standing()
    codes = " ".join(standing.codes) or "all is well"
    return [
        f"{standing.detail}: {codes}",
        "nothing is forgotten now" if not standing.forgetting else "forgetting is on",
    ]
