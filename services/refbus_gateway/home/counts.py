"""What is counted while records are taken in. Closed labels only: no organisation, no case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refbus.errors import Code

if TYPE_CHECKING:  # only for the types: what counts is in `refbus_gateway.sync.meters`
    from refbus.telemetry.labels import InboxResult


class Observer:
    """Hears what happens and does nothing with it: short commands count nothing."""

    def inbox(self, result: InboxResult) -> None:
        """Hear what became of one record of the inbox."""

    def refused(self, codes: tuple[Code, ...]) -> None:
        """Hear that something was not sealed, not shown, or refused by a gate, for these reasons."""

    def gap(self) -> None:
        """Hear of a hole in the inbox."""

    def notice(self, kind: str) -> None:
        """Hear of a notice of a gate."""

    def fork(self) -> None:
        """Hear that a log showed two histories."""

    def directory_fork(self) -> None:
        """Hear of two contents of one file of the directory."""
