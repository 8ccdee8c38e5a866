"""What a batch signs for at borders: stamps of passes, and hop receipts; one signature for all that share a road.

Whether a country reads such a signature is said in its policy; for one that does not, each record is signed alone
(docs/spec/stamps.md). Records are asked for while the batch is decided, and there once `sign` has run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.envelope.stamps import ALONE, Road, Stamper
from refbus.wire.transport import BorderKind, BorderRecord, HopOutcome, HopReceipt, Passed

Make = Callable[[], bytes]
"""Gives the bytes of a border record, when everything that it waits for is there."""
_Item = TypeVar("_Item")


def version_for(country: CountryCode, directory: Directory) -> int:
    """Return the version of stamps that is written to a country: the newest that its policy says it reads."""
    policy = directory.policies.get(country)
    return ALONE if policy is None else policy.stamps


class Stamps:
    """The stamps and receipts of one batch."""

    def __init__(self) -> None:
        self._passes: dict[Road, _Pile[bytes]] = {}
        self._hops: dict[Road, _Pile[tuple[bytes, HopOutcome]]] = {}

    def passed(self, stamper: Stamper, envelope: bytes, version: int) -> Make:
        """Return what gives the border record that lets an envelope out along the road of `stamper`."""
        if version == ALONE:
            return lambda: _border(stamper.passed(envelope))
        return self._passes.setdefault(stamper.road, _Pile(stamper.passes)).add(envelope)

    def hop(self, stamper: Stamper, about: bytes, outcome: HopOutcome, version: int) -> Make:
        """Return what gives the border record that signs for the envelope with SHA-256 `about`."""
        if version == ALONE:
            return lambda: _border(stamper.hop(about, outcome))
        return self._hops.setdefault(stamper.road, _Pile(stamper.hops)).add((about, outcome))

    def sign(self) -> None:
        """Sign for everything that was asked for, once for each road."""
        for passes in self._passes.values():
            passes.sign()
        for hops in self._hops.values():
            hops.sign()


class _Pile(Generic[_Item]):
    """What is signed with one signature."""

    def __init__(self, stamp: Callable[[Sequence[_Item]], Sequence[Passed | HopReceipt]]) -> None:
        self._stamp = stamp
        self._items: list[_Item] = []
        self._made: Sequence[Passed | HopReceipt] = ()

    def add(self, item: _Item) -> Make:
        self._items.append(item)
        return partial(self._record, len(self._items) - 1)

    def sign(self) -> None:
        self._made = self._stamp(self._items)

    def _record(self, place: int) -> bytes:
        return _border(self._made[place])


def _border(made: Passed | HopReceipt) -> bytes:
    kind = BorderKind.PASSED if isinstance(made, Passed) else BorderKind.HOP
    return BorderRecord(kind, made.encode()).encode()
