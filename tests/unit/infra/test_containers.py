"""The image and the compose file of infra/deploy: every name in them leads to something, and a broker is as safe."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from kafka import properties
from kafka.artifacts import locked_jars
from refbus.settings import AuditorSettings, GateSettings, from_environment
from refbus.telemetry.alerts import RULES
from refbus.telemetry.rules import Gone, job_of
from support.tree import ROOT

CONTAINER = ROOT / "infra" / "deploy" / "container"
COMPOSE: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KEYS = {
    *("image", "build", "restart", "read_only", "cap_drop", "security_opt", "tmpfs", "stop_grace_period"),
    *("depends_on", "ports", "volumes", "command", "env_file", "environment", "healthcheck", "secrets"),
}
"""Keys of a service in the Compose Specification that are used here; a misspelt one is none of them."""
OURS = {"gate": GateSettings, "auditor": AuditorSettings}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def mounts(service: dict[str, Any]) -> list[str]:
    """Return what a service mounts, the source of each."""
    return [each.split(":")[0] for each in service.get("volumes", [])]


def configured() -> dict[str, str]:
    """Return the settings of the broker in the container."""
    lines = (CONTAINER / "kafka.properties").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_key_is_one_of_the_specification() -> None:
    """A key that Compose does not know would stop it, or be passed over."""
    assert {key for service in SERVICES.values() for key in service} <= KEYS
    assert set(COMPOSE) == {"name", "services", "secrets", "volumes", "x-service"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_a_service_mounts_is_there(name: str) -> None:
    """A file of the checkout exists, a volume is declared, the rest is what the operator puts into `node/`."""
    for source in mounts(SERVICES[name]):
        known = source in COMPOSE["volumes"] or source.startswith("./node/")
        assert known or (CONTAINER / source).resolve().exists(), source


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_has_no_right_to_spare(name: str) -> None:
    """None has a capability or gets a new one, each is started again, and the newest of anything is never taken."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "always"
    assert re.search(r":v?\d+\.\d+", service["image"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_sees_the_keys_of_no_other(name: str) -> None:
    """Of what the operator puts into `node/` each has its own, and what everybody trusts."""
    own = {"kafka": {"./node/tls/broker", "./node/tls/ca.pem"}}
    for who in OURS:
        own[who] = {f"./node/{who}", f"./node/{who}.passphrase", f"./node/tls/{who}"}
    assert {each for each in mounts(SERVICES[name]) if each.startswith("./node")} == own.get(name, set())


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_settings_of_a_container_are_those_of_its_service(name: str) -> None:
    """They are accepted whole, with what the operator adds; each folder that they name is mounted."""
    service = SERVICES[name]
    tls = "/etc/refbus/tls"
    added = {"REFBUS_COUNTRY": "kz", "REFBUS_BOOTSTRAP_KZ": "kafka:9093", "REFBUS_TLS_KZ": tls}
    from_environment(OURS[name], service["environment"] | added)
    targets = {each.split(":")[1] for each in service["volumes"]}
    named = {value for value in service["environment"].values() if value.startswith("/")}
    assert named | {tls} == targets


def test_the_image_is_made_of_the_released_files() -> None:
    """What is copied is what a release publishes, and the commands in it are those of this version."""
    text = (CONTAINER / "Containerfile").read_text(encoding="utf-8")
    assert re.findall(r"^COPY ([^-].*) /tmp/.*$", text, re.M) == [
        "requirements/postgresql.txt",
        f"dist/refbus-{VERSION}-py3-none-any.whl",
    ]
    assert "--require-hashes" in text
    assert re.search(r"^USER (?!0|root)", text, re.M)
    assert {SERVICES[name]["image"] for name in OURS} == {f"refbus:{VERSION}"}


def test_the_broker_is_as_safe_as_the_one_of_the_tests() -> None:
    """Whatever the broker of the tests has for TLS, access rules and the safety of the log, this one has too."""
    paths = {"keystore": Path("k"), "truststore": Path("t")}
    tried = properties.tls(Path("d"), 1, 2, **paths, supers="")
    safety = ("ssl.", "auto.create", "unclean", "authorizer", "allow.everyone", "transaction.max", "super.users")
    own = configured()
    wanted = {key: value for key, value in tried.items() if key.startswith(safety)}
    elsewhere = {key for key in wanted if key.endswith(".location")} | {"super.users"}
    assert set(wanted) <= set(own)
    assert {key: own[key] for key in set(wanted) - elsewhere} == {
        key: value for key, value in wanted.items() if key not in elsewhere
    }


def test_the_broker_is_the_version_that_is_tested() -> None:
    """The image has the version of the jars that every test runs."""
    (broker,) = [jar for jar in locked_jars() if jar.artifact == "kafka_2.13"]
    assert SERVICES["kafka"]["image"].rpartition(":")[2] == broker.version


def test_prometheus_asks_what_the_rules_look_for(tmp_path: Path) -> None:
    """Its own tool accepts the configuration, and each job that a rule misses when it is gone is there."""
    text = (CONTAINER / "prometheus.yml").read_text(encoding="utf-8")
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in yaml.safe_load(text)["scrape_configs"]}
    assert set(jobs) == {job_of(rule.service) for rule in RULES if isinstance(rule, Gone)}
    ports = {f"{name}:{SERVICES[name]['environment']['REFBUS_METRICS_PORT']}" for name in OURS}
    assert {target for targets in jobs.values() for target in targets} == ports
    (tmp_path / "p.yml").write_text(
        text.replace("/etc/prometheus/refbus-alerts.yml", str(ROOT / "infra" / "prometheus" / "alerts.yml"))
    )
    accepted("promtool", "check", "config", tmp_path / "p.yml")
    accepted("amtool", "check-config", CONTAINER / "alertmanager.yml")


def accepted(*words: str | Path) -> None:
    """Let a tool of Prometheus check a file; a test without the tool says so and is left out."""
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"no {words[0]} here: install prometheus and prometheus-alertmanager (Debian)")
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
