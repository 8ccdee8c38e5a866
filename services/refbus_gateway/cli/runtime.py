"""What a command finds around it: environment, clock, broker. Tests give their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only for the types: the broker client is loaded when it is used
    from refbus.core.ids import CountryCode
    from refbus.settings import GatewaySettings
    from refbus_gateway.actions.desk import Cluster, Config, Connect


def connect_to_kafka(config: Config, settings: GatewaySettings, country: CountryCode) -> Cluster:
    """Return the broker of `country`: from the environment, else from the home. Raises SetupError."""
    from refbus_gateway.actions import desk  # late: most commands need no broker

    return desk.connect_to_kafka(config, settings, country)


def at_terminal() -> bool:
    """Return whether a person sits at standard input, who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


@dataclass(frozen=True, slots=True)
class Runtime:
    """The surroundings of one command. `clock` gives UTC ms; None: that of the settings.

    `asks` says whether a person can be asked.
    """

    environ: Mapping[str, str] = field(repr=False)
    clock: Callable[[], int] | None = None
    connect: Connect = connect_to_kafka
    asks: Callable[[], bool] = at_terminal
