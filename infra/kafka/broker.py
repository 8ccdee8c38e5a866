"""One development broker in one folder: format, start, wait until ready, stop, kill, start again on the same address.

With a seat it is one of the brokers of a cluster (`brokers`): ports, cluster and the others are known before it starts.
The folder holds `server.properties`, `data/`, `broker.log` and `broker.json` (process id and ports), so that another
process can stop what this one started. A process id that meanwhile belongs to somebody else is never touched.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from kafka import java, ports, processes, properties
from kafka.artifacts import Progress, fetch
from kafka.certificates import Certificates
from kafka.patience import Patience
from kafka.properties import Seat
from refbus.bus.address import BrokerAddress

START_SECONDS = 120.0  # so long may its log stand still; one second is enough on an idle machine
STOP_SECONDS = 20.0
TRIES = 6
READY = "Kafka Server started"
TAKEN = "Address already in use"


class BrokerFailedError(Exception):
    """The broker did not start; the message ends with what its log said last."""


@dataclass(frozen=True, slots=True)
class _State:
    """What `broker.json` remembers; a `pid` of 0 is a broker that was ended, `cut` when not in good order."""

    pid: int
    port: int
    controller_port: int
    cut: bool = False


def new_cluster_id() -> str:
    """Return an id for a new cluster, as Kafka writes it."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _fresh() -> _State:
    port, controller_port = ports.free_ports(2)
    return _State(0, port, controller_port)


