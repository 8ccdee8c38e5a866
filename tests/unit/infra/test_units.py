"""The units of systemd in infra/deploy: systemd accepts them, they are closed, and their commands do what they say."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from functools import reduce
from pathlib import Path

import pytest

from refbus.core.ids import CountryCode
from refbus.settings import AuditorSettings, GateSettings, GatewaySettings, OpsSettings, from_environment
from refbus_auditor.home import AuditorHome
from refbus_gate.home import GateHome
from support.ceremonies import PASSPHRASE, lab
from support.tree import ROOT

SYSTEMD = ROOT / "infra" / "deploy" / "systemd"
ENV = ROOT / "infra" / "deploy" / "env"
SERVICES = sorted(SYSTEMD.glob("*.service"))
INSTALLED = "/opt/refbus/bin"
MOST_EXPOSED = 20
"""Of systemd's own scale, in tenths of a point: 0 is closed, 100 is a service without any protection."""
SETTINGS = {
    "gate": GateSettings,
    "auditor": AuditorSettings,
    "desk": GatewaySettings,
    "operator": OpsSettings,
    "federation": OpsSettings,
}


def analyze(*words: str | Path) -> str:
    """Ask systemd-analyze and return what it has to say; a test without it says so and is left out."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here: install systemd")
    done = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else done.stderr


def commands(unit: Path, kind: str = "ExecStart") -> list[list[str]]:
    """Return the command lines of a unit as systemd hands them on."""
    lines = re.findall(rf"^{kind}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return [[word.replace("$$", "$").replace("%%", "%") for word in shlex.split(line)] for line in lines]


def environment(name: str) -> dict[str, str]:
    """Return the settings of an example file."""
    lines = (ENV / f"{name}.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    """Nothing is said about any unit once the commands are where an installation has them."""
    for unit in (*SERVICES, *SYSTEMD.glob("*.timer")):
        text = unit.read_text(encoding="utf-8").replace(INSTALLED, str(Path(sys.executable).parent))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    assert analyze("verify", *sorted(tmp_path.iterdir())) == ""


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_a_service_is_closed(unit: Path) -> None:
    """By systemd's own measure no service is exposed more than two points of ten."""
    assert analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", unit) == ""


def test_every_timer_starts_a_service_that_is_there() -> None:
    """A timer without its service would do nothing, in silence."""
    assert [timer for timer in SYSTEMD.glob("*.timer") if not timer.with_suffix(".service").is_file()] == []


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_settings_of_a_unit_are_those_of_its_service(name: str) -> None:
    """Each example file is accepted whole, by the same check as at a start."""
    assert {path.stem for path in ENV.glob("*.env")} == set(SETTINGS)
    from_environment(SETTINGS[name], environment(name))


def test_every_file_of_settings_has_its_example() -> None:
    """What a unit reads is among the examples."""
    texts = [unit.read_text(encoding="utf-8") for unit in SERVICES]
    read = {found for text in texts for found in re.findall(r"^EnvironmentFile=/etc/refbus/(\w+)\.env$", text, re.M)}
    assert read == set(SETTINGS)


def test_drift_sees_no_secret_of_another_service() -> None:
    """It may read every file of its machine: what the other units have of keys, stores and copies is taken away."""
    text = (SYSTEMD / "refbus-drift.service").read_text(encoding="utf-8")
    hidden = {word.lstrip("-") for line in re.findall(r"^InaccessiblePaths=(.*)$", text, re.M) for word in line.split()}
    others = set(SETTINGS) - {"operator"}
    tls = {f"/etc/refbus/tls/{name}" for name in others}
    named = {value for name in others for value in environment(name).values() if value.endswith(".passphrase")}
    homes = {"/var/lib/refbus/" + name for name in others - {"gate"}}
    gate = {"/var/lib/refbus/gate/keys", "/var/lib/refbus/gate/store"}
    assert hidden >= tls | named | homes | gate | {"/var/backups", "/etc/refbus/federation.passphrase"}


