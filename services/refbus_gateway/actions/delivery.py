"""Asking for delivery: read and send once, go on by itself, and what the topics of the country must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from refbus.bus.topicjobs import Job
from refbus.bus.topicset import wanted
from refbus.errors import Code, SetupError
from refbus.said import said
from refbus.telemetry import PageServer, serve
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.home import founding
from refbus_gateway.sync.daemon import Daemon
from refbus_gateway.sync.synchroniser import Synchroniser


@dataclass(frozen=True, slots=True)
class Synchronised:
    """What one round did: things new for a person, rows that the broker has not taken."""

    news: int
    waiting: int


@dataclass(frozen=True, slots=True)
class MetricsPlace:
    """Where metrics are served. `public`: on an address that other computers reach."""

    port: int
    host: str
    public: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """The daemon is at work; `metrics_port`: where its metrics are, None when they are served nowhere."""

    running: bool
    metrics_port: int | None


@dataclass(frozen=True, slots=True)
class Served:
    """The pages are shown at this address."""

    address: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The daemon was stopped."""

    running: bool


def sync(desk: Desk, actor: Actor, timeout_s: float) -> Synchronised:
    """Read everything that waits, then send for at most `timeout_s` what waits.

    Raises SetupError HOME_IN_USE when another process of this home does it already, TransportError.
    """
    actor.require(Permission.READ_STATUS)
    with desk.home.exclusive():
        synchroniser = Synchroniser(desk.gateway, desk.bus())
        try:
            done = synchroniser.once(timeout_s)
        finally:
            synchroniser.close()
    return Synchronised(done.news, done.waiting)


def run(
    desk: Desk,
    actor: Actor,
    begun: Callable[[Begun], None],
    stop: Callable[[], bool],
    metrics: MetricsPlace | None,
    *,
    after: Callable[[], None] | None = None,
) -> Ended:
    """Read and send until `stop()`; `begun` is called when the work begins, `after` when a turn brought something.

    Raises SetupError HOME_IN_USE, and what `after` raises.
    """
    actor.require(Permission.DELIVER)
    with desk.home.exclusive():
        daemon = Daemon(desk.gateway, desk.bus(), desk.home.config(), after)
        server = _serve(daemon, metrics)
        begun(Begun(running=True, metrics_port=server.port if server else None))
        try:
            daemon.run(stop)
        finally:
            daemon.close()
        if server is not None:
            server.close()
    return Ended(running=False)


def hold_pages(desk: Desk, actor: Actor, work: Callable[[], None]) -> Ended:
    """Hold the pages of this home while `work` shows them. The gateway may stay closed meanwhile.

    In an empty or missing folder they are those of the set-up. Raises SetupError HOME_NOT_FOUND for another folder
    that is no home, HOME_IN_USE when another process shows them.
    """
    actor.require(Permission.READ_STATUS)
    if founding.is_new(desk.home):
        founding.make_place(desk.home)
    else:
        desk.home.require()
    with desk.home.serving():
        work()
    return Ended(running=False)


def topics(desk: Desk, actor: Actor, now_ms: int, *, production: bool) -> Job:
    """Return the cluster of this home's country and what it must have by the directory verified here.

    The gateway stays closed. Raises SetupError DIRECTORY_INVALID before the first directory.
    """
    actor.require(Permission.MANAGE_HOME)
    history = desk.home.member.trust_store().load(now_ms)
    if history is None:
        raise SetupError(Code.DIRECTORY_INVALID, said("no directory has been verified here yet"))
    country = desk.home.member.identity().country
    return Job(wanted(history.latest, country, production=production), desk.bus().admin())


def _serve(daemon: Daemon, place: MetricsPlace | None) -> PageServer | None:
    if place is None:
        return None
    return serve(daemon.metrics, place.port, place.host, public=place.public, measure=daemon.measurement.lately)
