"""`python -m chaos`: faults while events flow, and negative controls. Writes var/chaos/report.json."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections.abc import Sequence

from chaos.own import OWN
from chaos.result import Result, heading, verdict, write
from chaos.sealing import Sealer
from chaos.stage import Cast
from demo.world import ROOT

OUT = ROOT / "var" / "chaos"
EVENTS = 20_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; return 0 only when each ended as it must."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=20_260_501, help="what is sent and where faults strike follows from it"
    )
    parser.add_argument("--events", type=int, default=EVENTS, help="events over all own scenarios together")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="scenarios whose name contains this"
    )
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    began = time.monotonic()
    results: list[Result] = []
    sealer = Sealer()
    try:
        shares = sum(each.share for each in OWN)
        print(heading(), flush=True)
        for scenario in OWN:
            if given.only and not any(text in scenario.name for text in given.only):
                continue
            folder = OUT / scenario.name.replace(" ", "-")
            rng = random.Random(f"{given.seed}/{scenario.name}")  # noqa: S311  repeatable, not secret
            result = scenario.run(Cast(folder, given.events * scenario.share // shares, rng, sealer))
            results.append(result)
            print(result.line(), flush=True)
            write(OUT / "report.json", given.seed, results, time.monotonic() - began)
    finally:
        sealer.close()
    return 0 if verdict(results) else 1


if __name__ == "__main__":
    sys.exit(main())
