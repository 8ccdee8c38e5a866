from __future__ import annotations

import re
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from socket import create_connection, socket

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from refbus.core.courses.deadlines import DeadlineKind
from refbus.errors import Code, SetupError
from refbus.telemetry import Kind, Metric, Metrics, Service, serve
from refbus.telemetry import catalogue as c
from refbus.telemetry.alerts import ALERTS, as_yaml
from refbus.telemetry.labels import (
    DeadlineStep,
    Destination,
    Direction,
    EntryResult,
    InboxResult,
    NoticeKind,
    Outcome,
    PingResult,
    WitnessResult,
)
from refbus.telemetry.serve import PageServer

NOW_MS = 1_790_000_000_000


def metrics(service: Service = Service.GATE) -> Metrics:
    """Return the metrics of a service whose clock stands still."""
    return Metrics(service, lambda: NOW_MS)


def value(source: Metrics, name: str, **labels: str) -> float | None:
    """Return one exported value."""
    return source.registry.get_sample_value(name, labels)


def test_counter_counts() -> None:
    """A decision counts under its own labels and no other."""
    gate = metrics()
    gate.count(c.GATE_DECISIONS, direction=Direction.EGRESS, outcome=Outcome.HELD)
    gate.count(c.GATE_DECISIONS, 2, direction=Direction.EGRESS, outcome=Outcome.HELD)
    assert value(gate, "refbus_gate_decisions_total", direction="EGRESS", outcome="HELD") == 3
    assert value(gate, "refbus_gate_decisions_total", direction="INGRESS", outcome="HELD") == 0


def test_gauge_and_histogram() -> None:
    """A gauge holds the last value, a histogram sums what it saw."""
    gate = metrics()
    gate.put(c.GATE_LAG, 7, direction=Direction.INGRESS)
    gate.observe(c.GATE_BATCH_SECONDS, 0.25, direction=Direction.INGRESS)
    assert value(gate, "refbus_gate_lag_records", direction="INGRESS") == 7
    assert value(gate, "refbus_gate_batch_seconds_sum", direction="INGRESS") == 0.25


def test_age_grows_though_nobody_sets_it() -> None:
    """An age is computed when it is read, so a stalled process shows it."""
    clock = [NOW_MS]
    gate = Metrics(Service.GATE, lambda: clock[0])
    gate.since(c.GATE_OUTGOING_AGE, NOW_MS - 1500, destination=Destination.BORDER)
    assert value(gate, "refbus_gate_outgoing_oldest_age_seconds", destination="BORDER") == 1.5
    clock[0] += 60_000
    assert value(gate, "refbus_gate_outgoing_oldest_age_seconds", destination="BORDER") == 61.5
    gate.since(c.GATE_OUTGOING_AGE, None, destination=Destination.BORDER)
    assert value(gate, "refbus_gate_outgoing_oldest_age_seconds", destination="BORDER") == 0


def test_age_is_never_negative() -> None:
    """A moment ahead of the clock shows 0."""
    gate = metrics()
    gate.since(c.DIRECTORY_AGE, NOW_MS + 5)
    assert value(gate, "refbus_directory_age_seconds") == 0


def test_open_label_values_are_refused() -> None:
    """A text, even one that is in the list, an id or a member of another list cannot become a label."""
    gate = metrics()
    for labels in (
        {"direction": "EGRESS", "outcome": Outcome.HELD},
        {"direction": Direction.EGRESS, "outcome": "kz-4f7k2m9q"},
        {"direction": Outcome.HELD, "outcome": Outcome.HELD},
        {"direction": Direction.EGRESS},
        {"direction": Direction.EGRESS, "outcome": Outcome.HELD, "organisation": Code.EXPIRED},
        {},
    ):
        with pytest.raises(TypeError):
            gate.count(c.GATE_DECISIONS, **labels)


def test_wrong_kind_or_service_is_refused() -> None:
    """A gauge is not counted, and a gateway has no metrics of the gate."""
    with pytest.raises(TypeError):
        metrics().count(c.GATE_LAG, direction=Direction.EGRESS)
    with pytest.raises(TypeError):
        metrics(Service.GATEWAY).put(c.GATE_LAG, 1, direction=Direction.EGRESS)


def test_every_series_is_there_from_the_start() -> None:
    """Absence never has to be told from zero."""
    gateway = metrics(Service.GATEWAY)
    for result in InboxResult:
        assert value(gateway, "refbus_gateway_inbox_records_total", result=result.value) == 0
    for kind in NoticeKind:
        assert value(gateway, "refbus_gateway_notices_total", kind=kind.value) == 0