class Broker:
    """A broker in `directory`. With `certificates` it speaks TLS only and enforces access rules.

    Then its operator ("<name>-operator") and the broker itself ("<name>-broker", with its number in a cluster) are past
    those rules, nobody else.
    """

    def __init__(
        self,
        directory: Path,
        name: str = "node",
        certificates: Certificates | None = None,
        progress: Progress = print,
        seat: Seat | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.name = name
        self.seat = seat
        self._certificates = certificates
        self._progress = progress
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def operator(self) -> str:
        """The principal that may do everything on this broker."""
        return f"{self.name}-operator"

    @property
    def principal(self) -> str:
        """The principal of the broker itself."""
        return f"{self.name}-broker" if self.seat is None else f"{self.name}-broker-{self.seat.number}"

    @property
    def bootstrap(self) -> str:
        """Its address, "127.0.0.1:port"; it stays the same over restarts. "" before the first start."""
        if self.seat is not None:
            return f"127.0.0.1:{self.seat.port}"
        state = self._state()
        return f"127.0.0.1:{state.port}" if state else ""

    @property
    def log(self) -> Path:
        """What the broker prints."""
        return self.directory / "broker.log"

    @property
    def pid(self) -> int:
        """The process id, 0 when it is not running."""
        state = self._state()
        return state.pid if state and processes.is_running(state.pid, str(self._properties)) else 0

    def address(self, principal: str | None = None) -> BrokerAddress:
        """Return how `principal` (the operator when None) reaches this broker."""
        if self._certificates is None:
            return BrokerAddress(self.bootstrap)
        return BrokerAddress(self.bootstrap, self._certificates.issue(principal or self.operator))

    def start(self, *, train: bool = False) -> BrokerAddress:
        """Start it if it is not running, wait until it answers, and return the operator's address.

        A first start takes free ports; later ones try to keep them, as clients know them. Raises BrokerFailedError.
        """
        if self.pid:
            return self.address()
        folder = fetch(self._progress)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = self._state()
        for attempt in range(TRIES):
            keep = known is not None and attempt < TRIES - 1
            state = self._seated() or (known if known and keep else _fresh())
            self._write_properties(state, cut=known is not None and (known.cut or known.pid != 0))
            self._format(folder)
            if self._launch(folder, state, train=train):
                return self.address()
            time.sleep(0.3 * attempt)
        raise BrokerFailedError(f"broker {self.name}: no port\n{self._tail()}")

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop it: SIGTERM, and SIGKILL after `seconds`. Nothing happens when it is not running."""
        self._end(processes.end, seconds)

    def kill(self) -> None:
        """Stop it at once, as a power cut does (the page cache stays)."""
        self._end(processes.kill, STOP_SECONDS)

    def lose_disk(self) -> None:
        """Take away everything that the broker has stored, as of a disk that broke. It must not be running."""
        shutil.rmtree(self.directory / "data")

    def restart(self) -> BrokerAddress:
        """Stop and start it on the same address."""
        self.stop()
        return self.start()

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    def _seated(self) -> _State | None:
        """Return the ports of a broker that has a seat: the others know them, so that it has no choice."""
        return None if self.seat is None else _State(0, self.seat.port, self.seat.controllers[self.seat.number])

    def _state(self) -> _State | None:
        try:
            return _State(**json.loads((self.directory / "broker.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _remember(self, state: _State) -> None:
        path = self.directory / "broker.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(state)), encoding="utf-8")
        fresh.replace(path)

    def _write_properties(self, state: _State, *, cut: bool) -> None:
        data = self.directory / "data"
        if self._certificates is None:
            settings = properties.plain(data, state.port, state.controller_port)
        else:
            settings = properties.tls(
                data,
                state.port,
                state.controller_port,
                keystore=self._certificates.keystore(self.principal),
                truststore=self._certificates.authority,
                supers=";".join(f"User:{each}" for each in (self.operator, *self._brokers())),
            )
        settings |= properties.session(short=cut) if self.seat is None else properties.seated(self.seat)
        self._properties.write_text(properties.render(settings), encoding="utf-8")

    def _brokers(self) -> list[str]:
        """Return the principals of all brokers of the cluster."""
        return (
            [self.principal] if self.seat is None else [f"{self.name}-broker-{each}" for each in self.seat.controllers]
        )

    def _format(self, folder: Path) -> None:
        """Give an empty data folder its cluster id; a format that was cut off left no meta.properties and is redone."""
        if (self.directory / "data" / "meta.properties").is_file():
            return
        cluster_id = new_cluster_id() if self.seat is None else self.seat.cluster_id
        arguments = ["format", f"--cluster-id={cluster_id}", "--config", str(self._properties), "--ignore-formatted"]
        command = java.command(folder, "kafka.tools.StorageTool", arguments)
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise BrokerFailedError(f"broker {self.name}: format failed\n{self._tail()}")

    def _launch(self, folder: Path, state: _State, *, train: bool) -> bool:
        """Start the process; True when it is ready, False when a port was taken. Raises BrokerFailedError."""
        seen = self.log.stat().st_size if self.log.is_file() else 0
        looks = self._certificates is not None and self._certificates.withdrawable
        flags = java.REVOCATION if looks else ()
        command = java.command(folder, "kafka.Kafka", [str(self._properties)], train=train, flags=flags)
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C in the terminal is for the caller, who stops the broker in good order.
            self._child = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._remember(_State(self._child.pid, state.port, state.controller_port))
        patience = Patience(START_SECONDS)
        while patience.holds(self.log.stat().st_size):
            said = self.log.read_bytes()[seen:].decode(errors="replace")
            if READY in said:
                return True
            if self._child.poll() is not None:
                if TAKEN in said:
                    return False
                break
            time.sleep(0.05)
        processes.kill(self._child.pid, str(self._properties), STOP_SECONDS, self._child)
        raise BrokerFailedError(f"broker {self.name} did not start\n{self._tail()}")

    def _end(self, how: processes.Ending, seconds: float) -> None:
        state = self._state()
        if state is not None and state.pid:
            how(state.pid, str(self._properties), seconds, self._child)
            self._remember(_State(0, state.port, state.controller_port, cut=how is processes.kill))
        if self._child is not None:
            self._child.wait()  # somebody else may have ended it
            self._child = None

    def _tail(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.is_file() else ""
        return "\n".join(text.splitlines()[-15:])
