"""The settings of every service, in one place: a name that no service knows is a mistake wherever it is met."""

# ruff: noqa: RUF009 - setting() returns a dataclasses.field(), which the rule cannot see

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from refbus.core.ids import CountryCode
from refbus.core.units import DAY_S, HOUR_S
from refbus.errors import Code, SetupError
from refbus.said import said
from refbus.settings import parsers
from refbus.settings.fields import setting, setting_per_country


class Profile(StrEnum):
    """What the service is run for; production refuses what is only good enough to try things out."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogForm(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """From which level on there is a line in the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CommonSettings:
    """What all services share."""

    profile: Profile = setting(
        "REFBUS_PROFILE",
        parsers.choice(Profile),
        default=Profile.DEVELOPMENT,
        doc="In production a topic needs three replicas of which two must have a record before it counts as written.",
    )
    bootstrap: Mapping[CountryCode, str] = setting_per_country(
        "REFBUS_BOOTSTRAP_",
        parsers.addresses(),
        doc="Brokers of the cluster of a country. A gate needs those of its own country and of each border.",
    )
    tls: Mapping[CountryCode, Path] = setting_per_country(
        "REFBUS_TLS_",
        parsers.path(),
        doc="Folder with ca.pem, certificate.pem and key.pem for the cluster of a country. "
        "Without it only brokers on this machine are used.",
    )
    clock_file: Path | None = setting(
        "REFBUS_CLOCK_FILE",
        parsers.path(),
        default=None,
        doc="For demonstrations only: a file with a number of milliseconds by which the clock is moved.",
    )
    debug_dir: Path | None = setting(
        "REFBUS_DEBUG_DIR",
        parsers.path(),
        default=None,
        doc="Folder for the places in the code where something unexpected happened: file, line, function, no values.",
    )

    def __post_init__(self) -> None:
        """Raise SetupError UNSAFE_SETTING for a moved clock in production."""
        if self.clock_file is not None and self.profile is Profile.PRODUCTION:
            raise SetupError(Code.UNSAFE_SETTING, said("REFBUS_CLOCK_FILE in production"))


@dataclass(frozen=True, slots=True)
class ServingSettings(CommonSettings):
    """What processes share that serve metrics."""

    metrics_port: int | None = setting(
        "REFBUS_METRICS_PORT",
        parsers.integer(0, 65535),
        default=None,
        doc="Port of the metrics page; 0 takes a free one; without it there is no page.",
    )
    metrics_host: str = setting(
        "REFBUS_METRICS_HOST",
        parsers.host(),
        default="127.0.0.1",
        doc="Address on which metrics are served.",
    )
    metrics_public: bool = setting(
        "REFBUS_METRICS_PUBLIC",
        parsers.boolean(),
        default=False,
        doc="Must be yes when REFBUS_METRICS_HOST is not of this machine alone.",
    )


@dataclass(frozen=True, slots=True)
class NodeSettings(ServingSettings):
    """What the services of a node share."""

    log_form: LogForm = setting(
        "REFBUS_LOG_FORM",
        parsers.choice(LogForm),
        default=LogForm.TEXT,
        doc="How lines of the log are written to standard error: for people, or one JSON object each.",
    )
    database: str | None = setting(
        "REFBUS_DATABASE",
        parsers.database(),
        default=None,
        doc="PostgreSQL server of the store, with the database; without it the store is a file of the home.",
    )
    database_password_file: Path | None = setting(
        "REFBUS_DATABASE_PASSWORD_FILE",
        parsers.path(),
        default=None,
        secret=True,
        doc="File, readable by the owner alone, whose first line is the password at that server.",
    )
    database_tls: Path | None = setting(
        "REFBUS_DATABASE_TLS",
        parsers.path(),
        default=None,
        doc="Folder with ca.pem for that server, and certificate.pem and key.pem if it asks for a certificate. "
        "Without it only a socket of this machine is used, and its loopback to try things out.",
    )
    log_level: LogLevel = setting(
        "REFBUS_LOG_LEVEL",
        parsers.choice(LogLevel),
        default=LogLevel.INFO,
        doc="From which level on there is a line in the log; alarms are errors or worse.",
    )


@dataclass(frozen=True, slots=True)
class GateSettings(NodeSettings):
    """The gate of one country."""

    country: CountryCode = setting("REFBUS_COUNTRY", parsers.country(), doc="Country of this node.")
    home: Path = setting("REFBUS_GATE_HOME", parsers.path(), doc="Folder of the gate: keys, directory, store.")
    passphrase_file: Path = setting(
        "REFBUS_GATE_PASSPHRASE_FILE",
        parsers.path(),
        secret=True,
        doc="File, readable by the owner alone, whose first line opens the key files of the gate.",
    )
    batch_records: int = setting(
        "REFBUS_GATE_BATCH_RECORDS",
        parsers.integer(1, 4096),
        default=200,
        doc="Most records in one transaction.",
    )
    threads: int = setting(
        "REFBUS_GATE_THREADS",
        parsers.integer(0, 256),
        default=0,
        doc="Threads that check envelopes; 0 means one for each processor.",
    )
    watchdog_s: float = setting(
        "REFBUS_GATE_WATCHDOG_SECONDS",
        parsers.seconds(5, HOUR_S),
        default=60.0,
        doc="The process ends when records wait, broker and store answer, and nothing has moved for this long.",
    )
    resend_s: float = setting(
        "REFBUS_GATE_RESEND_SECONDS",
        parsers.seconds(1, HOUR_S),
        default=30.0,
        doc="First wait for a hop receipt before an event is sent again; it doubles up to an hour.",
    )
    pings: Path | None = setting(
        "REFBUS_GATE_PINGS",
        parsers.path(),
        default=None,
        doc="TOML file with mail and webhook addresses of organisations that are told to look into their inbox.",
    )
    heartbeat_s: float = setting(
        "REFBUS_GATE_HEARTBEAT_SECONDS",
        parsers.seconds(1, DAY_S),
        default=float(HOUR_S),
        doc="Time between two heartbeats in each inbox.",
    )


