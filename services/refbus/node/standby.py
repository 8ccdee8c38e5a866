"""Waiting for the lead of a service whose stores are on a database server: the process stands by, and shows it.

A service with its store in a file leads at once: the lock of the file lets one process in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from refbus.clock import machine_ms
from refbus.database.address import Server
from refbus.errors import Code, SetupError, StoreError
from refbus.said import said
from refbus.settings import NodeSettings, Profile, read_secret_file
from refbus.telemetry import Metrics, Service, Signs, serve

if TYPE_CHECKING:
    from refbus.database.lead import Lead

_log = logging.getLogger("refbus.node.standby")
LOOK_S: Final = 0.5
"""How often a standby tries to take the lead."""
AGAIN_S: Final = 2.0
"""How long it waits for a server that does not answer."""


def server_of(settings: NodeSettings) -> Server | None:
    """Return the database server of a service, None for a store in its home. Raises SetupError as `Server.check`."""
    if settings.database is None:
        return None
    secret = settings.database_password_file
    password = "" if secret is None else read_secret_file(secret).decode()
    server = Server.at(settings.database, password, settings.database_tls)
    server.check(production=settings.profile is Profile.PRODUCTION)
    return server


def take_lead(settings: NodeSettings, service: str, end: Callable[[str], object]) -> Lead | None:
    """Return the lead of a service for an order to it, None for a store in its home.

    `end` ends the process when the lead is lost. Raises SetupError HOME_IN_USE while the service runs anywhere;
    StoreError.
    """
    server = server_of(settings)
    if server is None:
        return None
    lead = _driver().take(server, service)
    lead.on_loss = end
    return lead


@contextmanager
def leading(settings: NodeSettings, service: str, end: Callable[[str], object]) -> Iterator[Lead | None]:
    """Have the lead for the length of an order, as `take_lead`."""
    lead = take_lead(settings, service, end)
    try:
        yield lead
    finally:
        if lead is not None:
            lead.close()


def wait_for_lead(settings: NodeSettings, service: str) -> Lead | None:
    """Return the lead when it is this process' turn, None for a store in its home.

    Until then it serves `refbus_leads` 0 and is not ready. A server that does not answer is waited for; what a person
    must change is raised: SetupError.
    """
    server = server_of(settings)
    if server is None:
        return None
    page = None
    if settings.metrics_port is not None:
        metrics = Metrics(Service.STANDBY, machine_ms)
        signs = Signs(is_ready=lambda: False)
        page = serve(metrics, settings.metrics_port, settings.metrics_host, public=settings.metrics_public, signs=signs)
    try:
        return _waited(server, service)
    finally:
        if page is not None:
            page.close()


def _waited(server: Server, service: str) -> Lead:
    told: Code | None = None
    while True:
        try:
            return _taken(_driver()(server, service), service)
        except StoreError as error:
            if error.code is not told:
                _log.error("%s: %s waits for its database server", error, service)
            told = error.code
            time.sleep(AGAIN_S)


def _taken(lead: Lead, service: str) -> Lead:
    """Return a lead when it is this process' turn. Raises StoreError."""
    try:
        if not lead.try_take():
            _log.info("%s stands by: another process leads", service)
            while not lead.try_take():
                time.sleep(LOOK_S)
    except StoreError:
        lead.close()
        raise
    return lead


def _driver() -> type[Lead]:
    """Return the class that leads. Raises SetupError SETTINGS_INVALID where the driver is not installed."""
    try:
        from refbus.database.lead import Lead  # late: most services keep their store in a file
    except ImportError:
        form = said("%(name)s is missing: %(form)s", name="psycopg", form="pip install refbus[postgresql]")
        raise SetupError(Code.SETTINGS_INVALID, form) from None
    return Lead
