"""`refbus-ops` from the outside: what it prints and how it exits, on a cluster in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from refbus.bus.address import BrokerAddress
from refbus.bus.memory import MemoryBus
from refbus.bus.port import TopicState
from refbus.bus.topicplan import apply, plan
from refbus.bus.topicset import gate_group, wanted
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError, SetupError, TransportError
from refbus.node import replay as replay_orders
from refbus.settings import OpsSettings, from_environment
from refbus.wire.transport import StoppedRecord
from refbus_ops.broker import broker
from refbus_ops.cli import main, root
from refbus_ops.context import Operator
from refbus_ops.lag import lag
from refbus_ops.refused import quarantine, refused, replay
from refbus_ops.topics import topics
from support.ceremonies import lab, read
from support.directories import NOW_MS, federation, ngo

KZ = CountryCode("kz")
FED = federation(("kz", "uz"))
DECISION = bytes(range(16))
ASK = ("--by", "Anna Example", "--reason", "the directory has the new key now")
CANARY = b"canary of sealed bytes"


class KnownDirectory(Operator):
    """An operator whose gate has verified the test federation."""

    __slots__ = ()

    def directory(self) -> Directory:
        """Return the test federation."""
        return FED.directory


@pytest.fixture
def bus() -> MemoryBus:
    """Return the cluster of kz, as declared."""
    made = MemoryBus(clock=lambda: NOW_MS)
    declared = wanted(FED.directory, KZ, production=False)
    apply(plan(declared, made.admin()), made.admin())
    return made


@pytest.fixture
def run(bus: MemoryBus, tmp_path: Path) -> Callable[..., Result]:
    """Return a way to run one command as the operator of kz."""
    settings = from_environment(OpsSettings, {"REFBUS_BOOTSTRAP_KZ": "127.0.0.1:9092"})

    def connect(address: BrokerAddress) -> MemoryBus:
        assert address == BrokerAddress("127.0.0.1:9092")
        return bus

    operator = KnownDirectory(settings, KZ, tmp_path, connect=connect, clock=lambda: NOW_MS)
    groups = {
        "broker": broker,
        "topics": topics,
        "lag": lag,
        "refused": refused,
        "quarantine": quarantine,
        "replay": replay,
    }

    def invoke(name: str, *arguments: str) -> Result:
        return CliRunner().invoke(groups[name], arguments, obj=operator)

    return invoke


def error(result: Result) -> RefbusError:
    """Return the error that a command raised on purpose."""
    assert isinstance(result.exception, RefbusError)
    return result.exception


def stop(bus: MemoryBus, family: str, decision: bytes, *codes: Code) -> None:
    """Put a stopped record where the gate puts it."""
    bus.put(f"kz.{family}", StoppedRecord(decision, "kz.outbox", 7, tuple(codes), CANARY).encode())


def test_the_operator_writes_nothing_into_the_folder_of_the_gate(tmp_path: Path) -> None:
    """The unit that looks for drift has no right to: there even a lock would fail."""
    fed, home = lab(tmp_path / "federation"), tmp_path / "gate"
    store = fed.store(home / "directory")
    read(store, fed.files())
    (home / "directory" / "lock").unlink()
    before = sorted(home.rglob("*"))
    settings = from_environment(OpsSettings, {})
    assert Operator(settings, KZ, home).directory() == store.history.latest
    assert sorted(home.rglob("*")) == before


def test_drift_exits_with_zero_on_a_clean_cluster_and_one_otherwise(run: Callable[..., Result], bus: MemoryBus) -> None:
    """Scripts rely on the exit code, people read the lines."""
    clean = run("topics", "drift")
    assert (clean.exit_code, clean.output) == (0, "kz: as declared\n")
    bus.create_topic(TopicState("kz.test", 1, 1, {}))
    drifted = run("topics", "drift")
    assert drifted.exit_code == 1
    assert "? topic kz.test" in drifted.output


def test_plan_shows_and_apply_does(run: Callable[..., Result], bus: MemoryBus) -> None:
    """Plan leaves the drift; apply removes it."""
    bus.admin().set_topic_config("kz.outbox", {"retention.ms": "1"})
    shown = run("topics", "plan")
    assert (shown.exit_code, "retention.ms: 1 ->" in shown.output) == (0, True)
    assert run("topics", "drift").exit_code == 1
    assert run("topics", "apply").exit_code == 0
    assert run("topics", "drift").exit_code == 0


def test_a_plan_can_be_read_by_machines(run: Callable[..., Result], bus: MemoryBus) -> None:
    """One JSON object for each country."""
    bus.admin().set_topic_config("kz.outbox", {"retention.ms": "1"})
    found = json.loads(run("topics", "plan", "--json").output)
    assert (found["country"], found["clean"]) == ("kz", False)
    assert list(found["alter"]) == ["kz.outbox"]


def test_a_broker_that_is_away_is_an_error_to_try_again(run: Callable[..., Result], bus: MemoryBus) -> None:
    """It is neither clean nor drift."""
    bus.down = True
    failed = error(run("topics", "drift"))
    assert isinstance(failed, TransportError)
    assert failed.code is Code.BROKER_UNREACHABLE


def test_the_status_of_a_broker_says_what_is_unsafe(run: Callable[..., Result], bus: MemoryBus) -> None:
    """Exit code 0 for a cluster that is safe to use, 1 for one that is not, for people and machines."""
    safe = run("broker", "status")
    assert safe.exit_code == 0
    assert "cluster:         memory" in safe.output
    bus.cluster_state = replace(bus.cluster_state, auto_create_topics=True)
    unsafe = run("broker", "status", "--json")
    assert unsafe.exit_code == 1
    assert "auto.create.topics.enable" in json.loads(unsafe.output)["problem"]
    bus.acl_rules = None
    assert "no authoriser" in run("broker", "status").output


def test_lag_counts_what_waits(run: Callable[..., Result], bus: MemoryBus) -> None:
    """Waiting is the end less what the gate acknowledged; a topic never read counts whole."""
    for _ in range(5):
        bus.put("kz.outbox", b"sealed")
        bus.put("kz.border.uz", b"sealed")
    bus.group_offsets[gate_group(KZ), "kz.outbox"] = 2
    assert json.loads(run("lag", "--json").output) == {
        "kz.outbox": {"end": 5, "acknowledged": 2},
        "kz.border.uz": {"end": 5, "acknowledged": 0},
    }
    assert [line.split()[:3] for line in run("lag").output.splitlines()] == [
        ["kz.outbox", "waiting", "3"],
        ["kz.border.uz", "waiting", "5"],
    ]


def test_a_border_without_a_topic_hides_no_other(run: Callable[..., Result], bus: MemoryBus) -> None:
    """It is said to be closed, in JSON by nothing; the outbox alone must be there."""
    del bus._logs["kz.border.uz"]
    bus.put("kz.outbox", b"sealed")
    assert json.loads(run("lag", "--json").output)["kz.border.uz"] == {"end": None, "acknowledged": None}
    lines = run("lag").output.splitlines()
    assert [line.split()[:2] for line in lines] == [["kz.outbox", "waiting"], ["kz.border.uz", "closed:"]]
    del bus._logs["kz.outbox"]
    assert error(run("lag")).code is Code.TOPIC_MISSING


def test_refused_records_are_listed_by_code_and_never_shown(run: Callable[..., Result], bus: MemoryBus) -> None:
    """Decision, place, time and codes; a repeat by a pump counts once; no byte of the record."""
    stop(bus, "refused", DECISION, Code.NO_CONSENT, Code.PURPOSE_NOT_COVERED)
    stop(bus, "refused", DECISION, Code.NO_CONSENT, Code.PURPOSE_NOT_COVERED)
    stop(bus, "refused", bytes(16), Code.MESSAGE_EXPIRED)
    listed = run("refused", "list").output
    assert f"{DECISION.hex()}  2026-09-21" in listed
    assert listed.splitlines()[-1] == "2 refused; MESSAGE_EXPIRED 1; NO_CONSENT 1; PURPOSE_NOT_COVERED 1"
    only = run("refused", "list", "--code", "MESSAGE_EXPIRED", "--json").output
    assert [json.loads(line)["codes"] for line in only.splitlines()] == [["MESSAGE_EXPIRED"]]
    explained = run("refused", "show", DECISION.hex()).output
    assert "NO_CONSENT: " in explained
    assert "next: " in explained
    assert "canary" not in listed + only + explained


def test_only_the_newest_are_listed_and_all_are_counted(run: Callable[..., Result], bus: MemoryBus) -> None:
    """--last limits the lines, not the count."""
    for number in range(5):
        stop(bus, "refused", bytes([number]) * 16, Code.MESSAGE_EXPIRED)
    lines = run("refused", "list", "--last", "2").output.splitlines()
    assert [line[:2] for line in lines[:-1]] == ["03", "04"]
    assert lines[-1] == "5 refused; MESSAGE_EXPIRED 5"


def test_quarantine_has_its_own_list(run: Callable[..., Result], bus: MemoryBus) -> None:
    """What could not be read is not mixed with what was refused."""
    stop(bus, "quarantine", DECISION, Code.MALFORMED)
    assert run("refused", "list").output == "0 refused\n"
    assert run("quarantine", "list").output.splitlines()[-1] == "1 quarantine; MALFORMED 1"
    assert "MALFORMED: " in run("quarantine", "show", DECISION.hex()).output


def test_a_record_that_cannot_be_read_is_said_and_hides_no_other(run: Callable[..., Result], bus: MemoryBus) -> None:
    """Bytes that no gate wrote, a code of another version: named by their place, and the others are listed."""
    bus.put("kz.refused", b"\xff")
    bus.put("kz.refused", StoppedRecord(bytes(16), "kz.outbox", 7, ("CODE_OF_TOMORROW",), CANARY).encode())
    stop(bus, "refused", DECISION, Code.NO_CONSENT)
    listed = run("refused", "list")
    assert "offset 0 cannot be read: MALFORMED" in listed.stderr
    assert "offset 1 cannot be read: UNKNOWN_VALUE" in listed.stderr
    assert DECISION.hex() in listed.stdout
    assert "1 refused" in listed.stdout
    assert run("replay", DECISION.hex(), *ASK).exit_code == 0


@pytest.mark.parametrize("at_ms", [-(2**63), -62_135_596_800_001, 253_402_300_800_000, 2**62, 2**63 - 1])
def test_a_time_of_no_calendar_hides_no_record(run: Callable[..., Result], bus: MemoryBus, at_ms: int) -> None:
    """Whoever wrote a record said when: such a time is shown as a number."""
    stop(bus, "refused", DECISION, Code.NO_CONSENT)
    bus.log("kz.refused").append(bus.records("kz.refused")[0].value.replace(DECISION, bytes(16)), at_ms)
    for words in (("list",), ("list", "--json"), ("show", "00" * 16)):
        shown = run("refused", *words)
        assert shown.exit_code == 0
        assert f"{at_ms} ms" in shown.output


@pytest.mark.parametrize("family", ["refused", "quarantine"])
def test_a_replay_is_asked_for_by_one_and_ordered_by_another(
    run: Callable[..., Result], bus: MemoryBus, tmp_path: Path, family: str
) -> None:
    """The first leaves a private note that the gate does not take, the second the order with both names."""
    stop(bus, family, DECISION, Code.VIEW_STALE)
    for _ in range(2):
        assert run("replay", DECISION.hex(), *ASK).output.startswith("asked: kz.outbox 7, stopped with VIEW_STALE\n")
    assert list(replay_orders.waiting(tmp_path)) == []
    assert error(run("replay", DECISION.hex(), "--by", "anna example", "--approve")).code is Code.USAGE
    assert run("replay", DECISION.hex(), "--by", "Boris Example", "--approve").exit_code == 0
    (file,) = (tmp_path / "replay").iterdir()
    order = replay_orders.read_order(file)
    assert (file.name, file.stat().st_mode & 0o777) == (DECISION.hex(), 0o600)
    assert (order.request.asked.name, order.approved.name) == ("Anna Example", "Boris Example")
    assert order.request.reason == ASK[-1]


@pytest.mark.parametrize("words", [(), ("--approve",), ("--reason", "short"), (*ASK[2:], "--approve")])
def test_no_replay_without_a_reason_or_without_a_second_person(
    run: Callable[..., Result], bus: MemoryBus, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Approving what nobody asked for, asking without a true reason, and doing both at once leave nothing."""
    stop(bus, "refused", DECISION, Code.VIEW_STALE)
    assert error(run("replay", DECISION.hex(), "--by", "Boris Example", *words)).code is Code.USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("decision", ["00" * 16, "../../../etc/x", "AB" * 16, "0" * 31, ""])