@dataclass(frozen=True, slots=True)
class AuditorSettings(NodeSettings):
    """The auditor of one country."""

    country: CountryCode = setting("REFBUS_COUNTRY", parsers.country(), doc="Country of this node.")
    home: Path = setting("REFBUS_AUDITOR_HOME", parsers.path(), doc="Folder of the auditor: keys, directory, logs.")
    passphrase_file: Path = setting(
        "REFBUS_AUDITOR_PASSPHRASE_FILE",
        parsers.path(),
        secret=True,
        doc="File, readable by the owner alone, whose first line opens the key files of the auditor.",
    )
    batch_records: int = setting(
        "REFBUS_AUDITOR_BATCH_RECORDS",
        parsers.integer(1, 4096),
        default=1000,
        doc="Most entries in one transaction.",
    )
    port: int | None = setting(
        "REFBUS_AUDITOR_PORT",
        parsers.integer(0, 65535),
        default=None,
        doc="Port on which logs and witness are served over HTTP; 0 takes a free one; without it there is none.",
    )
    host: str = setting(
        "REFBUS_AUDITOR_HOST",
        parsers.host(),
        default="127.0.0.1",
        doc="Address on which the logs and the witness are served.",
    )
    public: bool = setting(
        "REFBUS_AUDITOR_PUBLIC",
        parsers.boolean(),
        default=False,
        doc="Must be yes when REFBUS_AUDITOR_HOST is not of this machine alone.",
    )
    watchdog_s: float = setting(
        "REFBUS_AUDITOR_WATCHDOG_SECONDS",
        parsers.seconds(5, HOUR_S),
        default=60.0,
        doc="The process ends when entries wait, broker and store answer, and nothing has moved for this long.",
    )


@dataclass(frozen=True, slots=True)
class GatewaySettings(ServingSettings):
    """The gateway of one organisation."""

    home: Path | None = setting(
        "REFBUS_HOME", parsers.path(), default=None, doc="Home folder of the organisation; --home goes before it."
    )
    passphrase_file: Path | None = setting(
        "REFBUS_PASSPHRASE_FILE",
        parsers.path(),
        default=None,
        secret=True,
        doc="File, readable by the owner alone, whose first line opens the keys; without it the command asks.",
    )
    sign_in_name: str | None = setting(
        "REFBUS_AS",
        parsers.line(64),
        default=None,
        doc="Who signs in where a home has people; --as goes before it. Without a name its service does.",
    )
    answer_wait_s: float = setting(
        "REFBUS_ANSWER_WAIT_SECONDS",
        parsers.seconds(0, 300),
        default=60.0,
        doc="Under `refbus run` an automatic answer waits a random time up to this; 0 sends it at once.",
    )
    audit_interval_s: float = setting(
        "REFBUS_AUDIT_INTERVAL_SECONDS",
        parsers.seconds(0, HOUR_S),
        default=600.0,
        doc="Under `refbus run` entries for the audit log leave together at full intervals of this; 0: at once.",
    )


@dataclass(frozen=True, slots=True)
class OpsSettings(CommonSettings):
    """The operator's command."""

    country: CountryCode | None = setting(
        "REFBUS_OPS_COUNTRY", parsers.country(), default=None, doc="Country of the node; --country goes before it."
    )
    gate_home: Path | None = setting(
        "REFBUS_OPS_GATE_HOME",
        parsers.path(),
        default=None,
        doc="Folder of the gate whose store the command reads; --gate-home goes before it.",
    )
    gate_metrics: str | None = setting(
        "REFBUS_OPS_GATE_METRICS",
        parsers.addresses(),
        default=None,
        doc="Where the metrics of the gate are, host:port; `health` reads them.",
    )
    auditor_metrics: str | None = setting(
        "REFBUS_OPS_AUDITOR_METRICS",
        parsers.addresses(),
        default=None,
        doc="Where the metrics of the auditor are, host:port; `health` reads them.",
    )
    backups: Path | None = setting(
        "REFBUS_OPS_BACKUPS",
        parsers.path(),
        default=None,
        doc="Folder with the backups of the node; `health` looks at how old the newest file is.",
    )


ALL_SETTINGS: tuple[type[CommonSettings], ...] = (AuditorSettings, GateSettings, GatewaySettings, OpsSettings)
"""Every settings class. The reference page is made from them."""
