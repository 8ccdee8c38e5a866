"""What an operator sees: the metrics pages of the gates, read over HTTP and parsed."""

from __future__ import annotations

import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client.parser import text_string_to_metric_families

from kafka.patience import STILL_S, wait

Labels = dict[str, str]


def samples(port: int, name: str) -> list[tuple[Labels, float]]:
    """Return all samples of one metric on this machine's `port`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return [
        (dict(sample.labels), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def total(ports: Iterable[int], name: str, label: str | None = None) -> Counter[str]:
    """Return the sum over `ports` by the values of `label`, without the zeros."""
    found: Counter[str] = Counter()
    for port in ports:
        for labels, value in samples(port, name):
            found[labels.get(label, "") if label else ""] += int(value)
    return +found


def wait_for(what: str, holds: Callable[[], bool], seconds: float = STILL_S) -> None:
    """Ask again until `holds`; says what it waits for. Raises TimeoutError naming what did not happen."""
    wait(what, holds, still_s=seconds, say=lambda line: print(f"  {line}", flush=True), pause_s=0.2)
