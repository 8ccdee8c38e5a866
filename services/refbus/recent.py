"""The values that were made last, by name: a bounded memory for what is the same whenever it is made again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_Name = TypeVar("_Name", bound=Hashable)
_Value = TypeVar("_Value")


class Recent(Generic[_Name, _Value]):
    """At most `most` values; beyond that the one goes that was not asked for longest. Threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[_Name, _Value] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, name: _Name) -> _Value | None:
        """Return the value of that name, or None when it is not held."""
        with self._guard:
            found = self._held.get(name)
            if found is not None:
                self._held.move_to_end(name)
            return found

    def put(self, name: _Name, value: _Value) -> None:
        """Hold a value."""
        with self._guard:
            self._held[name] = value
            self._held.move_to_end(name)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