def run(unit: Path, moved: dict[str, Path], settings: dict[str, str]) -> None:
    """Run all commands of a unit in order, as its own shell lines, with its folders elsewhere."""
    for line in (*commands(unit), *commands(unit, "ExecStartPost")):
        words = [reduce(lambda word, place: word.replace(place, str(moved[place])), moved, word) for word in line]
        done = subprocess.run(words, env=os.environ | settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stderr)


def test_the_backup_of_a_gate_by_its_unit(tmp_path: Path) -> None:
    """Each run makes one more copy that was restored; of the audit keys the newest alone stays; old copies go."""
    home = lab(tmp_path).paths.gate(CountryCode("kz"))
    GateHome.open(home, PASSPHRASE).close()
    copies, keys = tmp_path / "backups" / "gate", tmp_path / "apart"
    copies.mkdir(parents=True)
    keys.mkdir()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE, encoding="utf-8")
    passphrase.chmod(0o600)
    settings = environment("gate") | {
        "REFBUS_GATE_HOME": str(home),
        "REFBUS_GATE_PASSPHRASE_FILE": str(passphrase),
    }
    moved = {
        INSTALLED: Path(sys.executable).parent,
        "/var/backups/refbus-keys": keys,
        "/var/backups/refbus/gate": copies,
    }
    unit = SYSTEMD / "refbus-gate-backup.service"
    run(unit, moved, settings)
    (first,) = copies.iterdir()
    old = time.time() - 40 * 86_400
    first.rename(copies / "20260101T000000Z")
    os.utime(copies / "20260101T000000Z", (old, old))
    (keys / first.name).rename(keys / "20260101T000000Z")
    run(unit, moved, settings)
    (second,) = copies.iterdir()
    assert [path.name for path in keys.iterdir()] == [second.name] != ["20260101T000000Z"]


def test_the_backup_of_the_directory_by_its_unit(tmp_path: Path) -> None:
    """A copy that was restored, without any key; the next night makes another one, and an old one goes."""
    federation, copies = lab(tmp_path).paths.out, tmp_path / "copies"
    copies.mkdir()
    moved = {
        INSTALLED: Path(sys.executable).parent,
        "/var/backups/refbus/federation": copies,
        "/var/lib/refbus/federation": federation,
    }
    unit = SYSTEMD / "refbus-federation-backup.service"
    run(unit, moved, {})
    (first,) = copies.iterdir()
    assert (first / "repository" / "metadata" / "timestamp.json").is_file()
    assert not list(first.rglob("*.key"))
    old = time.time() - 40 * 86_400
    first.rename(copies / "20260101T000000Z")
    os.utime(copies / "20260101T000000Z", (old, old))
    run(unit, moved, {})
    assert [path.name for path in copies.iterdir()] != ["20260101T000000Z"]
    assert len(list(copies.iterdir())) == 1


def test_the_backup_of_an_auditor_by_its_unit(tmp_path: Path) -> None:
    """A copy that was restored, with its keys as they are: encrypted."""
    homes, copies = lab(tmp_path).paths.out / "homes", tmp_path / "copies"
    home = next(homes.glob("kz-*/keys/log.key")).parent.parent
    AuditorHome.open(home, PASSPHRASE).close()
    copies.mkdir()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE, encoding="utf-8")
    passphrase.chmod(0o600)
    named = {"REFBUS_AUDITOR_HOME": str(home), "REFBUS_AUDITOR_PASSPHRASE_FILE": str(passphrase)}
    moved = {INSTALLED: Path(sys.executable).parent, "/var/backups/refbus/auditor": copies}
    run(SYSTEMD / "refbus-auditor-backup.service", moved, environment("auditor") | named)
    (copy,) = copies.iterdir()
    assert {"store/auditor.db", "keys/log.key"} <= {str(path.relative_to(copy)) for path in copy.rglob("*")}
