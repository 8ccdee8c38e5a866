"""Prometheus beside the demonstration, as the operator of one country runs it, and what the dashboards ask of it.

`python -m demo --federated 1 --dashboards` keeps the answers to every query of infra/grafana in `pictured.json`; of
these `make reference` draws the pictures of docs/operators/dashboards.md. Kept are seconds since the run began and
rounded values: no time of a machine, no address. Labels of metrics are from closed lists and name nobody.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from demo.stack import Stack
from demo.world import ROOT
from kafka.patience import wait
from prometheus import ask, running
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode

COUNTRY: Final = CountryCode("kz")
KEPT: Final = Path(__file__).with_name("pictured.json")
DASHBOARDS: Final = ROOT / "infra" / "grafana" / "dashboards"
_RULES: Final = ROOT / "infra" / "prometheus" / "alerts.yml"
_ASKED_S: Final = "1s"
"""A run takes minutes: Prometheus asks every second where an operator's asks every fifteen."""
_LAST_S: Final = 10.0
"""What was done last is measured, and asked for, a little later."""
_POINTS: Final = 72
_DIGITS: Final = 4


@contextmanager
def watched(stack: Stack, keep_in: Path = KEPT) -> Iterator[None]:
    """Let Prometheus ask the node and the offices of one country in the block; at its end, keep what it knows.

    Raises NoPrometheusError. A block that fails keeps nothing.
    """
    settings = {
        "global": {"scrape_interval": _ASKED_S, "evaluation_interval": _ASKED_S},
        "rule_files": [str(_RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            for job, ports in jobs(stack.ports).items()
        ],
    }
    with running(stack.world.folder / "prometheus", settings) as port:
        wait("Prometheus asks all", lambda: len(ask(port, "query", query="up == 1")["result"]) == len(asked(settings)))
        began = machine_ms() / 1000
        yield
        time.sleep(_LAST_S)
        keep_in.write_text(as_lines(answers(port, began, machine_ms() / 1000)), encoding="utf-8")


def asked(settings: Mapping[str, Any]) -> list[str]:
    """Return the addresses of all pages that Prometheus is told to ask."""
    return [each for job in settings["scrape_configs"] for each in job["static_configs"][0]["targets"]]


def jobs(ports: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the ports of the country by the name of their job, as the rules and the panels name it."""
    found = {f"refbus-{service}": [ports[f"{service}-{COUNTRY}"]] for service in ("gate", "auditor")}
    return found | {"refbus-gateway": [port for name, port in ports.items() if name.startswith(f"gateway-{COUNTRY}-")]}


def queries(folder: Path = DASHBOARDS) -> list[str]:
    """Return every query of every dashboard, each once."""
    boards = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    return list(
        dict.fromkeys(each["expr"] for board in boards for panel in board["panels"] for each in panel["targets"])
    )


def answers(port: int, began: float, ended: float) -> dict[str, Any]:
    """Return what each query gives between two times, in seconds since 1970."""
    step = max(1, math.ceil((ended - began) / _POINTS))
    count = int((ended - began) // step)
    given = {
        query: [
            {"labels": _labels(series["metric"]), "values": _values(series["values"], began, step, count)}
            for series in ask(
                port, "query_range", query=query, start=f"{began:.3f}", end=f"{ended:.3f}", step=str(step)
            )["result"]
        ]
        for query in queries()
    }
    return {"country": COUNTRY, "step_s": step, "points": count + 1, "queries": given}


def as_lines(kept: Mapping[str, Any]) -> str:
    """Return it as JSON with a line for each series, so that a change of one is a change of one line."""
    head = json.dumps({name: value for name, value in kept.items() if name != "queries"})[:-1]
    parts = [
        f"  {json.dumps(query)}: [{','.join(f'{chr(10)}   {json.dumps(each)}' for each in series)}]"
        for query, series in kept["queries"].items()
    ]
    return f'{head}, "queries": {{\n' + ",\n".join(parts) + "\n}}\n"


def rounded(value: float) -> float | None:
    """Return the value with four digits that count; None for what is no number."""
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() else short


def _labels(metric: Mapping[str, str]) -> dict[str, str]:
    """Return what tells series apart; an address of this machine is not kept."""
    return {name: value for name, value in metric.items() if name not in {"__name__", "instance"}}


def _values(pairs: Sequence[Sequence[Any]], began: float, step: int, count: int) -> list[float | None]:
    """Return a value for each step of the run, None where Prometheus has none."""
    by_step = {round((float(at) - began) / step): rounded(float(value)) for at, value in pairs}
    return [by_step.get(number) for number in range(count + 1)]
