"""`python -m kafka`: fetch the broker, start one, stop it, say how it is.

fetch            bring the jars into the cache and prepare quick starts
start [DIR]      start a broker in DIR (var/broker) and print its address
stop [DIR]       stop it
status [DIR]     print whether it runs; exit code 1 when it does not
lock             resolve jgo.toml again and write jgo.lock.toml
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kafka.artifacts import ArtifactError
from kafka.broker import Broker, BrokerFailedError
from kafka.relock import relock
from kafka.warm import warm


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m kafka", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["fetch", "start", "stop", "status", "lock"])
    parser.add_argument("directory", nargs="?", type=Path, default=Path("var/broker"))
    given = parser.parse_args(arguments)
    try:
        return _run(given.command, Broker(given.directory))
    except (ArtifactError, BrokerFailedError) as caught:
        print(f"error: {caught}", file=sys.stderr)
        print("hint: see broker.log in the broker's folder; `python -m kafka fetch` repairs the cache", file=sys.stderr)
        return 1


def _run(command: str, broker: Broker) -> int:
    if command == "fetch":
        warm()
    elif command == "lock":
        print(f"{relock()} jars locked")
    elif command == "start":
        print(broker.start().bootstrap)
    elif command == "stop":
        broker.stop()
    else:
        print(f"running at {broker.bootstrap}, process {broker.pid}" if broker.pid else "not running")
        return 0 if broker.pid else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
