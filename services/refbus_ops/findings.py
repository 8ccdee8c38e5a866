"""What `refbus-ops health` looks at: each look ends in findings, green, amber or red, with what to do next.

What a service measures is read from its page of metrics and judged by the alert rules, so that one rule says the same
everywhere. What only the machine of the operator knows (certificates, disk, backups, other brokers) is looked at here.
"""

from __future__ import annotations

import http.client
import math
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from refbus.bus.certificates import end_ms, show_day
from refbus.bus.port import TopicState
from refbus.bus.topicplan import cluster_problem
from refbus.core.directory import Organisation, OrgRole
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError, SetupError, TransportError
from refbus.explain import explanation
from refbus.telemetry import catalogue as metric
from refbus.telemetry.alerts import ALERTS, GONE
from refbus.telemetry.metric import Metric, Service
from refbus.telemetry.rules import Alert, Severity
from refbus.telemetry.runbook import RUNBOOK
from refbus_ops.context import Operator

_TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 8_000_000
_KEY_ENDS_MS: Final = 14 * DAY_MS
_CERTIFICATE_MS: Final = (30 * DAY_MS, 3 * DAY_MS)
_BACKED_UP: Final = ("gate", "auditor", "federation")
"""Folders of backups, as the timers of infra/deploy fill them."""
_BACKUP_MS: Final = (26 * DAY_MS // 24, 3 * DAY_MS)
_DIRECTORY_MS: Final = (2 * DAY_MS, 7 * DAY_MS)
_DISK: Final = (0.15, 0.05)
_NODE: Final = (OrgRole.GATE, OrgRole.AUDITOR, OrgRole.INSPECTOR)
_START_BROKER: Final = (
    "Start the broker that is gone, and wait until its replicas are in step. What waits at gates and offices goes on "
    "by itself. Lower no setting for it: docs/operators/cluster.md."
)
Samples = Mapping[str, list[float]]


class Level(StrEnum):
    """How something stands: as it should be, to be looked at on the next working day, now."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing stands, and what to do next unless it is green."""

    subject: str
    level: Level
    says: str
    next_step: str = ""
    alert: str = ""

    def as_mapping(self) -> dict[str, str]:
        """Return it as in `--json`."""
        told = {"subject": self.subject, "level": str(self.level), "says": self.says}
        return told | {"next": self.next_step, "alert": self.alert}


def worst(findings: list[Finding]) -> Level:
    """Return the level of the whole."""
    levels = {each.level for each in findings}
    return Level.RED if Level.RED in levels else Level.AMBER if Level.AMBER in levels else Level.GREEN


def look(operator: Operator) -> list[Finding]:
    """Look at everything. A look that fails is red under its own name, and keeps no other from being taken."""
    found = list[Finding]()
    for subject, one in _LOOKS.items():
        try:
            found += one(operator)
        except RefbusError as error:
            found.append(_failed(subject, error))
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one look, and what others answered to it
            found.append(_failed(subject, RefbusError(Code.INTERNAL_ERROR, type(error).__name__)))
    return found


def _gate(operator: Operator) -> Iterator[Finding]:
    return _service(Service.GATE, operator.settings.gate_metrics, "REFBUS_OPS_GATE_METRICS")


def _auditor(operator: Operator) -> Iterator[Finding]:
    return _service(Service.AUDITOR, operator.settings.auditor_metrics, "REFBUS_OPS_AUDITOR_METRICS")


def _service(service: Service, address: str | None, setting: str) -> Iterator[Finding]:
    if address is None:
        yield Finding(service, Level.AMBER, "not looked at", f"Say where its metrics are: {setting}=127.0.0.1:PORT.")
        return
    try:
        samples = read_samples(service, address)
    except TransportError:
        (gone,) = (rule for rule in GONE if rule.service is service)
        yield Finding(service, Level.RED, "it does not answer", RUNBOOK[gone.name].do, gone.name)
        return
    if _stands_by(samples):
        yield Finding(service, Level.GREEN, "it stands by: another process leads, look there too")
        return
    broken = [rule for rule in ALERTS if service in rule.metric.services and is_broken(rule, samples)]
    for rule in broken:
        level = Level.RED if rule.severity is Severity.PAGE else Level.AMBER
        yield Finding(service, level, rule.summary, RUNBOOK[rule.name].do, rule.name)
    if not broken:
        yield Finding(service, Level.GREEN, _figures(service, samples))


def is_broken(rule: Alert, samples: Samples) -> bool:
    """Whether a value is beyond what a rule allows now, however long. Of a counter only Prometheus can say."""
    return not rule.increase and any(rule.breaks(value) for value in samples.get(rule.metric.name, []))


def read_samples(service: Service, address: str) -> Samples:
    """Return the values on a service's page of metrics, by name.

    Raises TransportError BROKER_UNREACHABLE when there is none, or it is that of another program: what is not on a page
    breaks no rule, and would be green.
    """
    found, text = dict[str, list[float]](), read_page(address)
    try:
        for family in text_string_to_metric_families(text):
            found.setdefault(family.name, [])
            for sample in family.samples:
                found.setdefault(sample.name, []).append(float(sample.value))
    except ValueError:
        raise TransportError(Code.BROKER_UNREACHABLE, "what answers there is no page of metrics") from None
    if not _stands_by(found) and not any(
        each.name in found for each in metric.CATALOGUE if each.services == (service,)
    ):
        raise TransportError(Code.BROKER_UNREACHABLE, "what answers there is the page of another program")
    return found


def _stands_by(samples: Samples) -> bool:
    """Whether it is the page of a process that waits for its turn: nothing but that is on it."""
    return {each.name for each in metric.CATALOGUE} & samples.keys() == {metric.LEADS.name}


def read_page(address: str) -> str:
    """Return a page of metrics as it is. Raises TransportError BROKER_UNREACHABLE."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=_TIMEOUT_S) as answer:
            return str(answer.read(_MOST_BYTES).decode())
    except (OSError, ValueError, http.client.HTTPException):
        raise TransportError(Code.BROKER_UNREACHABLE, "the page of metrics does not answer") from None


def _figures(service: Service, samples: Samples) -> str:
    """Return in one line what waits."""

    def total(of: Metric) -> int:
        return int(sum(value for value in samples.get(of.name, []) if math.isfinite(value)))

    if service is Service.AUDITOR:
        return f"{total(metric.AUDITOR_LAG)} records to log, {total(metric.AUDITOR_WAITING)} entries wait"
    parts = (
        f"{total(metric.GATE_LAG)} records to decide",
        f"{total(metric.GATE_HELD)} held",
        f"{total(metric.GATE_QUARANTINED)} in quarantine",
        f"{total(metric.GATE_AWAITING_RECEIPT)} wait for another gate",
    )
    return ", ".join(parts)


def _broker(operator: Operator) -> Iterator[Finding]:
    cluster = operator.cluster(operator.one_country())
    admin = cluster.admin()
    state = admin.cluster()
    problem = cluster_problem(state, plaintext=cluster.is_plaintext(), production=operator.production)
    if problem:
        yield Finding("broker", Level.RED, problem, "Set it as the operators' guide says, under The cluster.")
    else:
        yield Finding("broker", Level.GREEN, "it answers and is safe to use")
    known = cluster.listening(state.brokers)
    if len(known) > 1:
        yield _brokers(known)
    yield _replicas(operator.one_country(), admin.topics())


def _brokers(known: Mapping[str, bool]) -> Finding:
    """Judge a cluster: a majority of its brokers must be there, or nothing is written."""
    silent = [each for each, listens in known.items() if not listens]
    if not silent:
        return Finding("brokers", Level.GREEN, f"all {len(known)} answer")
    level = Level.AMBER if 2 * len(silent) < len(known) else Level.RED
    return Finding("brokers", level, f"no answer from {', '.join(silent)}", _START_BROKER)


def _replicas(country: CountryCode, topics: Mapping[str, TopicState]) -> Finding:
    """Judge what each topic has: fewer replicas in step than must have a record, and nothing more is taken."""
    asked = [each for name, each in sorted(topics.items()) if name.startswith(f"{country}.")]
    behind = [(each, each.in_sync) for each in asked if each.in_sync is not None and each.in_sync < each.replication]
    stopped = [each.name for each, in_sync in behind if in_sync < int(each.config.get("min.insync.replicas", "1"))]
    if stopped:
        says = f"{len(stopped)} topics take nothing, the first is {stopped[0]}: too few replicas are in step"
        return Finding("replicas", Level.RED, says, _START_BROKER)
    if behind:
        says = f"{len(behind)} topics lack a replica in step, the first is {behind[0][0].name}"
        return Finding("replicas", Level.AMBER, says, _START_BROKER)
    return Finding("replicas", Level.GREEN, f"all are in step in {len(asked)} topics")


def _borders(operator: Operator) -> Iterator[Finding]:
    for country in sorted(set(operator.settings.bootstrap) - {operator.one_country()}):
        try:
            operator.cluster(country).admin().cluster()
        except RefbusError as error:
            yield Finding(f"border {country}", Level.AMBER, _said(error), RUNBOOK["RefbusBorderWaits"].do)
        else:
            yield Finding(f"border {country}", Level.GREEN, "its broker answers")


def _directory(operator: Operator) -> Iterator[Finding]:
    newest = operator.directory()
    age_ms = operator.clock() - newest.published_at_ms
    says = f"version {newest.version}, {age_ms // DAY_MS} days old"
    yield _by_age("directory", says, age_ms, _DIRECTORY_MS, RUNBOOK["RefbusDirectoryOld"].do)


def _keys(operator: Operator) -> Iterator[Finding]:
    country, now_ms = operator.one_country(), operator.clock()
    for member in operator.directory().members_of(country, *_NODE):
        yield _key(member, now_ms)


def _key(member: Organisation, now_ms: int) -> Finding:
    subject = f"keys of {member.role.lower()}"
    keys = (member.current_signing_key(now_ms), member.current_kem_key(now_ms))
    ends = [key.not_after_ms for key in keys if key is not None]
    step = "Make the next one (`refbus keys rotate` in its home), and hand the update to the ceremony."
    if not ends:
        return Finding(subject, Level.RED, "none that is in force", step)
    level = Level.AMBER if min(ends) - now_ms < _KEY_ENDS_MS else Level.GREEN
    says = f"the first ends on {show_day(min(ends))}"
    return Finding(subject, level, says, "" if level is Level.GREEN else step)


def _certificates(operator: Operator) -> Iterator[Finding]:
    for country in sorted(operator.settings.tls):
        yield _certificate(operator, country)


def _certificate(operator: Operator, country: CountryCode) -> Finding:
    address, subject = operator.address(country), f"certificate for {country}"
    try:
        ends_ms = end_ms(address.tls) if address.tls is not None else 0
    except SetupError as error:
        return _failed(subject, error)
    left_ms, says = ends_ms - operator.clock(), f"it ends on {show_day(ends_ms)}"
    return _by_rest(subject, says, left_ms, _CERTIFICATE_MS, RUNBOOK["RefbusNodeCertificateEnds"].do)


def _disk(operator: Operator) -> Iterator[Finding]:
    try:
        usage = shutil.disk_usage(operator.gate_home())
    except OSError:
        raise SetupError(Code.HOME_NOT_FOUND, "the disk of the gate's folder does not answer") from None
    free = usage.free / usage.total if usage.total else 0
    yield _by_rest("disk", f"{free:.0%} free", free, _DISK, RUNBOOK["RefbusDiskFull"].do)


def _backups(operator: Operator) -> Iterator[Finding]:
    folder = operator.settings.backups
    if folder is None:
        yield Finding("backups", Level.AMBER, "not looked at", "Say where they are: REFBUS_OPS_BACKUPS=FOLDER.")
        return
    parts = [folder / name for name in _BACKED_UP if (folder / name).is_dir()]
    for each in parts or [folder]:  # one that is made every hour must not hide another that is made no more
        yield _backup_in(each, "backups" if each is folder else f"backups of {each.name}", operator.clock())


def _backup_in(folder: Path, subject: str, now_ms: int) -> Finding:
    """Return how old the newest backup in a folder is."""
    try:
        newest = max((each.stat().st_mtime for each in _kept(folder)), default=None)
    except OSError:
        raise SetupError(Code.FILE_UNREADABLE, folder.name) from None
    step = "Look at the timer that makes them, and make one now; then try to restore it elsewhere."
    if newest is None:
        return Finding(subject, Level.RED, "there is none", step)
    age_ms = now_ms - int(newest * 1000)
    return _by_age(subject, f"the newest is {age_ms * 24 // DAY_MS} hours old", age_ms, _BACKUP_MS, step)


def _kept(folder: Path) -> Iterator[Path]:
    """Yield the files of backups. One that is being written or tried has a hidden name until a restore succeeded."""
    for each in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in each.relative_to(folder).parts)
        if each.is_file() and not hidden:
            yield each


def _by_age(subject: str, says: str, age_ms: int, bounds: tuple[int, int], step: str) -> Finding:
    return _by_rest(subject, says, -age_ms, (-bounds[0], -bounds[1]), step)


def _by_rest(subject: str, says: str, rest: float, bounds: tuple[float, float], step: str) -> Finding:
    """Judge what is left: below the first bound amber, below the second red."""
    level = Level.RED if rest < bounds[1] else Level.AMBER if rest < bounds[0] else Level.GREEN
    return Finding(subject, level, says, "" if level is Level.GREEN else step)


def _failed(subject: str, error: RefbusError) -> Finding:
    return Finding(subject, Level.RED, _said(error), explanation(error.code).next_step)


def _said(error: RefbusError) -> str:
    return f"{error.code}: {error.detail or explanation(error.code).meaning}"


_LOOKS: Final[Mapping[str, Callable[[Operator], Iterator[Finding]]]] = {
    "gate": _gate,
    "auditor": _auditor,
    "broker": _broker,
    "borders": _borders,
    "directory": _directory,
    "keys": _keys,
    "certificates": _certificates,
    "disk": _disk,
    "backups": _backups,
}
