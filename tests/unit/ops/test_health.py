"""`refbus-ops health`: what is red, amber and green, its next step, its exit code, and its page."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from refbus.bus.memory import MemoryBus
from refbus.bus.topicplan import apply, plan
from refbus.bus.topicset import wanted
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS
from refbus.settings import OpsSettings, from_environment
from refbus.telemetry import Metrics, PageServer, Service, serve
from refbus.telemetry import catalogue as metric
from refbus.telemetry.alerts import ALERTS
from refbus.telemetry.labels import Direction
from refbus.telemetry.rules import Alert
from refbus_ops.context import Operator
from refbus_ops.findings import Finding, Level, is_broken
from refbus_ops.health import health
from refbus_ops.healthpage import serve_page
from support.directories import NOW_MS, federation

KZ = CountryCode("kz")
FED = federation(("kz", "uz"))


class KnownDirectory(Operator):
    """An operator whose gate has verified the test federation."""

    __slots__ = ()

    def directory(self) -> Directory:
        """Return the test federation."""
        return FED.directory


class Node:
    """A node of kz with real pages of metrics, and what an operator is told of it."""

    def __init__(self, folder: Path) -> None:
        self.gate, self.auditor = (
            Metrics(service, lambda: NOW_MS, folder) for service in (Service.GATE, Service.AUDITOR)
        )
        self.pages = {"GATE": serve(self.gate, 0), "AUDITOR": serve(self.auditor, 0)}
        for page in (self.gate, self.auditor):
            page.put(metric.CERTIFICATE_LEFT, float("inf"))
            page.put(metric.DISK_FREE, 0.5)
        self.gate.put(metric.GATE_KEY_LEFT, 90 * 86_400)
        self.auditor.put(metric.AUDITOR_SHARDS_AHEAD, 4)
        self.auditor.put(metric.AUDITOR_INSPECTOR_KEY, 30 * 86_400)
        self.folder, self.now_ms = folder, FED.directory.published_at_ms
        (folder / "backups").mkdir()
        self.bus = MemoryBus(clock=lambda: NOW_MS)
        apply(plan(wanted(FED.directory, KZ, production=False), self.bus.admin()), self.bus.admin())

    def run(self, *arguments: str) -> Result:
        """Run the command."""
        environ = {
            "REFBUS_BOOTSTRAP_KZ": "127.0.0.1:9092",
            "REFBUS_BOOTSTRAP_UZ": "127.0.0.2:9092",
            "REFBUS_OPS_BACKUPS": str(self.folder / "backups"),
        }
        environ |= {f"REFBUS_OPS_{name}_METRICS": f"127.0.0.1:{page.port}" for name, page in self.pages.items()}
        settings = from_environment(OpsSettings, environ)
        operator = KnownDirectory(settings, KZ, self.folder, connect=lambda _: self.bus, clock=lambda: self.now_ms)
        return CliRunner().invoke(health, arguments, obj=operator)

    def findings(self) -> dict[str, dict[str, str]]:
        """Return what is not green, by its subject."""
        found = json.loads(self.run("--json").output)["findings"]
        return {each["subject"]: each for each in found if each["level"] != "green"}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Return a node on which everything is green but what this machine's disk and the test keys say."""
    monkeypatch.setattr("refbus_ops.findings._DISK", (0, 0))
    monkeypatch.setattr("refbus_ops.findings._KEY_ENDS_MS", 0)
    made = Node(tmp_path)
    backup = tmp_path / "backups" / "node.db"
    backup.write_bytes(b"")
    os.utime(backup, (made.now_ms / 1000, made.now_ms / 1000))
    yield made
    for page in made.pages.values():
        page.close()


def test_a_node_on_which_all_is_well_is_green(node: Node) -> None:
    """Exit code 0, and a line for each thing that was looked at."""
    result = node.run()
    assert result.exit_code == 0, result.output
    for subject in ("gate", "auditor", "broker", "border uz", "directory", "keys of gate", "disk", "backups"):
        assert subject in result.output


