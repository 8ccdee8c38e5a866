"""The operators' page about running a node: its commands as printed, at a node that runs over the bus in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

import refbus.clock
import refbus_auditor.__main__ as auditor_command
from kafka.patience import wait
from kafka.ports import free_ports
from refbus.core.directory import OrgStatus
from refbus.node import replay as orders
from refbus.wire.transport import StoppedRecord
from refbus_ops import cli
from refbus_ops.context import Operator
from support.ceremonies import AGENCY, KG, KZ, SHELTER, UZ
from support.firstread import store_of
from support.gateways import sent
from support.handedover import Handed
from support.howto import Page, Shell
from support.live import LiveAuditor, LiveGate, LiveNode, LiveOffice, LiveWorld
from support.replays import set_status

PAGE = Page.read("operators/operate.md").with_word("python -m kafka", there=False)
"""All but the broker on one's own machine: tests/broker/test_operator_on_a_broker.py."""
_ORDERS = {"send", "--approve"}
"""What a node does something about."""
_DAYS = 42
"""From when the federation was made to the November of the page."""


@dataclass(slots=True)
class Node:
    """A node of kz with what it talks to. Its operator's programs are handed over to it."""

    world: LiveWorld
    gate: LiveGate
    auditor: LiveAuditor
    witness: str
    log: str
    stopped: list[str] = field(default_factory=list)

    def operate(self, words: Sequence[str]) -> int:
        """Do `refbus-ops`: whoever types waits until the node has done what was ordered."""
        sys.argv[1:] = words
        status = cli.main()
        if _ORDERS & set(words):
            self.world.settle()
        if "replays" in words and not Path("proofs").is_dir():  # ask again until the witnesses have signed
            wait("a quorum stands behind the replay", lambda: cli.main() == 0 and Path("proofs").is_dir())
            return 0
        return status

    def service(self, words: Sequence[str]) -> int:
        """Do `systemctl`. When the auditor is stopped for the second time, its disk loses the store."""
        order, unit = words
        node: LiveNode = {"refbus-gate": self.gate, "refbus-auditor": self.auditor}[unit]
        if order == "stop":
            node.stop()
            self.stopped.append(unit)
            if self.stopped.count("refbus-auditor") == 2:
                (self.auditor.home / "store" / "auditor.db").unlink()
        else:
            node.start()
        self.world.settle()
        return 0

    def auditor_order(self, words: Sequence[str]) -> int:
        """Do an order of the auditor that reads the broker."""
        assert words[:2] == ["-m", "refbus_auditor"]
        auditor_command.main(list(words[2:]))
        return 0

    def refuse_one(self) -> str:
        """Let the gate refuse an event, since the shelter is suspended meanwhile; return the decision."""
        self.gate.reads = False
        sent(self.world.kz)
        self.world.work()
        set_status(self.world, OrgStatus.SUSPENDED)  # type: ignore[arg-type] # what it uses, both kinds of world have
        self.world.settle()
        self.gate.reads = True
        self.world.settle()
        set_status(self.world, OrgStatus.ACTIVE)  # type: ignore[arg-type]
        self.world.settle()
        return StoppedRecord.parse(self.world.bus.records("kz.refused")[-1].value).decision_id.hex()


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Give a node of kz with two gates, three auditors and two offices, six weeks after all keys were made."""
    world = LiveWorld(tmp_path / "world")
    world.pass_time(days=_DAYS)
    pages, logs = free_ports(2), free_ports(2)
    try:
        gate, _ = world.add(LiveGate(world, KZ, pages[0])), world.add(LiveGate(world, UZ, 0))
        auditor = world.add(LiveAuditor(world, KZ, pages[1], REFBUS_AUDITOR_PORT=str(logs[0])))
        for country, more in ((KG, {}), (UZ, {"REFBUS_AUDITOR_PORT": str(logs[1])})):
            world.add(LiveAuditor(world, country, 0, **more))
        for org in (AGENCY, SHELTER):
            world.add(LiveOffice(world, org, 0))
        _by_the_clock_of(world, monkeypatch)
        world.settle()
        yield Node(world, gate, auditor, f"http://127.0.0.1:{logs[1]}", f"http://127.0.0.1:{logs[0]}")
    finally:
        world.close()


def _by_the_clock_of(world: LiveWorld, patch: pytest.MonkeyPatch) -> None:
    """Let the commands that run here have the clock and the bus of the world."""
    machine_ms = refbus.clock.machine_ms
    for module in [each for name, each in sys.modules.items() if name.startswith("refbus_ops")]:
        if getattr(module, "machine_ms", None) is machine_ms:
            patch.setattr(module, "machine_ms", world.clock)
    line = world.bus.line()
    patch.setattr(cli, "Operator", partial(Operator, connect=lambda _: line, clock=world.clock))
    patch.setattr(auditor_command, "clusters", lambda where: dict.fromkeys(where, line))
    patch.setattr(auditor_command, "configure_logs", lambda **_: None)


def settings(node: Node, folder: Path, decision: str) -> dict[str, str]:
    """Return what the page says that the operator of kz has, and the settings of the services."""
    for name in ("backups", "keys", "desk"):
        (folder / name).mkdir()
    world, names = node.world, {"GATE": node.gate, "AUDITOR": node.auditor}
    for name in ("gate", "auditor", "federation"):  # as the timers have made them an hour ago
        copy = folder / "backups" / name / "20261102T130000Z" / "copy"
        copy.parent.mkdir(parents=True)
        copy.touch()
        os.utime(copy, (world.clock() / 1000 - 3600,) * 2)
    services = {f"REFBUS_{name}_HOME": str(each.home) for name, each in names.items()}
    secrets = {f"REFBUS_{name}_PASSPHRASE_FILE": str(world.passphrase) for name in names}
    return (
        services
        | secrets
        | {
            "REFBUS_COUNTRY": "kz",
            "REFBUS_CLOCK_FILE": str(world.clock.file),
            **{f"REFBUS_BOOTSTRAP_{country}": "127.0.0.1:9" for country in ("KZ", "UZ")},
            "GATE": str(node.gate.home),
            "AUDITOR": str(node.auditor.home),
            "AUDITOR_ID": node.auditor.home.name,
            "GATE_PAGE": f"127.0.0.1:{node.gate.port}",
            "AUDITOR_PAGE": f"127.0.0.1:{node.auditor.port}",
            "FED": str(world.lab.paths.out),
            "P": str(world.passphrase),
            "BACKUPS": str(folder / "backups"),
            "KEYS": str(folder / "keys"),
            "COPY": str(node.auditor.home / "log"),
            "WITNESS": node.witness,
            "LOG": node.log,
            "ORG": AGENCY,
            "DECISION": decision,
        }
    )


def test_a_node_is_operated_by_the_page_alone(node: Node, tmp_path: Path) -> None:
    """Every command works as printed: topics, health, a replay by two, a lost office, copies, restores, new keys."""
    decision = node.refuse_one()
    given = settings(node, tmp_path, decision)
    desk = tmp_path / "desk"
    (desk / "gate.log").write_text("2026-11-30T01:00:00.000Z ERROR refbus.gate: fictional\n", encoding="utf-8")
    programs = {"refbus-ops": node.operate, "systemctl": node.service, "python": node.auditor_order}
    with Handed(programs, elsewhere=("rebuild", "accept-gap")) as handed:
        shell = Shell(desk, {**given, "PATH": handed.path}, handed.answer)
        try:
            shell.follow(PAGE)
        finally:
            shell.close()
        assert [words for words, status in handed.called if status] == []
    replayed = {done.order.request.decision: done.outcome for done in orders.done_before(node.gate.home)}
    assert replayed == {decision: "FORWARDED"}
    assert [path.name for path in (desk / "proofs").iterdir()] == [f"{decision}.tlog-proof"]
    assert all((desk / name).is_file() for name in ("node.zip", "november.audit", "kz.tlog-policy"))
    agency = store_of(node.world).history.latest.organisations[AGENCY]
    assert agency.status is OrgStatus.SUSPENDED
    assert agency.current_signing_key(node.world.clock()) is None
    assert (tmp_path / "keys" / "gate-1.db").is_file()
    assert (tmp_path / "backups" / "federation-1" / "root.json").is_file()
    for service, store in ((node.gate, "node.db"), (node.auditor, "auditor.db")):
        assert (service.runs, service.ended) == (True, "")
        assert list((service.home / "store").glob(f"{store}.before-*"))
    assert "refbus-auditor" in node.stopped[1:]
