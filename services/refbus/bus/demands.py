"""What the settings of brokers must be in production, so that a broker that is gone takes nothing with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from refbus.bus.port import ClusterState

_LISTENERS: Final = "listeners"
_PROTOCOLS: Final = "listener.security.protocol.map"
_PLAIN: Final = frozenset({"PLAINTEXT", "SASL_PLAINTEXT"})


@dataclass(frozen=True, slots=True)
class Demand:
    """A setting of brokers: what it must be ("" is anything but nothing), or with `least` the lowest number."""

    setting: str
    why: str
    wants: str = ""
    least: int | None = None

    def problem(self, has: str) -> str:
        """Return what is wrong with a value, "" when nothing is."""
        if self.least is not None:
            good, wanted = has.isdecimal() and int(has) >= self.least, f"{self.least} or more"
        else:
            good, wanted = has == self.wants if self.wants else bool(has), self.wants or "a class"
        return "" if good else f"{self.setting} is {has or 'empty'}, not {wanted}: {self.why}"


DEMANDS: Final = (
    Demand("unclean.leader.election.enable", "a replica that lags would lose what was acknowledged", "false"),
    Demand("min.insync.replicas", "what one broker alone has is lost with its disk", least=2),
    Demand("offsets.topic.replication.factor", "with that broker the groups of gate and auditor are gone", least=3),
    Demand("authorizer.class.name", "nobody's access rules are enforced"),
)
LOOKED_AT: Final = frozenset({_LISTENERS, _PROTOCOLS, *(each.setting for each in DEMANDS)})
"""The settings of a broker that are asked for."""


def weaknesses(cluster: ClusterState, *, plaintext: bool) -> tuple[str, ...]:
    """Return, in words, why a cluster is good enough for development alone: broker, what came, what is expected.

    A broker that is away cannot be asked; the services start on the others.
    """
    found = ["it is reached without TLS (REFBUS_TLS_<CC>)"] if plaintext else []
    for broker, settings in cluster.settings.items():
        found += [f"broker {broker}: {problem}" for problem in _problems(settings)]
    return tuple(found)


def _problems(settings: Mapping[str, str]) -> Iterator[str]:
    for demand in DEMANDS:
        problem = demand.problem(settings.get(demand.setting, ""))
        if problem:
            yield problem
    protocols = dict(each.split(":", 1) for each in settings.get(_PROTOCOLS, "").split(",") if ":" in each)
    for listener in filter(None, settings.get(_LISTENERS, "").split(",")):
        name = listener.split("://", 1)[0].strip()
        if protocols.get(name, name) in _PLAIN:
            yield f"{_LISTENERS} has {listener.strip()}, without TLS: who listens on the way hears who writes when"
