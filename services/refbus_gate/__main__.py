"""`python -m refbus_gate`: run the gate of one country, or give an order to it.

replay <decision id>   decide a stopped record again; the running gate takes the order
accept-gap <topic>     with the gate stopped: go on behind records that the broker no longer has

Settings come from the environment (docs/reference/settings.md). Exit 0 after SIGTERM, another status when something
outside must start it again.
"""

from __future__ import annotations

import os
import sys

from refbus.bus import confluent
from refbus.bus.harness import die, run
from refbus.clock import clock_from
from refbus.errors import Code, SetupError
from refbus.explain import report_errors
from refbus.settings import GateSettings, from_environment, read_secret_file
from refbus.telemetry import configure_logs, serve
from refbus_gate.app import gate_app
from refbus_gate.core import sources_of
from refbus_gate.gaps import accept_gap
from refbus_gate.gate import Gate, addresses
from refbus_gate.home import GateHome, order_replay


def main(arguments: list[str]) -> None:
    """Run the gate, or leave an order for the running one."""
    configure_logs()
    with report_errors():
        settings = from_environment(GateSettings, os.environ)
    with report_errors(debug_dir=settings.debug_dir):
        match arguments:
            case []:
                _run(settings)
            case ["replay", decision_id]:
                order_replay(settings.home, decision_id)
            case ["accept-gap", topic]:
                _accept_gap(settings, topic)
            case _:
                raise SetupError(Code.USAGE, "python -m refbus_gate [replay DECISION-ID | accept-gap TOPIC]")


def _accept_gap(settings: GateSettings, topic: str) -> None:
    if topic not in {source.topic for source in sources_of(settings.country, settings.bootstrap)}:
        raise SetupError(Code.USAGE, "this gate does not read that topic")
    home = GateHome.open(settings.home, read_secret_file(settings.passphrase_file).decode())
    reader = confluent.reader(addresses(settings)[settings.country], topic)
    try:
        accept_gap(home.store, reader, topic, clock_from(settings.clock_file)())
    finally:
        reader.close()
        home.close()


def _run(settings: GateSettings) -> None:
    gate = Gate.open(settings, die)
    if settings.metrics_port is not None:
        serve(gate.metrics, settings.metrics_port, settings.metrics_host, public=settings.metrics_public)
    gate.start()
    run(gate_app(gate), gate.stop)


if __name__ == "__main__":
    main(sys.argv[1:])