@pytest.mark.parametrize("metric", c.CATALOGUE, ids=lambda metric: metric.name)
def test_names_and_units(metric: Metric) -> None:
    """Names carry the prefix and base units; counters end in _total, ages in _age_seconds; labels are closed."""
    assert re.fullmatch(r"refbus(_[a-z]+)+", metric.name)
    assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
    assert (metric.kind is Kind.AGE) == metric.name.endswith("_age_seconds")
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    assert all(issubclass(kind, StrEnum) for kind in metric.labels.values())
    assert metric.doc.endswith(".")


def test_no_label_can_name_anyone() -> None:
    """The labels are these and no other; none is an organisation, a country, a corridor or a case."""
    used = {kind for metric in c.CATALOGUE for kind in metric.labels.values()}
    closed = {Direction, Outcome, Destination, NoticeKind, InboxResult, DeadlineKind, DeadlineStep, PingResult, Code}
    assert used == closed | {EntryResult, WitnessResult}


def test_names_are_unique() -> None:
    """Each metric has its own name."""
    assert len({metric.name for metric in c.CATALOGUE}) == len(c.CATALOGUE)


def test_page_is_served_on_loopback_and_closes() -> None:
    """The page has exactly the metrics of the service and of the process, and ends when closed."""
    server = serve(metrics(), 0)
    url = f"http://127.0.0.1:{server.port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    server.close()
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {name.removesuffix("_total") for name in names if not name.startswith("process_")} == {
        metric.name.removesuffix("_total") for metric in c.CATALOGUE if Service.GATE in metric.services
    }
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=10)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_page_stays_on_this_machine(host: str) -> None:
    """An address that others can reach is refused unless it is said explicitly."""
    with pytest.raises(SetupError) as caught:
        serve(metrics(), 0, host)
    assert caught.value.code is Code.UNSAFE_SETTING


def test_public_page_must_be_asked_for() -> None:
    """Said explicitly, the page is served beyond loopback."""
    server = serve(metrics(), 0, "0.0.0.0", public=True)
    assert server.port > 0
    server.close()


def test_names_are_not_looked_up() -> None:
    """A host name is refused: where it leads is not ours to decide."""
    with pytest.raises(SetupError) as caught:
        serve(metrics(), 0, "localhost")
    assert caught.value.code is Code.SETTINGS_INVALID


def test_port_in_use_is_a_setting_error() -> None:
    """A port that is taken is named."""
    server = serve(metrics(), 0)
    with pytest.raises(SetupError) as caught:
        serve(metrics(), server.port)
    server.close()
    assert caught.value.code is Code.SETTINGS_INVALID
    assert str(server.port) in caught.value.detail


def test_alerts_rest_on_the_catalogue() -> None:
    """Every alert uses a metric of the catalogue; an increase is of a counter; a selector names real label values."""
    for alert in ALERTS:
        assert alert.metric in c.CATALOGUE
        assert bool(alert.increase) == (alert.metric.kind is Kind.COUNTER)
        for label, text in re.findall(r'(\w+)="(\w+)"', alert.selector):
            assert text in set(alert.metric.labels[label])
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


def test_alert_file_is_quoted() -> None:
    """An expression with quotes is one YAML string."""
    text = as_yaml(alert for alert in ALERTS if alert.name == "RefbusEventIdReused")
    assert 'expr: "increase(refbus_gate_refusals_total{code=\\"EVENT_ID_REUSED\\"}[1h]) > 0 or ' in text


def test_exposition_has_no_creation_times() -> None:
    """The page says what is measured and nothing else."""
    assert b"_created" not in generate_latest(metrics().registry)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[PageServer]:
    """Serve a page that has room for two and little patience."""
    module = sys.modules[PageServer.__module__]
    monkeypatch.setattr(module, "DEADLINE_S", 0.2)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    server = serve(metrics(), 0)
    yield server
    server.close()


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000])
def test_half_a_request_ends_by_itself(page: PageServer, sent: bytes) -> None:
    """A reader that is silent, slow or long-winded is cut off, and keeps no thread."""
    with create_connection(("127.0.0.1", page.port), timeout=10) as connection:
        with suppress(OSError):
            connection.sendall(sent)
        assert ends(connection)


def test_more_than_a_few_at_a_time_are_turned_away(page: PageServer) -> None:
    """Ten half-open connections hold two threads; when they end, the page is there again."""
    before = threading.active_count()
    idle = [create_connection(("127.0.0.1", page.port), timeout=10) for _ in range(10)]
    assert threading.active_count() <= before + 2 * 2, "a thread and its timer for each"
    assert all(ends(connection) for connection in idle)
    for connection in idle:
        connection.close()
    with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics", timeout=10) as answer:
        assert answer.status == 200


def ends(connection: socket) -> bool:
    """Return whether the other side ends the connection, whatever it says before."""
    with suppress(ConnectionResetError):
        while connection.recv(4096):
            pass
    return True
