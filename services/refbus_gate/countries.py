"""The countries of a running gate: a border opens when the directory has a new one, and closes when one has left.

Nothing of the others stops meanwhile. A country whose part is damaged or has expired has not left: what waits for it
waits on, until the anchors end its part or the country publishes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from refbus.bus.cluster import Cluster
from refbus.core.directory import Directory
from refbus.core.gate.verdicts import Point
from refbus.core.ids import CountryCode
from refbus.each import each
from refbus.errors import Code, RefbusError
from refbus.trust.layout import POLICY
from refbus.trust.reader.history import History
from refbus_gate.decide.batch import Source
from refbus_gate.names import border

_log = logging.getLogger("refbus.gate.countries")


class Sources(dict[str, Source]):
    """The sources of a gate by topic. A border of a country that left is known too: what waits from there ends."""

    def __init__(self, own: CountryCode, sources: Mapping[str, Source]) -> None:
        super().__init__(sources)
        self._own = own

    def __missing__(self, topic: str) -> Source:
        other = CountryCode(topic[-2:])
        if topic != border(self._own, other):
            raise KeyError(topic)
        return Source(topic, Point.INGRESS, other)


def gone(history: History, country: CountryCode) -> bool:
    """Whether the anchors have ended the part of `country`, as against a part that cannot be used now."""
    named = {country, f"{country}/{POLICY}"}
    return country not in history.latest.policies and not any(problem.path in named for problem in history.problems)


@dataclass(slots=True)
class Countries:
    """Keeps the borders as the directory has them; `look` is one look, from the timer.

    `here` are the countries whose border is open. `meet` gives clusters that the operator has named since the start;
    `opens` and `closes` do the work, and `opens` raises what keeps a border from being opened now.
    """

    clusters: dict[CountryCode, Cluster]
    meet: Callable[[], Mapping[CountryCode, Cluster]]
    here: Callable[[], list[CountryCode]]
    opens: Callable[[CountryCode, Directory], None]
    closes: Callable[[CountryCode], None]
    _told: dict[CountryCode, Code] = field(default_factory=dict)

    def look(self, history: History) -> None:
        """Open and close what changed. What cannot be opened yet is tried again at the next look. Raises StoreError."""
        for country, cluster in self.meet().items():
            self.clusters.setdefault(country, cluster)
        here = self.here()
        new = [country for country in self.reachable(history.latest) if country not in here]
        each(new, lambda country: self._open(country, history.latest), self._not_yet)
        for country in [country for country in here if gone(history, country)]:
            self.closes(country)
            _log.warning("%s is no member any more: its border is closed", country)

    def reachable(self, directory: Directory) -> list[CountryCode]:
        """Return the countries that there is a way to."""
        return [country for country in directory.countries() if country in self.clusters]

    def _open(self, country: CountryCode, directory: Directory) -> None:
        self.opens(country, directory)
        self._told.pop(country, None)
        _log.warning("%s is a member: its border is open", country)

    def _not_yet(self, country: CountryCode, error: RefbusError) -> None:
        if self._told.get(country) != error.code:
            self._told[country] = error.code
            _log.error("the border to %s cannot be opened yet: %s %s", country, error.code, error.detail)