def test_replay_of_what_is_not_there_leaves_nothing(
    run: Callable[..., Result], bus: MemoryBus, tmp_path: Path, decision: str
) -> None:
    """An unknown decision, or what is none, is an error of the caller and touches no file."""
    stop(bus, "refused", DECISION, Code.VIEW_STALE)
    assert error(run("replay", decision, *ASK)).code is Code.USAGE
    assert list(tmp_path.iterdir()) == []


def test_a_topic_that_ends_in_silence_is_no_endless_wait(run: Callable[..., Result], bus: MemoryBus) -> None:
    """When the log has more and nothing comes, the command gives up and says so."""
    stop(bus, "refused", DECISION, Code.VIEW_STALE)
    log = bus.log("kz.refused")
    log.records = [replace(record, offset=-1) for record in log.records]
    assert error(run("refused", "list")).code is Code.BROKER_UNREACHABLE


def test_the_operator_needs_a_country_and_a_broker(tmp_path: Path) -> None:
    """Each missing setting is named with its option and its variable."""
    nothing = Operator(from_environment(OpsSettings, {}))
    for question, code, name in (
        (nothing.one_country, Code.USAGE, "REFBUS_OPS_COUNTRY"),
        (nothing.countries, Code.SETTINGS_INVALID, "REFBUS_BOOTSTRAP_"),
        (nothing.gate_home, Code.HOME_NOT_FOUND, "REFBUS_OPS_GATE_HOME"),
        (lambda: nothing.address(KZ), Code.SETTINGS_INVALID, "REFBUS_BOOTSTRAP_KZ"),
    ):
        with pytest.raises(SetupError) as caught:
            question()
        assert caught.value.code is code
        assert name in caught.value.detail


