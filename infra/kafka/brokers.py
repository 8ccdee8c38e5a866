"""The brokers of one cluster: one, or several that keep everything together. How many is data; nobody else asks.

With several the folder holds `cluster.json` (the cluster's id and all ports, chosen once) and a folder for each broker.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from kafka import ports
from kafka.artifacts import Progress
from kafka.broker import Broker, new_cluster_id
from kafka.certificates import Certificates
from kafka.properties import Seat
from refbus.bus.address import BrokerAddress
from refbus.files import make_folder, write_whole


class Brokers:
    """A cluster of `count` brokers in `directory`. With `certificates` it speaks TLS only and enforces access rules."""

    def __init__(
        self,
        directory: Path,
        name: str = "node",
        certificates: Certificates | None = None,
        *,
        count: int = 1,
        progress: Progress = print,
    ) -> None:
        self.each: tuple[Broker, ...] = (Broker(directory, name, certificates, progress),)
        if count > 1:
            self.each = tuple(
                Broker(directory / str(seat.number), name, certificates, progress, seat)
                for seat in _seats(directory.resolve(), count)
            )

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, with commas between them."""
        return ",".join(each.bootstrap for each in self.each)

    def address(self, principal: str | None = None) -> BrokerAddress:
        """Return how `principal` (the operator when None) reaches this cluster."""
        return BrokerAddress(self.bootstrap, self.each[0].address(principal).tls)

    def start(self) -> BrokerAddress:
        """Start those that do not run, all at once: none is ready alone. Raises BrokerFailedError."""
        with ThreadPoolExecutor(len(self.each)) as pool:
            list(pool.map(Broker.start, self.each))
        return self.address()

    def stop(self) -> None:
        """Stop all that run, all at once: the last of a cluster has nobody to hand over to."""
        with ThreadPoolExecutor(len(self.each)) as pool:
            list(pool.map(Broker.stop, self.each))

    def __enter__(self) -> Brokers:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _seats(directory: Path, count: int) -> list[Seat]:
    """Return the seats of a cluster; its id and ports are chosen once, since every broker is told all of them."""
    path = directory / "cluster.json"
    if not path.is_file():
        make_folder(directory)
        chosen = ports.free_ports(2 * count)
        content = {"cluster_id": new_cluster_id(), "ports": chosen[:count], "controllers": chosen[count:]}
        write_whole(path, json.dumps(content).encode())
    known = json.loads(path.read_text(encoding="utf-8"))
    controllers = dict(enumerate(known["controllers"], start=1))
    return [Seat(number, known["ports"][number - 1], controllers, known["cluster_id"]) for number in controllers]
