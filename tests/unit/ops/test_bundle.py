"""`refbus-ops bundle`: what goes to somebody who helps from afar has no secret, no organisation and no case in it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from refbus.errors import Code, RefbusError
from refbus.settings import OpsSettings, from_environment
from refbus.telemetry import Metrics, Service, serve
from refbus_ops.bundle import bundle
from refbus_ops.context import Operator

ORGANISATION = "kz-4f7k2m9q"
SECRETS = ("correct horse battery", "BEGIN PRIVATE KEY", "Fictional Person", "hook.example/s3cret", ORGANISATION)
OURS = "2026-11-30T01:00:00.000Z ERROR refbus.gate: a record of kz-4f7k2m9q failed alone"
JSON_LINE = (
    '{"time": "2026-11-30T01:00:00.000Z", "level": "INFO", "logger": "refbus.gate", "message": "of kz-4f7k2m9q"}'
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a gate's folder with secrets in every file, and in names."""
    made = tmp_path / "gate"
    for name in ("keys/state.key", "store/node.db", "store/node.db-wal", f"profiles/{ORGANISATION}", "replays.jsonl"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(" ".join(SECRETS))
    (made / "Fictional Person.txt").write_text("x")
    return made


def written(home: Path, target: Path, *arguments: str, port: int = 1) -> dict[str, str]:
    """Write a bundle; return its files."""
    environ = {
        "REFBUS_OPS_GATE_METRICS": f"127.0.0.1:{port}",
        "REFBUS_BOOTSTRAP_KZ": "127.0.0.1:1",
    }
    operator = Operator(from_environment(OpsSettings, environ), None, home)
    result = CliRunner().invoke(bundle, [str(target), *arguments], obj=operator)
    if isinstance(result.exception, RefbusError):
        raise result.exception
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_planted_secret_is_in_a_bundle(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from files, their names, logs or settings; lines of other programs in a log stay where they are."""
    monkeypatch.setenv("REFBUS_PASSPHRASE_FILE", "/run/correct horse battery")
    log = tmp_path / "gate.log"
    log.write_text("\n".join((OURS, JSON_LINE, *SECRETS, f"export PASS='{SECRETS[0]}'")) + "\n")
    files = written(home, tmp_path / "out.zip", "--log", str(log))
    assert {"about.json", "settings.json", "health.json", "metrics-gate.txt", "home.json", "log-1.txt"} <= set(files)
    for text in (*files, *files.values()):
        for secret in SECRETS:
            assert secret not in text
    assert files["log-1.txt"].splitlines() == [each.replace(ORGANISATION, "<org>") for each in (OURS, JSON_LINE)]


@pytest.mark.parametrize("name", ["fictional-person", "fictional.txt.person", "backup.fictional", "person.db"])
def test_a_name_that_somebody_gave_a_file_stays_there(home: Path, tmp_path: Path, name: str) -> None:
    """Small letters alone make no name one of the program's own, and neither does an ending."""
    (home / name).write_text("x")
    (home / "peers" / name).parent.mkdir()
    (home / "peers" / name).write_text("x")
    listed = written(home, tmp_path / "out.zip")["home.json"]
    assert "person" not in listed
    assert "fictional" not in listed.lower()
    assert '"peers/*' in listed


@pytest.mark.parametrize("name", [f"{ORGANISATION}_old", f"old_{ORGANISATION}", f"{ORGANISATION}-2"])
def test_an_organisation_is_left_out_whatever_stands_beside_it(home: Path, tmp_path: Path, name: str) -> None:
    """Neither an underscore nor a hyphen hides its id; a line with characters that no log of ours has stays there."""
    log = tmp_path / "gate.log"
    head = "2026-11-30T01:00:00.000Z ERROR refbus.gate:"
    log.write_text(f"{head} of {name} failed\n{head} \x1b[2J\u202e hidden\n")
    told = written(home, tmp_path / "out.zip", "--log", str(log))["log-1.txt"]
    assert told == f"{head} of {name.replace(ORGANISATION, '<org>')} failed\n"


def test_a_bundle_says_what_helps(home: Path, tmp_path: Path) -> None:
    """Versions, findings, metrics, and the files of the home with sizes and modes."""
    server = serve(Metrics(Service.GATE, lambda: 0), 0)
    files = written(home, tmp_path / "out.zip", port=server.port)
    server.close()
    listed = {each["file"]: each for each in json.loads(files["home.json"])}
    assert {"keys/state.key", "store/node.db-wal", "profiles/*", "*.txt"} <= set(listed)
    assert listed["*.txt"]["size"] == 1
    assert "refbus_gate_lag_records" in files["metrics-gate.txt"]
    assert json.loads(files["health.json"])["level"] == "red"
    assert json.loads(files["about.json"])["refbus"]


def test_a_bundle_is_a_new_private_file(home: Path, tmp_path: Path) -> None:
    """Nothing is written over, and only its owner can read it."""
    target = tmp_path / "out.zip"
    written(home, target)
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RefbusError) as caught:
        written(home, target)
    assert caught.value.code is Code.FILE_UNREADABLE