def test_without_a_named_country_every_configured_one_is_meant() -> None:
    """An operator of a shared development broker sees all countries."""
    settings = from_environment(
        OpsSettings, {"REFBUS_BOOTSTRAP_UZ": "127.0.0.1:1", "REFBUS_BOOTSTRAP_KZ": "127.0.0.1:1"}
    )
    assert Operator(settings).countries() == ("kz", "uz")
    assert Operator(settings, KZ).countries() == ("kz",)


def test_a_gate_without_a_directory_is_said(tmp_path: Path) -> None:
    """Before the first verified directory there is nothing to compare with."""
    settings = from_environment(OpsSettings, {})
    with pytest.raises(RefbusError) as caught:
        Operator(settings, KZ, tmp_path).directory()
    assert isinstance(caught.value, SetupError)


def test_help_names_every_group() -> None:
    """One page leads to everything."""
    shown = CliRunner().invoke(root, ["--help"]).output
    for group in ("broker", "directory", "lag", "quarantine", "refused", "replay", "topics"):
        assert f"  {group} " in shown


def test_an_unknown_setting_is_two_lines_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line: error, hint, 2; no traceback."""
    monkeypatch.setenv("REFBUS_BOOTSTRP_KZ", "127.0.0.1:9092")
    monkeypatch.setattr("sys.argv", ["refbus-ops", "topics", "plan"])
    assert main() == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("error: SETTINGS_INVALID")
    assert lines[1].startswith("hint:")
    assert len(lines) == 2


def test_the_inbox_of_an_organisation_is_part_of_the_plan(run: Callable[..., Result], bus: MemoryBus) -> None:
    """Every organisation of the directory has its topic."""
    assert f"kz.inbox.{ngo('kz')}" in bus.admin().topics()
    assert run("topics", "drift").exit_code == 0