def test_what_an_alert_rule_says_is_said_here_with_its_next_step(node: Node) -> None:
    """A rule that pages is red, exit code 7; a ticket is amber, exit code 1."""
    node.gate.since(metric.GATE_HELD_AGE, NOW_MS - 2 * 3_600_000)
    amber = node.findings()["gate"]
    assert (amber["level"], amber["alert"], node.run().exit_code) == ("amber", "RefbusHeldLong", 1)
    node.gate.put(metric.GATE_IMBALANCE, -1, direction=Direction.EGRESS)
    red = node.run("--json")
    found = [each for each in json.loads(red.output)["findings"] if each["alert"] == "RefbusImbalance"]
    assert red.exit_code == 7
    assert "report it" in found[0]["next"]


def test_a_service_that_is_gone_is_red(node: Node) -> None:
    """It does not answer: start it."""
    node.pages["GATE"].close()
    found = node.findings()
    assert (found["gate"]["level"], found["gate"]["alert"]) == ("red", "RefbusGateGone")
    assert list(found) == ["gate"]


def test_a_standby_is_green_and_says_that_it_waits(node: Node) -> None:
    """Its page has no figure of a gate, and that is no fault of it."""
    node.pages["GATE"].close()
    node.pages["GATE"] = serve(Metrics(Service.STANDBY, lambda: NOW_MS), 0)
    assert "gate" not in node.findings()
    assert "it stands by" in node.run().output


def test_what_is_not_set_up_is_amber_and_not_green(node: Node) -> None:
    """Nobody takes silence for health."""
    for page in node.pages.values():
        page.close()
    node.pages.clear()
    assert {each["level"] for each in node.findings().values()} == {"amber"}
    assert "REFBUS_OPS_GATE_METRICS" in node.findings()["gate"]["next"]


def test_a_look_that_fails_keeps_no_other_from_being_taken(node: Node) -> None:
    """With the broker away the rest is said all the same."""
    node.bus.down = True
    found = node.findings()
    assert found["broker"]["level"] == "red"
    assert found["border uz"]["level"] == "amber"
    assert found["broker"]["next"]
    assert "gate" not in found


THREE = ("192.0.2.1:9093", "192.0.2.2:9093", "192.0.2.3:9093")


@pytest.mark.parametrize(("silent", "level"), [(THREE[:1], "amber"), (THREE[:2], "red"), (THREE, "red")])
def test_brokers_that_are_gone_are_told(node: Node, silent: tuple[str, ...], level: str) -> None:
    """One of three is for the next working day; without two nothing is written, and that is said by their addresses."""
    node.bus.cluster_state = replace(node.bus.cluster_state, brokers=THREE)
    assert "brokers" not in node.findings()
    node.bus.silent = set(silent)
    found = node.findings()["brokers"]
    assert found["level"] == level
    assert silent[0] in found["says"]
    assert "Start the broker" in found["next"]


@pytest.mark.parametrize(("in_sync", "level"), [(2, "amber"), (1, "red"), (0, "red")])
def test_replicas_that_are_behind_are_told(node: Node, in_sync: int, level: str) -> None:
    """Two of three still take records; one does not, and a topic without a leader least of all."""
    outbox = node.bus.admin().topics()["kz.outbox"]
    config = {**outbox.config, "min.insync.replicas": "2"}
    node.bus.set_state(replace(outbox, replication=3, in_sync=3, config=config))
    assert "replicas" not in node.findings()
    node.bus.set_state(replace(outbox, replication=3, in_sync=in_sync, config=config))
    found = node.findings()["replicas"]
    assert (found["level"], "kz.outbox" in found["says"]) == (level, True)
    assert "Lower no setting" in found["next"]


@pytest.mark.parametrize(("days", "level"), [(3, "amber"), (8, "red")])
def test_an_old_directory_is_told(node: Node, days: int, level: str) -> None:
    """Two days are a missed publication, seven are its end; a backup that is as old is told too."""
    node.now_ms += days * DAY_MS
    assert node.findings()["directory"]["level"] == level
    assert node.findings()["backups"]["level"] == "red" or days == 3


def test_a_backup_that_was_not_restored_yet_is_none(node: Node) -> None:
    """What is being written, or did not come through its restore, has a hidden name: it makes nothing younger."""
    (kept,) = (node.folder / "backups").iterdir()
    for name in (".20261130T000000Z.writing", ".20261130T000000Z.restored"):
        (node.folder / "backups" / name / "store").mkdir(parents=True)
        (node.folder / "backups" / name / "store" / "node.db").write_bytes(b"half")
    kept.unlink()
    assert node.findings()["backups"]["level"] == "red"


