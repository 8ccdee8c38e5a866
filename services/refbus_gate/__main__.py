"""`python -m refbus_gate`: run the gate of one country; `python -m refbus_gate replay <decision id>`: order a replay.

Settings come from the environment (docs/reference/settings.md). Exit 0 after SIGTERM, another status when something
outside must start it again.
"""

from __future__ import annotations

import os
import sys

from refbus.bus.harness import die, run
from refbus.errors import Code, SetupError
from refbus.explain import report_errors
from refbus.settings import GateSettings, from_environment
from refbus.telemetry import configure_logs, serve
from refbus_gate.app import gate_app
from refbus_gate.gate import Gate
from refbus_gate.home import order_replay


def main(arguments: list[str]) -> None:
    """Run the gate, or leave an order for the running one."""
    configure_logs()
    settings = from_environment(GateSettings, os.environ)
    with report_errors(debug_dir=settings.debug_dir):
        match arguments:
            case []:
                _run(settings)
            case ["replay", decision_id]:
                order_replay(settings.home, decision_id)
            case _:
                raise SetupError(Code.USAGE, "python -m refbus_gate [replay DECISION-ID]")


def _run(settings: GateSettings) -> None:
    gate = Gate.open(settings, die)
    if settings.metrics_port is not None:
        serve(gate.metrics, settings.metrics_port, settings.metrics_host, public=settings.metrics_public)
    gate.start()
    run(gate_app(gate), gate.stop)


if __name__ == "__main__":
    main(sys.argv[1:])
