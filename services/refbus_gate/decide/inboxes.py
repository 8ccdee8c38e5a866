"""The numbers of inboxes as this process left them, so that the next decision need not read them again."""

from __future__ import annotations

from collections.abc import Mapping

from refbus.node.store.node import NodeStore
from refbus.node.store.reads import read_inboxes
from refbus.node.store.rows import InboxRow


class Inboxes:
    """What the store says of inboxes at one number of the fence; nothing is believed of it at another.

    Used in the turn of the gate. Inboxes get numbers in deciding transactions alone, and each moves the fence on.
    """

    def __init__(self, store: NodeStore) -> None:
        self._store = store
        self._known: dict[str, InboxRow] = {}
        self._fence: int | None = None

    def at(self, fence: int, topics: set[str]) -> dict[str, InboxRow]:
        """Return those of `topics` that have been written to; `fence` is what the decision about them has read."""
        if fence != self._fence:
            self._known.clear()
        self._fence = fence
        missing = topics - self._known.keys()
        if missing:
            with self._store.database.reading() as connection:
                self._known |= read_inboxes(connection, missing)
        return {topic: self._known[topic] for topic in topics & self._known.keys()}

    def wrote(self, fence: int, inboxes: Mapping[str, InboxRow]) -> None:
        """Take up what a transaction has written that found this number of the fence, if that is one at all."""
        follows = fence == self._fence and isinstance(fence, int)  # a damaged one is what the store has instead
        self._known = {**self._known, **inboxes} if follows else {}
        self._fence = fence + 1 if follows else None