def test_a_backup_of_one_service_hides_no_other(node: Node) -> None:
    """An auditor that is copied every hour does not make the gate's last copy younger."""
    for name, days in (("gate", 8), ("auditor", 0)):
        copy = node.folder / "backups" / name / "20261130T000000Z" / "store.db"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(b"copy")
        at_s = node.now_ms / 1000 - days * 86_400
        os.utime(copy, (at_s, at_s))
    found = node.findings()
    assert found["backups of gate"]["level"] == "red"
    assert not {"backups", "backups of auditor"} & set(found)


def test_no_backup_at_all_is_red(node: Node) -> None:
    """An empty folder is no backup."""
    (node.folder / "backups" / "node.db").unlink()
    assert node.findings()["backups"]["level"] == "red"


@pytest.mark.parametrize("rule", [rule for rule in ALERTS if not rule.increase], ids=lambda rule: rule.name)
def test_every_rule_about_a_present_value_counts(rule: Alert) -> None:
    """A value that is not allowed breaks it, wherever it is among others."""
    edge = float(rule.condition.split()[1])
    good, bad = edge, edge - 1 if rule.condition.startswith("<") else edge + 1
    assert is_broken(rule, {rule.metric.name: [good, bad]})
    assert not is_broken(rule, {rule.metric.name: [good, good]})
    assert not is_broken(rule, {})


def asked(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """Ask the page; return status, headers and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def page() -> Iterator[tuple[PageServer, list[int]]]:
    """Serve a page with a red finding whose text is hostile, and count how often it was looked."""
    looks = list[int]()

    def look() -> list[Finding]:
        looks.append(1)
        return [Finding("gate", Level.RED, "<script>alert(1)</script>", "start it")]

    server = serve_page(look, 0)
    yield server, looks
    server.close()


def test_the_page_has_no_script_and_asks_nothing_of_others(page: tuple[PageServer, list[int]]) -> None:
    """Strict policy, nothing stored, foreign text is text, the level in words."""
    status, headers, text = asked(page[0].port)
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "Node: red" in text


def test_the_page_says_the_same_to_scripts(page: tuple[PageServer, list[int]]) -> None:
    """The object of `--json`; and looks are not repeated for each who asks."""
    told, *again = (json.loads(asked(page[0].port, "/health.json")[2]) for _ in range(3))
    assert again == [told, told]
    assert (told["level"], told["findings"][0]["next"]) == ("red", "start it")
    assert len(page[1]) == 1


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [("/", "POST", None, 405), ("/x", "GET", None, 404), ("/", "GET", "evil.example:80", 421)],
)
def test_the_page_is_read_only_and_under_the_name_of_this_machine(
    page: tuple[PageServer, list[int]], path: str, method: str, host: str | None, status: int
) -> None:
    """A site that points its own name here gets nothing, and nothing is looked at for it."""
    headers = {} if host is None else {"Host": host}
    assert asked(page[0].port, path, method, **headers)[0] == status
    assert page[1] == []


@pytest.mark.parametrize(("service", "other"), [("gate", "AUDITOR"), ("auditor", "GATE")])
def test_the_page_of_another_program_is_not_health(node: Node, service: str, other: str) -> None:
    """What is not on a page breaks no rule: a port that was mistaken for another is red, and not green."""
    node.pages[service.upper()].close()
    node.pages[service.upper()] = node.pages[other]
    assert node.findings()[service]["level"] == "red"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_ends_no_look(node: Node, value: float) -> None:
    """Nothing is counted of it, and everything else is said."""
    node.gate.put(metric.GATE_AWAITING_RECEIPT, value)
    assert node.findings().keys() <= {"gate"}
    assert "0 wait for another gate" in node.run().output


def test_a_mistake_in_one_look_keeps_no_other_from_being_taken(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises is red under its own name."""
    monkeypatch.setattr("refbus_ops.findings.shutil.disk_usage", lambda _: ())
    found = node.findings()
    assert (list(found), found["disk"]["level"]) == (["disk"], "red")
